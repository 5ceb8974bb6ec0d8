//! What is stored of log-ins to the pages, and what is read for the pages alone.

use std::future::Future;

use super::types::{Answer, DbError};
use crate::audit::Decision;
use crate::delivery::Outcome;
use crate::event::PluginName;
use crate::token::{NewSession, SessionLimits, SessionUse, StoredSession, TokenHash};

/// The result of a log-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCreation {
    /// It is stored, under this number.
    Created(i64),
    /// There are too many sessions.
    Full,
}

/// Another secret of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The session.
    pub id: i64,
    /// The hash of the secret that the browser has. Without it, nothing is changed.
    pub presented: TokenHash,
    /// When it got that secret, as far as the caller knows. Of two requests at once, one exchanges it.
    pub rotated_at: u64,
    /// The hash of the new one.
    pub hash: TokenHash,
    /// ms since the Unix epoch.
    pub at: u64,
}

/// An attempt of a plugin, as far as it tells how near the plugin comes to its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentAttempt {
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Its duration.
    pub duration_us: u64,
    /// The peak size of the instance's linear memories together.
    pub peak_memory_bytes: u64,
}

/// Writes what is stored of sessions.
pub(super) trait SessionWrites: Send {
    /// Stores a session, ends the surplus ones of its token, and removes those that are over.
    fn create_session(
        &mut self,
        new: &NewSession,
        limits: SessionLimits,
        by: &Decision,
    ) -> impl Future<Output = Result<SessionCreation, DbError>> + Send;

    /// Ends a session. False if there is none that is not over.
    fn revoke_session(
        &mut self,
        id: i64,
        by: &Decision,
    ) -> impl Future<Output = Result<bool, DbError>> + Send;

    /// Gives a session another secret. False if it has none of the presented one.
    fn rotate_session(&mut self, rotation: &Rotation) -> impl Future<Output = Result<bool, DbError>> + Send;

    /// Notes when sessions were used. It costs no `fsync`.
    fn note_session_uses(&mut self, uses: &[SessionUse]) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// Reads for the pages.
pub(super) trait PageReads: Send + Sync {
    /// All sessions, the oldest first. Some may be over.
    fn sessions(&self) -> Answer<'_, Vec<StoredSession>>;

    /// When the event of the oldest open delivery was received, ms since the Unix epoch. Of those that wait for their next
    /// attempt, each plugin's first thousand count.
    fn oldest_open(&self) -> Answer<'_, Option<u64>>;

    /// Up to `limit` attempts of a plugin at deliveries of the newest `events` events, the newest event's first.
    fn recent_attempts<'a>(
        &'a self,
        plugin: &'a PluginName,
        events: u32,
        limit: u32,
    ) -> Answer<'a, Vec<RecentAttempt>>;
}
