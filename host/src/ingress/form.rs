//! Forms as JSON. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Most fields of a form that is signed by its fields. A provider's has some dozens.
pub(super) const SIGNED_PAIRS_MAX: usize = 1000;

/// A name and a value of a form, decoded.
type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Whether a body is JSON and no form, for its signature and for its event. The media type is not signed, so that the body
/// itself decides: no form begins with a bracket, which forms escape.
pub(super) fn is_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The names and values of a form, as they were sent.
pub(super) fn pairs(body: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    url::form_urlencoded::parse(body)
}

/// The names and values that `{form}` signs: sorted, each pair once, without the empty pair, which adds no byte to the
/// signed content. `None` if a form has more than [`SIGNED_PAIRS_MAX`] of them.
pub(super) fn signed_pairs(body: &[u8]) -> Option<Vec<Pair<'_>>> {
    let mut signed: Vec<_> = pairs(body).take(SIGNED_PAIRS_MAX + 1).collect();
    if signed.len() > SIGNED_PAIRS_MAX {
        return None;
    }
    signed.retain(|(name, value)| !name.is_empty() || !value.is_empty());
    signed.sort();
    signed.dedup();
    Some(signed)
}

/// A form as a JSON object: each name with its text, or with a list of texts if it is given more than once. A form with
/// the field `payload_field` is the JSON in that field.
pub(super) fn to_json<'a>(pairs: impl IntoIterator<Item = Pair<'a>>, payload_field: Option<&str>) -> String {
    let mut object = Map::new();
    for (name, value) in pairs {
        if payload_field.is_some_and(|field| field == name) {
            return value.into_owned();
        }
        let value = Value::String(value.into_owned());
        match object.get_mut(&*name) {
            None => drop(object.insert(name.into_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_texts_and_repeated_names_a_list() {
        for (form, field, json) in [
            ("", None, "{}"),
            ("a=1&b=x+y%20z&c", None, r#"{"a":"1","b":"x y z","c":""}"#),
            ("a=1&a=2&a=3", None, r#"{"a":["1","2","3"]}"#),
            ("a=%22%5C&b=%E2%82%AC", None, r#"{"a":"\"\\","b":"€"}"#),
            ("a=%ff", None, "{\"a\":\"\u{fffd}\"}"),
            ("payload=%7B%22x%22%3A1%7D&z=1", Some("payload"), r#"{"x":1}"#),
            ("z=1", Some("payload"), r#"{"z":"1"}"#),
            ("payload=%7B%7D", None, r#"{"payload":"{}"}"#),
        ] {
            assert_eq!(to_json(pairs(form.as_bytes()), field), json, "{form}");
        }
    }

    #[test]
    fn signed_pairs_are_sorted_and_each_is_there_once() {
        for (form, expected) in [
            ("", Some("{}")),
            ("b=2&a=1", Some(r#"{"a":"1","b":"2"}"#)),
            ("a=1&a=1", Some(r#"{"a":"1"}"#)),
            ("a=1&%61=1&a=%31", Some(r#"{"a":"1"}"#)),
            ("a=2&a=1", Some(r#"{"a":["1","2"]}"#)),
            ("&=&a=1&=", Some(r#"{"a":"1"}"#)),
            ("=&=1&a", Some(r#"{"":"1","a":""}"#)),
            (&"=&".repeat(SIGNED_PAIRS_MAX), Some("{}")),
            (&"=&".repeat(SIGNED_PAIRS_MAX + 1), None),
        ] {
            let json = signed_pairs(form.as_bytes()).map(|pairs| to_json(pairs, None));
            assert_eq!(json.as_deref(), expected, "{form}");
        }
    }

    #[test]
    fn a_body_that_begins_with_a_bracket_is_json() {
        for (body, expected) in [
            (&b" {}"[..], true),
            (b"\xef\xbb\xbf[", true),
            (b"%7B=1", false),
            (b"a=1", false),
            (b"", false),
            (b"\"text\"", false),
        ] {
            assert_eq!(is_json(body), expected, "{}", String::from_utf8_lossy(body));
        }
    }
}
