//! Prunes events, the oldest first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::rule::{Clock, Due, Pace, REST, Why};
use super::{Db, DbError, EventAge, Removal, Trouble};
use crate::config::{Config, Retention};

/// How often the oldest events are looked at: so often that no look finds much to do.
const TICK: Duration = Duration::from_secs(1);
/// The same after a failure.
const RETRY: Duration = Duration::from_secs(10);
/// How often events that were kept are looked at again: there was something left to do with them.
const REVIEW: Duration = Duration::from_mins(10);
/// What was pruned is told once in so long.
const TELL: Duration = Duration::from_hours(1);

/// See the module.
pub(super) struct Events {
    db: Db,
    clock: Clock,
    pace: Pace,
    /// Events up to here were looked at: they are gone, or kept until the next review.
    pub(super) front: i64,
    pub(super) reviewed: Option<Instant>,
    /// How many replays had ended before the last pass: what one may come to is kept until it has.
    replays_ended: i64,
    pruned: Pruned,
    /// Whether it was said that there is too much, and that nothing of it may go.
    said_full: bool,
}

/// What was pruned since that was last told.
#[derive(Debug, Default)]
struct Pruned {
    by_age: u64,
    by_size: u64,
    told: Option<Instant>,
}

impl Events {
    pub(super) fn new(db: Db, clock: Clock) -> Self {
        let mut pruned = Pruned::default();
        // Both are there from the start, so that a graph of their rates has no hole.
        pruned.count(Why::Age, 0);
        pruned.count(Why::Size, 0);
        Self {
            db,
            clock,
            pace: Pace::default(),
            front: 0,
            reviewed: None,
            replays_ended: 0,
            pruned,
            said_full: false,
        }
    }

    /// Prunes for ever.
    pub(super) async fn run(mut self, mut config: watch::Receiver<Arc<Config>>) {
        let mut trouble = Trouble::default();
        loop {
            let keep = config.borrow_and_update().retention.clone();
            let passed = self.pass(&keep).await;
            trouble.saw(&passed, "old events");
            self.pruned.tell();
            let pause = if passed.is_ok() { TICK } else { RETRY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                changed = config.changed() => match changed {
                    Ok(()) => (self.reviewed, self.pruned.told) = (None, None),
                    Err(_) => return,
                },
            }
        }
    }

    /// Goes on where the pass before ended, or from the beginning if it is time for a review or a replay has
    /// ended, until nothing more may go.
    pub(super) async fn pass(&mut self, keep: &Retention) -> Result<(), DbError> {
        let replays_ended = self.db.inner.reader.replays_ended().await?;
        let review =
            self.reviewed.is_none_or(|at| at.elapsed() >= REVIEW) || replays_ended != self.replays_ended;
        let mut walk = Walk { at: if review { 0 } else { self.front }, reach: (!review).then_some(0) };
        while self.step(keep, &mut walk).await? {
            tokio::time::sleep(REST).await;
        }
        self.front = walk.at;
        self.replays_ended = replays_ended;
        if review {
            self.reviewed = Some(Instant::now());
        }
        Ok(())
    }

    /// Looks at a few events and removes those that may go. Whether there are more.
    async fn step(&mut self, keep: &Retention, walk: &mut Walk) -> Result<bool, DbError> {
        let reader = &self.db.inner.reader;
        let used_bytes = reader.size().await?.used_bytes;
        let rows = self.pace.rows(reader.newest_seq().await?);
        let due = Due::of(keep, self.clock.now(), used_bytes);
        let mut page = reader.aged(walk.at, (due.before, self.clock.ahead()), rows).await?;
        let fit = due.fitting(&page);
        let more = fit < page.len() || page.len() >= rows;
        page.truncate(fit);
        let mut on = walk.pass(&page);
        if !on && walk.reach.is_none() {
            walk.reach = Some(reader.aged_beyond(walk.at, due.before).await?);
            on = walk.pass(&page);
        }
        let over: Vec<_> = page.iter().filter(|event| event.over).map(|event| event.seq).collect();
        self.say_full(keep, used_bytes, due.why, over.is_empty() && !more);
        let removed = self.db.remove(Removal::Events(over)).await?;
        self.pruned.count(due.why, removed);
        Ok(on && more)
    }

    /// Says it once when there is more than there should be, and nothing of it may go.
    fn say_full(&mut self, keep: &Retention, used_bytes: u64, why: Why, nothing_left: bool) {
        let Some(most) = keep.size_max_bytes.filter(|_| why == Why::Size) else {
            self.said_full = false;
            return;
        };
        if nothing_left && !std::mem::replace(&mut self.said_full, true) {
            tracing::warn!(
                "the database has {used_bytes} bytes in use, more than retention.size_max_bytes ({most}), and \
                 no event may go: those that are left have something left to do, or are dead letters that \
                 nobody has dealt with"
            );
        }
    }
}

/// A way through the events, in their order.
#[derive(Debug)]
struct Walk {
    /// Up to here they were looked at.
    at: i64,
    /// The walk goes up to here even past events that seem too young; `None` = not known yet. A clock that
    /// was ahead for a while leaves such events behind.
    reach: Option<i64>,
}

impl Walk {
    /// Passes the events of a page up to the last one that is old. Whether those are all.
    fn pass(&mut self, page: &[EventAge]) -> bool {
        let Some(last) = page.last() else { return false };
        let within_reach = self.reach.is_some_and(|reach| last.seq <= reach);
        let passed = page.iter().rfind(|event| event.old || within_reach);
        self.at = passed.map_or(self.at, |event| event.seq);
        self.at == last.seq
    }
}

impl Pruned {
    fn count(&mut self, why: Why, events: u64) {
        let (sum, label) = match why {
            Why::Age => (&mut self.by_age, "age"),
            Why::Size => (&mut self.by_size, "size"),
        };
        *sum += events;
        metrics::counter!("hookyard_pruned_events_total", "why" => label).increment(events);
    }

    /// Tells it, if there is something to tell and that was not done just now.
    fn tell(&mut self) {
        let (by_age, by_size) = (self.by_age, self.by_size);
        if by_age + by_size == 0 || self.told.is_some_and(|at| at.elapsed() < TELL) {
            return;
        }
        tracing::info!(by_age, by_size, "events were pruned");
        *self = Self { told: Some(Instant::now()), ..Self::default() };
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
            let mut walk = Walk { at: 5, reach };
            assert_eq!((walk.pass(&page(events)), walk.at), (on, at), "{reach:?} {events:?}");
        }
    }
}
