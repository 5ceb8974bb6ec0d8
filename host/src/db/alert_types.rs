//! The vocabulary of alerts.

/// The unresolved dead letters of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// The plugin.
    pub plugin: String,
    /// Deliveries.
    pub deliveries: u64,
    /// Effects.
    pub effects: u64,
    /// When the oldest of their events was received, ms since the Unix epoch.
    pub oldest_at: Option<u64>,
}

/// How far pruning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruningState {
    /// When the last pass through old events was complete, by the host's clock; at first, when the database was opened.
    pub passed_at: u64,
    /// Whether the database is larger than `retention.size_max_bytes`, and no event may go.
    pub is_full: bool,
}

/// The state of an alert to be stored.
#[derive(Debug)]
pub(super) struct SavedAlert {
    pub(super) name: String,
    /// JSON; `None` removes it.
    pub(super) state: Option<String>,
}
