//! Lanes that several tasks share, and what wakes them: the same for deliveries and for effects.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::lanes::{After, End, Lanes, Waits};
use super::{TICK, retry};
use crate::clock;
use crate::event::PluginName;

/// See the module.
pub(super) struct Queue<T: Waits> {
    lanes: Mutex<Lanes<T>>,
    /// Something may have to be leased.
    lease: Notify,
    /// Something ended.
    ended: Notify,
}

impl<T: Waits> Queue<T> {
    pub(super) fn new(lanes: Lanes<T>) -> Self {
        Self { lanes: Mutex::new(lanes), lease: Notify::new(), ended: Notify::new() }
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes<T>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hints that something may have to be leased.
    pub(super) fn look(&self) {
        self.lease.notify_one();
    }

    /// One of this plugin ended: what runs next in its place, and what follows for the plugin.
    pub(super) fn next_after(&self, plugin: &PluginName, end: &End<T::Id>) -> (Option<T>, After<T>) {
        let mut lanes = self.lanes();
        let after = lanes.ended(plugin, end, clock::now_ms());
        let next = lanes.start();
        drop(lanes);
        self.ended.notify_one();
        self.lease.notify_one();
        (next, after)
    }

    /// The next lease to make: waits for a hint, for what is due, or for the tick, and then says `None`
    /// at a tick. By the clock: on a busy host there is always another hint.
    pub(super) async fn next_lease(&self, tick: &mut Instant) -> Option<(PluginName, usize)> {
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
            let _ = tokio::time::timeout(due.min(left), self.lease.notified()).await;
        }
    }

    /// Starts nothing more, and waits for what runs up to `timeout`. Returns how many had not ended.
    pub(super) async fn stop(&self, timeout: Duration) -> usize {
        self.lanes().stop();
        let all_ended = async {
            while self.lanes().running() > 0 {
                self.ended.notified().await;
            }
        };
        let _ = tokio::time::timeout(timeout, all_ended).await;
        self.lanes().running()
    }
}
