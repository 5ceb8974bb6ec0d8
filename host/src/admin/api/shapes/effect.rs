//! Effects and the tries at them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db;
use crate::delivery::State;
use crate::effect::{Selection, TryOutcome};

/// One page of effects, the newest event's first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectList {
    /// The effects.
    pub items: Vec<ListedEffect>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// An effect in a list, without its tries.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListedEffect {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The delivery whose handler requested it.
    pub delivery: String,
    /// The plugin.
    pub plugin: String,
    /// The answer to the last try, or what went wrong.
    pub last: Option<String>,
    /// The effect.
    #[serde(flatten)]
    pub effect: EffectView,
}

/// An effect that a handler requested, and its tries. Without secrets, and without the values of headers that may
/// hold some.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// The same on every try: its `Idempotency-Key`.
    pub key: String,
    /// `http`, `email` or `event`.
    pub kind: String,
    /// `pending`, `waiting`, `done` or `dead`.
    #[schema(value_type = String)]
    pub state: State,
    /// When its next try is due, ms since the Unix epoch.
    pub due_at: Option<u64>,
    /// The request in a line: `POST https://sms.example.gn/send`.
    pub summary: String,
    /// The request in full.
    #[schema(value_type = Object)]
    pub request: serde_json::Value,
    /// The tries, in order.
    pub tries: Vec<TryView>,
}

/// One try at an effect.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TryView {
    /// From 1.
    pub number: u32,
    /// `done`, `retry`, `refused` or `crash`.
    #[schema(value_type = String)]
    pub outcome: TryOutcome,
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
    pub keys: Option<Vec<String>>,
    /// Requested by this plugin.
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
        let db::ListedEffect { source, event, delivery, plugin, last, effect } = listed;
        Self { source, event, delivery, plugin, last, effect: effect.into() }
    }
}

impl From<db::EffectView> for EffectView {
    fn from(view: db::EffectView) -> Self {
        let db::EffectView { key, state, due_at, effect, tries } = view;
        Self {
            key,
            kind: effect.kind().into(),
            state,
            due_at,
            summary: effect.summary(),
            // Text, numbers and lists only: this cannot fail.
            request: serde_json::to_value(&effect).unwrap_or_default(),
            tries: tries.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<db::TryView> for TryView {
    fn from(made: db::TryView) -> Self {
        let db::TryView { number, outcome, started_at, duration_us, detail } = made;
        Self { number, outcome, started_at, duration_us, detail }
    }
}

impl From<EffectSelection> for Selection {
    fn from(selection: EffectSelection) -> Self {
        let EffectSelection { keys, plugin } = selection;
        Self { keys, plugin }
    }
}
