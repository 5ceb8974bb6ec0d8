//! What the plugins room stores of revisions. The database is behind it.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;

use crate::event::{Digest, PluginName};
use crate::revision::{HistoryPage, InstructionRecord, KnownHandlers, RevisionFacts};

/// The future result of a record.
pub type RecordFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A change of a plugin's file, with its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// It was loaded, and is in force.
    Loaded(Digest),
    /// It was loaded, and waits.
    Waits(Digest),
    /// It was refused; the digest is not known if it could not be read.
    Refused(Option<Digest>),
    /// It is gone.
    Removed,
}

/// The reason why an instruction is not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The token that gives it was revoked.
    #[error("{0}")]
    Revoked(String),
    /// The database does not store it.
    #[error("{0}")]
    Unavailable(String),
}

/// A revision's file, to be stored with an instruction that names it.
#[derive(Debug, Clone)]
pub struct RevisionFile {
    /// Its digest.
    pub digest: Digest,
    /// Its content.
    pub bytes: Bytes,
    /// What is known of it.
    pub facts: RevisionFacts,
}

/// The stored records of revisions, which outlive the host's process. Errors are the reasons, for people.
pub trait RevisionRecords: Send + Sync {
    /// The handlers of a revision that was loaded before, if they are known.
    fn handlers<'a>(&'a self, revision: &'a Digest) -> RecordFuture<'a, Option<KnownHandlers>>;

    /// Records the handlers of a revision. Does not wait: without the record, the next start reads the file.
    fn record(&self, revision: Digest, handlers: KnownHandlers);

    /// Notes a change of a plugin's file. Does not wait.
    fn note_file(&self, plugin: &PluginName, change: FileChange);

    /// The facts of a revision whose file is stored.
    fn facts<'a>(&'a self, revision: &'a Digest) -> RecordFuture<'a, Result<Option<RevisionFacts>, String>>;

    /// The file of a revision, if it is stored.
    fn file<'a>(&'a self, revision: &'a Digest) -> RecordFuture<'a, Result<Option<Vec<u8>>, String>>;

    /// A plugin's history; `None` if there was no instruction.
    fn history<'a>(&'a self, plugin: &'a PluginName)
    -> RecordFuture<'a, Result<Option<HistoryPage>, String>>;

    /// Stores a file, and then an instruction in one transaction. Both are durable when it returns.
    fn instruct(
        &self,
        file: Option<RevisionFile>,
        record: InstructionRecord,
    ) -> RecordFuture<'_, Result<(), RecordError>>;
}
