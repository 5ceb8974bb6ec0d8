//! From a verified body to an [`Event`]. Pure: the time of receipt is given.

use std::borrow::Cow;

use crate::config::{EVENT_TYPE_MAX_BYTES, Pointer, Source};
use crate::event::{Digest, Event, SourceName};

use super::pick::Picker;
use super::verify::VerifiedRequest;

/// Longest event id, in bytes.
const ID_MAX_BYTES: usize = 256;
/// Longest timestamp, in bytes.
const CREATED_MAX_BYTES: usize = 64;
/// Longest ordering key kept as it is; of a longer one its SHA-256 is kept.
const ORDERING_KEY_MAX_BYTES: usize = 256;

/// Where a source's bodies keep what the host reads.
#[derive(Debug)]
pub(super) struct Envelope {
    picker: Picker<5>,
    id: Pointer,
    event_type: Pointer,
    created: Pointer,
}

/// A verified body that is no event; says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadRequest(String);

impl Envelope {
    pub(super) fn of(source: &Source) -> Self {
        // Without segments the payload is the whole body: nothing to look for.
        let payload = Some(&source.payload).filter(|pointer| !pointer.segments().is_empty());
        let pointers = [
            Some(&source.id),
            Some(&source.event_type),
            Some(&source.created),
            payload,
            source.ordering_key.as_ref(),
        ];
        Self {
            picker: Picker::new(pointers),
            id: source.id.clone(),
            event_type: source.event_type.clone(),
            created: source.created.clone(),
        }
    }

    /// Reads a body, once.
    pub(super) fn read(
        &self,
        source: &SourceName,
        request: VerifiedRequest,
        received_at: u64,
    ) -> Result<Event, BadRequest> {
        let body = request.into_body();
        let text = std::str::from_utf8(&body).map_err(|error| {
            BadRequest(format!(
                "the body is not UTF-8 at byte {}",
                error.valid_up_to()
            ))
        })?;
        let found = self
            .picker
            .pick(text)
            .map_err(|error| BadRequest(format!("the body is not JSON: {error}")))?;
        let [id, event_type, created, payload, ordering_key] = found;
        let digest = Digest::of(&body);
        let event = Event {
            source: source.clone(),
            event_type: self.event_type(event_type)?,
            id: self.id(id)?.unwrap_or_else(|| digest.to_string()),
            created: self
                .created(created)?
                .unwrap_or_else(|| rfc3339(received_at)),
            received_at,
            payload: payload.map_or(0..body.len(), |part| {
                let start = part.as_ptr().addr() - text.as_ptr().addr();
                start..start + part.len()
            }),
            ordering_key: ordering_key.and_then(key_text),
            digest,
            body: body.clone(),
        };
        Ok(event)
    }

    fn event_type(&self, found: Option<&str>) -> Result<String, BadRequest> {
        let at = &self.event_type;
        let raw = present(found).ok_or_else(|| BadRequest(format!("no event type at {at}")))?;
        let text = string(raw)
            .ok_or_else(|| BadRequest(format!("the event type at {at} is not a string")))?;
        bounded(&text, "event type", at, EVENT_TYPE_MAX_BYTES)?;
        Ok(text.into_owned())
    }

    fn id(&self, found: Option<&str>) -> Result<Option<String>, BadRequest> {
        let Some(raw) = present(found) else {
            return Ok(None);
        };
        let integer = || {
            let digits = raw.strip_prefix('-').unwrap_or(raw);
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then_some(Cow::Borrowed(raw))
        };
        let wrong = || {
            BadRequest(format!(
                "the id at {} is neither a string nor an integer",
                self.id
            ))
        };
        let text = string(raw).or_else(integer).ok_or_else(wrong)?;
        bounded(&text, "id", &self.id, ID_MAX_BYTES)?;
        Ok(Some(text.into_owned()))
    }

    /// A string is kept as it is; what else stands there is no timestamp that handlers could read.
    fn created(&self, found: Option<&str>) -> Result<Option<String>, BadRequest> {
        let Some(text) = found.and_then(string).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        bounded(&text, "timestamp", &self.created, CREATED_MAX_BYTES)?;
        Ok(Some(text.into_owned()))
    }
}

/// `null` says no more than nothing.
fn present(found: Option<&str>) -> Option<&str> {
    found.filter(|raw| *raw != "null")
}

/// The content of a JSON string; `None` for anything else, and for what is no Unicode.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Names end up in logs, pages and commands: not empty, not endless, no control characters.
fn bounded(text: &str, what: &str, at: &Pointer, most: usize) -> Result<(), BadRequest> {
    let wrong = |why: &str| Err(BadRequest(format!("the {what} at {at} {why}")));
    if text.is_empty() {
        return wrong("is empty");
    }
    if text.len() > most {
        return wrong(&format!("is longer than {most} bytes"));
    }
    if text.chars().any(char::is_control) {
        wrong("has control characters")
    } else {
        Ok(())
    }
}

/// An ordering key is text whatever it was, and never a reason to refuse an event.
fn key_text(raw: &str) -> Option<String> {
    let raw = present(Some(raw))?;
    let text = string(raw).unwrap_or(Cow::Borrowed(raw));
    let short = text.len() <= ORDERING_KEY_MAX_BYTES;
    Some(if short {
        text.into_owned()
    } else {
        Digest::of(text.as_bytes()).to_string()
    })
}

fn rfc3339(at_ms: u64) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default().to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::super::verify::{Signing, UnverifiedRequest, sign};
    use super::*;
    use crate::config::{Scheme, Secret};

    const RECEIVED_AT: u64 = 1_769_005_800_250;

    fn read_as(source: &Source, body: &[u8]) -> Result<Event, String> {
        let (name, value) = sign(&source.signatures[0], &source.secrets[0], body).unwrap();
        let headers = HeaderMap::from_iter([(name, value)]);
        let request = UnverifiedRequest {
            headers: &headers,
            body: Bytes::copy_from_slice(body),
        };
        let verified = request.verify(&Signing::of(source)).unwrap();
        let name = SourceName::new("desk").unwrap();
        Envelope::of(source)
            .read(&name, verified, RECEIVED_AT)
            .map_err(|error| error.to_string())
    }

    fn read(body: impl AsRef<[u8]>) -> Result<Event, String> {
        let mut source = Source::preset(Scheme::Moncreneau, vec![Secret::new("s".into())]);
        source.ordering_key = Some(Pointer::parse("/data/object/id").unwrap());
        read_as(&source, body.as_ref())
    }

    #[test]
    fn an_appointment() {
        let body = r#"{ "id": "evt_abc123", "type": "appointment.created", "created": "2026-01-21T14:30:00Z",
            "data": { "object": { "id": 12345, "name": "Zoé" } } }"#;
        let event = read(body).unwrap();
        assert_eq!(
            (event.source.as_str(), event.id.as_str()),
            ("desk", "evt_abc123")
        );
        assert_eq!(event.event_type, "appointment.created");
        assert_eq!(event.created, "2026-01-21T14:30:00Z");
        assert_eq!(
            event.payload(),
            r#"{ "id": 12345, "name": "Zoé" }"#.as_bytes()
        );
        assert_eq!(event.ordering_key.as_deref(), Some("12345"));
        assert_eq!(
            (event.received_at, event.digest),
            (RECEIVED_AT, Digest::of(body.as_bytes()))
        );
        assert_eq!(event.body, body.as_bytes());
    }

    #[test]
    fn ids() {
        let long = "x".repeat(256);
        let table = [
            (r#""evt_1""#, "evt_1"),
            ("12345", "12345"),
            ("-1", "-1"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            (r#""\u0065vt\u005f\ud83d\ude00""#, "evt_😀"),
            (&format!("\"{long}\""), &long),
        ];
        for (raw, expected) in table {
            assert_eq!(
                read(format!(r#"{{"type":"t","id":{raw}}}"#)).unwrap().id,
                *expected
            );
        }
        for body in [r#"{"type":"t"}"#, r#"{"type":"t","id":null}"#] {
            assert_eq!(
                read(body).unwrap().id,
                Digest::of(body.as_bytes()).to_string()
            );
        }
        let escaped_key = read(r#"{"type":"t","\u0069d":"1","id":"2"}"#).unwrap();
        assert_eq!(escaped_key.id, "2", "the last of equal keys");
    }

    #[test]
    fn what_is_refused_and_where() {
        let long_id = format!(r#"{{"type":"t","id":"{}"}}"#, "x".repeat(257));
        let long_type = format!(r#"{{"type":"{}"}}"#, "x".repeat(129));
        let table: &[(&[u8], &str)] = &[
            (
                b"",
                "the body is not JSON: EOF while parsing a value at line 1 column 0",
            ),
            (
                b"{\n\"a\":x}",
                "the body is not JSON: expected value at line 2 column 5",
            ),
            (
                b"{\"type\":\"t\"} {}",
                "the body is not JSON: trailing characters at line 1 column 14",
            ),
            (b"{\"a\":\"\xff\"}", "the body is not UTF-8 at byte 6"),
            (b"[]", "no event type at /type"),
            (b"5", "no event type at /type"),
            (b"{}", "no event type at /type"),
            (br#"{"type":null}"#, "no event type at /type"),
            (br#"{"type":5}"#, "the event type at /type is not a string"),
            (
                br#"{"type":["t"]}"#,
                "the event type at /type is not a string",
            ),
            (
                br#"{"type":"\ud800"}"#,
                "the event type at /type is not a string",
            ),
            (br#"{"type":""}"#, "the event type at /type is empty"),
            (
                br#"{"type":"a\u0000"}"#,
                "the event type at /type has control characters",
            ),
            (
                long_type.as_bytes(),
                "the event type at /type is longer than 128 bytes",
            ),
            (br#"{"type":"t","id":""}"#, "the id at /id is empty"),
            (
                br#"{"type":"t","id":1.5}"#,
                "the id at /id is neither a string nor an integer",
            ),
            (
                br#"{"type":"t","id":true}"#,
                "the id at /id is neither a string nor an integer",
            ),
            (
                br#"{"type":"t","id":{}}"#,
                "the id at /id is neither a string nor an integer",
            ),
            (
                br#"{"type":"t","id":"\udc00"}"#,
                "the id at /id is neither a string nor an integer",
            ),
            (
                br#"{"type":"t","id":"a\nb"}"#,
                "the id at /id has control characters",
            ),
            (long_id.as_bytes(), "the id at /id is longer than 256 bytes"),
        ];
        for (body, expected) in table {
            assert_eq!(
                read(body).unwrap_err(),
                *expected,
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn what_may_be_absent() {
        let event = read(r#" {"type":"t","created":1769005800,"data":5} "#).unwrap();
        assert_eq!(event.created, "2026-01-21T14:30:00.25Z");
        assert_eq!(
            event.payload(),
            &event.body[..],
            "nothing at /data/object: the whole body"
        );
        assert_eq!(event.ordering_key, None);
        let event = read(r#"{"type":"t","data":{"object":null}}"#).unwrap();
        assert_eq!(event.payload(), b"null");
    }

    #[test]
    fn ordering_keys() {
        let long = "x".repeat(257);
        let table = [
            (r#""a\u0062""#, Some("ab".to_owned())),
            ("7", Some("7".into())),
            ("true", Some("true".into())),
            ("null", None),
            ("[1, 2]", Some("[1, 2]".into())),
            (
                &format!("\"{long}\""),
                Some(Digest::of(long.as_bytes()).to_string()),
            ),
        ];
        for (raw, expected) in table {
            let event = read(format!(
                r#"{{"type":"t","data":{{"object":{{"id":{raw}}}}}}}"#
            ))
            .unwrap();
            assert_eq!(event.ordering_key, expected, "{raw}");
        }
    }

    #[test]
    fn a_sender_without_preset() {
        let mut source = Source::preset(Scheme::Hmac, vec![Secret::new("s".into())]);
        source.event_type = Pointer::parse("/meta/0/kind").unwrap();
        let event = read_as(&source, br#"{"meta":[{"kind":"a.b"}],"id":1}"#).unwrap();
        assert_eq!(
            (event.event_type.as_str(), event.payload()),
            ("a.b", &event.body[..])
        );
    }
}
