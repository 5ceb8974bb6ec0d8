//! Reads an [`Event`] from a verified request. Pure: the time of receipt is a parameter.

mod attributes;
mod field;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::config::{EVENT_TYPE_MAX_BYTES, FieldPlaces, PICKED_MAX, Part, Pointer, Source};
use crate::event::{
    Digest, Event, EventMetadata, SourceName, is_json_type, ordering_key_text, parse_json_string,
    replace_lone_surrogates, rfc3339, shorten_ordering_key,
};

use super::created::Created;
use super::form;
use super::items::ItemReader;
use super::media;
use super::text;
use super::verify::{EventFields, VerifiedRequest};
use crate::pick::{PickedValues, Picker};
pub(super) use attributes::AttributeRules;
use attributes::{AttributePlace, DATA_CONTENT_TYPE};
use field::{Field, FieldValue, Slots};

/// Longest event id, in bytes.
const ID_MAX_BYTES: usize = 256;
/// Longest content type, in bytes.
const CONTENT_TYPE_MAX_BYTES: usize = 256;

/// The places of an event's fields in the requests of a source.
#[derive(Debug)]
pub(super) struct Envelope {
    picker: Picker<PICKED_MAX>,
    id: Field,
    event_type: Field,
    /// The type of an event that has none at these places.
    default_type: Option<String>,
    created: Field,
    /// The numbers of the values that differ between attempts to send an event, among those that are picked.
    changes_on_retry: Vec<usize>,
    /// The number of the payload among the picked values; `None` = the whole body.
    payload: Option<usize>,
    ordering_key: Field,
    forms: Option<FormRule>,
    /// Whether a body may be any text.
    takes_text: bool,
    /// Whether equal bodies without an id are different events.
    bodies_repeat: bool,
    items: Option<ItemReader>,
    attributes: AttributePlace,
    /// The places of a `CloudEvent` in the binary mode, where they are others.
    binary: Option<Box<Self>>,
}

/// The header that a `CloudEvent` in the binary mode has (`CloudEvents`, HTTP protocol binding, 3.1).
const CE_SPECVERSION: HeaderName = HeaderName::from_static("ce-specversion");

/// How bodies that are forms are read.
#[derive(Debug)]
struct FormRule {
    /// The field whose text is the JSON of the event.
    payload_field: Option<String>,
    /// Whether the signature covers the names and values only. Then nothing else of a form is in the event: a captured form
    /// that was written in another way must not become another event.
    is_signed: bool,
}

impl FormRule {
    fn of(source: &Source) -> Option<Self> {
        let is_signed = source.verification.signs_form();
        source.forms.then(|| Self { payload_field: source.form_payload.clone(), is_signed })
    }

    fn to_json(&self, body: &[u8]) -> Result<String, InvalidBody> {
        let payload_field = self.payload_field.as_deref();
        if !self.is_signed {
            return Ok(form::to_json(form::pairs(body), payload_field));
        }
        let why = || InvalidBody(format!("the form has more than {} fields", form::SIGNED_PAIRS_MAX));
        Ok(form::to_json(form::signed_pairs(body).ok_or_else(why)?, payload_field))
    }
}

/// The events of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the usual one is not worth an allocation")]
pub(super) enum ReadEvents {
    /// The whole body is one.
    One(ReadEvent),
    /// The items of a list in it.
    Items(Vec<ReadEvent>),
}

/// An event that was read from a verified body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadEvent {
    pub(super) event: Event,
    /// The sender's timestamp in ms since the Unix epoch; `None` if it gave none.
    pub(super) created_at: Option<u64>,
}

impl ReadEvents {
    pub(super) fn as_slice(&self) -> &[ReadEvent] {
        match self {
            Self::One(read) => std::slice::from_ref(read),
            Self::Items(items) => items,
        }
    }
}

/// The limits of a request's events.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyRules {
    /// Most bytes of a body as JSON.
    pub(super) bytes_max: usize,
    /// Most events of one request.
    pub(super) items_max: usize,
    /// Those of an event's attributes.
    pub(super) attributes: AttributeRules,
}

/// What else is known of an event.
struct Of<'a> {
    /// The digest of what was sent, where the body was made of it.
    raw: Option<Digest>,
    /// Its place among the events of one request.
    index: Option<usize>,
    received_at: u64,
    /// The content type of what was no JSON.
    content_type: Option<String>,
    limits: BodyRules,
    /// What a verifier said about the request.
    fields: Option<&'a EventFields>,
}

/// The reason why a verified body is no event, with the place in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct InvalidBody(String);

impl Envelope {
    pub(super) fn from_source(source: &Source) -> Self {
        let mut slots = Slots::default();
        let [id, event_type, created, ordering_key] =
            [&source.id, &source.event_type, &source.created, &source.ordering_key]
                .map(|places| Field::new(places, &mut slots));
        // The whole body needs not be found.
        let payload = (!source.payload.is_root()).then(|| slots.number(&source.payload));
        let changes_on_retry = source.changes_on_retry.iter().map(|pointer| slots.number(pointer)).collect();
        let picker = Picker::new(slots.into_pointers());
        let default_type = source.default_type.clone();
        let forms = FormRule::of(source);
        let items = source.items.as_ref().map(ItemReader::new);
        let (takes_text, bodies_repeat) = (source.text, source.bodies_repeat);
        let attributes = if source.cloudevents { AttributePlace::Members } else { AttributePlace::Nowhere };
        let binary = source.cloudevents.then(|| Self::from_source(&in_binary_mode(source)));
        let binary = binary.map(|binary| Box::new(Self { attributes: AttributePlace::Headers, ..binary }));
        Self {
            picker,
            id,
            event_type,
            default_type,
            created,
            changes_on_retry,
            payload,
            ordering_key,
            forms,
            takes_text,
            bodies_repeat,
            items,
            attributes,
            binary,
        }
    }

    /// Reads the events of a request.
    pub(super) fn read(
        &self,
        source: &SourceName,
        mut request: VerifiedRequest<'_>,
        received_at: u64,
        limits: BodyRules,
    ) -> Result<ReadEvents, InvalidBody> {
        let fields = request.take_fields();
        let fields = fields.as_deref();
        let headers = request.headers();
        let one = |raw, content_type| Of { raw, index: None, received_at, content_type, limits, fields };
        let is_structured =
            || media::essence(headers).to_ascii_lowercase().starts_with("application/cloudevents");
        if let Some(binary) = &self.binary
            && headers.contains_key(CE_SPECVERSION)
            && !is_structured()
        {
            let (body, raw, content_type) = match text::data_to_json(request.body(), headers) {
                Some(json) => {
                    let content_type = content_type_of(headers)?.filter(|of| !is_json_type(of));
                    (json.into(), Some(Digest::of(request.body())), content_type)
                }
                None => (request.into_body(), None, None),
            };
            check_size(&body, limits)?;
            return binary.read_one(source, headers, body, one(raw, content_type)).map(ReadEvents::One);
        }
        let is_json = form::is_json(request.body());
        let (body, raw, content_type) = match &self.forms {
            Some(rule) if !is_json && (rule.is_signed || !self.takes_text || media::is_form(headers)) => {
                let json = rule.to_json(request.body())?;
                // A content type, which is not signed, makes a text of the same body: both have one id.
                let raw = (self.takes_text && !rule.is_signed).then(|| Digest::of(request.body()));
                (json.into(), raw, content_type_of(headers)?)
            }
            // The id of a text is of what was signed: its content type is not.
            _ if !is_json && self.takes_text => {
                let json = text::to_json(request.body(), headers).map_err(InvalidBody)?;
                (json.into(), Some(Digest::of(request.body())), content_type_of(headers)?)
            }
            _ => (request.into_body(), None, None),
        };
        check_size(&body, limits)?;
        let Some(items) = &self.items else {
            return self.read_one(source, headers, body, one(raw, content_type)).map(ReadEvents::One);
        };
        let json = JsonBody::parse(&body)?;
        let Some(ranges) = items.read(&json.text, limits.items_max).map_err(InvalidBody)? else {
            return self.read_one(source, headers, body, one(raw, content_type)).map(ReadEvents::One);
        };
        let start = json.start;
        let read = |(index, range): (usize, Range<usize>)| {
            // A copy: an event that waits must not keep the others.
            let item = Bytes::copy_from_slice(&body[start + range.start..start + range.end]);
            let of = Of { index: Some(index), ..one(None, content_type.clone()) };
            let read = self.read_one(source, headers, item, of);
            read.map_err(|InvalidBody(why)| InvalidBody(format!("event {index}: {why}")))
        };
        ranges.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(ReadEvents::Items)
    }

    /// Reads an event in one pass.
    fn read_one(
        &self,
        source: &SourceName,
        headers: &HeaderMap,
        body: Bytes,
        Of { raw, index, received_at, content_type, limits, fields }: Of<'_>,
    ) -> Result<ReadEvent, InvalidBody> {
        let json = JsonBody::parse(&body)?;
        let picked = self
            .picker
            .pick(&json.text)
            .map_err(|error| InvalidBody(format!("the body is not JSON: {error}")))?;
        let digest = self.digest(&body, &json, &picked);
        // What a verifier says goes before the source's places.
        let said = |text: Option<&String>| text.cloned().map(FieldValue::OfRequest);
        let known = |field: fn(&EventFields) -> Option<&String>| said(fields.and_then(field));
        let created = known(|fields| fields.created.as_ref());
        let created = created.or_else(|| self.created.find(&picked, headers)).and_then(|value| match value {
            FieldValue::Json(raw) => Created::read(raw, received_at),
            FieldValue::Text(text) | FieldValue::OfRequest(text) => {
                Created::read(&Value::String(text).to_string(), received_at)
            }
        });
        let created_at = created.as_ref().and_then(|created| u64::try_from(created.at_ms.max(0)).ok());
        let payload = match fields.and_then(|fields| fields.payload.as_ref()) {
            Some(pointer) => pick_payload(pointer, &json.text),
            None => self.payload.and_then(|slot| picked.get(slot).copied().flatten()),
        };
        let metadata = self.metadata(&json.text, headers, content_type, limits)?;
        let ordering_key = self.ordering_key.find(&picked, headers).and_then(|key| match key {
            FieldValue::Json(raw) => ordering_key_text(json.as_sent(raw)),
            FieldValue::Text(text) | FieldValue::OfRequest(text) => {
                Some(shorten_ordering_key(Cow::Owned(text)))
            }
        });
        let event = Event {
            source: source.clone(),
            event_type: self.event_type(
                known(|fields| fields.event_type.as_ref()).or_else(|| self.event_type.find(&picked, headers)),
            )?,
            id: self
                .id(
                    known(|fields| fields.id.as_ref()).or_else(|| self.id.find(&picked, headers)),
                    &json,
                    index,
                )?
                .unwrap_or_else(|| self.made_id(raw.unwrap_or(digest), received_at, index)),
            created: created.map_or_else(|| rfc3339(received_at), |created| created.text),
            received_at,
            payload: json.range(payload.unwrap_or(&json.text)),
            ordering_key: ordering_key.map(Cow::into_owned),
            digest,
            origin: None,
            trace: None,
            metadata,
            body: body.clone(),
        };
        Ok(ReadEvent { event, created_at })
    }

    /// The digest of a body without the values that differ between attempts to send the same event.
    fn digest(&self, body: &[u8], json: &JsonBody<'_>, picked: &PickedValues<'_, PICKED_MAX>) -> Digest {
        let found = self.changes_on_retry.iter().filter_map(|slot| picked.get(*slot).copied().flatten());
        let mut ranges: Vec<_> = found.map(|value| json.range(value)).collect();
        if ranges.is_empty() {
            return Digest::of(body);
        }
        ranges.sort_by_key(|range| range.start);
        let mut compared = Vec::with_capacity(body.len());
        let mut end = 0;
        for range in ranges {
            // One of them may be within another.
            compared.extend_from_slice(body.get(end..range.start).unwrap_or_default());
            end = end.max(range.end);
        }
        compared.extend_from_slice(body.get(end..).unwrap_or_default());
        Digest::of(&compared)
    }

    /// What the request says about an event beside its payload. `content_type` is that of a body that was no JSON.
    fn metadata(
        &self,
        json: &str,
        headers: &HeaderMap,
        content_type: Option<String>,
        limits: BodyRules,
    ) -> Result<Option<Arc<EventMetadata>>, InvalidBody> {
        let attributes = self.attributes.read(json, headers, limits.attributes).map_err(InvalidBody)?;
        let of_data = attributes.get(DATA_CONTENT_TYPE).filter(|of| !is_json_type(of));
        let of_data = of_data.map(|of| check_content_type(of)).transpose()?;
        Ok(EventMetadata::of(content_type.or(of_data), attributes))
    }

    /// The id of an event that has none.
    fn made_id(&self, digest: Digest, received_at: u64, index: Option<usize>) -> String {
        if !self.bodies_repeat {
            return digest.to_string();
        }
        Digest::of(format!("{digest} {received_at} {}", index.unwrap_or(0)).as_bytes()).to_string()
    }

    fn event_type(&self, found: Option<FieldValue<'_>>) -> Result<String, InvalidBody> {
        let at = &self.event_type.name;
        let text = match found {
            Some(FieldValue::Json(raw)) => parse_json_string(raw)
                .ok_or_else(|| InvalidBody(format!("the event type at {at} is not a string")))?,
            Some(FieldValue::Text(text) | FieldValue::OfRequest(text)) => Cow::Owned(text),
            None => {
                let default = self.default_type.clone();
                return default.ok_or_else(|| InvalidBody(format!("no event type at {at}")));
            }
        };
        check_name(&text, "event type", at, EVENT_TYPE_MAX_BYTES)?;
        Ok(text.into_owned())
    }

    /// An empty text is no id. A text that is not Unicode stays escaped, so that two of them never become one id. What is
    /// an id of the request is none of its event number `index`: both together are.
    fn id(
        &self,
        found: Option<FieldValue<'_>>,
        json: &JsonBody<'_>,
        index: Option<usize>,
    ) -> Result<Option<String>, InvalidBody> {
        let at = &self.id.name;
        let text = match found {
            None => return Ok(None),
            Some(FieldValue::Text(text)) => Cow::Owned(text),
            Some(FieldValue::OfRequest(text)) if text.is_empty() => return Ok(None),
            Some(FieldValue::OfRequest(text)) => match index {
                None => Cow::Owned(text),
                Some(index) => Cow::Owned(format!("{text}.{index}")),
            },
            Some(FieldValue::Json(raw)) => {
                let raw = json.as_sent(raw);
                if raw == r#""""# {
                    return Ok(None);
                }
                let escaped = || raw.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed);
                let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                let number = || is_number.then_some(Cow::Borrowed(raw));
                let wrong = || InvalidBody(format!("the id at {at} is neither a string nor a number"));
                parse_json_string(raw).or_else(escaped).or_else(number).ok_or_else(wrong)?
            }
        };
        check_name(&text, "id", at, ID_MAX_BYTES)?;
        Ok(Some(text.into_owned()))
    }
}

/// A body may grow when it becomes JSON.
fn check_size(body: &Bytes, BodyRules { bytes_max, .. }: BodyRules) -> Result<(), InvalidBody> {
    let size = body.len();
    let why = || format!("the body has {size} bytes as JSON, and server.body_max_bytes is {bytes_max}");
    if size > bytes_max { Err(InvalidBody(why())) } else { Ok(()) }
}

/// The content type of a request's body.
fn content_type_of(headers: &HeaderMap) -> Result<Option<String>, InvalidBody> {
    let named = text::content_type(headers).map(str::trim).filter(|text| !text.is_empty());
    named.map(check_content_type).transpose()
}

fn check_content_type(content_type: &str) -> Result<String, InvalidBody> {
    if content_type.len() > CONTENT_TYPE_MAX_BYTES {
        return Err(InvalidBody(format!("the content type is longer than {CONTENT_TYPE_MAX_BYTES} bytes")));
    }
    Ok(content_type.to_owned())
}

/// The value at a place that a verifier named.
fn pick_payload<'t>(pointer: &Pointer, text: &'t str) -> Option<&'t str> {
    if pointer.is_root() {
        return None;
    }
    // The text was read once before, so it is JSON.
    Picker::new([Some(pointer)]).pick(text).ok().and_then(|[found]: PickedValues<'t, 1>| found)
}

/// The same source for `CloudEvents` whose attributes are headers and whose data is the body.
fn in_binary_mode(source: &Source) -> Source {
    let [source_at, id, event_type, time] =
        ["ce-source", "ce-id", "ce-type", "ce-time"].map(HeaderName::from_static).map(Part::header);
    Source {
        id: FieldPlaces::of_parts(vec![source_at, Part::Literal("#".into()), id]),
        event_type: FieldPlaces::of_parts(vec![event_type]),
        created: FieldPlaces::of_parts(vec![time]),
        payload: Pointer::to(&[]),
        items: None,
        cloudevents: false,
        ..source.clone()
    }
}

/// The JSON of a body, without a byte order mark or trailing zeros.
struct JsonBody<'a> {
    /// The text as sent.
    sent: &'a str,
    /// The same with lone surrogates replaced, which changes no position.
    text: Cow<'a, str>,
    /// Its offset in the body.
    start: usize,
}

impl<'a> JsonBody<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, InvalidBody> {
        if matches!(body, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'{', ..] | [b'{', 0, ..]) {
            return Err(InvalidBody("the body is UTF-16: send UTF-8".into()));
        }
        let whole = std::str::from_utf8(body)
            .map_err(|error| InvalidBody(format!("the body is not UTF-8 at byte {}", error.valid_up_to())))?;
        let unmarked = whole.strip_prefix('\u{feff}').unwrap_or(whole);
        // Programs in C may send the zero byte that ends a string.
        let sent = unmarked.trim_end_matches('\0');
        Ok(Self { sent, text: replace_lone_surrogates(sent), start: whole.len() - unmarked.len() })
    }

    /// The position of a part of `text` in it.
    fn position(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }

    /// A part of `text`, as it was sent.
    fn as_sent(&self, part: &str) -> &'a str {
        let at = self.position(part);
        self.sent.get(at..at + part.len()).unwrap_or_default()
    }

    /// The place of a part of `text` in the body.
    fn range(&self, part: &str) -> Range<usize> {
        let at = self.start + self.position(part);
        at..at + part.len()
    }
}

/// Checks a name. Names appear in logs, pages and commands: they are not empty, have a limit, and no control
/// characters.
fn check_name(text: &str, what: &str, at: &str, most: usize) -> Result<(), InvalidBody> {
    let wrong = |why: &str| Err(InvalidBody(format!("the {what} at {at} {why}")));
    if text.is_empty() {
        return wrong("is empty");
    }
    if text.len() > most {
        return wrong(&format!("is longer than {most} bytes"));
    }
    if text.chars().any(char::is_control) { wrong("has control characters") } else { Ok(()) }
}

#[cfg(test)]
mod tests;
