//! Leases work, runs it, and starts the next item: one loop for deliveries and for effects.
//!
//! The database decides what is open. An offer after a commit, a hint, a due time, the tick and a restart
//! all lead to the same lease.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::breaker::Transition;
use super::lanes::{Completion, Lanes, LeasedItems, QueueItem};
use super::{TICK, retry};
use crate::clock;
use crate::db::DbError;

/// A kind of work: the code specific to deliveries, or to effects.
pub(super) trait WorkKind: Send + Sync + 'static {
    /// The item that is queued, run and recorded.
    type Item: QueueItem + Send + 'static;

    /// Starts a task that runs items.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Runs one item and hands its result to the database.
    fn run(
        self: &Arc<Self>,
        item: Self::Item,
    ) -> impl Future<Output = Completion<<Self::Item as QueueItem>::Id>> + Send;

    /// Leases up to `limit` items of a lane.
    ///
    /// # Errors
    /// When the database cannot be read; the lease is retried.
    fn lease(
        &self,
        lane: LaneOf<Self>,
        limit: usize,
    ) -> impl Future<Output = Result<LeasedItems<Self::Item>, DbError>> + Send;

    /// Gives leases back, unused.
    fn release(&self, items: Vec<Self::Item>);

    /// Returns whether the database may have work that is due and not leased.
    ///
    /// # Errors
    /// When the database cannot be read; the next tick reads it again.
    fn has_due(&self) -> impl Future<Output = Result<bool, DbError>> + Send;

    /// The breaker of a lane opened or closed.
    fn follow(&self, _lane: &LaneOf<Self>, _transition: Transition) {}
}

/// The lanes of a kind of work.
type LaneOf<W> = <<W as WorkKind>::Item as QueueItem>::Lane;

/// See the module. Cheap to clone.
pub(super) struct Dispatcher<W: WorkKind>(Arc<Inner<W>>);

struct Inner<W: WorkKind> {
    kind: Arc<W>,
    lanes: Mutex<Lanes<W::Item>>,
    /// Something may have to be leased.
    lease: Notify,
    /// An item ended.
    ended: Notify,
    /// The time when the loop last scanned for work to lease.
    scanned_at: Mutex<Instant>,
}

impl<W: WorkKind> Clone for Dispatcher<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: WorkKind> Dispatcher<W> {
    pub(super) fn new(kind: W, lanes: Lanes<W::Item>) -> Self {
        Self(Arc::new(Inner {
            kind: Arc::new(kind),
            lanes: Mutex::new(lanes),
            lease: Notify::new(),
            ended: Notify::new(),
            scanned_at: Mutex::new(Instant::now()),
        }))
    }

    pub(super) fn kind(&self) -> &Arc<W> {
        &self.0.kind
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes<W::Item>> {
        self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a committed item if its lane's window has room; else it stays in the database.
    pub(super) fn offer(&self, item: W::Item) -> bool {
        let mut lanes = self.lanes();
        let accepted = lanes.offer(item);
        let next = lanes.start();
        drop(lanes);
        if let Some(item) = next {
            self.0.kind.spawn(self.clone().run_from(item));
        }
        if !accepted {
            self.hint();
        }
        accepted
    }

    /// Hints that something may have to be leased.
    pub(super) fn hint(&self) {
        self.0.lease.notify_one();
    }

    /// Every plugin may have more in the database.
    pub(super) fn rescan(&self) {
        self.lanes().rescan();
        self.hint();
    }

    /// Starts as many items as may run at once.
    pub(super) fn run_ready(&self) {
        while let Some(item) = { self.lanes().start() } {
            self.0.kind.spawn(self.clone().run_from(item));
        }
    }

    /// Runs an item, then the next ones in turn, until none is left.
    async fn run_from(self, first: W::Item) {
        let mut next = Some(first);
        while let Some(item) = next {
            let lane = item.lane().clone();
            let completion = self.0.kind.run(item).await;
            next = self.complete(&lane, &completion);
        }
    }

    /// Records an item's end in the lanes. Returns the next item in its place.
    fn complete(
        &self,
        lane: &LaneOf<W>,
        completion: &Completion<<W::Item as QueueItem>::Id>,
    ) -> Option<W::Item> {
        let mut lanes = self.lanes();
        let change = lanes.complete(lane, completion, clock::now_ms());
        let next = lanes.start();
        drop(lanes);
        self.0.ended.notify_one();
        self.hint();
        if !change.surplus.is_empty() {
            self.0.kind.release(change.surplus);
        }
        if let Some(transition) = change.transition {
            self.0.kind.follow(lane, transition);
        }
        next
    }

    /// Leases for windows that have room, when hinted, due, or at the tick. Runs until the host
    /// ends.
    pub(super) async fn lease_loop(self) {
        let mut tick = Instant::now() + TICK;
        loop {
            *self.0.scanned_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            match self.next_lease(&mut tick).await {
                Some((lane, limit)) => self.lease(lane, limit).await,
                None => self.rescan_if_due().await,
            }
        }
    }

    /// The time since the loop last scanned for work to lease.
    pub(super) fn idle_time(&self) -> Duration {
        self.0.scanned_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// The next lease to make. Waits for a hint, for a due time, or for the tick; `None` at a tick. The tick
    /// is timed by the clock, because a busy host always has another hint.
    async fn next_lease(&self, tick: &mut Instant) -> Option<(LaneOf<W>, usize)> {
        loop {
            if let Some(lease) = { self.lanes().next_lease(clock::now_ms()) } {
                return Some(lease);
            }
            if *tick <= Instant::now() {
                *tick = Instant::now() + TICK;
                return None;
            }
            let left = tick.saturating_duration_since(Instant::now());
            let due = self.lanes().next_due().map_or(left, retry::until);
            let _ = tokio::time::timeout(due.min(left), self.0.lease.notified()).await;
        }
    }

    /// Leases all due work in the database, even if an earlier lease or hint failed.
    async fn rescan_if_due(&self) {
        match self.0.kind.has_due().await {
            Ok(true) => self.lanes().rescan(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!("due work could not be read and is read again at the next tick: {error}");
            }
        }
    }

    async fn lease(&self, lane: LaneOf<W>, limit: usize) {
        let leased = match self.0.kind.lease(lane.clone(), limit).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::error!(lane = %lane, "work could not be leased, trying again: {error}");
                tokio::time::sleep(TICK).await;
                LeasedItems { items: Vec::new(), more: true }
            }
        };
        let surplus = { self.lanes().add_leased(&lane, leased) };
        if !surplus.is_empty() {
            self.0.kind.release(surplus);
        }
        self.run_ready();
    }

    /// Starts nothing more, and waits up to `timeout` for running items. Returns the number that had not
    /// ended.
    pub(super) async fn stop(&self, timeout: Duration) -> usize {
        self.lanes().stop();
        let all_ended = async {
            while self.lanes().running() > 0 {
                self.0.ended.notified().await;
            }
        };
        let _ = tokio::time::timeout(timeout, all_ended).await;
        self.lanes().running()
    }
}
