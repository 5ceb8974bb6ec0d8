//! The search index.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db;

/// How far the search index is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SearchIndex {
    /// Whether the configuration asks for an index (`search.index`).
    pub enabled: bool,
    /// All events up to this number are in it.
    pub indexed_through: i64,
    /// The number of the newest event.
    pub newest: i64,
    /// Event numbers that it is behind. Some numbers have no event.
    pub lag_events: u64,
    /// Changes of stored events that it is behind: failed attempts, replays, removals, erased values.
    pub lag_changes: u64,
    /// Time since it had everything, in ms; 0 while it has.
    pub lag_ms: u64,
    /// The reason why it does not advance.
    pub problem: Option<String>,
}

impl From<db::IndexStatus> for SearchIndex {
    fn from(status: db::IndexStatus) -> Self {
        let db::IndexStatus { is_on, indexed_through, newest, lag_events, lag_changes, lag_ms, problem } =
            status;
        Self { enabled: is_on, indexed_through, newest, lag_events, lag_changes, lag_ms, problem }
    }
}
