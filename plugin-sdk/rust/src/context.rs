//! The context of a handler's call.

pub use crate::bindings::base::hookyard::plugin::types::Context;

impl Context {
    /// A context for unit tests: the first attempt to deliver an event of this type from `moncreneau`.
    pub fn sample(event_type: &str) -> Self {
        Self {
            event_id: "evt_sample".into(),
            event_type: event_type.into(),
            source: "moncreneau".into(),
            created: "2026-01-21T14:30:00Z".into(),
            received_at: 1_769_005_801_000,
            idempotency_key: "00000000000000000000000000000000".into(),
            attempt: 1,
        }
    }
}
