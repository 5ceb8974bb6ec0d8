//! Attempts that are not committed yet, and when to try again. They stay here until they are committed,
//! whatever errors the database has.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::inbox::Reply;
use crate::completion::FinishedAttempt;
use crate::db::types::{DbError, RunningId};
use crate::effect::CompletedEffect;

/// First and longest pause before the next attempt to record.
pub(in crate::db) const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// A finished attempt, and the reply to the task that waits for its commit.
type FinishedWithReply = (FinishedAttempt, Option<Reply<()>>);

/// See the module.
#[derive(Default)]
pub(in crate::db) struct Unsaved {
    finished: Vec<FinishedAttempt>,
    replies: Vec<Option<Reply<()>>>,
    performed: Vec<CompletedEffect>,
    /// The ids of all of them: a second attempt at the same delivery or effect is not taken.
    ids: HashSet<RunningId>,
    pub(in crate::db) failures: u32,
    pub(in crate::db) retry_at: Option<Instant>,
}

/// The numbers of attempts at deliveries and at effects in a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::db) struct Saving {
    pub(in crate::db) finished: usize,
    pub(in crate::db) performed: usize,
}

impl Unsaved {
    /// Takes an attempt at a delivery, or returns it if there is one already.
    pub(in crate::db) fn add_finished(
        &mut self,
        finished: FinishedAttempt,
        reply: Option<Reply<()>>,
    ) -> Option<FinishedWithReply> {
        if !self.ids.insert(RunningId::Delivery(finished.id)) {
            return Some((finished, reply));
        }
        self.finished.push(finished);
        self.replies.push(reply);
        None
    }

    /// Takes an attempt at an effect, unless there is one. Whether it did.
    pub(in crate::db) fn add_performed(&mut self, performed: CompletedEffect) -> bool {
        let is_new = self.ids.insert(RunningId::Effect(performed.id));
        if is_new {
            self.performed.push(performed);
        }
        is_new
    }

    /// Whether an attempt at this delivery or effect waits for its commit.
    pub(in crate::db) fn has(&self, id: RunningId) -> bool {
        self.ids.contains(&id)
    }

    /// Returns the numbers of attempts for the next batch.
    pub(in crate::db) fn saving(&self, max: usize) -> Saving {
        if !self.are_due() {
            return Saving::default();
        }
        Saving { finished: self.finished.len().min(max), performed: self.performed.len().min(max) }
    }

    /// The attempts that go into it.
    pub(in crate::db) fn batch(&self, saving: Saving) -> (&[FinishedAttempt], &[CompletedEffect]) {
        let finished = self.finished.get(..saving.finished).unwrap_or_default();
        let performed = self.performed.get(..saving.performed).unwrap_or_default();
        (finished, performed)
    }

    /// Takes them out: they are committed, or are not to be.
    pub(in crate::db) fn take(&mut self, saving: Saving) -> (Vec<FinishedWithReply>, Vec<CompletedEffect>) {
        let finished: Vec<_> = self.finished.drain(..saving.finished).collect();
        let replies = self.replies.drain(..saving.finished);
        let finished: Vec<_> = finished.into_iter().zip(replies).collect();
        let performed: Vec<_> = self.performed.drain(..saving.performed).collect();
        for (finished, _) in &finished {
            self.ids.remove(&RunningId::Delivery(finished.id));
        }
        for performed in &performed {
            self.ids.remove(&RunningId::Effect(performed.id));
        }
        (finished, performed)
    }

    pub(in crate::db) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Counts the attempts at deliveries.
    pub(in crate::db) fn count_finished(&self) -> usize {
        self.finished.len()
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
