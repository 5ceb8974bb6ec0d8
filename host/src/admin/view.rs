//! Pages of the API's lists.

use serde::{Deserialize, Serialize};

use crate::db::{DeliveryView, EventSummary, ListedDelivery, ListedEffect};
use crate::replay::Progress;

/// One page of events, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventList {
    /// The events. May be fewer than asked for even when there are more.
    pub items: Vec<EventSummary>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// One page of deliveries, the newest event's first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryList {
    /// The deliveries. May be fewer than asked for even when there are more.
    pub items: Vec<ListedDelivery>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// One delivery, with all that was done with it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
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

/// What became of a delivery that is to be run no more.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Discarded {
    /// `skipped`: it was open; `settled`: it was a dead letter.
    pub done: String,
}

/// One page of replays, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReplayList {
    /// The replays.
    pub items: Vec<Progress>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// One page of effects, the newest event's first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EffectList {
    /// The effects.
    pub items: Vec<ListedEffect>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// How many dead effects were dealt with.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Dealt {
    /// How many.
    pub effects: u64,
}
