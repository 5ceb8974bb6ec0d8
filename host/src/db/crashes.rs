//! What ran when an earlier process died: counted before anything else is written, and remembered while the
//! next crash would make it a dead letter.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::backend::{Backend, Interrupted};
use super::batch::{self, Batch};
use super::running::{RunningAttempt, RunningId};
use super::writer::Writer;
use super::{Db, DbError};
use crate::delivery::{Attempt, Cause, Delivery, DeliveryId, Failure, Finished, Next, Outcome};
use crate::effect::{EffectId, Performed, Performing, Try, TryOutcome, Work};
use crate::event::{Digest, now_ms};

/// Deliveries and effects for which the next crash is the last.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    ids: Mutex<HashSet<RunningId>>,
    /// How many `ids` has: zero nearly always, and then no attempt takes the lock.
    count: AtomicUsize,
}

impl Suspects {
    fn set(&self, ids: HashSet<RunningId>) {
        self.count.store(ids.len(), Ordering::Relaxed);
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    fn are_none(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn has(&self, id: RunningId) -> bool {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    pub(super) fn remove(&self, id: RunningId) {
        if !self.are_none() {
            let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
            ids.remove(&id);
            self.count.store(ids.len(), Ordering::Relaxed);
        }
    }
}

/// Whether an attempt may run beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Nothing is to run alone.
    Any,
    /// Something else may have to run alone.
    Careful,
    /// It has to run alone itself: the next crash of the host makes it a dead letter.
    Alone,
}

impl Db {
    /// Whether an attempt at this delivery may run beside others.
    #[must_use]
    pub fn company(&self, delivery: &Delivery) -> Company {
        self.company_of(RunningId::Delivery(delivery.id))
    }

    /// Whether an attempt at this effect may run beside others.
    #[must_use]
    pub fn effect_company(&self, effect: &Performing) -> Company {
        self.company_of(RunningId::Effect(effect.id))
    }

    fn company_of(&self, id: RunningId) -> Company {
        let suspects = &self.inner.shared.suspects;
        match () {
            () if suspects.are_none() => Company::Any,
            () if suspects.has(id) => Company::Alone,
            () => Company::Careful,
        }
    }

    /// A worker begins an attempt at a leased delivery: it is shown as running until the attempt is
    /// committed or the delivery is given back, and counted should the process die before that.
    pub fn started(&self, delivery: &Delivery, revision: Digest) {
        let (id, number) = (RunningId::Delivery(delivery.id), delivery.attempts + 1);
        self.inner.shared.running.begin(&RunningAttempt { id, number, started_at: now_ms(), revision });
    }

    /// An attempt at a leased effect begins: it is counted should the process die before it is committed.
    pub fn effect_started(&self, effect: &Performing) {
        let (id, number, revision) = (RunningId::Effect(effect.id), effect.tries + 1, Digest([0; 32]));
        self.inner.shared.running.begin(&RunningAttempt { id, number, started_at: now_ms(), revision });
    }

    /// An attempt at a delivery is over, though it may not be committed yet: it is not counted should the
    /// process die because of another one.
    pub fn is_over(&self, delivery: DeliveryId) {
        self.inner.shared.running.over(RunningId::Delivery(delivery));
    }

    /// The same of an attempt at an effect.
    pub fn effect_is_over(&self, effect: EffectId) {
        self.inner.shared.running.over(RunningId::Effect(effect));
    }
}

impl<B: Backend> Writer<B> {
    /// Records the attempts during which an earlier process died. What has too many of them is dead; what
    /// would be so after the next one is a suspect.
    pub(super) async fn count_crashes(&mut self) {
        let left = std::mem::take(&mut self.left);
        if let Err(error) = self.record_crashes(&left).await {
            tracing::error!("what ran when the last process died could not be counted: {error}");
        }
        self.shared.running.clear();
        match self.backend.waiting().await {
            Ok(waiting) => self.shared.quotas.load(waiting),
            Err(error) => tracing::error!("waiting effects could not be counted: {error}"),
        }
        match self.backend.suspects(self.crashes_max.saturating_sub(1).max(1)).await {
            Ok(suspects) => self.shared.suspects.set(suspects),
            Err(error) => tracing::error!("deliveries that are to run alone could not be read: {error}"),
        }
    }

    async fn record_crashes(&mut self, left: &[RunningAttempt]) -> Result<(), DbError> {
        let interrupted = self.backend.interrupted(left).await?;
        if interrupted.is_empty() {
            return Ok(());
        }
        let (mut finished, mut performed) = (Vec::new(), Vec::new());
        for Interrupted { attempt, plugin, crashes } in interrupted {
            let reason = reason(crashes + 1, self.crashes_max);
            let is_dead = crashes + 1 >= self.crashes_max;
            match attempt.id {
                RunningId::Delivery(id) => {
                    let Some(delivery) = self.backend.deliveries(&[id]).await?.pop() else { continue };
                    report(&delivery, &reason, is_dead);
                    finished.push(finished_of(delivery, &attempt, reason, is_dead));
                }
                RunningId::Effect(id) => {
                    let (number, started_at) = (attempt.number, attempt.started_at);
                    let (duration_us, outcome) = (0, TryOutcome::Crash);
                    let made = Try { number, started_at, duration_us, outcome, detail: reason };
                    let due = (!is_dead).then_some(1);
                    performed.push(Performed { id, plugin, size: 0, made, due, progress: None });
                }
            }
        }
        tracing::warn!(
            deliveries = finished.len(),
            effects = performed.len(),
            "the last process died while these ran; the attempts count (dispatch.crashes_max)"
        );
        let batch =
            Batch { finished: &finished, performed: &performed, any_behind: true, ..Batch::default() };
        batch::write(&mut self.backend, &batch).await?;
        let open = self.backend.count_open().await?;
        self.shared.backlog.store(open.all, Ordering::Relaxed);
        self.behind = Some(open.behind);
        Ok(())
    }
}

fn reason(crashes: u32, most: u32) -> String {
    let times = if crashes == 1 { "once".into() } else { format!("{crashes} times") };
    let reason = format!("the host process died while this ran, {times} so far");
    if crashes < most { reason } else { format!("{reason} (dispatch.crashes_max is {most})") }
}

fn report(delivery: &Delivery, reason: &str, is_dead: bool) {
    let (plugin, event, number) =
        (delivery.plugin.as_str(), delivery.event.id.as_str(), delivery.attempts + 1);
    if is_dead {
        tracing::error!(plugin, event, number, "now a dead letter: {reason}");
    } else {
        tracing::debug!(plugin, event, number, "attempt failed: {reason}");
    }
}

/// The attempt as it is recorded. One that is to run again is due at once.
fn finished_of(delivery: Delivery, attempt: &RunningAttempt, reason: String, is_dead: bool) -> Finished {
    let (outcome, cause) = (Outcome::Retry, Cause::Crash);
    Finished {
        id: delivery.id,
        attempt: Attempt {
            number: attempt.number,
            started_at: attempt.started_at,
            duration_us: 0,
            revision: attempt.revision,
            peak_memory_bytes: 0,
            logs: Vec::new(),
            failure: Some(Failure { outcome, cause, reason, after_ms: None }),
        },
        next: if is_dead { Next::Dead } else { Next::Wait(1) },
        failures: delivery.failures,
        depth: delivery.event.depth(),
        root: delivery.root(),
        plugin: delivery.plugin,
        work: Work::default(),
        order: delivery.order,
    }
}
