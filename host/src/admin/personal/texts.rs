//! Hides an event's personal values in other texts about it: reasons, lines of the log, requests of effects.
//!
//! A value is found as it is in the body: a handler that writes it in another form, such as a phone number with other
//! spaces, is not seen through.

use serde_json::Value;

use crate::config::{Pointer, find_texts};

/// The text in place of a personal value.
const MASKED: &str = "[masked]";
/// Values with fewer characters are not hidden: they are in too many words.
const LENGTH_MIN: usize = 3;

/// The personal values of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) enum PersonalTexts {
    /// These, the longest first, each also as it is within a JSON string.
    Values(Vec<String>),
    /// Every text may have some.
    All,
}

impl PersonalTexts {
    /// The values at the pointers in a body. If the body cannot be read as JSON, every text may have some.
    pub(in crate::admin) fn of(body: &[u8], personal: &[Pointer]) -> Self {
        if personal.is_empty() {
            return Self::Values(Vec::new());
        }
        let texts = std::str::from_utf8(body).ok().and_then(|text| find_texts(text, personal));
        let Some(mut values) = texts else { return Self::All };
        // In JSON within a text, a value may be escaped.
        let escaped: Vec<_> = values.iter().map(|value| escape(value)).collect();
        values.extend(escaped);
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self::Values(values)
    }

    /// Whether a text is one of the values, or may be.
    pub(in crate::admin) fn has_value(&self, text: &str) -> bool {
        match self {
            Self::All => true,
            Self::Values(values) => values.iter().any(|value| value == text),
        }
    }

    /// A text without the values.
    pub(in crate::admin) fn hide(&self, text: &mut String) {
        match self {
            Self::All if !text.is_empty() => *text = MASKED.into(),
            Self::All => {}
            Self::Values(values) => {
                for value in values.iter().filter(|value| value.chars().count() >= LENGTH_MIN) {
                    if text.contains(value.as_str()) {
                        *text = text.replace(value.as_str(), MASKED);
                    }
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
                    if name == "base64" && self.has_any() {
                        *member = MASKED.into();
                    } else {
                        self.hide_in(member);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn has_any(&self) -> bool {
        *self != Self::Values(Vec::new())
    }
}

/// A text as it is within a JSON string.
fn escape(text: &str) -> String {
    let json = Value::from(text).to_string();
    json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(body: &str, pointers: &[&[&str]]) -> PersonalTexts {
        let pointers: Vec<_> = pointers.iter().map(|tokens| Pointer::to(tokens)).collect();
        PersonalTexts::of(body.as_bytes(), &pointers)
    }

    #[test]
    fn values_are_hidden_wherever_a_text_quotes_them() {
        let body =
            r#"{"name":"Awa \"A\" Diallo","phone":224622000001,"age":7,"to":["awa@example.gn"],"id":"a-1"}"#;
        let personal = texts(body, &[&["name"], &["phone"], &["age"], &["to"], &["gone"]]);
        for (text, hidden) in [
            ("no office for Awa \"A\" Diallo of a-1", "no office for [masked] of a-1"),
            (r#"answer 422: {"who":"Awa \"A\" Diallo"}"#, r#"answer 422: {"who":"[masked]"}"#),
            ("INFO sent to 224622000001, awa@example.gn", "INFO sent to [masked], [masked]"),
            ("7 offices", "7 offices"),
            ("", ""),
        ] {
            let mut text = text.to_owned();
            personal.hide(&mut text);
            assert_eq!(text, hidden);
        }
        let mut request = json!({ "url": "https://x/224622000001", "n": 1, "body": { "base64": "AAA=" } });
        personal.hide_in(&mut request);
        assert_eq!(request, json!({ "url": "https://x/[masked]", "n": 1, "body": { "base64": "[masked]" } }));
    }

    #[test]
    fn without_a_readable_body_every_text_is_hidden() {
        for personal in [texts("no json", &[&["a"]]), PersonalTexts::of(b"\xff", &[Pointer::to(&["a"])])] {
            assert_eq!(personal, PersonalTexts::All);
            let mut text = "anything".to_owned();
            personal.hide(&mut text);
            assert_eq!(text, "[masked]");
        }
        assert_eq!(texts("no json", &[]), PersonalTexts::Values(Vec::new()));
    }
}
