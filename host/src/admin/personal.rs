//! Masks personal values in bodies of events. `sources.NAME.personal` says where they stand.

mod texts;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::sync::watch as channel;

use crate::config::{Config, Pointer, Source, find_values};
use crate::effect::EMITTED_PREFIX;
use crate::erasure::{PersonalSource, PersonalSources};
use crate::event::{FoundField, replace_lone_surrogates};

pub(super) use texts::PersonalTexts;

/// The value that is shown in place of a personal one, as JSON.
const MASKED: &str = "\"[masked]\"";

/// The personal values of the configured sources.
#[derive(Debug, Clone)]
pub struct PersonalFields {
    config: channel::Receiver<Arc<Config>>,
}

impl PersonalFields {
    /// Follows the current configuration.
    #[must_use]
    pub fn new(config: channel::Receiver<Arc<Config>>) -> Self {
        Self { config }
    }

    /// The configuration of a source, if it still has one.
    pub(super) fn source(&self, name: &str) -> Option<Source> {
        self.config.borrow().sources.get(name).cloned()
    }

    /// Whether events of a source may have personal values: it has pointers to some, or nobody says any more. Events that
    /// plugins emit are made of those of the sources.
    pub(super) fn has_any(&self, source: &str) -> bool {
        let config = self.config.borrow();
        match config.sources.get(source) {
            Some(source) => !source.personal.is_empty(),
            None if source.starts_with(EMITTED_PREFIX) => {
                config.sources.values().any(|source| !source.personal.is_empty())
            }
            None => true,
        }
    }

    /// The personal values in the body of an event of a source. If nothing says where they are, every text may have some.
    pub(super) fn texts(&self, source: &str, body: &[u8]) -> PersonalTexts {
        match self.source(source) {
            Some(source) => PersonalTexts::of(body, &source.personal),
            None if self.has_any(source) => PersonalTexts::All,
            None => PersonalTexts::None,
        }
    }

    /// The personal values of the configured sources, for an erasure.
    pub(super) fn erasable(&self) -> PersonalSources {
        let config = self.config.borrow();
        let source = |source: &Source| PersonalSource {
            pointers: source.personal.iter().map(ToString::to_string).collect(),
            ordering_key: source.ordering_key.pointers().any(|key| key.meets_any(&source.personal)),
        };
        config.sources.iter().map(|(name, of)| (name.to_string(), source(of))).collect()
    }

    /// The WIT package of typed handlers for the events of a source, which may be a plugin that emits them.
    pub(super) fn package(&self, name: &str) -> Option<String> {
        let config = self.config.borrow();
        let Some(plugin) = name.strip_prefix(EMITTED_PREFIX) else {
            return config.sources.get(name).and_then(|source| source.package.clone());
        };
        config.plugin(plugin).emit_package.clone()
    }
}

/// A part of a body, with personal values masked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MaskedJson {
    /// JSON text.
    pub(super) text: String,
    /// The pointers to the masked values.
    pub(super) masked: Vec<String>,
}

/// Returns the part `within` of a body as JSON text, with the values at `personal` masked. If the body cannot be read
/// as JSON, all of it is masked.
pub(super) fn mask_body(body: &[u8], within: Range<usize>, personal: &[Pointer]) -> MaskedJson {
    let part = || String::from_utf8_lossy(body.get(within.clone()).unwrap_or_default()).into_owned();
    if personal.is_empty() {
        return MaskedJson { text: part(), masked: Vec::new() };
    }
    let all_masked =
        || MaskedJson { text: MASKED.into(), masked: personal.iter().map(ToString::to_string).collect() };
    let Ok(text) = std::str::from_utf8(body) else { return all_masked() };
    let Ok(mut found) = find_values(text, personal) else { return all_masked() };
    found.retain(|field| field.value.start < within.end && within.start < field.value.end);
    found.sort_by_key(|field| (field.value.start, std::cmp::Reverse(field.value.end)));
    let mut masked: Vec<_> = found.iter().map(|field| personal[field.path].to_string()).collect();
    masked.sort();
    masked.dedup();
    let (mut shown, mut at) = (String::new(), within.start);
    for FoundField { value: range, .. } in found {
        if range.start <= within.start && within.end <= range.end {
            return MaskedJson { text: MASKED.into(), masked };
        }
        // One that stands within another is masked with it.
        if range.start >= at {
            shown.push_str(text.get(at..range.start).unwrap_or_default());
            shown.push_str(MASKED);
            at = range.end;
        }
    }
    shown.push_str(text.get(at..within.end).unwrap_or_default());
    MaskedJson { text: shown, masked }
}

/// JSON text as a value that is written as it is, and whether it became a string: text that is no JSON, that is nested
/// deeper than most parsers read, or that has a number beyond the range of a 64-bit float. A client could not read a
/// response with such a value.
pub(super) fn to_raw(text: &str) -> (Box<RawValue>, bool) {
    let readable = replace_lone_surrogates(text);
    let text = readable.trim_start_matches('\u{feff}').trim();
    let is_readable = !is_deep(text) && serde_json::from_str::<ReadJson>(text).is_ok();
    if let Some(raw) = serde_json::from_str(text).ok().filter(|_| is_readable) {
        return (raw, false);
    }
    (serde_json::value::to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned()), true)
}

/// JSON that was read value by value, as a client reads it, and not kept.
struct ReadJson;

impl<'de> Deserialize<'de> for ReadJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for ReadJson {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

/// Most parsers read 128 levels at least; the response around a payload has some.
const JSON_DEPTH_MAX: usize = 100;

fn is_deep(json: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    json.bytes().any(|byte| {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            return false;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > JSON_DEPTH_MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_clients_could_not_read_becomes_a_string() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let brackets_in_text = format!("{{\"a\\\"\":\"{}\"}}", "[".repeat(1000));
        for (text, is_text) in [
            ("[1e999]".into(), true),
            ("[1e99]".into(), false),
            (nested(100), false),
            (nested(101), true),
            (brackets_in_text, false),
            ("{".into(), true),
        ] {
            let (raw, found) = to_raw(&text);
            let expected = if is_text { serde_json::Value::from(text.as_str()).to_string() } else { text };
            assert_eq!((raw.get(), found), (expected.as_str(), is_text));
        }
    }

    fn pointers(texts: &[&str]) -> Vec<Pointer> {
        texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
    }

    fn masked(body: &str, within: &str, personal: &[&str]) -> String {
        let start = body.find(within).unwrap();
        mask_body(body.as_bytes(), start..start + within.len(), &pointers(personal)).text
    }

    #[test]
    fn masks_values_by_pointer_and_leaves_the_rest_as_it_was_sent() {
        let body = r#"{"id": 1, "data": {"phone":"1", "n": 9007199254740993.10, "list":[{"a":1},{"a":2}], "x/y": {"p":[1]}}}"#;
        let data = &body[body.find(r#"{"phone"#).unwrap()..body.len() - 1];
        for (personal, expected) in [
            (&[][..], data.to_owned()),
            (&["/data/phone"], data.replace(r#""1""#, MASKED)),
            (
                &["/data/list/1/a", "/data/none", "/data/phone/x"],
                data.replace(r#"{"a":2}"#, r#"{"a":"[masked]"}"#),
            ),
            (&["/data/x~1y", "/data/x~1y/p/0"], data.replace(r#"{"p":[1]}"#, MASKED)),
            (&["/data"], MASKED.to_owned()),
            (&[""], MASKED.to_owned()),
            (&["/id"], data.to_owned()),
        ] {
            assert_eq!(masked(body, data, personal), expected, "{personal:?}");
        }
    }

    #[test]
    fn masks_each_repetition_and_each_spelling_of_a_name() {
        let body = r#"{"phone":"1","phone":"2","\u0070hone":"3","PHONE":"4"}"#;
        let expected =
            r#"{"phone":"[masked]","phone":"[masked]","\u0070hone":"[masked]","PHONE":"[masked]"}"#;
        assert_eq!(masked(body, body, &["/phone"]), expected);
        let body = r#"{"customer_phone":"1","x":{"customer-phone":"2"},"customers":[{"phone":"3"}]}"#;
        let expected = r#"{"customer_phone":"[masked]","x":{"customer-phone":"[masked]"},"customers":[{"phone":"[masked]"}]}"#;
        assert_eq!(
            masked(body, body, &["/customerPhone", "/x/customer_phone", "/customers/*/phone"]),
            expected
        );
    }

    #[test]
    fn reads_bodies_as_senders_write_them() {
        let body = "\u{feff}{\"a\":\"\\ud800\", \"phone\" : [1, 2]\r\n}";
        let expected = "{\"a\":\"\\ud800\", \"phone\" : \"[masked]\"\r\n}";
        assert_eq!(masked(body, &body['\u{feff}'.len_utf8()..], &["/phone"]), expected);
    }

    #[test]
    fn a_body_that_cannot_be_read_is_masked_as_a_whole() {
        for body in [&b"{\"phone\":\"1\""[..], b"{\"phone\":\"\xff\"}", b"", b"{\"a\":1} {\"phone\":\"1\"}"] {
            let MaskedJson { text, masked } = mask_body(body, 0..body.len(), &pointers(&["/phone"]));
            assert_eq!((text.as_str(), masked), (MASKED, vec!["/phone".to_owned()]), "{body:?}");
        }
    }

    #[test]
    fn text_that_is_no_json_becomes_a_string() {
        for (text, expected) in [
            (" {\"n\":1.10}\n", "{\"n\":1.10}"),
            ("\u{feff}[\"\\ud800\"]", "[\"\\ufffd\"]"),
            ("x", "\"x\""),
            ("1 2", "\"1 2\""),
        ] {
            assert_eq!(to_raw(text).0.get(), expected);
        }
    }
}
