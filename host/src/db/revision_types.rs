//! The vocabulary of plugins' revisions.

use bytes::Bytes;

use crate::event::{Digest, PluginName};
use crate::revision::{KnownHandlers, RevisionFacts};

/// A revision's handlers, to be recorded.
#[derive(Debug, Clone)]
pub(super) struct RevisionRecord {
    pub(super) digest: Digest,
    pub(super) handlers: KnownHandlers,
}

/// A part of a revision's file, to be stored.
#[derive(Debug)]
pub(super) struct RevisionPart {
    pub(super) digest: Digest,
    /// From 0.
    pub(super) number: u32,
    pub(super) bytes: Bytes,
    /// The size of the whole file.
    pub(super) size_bytes: u64,
    /// The facts of the revision, with the last part.
    pub(super) complete: Option<RevisionFacts>,
}

/// A stored file of a revision, for each plugin whose instructions name it.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) digest: Digest,
    pub(super) size_bytes: u64,
    /// `None` if no instruction names it.
    pub(super) plugin: Option<PluginName>,
    /// The plugin's newest instruction that names it, and when that was.
    pub(super) number: u64,
    pub(super) at: u64,
}
