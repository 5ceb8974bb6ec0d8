//! Events.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{DeliverySummary, DeliveryView};
use crate::admin::api::formats::NameText;
use crate::db;
use crate::delivery::{DeliveryId, idempotency_key};
use crate::event::{EventMetadata, PluginName};

/// One page of events, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventList {
    /// The events. May be fewer than `limit` even when there are more.
    pub items: Vec<EventSummary>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
    /// Whether no event is missing. A search misses some while the search index is far behind.
    #[serde(default = "complete")]
    pub complete: bool,
    /// Of a search: all events up to this number are in the search index. Of newer ones, the newest
    /// `search.scan_max_events` were read.
    #[serde(default)]
    pub indexed_through: Option<i64>,
}

fn complete() -> bool {
    true
}

/// The state of an event: the first of these that any of its deliveries is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventState {
    /// A delivery is being run.
    Running,
    /// A delivery is due.
    Pending,
    /// A delivery waits for its next attempt.
    Waiting,
    /// All open deliveries are held.
    Held,
    /// Nothing is open, and a delivery is an unresolved dead letter.
    Dead,
    /// All deliveries are done or resolved.
    Done,
    /// No plugin handles it.
    Unhandled,
}

/// An event in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventSummary {
    /// Who sent it.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
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

/// Everything about an event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Who sent it.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its state.
    pub state: EventState,
    /// The sender's timestamp.
    pub created: String,
    /// ms since the Unix epoch.
    pub received_at: u64,
    /// Its place in the order of acceptance.
    #[serde(default)]
    pub number: i64,
    /// Size of its body.
    pub body_bytes: u64,
    /// The value at the source's `ordering_key`.
    pub ordering_key: Option<String>,
    /// The media type of the content that the payload was made of, as the sender wrote it; null if that is JSON.
    #[serde(default)]
    pub content_type: Option<String>,
    /// The context attributes of a `CloudEvent`, with extensions, by name. Other events have none.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The event that it comes from; absent when it was received.
    pub cause: Option<CauseView>,
    /// The ids of the latest 100 events that an operator made of it with an edited payload.
    #[serde(default)]
    pub edits: Vec<String>,
    /// One per plugin.
    pub deliveries: Vec<DeliveryView>,
    /// Other payloads received with its id.
    pub conflicts: Vec<ConflictView>,
    /// When its personal values were erased, ms since the Unix epoch; null if they were not.
    #[serde(default)]
    pub erased_at: Option<u64>,
    /// The payload that handlers get, as it was sent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Box<RawValue>>,
    /// Whether `payload` is a string with the payload's text: it is no JSON, nested deeper than 100 levels, or
    /// has a number beyond the range of a 64-bit float.
    #[serde(default)]
    pub payload_is_text: bool,
    /// JSON pointers to personal values of the body that are masked here. `/NAME` is a masked attribute, too.
    #[serde(default)]
    pub masked: Vec<String>,
}

/// The request to run an event again with another payload.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditRequest {
    /// The payload that handlers get.
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
    /// The only plugin that gets it. Without it, all plugins that handle its type now.
    #[serde(default)]
    #[schema(value_type = Option<NameText>)]
    pub to: Option<PluginName>,
}

/// An event with an edited payload.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EditedEvent {
    /// Its source: that of the edited event.
    pub source: String,
    /// Its id.
    pub id: String,
    /// The id of the edited event.
    pub of: String,
    /// The deliveries that were made; 0 when no plugin handles its type.
    pub deliveries: usize,
}

/// An event with its context, to be run again elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExportedEvent {
    /// Who sent it.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The sender's timestamp.
    pub created: String,
    /// ms since the Unix epoch.
    #[serde(default)]
    pub received_at: Option<u64>,
    /// The WIT package of the source's typed handlers.
    #[serde(default)]
    pub package: Option<String>,
    /// The media type of the content that the payload was made of, as the sender wrote it; absent if that is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The context attributes of a `CloudEvent`, with extensions, by name. Absent for other events.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The payload that handlers get, as it was sent.
    #[schema(value_type = Object)]
    pub payload: Box<RawValue>,
    /// Whether `payload` is a string with the payload's text: it is no JSON, nested deeper than 100 levels, or
    /// has a number beyond the range of a 64-bit float.
    #[serde(default)]
    pub payload_is_text: bool,
    /// JSON pointers to personal values of the body that are masked here. `/NAME` is a masked attribute, too.
    #[serde(default)]
    pub masked: Vec<String>,
    /// One per plugin, and one per replay.
    #[serde(default)]
    pub deliveries: Vec<ExportedDelivery>,
}

/// A delivery of an exported event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ExportedDelivery {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// The plugin it goes to.
    pub plugin: String,
    /// The key that its handler gets.
    pub idempotency_key: String,
    /// Attempts made.
    pub attempts: u32,
}

/// The event that another comes from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CauseView {
    /// The source of the event that was handled or edited.
    pub source: String,
    /// Its id.
    pub id: String,
    /// The plugin that handled it; absent when an operator edited it.
    pub plugin: Option<String>,
    /// Number of emitted events from the received one to this one.
    pub depth: u32,
}

/// Another payload with the id of an event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConflictView {
    /// SHA-256 of the body, hexadecimal.
    pub digest: String,
    /// ms since the Unix epoch.
    pub received_at: u64,
    /// The body.
    pub body: String,
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        db::EventState::from(*self).fmt(f)
    }
}

impl From<db::EventState> for EventState {
    fn from(state: db::EventState) -> Self {
        match state {
            db::EventState::Running => Self::Running,
            db::EventState::Pending => Self::Pending,
            db::EventState::Waiting => Self::Waiting,
            db::EventState::Held => Self::Held,
            db::EventState::Dead => Self::Dead,
            db::EventState::Done => Self::Done,
            db::EventState::Unhandled => Self::Unhandled,
        }
    }
}

impl From<EventState> for db::EventState {
    fn from(state: EventState) -> Self {
        match state {
            EventState::Running => Self::Running,
            EventState::Pending => Self::Pending,
            EventState::Waiting => Self::Waiting,
            EventState::Held => Self::Held,
            EventState::Dead => Self::Dead,
            EventState::Done => Self::Done,
            EventState::Unhandled => Self::Unhandled,
        }
    }
}

impl From<db::EventPage> for EventList {
    fn from(page: db::EventPage) -> Self {
        Self {
            items: page.events.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
            complete: true,
            indexed_through: None,
        }
    }
}

impl From<db::SearchPage> for EventList {
    fn from(page: db::SearchPage) -> Self {
        Self {
            items: page.events.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
            complete: page.is_complete,
            indexed_through: Some(page.indexed_through),
        }
    }
}

impl From<db::EventSummary> for EventSummary {
    fn from(event: db::EventSummary) -> Self {
        let db::EventSummary { source, id, event_type, state, created, received_at, deliveries } = event;
        let deliveries = deliveries.into_iter().map(Into::into).collect();
        Self { source, id, event_type, state: state.into(), created, received_at, deliveries }
    }
}

impl From<EventView> for EventSummary {
    fn from(event: EventView) -> Self {
        let EventView { source, id, event_type, state, created, received_at, deliveries, .. } = event;
        let deliveries = deliveries.into_iter().map(Into::into).collect();
        Self { source, id, event_type, state, created, received_at, deliveries }
    }
}

impl From<db::EventView> for EventView {
    fn from(event: db::EventView) -> Self {
        let EventMetadata { content_type, attributes } =
            event.metadata.map(Arc::unwrap_or_clone).unwrap_or_default();
        Self {
            source: event.source,
            id: event.id,
            event_type: event.event_type,
            state: event.state.into(),
            created: event.created,
            received_at: event.received_at,
            number: event.number,
            body_bytes: event.body_bytes,
            ordering_key: event.ordering_key,
            content_type,
            attributes,
            cause: event.cause.map(Into::into),
            edits: event.edits,
            deliveries: event.deliveries.into_iter().map(Into::into).collect(),
            conflicts: event.conflicts.into_iter().map(Into::into).collect(),
            erased_at: event.erased_at,
            payload: None,
            payload_is_text: false,
            masked: Vec::new(),
        }
    }
}

impl EventView {
    /// The event with its context. `package` is that of its source.
    pub(in crate::admin) fn into_export(self, package: Option<String>) -> Option<ExportedEvent> {
        let Self { source, id, event_type, created, received_at, masked, deliveries, .. } = self;
        let (payload, payload_is_text) = (self.payload, self.payload_is_text);
        let (content_type, attributes) = (self.content_type, self.attributes);
        let exported = |delivery: &DeliveryView| {
            let number: DeliveryId = delivery.id.parse().ok()?;
            Some(ExportedDelivery {
                id: number,
                plugin: delivery.plugin.clone(),
                idempotency_key: idempotency_key(&source, &id, &delivery.plugin, number.number),
                attempts: u32::try_from(delivery.attempts.len()).unwrap_or(u32::MAX),
            })
        };
        let deliveries = deliveries.iter().filter_map(exported).collect();
        let (received_at, payload) = (Some(received_at), payload?);
        Some(ExportedEvent {
            source,
            id,
            event_type,
            created,
            received_at,
            package,
            content_type,
            attributes,
            payload,
            payload_is_text,
            masked,
            deliveries,
        })
    }
}

impl From<db::CauseView> for CauseView {
    fn from(cause: db::CauseView) -> Self {
        let db::CauseView { source, id, plugin, depth } = cause;
        Self { source, id, plugin, depth }
    }
}

impl From<db::ConflictView> for ConflictView {
    fn from(conflict: db::ConflictView) -> Self {
        let db::ConflictView { digest, received_at, body } = conflict;
        Self { digest, received_at, body }
    }
}
