//! The index that is in use, and how it fares.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::lookup::IndexPosition;
use super::settings::SearchSettings;
use crate::clock;
use crate::db::sqlite::search_index::SearchIndex;

/// What search shares with its follower.
pub(in crate::db) struct SearchState {
    pub(super) settings: ArcSwap<SearchSettings>,
    /// The index, if there is one now.
    pub(super) index: ArcSwapOption<SearchIndex>,
    /// Whether there is to be one.
    pub(super) is_on: AtomicBool,
    /// The newest event and the newest change, as the follower saw them last.
    pub(super) newest: AtomicI64,
    pub(super) newest_change: AtomicI64,
    /// When the index had all of them, by the host's clock.
    pub(super) caught_up_at: AtomicU64,
    /// The reason why the index does not advance.
    pub(super) problem: ArcSwapOption<String>,
}

impl Default for SearchState {
    fn default() -> Self {
        Self {
            settings: ArcSwap::default(),
            index: ArcSwapOption::empty(),
            is_on: AtomicBool::new(false),
            newest: AtomicI64::new(0),
            newest_change: AtomicI64::new(0),
            caught_up_at: AtomicU64::new(clock::now_ms()),
            problem: ArcSwapOption::empty(),
        }
    }
}

/// How far the search index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// Whether the configuration asks for an index.
    pub is_on: bool,
    /// All events up to this number are in it.
    pub indexed_through: i64,
    /// The newest event's number.
    pub newest: i64,
    /// Event numbers that it is behind. Some numbers have no event.
    pub lag_events: u64,
    /// Changes of events, such as failed attempts, that it is behind.
    pub lag_changes: u64,
    /// Time since it had everything, in ms; 0 while it has.
    pub lag_ms: u64,
    /// The reason why it does not advance.
    pub problem: Option<String>,
}

impl SearchState {
    /// How far the index is, without reading.
    pub(in crate::db) fn status(&self) -> IndexStatus {
        let index = self.index.load();
        let IndexPosition { through, changes } =
            index.as_ref().map(|index| index.position()).unwrap_or_default();
        let is_on = self.is_on.load(Ordering::Relaxed);
        let newest = self.newest.load(Ordering::Relaxed).max(through);
        let behind = |newest: i64, at: i64| if is_on { (newest - at).max(0).unsigned_abs() } else { 0 };
        let lag_events = behind(newest, through);
        let lag_changes = behind(self.newest_change.load(Ordering::Relaxed), changes);
        let problem = self.problem.load().as_deref().cloned();
        let is_behind = lag_events > 0 || lag_changes > 0 || problem.is_some();
        let caught_up_at = self.caught_up_at.load(Ordering::Relaxed);
        let lag_ms = if is_on && is_behind { clock::now_ms().saturating_sub(caught_up_at).max(1) } else { 0 };
        IndexStatus { is_on, indexed_through: through, newest, lag_events, lag_changes, lag_ms, problem }
    }

    /// The index in use, unless it turned out to be damaged.
    pub(super) fn usable(&self) -> Option<Arc<SearchIndex>> {
        self.index.load_full().filter(|index| !index.is_damaged())
    }
}

#[cfg(test)]
impl SearchState {
    /// How far the index is; nowhere if there is none.
    pub(in crate::db) fn index_position(&self) -> IndexPosition {
        self.index.load().as_ref().map(|index| index.position()).unwrap_or_default()
    }
}
