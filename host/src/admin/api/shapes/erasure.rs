//! Erasures of personal values: requests and their progress.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::formats::{SelectionText, SourceText, read_integers, read_object, read_time};
use crate::erasure;
use crate::replay::Selection;

/// A request to erase the personal values of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// Which events.
    #[serde(default, rename = "where", deserialize_with = "read_object")]
    pub selection: ErasureSelection,
    /// All events. It goes with an empty `where`, which is refused without it.
    #[serde(default)]
    pub all: bool,
    /// Only count, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Selects events: those that match all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErasureSelection {
    /// Events with one of these places in the order of acceptance (`number` of an event).
    #[serde(deserialize_with = "read_integers")]
    pub events: Option<Vec<i64>>,
    /// Of this type.
    #[serde(rename = "type")]
    #[schema(value_type = Option<SelectionText>)]
    pub event_type: Option<String>,
    /// Of this source.
    #[schema(value_type = Option<SourceText>)]
    pub source: Option<String>,
    /// Received at this time or after, ms since the Unix epoch.
    #[serde(deserialize_with = "read_time")]
    #[schema(maximum = 9_223_372_036_854_775_807_u64)]
    pub since: Option<u64>,
    /// Received before this time, ms since the Unix epoch.
    #[serde(deserialize_with = "read_time")]
    #[schema(maximum = 9_223_372_036_854_775_807_u64)]
    pub until: Option<u64>,
}

/// The progress of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureProgress {
    /// Its number.
    pub id: i64,
    /// When it was requested, ms since the Unix epoch.
    pub asked_at: u64,
    /// The request.
    pub request: ErasureRequest,
    /// JSON pointers to the personal values of each source, as they were configured then. Of events that plugins emit,
    /// and of those of removed sources, the whole body is erased.
    pub personal: BTreeMap<String, Vec<String>>,
    /// Its state.
    pub state: ErasureState,
    /// Number of events that the selection matched when it was requested.
    pub found: u64,
    /// Number of events that were erased, or would be in a dry run.
    pub erased: u64,
    /// Events that were skipped.
    pub skipped: SkippedEvents,
    /// The first events.
    pub first: Vec<ErasureExample>,
}

/// The number of skipped events for each reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SkippedEvents {
    /// A delivery or an effect is open: its handler needs the values.
    pub open: u64,
    /// Their source has no `personal` pointers.
    pub not_personal: u64,
}

/// The state of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErasureState {
    /// It is in progress, also after a restart.
    Running,
    /// All events are processed, and the values are gone from the database's files.
    Done,
}

/// One of the first events of an erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureExample {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it was received, ms since the Unix epoch.
    pub received_at: u64,
}

impl From<ErasureSelection> for Selection {
    fn from(selection: ErasureSelection) -> Self {
        let ErasureSelection { events, event_type, source, since, until } = selection;
        Self { events, event_type, source, since, until, ..Self::default() }
    }
}

impl From<Selection> for ErasureSelection {
    fn from(selection: Selection) -> Self {
        let Selection { events, event_type, source, since, until, .. } = selection;
        Self { events, event_type, source, since, until }
    }
}

impl From<erasure::Progress> for ErasureProgress {
    fn from(progress: erasure::Progress) -> Self {
        let erasure::Request { selection, dry_run } = progress.request;
        let selection = ErasureSelection::from(selection);
        let all = selection == ErasureSelection::default();
        let erasure::Skipped { open, not_personal } = progress.skipped;
        let personal = progress.sources.into_iter().filter(|(_, source)| !source.pointers.is_empty());
        Self {
            id: progress.id,
            asked_at: progress.asked_at,
            request: ErasureRequest { selection, all, dry_run },
            personal: personal.map(|(name, source)| (name, source.pointers)).collect(),
            state: match progress.state {
                erasure::ErasureState::Running => ErasureState::Running,
                erasure::ErasureState::Done => ErasureState::Done,
            },
            found: progress.found,
            erased: progress.erased,
            skipped: SkippedEvents { open, not_personal },
            first: progress.first.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<erasure::Example> for ErasureExample {
    fn from(example: erasure::Example) -> Self {
        let erasure::Example { source, id, event_type, received_at } = example;
        Self { source, event: id, event_type, received_at }
    }
}
