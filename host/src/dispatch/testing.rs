//! Deliveries for tests.

use std::sync::Arc;

use bytes::Bytes;

use crate::delivery::{Delivery, DeliveryId, ReadySince};
use crate::event::{Digest, Event, PluginName};

pub(super) fn name(plugin: &str) -> PluginName {
    PluginName::new(plugin).unwrap()
}

pub(super) fn id(event: i64) -> DeliveryId {
    DeliveryId { event, number: 1 }
}

/// A delivery without an attempt, of an event received at 0.
pub(super) fn delivery(plugin: &str, seq: i64) -> Delivery {
    let event = Event {
        source: name("s"),
        id: seq.to_string(),
        event_type: "t".into(),
        created: String::new(),
        received_at: 0,
        body: Bytes::new(),
        payload: 0..0,
        ordering_key: None,
        origin: None,
        trace: None,
        metadata: None,
        digest: Digest([0; 32]),
    };
    Delivery {
        id: id(seq),
        event: Arc::new(event),
        plugin: name(plugin),
        attempts: 0,
        failures: 0,
        since: 0,
        order: None,
        revision: None,
        ready: ReadySince::Due(0),
    }
}
