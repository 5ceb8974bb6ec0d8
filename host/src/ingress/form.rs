//! Forms as JSON. Pure.

use serde_json::{Map, Value};

/// Whether a body is JSON and no form. The media type is not signed, so that the body itself decides: no form begins with
/// a bracket, which forms escape.
pub(super) fn is_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// A form as a JSON object: each name with its text, or with a list of texts if it is given more than once. A form with
/// the field `payload_field` is the JSON in that field.
pub(super) fn to_json(body: &[u8], payload_field: Option<&str>) -> String {
    let mut object = Map::new();
    for (name, value) in url::form_urlencoded::parse(body) {
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
            assert_eq!(to_json(form.as_bytes(), field), json, "{form}");
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
