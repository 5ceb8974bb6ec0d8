//! Events as the provider sends them.

use hmac::{Hmac, KeyInit as _, Mac as _};

/// The secret of the hosts that tests start.
pub(crate) const SECRET: &str = "whsec_for_tests";

/// The provider's event types, in the order of an appointment's life.
pub(crate) const TYPES: [&str; 5] = [
    "appointment.created",
    "appointment.updated",
    "appointment.validated",
    "appointment.completed",
    "appointment.cancelled",
];

/// An event: its id and its body.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) body: String,
}

impl Event {
    /// The provider's sample of this type, with another id.
    pub(crate) fn sample(event_type: &str, id: &str) -> Self {
        let text = match event_type {
            "appointment.created" => {
                include_str!("../../../wit/moncreneau-events-1.0.0/samples/appointment.created.json")
            }
            "appointment.updated" => {
                include_str!("../../../wit/moncreneau-events-1.0.0/samples/appointment.updated.json")
            }
            "appointment.validated" => {
                include_str!("../../../wit/moncreneau-events-1.0.0/samples/appointment.validated.json")
            }
            "appointment.completed" => {
                include_str!("../../../wit/moncreneau-events-1.0.0/samples/appointment.completed.json")
            }
            "appointment.cancelled" => {
                include_str!("../../../wit/moncreneau-events-1.0.0/samples/appointment.cancelled.json")
            }
            other => panic!("there is no sample of {other}"),
        };
        let sample: serde_json::Value = serde_json::from_str(text).unwrap();
        let body = text.replacen(sample["id"].as_str().unwrap(), id, 1);
        Self { id: id.into(), body }
    }

    /// The sample `appointment.created` with another id, of an appointment of its own.
    pub(crate) fn created(id: &str) -> Self {
        let digest = hookyard::event::Digest::of(id.as_bytes());
        let appointment = u32::from_be_bytes(*digest.0.first_chunk().unwrap());
        let Self { id, body } = Self::sample("appointment.created", id);
        Self { id, body: body.replacen("12345", &appointment.to_string(), 1) }
    }

    /// An event of any type about this appointment, that has the guest `actor` do something.
    pub(crate) fn with_act(appointment: u32, id: &str, act: &str) -> Self {
        Self::with_payload("any.type", id, &serde_json::json!({ "id": appointment, "act": act }))
    }

    /// An event of any type with this payload.
    pub(crate) fn with_payload(event_type: &str, id: &str, payload: &serde_json::Value) -> Self {
        let body = serde_json::json!({
            "id": id, "type": event_type, "created": "2026-01-21T14:30:00Z", "data": { "object": payload },
        });
        Self { id: id.into(), body: body.to_string() }
    }
}

/// The value of the provider's header `X-Moncreneau-Signature`.
pub(crate) fn sign(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
