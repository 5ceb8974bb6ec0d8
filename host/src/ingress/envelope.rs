//! From a verified body to an [`Event`]. Pure: the time of receipt is given.

use std::borrow::Cow;

use crate::config::{EVENT_TYPE_MAX_BYTES, Pointer, Source};
use crate::event::{Digest, Event, SourceName, rfc3339};

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
        let text = std::str::from_utf8(&body)
            .map_err(|error| BadRequest(format!("the body is not UTF-8 at byte {}", error.valid_up_to())))?;
        let found =
            self.picker.pick(text).map_err(|error| BadRequest(format!("the body is not JSON: {error}")))?;
        let [id, event_type, created, payload, ordering_key] = found;
        let digest = Digest::of(&body);
        let event = Event {
            source: source.clone(),
            event_type: self.event_type(event_type)?,
            id: self.id(id)?.unwrap_or_else(|| digest.to_string()),
            created: self.created(created)?.unwrap_or_else(|| rfc3339(received_at)),
            received_at,
            payload: payload.map_or(0..body.len(), |part| {
                let start = part.as_ptr().addr() - text.as_ptr().addr();
                start..start + part.len()
            }),
            ordering_key: ordering_key.and_then(key_text),
            digest,
            origin: None,
            body: body.clone(),
        };
        Ok(event)
    }

    fn event_type(&self, found: Option<&str>) -> Result<String, BadRequest> {
        let at = &self.event_type;
        let raw = present(found).ok_or_else(|| BadRequest(format!("no event type at {at}")))?;
        let text =
            string(raw).ok_or_else(|| BadRequest(format!("the event type at {at} is not a string")))?;
        bounded(&text, "event type", at, EVENT_TYPE_MAX_BYTES)?;
        Ok(text.into_owned())
    }

    fn id(&self, found: Option<&str>) -> Result<Option<String>, BadRequest> {
        let Some(raw) = present(found) else {
            return Ok(None);
        };
        let integer = || {
            let digits = raw.strip_prefix('-').unwrap_or(raw);
            digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(Cow::Borrowed(raw))
        };
        let wrong = || BadRequest(format!("the id at {} is neither a string nor an integer", self.id));
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
    if text.chars().any(char::is_control) { wrong("has control characters") } else { Ok(()) }
}

/// An ordering key is text whatever it was, and never a reason to refuse an event.
fn key_text(raw: &str) -> Option<String> {
    let raw = present(Some(raw))?;
    let text = string(raw).unwrap_or(Cow::Borrowed(raw));
    let short = text.len() <= ORDERING_KEY_MAX_BYTES;
    Some(if short { text.into_owned() } else { Digest::of(text.as_bytes()).to_string() })
}

#[cfg(test)]
mod tests;
