//! Which dead letters a page is about, as its address and its forms have it.

use serde::Deserialize;

use super::listing;
use crate::admin::api::ReplaySelection;
use crate::admin::api::deliveries::DeliveryQuery;
use crate::admin::api::groups::{DeadEffectGroupQuery, DeadLetterGroupQuery};

/// Where the lists are.
pub(super) const GROUPS: &str = "/dead-letters";
pub(super) const LIST: &str = "/dead-letters/list";
/// The longest reason that a filter has, in characters.
const REASON_MAX: usize = 200;
/// What [`Filters::whole_reason`] is when it is set.
const WHOLE: &str = "true";

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
    /// Set if `reason` is the whole reason, and not a part of it: empty, it stands for none.
    pub(super) whole_reason: String,
    pub(super) failed_on: String,
}

impl Filters {
    /// The fields and their values, in the order of the chips.
    pub(super) fn fields(&self) -> [(&'static str, &str); 7] {
        [
            ("plugin", &self.plugin),
            ("type", &self.event_type),
            ("source", &self.source),
            ("within", &self.within),
            ("reason", &self.reason),
            ("whole_reason", &self.whole_reason),
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
        fields.filter(|(name, value)| {
            matches!(*name, "reason" | "whole_reason" | "failed_on") && !value.is_empty()
        })
    }

    /// An address with these filters, but for one, and with these other parameters.
    pub(super) fn address(&self, path: &str, but_for: Option<&str>, more: &[(&str, &str)]) -> String {
        // Without a reason, it is not said how to compare it.
        let also = (but_for == Some("reason")).then_some("whole_reason");
        let fields = self.fields().into_iter();
        let fields = fields.filter(|(name, _)| but_for != Some(*name) && also != Some(*name));
        listing::address(path, fields.chain(more.iter().copied()))
    }

    /// These, of a group with this reason. Of a reason that is too long or has several lines they have a part.
    pub(super) fn of_reason(&self, reason: Option<&str>) -> Self {
        let reason = reason.unwrap_or_default();
        // A form changes line ends, and spaces at both ends are taken for a slip.
        let first = reason.trim().lines().next().unwrap_or_default().trim();
        let part: String = first.chars().take(REASON_MAX).collect();
        let whole_reason = if part == reason { WHOLE.to_owned() } else { String::new() };
        Self { reason: part, whole_reason, ..self.clone() }
    }

    fn reason(&self) -> Option<String> {
        if self.is_whole() { Some(self.reason.trim().to_owned()) } else { text(&self.reason) }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole_reason == WHOLE
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
            reason: self.reason(),
            whole_reason: self.is_whole(),
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
            reason: self.reason(),
            whole_reason: self.is_whole(),
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
            reason: self.reason(),
            whole_reason: self.is_whole(),
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
            reason: self.reason(),
            whole_reason: self.is_whole(),
            failed_on: text(&self.failed_on),
            ..DeliveryQuery::default()
        }
    }
}

/// A field that is set.
pub(super) fn text(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_its_whole_reason_or_a_part_of_it() {
        let long = "é".repeat(500);
        for (reason, part, is_whole) in [
            (Some("timed out"), "timed out", true),
            (None, "", true),
            (Some(" timed out "), "timed out", false),
            (Some("panicked\nat desk"), "panicked", false),
            (Some(&*long), &*"é".repeat(REASON_MAX), false),
        ] {
            let selection = Filters::default().of_reason(reason).selection(0);
            assert_eq!(selection.whole_reason, is_whole, "{reason:?}");
            assert_eq!(selection.reason, Some(part.to_owned()), "{reason:?}");
        }
    }

    #[test]
    fn without_its_reason_a_filter_does_not_compare_it() {
        let filters = Filters { plugin: "sms".into(), ..Filters::default() }.of_reason(Some("a"));
        assert_eq!(
            filters.address(LIST, None, &[]),
            "/dead-letters/list?plugin=sms&reason=a&whole_reason=true"
        );
        assert_eq!(filters.address(LIST, Some("reason"), &[]), "/dead-letters/list?plugin=sms");
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
