//! Which dead letters a page is about, as its address and its forms have it.

use serde::Deserialize;

use super::listing;
use crate::admin::api::ReplaySelection;
use crate::admin::api::deliveries::DeliveryQuery;
use crate::admin::api::groups::{DeadEffectGroupQuery, DeadLetterGroupQuery};

/// Where the lists are.
pub(super) const GROUPS: &str = "/dead-letters";
pub(super) const LIST: &str = "/dead-letters/list";
/// The longest part of a reason that a filter has, in characters.
const REASON_MAX: usize = 200;

/// Which dead letters, as addresses and forms have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    pub(super) plugin: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) source: String,
    pub(super) within: String,
    pub(super) reason: String,
    pub(super) failed_on: String,
}

impl Filters {
    /// The fields and their values, in the order of the chips.
    pub(super) fn fields(&self) -> [(&'static str, &str); 6] {
        [
            ("plugin", &self.plugin),
            ("type", &self.event_type),
            ("source", &self.source),
            ("within", &self.within),
            ("reason", &self.reason),
            ("failed_on", &self.failed_on),
        ]
    }

    /// Whether it selects less than all.
    pub(super) fn is_set(&self) -> bool {
        self.fields().iter().any(|(_, value)| !value.trim().is_empty())
    }

    /// Those that have no choice of their own.
    pub(super) fn hidden(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = self.fields().into_iter();
        fields.filter(|(name, value)| matches!(*name, "reason" | "failed_on") && !value.is_empty())
    }

    /// An address with these filters, but for one, and with these other parameters.
    pub(super) fn address(&self, path: &str, but_for: Option<&str>, more: &[(&str, &str)]) -> String {
        let fields = self.fields().into_iter().filter(|(name, _)| but_for != Some(*name));
        listing::address(path, fields.chain(more.iter().copied()))
    }

    fn since(&self, now: u64) -> Option<u64> {
        listing::span_ms(&self.within).map(|span| now.saturating_sub(span))
    }

    /// The selection of a replay.
    pub(super) fn selection(&self, now: u64) -> ReplaySelection {
        ReplaySelection {
            plugin: text(&self.plugin),
            event_type: text(&self.event_type),
            source: text(&self.source),
            since: self.since(now),
            reason: text(&self.reason),
            failed_on: text(&self.failed_on),
            ..ReplaySelection::default()
        }
    }

    /// The query for groups of dead letters.
    pub(super) fn groups_query(&self, now: u64, cursor: Option<String>) -> DeadLetterGroupQuery {
        DeadLetterGroupQuery {
            cursor,
            plugin: text(&self.plugin),
            event_type: text(&self.event_type),
            source: text(&self.source),
            since: self.since(now),
            until: None,
            reason: text(&self.reason),
            failed_on: text(&self.failed_on),
        }
    }

    /// The query for groups of dead effects. They have no revision: with a filter for it there is none.
    pub(super) fn effects_query(&self, now: u64, cursor: Option<String>) -> Option<DeadEffectGroupQuery> {
        self.failed_on.trim().is_empty().then(|| DeadEffectGroupQuery {
            cursor,
            plugin: text(&self.plugin),
            event_type: text(&self.event_type),
            source: text(&self.source),
            since: self.since(now),
            until: None,
            reason: text(&self.reason),
        })
    }

    /// The query for a page of the list.
    pub(super) fn query(&self, now: u64, cursor: Option<String>, limit: u32) -> DeliveryQuery {
        DeliveryQuery {
            cursor,
            limit: Some(limit),
            state: Some("dead".into()),
            plugin: text(&self.plugin),
            event_type: text(&self.event_type),
            source: text(&self.source),
            since: self.since(now),
            reason: text(&self.reason),
            failed_on: text(&self.failed_on),
            ..DeliveryQuery::default()
        }
    }
}

/// The part of a reason that a filter has: its beginning.
pub(super) fn filter_of(reason: &str) -> String {
    reason.trim().chars().take(REASON_MAX).collect()
}

/// A field that is set.
pub(super) fn text(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_the_beginning_of_a_reason() {
        assert_eq!(filter_of(" timed out "), "timed out");
        assert_eq!(filter_of(&"é".repeat(500)).chars().count(), REASON_MAX);
    }

    #[test]
    fn effects_have_no_filter_by_revision() {
        let filters = Filters { plugin: "sms".into(), ..Filters::default() };
        assert_eq!(filters.effects_query(0, None).unwrap().plugin.as_deref(), Some("sms"));
        assert!(Filters { failed_on: "abcd".into(), ..filters }.effects_query(0, None).is_none());
    }

    #[test]
    fn filters_are_a_selection_and_an_address() {
        let filters = Filters { plugin: "sms".into(), reason: "a b".into(), ..Filters::default() };
        assert_eq!(filters.address(LIST, None, &[]), "/dead-letters/list?plugin=sms&reason=a+b");
        assert_eq!(
            filters.address(GROUPS, Some("reason"), &[("cursor", "9")]),
            "/dead-letters?plugin=sms&cursor=9"
        );
        let selection = filters.selection(1000);
        assert_eq!((selection.plugin.as_deref(), selection.since), (Some("sms"), None));
        assert!(filters.is_set() && !Filters::default().is_set());
    }
}
