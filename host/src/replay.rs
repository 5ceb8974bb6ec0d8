//! What an operator asks to be run again, and how far that is. No IO.

use serde::{Deserialize, Serialize};

use crate::delivery::{DeliveryId, Order, State};
use crate::event::{PluginName, SourceName};

/// What is to be done with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Dead letters, or events.
    pub of: Of,
    /// Run them again, or count them as dealt with.
    #[serde(default)]
    pub action: Action,
    /// Which of them; all, where it says nothing.
    #[serde(default, rename = "where")]
    pub selection: Selection,
    /// Of events: to this plugin. Without it, to all that want them now.
    #[serde(default)]
    pub to: Option<PluginName>,
    /// Of events: also to plugins that have done them already.
    #[serde(default)]
    pub again: bool,
    /// Only find out what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

impl Request {
    /// Whether this can be asked for.
    ///
    /// # Errors
    /// What does not go together, and what to do instead.
    pub fn check(&self) -> Result<(), String> {
        let Selection { plugin, deliveries, reason, unhandled, .. } = &self.selection;
        let wrong = match self.of {
            Of::Events if self.action == Action::Discard => "only deliveries can be discarded",
            Of::Events if deliveries.is_some() => "`where.deliveries` is for deliveries, not for events",
            Of::Events if plugin.is_some() => {
                "`where.plugin` is for deliveries; `to` names a plugin for events"
            }
            Of::Events if reason.is_some() => "`where.reason` is for deliveries, not for events",
            Of::Deliveries if self.to.is_some() => "`to` is for events: a delivery goes to its own plugin",
            Of::Deliveries if self.again => "`again` is for events: name deliveries that are done",
            Of::Deliveries if *unhandled => "`where.unhandled` is for events: nobody wanted them",
            _ => return Ok(()),
        };
        Err(wrong.into())
    }
}

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// Dead letters that nobody has dealt with; or, where they are named, any closed deliveries.
    Deliveries,
    /// Events, whatever became of them.
    Events,
}

/// What is done with what was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A new delivery of the same event, with its own idempotency key.
    #[default]
    Replay,
    /// Dead letters count as dealt with, and are pruned in time.
    Discard,
}

/// Which events, or deliveries: those that all of this fits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Events with one of these places in the order of acceptance (`number` of an event).
    pub events: Option<Vec<i64>>,
    /// Deliveries with one of these ids.
    pub deliveries: Option<Vec<DeliveryId>>,
    /// Of this type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Of this source.
    pub source: Option<String>,
    /// Deliveries to this plugin.
    pub plugin: Option<String>,
    /// Received at this time or after, ms since the Unix epoch.
    pub since: Option<u64>,
    /// Received before this time, ms since the Unix epoch.
    pub until: Option<u64>,
    /// Deliveries whose last attempt's reason has this text in it.
    pub reason: Option<String>,
    /// Only events that no plugin wanted.
    pub unhandled: bool,
}

/// Something that a selection found.
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
    /// When it was received, ms since the Unix epoch.
    pub received_at: u64,
    /// What its deliveries are ordered by.
    pub ordering_key: Option<String>,
    /// The delivery found, where deliveries are looked for; all of the event's, where events are.
    pub deliveries: Vec<Made>,
    /// Why the last attempt at the delivery that was found is not done.
    pub reason: Option<String>,
}

/// A delivery that an event has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its number.
    pub number: i64,
    /// Its plugin.
    pub plugin: PluginName,
    /// Where it stands.
    pub state: State,
    /// Whether an operator has dealt with it.
    pub settled: bool,
}

/// A delivery to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// Of which event.
    pub event: i64,
    /// To which plugin.
    pub plugin: PluginName,
    /// What it runs in turn with.
    pub order: Option<Order>,
    /// The delivery that it runs again.
    pub of: Option<i64>,
    /// That one was a dead letter that nobody had dealt with: it has to be one still.
    pub dead: bool,
}

/// A part of a replay, which commits as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Which replay.
    pub replay: i64,
    /// Deliveries to make.
    pub again: Vec<Again>,
    /// Dead letters to count as dealt with.
    pub discard: Vec<DeliveryId>,
    /// How many candidates of this step nothing is to be done for.
    pub skipped: u64,
    /// The last candidate looked at; `None`: there are no more.
    pub after: Option<DeliveryId>,
    /// What is done to the first candidates, to be shown.
    pub first: Vec<Example>,
    /// Only count.
    pub dry_run: bool,
}

/// One of the first that a replay found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
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
    pub plugin: PluginName,
    /// The delivery that is run again, or dealt with.
    pub of: Option<DeliveryId>,
    /// Why that one's last attempt is not done.
    pub reason: Option<String>,
}

/// How many of what a replay found are shown.
pub const EXAMPLES: usize = 20;

/// How far a replay is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Its number.
    pub id: i64,
    /// When it was asked for, ms since the Unix epoch.
    pub asked_at: u64,
    /// What was asked for.
    pub request: Request,
    /// Where it stands.
    pub state: ReplayState,
    /// How many the selection found when it was asked for.
    pub found: u64,
    /// How many deliveries it made, or dealt with; in a dry run, how many it would.
    pub made: u64,
    /// How many it found that there is nothing to do for.
    pub skipped: u64,
    /// The first of them.
    pub first: Vec<Example>,
}

/// Where a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplayState {
    /// It goes on, after a restart too.
    Running,
    /// It has looked at all.
    Done,
    /// An operator stopped it.
    Stopped,
}

/// A replay that is to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub id: i64,
    /// What was asked for.
    pub request: Request,
    /// The last candidate looked at.
    pub after: DeliveryId,
    /// The newest event when it was asked for: later ones are not its concern.
    pub last_event: i64,
    /// How many examples it still wants.
    pub examples: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (json, wrong) in [
            (r#"{"of":"events"}"#, None),
            (r#"{"of":"events","to":"p","where":{"since":1},"again":true}"#, None),
            (r#"{"of":"deliveries","action":"discard","where":{"deliveries":["1-2"]}}"#, None),
            (r#"{"of":"events","action":"discard"}"#, Some("only deliveries")),
            (r#"{"of":"events","where":{"deliveries":["1-2"]}}"#, Some("`where.deliveries`")),
            (r#"{"of":"events","where":{"plugin":"p"}}"#, Some("`to` names a plugin")),
            (r#"{"of":"events","where":{"reason":"x"}}"#, Some("`where.reason`")),
            (r#"{"of":"deliveries","to":"p"}"#, Some("`to` is for events")),
            (r#"{"of":"deliveries","again":true}"#, Some("`again` is for events")),
            (r#"{"of":"deliveries","where":{"unhandled":true}}"#, Some("`where.unhandled`")),
        ] {
            let request: Request = serde_json::from_str(json).unwrap();
            let found = request.check().err();
            let fits = found.as_deref().zip(wrong).is_some_and(|(found, wrong)| found.contains(wrong));
            assert!(fits || found.is_none() && wrong.is_none(), "{json}: {found:?}");
        }
    }
}
