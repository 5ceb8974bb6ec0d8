//! Changes, as `/api/v1/changes` sends them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The data of an event `changes`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeList {
    /// In the order in which the host found them.
    pub changes: Vec<Change>,
}

/// Something that may look different now. It names what to read again, and has no personal values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// What it is about.
    pub kind: ChangeKind,
    /// The id of the event, delivery, effect, replay or audit entry, or the name of the plugin or alert. Absent when
    /// `count` is about several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The source of an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The type of an event.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The state now: of a delivery or an effect after its attempt, of a plugin (`running`, `paused`, `refused`, `loading`,
    /// `waiting`, `removed`), of a replay, of an alert (`firing`, `ok`); the action of an audit entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// How many changes this is. More than one when many came at once, or for `dead-letters` the number there are.
    pub count: u64,
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// An event was accepted.
    Event,
    /// An attempt at a delivery ended.
    Delivery,
    /// An attempt at an effect ended.
    Effect,
    /// The number of a plugin's unresolved dead letters: deliveries and effects.
    DeadLetters,
    /// A plugin: its revision, refusal, pause, switches.
    Plugin,
    /// A replay, or its progress.
    Replay,
    /// An alert.
    Alert,
    /// An entry of the audit log.
    Audit,
}

impl Change {
    /// One change of this kind.
    pub(in crate::admin) fn new(kind: ChangeKind) -> Self {
        Self { kind, id: None, plugin: None, source: None, event_type: None, state: None, count: 1 }
    }
}
