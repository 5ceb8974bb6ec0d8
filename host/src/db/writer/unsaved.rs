//! Attempts, and tries at effects, that are not committed yet, and when to try again.

use std::time::Duration;

use tokio::time::Instant;

use super::inbox::Reply;
use crate::completion::Finished;
use crate::db::types::DbError;
use crate::effect::Performed;

/// First and longest pause before attempts that could not be recorded are tried again.
pub(in crate::db) const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// What is not committed yet. It stays here until it is, whatever the database does.
#[derive(Default)]
pub(in crate::db) struct Unsaved {
    pub(in crate::db) finished: Vec<Finished>,
    pub(in crate::db) replies: Vec<Option<Reply<()>>>,
    pub(in crate::db) performed: Vec<Performed>,
    pub(in crate::db) failures: u32,
    pub(in crate::db) retry_at: Option<Instant>,
}

/// How much of it goes into a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::db) struct Saving {
    pub(in crate::db) finished: usize,
    pub(in crate::db) performed: usize,
}

impl Unsaved {
    /// How many attempts, and how many tries at effects, go into the next batch.
    pub(in crate::db) fn saving(&self, max: usize) -> Saving {
        if !self.are_due() {
            return Saving::default();
        }
        Saving { finished: self.finished.len().min(max), performed: self.performed.len().min(max) }
    }

    pub(in crate::db) fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.performed.is_empty()
    }

    pub(in crate::db) fn are_due(&self) -> bool {
        !self.is_empty() && self.retry_at.is_none_or(|time| time <= Instant::now())
    }

    pub(in crate::db) fn failed(&mut self, error: &DbError) {
        if self.failures == 0 {
            tracing::error!(%error, attempts = self.finished.len(), "cannot write");
        }
        let pause = RETRY_MIN.saturating_mul(1 << self.failures.min(10)).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(Instant::now() + pause);
    }
}
