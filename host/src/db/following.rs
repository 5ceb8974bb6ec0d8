//! What those need who follow the changes: new events, and outcomes of attempts.

use super::handle::Db;
use super::outcomes::Outcomes;
use super::types::DbError;
use super::view::AcceptedEvent;

impl Db {
    /// Begins or ends to note outcomes.
    pub fn follow_outcomes(&self, is_followed: bool) {
        self.inner.shared.outcomes.follow(is_followed);
    }

    /// Takes the outcomes that were noted.
    #[must_use]
    pub fn take_outcomes(&self) -> Outcomes {
        self.inner.shared.outcomes.take()
    }

    /// Up to `limit` events after the one with this number, in order.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn events_after(&self, seq: i64, limit: u32) -> Result<Vec<AcceptedEvent>, DbError> {
        self.inner.reads.events_after(seq, limit).await
    }

    /// The number of the newest event.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn newest_event(&self) -> Result<i64, DbError> {
        self.inner.reads.newest_seq().await
    }
}
