//! Views of events for operators and commands.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::delivery::{Cause, DeliveryId, HoldReason, Outcome, Resolution, State};
use crate::effect::{Effect, EffectId, EffectOutcome};
use crate::event::EventMetadata;
use crate::replay::Selection;
use crate::token::PluginPattern;

/// The state of an event: the first of these that any of its deliveries has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventState {
    /// A delivery is being run.
    Running,
    /// A delivery is to be run now.
    Pending,
    /// A delivery is to be run again later.
    Waiting,
    /// All open deliveries are held.
    Held,
    /// No delivery is open, and one is an unresolved dead letter.
    Dead,
    /// All deliveries are done or resolved.
    Done,
    /// No plugin wanted it.
    Unhandled,
}

impl EventState {
    /// Returns the state of an event with deliveries in these states, resolved or not.
    #[must_use]
    pub fn of(deliveries: impl IntoIterator<Item = (State, Option<Resolution>)>) -> Self {
        let states = deliveries.into_iter();
        let states =
            states.map(|(state, resolution)| resolution.map_or_else(|| state.into(), |_| Self::Done));
        states.min().unwrap_or(Self::Unhandled)
    }
}

impl std::fmt::Display for EventState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Dead => "dead",
            Self::Done => "done",
            Self::Unhandled => "unhandled",
        })
    }
}

impl From<State> for EventState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Running => Self::Running,
            State::Waiting => Self::Waiting,
            State::Held => Self::Held,
            State::Done => Self::Done,
            State::Dead => Self::Dead,
        }
    }
}

/// A filter of events; an empty one lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only events of this type.
    pub event_type: Option<String>,
    /// Only events of this source.
    pub source: Option<String>,
    /// In this state.
    pub state: Option<EventState>,
}

/// A page of a list, the newest first.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events. A page may be short although more follow.
    pub events: Vec<EventSummary>,
    /// The start of the next page; absent on the last.
    pub next: Option<i64>,
}

/// An event that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedEvent {
    /// Its place in the order of acceptance.
    pub number: i64,
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
}

/// An event in a list.
#[derive(Debug, Clone)]
pub struct EventSummary {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// Its state.
    pub state: EventState,
    /// The sender's timestamp.
    pub created: String,
    /// ms since the Unix epoch.
    pub received_at: u64,
    /// One per plugin.
    pub deliveries: Vec<DeliverySummary>,
}

/// A delivery in a list.
#[derive(Debug, Clone)]
pub struct DeliverySummary {
    /// Its id.
    pub id: String,
    /// The plugin it goes to.
    pub plugin: String,
    /// Its state.
    pub state: State,
    /// The reason of a held delivery: `absent`, `paused`, `switched off`,
    /// `unmatched`, `order` or `breaker`.
    pub held_because: Option<HoldReason>,
    /// The delivery that blocks it: the first open one of its ordering key.
    pub blocked_by: Option<DeliveryId>,
    /// The resolution of a dead letter: `replayed` or `discarded`.
    pub resolution: Option<Resolution>,
    /// Attempts made.
    pub attempts: u32,
}

/// A page of deliveries, the newest event's first.
#[derive(Debug, Clone)]
pub struct DeliveryPage {
    /// The deliveries. A page may be short although more follow.
    pub deliveries: Vec<ListedDelivery>,
    /// The start of the next page; absent on the last.
    pub next: Option<DeliveryId>,
}

/// A delivery in a list of deliveries.
#[derive(Debug, Clone)]
pub struct ListedDelivery {
    /// SHA-256 of the plugin file that its last attempt ran on, hexadecimal.
    pub revision: Option<String>,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The event's type.
    pub event_type: String,
    /// The time when the event was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The delivery.
    pub delivery: DeliverySummary,
    /// The reason why its last attempt is not done.
    pub reason: Option<String>,
}

/// A filter of deliveries; an empty one lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// In this state; of dead ones, only unresolved ones.
    pub state: Option<State>,
    /// Those of these that it also fits.
    pub selection: Selection,
    /// Of plugins that match one of these; of all if there is none.
    pub plugins: Vec<PluginPattern>,
}

/// The number of edited events that an event shows.
pub(super) const EDITS_MAX: u32 = 100;

/// The origin of a replayed delivery.
#[derive(Debug, Clone)]
pub struct ReplayedView {
    /// The replay.
    pub replay: i64,
    /// The delivery that it runs again; absent when the event had not gone to this plugin.
    pub of: Option<String>,
    /// The revision that it chose, hexadecimal; absent for the one in force.
    pub revision: Option<String>,
}

/// Everything about an event but its body.
#[derive(Debug, Clone)]
pub struct EventView {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// Its state.
    pub state: EventState,
    /// The sender's timestamp.
    pub created: String,
    /// ms since the Unix epoch.
    pub received_at: u64,
    /// Its place in the order of acceptance.
    pub number: i64,
    /// Size of its body.
    pub body_bytes: u64,
    /// The value at the source's `ordering_key`.
    pub ordering_key: Option<String>,
    /// What its request said about it beside the body.
    pub metadata: Option<Arc<EventMetadata>>,
    /// The handler that emitted it; absent when it was received.
    pub cause: Option<CauseView>,
    /// The ids of the latest events that an operator made of it with an edited payload.
    pub edits: Vec<String>,
    /// One per plugin.
    pub deliveries: Vec<DeliveryView>,
    /// Other payloads that came with its id.
    pub conflicts: Vec<ConflictView>,
    /// The time when its personal values were erased, ms since the Unix epoch.
    pub erased_at: Option<u64>,
}

/// The body of an event.
#[derive(Debug, Clone)]
pub struct StoredBody {
    /// The bytes, as signed.
    pub body: Bytes,
    /// The range of the payload for handlers.
    pub payload: Range<usize>,
}

/// One event for one plugin.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// Its id.
    pub id: String,
    /// The plugin it goes to.
    pub plugin: String,
    /// Its state.
    pub state: State,
    /// The reason of a held delivery: `absent`, `paused`, `switched off`,
    /// `unmatched`, `order` or `breaker`.
    pub held_because: Option<HoldReason>,
    /// The delivery that blocks it: the first open one of its ordering key.
    pub blocked_by: Option<DeliveryId>,
    /// The resolution of a dead letter: `replayed` or `discarded`.
    pub resolution: Option<Resolution>,
    /// The replay that created it; absent if it came with the event.
    pub cause: Option<ReplayedView>,
    /// The time of its next attempt, ms since the Unix epoch.
    pub due_at: Option<u64>,
    /// The attempts, in order.
    pub attempts: Vec<AttemptView>,
    /// Its handler's effects, in order.
    pub effects: Vec<EffectView>,
}

/// An attempt at a delivery.
#[derive(Debug, Clone)]
pub struct AttemptView {
    /// Its number, from 1.
    pub number: u32,
    /// Its outcome.
    pub outcome: Outcome,
    /// The cause of the failure; absent when done.
    pub cause: Option<Cause>,
    /// The reason why it is not done.
    pub reason: Option<String>,
    /// SHA-256 of the plugin file that ran, hexadecimal.
    pub revision: String,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// Its duration.
    pub duration_us: u64,
    /// The most memory it had.
    pub peak_memory_bytes: u64,
    /// The plugin's log lines, `LEVEL text`.
    pub logs: Vec<String>,
}

/// The origin of an event that a plugin emitted.
#[derive(Debug, Clone)]
pub struct CauseView {
    /// The source of the event that was handled.
    pub source: String,
    /// Its id.
    pub id: String,
    /// The plugin that handled it; absent when an operator edited it.
    pub plugin: Option<String>,
    /// The distance, in events, from the received event.
    pub depth: u32,
}

/// An effect and its attempts. Without secrets, and without the values of
/// headers that may hold some.
#[derive(Debug, Clone)]
pub struct EffectView {
    /// Its `Idempotency-Key`, the same for every attempt.
    pub key: String,
    /// `pending`, `waiting`, `done` or `dead`.
    pub state: State,
    /// The time of its next attempt, ms since the Unix epoch.
    pub due_at: Option<u64>,
    /// Its summary.
    pub effect: Effect,
    /// The attempts, in order.
    pub attempts: Vec<EffectAttemptView>,
}

impl EffectView {
    /// Shows an effect.
    #[must_use]
    pub fn new(
        key: String,
        state: State,
        due_at: Option<u64>,
        effect: &Effect,
        attempts: Vec<EffectAttemptView>,
    ) -> Self {
        Self { key, state, due_at, effect: effect.shown(), attempts }
    }
}

/// A filter of effects; an empty one lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectFilter {
    /// In this state; of dead ones, only unresolved ones.
    pub state: Option<State>,
    /// Queued by this plugin.
    pub plugin: Option<String>,
    /// This replay was the last to make them due again.
    pub replay: Option<i64>,
    /// Queued by plugins that match one of these; by all if there is none.
    pub plugins: Vec<PluginPattern>,
}

/// A page of effects, the newest event's first.
#[derive(Debug, Clone)]
pub struct EffectPage {
    /// The effects.
    pub effects: Vec<ListedEffect>,
    /// The start of the next page; absent on the last.
    pub next: Option<EffectId>,
}

/// An effect in a list: without its attempts.
#[derive(Debug, Clone)]
pub struct ListedEffect {
    /// Its id.
    pub id: EffectId,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The delivery whose handler queued it.
    pub delivery: String,
    /// The plugin.
    pub plugin: String,
    /// The response to the last attempt, or the error.
    pub last: Option<String>,
    /// The effect.
    pub effect: EffectView,
}

/// An attempt at an effect.
#[derive(Debug, Clone)]
pub struct EffectAttemptView {
    /// Its number, from 1.
    pub number: u32,
    /// `done`, `retry`, `refused` or `crash`.
    pub outcome: EffectOutcome,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// Its duration.
    pub duration_us: u64,
    /// The response, or the error.
    pub detail: String,
}

/// A filter of a store's entries; an empty one lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreFilter {
    /// In this bucket.
    pub bucket: Option<String>,
    /// With keys that begin so.
    pub prefix: String,
    /// After this bucket and key.
    pub after: Option<(String, String)>,
}

/// The key of a stored entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The size of the value.
    pub bytes: u64,
}

/// A payload whose id belongs to another one.
#[derive(Debug, Clone)]
pub struct ConflictView {
    /// SHA-256 of the body, hexadecimal.
    pub digest: String,
    /// ms since the Unix epoch.
    pub received_at: u64,
    /// The body.
    pub body: String,
}
