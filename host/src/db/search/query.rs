//! A search, as lookups of the index and as a comparison with an event. Pure.

use super::lookup::{FieldKind, IsVisible, Lookup, LookupRange, ReceivedRange};
use super::settings::SearchSettings;
use super::terms::{Document, Term, fold, value_text, words};
use crate::db::view::{EventState, EventSummary};
use crate::event::parse_digits;

/// Which events to search; an empty one finds all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchFilter {
    /// With a value that is this text, begins or ends with it.
    pub text: Option<String>,
    /// Of this type.
    pub event_type: Option<String>,
    /// Of this source.
    pub source: Option<String>,
    /// With a delivery for this plugin.
    pub plugin: Option<String>,
    /// In this state.
    pub state: Option<EventState>,
    /// Received from this time on, ms since the Unix epoch.
    pub since: Option<u64>,
    /// Received before this time.
    pub until: Option<u64>,
    /// With this ordering key.
    pub ordering_key: Option<String>,
    /// Run again by this replay.
    pub replay: Option<i64>,
    /// Emitted by a handler of an event with this id.
    pub caused_by: Option<String>,
    /// With a failed attempt whose reason has these words.
    pub reason: Option<String>,
    /// With a failed attempt of this outcome.
    pub outcome: Option<String>,
}

impl SearchFilter {
    /// Whether it has a condition that only search knows.
    #[must_use]
    pub fn needs_search(&self) -> bool {
        let Self { text, event_type: _, source: _, plugin, state: _, since, until, .. } = self;
        let texts = [text, plugin, &self.ordering_key, &self.caused_by, &self.reason, &self.outcome];
        texts.iter().any(|text| text.is_some()) || since.is_some() || until.is_some() || self.replay.is_some()
    }

    /// Whether a text has something to search for.
    #[must_use]
    pub fn is_searchable(text: &str) -> bool {
        words(&fold(text)).next().is_some()
    }
}

/// A search that is compared with events.
pub(super) struct Query<'a> {
    filter: &'a SearchFilter,
    /// The ways to write the searched text.
    texts: Vec<String>,
    ordering_key: Option<String>,
    caused_by: Option<String>,
    reason: Option<String>,
    pub(super) received: ReceivedRange,
    value_max_bytes: usize,
    is_visible: IsVisible<'a>,
}

impl<'a> Query<'a> {
    pub(super) fn new(
        filter: &'a SearchFilter,
        settings: &SearchSettings,
        is_visible: IsVisible<'a>,
    ) -> Self {
        let mut texts = Vec::new();
        if let Some(text) = &filter.text {
            let folded = fold(text);
            texts.extend(parse_digits(&folded).filter(|digits| *digits != folded));
            texts.push(folded);
        }
        let value = |text: &Option<String>| text.as_deref().map(value_text);
        let received =
            ReceivedRange { since: filter.since.unwrap_or(0), until: filter.until.unwrap_or(u64::MAX) };
        Self {
            filter,
            texts,
            ordering_key: value(&filter.ordering_key),
            caused_by: value(&filter.caused_by),
            reason: filter.reason.as_deref().map(fold),
            received,
            value_max_bytes: settings.value_max_bytes,
            is_visible,
        }
    }

    /// The lookups that all find the event, rare ones first.
    pub(super) fn lookups(&self) -> Vec<Lookup> {
        let mut lookups = Vec::new();
        let filter = self.filter;
        let exact = |kind, text: &str| Lookup { ranges: vec![LookupRange::Exact(self.cut(text))], kind };
        if !self.texts.is_empty() {
            let both =
                |text: &String| [LookupRange::Prefix(self.cut(text)), LookupRange::Suffix(text.clone())];
            let ranges = self.texts.iter().flat_map(both).collect();
            lookups.push(Lookup { ranges, kind: FieldKind::Any });
        }
        lookups.extend(self.caused_by.iter().map(|id| exact(FieldKind::CausedBy, id)));
        lookups.extend(self.ordering_key.iter().map(|key| exact(FieldKind::OrderingKey, key)));
        lookups.extend(filter.replay.map(|replay| exact(FieldKind::Replay, &replay.to_string())));
        if let Some(reason) = &self.reason {
            lookups.push(Lookup { ranges: vec![self.rarest_word(reason)], kind: FieldKind::Reason });
        }
        lookups.extend(filter.outcome.iter().map(|outcome| exact(FieldKind::Outcome, &value_text(outcome))));
        lookups.extend(filter.plugin.iter().map(|plugin| exact(FieldKind::Plugin, &value_text(plugin))));
        lookups.extend(
            filter.event_type.iter().map(|event_type| exact(FieldKind::Type, &value_text(event_type))),
        );
        lookups.extend(filter.source.iter().map(|source| exact(FieldKind::Source, &value_text(source))));
        lookups
    }

    /// The longest word of a reason. The last one may be the beginning of a word.
    fn rarest_word(&self, reason: &str) -> LookupRange {
        let all: Vec<_> = words(reason).collect();
        let longest = all.iter().enumerate().max_by_key(|(_, word)| word.len());
        match longest {
            Some((index, word)) if index + 1 < all.len() => LookupRange::Exact(self.cut(word)),
            Some((_, word)) => LookupRange::Prefix(self.cut(word)),
            None => LookupRange::Exact(String::new()),
        }
    }

    fn cut(&self, text: &str) -> String {
        text.get(..text.floor_char_boundary(self.value_max_bytes)).unwrap_or_default().to_owned()
    }

    /// Whether it finds an event, but for the conditions of [`Query::fits`].
    pub(super) fn matches(&self, document: &Document) -> bool {
        let filter = self.filter;
        let has = |kind: FieldKind, text: &str| {
            let text = self.cut(text);
            self.visible(document).any(|term| kind.includes(&term.field) && term.text == text)
        };
        self.received.contains(document.received_at)
            && (self.texts.is_empty() || self.visible(document).any(|term| self.finds(term)))
            && self.ordering_key.as_ref().is_none_or(|key| has(FieldKind::OrderingKey, key))
            && self.caused_by.as_ref().is_none_or(|id| has(FieldKind::CausedBy, id))
            && filter.replay.is_none_or(|replay| has(FieldKind::Replay, &replay.to_string()))
            && filter.outcome.as_ref().is_none_or(|outcome| has(FieldKind::Outcome, &value_text(outcome)))
            && self.reason.as_ref().is_none_or(|reason| {
                let mut reasons = self.visible(document).map(|term| &term.field);
                reasons.any(|field| FieldKind::Reason.includes(field))
                    && document.reasons.iter().any(|text| has_words(text, reason))
            })
    }

    fn visible<'d>(&'d self, document: &'d Document) -> impl Iterator<Item = &'d Term> {
        document.terms.iter().filter(|term| (self.is_visible)(&term.field))
    }

    fn finds(&self, term: &Term) -> bool {
        let Term { field, text, is_cut } = term;
        self.texts.iter().any(|wanted| {
            text.starts_with(wanted.as_str())
                || (!is_cut && field.has_suffixes() && text.ends_with(wanted.as_str()))
                || (*is_cut && wanted.starts_with(text.as_str()))
        })
    }

    /// Whether the event as it is shown fits.
    pub(super) fn fits(&self, event: &EventSummary) -> bool {
        let SearchFilter { event_type, source, plugin, state, .. } = self.filter;
        event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type)
            && source.as_ref().is_none_or(|wanted| *wanted == event.source)
            && state.is_none_or(|wanted| wanted == event.state)
            && plugin.as_ref().is_none_or(|wanted| event.deliveries.iter().any(|to| to.plugin == *wanted))
    }

    /// Whether a field may be searched.
    pub(super) fn visibility(&self) -> IsVisible<'a> {
        self.is_visible
    }
}

/// Whether a text has others' words one after the other. The last one may be the beginning of a word.
fn has_words(text: &str, wanted: &str) -> bool {
    let begins_with_word = wanted.starts_with(char::is_alphanumeric);
    text.match_indices(wanted).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !begins_with_word || before.is_none_or(|before| !before.is_alphanumeric())
    })
}
