//! What search reads of the database.

use super::settings::SearchSettings;
use super::terms::Document;
use crate::db::types::{Answer, InMemoryState};
use crate::db::view::EventSummary;
use crate::event::Digest;

/// Who reads: the follower has a connection of its own, so that it keeps no operator waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) enum ReadLane {
    Answer,
    Follower,
}

/// Which events to read.
#[derive(Debug, Clone, Copy)]
pub(in crate::db) enum DocumentScope<'a> {
    /// The next ones after this one, in order.
    After(i64),
    /// Those after the first and before the second number, the newest first.
    Between(i64, i64),
    /// These, in order.
    These(&'a [i64]),
}

/// Events that were read.
#[derive(Debug, Clone, Default)]
pub(in crate::db) struct DocumentPage {
    pub(in crate::db) documents: Vec<Document>,
    /// Whether there may be more in the scope.
    pub(in crate::db) more: bool,
}

/// A change of events after they were stored, between two numbers, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) struct EventChange {
    pub(in crate::db) number: i64,
    pub(in crate::db) first: i64,
    pub(in crate::db) last: i64,
}

/// The numbers of the changes that are kept; both 0 if there was none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::db) struct ChangeRange {
    pub(in crate::db) first: i64,
    pub(in crate::db) last: i64,
}

/// Reads for search.
pub(in crate::db) trait SearchReads: Send + Sync {
    /// Up to `limit` events, fewer if their bodies are large.
    fn documents<'a>(
        &'a self,
        lane: ReadLane,
        scope: DocumentScope<'a>,
        limit: u32,
        settings: &'a SearchSettings,
    ) -> Answer<'a, DocumentPage>;

    /// These events as a list shows them, by number. Those that are gone are left out.
    fn summaries<'a>(
        &'a self,
        numbers: &'a [i64],
        memory: &'a InMemoryState,
    ) -> Answer<'a, Vec<(i64, EventSummary)>>;

    /// Up to `limit` changes after the one with this number, in order.
    fn event_changes(&self, lane: ReadLane, after: i64, limit: u32) -> Answer<'_, Vec<EventChange>>;

    /// The numbers of the first and the last change.
    fn change_range(&self, lane: ReadLane) -> Answer<'_, ChangeRange>;

    /// What an event with this number was accepted as, while its idempotency key is known: the digest of its body, and
    /// when it was received.
    fn identity(&self, number: i64) -> Answer<'_, Option<(Digest, u64)>>;

    /// The number of the newest event.
    fn newest(&self, lane: ReadLane) -> Answer<'_, i64>;
}
