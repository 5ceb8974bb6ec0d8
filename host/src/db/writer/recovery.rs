//! Attempts that ran when an earlier process died: recorded before anything else is written.

use std::time::Instant;

use super::Writer;
use crate::completion::{CallWork, FinishedAttempt};
use crate::db::storage::{Batch, Storage};
use crate::db::types::{DbError, Interrupted, InterruptedWork, RunningAttempt};
use crate::delivery::{Attempt, Cause, Delivery, Failure, NextStep, Outcome};
use crate::effect::{CompletedEffect, EffectAttempt, EffectOutcome};

impl<S: Storage> Writer<S> {
    /// Records the attempts during which an earlier process died. A delivery with too many of them is
    /// dead; one that the next crash would make dead is a suspect.
    pub(super) async fn recover(&mut self) {
        if let Err(error) = self.record_crashes().await {
            tracing::error!("attempts that ran when the previous process died could not be counted: {error}");
        }
        self.shared.running.clear();
        match self.storage.waiting_effects().await {
            Ok(waiting) => self.shared.quotas.load(waiting),
            Err(error) => tracing::error!("waiting effects could not be counted: {error}"),
        }
        match self.storage.suspects(self.crashes_max.saturating_sub(1).max(1)).await {
            Ok(suspects) => self.shared.suspects.set(suspects),
            Err(error) => tracing::error!("deliveries that must run alone could not be read: {error}"),
        }
    }

    async fn record_crashes(&mut self) -> Result<(), DbError> {
        let interrupted = self.storage.interrupted().await?;
        if interrupted.is_empty() {
            return Ok(());
        }
        let leased: Vec<_> = interrupted.iter().map(|interrupted| interrupted.attempt.id).collect();
        let (mut finished, mut performed) = (Vec::new(), Vec::new());
        for Interrupted { attempt, work, crashes } in interrupted {
            let reason = reason(crashes + 1, self.crashes_max);
            let is_dead = crashes + 1 >= self.crashes_max;
            match work {
                InterruptedWork::Delivery(delivery) => {
                    report(&delivery, &reason, is_dead);
                    finished.push(finished_of(delivery, &attempt, reason, is_dead));
                }
                InterruptedWork::Effect(id, plugin) => {
                    let (number, started_at) = (attempt.number, attempt.started_at);
                    let (duration_us, outcome) = (0, EffectOutcome::Crash);
                    let attempt = EffectAttempt { number, started_at, duration_us, outcome, detail: reason };
                    let due = (!is_dead).then_some(1);
                    performed.push(CompletedEffect { id, plugin, size: 0, attempt, due, progress: None });
                }
            }
        }
        tracing::warn!(
            deliveries = finished.len(),
            effects = performed.len(),
            "the previous process died during these attempts, which count as crashes (dispatch.crashes_max)"
        );
        let batch = Batch { finished: &finished, performed: &performed, ..Batch::default() };
        let committed = self.storage.commit(batch).await;
        if committed.is_err() {
            self.storage.release(&leased).await;
        }
        committed.map(drop)
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

/// Returns the attempt for its record. A delivery or effect that is to run again is due at once.
fn finished_of(
    delivery: Delivery,
    attempt: &RunningAttempt,
    reason: String,
    is_dead: bool,
) -> FinishedAttempt {
    let (outcome, cause) = (Outcome::Retry, Cause::Crash);
    FinishedAttempt {
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
        next: if is_dead { NextStep::Dead } else { NextStep::Wait(1) },
        failures: delivery.failures,
        depth: delivery.event.depth(),
        root: delivery.root(),
        plugin: delivery.plugin,
        work: CallWork::default(),
        order: delivery.order,
        submitted: Instant::now(),
        trace: None,
    }
}
