//! The memory that the writer and the callers of the database share.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;

use super::outcomes::OutcomeNotes;
use super::quota::Quotas;
use super::running::RunningAttempts;
use super::types::{InMemoryState, RunningId};
use crate::clock;
use crate::event::PluginName;

/// State that the writer shares with the callers of the room.
pub(super) struct Shared {
    /// Attempts that began and are not recorded yet.
    pub(super) running: RunningAttempts,
    /// Attempts that may have ended an earlier process.
    pub(super) suspects: Suspects,
    /// The shares of queued effects.
    pub(super) quotas: Quotas,
    broken: Mutex<BTreeMap<PluginName, u64>>,
    /// The reason why no event is accepted, if the database has a fault.
    pub(super) fault: ArcSwapOption<String>,
    pub(super) activity: WriterActivity,
    /// What attempts came to, for those who follow it.
    pub(super) outcomes: OutcomeNotes,
    /// See [`PruningState`](super::alert_types::PruningState).
    pub(super) pruned_at: AtomicU64,
    pub(super) is_full: AtomicBool,
}

impl Shared {
    pub(super) fn new(running: RunningAttempts) -> Self {
        Self {
            running,
            suspects: Suspects::default(),
            quotas: Quotas::default(),
            broken: Mutex::default(),
            fault: ArcSwapOption::empty(),
            activity: WriterActivity::default(),
            outcomes: OutcomeNotes::default(),
            pruned_at: AtomicU64::new(clock::now_ms()),
            is_full: AtomicBool::new(false),
        }
    }

    /// Returns the state that is in memory only, at this moment.
    pub(super) fn snapshot(&self) -> InMemoryState {
        InMemoryState { running: self.running.deliveries(), broken: self.broken().keys().cloned().collect() }
    }

    /// Plugins that their breakers pause, and until when.
    pub(super) fn broken(&self) -> MutexGuard<'_, BTreeMap<PluginName, u64>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deliveries and effects for which the next crash is the last.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    ids: Mutex<HashSet<RunningId>>,
    /// The number of `ids`: nearly always zero, and then no attempt takes the lock.
    count: AtomicUsize,
}

impl Suspects {
    pub(super) fn set(&self, ids: HashSet<RunningId>) {
        self.count.store(ids.len(), Ordering::Relaxed);
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    pub(super) fn are_none(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    pub(super) fn has(&self, id: RunningId) -> bool {
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

/// Since when the writer works on its current turn.
#[derive(Debug)]
pub(super) struct WriterActivity {
    began: Instant,
    /// ms after that; 0 when the writer waits for work.
    since_ms: AtomicU64,
}

impl Default for WriterActivity {
    fn default() -> Self {
        Self { began: Instant::now(), since_ms: AtomicU64::new(0) }
    }
}

impl WriterActivity {
    pub(super) fn begin(&self) {
        self.since_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.since_ms.store(0, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// The time that the writer has spent on its current batch.
    pub(super) fn working_for(&self) -> Duration {
        match self.since_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => Duration::from_millis(self.now_ms().saturating_sub(since)),
        }
    }
}
