//! How near plugins came to their limits lately.

use super::handle::Db;
use super::page_types::RecentAttempt;
use super::types::DbError;
use crate::event::PluginName;

/// The newest events whose deliveries count.
const EVENTS: u32 = 10_000;
/// Most attempts that count.
const ATTEMPTS: u32 = 1000;

impl Db {
    /// A plugin's latest attempts, the newest event's first: at most a thousand, at deliveries of the newest ten thousand
    /// events.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn recent_attempts(&self, plugin: &PluginName) -> Result<Vec<RecentAttempt>, DbError> {
        self.inner.reads.recent_attempts(plugin, EVENTS, ATTEMPTS).await
    }
}
