//! The oldest open delivery, for the pages.

use super::handle::Db;
use super::types::DbError;

impl Db {
    /// When the event of the oldest open delivery was received, ms since the Unix epoch. Of those that wait for their next
    /// attempt, each plugin's first thousand count.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn oldest_open(&self) -> Result<Option<u64>, DbError> {
        self.inner.reads.oldest_open().await
    }
}
