//! What is shown of events to operators and commands.

use crate::delivery::{Cause, DeliveryId, HeldBecause, Outcome, Settled, State};
use crate::effect::{Effect, EffectId, TryOutcome};
use crate::replay::Selection;

/// Where an event stands: the first of these that any of its deliveries is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventState {
    /// A delivery is being run.
    Running,
    /// A delivery is to be run now.
    Pending,
    /// A delivery is to be run again later.
    Waiting,
    /// All that is open is held.
    Held,
    /// Nothing is open, and a delivery is a dead letter that nobody has dealt with.
    Dead,
    /// All deliveries are done, or were dealt with.
    Done,
    /// No plugin wanted it.
    Unhandled,
}

impl EventState {
    /// The state of an event with deliveries in these states, dealt with or not.
    #[must_use]
    pub fn of(deliveries: impl IntoIterator<Item = (State, Option<Settled>)>) -> Self {
        let states = deliveries.into_iter();
        let states = states.map(|(state, settled)| settled.map_or_else(|| state.into(), |_| Self::Done));
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

/// Which events to list; all of them where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this type.
    pub event_type: Option<String>,
    /// Of this source.
    pub source: Option<String>,
    /// In this state.
    pub state: Option<EventState>,
}

/// A page of a list, the newest first.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events. May be fewer than asked for even when there are more.
    pub events: Vec<EventSummary>,
    /// Where the next page begins; absent on the last.
    pub next: Option<i64>,
}

/// An event in a list.
#[derive(Debug, Clone)]
pub struct EventSummary {
    /// Who sent it.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// Where it stands.
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
    /// Where it stands.
    pub state: State,
    /// What it waits for, when it is held: `absent`, `paused`, `breaker` or `order`.
    pub held_because: Option<HeldBecause>,
    /// How a dead letter was dealt with: `replayed` or `discarded`.
    pub settled: Option<Settled>,
    /// Attempts made.
    pub attempts: u32,
}

/// A page of deliveries, the newest event's first.
#[derive(Debug, Clone)]
pub struct DeliveryPage {
    /// The deliveries. May be fewer than asked for even when there are more.
    pub deliveries: Vec<ListedDelivery>,
    /// Where the next page begins; absent on the last.
    pub next: Option<DeliveryId>,
}

/// A delivery in a list of deliveries.
#[derive(Debug, Clone)]
pub struct ListedDelivery {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The event's type.
    pub event_type: String,
    /// When the event was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The delivery.
    pub delivery: DeliverySummary,
    /// Why its last attempt is not done.
    pub reason: Option<String>,
}

/// Which deliveries to list; all of them where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// In this state; of dead ones only those that nobody has dealt with.
    pub state: Option<State>,
    /// Those of these that it also fits.
    pub selection: Selection,
}

/// Where a delivery comes from that an operator asked for.
#[derive(Debug, Clone)]
pub struct ReplayedView {
    /// The replay.
    pub replay: i64,
    /// The delivery that it runs again; absent when the event had not gone to this plugin.
    pub of: Option<String>,
}

/// Everything about an event but its body.
#[derive(Debug, Clone)]
pub struct EventView {
    /// Who sent it.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// Where it stands.
    pub state: EventState,
    /// The sender's timestamp.
    pub created: String,
    /// ms since the Unix epoch.
    pub received_at: u64,
    /// Its place in the order of acceptance.
    pub number: i64,
    /// Size of its body.
    pub body_bytes: u64,
    /// What the source's `ordering_key` points to.
    pub ordering_key: Option<String>,
    /// The handler that emitted it; absent when it was received.
    pub cause: Option<CauseView>,
    /// One per plugin.
    pub deliveries: Vec<DeliveryView>,
    /// Other payloads that came with its id.
    pub conflicts: Vec<ConflictView>,
}

/// One event for one plugin.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// Its id.
    pub id: String,
    /// The plugin it goes to.
    pub plugin: String,
    /// Where it stands.
    pub state: State,
    /// What it waits for, when it is held: `absent`, `paused`, `breaker` or `order`.
    pub held_because: Option<HeldBecause>,
    /// How a dead letter was dealt with: `replayed` or `discarded`.
    pub settled: Option<Settled>,
    /// Who asked for it; absent when it came with the event.
    pub cause: Option<ReplayedView>,
    /// When it is to be run again, ms since the Unix epoch.
    pub due_at: Option<u64>,
    /// The tries, in order.
    pub attempts: Vec<AttemptView>,
    /// What its handler asked for, in order.
    pub effects: Vec<EffectView>,
}

/// One try at a delivery.
#[derive(Debug, Clone)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Whose failure it was; absent when done.
    pub cause: Option<Cause>,
    /// Why it is not done.
    pub reason: Option<String>,
    /// SHA-256 of the plugin file that ran, hexadecimal.
    pub revision: String,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// How long it took.
    pub duration_us: u64,
    /// The most memory it had.
    pub peak_memory_bytes: u64,
    /// What the plugin logged, `LEVEL text`.
    pub logs: Vec<String>,
}

/// Where an event comes from that a plugin emitted.
#[derive(Debug, Clone)]
pub struct CauseView {
    /// The source of the event that was handled.
    pub source: String,
    /// Its id.
    pub id: String,
    /// The plugin that handled it.
    pub plugin: String,
    /// How many events this one is away from one that was received.
    pub depth: u32,
}

/// Something that a handler asked for, and what became of it. Without secrets, and without the values of
/// headers that may hold some.
#[derive(Debug, Clone)]
pub struct EffectView {
    /// The same on every try: its `Idempotency-Key`.
    pub key: String,
    /// `pending`, `waiting`, `done` or `dead`.
    pub state: State,
    /// When it is to be tried again, ms since the Unix epoch.
    pub due_at: Option<u64>,
    /// What it does.
    pub effect: Effect,
    /// The tries, in order.
    pub tries: Vec<TryView>,
}

impl EffectView {
    /// Shows an effect.
    #[must_use]
    pub fn new(key: String, state: State, due_at: Option<u64>, effect: &Effect, tries: Vec<TryView>) -> Self {
        Self { key, state, due_at, effect: effect.shown(), tries }
    }
}

/// Which effects to list; all of them where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectFilter {
    /// In this state; of dead ones only those that nobody has dealt with.
    pub state: Option<State>,
    /// Asked for by this plugin.
    pub plugin: Option<String>,
}

/// A page of effects, the newest event's first.
#[derive(Debug, Clone)]
pub struct EffectPage {
    /// The effects.
    pub effects: Vec<ListedEffect>,
    /// Where the next page begins; absent on the last.
    pub next: Option<EffectId>,
}

/// An effect in a list: without its tries.
#[derive(Debug, Clone)]
pub struct ListedEffect {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The delivery whose handler asked for it.
    pub delivery: String,
    /// The plugin.
    pub plugin: String,
    /// What was answered at the last try, or what is wrong.
    pub last: Option<String>,
    /// The effect.
    pub effect: EffectView,
}

/// One try at an effect.
#[derive(Debug, Clone)]
pub struct TryView {
    /// From 1.
    pub number: u32,
    /// `done`, `retry`, `refused` or `crash`.
    pub outcome: TryOutcome,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// How long it took.
    pub duration_us: u64,
    /// What was answered, or what is wrong.
    pub detail: String,
}

/// A payload whose id another one has.
#[derive(Debug, Clone)]
pub struct ConflictView {
    /// SHA-256 of the body, hexadecimal.
    pub digest: String,
    /// ms since the Unix epoch.
    pub received_at: u64,
    /// The body.
    pub body: String,
}
