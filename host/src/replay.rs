//! Replays that operators request, and their progress. No IO.

use serde::{Deserialize, Serialize};

use crate::delivery::{DeliveryId, OrderingHash, State};
use crate::effect::EffectId;
use crate::event::{Digest, PluginName, SourceName};

/// The request for a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Dead letters, events, or dead effects.
    pub of: ReplayTarget,
    /// Replay or discard.
    #[serde(default)]
    pub action: Action,
    /// The selection; empty for all.
    #[serde(default, rename = "where")]
    pub selection: Selection,
    /// For events: the plugin that gets them. Without it, all plugins that subscribe now.
    #[serde(default)]
    pub to: Option<PluginName>,
    /// For events: include plugins that have done them already.
    #[serde(default)]
    pub again: bool,
    /// The revision of the plugin that the deliveries run on; `None` for the one in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Digest>,
    /// Only report the result, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

impl Request {
    /// The only plugin whose deliveries it makes; `None` if it makes those of all.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        match self.of {
            ReplayTarget::Deliveries | ReplayTarget::Effects => self.selection.plugin.as_deref(),
            ReplayTarget::Events => self.to.as_ref().map(PluginName::as_str),
        }
    }

    /// Checks that it may run on a revision that it names: it replays deliveries of one plugin.
    ///
    /// # Errors
    /// The contradiction, and a remedy.
    pub fn check_revision(&self) -> Result<(), String> {
        let Selection { plugin, deliveries, .. } = &self.selection;
        let wrong = match self.of {
            _ if self.action == Action::Discard => {
                "`revision` is for a replay: nothing runs when deliveries are discarded"
            }
            ReplayTarget::Effects => {
                "`revision` is for deliveries: no plugin runs when an effect is repeated"
            }
            ReplayTarget::Events if self.to.is_none() => "`revision` needs one plugin: name it in `to`",
            ReplayTarget::Deliveries if plugin.is_none() && deliveries.is_none() => {
                "`revision` needs one plugin: name it in `where.plugin`, or its deliveries in `where.deliveries`"
            }
            _ => return Ok(()),
        };
        Err(wrong.into())
    }

    /// Checks the combination of its members.
    ///
    /// # Errors
    /// The contradiction, and a remedy.
    pub fn check(&self) -> Result<(), String> {
        let Selection {
            plugin, deliveries, reason, whole_reason, unhandled, replay, failed_on, keys, ..
        } = &self.selection;
        let wrong = match self.of {
            ReplayTarget::Events if self.action == Action::Discard => {
                "only deliveries and effects can be discarded"
            }
            ReplayTarget::Events | ReplayTarget::Deliveries if keys.is_some() => {
                "`where.keys` is for effects: it has their idempotency keys"
            }
            ReplayTarget::Events if deliveries.is_some() => {
                "`where.deliveries` is for deliveries, not for events"
            }
            ReplayTarget::Events if plugin.is_some() => {
                "`where.plugin` is for deliveries; `to` names a plugin for events"
            }
            _ if *whole_reason && reason.is_none() => {
                "`where.whole_reason` says how to compare `where.reason`, which is missing"
            }
            ReplayTarget::Events if reason.is_some() => "`where.reason` is for deliveries, not for events",
            ReplayTarget::Events if replay.is_some() => "`where.replay` is for deliveries, not for events",
            ReplayTarget::Events if failed_on.is_some() => {
                "`where.failed_on` is for deliveries, not for events"
            }
            ReplayTarget::Deliveries if self.to.is_some() => {
                "`to` is for events: a delivery goes to its own plugin"
            }
            ReplayTarget::Deliveries if self.again => "`again` is for events: name deliveries that are done",
            ReplayTarget::Deliveries if *unhandled => "`where.unhandled` is for events: nobody wanted them",
            ReplayTarget::Effects if self.to.is_some() => "`to` is for events: an effect has no other plugin",
            ReplayTarget::Effects if self.again => "`again` is for events: an effect that is done stays done",
            ReplayTarget::Effects if *unhandled => "`where.unhandled` is for events: they have no effects",
            ReplayTarget::Effects if failed_on.is_some() => {
                "`where.failed_on` is for deliveries: no revision runs at an attempt at an effect"
            }
            _ => return Ok(()),
        };
        Err(wrong.into())
    }
}

/// The target of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayTarget {
    /// Unresolved dead letters; or any closed deliveries that are named by id.
    Deliveries,
    /// Events, whatever the state of their deliveries.
    Events,
    /// Unresolved dead effects.
    Effects,
}

/// The action on the selected deliveries or events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A new delivery of the same event, with its own idempotency key; or new attempts at an effect, with its old one.
    #[default]
    Replay,
    /// Dead letters or dead effects are resolved, and pruned later.
    Discard,
}

/// A selection of events or deliveries, which match all of its conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Events with one of these numbers in the order of acceptance.
    pub events: Option<Vec<i64>>,
    /// Deliveries with one of these ids, or their effects.
    pub deliveries: Option<Vec<DeliveryId>>,
    /// Only events of this type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Only events of this source.
    pub source: Option<String>,
    /// Deliveries to this plugin, or effects that it requested.
    pub plugin: Option<String>,
    /// Received at this time or after, ms since the Unix epoch.
    pub since: Option<u64>,
    /// Received before this time, ms since the Unix epoch.
    pub until: Option<u64>,
    /// Deliveries whose last attempt's reason contains this text, or effects whose last answer does.
    pub reason: Option<String>,
    /// Whether `reason` is the whole reason, as lists show it, and not a part of it. An empty one stands for none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub whole_reason: bool,
    /// Only events without a subscriber.
    pub unhandled: bool,
    /// Deliveries that this replay made, or effects that it was the last to make due.
    pub replay: Option<i64>,
    /// Deliveries whose last attempt ran on this revision: the first digits of its digest, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_on: Option<String>,
    /// Effects with one of these idempotency keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
}

/// A candidate of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The event's sequence number.
    pub event: i64,
    /// Its source.
    pub source: SourceName,
    /// Its id.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// The time when it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// Its ordering key.
    pub ordering_key: Option<String>,
    /// The selected delivery, or all deliveries of a selected event, or the one that requested a selected effect.
    pub deliveries: Vec<EventDelivery>,
    /// The number of the selected effect within its delivery.
    pub effect: Option<i64>,
    /// The reason of the last failure of the selected delivery or effect.
    pub reason: Option<String>,
    /// Whether its personal values were erased: it cannot run again.
    pub is_erased: bool,
}

/// An existing delivery of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDelivery {
    /// Its number.
    pub number: i64,
    /// Its plugin.
    pub plugin: PluginName,
    /// Its state.
    pub state: State,
    /// Whether an operator has resolved it.
    pub is_resolved: bool,
}

/// A delivery to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedDelivery {
    /// The event's sequence number.
    pub event: i64,
    /// The plugin.
    pub plugin: PluginName,
    /// The hash of its ordering key.
    pub order: Option<OrderingHash>,
    /// Whether the plugin is known to handle the event, as in [`Recipient`](crate::delivery::Recipient).
    pub matched: bool,
    /// The number of the delivery that it replays.
    pub of: Option<i64>,
    /// Whether that delivery must still be an unresolved dead letter.
    pub dead: bool,
}

/// A place in the order of a replay's candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplayCursor {
    /// The event's sequence number.
    pub event: i64,
    /// The number of its delivery; 0 before the first.
    pub delivery: i64,
    /// The number of the delivery's effect; 0 where deliveries or events are replayed.
    pub effect: i64,
}

impl From<DeliveryId> for ReplayCursor {
    fn from(id: DeliveryId) -> Self {
        Self { event: id.event, delivery: id.number, effect: 0 }
    }
}

/// One page of a replay, which commits as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayPage {
    /// The replay's number.
    pub replay: i64,
    /// Deliveries to create.
    pub again: Vec<ReplayedDelivery>,
    /// Dead letters to resolve.
    pub discard: Vec<DeliveryId>,
    /// Dead effects to make due again.
    pub effects_again: Vec<EffectId>,
    /// Dead effects to resolve.
    pub effects_discard: Vec<EffectId>,
    /// The number of skipped candidates.
    pub skipped: u64,
    /// The last candidate; `None` after the last page.
    pub after: Option<ReplayCursor>,
    /// The first candidates, as examples.
    pub first: Vec<Example>,
    /// The revision that they run on; `None` for the one in force.
    pub revision: Option<Digest>,
    /// Only count.
    pub dry_run: bool,
}

/// An example of a replay's candidates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The time when it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The plugin that gets it.
    pub plugin: PluginName,
    /// The delivery that is replayed or resolved, or that requested the effect.
    pub of: Option<DeliveryId>,
    /// The number of the effect that is replayed or resolved, within its delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<i64>,
    /// The reason of its last failure.
    pub reason: Option<String>,
}

/// The number of examples.
pub const EXAMPLES: usize = 20;

/// The progress of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Its number.
    pub id: i64,
    /// The time of the request, ms since the Unix epoch.
    pub asked_at: u64,
    /// The request.
    pub request: Request,
    /// Its state.
    pub state: ReplayState,
    /// The number of candidates at the time of the request.
    pub found: u64,
    /// The number of created or resolved deliveries, or of effects; in a dry run, their expected number.
    pub made: u64,
    /// The number of skipped candidates.
    pub skipped: u64,
    /// The first candidates, as examples.
    pub first: Vec<Example>,
}

/// The state of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayState {
    /// It is in progress, also after a restart.
    Running,
    /// It has processed all candidates.
    Done,
    /// An operator stopped it.
    Stopped,
}

/// A replay in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayInProgress {
    /// Its number.
    pub id: i64,
    /// The request.
    pub request: Request,
    /// The last processed candidate.
    pub after: ReplayCursor,
    /// The newest event at the time of the request. Later ones are not included.
    pub last_event: i64,
    /// The number of examples that are still missing.
    pub examples: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradictory_request_is_rejected() {
        for (json, wrong) in [
            (r#"{"of":"events"}"#, None),
            (r#"{"of":"events","to":"p","where":{"since":1},"again":true}"#, None),
            (r#"{"of":"deliveries","action":"discard","where":{"deliveries":["1-2"]}}"#, None),
            (r#"{"of":"events","action":"discard"}"#, Some("only deliveries")),
            (r#"{"of":"events","where":{"deliveries":["1-2"]}}"#, Some("`where.deliveries`")),
            (r#"{"of":"events","where":{"plugin":"p"}}"#, Some("`to` names a plugin")),
            (r#"{"of":"events","where":{"reason":"x"}}"#, Some("`where.reason`")),
            (r#"{"of":"events","where":{"replay":7}}"#, Some("`where.replay`")),
            (r#"{"of":"deliveries","where":{"replay":7}}"#, None),
            (r#"{"of":"deliveries","to":"p"}"#, Some("`to` is for events")),
            (r#"{"of":"deliveries","again":true}"#, Some("`again` is for events")),
            (r#"{"of":"deliveries","where":{"unhandled":true}}"#, Some("`where.unhandled`")),
            (r#"{"of":"deliveries","where":{"keys":["a.1"]}}"#, Some("`where.keys` is for effects")),
            (r#"{"of":"events","where":{"keys":["a.1"]}}"#, Some("`where.keys` is for effects")),
            (
                r#"{"of":"effects","action":"discard","where":{"plugin":"p","reason":"x","keys":["a.1"]}}"#,
                None,
            ),
            (r#"{"of":"effects","where":{"deliveries":["1-2"],"type":"t","replay":7}}"#, None),
            (r#"{"of":"effects","to":"p"}"#, Some("`to` is for events")),
            (r#"{"of":"effects","again":true}"#, Some("`again` is for events")),
            (r#"{"of":"effects","where":{"unhandled":true}}"#, Some("`where.unhandled`")),
            (r#"{"of":"effects","where":{"failed_on":"abcd"}}"#, Some("`where.failed_on`")),
        ] {
            let request: Request = serde_json::from_str(json).unwrap();
            let found = request.check().err();
            let fits = found.as_deref().zip(wrong).is_some_and(|(found, wrong)| found.contains(wrong));
            assert!(fits || found.is_none() && wrong.is_none(), "{json}: {found:?}");
        }
    }
    #[test]
    fn a_revision_needs_a_replay_of_one_plugin() {
        for (json, wrong) in [
            (r#"{"of":"events","to":"p"}"#, None),
            (r#"{"of":"deliveries","where":{"plugin":"p"}}"#, None),
            (r#"{"of":"deliveries","where":{"deliveries":["1-2"]}}"#, None),
            (r#"{"of":"events"}"#, Some("in `to`")),
            (r#"{"of":"deliveries","where":{"source":"s"}}"#, Some("in `where.plugin`")),
            (r#"{"of":"deliveries","action":"discard","where":{"plugin":"p"}}"#, Some("is for a replay")),
            (r#"{"of":"effects","where":{"plugin":"p"}}"#, Some("is for deliveries")),
        ] {
            let request: Request = serde_json::from_str(json).unwrap();
            let found = request.check_revision().err();
            let fits = found.as_deref().zip(wrong).is_some_and(|(found, wrong)| found.contains(wrong));
            assert!(fits || found.is_none() && wrong.is_none(), "{json}: {found:?}");
        }
    }
}
