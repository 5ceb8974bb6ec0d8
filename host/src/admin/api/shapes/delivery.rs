//! Deliveries and their attempts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::formats::read_object;
use super::{EffectView, ReplaySelection};
use crate::db;
use crate::delivery::{Cause, DeliveryId, HoldReason, Outcome, Resolution, State, reason_without_names};

/// One page of deliveries, the newest event's first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// The deliveries. May be fewer than `limit` even when there are more.
    pub items: Vec<ListedDelivery>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// A delivery in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliverySummary {
    /// Its id.
    pub id: String,
    /// The plugin it goes to.
    pub plugin: String,
    /// Its state.
    #[schema(value_type = DeliveryState)]
    pub state: State,
    /// Why it is held, if it is: `absent`, `paused`, `switched off`,
    /// `unmatched`, `order` or `breaker`.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub held_because: Option<HoldReason>,
    /// The delivery that blocks it, for `order`: the first open one of its ordering key.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub blocked_by: Option<DeliveryId>,
    /// How a dead letter was resolved: `replayed` or `discarded`.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub resolution: Option<Resolution>,
    /// Attempts made.
    pub attempts: u32,
}

/// A delivery in a list of deliveries.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListedDelivery {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When the event was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliverySummary,
    /// Why its last attempt is not done, without the names of plugin, revision, event and interface.
    pub reason: Option<String>,
    /// SHA-256 of the plugin's file that its last attempt ran on, hexadecimal; null before the first.
    #[serde(default)]
    pub revision: Option<String>,
}

/// One delivery, with its attempts and effects.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveryDetail {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliveryView,
}

/// One event for one plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// Its id.
    pub id: String,
    /// The plugin it goes to.
    pub plugin: String,
    /// Its state.
    #[schema(value_type = DeliveryState)]
    pub state: State,
    /// Why it is held, if it is: `absent`, `paused`, `switched off`,
    /// `unmatched`, `order` or `breaker`.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub held_because: Option<HoldReason>,
    /// The delivery that blocks it, for `order`: the first open one of its ordering key.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub blocked_by: Option<DeliveryId>,
    /// How a dead letter was resolved: `replayed` or `discarded`.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    pub resolution: Option<Resolution>,
    /// The replay that made it; absent when it was made with the event.
    #[serde(default)]
    pub cause: Option<ReplayedView>,
    /// When its next attempt is due, ms since the Unix epoch.
    pub due_at: Option<u64>,
    /// The attempts, in order.
    pub attempts: Vec<AttemptView>,
    /// The effects of its handler, in order.
    #[serde(default)]
    pub effects: Vec<EffectView>,
}

/// The state of a delivery.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// An attempt is under way.
    Running,
    /// It is due.
    Pending,
    /// It waits for its next attempt.
    Waiting,
    /// It waits for something else than time; `held_because` says for what.
    Held,
    /// It is done.
    Done,
    /// It is a dead letter.
    Dead,
}

/// The replay that made a delivery.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayedView {
    /// The replay.
    pub replay: i64,
    /// The delivery that is replayed; absent when the plugin had none of this event.
    pub of: Option<String>,
    /// The revision that the replay chose, hexadecimal; absent for the one in force at each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// One attempt at a delivery.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// How it ended.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// Whose failure it was; absent when done.
    #[schema(value_type = Option<String>)]
    pub cause: Option<Cause>,
    /// Why it is not done.
    pub reason: Option<String>,
    /// SHA-256 of the plugin file that ran, hexadecimal.
    pub revision: String,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// How long it took.
    pub duration_us: u64,
    /// Its peak memory.
    pub peak_memory_bytes: u64,
    /// What the plugin logged, `LEVEL text`.
    pub logs: Vec<String>,
}

/// Makes waiting deliveries due: those that match all of `where`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryRequest {
    /// Which of them; all without it.
    #[serde(rename = "where", deserialize_with = "read_object")]
    pub selection: ReplaySelection,
    /// Only count them.
    pub dry_run: bool,
}

/// The waiting deliveries that are due now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RetryResult {
    /// Their number; in a dry run, the number that would be. At most 100,000 become due at once.
    pub deliveries: u64,
    /// In a dry run, the newest of them.
    pub first: Vec<ListedDelivery>,
}

/// The result of discarding a delivery.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DiscardResult {
    /// `skipped`: it was open; `resolved`: it was a dead letter, which is resolved now.
    pub done: String,
}

impl From<db::DeliveryPage> for DeliveryList {
    fn from(page: db::DeliveryPage) -> Self {
        Self {
            items: page.deliveries.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
        }
    }
}

impl From<db::DeliverySummary> for DeliverySummary {
    fn from(delivery: db::DeliverySummary) -> Self {
        let db::DeliverySummary { id, plugin, state, held_because, blocked_by, resolution, attempts } =
            delivery;
        Self { id, plugin, state, held_because, blocked_by, resolution, attempts }
    }
}

impl From<DeliveryView> for DeliverySummary {
    fn from(delivery: DeliveryView) -> Self {
        let DeliveryView { id, plugin, state, held_because, blocked_by, resolution, attempts, .. } = delivery;
        let attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        Self { id, plugin, state, held_because, blocked_by, resolution, attempts }
    }
}

impl From<db::ListedDelivery> for ListedDelivery {
    fn from(listed: db::ListedDelivery) -> Self {
        let db::ListedDelivery { source, event, event_type, received_at, delivery, reason, revision } =
            listed;
        let reason = reason.map(|reason| reason_without_names(&reason, &delivery.plugin, &event).to_owned());
        Self { source, event, event_type, received_at, delivery: delivery.into(), reason, revision }
    }
}

impl From<db::DeliveryView> for DeliveryView {
    fn from(delivery: db::DeliveryView) -> Self {
        Self {
            id: delivery.id,
            plugin: delivery.plugin,
            state: delivery.state,
            held_because: delivery.held_because,
            blocked_by: delivery.blocked_by,
            resolution: delivery.resolution,
            cause: delivery.cause.map(Into::into),
            due_at: delivery.due_at,
            attempts: delivery.attempts.into_iter().map(Into::into).collect(),
            effects: delivery.effects.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<db::ReplayedView> for ReplayedView {
    fn from(cause: db::ReplayedView) -> Self {
        let db::ReplayedView { replay, of, revision } = cause;
        Self { replay, of, revision }
    }
}

impl From<db::AttemptView> for AttemptView {
    fn from(attempt: db::AttemptView) -> Self {
        Self {
            number: attempt.number,
            outcome: attempt.outcome,
            cause: attempt.cause,
            reason: attempt.reason,
            revision: attempt.revision,
            started_at: attempt.started_at,
            duration_us: attempt.duration_us,
            peak_memory_bytes: attempt.peak_memory_bytes,
            logs: attempt.logs,
        }
    }
}
