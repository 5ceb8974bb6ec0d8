//! Groups of dead letters and dead effects.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db;

/// Groups of dead letters or dead effects.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeadGroups {
    /// The largest groups of those that this answer covers, the largest first. At most 200.
    pub items: Vec<DeadGroup>,
    /// How many groups there are of those that this answer covers.
    pub groups: u64,
    /// How many dead letters or dead effects are in these groups.
    pub counted: u64,
    /// Give it as `cursor` for the groups of older ones; null if there are none.
    pub next_cursor: Option<String>,
}

/// Dead letters or dead effects of one plugin that failed for one reason.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeadGroup {
    /// The plugin.
    pub plugin: String,
    /// The reason of the last attempt, or the last answer to an effect.
    pub reason: Option<String>,
    /// The digest of the revision that the last attempt ran on; null for effects.
    pub revision: Option<String>,
    /// How many there are.
    pub count: u64,
    /// The one of the newest event.
    pub newest: NewestDead,
}

/// The newest dead letter or dead effect of a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewestDead {
    /// The delivery, or the one whose handler requested the effect.
    pub delivery: String,
    /// The id of the effect; null for deliveries.
    pub effect: Option<String>,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When the event was received, ms since the Unix epoch.
    pub received_at: u64,
    /// The request of the effect in a line; null for deliveries.
    pub summary: Option<String>,
}

impl From<db::DeadGroup> for DeadGroup {
    fn from(group: db::DeadGroup) -> Self {
        let db::DeadGroup { plugin, reason, revision, count, newest } = group;
        Self { plugin, reason, revision, count, newest: newest.into() }
    }
}

impl From<db::NewestDead> for NewestDead {
    fn from(newest: db::NewestDead) -> Self {
        let db::NewestDead { delivery, effect, source, event, event_type, received_at, request } = newest;
        let summary = request.map(|request| request.summary());
        let (delivery, effect) = (delivery.to_string(), effect.map(|id| id.to_string()));
        Self { delivery, effect, source, event, event_type, received_at, summary }
    }
}

impl DeadGroup {
    /// Whether it has the same texts as another.
    pub(in crate::admin) fn is_like(&self, other: &Self) -> bool {
        self.plugin == other.plugin && self.reason == other.reason && self.revision == other.revision
    }

    /// Takes up another group.
    pub(in crate::admin) fn add(&mut self, other: Self) {
        self.count += other.count;
        if other.newest.received_at > self.newest.received_at {
            self.newest = other.newest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(reason: &str, count: u64, received_at: u64) -> DeadGroup {
        let (source, event, event_type) = ("crm".into(), format!("evt_{received_at}"), "told".into());
        let (effect, summary) = (None, None);
        let newest =
            NewestDead { delivery: "1-1".into(), effect, source, event, event_type, received_at, summary };
        DeadGroup { plugin: "sms".into(), reason: Some(reason.into()), revision: None, count, newest }
    }

    #[test]
    fn groups_that_look_the_same_are_one() {
        let mut some = group("no [masked]", 2, 5);
        assert!(some.is_like(&group("no [masked]", 9, 9)) && !some.is_like(&group("no room", 2, 5)));
        some.add(group("no [masked]", 3, 9));
        assert_eq!((some.count, some.newest.event.as_str()), (5, "evt_9"));
        some.add(group("no [masked]", 1, 1));
        assert_eq!((some.count, some.newest.event.as_str()), (6, "evt_9"));
    }
}
