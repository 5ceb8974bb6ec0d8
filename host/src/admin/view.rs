//! What the API says of events: the JSON that operators and the command line read.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::delivery::{Cause, Outcome, State};

/// One page of events, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventPage {
    /// The events.
    pub items: Vec<EventSummary>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// An event in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventSummary {
    /// Who sent it.
    pub source: String,
    /// The sender's id.
    pub id: String,
    /// `appointment.created` and the like.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Where it stands, of all its deliveries the least finished.
    pub state: String,
    /// The sender's timestamp, RFC 3339.
    pub created: String,
    /// When it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// How many deliveries it has.
    pub deliveries: u64,
}

/// An event with all that was done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EventView {
    /// Who sent it.
    pub source: String,
    /// The sender's id.
    pub id: String,
    /// `appointment.created` and the like.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Where it stands, of all its deliveries the least finished.
    pub state: String,
    /// The sender's timestamp, RFC 3339.
    pub created: String,
    /// When it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// SHA-256 of the body, hexadecimal.
    pub digest: String,
    /// Its deliveries, one for each plugin that wanted it.
    pub deliveries: Vec<DeliveryView>,
}

/// One event for one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryView {
    /// The plugin.
    pub plugin: String,
    /// Where it stands.
    #[schema(schema_with = states)]
    pub state: State,
    /// When it is tried next, ms since the Unix epoch; only while `waiting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<u64>,
    /// The tries at it, the first one first.
    pub attempts: Vec<AttemptView>,
}

/// One try at a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttemptView {
    /// From 1.
    pub number: u32,
    /// How it ended.
    #[schema(schema_with = outcomes)]
    pub outcome: Outcome,
    /// Whose failure it was; absent when done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = causes)]
    pub cause: Option<Cause>,
    /// Why it is not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began, ms since the Unix epoch.
    pub started_at: u64,
    /// How long it took, µs.
    pub duration_us: u64,
    /// SHA-256 of the plugin's file that ran, hexadecimal.
    pub revision: String,
    /// The most linear memory it had, bytes.
    pub peak_memory_bytes: u64,
    /// What the plugin logged, `LEVEL text`.
    pub logs: Vec<String>,
}

// `delivery` knows nothing of this API, so what its names look like here is said here; a test in
// this file holds the two together.
const STATES: [&str; 6] = ["pending", "running", "waiting", "held", "done", "dead"];
const OUTCOMES: [&str; 3] = ["done", "retry", "rejected"];
const CAUSES: [&str; 5] = ["handler", "trap", "timeout", "payload", "host"];

fn states() -> Schema {
    one_of(STATES)
}

fn outcomes() -> Schema {
    one_of(OUTCOMES)
}

fn causes() -> Schema {
    one_of(CAUSES)
}

fn one_of<const N: usize>(names: [&str; N]) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_the_schema_are_those_of_the_types() {
        use {Cause as C, Outcome as O, State as S};
        let states = [S::Pending, S::Running, S::Waiting, S::Held, S::Done, S::Dead];
        let causes = [C::Handler, C::Trap, C::Timeout, C::Payload, C::Host];
        assert_eq!(serde_json::json!(states), serde_json::json!(STATES));
        assert_eq!(serde_json::json!([O::Done, O::Retry, O::Rejected]), serde_json::json!(OUTCOMES));
        assert_eq!(serde_json::json!(causes), serde_json::json!(CAUSES));
    }
}
