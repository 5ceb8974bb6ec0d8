//! Pruning of events and keys, by age and by size, in steps that delay nothing else.
//!
//! Two tasks, one for events and one for idempotency keys, find old rows on the read side and pass them
//! to the writer. It checks them again and removes them in a small transaction of its own between two
//! batches. The tasks' position is not stored: a restart begins again. A third task marks and removes old
//! confirmations, which are few.

mod confirmations;
mod events;
mod keys;
mod rule;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::handle::Db;
use super::types::{DbError, EventAge, Removal, Stock};
use super::writer::inbox::{Operation, Request};
use crate::config::Config;

const DAY_MS: u64 = 24 * 3_600_000;

/// The tasks that prune. Dropped, they end; a step under way is still done whole.
#[derive(Debug)]
pub struct Pruning {
    _tasks: JoinSet<()>,
}

impl Db {
    /// Starts pruning by `[retention]`, and follows its changes.
    pub fn start_pruning(&self, config: watch::Receiver<Arc<Config>>) -> Pruning {
        let clock = rule::RetentionClock::start();
        let mut tasks = JoinSet::new();
        tasks.spawn(events::EventPruner::new(self.clone(), clock).run(config.clone()));
        tasks.spawn(confirmations::run(self.clone(), config.clone()));
        tasks.spawn(keys::run(self.clone(), clock, config));
        Pruning { _tasks: tasks }
    }

    /// Counts the stored rows.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn stock(&self) -> Result<Stock, DbError> {
        self.inner.reads.stock().await
    }

    /// Returns when the event with this id was received, ms since the Unix epoch, if it was pruned since and
    /// its id is still known.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn pruned(&self, source: Option<&str>, id: &str) -> Result<Option<u64>, DbError> {
        self.inner.reads.pruned(source, id).await
    }

    /// The time since which all ids of received events are known, ms since the Unix epoch. The id of an event
    /// received earlier may be pruned. 0 = all are known. `keys_days` is that of `[retention]`.
    pub fn ids_known_since(&self, now: u64, keys_days: u64) -> u64 {
        let inner = &self.inner;
        // A sender's clock may be a day ahead: an event may claim to be so much younger than its receipt.
        let due = now.saturating_sub((keys_days - 1) * DAY_MS);
        let is_older = inner.made_at < due;
        inner.ids_pruned_before.load(Ordering::Relaxed).max(if is_older { due } else { 0 })
    }

    /// Removes the named rows that may still go. Returns the number of events or keys.
    async fn remove(&self, removal: Removal) -> Result<u64, DbError> {
        if removal.is_empty() {
            return Ok(0);
        }
        self.ask(|reply| Request::Operate(Operation::Remove { removal, reply })).await
    }
}

/// Logs once that a task cannot do its work, and once that it can again.
#[derive(Debug, Default)]
struct FailureLog {
    reported: bool,
}

impl FailureLog {
    fn note<T>(&mut self, result: &Result<T, DbError>, what: &str) {
        match result {
            Err(error) if !self.reported => {
                tracing::warn!("{what} cannot be pruned, trying again: {error}");
                self.reported = true;
            }
            Ok(_) if self.reported => {
                tracing::info!("{what} are pruned again");
                self.reported = false;
            }
            _ => {}
        }
    }
}
