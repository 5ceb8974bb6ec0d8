//! The text of an ordering key.

use std::borrow::Cow;

use super::{Digest, parse_json_string};

/// Longest ordering key that is stored as text; a longer one is stored as its SHA-256.
const ORDERING_KEY_MAX_BYTES: usize = 256;

/// A JSON value, as it was sent, as the text of an ordering key; `None` for `null`. Any other value will do: none is a
/// reason to reject an event.
#[must_use]
pub fn ordering_key_text(json: &str) -> Option<Cow<'_, str>> {
    if json == "null" {
        return None;
    }
    Some(shorten_ordering_key(parse_json_string(json).unwrap_or(Cow::Borrowed(json))))
}

/// The text of an ordering key, or its SHA-256 if it is long.
#[must_use]
pub fn shorten_ordering_key(text: Cow<'_, str>) -> Cow<'_, str> {
    let is_short = text.len() <= ORDERING_KEY_MAX_BYTES;
    if is_short { text } else { Digest::of(text.as_bytes()).to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_key_is_a_decoded_string_or_the_value_as_sent_and_a_long_one_its_digest() {
        let long = "x".repeat(ORDERING_KEY_MAX_BYTES + 1);
        let digest = Digest::of(long.as_bytes()).to_string();
        for (json, expected) in [
            ("null", None),
            (r#""\u00c9lo\/7""#, Some("Élo/7")),
            ("1.50e3", Some("1.50e3")),
            (r#"{"a" :"\u00c9"}"#, Some(r#"{"a" :"\u00c9"}"#)),
            (r#""\ud800""#, Some(r#""\ud800""#)),
            (&format!("\"{long}\""), Some(&digest)),
        ] {
            assert_eq!(ordering_key_text(json).as_deref(), expected, "{json}");
        }
    }
}
