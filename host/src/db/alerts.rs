//! What alerts need: their stored states, and what they watch.

use std::sync::atomic::Ordering;

use super::alert_types::{DeadLetters, PruningState, SavedAlert};
use super::handle::Db;
use super::types::DbError;
use super::writer::inbox::{Operation, Request};

/// The newest events in which the last one of each source is looked for.
const NEWEST_MAX: u32 = 10_000;

impl Db {
    /// Stores the state of an alert, JSON, or removes it. Returns after the commit.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn save_alert(&self, name: &str, state: Option<String>) -> Result<(), DbError> {
        let saved = SavedAlert { name: name.to_owned(), state };
        self.ask(|reply| Request::Operate(Operation::SaveAlert { saved, reply })).await
    }

    /// The stored states of alerts, by name.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn alerts(&self) -> Result<Vec<(String, String)>, DbError> {
        self.inner.reads.alerts().await
    }

    /// Counts unresolved dead letters by plugin. It reads each of them.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetters>, DbError> {
        self.inner.reads.dead_letters().await
    }

    /// When the last event of each source was received, ms since the Unix epoch, if it is among the newest 10,000.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn last_received(&self) -> Result<Vec<(String, u64)>, DbError> {
        self.inner.reads.last_received(NEWEST_MAX).await
    }

    /// How far pruning is.
    #[must_use]
    pub fn pruning_state(&self) -> PruningState {
        let shared = &self.inner.shared;
        PruningState {
            passed_at: shared.pruned_at.load(Ordering::Relaxed),
            is_full: shared.is_full.load(Ordering::Relaxed),
        }
    }
}
