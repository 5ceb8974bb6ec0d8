//! Effects and the attempts at them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::formats::{EffectKeyText, NameText};
use crate::db;
use crate::delivery::State;
use crate::effect::{EffectOutcome, Selection};

/// One page of effects, the newest event's first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectList {
    /// The effects.
    pub items: Vec<ListedEffect>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// An effect in a list, without its attempts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListedEffect {
    /// Its id, such as 12-1-1: its delivery and its number.
    #[serde(default)]
    pub id: String,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The delivery whose handler requested it.
    pub delivery: String,
    /// The plugin.
    pub plugin: String,
    /// The response to the last attempt, or the error.
    pub last: Option<String>,
    /// The effect.
    #[serde(flatten)]
    pub effect: EffectView,
}

/// One effect, with its request and its attempts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectDetail {
    /// Its id, such as 12-1-1: its delivery and its number.
    pub id: String,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The delivery whose handler requested it.
    pub delivery: String,
    /// The plugin.
    pub plugin: String,
    /// The effect.
    #[serde(flatten)]
    pub effect: EffectView,
}

/// An effect that a handler requested, and its attempts. Without secrets, and without the values of headers that may
/// hold some.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// Its `Idempotency-Key`, the same on each attempt.
    pub key: String,
    /// `http`, `email` or `event`.
    pub kind: String,
    /// `pending`, `waiting`, `done` or `dead`.
    #[schema(value_type = EffectState)]
    pub state: State,
    /// The time of its next attempt, ms since the Unix epoch.
    pub due_at: Option<u64>,
    /// The request in a line: `POST https://sms.example.gn/send`.
    pub summary: String,
    /// The request in full.
    #[schema(value_type = Object)]
    pub request: serde_json::Value,
    /// The attempts, in order.
    pub attempts: Vec<EffectAttemptView>,
}

/// The state of an effect.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum EffectState {
    /// It is due.
    Pending,
    /// It waits for its next attempt.
    Waiting,
    /// It is done.
    Done,
    /// It is dead and not resolved, or was discarded.
    Dead,
}

/// One attempt at an effect.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectAttemptView {
    /// From 1.
    pub number: u32,
    /// `done`, `retry`, `refused` or `crash`.
    #[schema(value_type = String)]
    pub outcome: EffectOutcome,
    /// ms since the Unix epoch.
    pub started_at: u64,
    /// How long it took.
    pub duration_us: u64,
    /// The answer, or what went wrong.
    pub detail: String,
}

/// Selects dead effects: those that match all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EffectSelection {
    /// With one of these keys.
    #[schema(value_type = Option<Vec<EffectKeyText>>, max_items = 1000)]
    pub keys: Option<Vec<String>>,
    /// Requested by this plugin.
    #[schema(value_type = Option<NameText>)]
    pub plugin: Option<String>,
}

/// The number of dead effects that were resolved.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectCount {
    /// The number.
    pub effects: u64,
}

impl From<db::EffectPage> for EffectList {
    fn from(page: db::EffectPage) -> Self {
        Self {
            items: page.effects.into_iter().map(Into::into).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
        }
    }
}

impl From<db::ListedEffect> for ListedEffect {
    fn from(listed: db::ListedEffect) -> Self {
        let db::ListedEffect { id, source, event, delivery, plugin, last, effect } = listed;
        Self { id: id.to_string(), source, event, delivery, plugin, last, effect: effect.into() }
    }
}

impl From<db::EffectView> for EffectView {
    fn from(view: db::EffectView) -> Self {
        let db::EffectView { key, state, due_at, effect, attempts } = view;
        Self {
            key,
            kind: effect.kind().into(),
            state,
            due_at,
            summary: effect.summary(),
            // Text, numbers and lists only: this cannot fail.
            request: serde_json::to_value(&effect).unwrap_or_default(),
            attempts: attempts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<db::EffectAttemptView> for EffectAttemptView {
    fn from(made: db::EffectAttemptView) -> Self {
        let db::EffectAttemptView { number, outcome, started_at, duration_us, detail } = made;
        Self { number, outcome, started_at, duration_us, detail }
    }
}

impl From<EffectSelection> for Selection {
    fn from(selection: EffectSelection) -> Self {
        let EffectSelection { keys, plugin } = selection;
        Self { keys, plugin }
    }
}
