//! Hides an event's personal values in other texts about it: reasons, lines of the log, requests of effects.
//!
//! A value is found as it was sent, decoded, and in the forms in which programs write texts, in either case. A handler that
//! writes it otherwise, such as a phone number with other spaces, is not seen through.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use crate::config::Pointer;
use crate::personal::{PersonalValues, Spelling};

/// The text in place of a personal value.
const MASKED: &str = "[masked]";
/// Texts with fewer bytes are not hidden: they are in too many words.
const MIN_BYTES: usize = 3;

/// The personal values of an event.
#[derive(Debug, Clone)]
pub(in crate::admin) enum PersonalTexts {
    /// There are none.
    None,
    /// These.
    Values(ValueFinder),
    /// Every text may have some.
    All,
}

/// Finds values in texts.
#[derive(Debug, Clone)]
pub(in crate::admin) struct ValueFinder {
    finder: AhoCorasick,
    /// Whether each pattern is only the beginning of a value.
    are_cut: Vec<bool>,
}

impl PersonalTexts {
    /// The values at the pointers in a body. If the body cannot be read as JSON, or has too many of them, every text may
    /// have some.
    pub(in crate::admin) fn of(body: &[u8], personal: &[Pointer]) -> Self {
        if personal.is_empty() {
            return Self::None;
        }
        let spellings = PersonalValues::find(body, personal).and_then(|values| values.spellings());
        let Some(mut spellings) = spellings else { return Self::All };
        if spellings.is_empty() {
            return Self::None;
        }
        spellings.retain(|spelling| spelling.text.len() >= MIN_BYTES);
        ValueFinder::new(&spellings).map_or(Self::All, Self::Values)
    }

    /// A text without the values.
    pub(in crate::admin) fn hide(&self, text: &mut String) {
        match self {
            Self::All if !text.is_empty() => *text = MASKED.into(),
            Self::All | Self::None => {}
            Self::Values(finder) => {
                if let Some(hidden) = finder.hide(text) {
                    *text = hidden;
                }
            }
        }
    }

    /// A JSON value without them. Bytes that are no text are left out.
    pub(in crate::admin) fn hide_in(&self, json: &mut Value) {
        match json {
            Value::String(text) => self.hide(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide_in(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    if name == "base64" && !matches!(self, Self::None) {
                        *member = MASKED.into();
                    } else {
                        self.hide_in(member);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl ValueFinder {
    fn new(spellings: &[Spelling]) -> Option<Self> {
        let texts = spellings.iter().map(|spelling| &spelling.text);
        // All matches count, so that what is left of one that another overlaps is hidden too.
        let mut builder = AhoCorasick::builder();
        let finder =
            builder.match_kind(MatchKind::Standard).ascii_case_insensitive(true).build(texts).ok()?;
        Some(Self { finder, are_cut: spellings.iter().map(|spelling| spelling.is_cut).collect() })
    }

    /// The text without values; `None` if it has none.
    fn hide(&self, text: &str) -> Option<String> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for found in self.finder.find_overlapping_iter(text) {
            let is_cut = self.are_cut.get(found.pattern().as_usize()).is_none_or(|is_cut| *is_cut);
            // Nothing says where a longer value ends.
            let mut place = found.start()..if is_cut { text.len() } else { found.end() };
            // Matches come in the order of their ends.
            while let Some(before) = places.pop_if(|before| before.end > place.start) {
                place = place.start.min(before.start)..place.end.max(before.end);
            }
            places.push(place);
        }
        let (mut hidden, mut at) = (String::new(), 0);
        for place in &places {
            hidden.push_str(text.get(at..place.start).unwrap_or_default());
            hidden.push_str(MASKED);
            at = place.end;
        }
        hidden.push_str(text.get(at..).unwrap_or_default());
        (!places.is_empty()).then_some(hidden)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(body: &str, pointers: &[&[&str]]) -> PersonalTexts {
        let pointers: Vec<_> = pointers.iter().map(|tokens| Pointer::to(tokens)).collect();
        PersonalTexts::of(body.as_bytes(), &pointers)
    }

    fn hidden(personal: &PersonalTexts, text: &str) -> String {
        let mut text = text.to_owned();
        personal.hide(&mut text);
        text
    }

    #[test]
    fn values_are_hidden_wherever_a_text_quotes_them() {
        let body =
            r#"{"name":"Awa \"A\" Diallo","phone":224622000001,"age":7,"to":["awa@example.gn"],"id":"a-1"}"#;
        let personal = texts(body, &[&["name"], &["phone"], &["age"], &["to"], &["gone"]]);
        for (text, expected) in [
            ("no office for Awa \"A\" Diallo of a-1", "no office for [masked] of a-1"),
            (r#"answer 422: {"who":"Awa \"A\" Diallo"}"#, r#"answer 422: {"who":"[masked]"}"#),
            ("INFO sent to 224622000001, AWA@example.gn", "INFO sent to [masked], [masked]"),
            ("7 offices", "7 offices"),
            ("", ""),
        ] {
            assert_eq!(hidden(&personal, text), expected);
        }
        let mut request =
            json!({ "url": "https://x/?awa%40example.gn", "n": 1, "body": { "base64": "AAA=" } });
        personal.hide_in(&mut request);
        assert_eq!(
            request,
            json!({ "url": "https://x/?[masked]", "n": 1, "body": { "base64": "[masked]" } })
        );
    }

    #[test]
    fn a_value_is_hidden_as_it_was_sent_and_as_it_is_decoded() {
        let personal = texts(r#"{"name":"\u00c9lo\u00efse\/A","n":1e400}"#, &[&["name"], &["n"]]);
        for text in [r"\u00c9lo\u00efse\/A", r"\u00C9lo\u00EFse/A", "Éloïse/A", "1e400", "1E400"] {
            let found = hidden(&personal, &format!("expected a record, found string \"{text}\" here"));
            assert_eq!(found, "expected a record, found string \"[masked]\" here", "{text}");
        }
    }

    #[test]
    fn letters_of_every_script_are_hidden_in_either_case() {
        let personal = texts(r#"{"name":"Éloïse Bâ","other":"王伟"}"#, &[&["name"], &["other"]]);
        for text in ["ÉLOÏSE BÂ", "éloïse bâ", "Éloïse Bâ", "王伟"] {
            assert_eq!(hidden(&personal, &format!("no {text} here")), "no [masked] here", "{text}");
        }
    }

    #[test]
    fn a_value_that_is_too_short_for_texts_still_hides_bytes() {
        let personal = texts(r#"{"name":"Al"}"#, &[&["name"]]);
        assert_eq!(hidden(&personal, "Also"), "Also");
        let mut request = json!({ "body": { "base64": "QWw=" } });
        personal.hide_in(&mut request);
        assert_eq!(request, json!({ "body": { "base64": "[masked]" } }));
    }

    #[test]
    fn overlapping_values_are_hidden_whole_and_a_long_value_to_the_end_of_the_text() {
        let personal = texts(r#"{"a":"Awa Diallo","b":"Diallo Barry","c":"Awa"}"#, &[&["a"], &["b"], &["c"]]);
        assert_eq!(hidden(&personal, "x Awa Diallo Barry, Awa"), "x [masked], [masked]");
        let long = "y".repeat(5000);
        let personal = texts(&format!("{{\"a\":\"{long}\"}}"), &[&["a"]]);
        assert_eq!(hidden(&personal, &format!("of {long} and {long}.")), "of [masked]");
        assert_eq!(hidden(&personal, "of yyy"), "of yyy");
    }

    #[test]
    fn without_a_readable_body_or_with_too_many_values_every_text_is_hidden() {
        let many: Vec<_> = (0..50_000).map(|number| format!("value {number}")).collect();
        let many = json!({ "a": many }).to_string();
        for (body, pointer) in [(&b"no json"[..], "a"), (b"\xff", "a"), (many.as_bytes(), "a")] {
            let personal = PersonalTexts::of(body, &[Pointer::to(&[pointer])]);
            assert!(matches!(personal, PersonalTexts::All));
            assert_eq!(hidden(&personal, "anything"), "[masked]");
        }
        assert!(matches!(texts("no json", &[]), PersonalTexts::None));
        assert!(matches!(texts(r#"{"b":1}"#, &[&["a"]]), PersonalTexts::None));
    }
}
