//! From a verified body to an [`Event`]. Pure: the time of receipt is given.

use std::borrow::Cow;
use std::ops::Range;

use crate::config::{EVENT_TYPE_MAX_BYTES, Pointer, Source};
use crate::event::{Digest, Event, SourceName, replace_lone_surrogates, rfc3339};

use super::created::Created;
use super::pick::Picker;
use super::verify::VerifiedRequest;

/// Longest event id, in bytes.
const ID_MAX_BYTES: usize = 256;
/// Longest ordering key kept as it is; of a longer one its SHA-256 is kept.
const ORDERING_KEY_MAX_BYTES: usize = 256;

/// Where a source's bodies keep what the host reads.
#[derive(Debug)]
pub(super) struct Envelope {
    picker: Picker<5>,
    id: Pointer,
    event_type: Pointer,
}

/// A verified event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadEvent {
    pub(super) event: Event,
    /// The sender's timestamp in ms since the Unix epoch; `None` where it gave none.
    pub(super) created_at: Option<u64>,
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
        Self { picker: Picker::new(pointers), id: source.id.clone(), event_type: source.event_type.clone() }
    }

    /// Reads a body, once.
    pub(super) fn read(
        &self,
        source: &SourceName,
        request: VerifiedRequest,
        received_at: u64,
    ) -> Result<ReadEvent, BadRequest> {
        let body = request.into_body();
        let json = Json::of(&body)?;
        let found = self
            .picker
            .pick(&json.text)
            .map_err(|error| BadRequest(format!("the body is not JSON: {error}")))?;
        let [id, event_type, created, payload, ordering_key] = found;
        let digest = Digest::of(&body);
        let created = created.and_then(|raw| Created::read(raw, received_at));
        let created_at = created.as_ref().and_then(|created| u64::try_from(created.at_ms.max(0)).ok());
        let event = Event {
            source: source.clone(),
            event_type: self.event_type(event_type)?,
            id: self.id(id.map(|id| json.as_sent(id)))?.unwrap_or_else(|| digest.to_string()),
            created: created.map_or_else(|| rfc3339(received_at), |created| created.text),
            received_at,
            payload: json.range(payload.unwrap_or(&json.text)),
            ordering_key: ordering_key.map(|key| json.as_sent(key)).and_then(key_text),
            digest,
            origin: None,
            body: body.clone(),
        };
        Ok(ReadEvent { event, created_at })
    }

    fn event_type(&self, found: Option<&str>) -> Result<String, BadRequest> {
        let at = &self.event_type;
        let raw = present(found).ok_or_else(|| BadRequest(format!("no event type at {at}")))?;
        let text =
            string(raw).ok_or_else(|| BadRequest(format!("the event type at {at} is not a string")))?;
        bounded(&text, "event type", at, EVENT_TYPE_MAX_BYTES)?;
        Ok(text.into_owned())
    }

    /// An empty text is no id. A text that is no Unicode stays as it is escaped: two of them never become one id.
    fn id(&self, found: Option<&str>) -> Result<Option<String>, BadRequest> {
        let Some(raw) = present(found).filter(|raw| *raw != r#""""#) else {
            return Ok(None);
        };
        let escaped = || raw.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed);
        let number =
            || raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then_some(Cow::Borrowed(raw));
        let wrong = || BadRequest(format!("the id at {} is neither a string nor a number", self.id));
        let text = string(raw).or_else(escaped).or_else(number).ok_or_else(wrong)?;
        bounded(&text, "id", &self.id, ID_MAX_BYTES)?;
        Ok(Some(text.into_owned()))
    }
}

/// A body's JSON, without what some senders put around it.
struct Json<'a> {
    /// As it was sent.
    sent: &'a str,
    /// The same with lone surrogates replaced, which changes no position.
    text: Cow<'a, str>,
    /// Where it begins in the body.
    start: usize,
}

impl<'a> Json<'a> {
    fn of(body: &'a [u8]) -> Result<Self, BadRequest> {
        if matches!(body, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{', ..] | [b'{', 0, ..]) {
            return Err(BadRequest("the body is UTF-16: send UTF-8".into()));
        }
        let whole = std::str::from_utf8(body)
            .map_err(|error| BadRequest(format!("the body is not UTF-8 at byte {}", error.valid_up_to())))?;
        let unmarked = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        // C programs send the byte that ends their string.
        let sent = unmarked.trim_end_matches('\0');
        Ok(Self { sent, text: replace_lone_surrogates(sent), start: whole.len() - unmarked.len() })
    }

    /// Where a part of `text` is in `text`.
    fn position(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }

    /// A part of `text`, as it was sent.
    fn as_sent(&self, part: &str) -> &'a str {
        let at = self.position(part);
        self.sent.get(at..at + part.len()).unwrap_or_default()
    }

    /// Where a part of `text` is in the body.
    fn range(&self, part: &str) -> Range<usize> {
        let at = self.start + self.position(part);
        at..at + part.len()
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
