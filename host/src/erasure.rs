//! Erasures of personal values that operators request, and their progress. No IO.

use std::collections::BTreeMap;
use std::ops::{AddAssign, Range};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::event::EventMetadata;
use crate::replay::Selection;

/// The text in place of an erased value.
pub const ERASED: &str = "[erased]";
/// The number of events that are shown as examples.
pub const EXAMPLES: usize = 20;

/// The request for an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The events; empty for all.
    #[serde(rename = "where")]
    pub selection: Selection,
    /// Only report the result, and change nothing.
    pub dry_run: bool,
}

/// The personal values of a source's events, as they are configured when the erasure is requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalSource {
    /// JSON pointers to them in the body.
    pub pointers: Vec<String>,
    /// Whether the ordering key is one of them.
    pub ordering_key: bool,
}

/// The personal values of all configured sources, by name.
pub type PersonalSources = BTreeMap<String, PersonalSource>;

/// The number of skipped events for each reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// A delivery or an effect is open: its handler needs the values.
    pub open: u64,
    /// Their source has no personal values.
    pub not_personal: u64,
}

impl Skipped {
    /// The number of all of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.open + self.not_personal
    }
}

impl AddAssign for Skipped {
    fn add_assign(&mut self, more: Self) {
        self.open += more.open;
        self.not_personal += more.not_personal;
    }
}

/// An event that an erasure found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its sequence number.
    pub event: i64,
    /// How it is shown.
    pub example: Example,
    /// Its body.
    pub body: Bytes,
    /// The range of the payload in the body.
    pub payload: Range<usize>,
    /// Its ordering key.
    pub ordering_key: Option<String>,
    /// What its request said about it beside the body.
    pub metadata: Option<Arc<EventMetadata>>,
    /// Whether a delivery or an effect is open.
    pub is_open: bool,
}

/// An event that an erasure shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The time when it was received, ms since the Unix epoch.
    pub received_at: u64,
}

/// An event with its new body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedEvent {
    /// Its sequence number.
    pub event: i64,
    /// The body without personal values.
    pub body: Bytes,
    /// The range of the payload in it.
    pub payload: Range<usize>,
    /// Whether its ordering key is erased too.
    pub ordering_key: bool,
    /// What its request said about it beside the body, without personal values.
    pub metadata: Option<EventMetadata>,
}

/// One page of an erasure, which commits as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErasurePage {
    /// The erasure's number.
    pub erasure: i64,
    /// The events to erase.
    pub events: Vec<ErasedEvent>,
    /// The events that are skipped.
    pub skipped: Skipped,
    /// The last processed event; `None` after the last page.
    pub after: Option<i64>,
    /// The first events, as examples.
    pub first: Vec<Example>,
    /// Only count.
    pub dry_run: bool,
}

/// The progress of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its number.
    pub id: i64,
    /// The time of the request, ms since the Unix epoch.
    pub asked_at: u64,
    /// The request.
    pub request: Request,
    /// The personal values of each source.
    pub sources: PersonalSources,
    /// Its state.
    pub state: ErasureState,
    /// The number of events that the selection matched at the time of the request.
    pub found: u64,
    /// The number of erased events; in a dry run, their expected number.
    pub erased: u64,
    /// The events that were skipped.
    pub skipped: Skipped,
    /// The first events, as examples.
    pub first: Vec<Example>,
}

/// The state of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureState {
    /// It is in progress, also after a restart.
    Running,
    /// It has processed all events, and the database's log is empty of their values.
    Done,
}

/// An erasure in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureInProgress {
    /// Its number.
    pub id: i64,
    /// The request.
    pub request: Request,
    /// The personal values of each source.
    pub sources: PersonalSources,
    /// The last processed event.
    pub after: i64,
    /// The newest event at the time of the request. Later ones are not included.
    pub last_event: i64,
    /// The number of examples that are still missing.
    pub examples: usize,
}
