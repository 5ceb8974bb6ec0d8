//! The search terms of an event: its own values, and how they are written so that people find them. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::settings::{BodyValues, SearchSettings, SourceValues};
use crate::event::{parse_digits, replace_lone_surrogates};

/// Fewest digits of a value that counts as a number with separators, such as a phone number.
const NUMBER_MIN_DIGITS: usize = 6;
/// Most words of all reasons of an event, and most reasons, that are indexed.
const REASON_WORDS_MAX: usize = 64;
const REASONS_MAX: usize = 16;
/// Longest text of a reason that is compared.
const REASON_MAX_BYTES: usize = 4096;

/// The place of a term in an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexedField {
    /// The event's id.
    Id,
    /// Its type.
    Type,
    /// Its source.
    Source,
    /// A plugin that has a delivery of it.
    Plugin,
    /// The id of the event whose handler emitted it.
    CausedBy,
    /// A replay that ran it again.
    Replay,
    /// The outcome of a failed attempt.
    Outcome,
    /// The ordering key of an event of this source, which is the value at this JSON pointer.
    OrderingKey(Arc<str>, Arc<str>),
    /// The ordering key of an event of this source, of which nobody says where it was: the event came when another
    /// `ordering_key` was configured.
    EarlierOrderingKey(Arc<str>),
    /// A word of the reason of a failed attempt, of an event of this source.
    Reason(Arc<str>),
    /// The value at a JSON pointer, of an event of this source.
    Value(Arc<str>, Arc<str>),
}

impl IndexedField {
    /// Whether its terms are found by their ends too.
    pub(in crate::db) fn has_suffixes(&self) -> bool {
        matches!(
            self,
            Self::Id | Self::CausedBy | Self::OrderingKey(..) | Self::EarlierOrderingKey(_) | Self::Value(..)
        )
    }

    /// Its name in the index. A source's name has no spaces.
    pub(in crate::db) fn to_name(&self) -> String {
        match self {
            Self::Id => "id".into(),
            Self::Type => "type".into(),
            Self::Source => "source".into(),
            Self::Plugin => "plugin".into(),
            Self::CausedBy => "caused-by".into(),
            Self::Replay => "replay".into(),
            Self::Outcome => "outcome".into(),
            Self::OrderingKey(source, pointer) => format!("ordering-key {source} {pointer}"),
            Self::EarlierOrderingKey(source) => format!("earlier-ordering-key {source}"),
            Self::Reason(source) => format!("reason {source}"),
            Self::Value(source, pointer) => format!("value {source} {pointer}"),
        }
    }

    /// The field of this name.
    pub(in crate::db) fn from_name(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, ' ');
        Some(match (parts.next()?, parts.next(), parts.next()) {
            ("id", None, None) => Self::Id,
            ("type", None, None) => Self::Type,
            ("source", None, None) => Self::Source,
            ("plugin", None, None) => Self::Plugin,
            ("caused-by", None, None) => Self::CausedBy,
            ("replay", None, None) => Self::Replay,
            ("outcome", None, None) => Self::Outcome,
            ("ordering-key", Some(source), Some(at)) => Self::OrderingKey(source.into(), at.into()),
            ("earlier-ordering-key", Some(source), None) => Self::EarlierOrderingKey(source.into()),
            ("reason", Some(source), None) => Self::Reason(source.into()),
            ("value", Some(source), Some(pointer)) => Self::Value(source.into(), pointer.into()),
            _ => return None,
        })
    }
}

/// A text by which an event is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::db) struct Term {
    pub(in crate::db) field: IndexedField,
    /// As [`fold`] writes it, and not longer than the limit.
    pub(in crate::db) text: String,
    /// Whether the value was longer. Its end is not known then.
    pub(in crate::db) is_cut: bool,
}

/// The searchable part of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::db) struct Document {
    /// The event's number.
    pub(in crate::db) number: i64,
    /// ms since the Unix epoch.
    pub(in crate::db) received_at: u64,
    pub(in crate::db) terms: Vec<Term>,
    /// The reasons of failed attempts, folded.
    pub(in crate::db) reasons: Vec<String>,
}

/// Lower case, with single spaces.
pub(in crate::db) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

/// The words of a folded text.
pub(in crate::db) fn words(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A value as it is indexed.
pub(super) fn value_text(value: &str) -> String {
    let folded = fold(value);
    match parse_digits(&folded) {
        Some(digits) if digits.len() >= NUMBER_MIN_DIGITS => digits,
        _ => folded,
    }
}

/// The event's own columns.
pub(in crate::db) struct EventParts<'a> {
    pub(in crate::db) number: i64,
    pub(in crate::db) source: &'a str,
    pub(in crate::db) id: &'a str,
    pub(in crate::db) event_type: &'a str,
    pub(in crate::db) received_at: u64,
    pub(in crate::db) ordering_key: Option<&'a str>,
    pub(in crate::db) body: &'a [u8],
}

impl Document {
    /// The terms that an event has from the start.
    pub(in crate::db) fn of(parts: &EventParts<'_>, settings: &SearchSettings) -> Self {
        let mut document = Self { number: parts.number, received_at: parts.received_at, ..Self::default() };
        document.add(IndexedField::Id, parts.id, settings);
        document.add(IndexedField::Type, parts.event_type, settings);
        document.add(IndexedField::Source, parts.source, settings);
        let source = settings.source(parts.source);
        let text = source.and_then(|_| readable(parts.body));
        let values = source.zip(text.as_deref()).map(|(source, text)| (source, source.pick(text)));
        let values = values.as_ref().map(|(source, values)| (*source, values));
        if let Some(key) = parts.ordering_key {
            document.add(ordering_key_field(parts.source, values, key), key, settings);
        }
        if let Some((source, values)) = values {
            document.add_values(source, values, settings);
        }
        document
    }

    /// Adds a term, unless it is there or empty.
    pub(in crate::db) fn add(&mut self, field: IndexedField, value: &str, settings: &SearchSettings) {
        // A folded text may be longer than the value, but not by much.
        let read = value.get(..value.floor_char_boundary(settings.value_max_bytes.saturating_mul(4)));
        let mut text = value_text(read.unwrap_or(value));
        let end = text.floor_char_boundary(settings.value_max_bytes);
        let is_cut = end < text.len();
        text.truncate(end);
        let term = Term { field, text, is_cut };
        if !term.text.is_empty() && !self.terms.contains(&term) {
            self.terms.push(term);
        }
    }

    /// Adds the reason of a failed attempt.
    pub(in crate::db) fn add_reason(&mut self, source: &str, reason: &str, settings: &SearchSettings) {
        let mut reason = fold(reason);
        reason.truncate(reason.floor_char_boundary(REASON_MAX_BYTES));
        if self.reasons.len() >= REASONS_MAX || self.reasons.contains(&reason) {
            return;
        }
        let field = IndexedField::Reason(source.into());
        for word in words(&reason) {
            let known = self.terms.iter().filter(|term| term.field == field);
            if known.count() >= REASON_WORDS_MAX {
                break;
            }
            self.add(field.clone(), word, settings);
        }
        self.reasons.push(reason);
    }

    fn add_values(&mut self, source: &SourceValues, values: &BodyValues<'_>, settings: &SearchSettings) {
        let mut left = settings.values_max;
        for (number, pointer) in source.pointers.iter().enumerate() {
            let Some(json) = values.at(number) else { continue };
            let field = IndexedField::Value(Arc::clone(&source.name), Arc::clone(pointer));
            for value in scalars(json, left) {
                self.add(field.clone(), &value, settings);
                left -= 1;
            }
        }
    }
}

/// The text of a body, if it is one.
fn readable(body: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(body).ok()?;
    Some(replace_lone_surrogates(text.trim_start_matches('\u{feff}')))
}

/// The field of an ordering key. Its name says where the value is, so that a search is judged by the pointers that are
/// personal when it is made, whatever is configured since the event was read.
fn ordering_key_field(
    source: &str,
    values: Option<(&SourceValues, &BodyValues<'_>)>,
    key: &str,
) -> IndexedField {
    let here = values.and_then(|(of, values)| {
        let at = of.ordering_key.as_ref()?;
        let value = scalar(values.ordering_key()?)?;
        (value == key).then(|| IndexedField::OrderingKey(source.into(), Arc::clone(at)))
    });
    here.unwrap_or_else(|| IndexedField::EarlierOrderingKey(source.into()))
}

/// A value, or the first ones of a list. A sender may send very many: only these are kept.
fn scalars(json: &str, max: usize) -> Vec<String> {
    if !json.starts_with('[') {
        return scalar(json).into_iter().take(max).collect();
    }
    let mut found = Vec::new();
    let mut items = serde_json::Deserializer::from_str(json);
    // What came before a wrong item stays.
    let _checked_before = items.deserialize_seq(Scalars { found: &mut found, max });
    found
}

struct Scalars<'f> {
    found: &'f mut Vec<String>,
    max: usize,
}

impl<'de> Visitor<'de> for Scalars<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while self.found.len() < self.max {
            let Some(item) = items.next_element::<&RawValue>()? else { return Ok(()) };
            self.found.extend(scalar(item.get()));
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// The text of a JSON text, number, true or false.
fn scalar(json: &str) -> Option<String> {
    if json.starts_with(['{', '[']) {
        return None;
    }
    match serde_json::from_str(json).ok()? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
