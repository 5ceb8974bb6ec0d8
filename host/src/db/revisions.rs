//! Records of plugins' revisions.

use super::handle::Db;
use super::revision_types::RevisionRecord;
use super::types::DbError;
use super::writer::inbox::Request;
use crate::event::Digest;
use crate::revision::KnownHandlers;

impl Db {
    /// Returns the handlers of the revision with this digest, if they were recorded and this host
    /// can read the record.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn known_handlers(&self, digest: &Digest) -> Result<Option<KnownHandlers>, DbError> {
        self.inner.reads.known_handlers(digest).await
    }

    /// Records a revision's handlers, and waits for the commit. Before [`Db::start`] it does not wait: the record
    /// is committed with the first batch. Beyond 10,000 revisions the oldest records are removed.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn record_handlers(&self, digest: Digest, handlers: KnownHandlers) -> Result<(), DbError> {
        let record = RevisionRecord { digest, handlers };
        if self.is_idle() {
            self.request(Request::RecordRevision(record, None));
            return Ok(());
        }
        self.ask(|reply| Request::RecordRevision(record, Some(reply))).await
    }
}
