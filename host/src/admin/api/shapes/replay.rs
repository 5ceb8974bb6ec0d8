//! Replays: requests and their progress.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::formats::{
    DeliveryIdText, EffectKeyText, NameText, RevisionText, SelectionText, SourceText, read_integers,
    read_object, read_time,
};
use crate::delivery::{DeliveryId, reason_without_names};
use crate::effect::EffectId;
use crate::event::{Digest, PluginName};
use crate::replay;

/// One page of replays, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplayList {
    /// The replays.
    pub items: Vec<ReplayProgress>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// A request to replay deliveries, events or effects, or to discard deliveries or effects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Dead letters, events, or dead effects.
    pub of: ReplayTarget,
    /// Replay them, or resolve them without a replay.
    #[serde(default)]
    pub action: ReplayAction,
    /// Which of them; all by default.
    #[serde(default, rename = "where", deserialize_with = "read_object")]
    pub selection: ReplaySelection,
    /// For events: to this plugin. By default to all that handle them now.
    #[schema(value_type = Option<NameText>)]
    #[serde(default)]
    pub to: Option<PluginName>,
    /// For events: also to plugins whose deliveries are done.
    #[serde(default)]
    pub again: bool,
    /// Run on this kept revision of the plugin, whatever is in force: the first digits of its digest, at least 4.
    /// The request must be about one plugin.
    #[schema(value_type = Option<RevisionText>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Only count, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayTarget {
    /// Unresolved dead letters; or, where `deliveries` names them, any closed deliveries.
    Deliveries,
    /// Events in any state.
    Events,
    /// Unresolved dead effects.
    Effects,
}

/// What is done with the deliveries, events or effects that were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayAction {
    /// A new delivery of the same event, with its own idempotency key; or new attempts at an effect, with its old one.
    #[default]
    Replay,
    /// Dead letters or dead effects are resolved, so that they are pruned in time.
    Discard,
}

/// Selects events, deliveries or effects: those that match all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplaySelection {
    /// Events with one of these places in the order of acceptance (`number` of an event).
    #[serde(deserialize_with = "read_integers")]
    pub events: Option<Vec<i64>>,
    /// Deliveries with one of these ids, or the effects of these.
    #[schema(value_type = Option<Vec<DeliveryIdText>>)]
    pub deliveries: Option<Vec<DeliveryId>>,
    /// Of this type.
    #[serde(rename = "type")]
    #[schema(value_type = Option<SelectionText>)]
    pub event_type: Option<String>,
    /// Of this source.
    #[schema(value_type = Option<SourceText>)]
    pub source: Option<String>,
    /// Deliveries to this plugin, or effects that it requested.
    #[schema(value_type = Option<NameText>)]
    pub plugin: Option<String>,
    /// Received at this time or after, ms since the Unix epoch.
    #[serde(deserialize_with = "read_time")]
    #[schema(maximum = 9_223_372_036_854_775_807_u64)]
    pub since: Option<u64>,
    /// Received before this time, ms since the Unix epoch.
    #[serde(deserialize_with = "read_time")]
    #[schema(maximum = 9_223_372_036_854_775_807_u64)]
    pub until: Option<u64>,
    /// Deliveries whose last attempt's reason contains this text, or effects whose last answer does.
    #[schema(value_type = Option<SelectionText>)]
    pub reason: Option<String>,
    /// Whether `reason` is the whole reason, as lists show it, and not a part of it. An empty one stands for none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub whole_reason: bool,
    /// Only events that no plugin handles.
    pub unhandled: bool,
    /// Deliveries that this replay made, or effects that it was the last to make due.
    pub replay: Option<i64>,
    /// Deliveries whose last attempt ran on this revision: the first digits of its digest, at least 4.
    #[schema(value_type = Option<RevisionText>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_on: Option<String>,
    /// Effects with one of these idempotency keys.
    #[schema(value_type = Option<Vec<EffectKeyText>>, max_items = 1000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
}

/// The progress of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayProgress {
    /// Its number.
    pub id: i64,
    /// When it was requested, ms since the Unix epoch.
    pub asked_at: u64,
    /// The request.
    pub request: ReplayRequest,
    /// Its state.
    pub state: ReplayState,
    /// Number that the selection matched when it was requested.
    pub found: u64,
    /// Number of deliveries or effects that it made or resolved, or would in a dry run.
    pub made: u64,
    /// Number for which there was nothing to do.
    pub skipped: u64,
    /// The first deliveries or effects.
    pub first: Vec<ReplayExample>,
}

/// The state of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayState {
    /// It is in progress, also after a restart.
    Running,
    /// It has finished.
    Done,
    /// An operator stopped it.
    Stopped,
}

/// One of the first deliveries or effects of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayExample {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The plugin that gets it.
    #[schema(value_type = String)]
    pub plugin: PluginName,
    /// The delivery that is replayed or resolved, or that requested the effect.
    #[schema(value_type = Option<String>)]
    pub of: Option<DeliveryId>,
    /// The id of the effect that is repeated or resolved, such as 12-1-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Why its last attempt is not done.
    pub reason: Option<String>,
}

impl ReplayRequest {
    /// The request on a revision whose digest was found.
    pub(in crate::admin) fn on(self, revision: Option<Digest>) -> replay::Request {
        let Self { of, action, selection, to, again, revision: _, dry_run } = self;
        let selection = selection.into();
        replay::Request { of: of.into(), action: action.into(), selection, to, again, revision, dry_run }
    }
}

impl From<replay::Request> for ReplayRequest {
    fn from(request: replay::Request) -> Self {
        let replay::Request { of, action, selection, to, again, revision, dry_run } = request;
        let revision = revision.map(|revision| revision.to_string());
        let selection = selection.into();
        Self { of: of.into(), action: action.into(), selection, to, again, revision, dry_run }
    }
}

impl From<ReplayTarget> for replay::ReplayTarget {
    fn from(target: ReplayTarget) -> Self {
        match target {
            ReplayTarget::Deliveries => Self::Deliveries,
            ReplayTarget::Events => Self::Events,
            ReplayTarget::Effects => Self::Effects,
        }
    }
}

impl From<replay::ReplayTarget> for ReplayTarget {
    fn from(target: replay::ReplayTarget) -> Self {
        match target {
            replay::ReplayTarget::Deliveries => Self::Deliveries,
            replay::ReplayTarget::Events => Self::Events,
            replay::ReplayTarget::Effects => Self::Effects,
        }
    }
}

impl From<ReplayAction> for replay::Action {
    fn from(action: ReplayAction) -> Self {
        match action {
            ReplayAction::Replay => Self::Replay,
            ReplayAction::Discard => Self::Discard,
        }
    }
}

impl From<replay::Action> for ReplayAction {
    fn from(action: replay::Action) -> Self {
        match action {
            replay::Action::Replay => Self::Replay,
            replay::Action::Discard => Self::Discard,
        }
    }
}

/// Converts the fields that both sides share.
macro_rules! selections {
    ($($from:ty => $into:ty),*) => {
        $(
            impl From<$from> for $into {
                fn from(selection: $from) -> Self {
                    Self {
                        events: selection.events,
                        deliveries: selection.deliveries,
                        event_type: selection.event_type,
                        source: selection.source,
                        plugin: selection.plugin,
                        since: selection.since,
                        until: selection.until,
                        reason: selection.reason,
                        whole_reason: selection.whole_reason,
                        unhandled: selection.unhandled,
                        replay: selection.replay,
                        failed_on: selection.failed_on,
                        keys: selection.keys,
                    }
                }
            }
        )*
    };
}

selections!(ReplaySelection => replay::Selection, replay::Selection => ReplaySelection);

impl From<replay::Progress> for ReplayProgress {
    fn from(progress: replay::Progress) -> Self {
        Self {
            id: progress.id,
            asked_at: progress.asked_at,
            request: progress.request.into(),
            state: progress.state.into(),
            found: progress.found,
            made: progress.made,
            skipped: progress.skipped,
            first: progress.first.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<replay::ReplayState> for ReplayState {
    fn from(state: replay::ReplayState) -> Self {
        match state {
            replay::ReplayState::Running => Self::Running,
            replay::ReplayState::Done => Self::Done,
            replay::ReplayState::Stopped => Self::Stopped,
        }
    }
}

impl From<replay::Example> for ReplayExample {
    fn from(example: replay::Example) -> Self {
        let replay::Example { source, event, event_type, received_at, plugin, of, effect, reason } = example;
        let effect = of.zip(effect).map(|(delivery, number)| EffectId { delivery, number }.to_string());
        let reason = reason.map(|reason| reason_without_names(&reason, plugin.as_str(), &event).to_owned());
        Self { source, event, event_type, received_at, plugin, of, effect, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_key_or_name_in_a_request_is_named() {
        for (json, named) in [
            (r#"{"of":"event"}"#, "`event`"),
            (r#"{"of":"events","where":{"sinse":1}}"#, "`sinse`"),
            (r#"{"of":"deliveries","where":{"deliveries":["12"]}}"#, "`12`"),
            (r#"{"of":"events","to":"../p"}"#, "`../p`"),
        ] {
            let error = serde_json::from_str::<ReplayRequest>(json).unwrap_err().to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
