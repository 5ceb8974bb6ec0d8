//! The fields of events that a plugin never gets, and the text of a payload without them.
//!
//! The pointers lead into bodies; handlers get payloads. A generic handler gets the text without the fields that are
//! found in the body as it was stored, so a source that has changed or gone since makes no difference.

use std::collections::BTreeMap;

use super::plan::REDACTED;
use crate::config::{Pointer, Scheme, Source};
use crate::event::{Event, FieldPaths, FoundField, SourceName, is_same_name, replace_lone_surrogates};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    pointers: Vec<RedactedPointer>,
    paths: FieldPaths,
    /// The places of payloads in bodies, and the packages of typed handlers, by source.
    sources: BTreeMap<SourceName, PayloadPlace>,
}

/// A pointer of the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RedactedPointer {
    text: String,
    names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PayloadPlace {
    names: Vec<String>,
    package: Option<String>,
}

/// A field of a payload that a plugin never gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RedactedField {
    /// The names from the payload on; none for the payload itself.
    pub(super) names: Vec<String>,
    /// The operator's pointer.
    pub(super) pointer: String,
}

impl Redaction {
    /// The fields at these pointers, in events of these sources and of others.
    #[must_use]
    pub fn new(pointers: &[Pointer], sources: &BTreeMap<SourceName, Source>) -> Self {
        let pointers: Vec<_> = pointers
            .iter()
            .map(|pointer| RedactedPointer { text: pointer.to_string(), names: names(pointer) })
            .collect();
        let place =
            |source: &Source| PayloadPlace { names: names(&source.payload), package: source.package.clone() };
        Self {
            paths: FieldPaths::new(pointers.iter().map(|pointer| &pointer.names)),
            sources: sources.iter().map(|(name, source)| (name.clone(), place(source))).collect(),
            pointers,
        }
    }

    /// The fields in payloads for the typed handlers of a package. A payload may be the whole body, too: where a body
    /// has nothing at the source's `payload`, and in events that plugins emit.
    pub(super) fn fields(&self, package: &str) -> Vec<RedactedField> {
        let of_package = |place: &&PayloadPlace| place.package.as_deref() == Some(package);
        let mut places: Vec<_> = self.sources.values().filter(of_package).map(|place| &place.names).collect();
        let preset = names(&Source::preset(Scheme::MONCRENEAU, Vec::new()).payload);
        if places.is_empty() {
            // Commands for authors know sources that are in no configuration.
            places.extend(self.sources.values().map(|place| &place.names).chain([&preset]));
        }
        let whole = Vec::new();
        places.push(&whole);
        let field = |pointer: &RedactedPointer, place: &Vec<String>| {
            let names = names_below(&pointer.names, place)?;
            Some(RedactedField { names, pointer: pointer.text.clone() })
        };
        let mut fields: Vec<_> = self
            .pointers
            .iter()
            .flat_map(|pointer| places.iter().filter_map(move |place| field(pointer, place)))
            .collect();
        fields.sort();
        fields.dedup();
        fields
    }

    /// Whether a plugin never gets the attribute of this name: `/subject` names one, wherever it was sent.
    pub(super) fn hides_attribute(&self, name: &str) -> bool {
        let is_name = |of: &String| of == "*" || is_same_name(of, name);
        self.pointers.iter().any(|pointer| match pointer.names.as_slice() {
            [] => true,
            [only] => is_name(only),
            _ => false,
        })
    }

    /// The payload of an event as JSON text, without the fields.
    ///
    /// # Errors
    /// The reason why they cannot be found.
    pub(super) fn redact(&self, event: &Event) -> Result<String, String> {
        let unreadable =
            |why: &str| format!("the body is no JSON, so that `redact` finds no field in it: {why}");
        let body = std::str::from_utf8(&event.body).map_err(|_| unreadable("it is no UTF-8"))?;
        let body = replace_lone_surrogates(body);
        let read = |error: serde_json::Error| unreadable(&error.to_string());
        let mut found = self.paths.find(&body).map_err(read)?;
        let payload = event.payload.clone();
        let before = body.get(..payload.start).unwrap_or_default();
        if before.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace()).is_empty() {
            // The payload is the whole body, which may be the object that is elsewhere inside of a body.
            let place = self.sources.get(&event.source).filter(|place| !place.names.is_empty());
            let below = |place: &PayloadPlace| {
                let names = self.pointers.iter().filter_map(|of| names_below(&of.names, &place.names));
                FieldPaths::new(names.filter(|names| !names.is_empty()))
            };
            if let Some(paths) = place.map(below).filter(|paths| !paths.is_empty()) {
                found.extend(paths.find(&body).map_err(read)?);
            }
        }
        Ok(cut(&body, payload, found))
    }
}

fn names(pointer: &Pointer) -> Vec<String> {
    pointer.tokens().map(|token| token.decoded().into_owned()).collect()
}

/// The rest of a pointer below a place, or none if the pointer leads to the place or around it.
fn names_below(pointer: &[String], place: &[String]) -> Option<Vec<String>> {
    let is_on_the_way =
        pointer.iter().zip(place).all(|(name, other)| name == "*" || is_same_name(name, other));
    is_on_the_way.then(|| pointer.get(place.len()..).unwrap_or_default().to_vec())
}

/// The part `within` of a JSON text without fields: a text is replaced, a member of an object is left out, and another
/// item of an array becomes null, so that the items after it keep their numbers.
fn cut(json: &str, within: std::ops::Range<usize>, mut fields: Vec<FoundField>) -> String {
    fields.retain(|field| field.value.start < within.end && within.start < field.value.end);
    if fields.iter().any(|field| field.value.start <= within.start && within.end <= field.value.end) {
        return format!("\"{REDACTED}\"");
    }
    fields.sort_by_key(|field| (field.value.start, std::cmp::Reverse(field.value.end)));
    let part = |range: std::ops::Range<usize>| json.get(range).unwrap_or_default();
    let (mut kept, mut at) = (String::new(), within.start);
    for FoundField { value, key, .. } in fields {
        // One that stands within another is gone with it.
        if value.start < at {
            continue;
        }
        let is_text = part(value.clone()).starts_with('"');
        if let Some(key) = key.filter(|_| !is_text) {
            kept.push_str(part(at..key));
            at = value.end;
            if let Some(next) = part(at..within.end).trim_start().strip_prefix(',') {
                at = within.end - next.len();
            } else if let Some(shorter) = kept.trim_end().strip_suffix(',') {
                kept.truncate(shorter.len());
            }
        } else {
            kept.push_str(part(at..value.start));
            if is_text {
                kept.extend(["\"", REDACTED, "\""]);
            } else {
                kept.push_str("null");
            }
            at = value.end;
        }
    }
    kept.push_str(part(at..within.end));
    kept
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::{Digest, Name};

    fn pointers(texts: &[&str]) -> Vec<Pointer> {
        texts.iter().map(|text| Pointer::parse(text).unwrap()).collect()
    }

    fn sources() -> BTreeMap<SourceName, Source> {
        let source = Source::preset(Scheme::MONCRENEAU, Vec::new());
        BTreeMap::from([(Name::new("moncreneau").unwrap(), source)])
    }

    fn event(source: &str, body: &str, payload: &str) -> Event {
        let start = body.find(payload).unwrap();
        Event {
            source: Name::new(source).unwrap(),
            id: "evt_1".into(),
            event_type: "a.b".into(),
            created: String::new(),
            received_at: 0,
            body: Bytes::copy_from_slice(body.as_bytes()),
            payload: start..start + payload.len(),
            ordering_key: None,
            digest: Digest::of(body.as_bytes()),
            origin: None,
            trace: None,
            metadata: None,
        }
    }

    fn redacted(texts: &[&str], source: &str, body: &str, payload: &str) -> String {
        Redaction::new(&pointers(texts), &sources()).redact(&event(source, body, payload)).unwrap()
    }

    #[test]
    fn a_text_is_replaced_and_another_member_is_left_out() {
        for (payload, pointer, expected) in [
            (r#"{"a":1,"phone":"5","b":2}"#, "phone", r#"{"a":1,"phone":"[redacted]","b":2}"#),
            (r#"{"a":1,"phone":5,"b":2}"#, "phone", r#"{"a":1,"b":2}"#),
            (r#"{"phone":5 , "b":2}"#, "phone", r#"{ "b":2}"#),
            (r#"{"a":1 , "phone" : {"x":5} }"#, "phone", r#"{"a":1  }"#),
            (r#"{"phone":null}"#, "phone", "{}"),
            (r#"{"phone":1,"phone":2}"#, "phone", "{}"),
            (r#"{"a":0,"phone":1,"phone":2}"#, "phone", r#"{"a":0}"#),
            (
                r#"{"phone":1,"a":0,"\u0070hone":"2","PHONE":[3]}"#,
                "phone",
                r#"{"a":0,"\u0070hone":"[redacted]"}"#,
            ),
            (r#"{"l":[1,"2",{"a":3}]}"#, "l/*", r#"{"l":[null,"[redacted]",null]}"#),
            (r#"{"l":[{"a":1,"b":2},{"b":4,"a":3}]}"#, "l/*/a", r#"{"l":[{"b":2},{"b":4}]}"#),
            (r#"{"l":[1,2]}"#, "l/1", r#"{"l":[1,null]}"#),
            (r#"{"m":{"x":1,"y":"2"},"n":0}"#, "m/*", r#"{"m":{"y":"[redacted]"},"n":0}"#),
            ("{\"a\":\"\\ud800\",\"phone\":1}", "phone", "{\"a\":\"\\ufffd\"}"),
        ] {
            let body = format!(r#"{{"type":"a","data":{{"object":{payload}}}}}"#);
            let pointer = format!("/data/object/{pointer}");
            let text = redacted(&[&pointer], "moncreneau", &body, payload);
            assert_eq!(text, expected, "{payload} {pointer}");
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            // A source that is no longer configured makes no difference.
            assert_eq!(redacted(&[&pointer], "gone", &body, payload), expected, "{payload} {pointer}");
        }
    }

    #[test]
    fn a_field_within_another_goes_with_it_and_a_payload_within_one_goes_whole() {
        let body = r#"{"data":{"object":{"a":{"b":"1","c":2},"d":3}}}"#;
        let payload = &body[body.find(r#"{"a""#).unwrap()..body.len() - 2];
        let all = &["/data/object/a/b", "/data/object/a", "/data/object/a/c"];
        assert_eq!(redacted(all, "moncreneau", body, payload), r#"{"d":3}"#);
        assert_eq!(redacted(&["/data"], "moncreneau", body, payload), r#""[redacted]""#);
        assert_eq!(redacted(&["/data/object"], "moncreneau", body, payload), r#""[redacted]""#);
        assert_eq!(redacted(&["/id"], "moncreneau", body, payload), payload);
    }

    #[test]
    fn a_body_without_the_place_of_payloads_is_redacted_as_a_payload() {
        let body = r#"{"phone":1,"data":{"object":{"phone":2}}}"#;
        let pointer = &["/data/object/phone"];
        assert_eq!(redacted(pointer, "moncreneau", body, body), r#"{"data":{"object":{}}}"#);
        assert_eq!(redacted(pointer, "plugin.other", body, body), r#"{"phone":1,"data":{"object":{}}}"#);
    }

    #[test]
    fn a_pointer_of_one_name_hides_the_attribute_of_that_name() {
        let hides = |text: &str| Redaction::new(&pointers(&[text]), &sources()).hides_attribute("subject");
        let found = ["/subject", "/Subject", "/*", "", "/subject/x", "/data/subject", "/other"].map(hides);
        assert_eq!(found, [true, true, true, true, false, false, false]);
    }

    #[test]
    fn a_body_that_cannot_be_read_goes_to_no_handler() {
        let redaction = Redaction::new(&pointers(&["/phone"]), &sources());
        for body in ["phone=1", r#"{"phone":1"#, ""] {
            let error = redaction.redact(&event("plugin.other", body, body)).unwrap_err();
            assert!(error.contains("no JSON"), "{error}");
        }
    }

    #[test]
    fn pointers_into_bodies_are_fields_of_payloads() {
        let redaction = Redaction::new(&pointers(&["/data/object/phone", "/x"]), &sources());
        let names = |package: &str| -> Vec<String> {
            redaction.fields(package).iter().map(|field| field.names.join("/")).collect()
        };
        assert_eq!(names("moncreneau:events"), ["data/object/phone", "phone", "x"]);
        assert_eq!(names("other:events"), ["data/object/phone", "phone", "x"]);
        let around = Redaction::new(&pointers(&["/data"]), &sources());
        assert_eq!(around.fields("moncreneau:events")[0].names, Vec::<String>::new());
    }
}
