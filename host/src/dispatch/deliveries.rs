//! Deliveries as work: each runs on the revision that is in force when it starts, and its attempt is committed. Those on a
//! revision that their replay chose are work of their own (`chosen.rs`).
//!
//! No wasm but through [`crate::runtime::Runner`].

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tracing::field::display;

use crate::clock;
use crate::completion::{CallWork, FinishedAttempt};
use crate::db::{Db, DbError};
use crate::delivery::{Attempt, Cause, Delivery, DeliveryId, Failure, NextStep, Outcome};
use crate::event::PluginName;
use crate::failpoint::{self, Point};
use crate::plugins::{ActivePlugin, Plugins, Snapshot};
use crate::runtime::{AttemptReport, Call};
use crate::telemetry::Telemetry;

use super::breaker::{AttemptSignal, Transition};
use super::gate::Gate;
use super::lanes::{Completion, LeasedItems};
use super::new_revisions::step_after_swap;
use super::spans::AttemptSpans;
use super::workers::Workers;
use super::{dispatcher, pauses, retry};

/// See the module.
pub(super) struct Deliveries {
    pub(super) db: Db,
    pub(super) plugins: Plugins,
    pub(super) workers: Workers,
    pub(super) gate: Arc<Gate>,
    pub(super) telemetry: Telemetry,
    /// Notified when deliveries on chosen revisions are found.
    pub(super) chosen: Arc<Notify>,
}

impl dispatcher::WorkKind for Deliveries {
    type Item = Delivery;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.workers.spawn(task);
    }

    async fn run(self: &Arc<Self>, delivery: Delivery) -> Completion<DeliveryId> {
        let snapshot = self.plugins.snapshot();
        let Some(active) = snapshot.get(&delivery.plugin).cloned() else {
            self.db.release_deliveries(vec![delivery.id]);
            // Due now, in case the plugin is back meanwhile.
            return Completion { id: delivery.id, due: Some(0), signal: AttemptSignal::Neutral };
        };
        Arc::clone(self).run_on(delivery, snapshot, active).await
    }

    async fn lease(&self, plugin: PluginName, limit: usize) -> Result<LeasedItems<Delivery>, DbError> {
        let snapshot = self.plugins.snapshot();
        let wait_max = snapshot.get(&plugin).map_or(Duration::MAX, |active| active.retry.backoff.max);
        let lease = self.db.lease(plugin, limit, wait_max).await?;
        if lease.has_chosen {
            self.chosen.notify_one();
        }
        Ok(LeasedItems { items: lease.deliveries, more: lease.more })
    }

    fn release(&self, deliveries: Vec<Delivery>) {
        self.db.release_deliveries(deliveries.iter().map(|delivery| delivery.id).collect());
    }

    async fn has_due(&self) -> Result<bool, DbError> {
        let snapshot = self.plugins.snapshot();
        let wait_max: Vec<_> =
            snapshot.plugins().map(|(plugin, active)| (plugin, active.retry.backoff.max)).collect();
        self.db.anything_due(clock::now_ms(), &wait_max).await
    }

    fn follow(&self, plugin: &PluginName, transition: Transition) {
        pauses::announce(&self.db, plugin, transition);
    }
}

impl Deliveries {
    /// One attempt on a revision, on the threads for guests.
    pub(super) async fn run_on(
        self: Arc<Self>,
        delivery: Delivery,
        snapshot: Arc<Snapshot>,
        active: Arc<ActivePlugin>,
    ) -> Completion<DeliveryId> {
        let (cpu_class, deliveries) = (Arc::clone(&active.cpu_class), Arc::clone(&self));
        self.workers.run(&cpu_class, deliveries.run_in_company(delivery, snapshot, active)).await
    }

    /// One attempt, beside others or alone.
    async fn run_in_company(
        self: Arc<Self>,
        delivery: Delivery,
        snapshot: Arc<Snapshot>,
        active: Arc<ActivePlugin>,
    ) -> Completion<DeliveryId> {
        let (id, isolation) = (delivery.id, self.db.isolation(&delivery));
        let attempt = self.attempt(delivery, &snapshot, &active);
        self.gate.run(isolation, attempt, || self.db.is_over(id)).await
    }

    /// Whether the next attempt runs on another revision than this one.
    fn was_swapped(&self, delivery: &Delivery, ran: &ActivePlugin) -> bool {
        let snapshot = self.plugins.snapshot();
        let is_other = |active: &Arc<ActivePlugin>| active.revision != ran.revision;
        delivery.revision.is_none() && snapshot.get(&delivery.plugin).is_some_and(is_other)
    }

    /// Makes and records one attempt. A call whose reads another call changed runs again at once: a rerun is
    /// no attempt of its own.
    async fn attempt(
        &self,
        delivery: Delivery,
        snapshot: &Snapshot,
        active: &ActivePlugin,
    ) -> Completion<DeliveryId> {
        self.db.started(&delivery, active.revision);
        failpoint::pass_for(Point::InAttempt, &delivery.event.id);
        let package = snapshot.package(&delivery.event.source);
        let waited = delivery.ready.elapsed();
        active.count_wait(waited);
        let spans = AttemptSpans::begin(&self.telemetry, &delivery, waited);
        let mut reruns = 0;
        loop {
            let _turn = active.turn(reruns >= RERUNS_AMONG_OTHERS).await;
            let trace = spans.map(|spans| spans.call(reruns));
            let call = Call { delivery: &delivery, package, settings: &active.settings, trace };
            let AttemptReport { attempt, work, stages, .. } = active.runner.attempt(call).await;
            failpoint::pass(Point::AfterHandler);
            active.count_stages(&stages);
            if let (Some(spans), Some(call)) = (&spans, &trace) {
                spans.record_run(call, stages, delivery.plugin.as_str());
            }
            let ended = limit_reruns(active.settings.store.reruns_max, reruns, attempt, work);
            let (mut attempt, work) = self.reserve(&delivery, active, ended).await;
            let retry::Decision { next, failures, given_up } =
                retry::next(&delivery, &attempt, &active.retry, clock::now_ms());
            if let (Some(failure), Some(why)) = (&mut attempt.failure, given_up) {
                failure.reason = format!("{}; {why}", failure.reason);
            }
            let next =
                step_after_swap(next, attempt.failure.as_ref(), || self.was_swapped(&delivery, active));
            let (plugin, depth) = (delivery.plugin.clone(), delivery.event.depth());
            let summary = AttemptSummary::of(&attempt);
            let (id, root, order) = (delivery.id, delivery.root(), delivery.order);
            let (submitted, trace) =
                (Instant::now(), spans.map(|spans| Box::new(spans.attempt_trace(&delivery))));
            let finished = FinishedAttempt {
                id,
                attempt,
                next,
                failures,
                plugin,
                work,
                depth,
                root,
                order,
                submitted,
                trace,
            };
            if self.db.finish(finished).is_ok() {
                if let Some(spans) = &spans {
                    let cause = summary.failure.as_ref().map(|failure| failure.cause);
                    spans.record(&delivery, &active.revision.short(), summary.outcome(), cause);
                }
                report(&delivery, &summary, next, active);
                let due = if let NextStep::Wait(due) = next { Some(due) } else { None };
                return Completion { id, due, signal: summary.signal() };
            }
            metrics::counter!("hookyard_reruns_total", "plugin" => delivery.plugin.to_string()).increment(1);
            reruns += 1;
        }
    }
}

/// After this many reruns a call runs alone: then no other call of its plugin in this host changes its reads.
const RERUNS_AMONG_OTHERS: u32 = 3;

/// Fails a call that was rerun too often: the delivery waits, as after a failure of the host.
fn limit_reruns(
    reruns_max: u32,
    reruns: u32,
    mut attempt: Attempt,
    mut work: CallWork,
) -> (Attempt, CallWork) {
    if reruns < reruns_max {
        return (attempt, work);
    }
    work = CallWork::default();
    let reason = format!("what it read was changed by other calls each of {reruns} times (store.reruns_max)");
    let (outcome, cause) = (Outcome::Retry, Cause::Host);
    attempt.failure = Some(Failure { outcome, cause, reason, after_ms: None });
    (attempt, work)
}

/// The part of an attempt that is reported after the attempt itself was handed to the database.
struct AttemptSummary {
    number: u32,
    duration_us: u64,
    failure: Option<Failure>,
}

impl AttemptSummary {
    fn of(attempt: &Attempt) -> Self {
        let Attempt { number, duration_us, failure, .. } = attempt;
        Self { number: *number, duration_us: *duration_us, failure: failure.clone() }
    }

    fn outcome(&self) -> Outcome {
        self.failure.as_ref().map_or(Outcome::Done, |failure| failure.outcome)
    }

    /// A rejection is about one event, and a failure of the host about none.
    fn signal(&self) -> AttemptSignal {
        match &self.failure {
            None => AttemptSignal::Success,
            Some(failure) if failure.outcome == Outcome::Retry && failure.cause != Cause::Host => {
                AttemptSignal::Failure
            }
            Some(_) => AttemptSignal::Neutral,
        }
    }
}

/// Counts an attempt, and logs one that failed.
fn report(delivery: &Delivery, summary: &AttemptSummary, next: NextStep, active: &ActivePlugin) {
    active.count(summary.outcome(), summary.duration_us, delivery.since);
    let Some(failure) = &summary.failure else { return };
    let (number, reason) = (summary.number, &failure.reason);
    let (plugin, event) = (delivery.plugin.as_str(), delivery.event.id.as_str());
    let (delivery, trace) = (display(delivery.id), delivery.event.trace.map(|trace| display(trace.trace)));
    match next {
        NextStep::Wait(due) => {
            let again_in_ms = due.saturating_sub(clock::now_ms());
            tracing::warn!(plugin, event, delivery, trace, number, again_in_ms, "attempt failed: {reason}");
        }
        _ if failure.outcome == Outcome::Rejected => {
            tracing::warn!(plugin, event, delivery, trace, number, "rejected, now a dead letter: {reason}");
        }
        _ => tracing::error!(plugin, event, delivery, trace, number, "now a dead letter: {reason}"),
    }
}
