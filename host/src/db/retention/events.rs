//! Prunes events, the oldest first.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::rule::{PruneReason, PruneStep, REST, RetentionClock, StepSize};
use super::{Db, DbError, EventAge, FailureLog, Removal};
use crate::clock;
use crate::config::{Config, Retention};

/// Interval at which the oldest events are checked: short, so that each pass has little to do.
const TICK: Duration = Duration::from_secs(1);
/// The interval after a failure.
const RETRY: Duration = Duration::from_secs(10);
/// Interval at which kept events, which had open work, are checked again.
const REVIEW: Duration = Duration::from_mins(10);
/// The interval between log lines about pruning.
const REPORT_INTERVAL: Duration = Duration::from_hours(1);

/// See the module.
pub(super) struct EventPruner {
    db: Db,
    clock: RetentionClock,
    step_size: StepSize,
    /// Events up to here were checked: they are pruned, or kept until the next review.
    pub(super) front: i64,
    pub(super) reviewed: Option<Instant>,
    /// Replays that had ended before the last pass: events that a replay may reach are kept until
    /// it has ended.
    replays_ended: i64,
    pruned: PrunedCounts,
    /// Whether the log has the warning that too much is stored and none of it may be removed.
    reported_full: bool,
}

/// The totals since the last report.
#[derive(Debug, Default)]
struct PrunedCounts {
    by_age: u64,
    by_size: u64,
    reported: Option<Instant>,
}

impl EventPruner {
    pub(super) fn new(db: Db, clock: RetentionClock) -> Self {
        let mut pruned = PrunedCounts::default();
        // Both counters exist from the start, so that a graph of their rates has no hole.
        pruned.count(PruneReason::Age, 0);
        pruned.count(PruneReason::Size, 0);
        Self {
            db,
            clock,
            step_size: StepSize::default(),
            front: 0,
            reviewed: None,
            replays_ended: 0,
            pruned,
            reported_full: false,
        }
    }

    /// Prunes until the host ends.
    pub(super) async fn run(mut self, mut config: watch::Receiver<Arc<Config>>) {
        let mut failures = FailureLog::default();
        loop {
            let keep = config.borrow_and_update().retention.clone();
            let passed = self.pass(&keep).await;
            failures.note(&passed, "old events");
            self.pruned.report();
            let pause = if passed.is_ok() { TICK } else { RETRY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                changed = config.changed() => match changed {
                    Ok(()) => (self.reviewed, self.pruned.reported) = (None, None),
                    Err(_) => return,
                },
            }
        }
    }

    /// Continues where the last pass ended, until nothing more can be removed. If it is time for a review,
    /// or a replay has ended, it starts from the beginning.
    pub(super) async fn pass(&mut self, keep: &Retention) -> Result<(), DbError> {
        let replays_ended = self.db.inner.reads.replays_ended().await?;
        let review =
            self.reviewed.is_none_or(|at| at.elapsed() >= REVIEW) || replays_ended != self.replays_ended;
        let mut walk = EventWalk { at: if review { 0 } else { self.front }, reach: (!review).then_some(0) };
        while self.step(keep, &mut walk).await? {
            tokio::time::sleep(REST).await;
        }
        self.front = walk.at;
        self.replays_ended = replays_ended;
        self.db.inner.shared.pruned_at.store(clock::now_ms(), Ordering::Relaxed);
        if review {
            self.reviewed = Some(Instant::now());
        }
        Ok(())
    }

    /// Checks a few events and removes those that may go. Returns whether there are more.
    async fn step(&mut self, keep: &Retention, walk: &mut EventWalk) -> Result<bool, DbError> {
        let reads = &*self.db.inner.reads;
        let used_bytes = reads.size().await?.used_bytes;
        let rows = self.step_size.rows(reads.newest_seq().await?);
        let step = PruneStep::of(keep, self.clock.now(), used_bytes);
        let mut page = reads.ages(walk.at, step.before, self.clock.ahead(), rows).await?;
        let fit = step.fitting(&page);
        let more = fit < page.len() || page.len() >= rows;
        page.truncate(fit);
        let mut on = walk.pass(&page);
        if !on && walk.reach.is_none() {
            walk.reach = Some(reads.old_beyond(walk.at, step.before).await?);
            on = walk.pass(&page);
        }
        let over: Vec<_> = page.iter().filter(|event| event.over).map(|event| event.seq).collect();
        self.report_full(keep, used_bytes, step.reason, over.is_empty() && !more);
        let removed = self.db.remove(Removal::Events(over)).await?;
        self.pruned.count(step.reason, removed);
        Ok(on && more)
    }

    /// Logs it once when there is more than there should be, and nothing of it may be removed.
    fn report_full(&mut self, keep: &Retention, used_bytes: u64, reason: PruneReason, nothing_left: bool) {
        let Some(most) = keep.size_max_bytes.filter(|_| reason == PruneReason::Size) else {
            self.reported_full = false;
            self.db.inner.shared.is_full.store(false, Ordering::Relaxed);
            return;
        };
        if nothing_left {
            self.db.inner.shared.is_full.store(true, Ordering::Relaxed);
        }
        if nothing_left && !std::mem::replace(&mut self.reported_full, true) {
            tracing::warn!(
                "the database has {used_bytes} bytes in use, more than retention.size_max_bytes ({most}), and \
                 no event may go: those that are left have something left to do, or are dead letters that \
                 nobody has resolved"
            );
        }
    }
}

/// A way through the events, in their order.
#[derive(Debug)]
struct EventWalk {
    /// The event up to which the walk has checked.
    at: i64,
    /// The walk continues to this event even past events that seem too young; `None` = not known yet. A
    /// clock that was ahead for a while leaves such events behind.
    reach: Option<i64>,
}

impl EventWalk {
    /// Passes the events of a page up to the last one that is old. Whether those are all.
    fn pass(&mut self, page: &[EventAge]) -> bool {
        let Some(last) = page.last() else { return false };
        let within_reach = self.reach.is_some_and(|reach| last.seq <= reach);
        let passed = page.iter().rfind(|event| event.old || within_reach);
        self.at = passed.map_or(self.at, |event| event.seq);
        self.at == last.seq
    }
}

impl PrunedCounts {
    fn count(&mut self, reason: PruneReason, events: u64) {
        let (sum, label) = match reason {
            PruneReason::Age => (&mut self.by_age, "age"),
            PruneReason::Size => (&mut self.by_size, "size"),
        };
        *sum += events;
        metrics::counter!("hookyard_pruned_events_total", "why" => label).increment(events);
    }

    /// Logs it, if there is something to log and the last report was long ago.
    fn report(&mut self) {
        let (by_age, by_size) = (self.by_age, self.by_size);
        if by_age + by_size == 0 || self.reported.is_some_and(|at| at.elapsed() < REPORT_INTERVAL) {
            return;
        }
        tracing::info!(by_age, by_size, "events were pruned");
        *self = Self { reported: Some(Instant::now()), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(seqs: &[(i64, bool)]) -> Vec<EventAge> {
        seqs.iter().map(|&(seq, old)| EventAge { seq, old, over: old, bytes: 0 }).collect()
    }

    #[test]
    fn a_walk_ends_before_young_events_unless_old_ones_lie_beyond() {
        for (reach, events, at, on) in [
            (None, &[][..], 5, false),
            (None, &[(6, true), (8, true)], 8, true),
            (None, &[(6, true), (8, false)], 6, false),
            (Some(0), &[(6, false), (8, false)], 5, false),
            (None, &[(6, false), (8, true)], 8, true),
            (Some(8), &[(6, false), (8, false)], 8, true),
            (Some(7), &[(6, false), (8, false)], 5, false),
        ] {
            let mut walk = EventWalk { at: 5, reach };
            assert_eq!((walk.pass(&page(events)), walk.at), (on, at), "{reach:?} {events:?}");
        }
    }
}
