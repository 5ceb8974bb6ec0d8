//! The places of an event's fields, prepared for requests.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use crate::config::{FieldPlaces, HeaderPlace, PICKED_MAX, Part, Pointer, Template};
use crate::event::parse_json_string;
use crate::pick::PickedValues;

/// The beginning of the names of headers with attributes of a `CloudEvent`.
pub(super) const ATTRIBUTE_PREFIX: &str = "ce-";

/// A field of an event: its places, best first.
#[derive(Debug)]
pub(super) struct Field {
    places: Vec<FieldPlace>,
    /// The places as texts.
    pub(super) name: String,
}

#[derive(Debug)]
enum FieldPlace {
    /// A value of the body, by its number among those that are picked.
    Slot(usize),
    Template(Vec<FieldPiece>),
}

#[derive(Debug)]
enum FieldPiece {
    Literal(String),
    Header(HeaderPlace),
    Slot(usize),
    Optional(Vec<Self>),
}

/// What a request has at one of a field's places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldValue<'a> {
    /// JSON text of the body.
    Json(&'a str),
    /// A text that a template made with a value of the body.
    Text(String),
    /// A text that a template made of headers: it is of the request, not of one of its events.
    OfRequest(String),
}

/// Numbers the pointers that are picked.
#[derive(Debug, Default)]
pub(super) struct Slots<'a> {
    pointers: Vec<&'a Pointer>,
}

impl<'a> Slots<'a> {
    /// The number of a pointer.
    pub(super) fn number(&mut self, pointer: &'a Pointer) -> usize {
        if let Some(number) = self.pointers.iter().position(|known| *known == pointer) {
            return number;
        }
        self.pointers.push(pointer);
        self.pointers.len() - 1
    }

    /// The pointers by their numbers. A configuration with more is not loaded.
    pub(super) fn into_pointers(self) -> [Option<&'a Pointer>; PICKED_MAX] {
        let mut all = [None; PICKED_MAX];
        for (slot, pointer) in all.iter_mut().zip(self.pointers) {
            *slot = Some(pointer);
        }
        all
    }
}

impl Field {
    pub(super) fn new<'a>(places: &'a FieldPlaces, slots: &mut Slots<'a>) -> Self {
        let place = |template: &'a Template, slots: &mut Slots<'a>| match template.as_pointer() {
            Some(pointer) => FieldPlace::Slot(slots.number(pointer)),
            None => FieldPlace::Template(pieces(template.parts(), slots)),
        };
        let name = places.to_string();
        let places = places.templates().iter().map(|template| place(template, slots)).collect();
        Self { places, name }
    }

    /// The value at the first place that has one. `null` counts as absent.
    pub(super) fn find<'a>(
        &self,
        picked: &PickedValues<'a, PICKED_MAX>,
        headers: &HeaderMap,
    ) -> Option<FieldValue<'a>> {
        self.places.iter().find_map(|place| match place {
            FieldPlace::Slot(slot) => slot_value(picked, *slot).map(FieldValue::Json),
            FieldPlace::Template(pieces) => {
                let (mut text, mut is_of_body) = (String::new(), false);
                append(pieces, picked, headers, &mut text, &mut is_of_body)?;
                let value = if is_of_body { FieldValue::Text } else { FieldValue::OfRequest };
                (!text.is_empty()).then(|| value(text))
            }
        })
    }
}

fn pieces<'a>(parts: &'a [Part], slots: &mut Slots<'a>) -> Vec<FieldPiece> {
    let piece = |part: &'a Part| match part {
        Part::Literal(text) => Some(FieldPiece::Literal(text.clone())),
        Part::Header(place) => Some(FieldPiece::Header(place.clone())),
        Part::Pointer(pointer) => Some(FieldPiece::Slot(slots.number(pointer))),
        Part::Optional(parts) => Some(FieldPiece::Optional(pieces(parts, slots))),
        // A field's template has none of these.
        _ => None,
    };
    parts.iter().filter_map(piece).collect()
}

fn slot_value<'a>(picked: &PickedValues<'a, PICKED_MAX>, slot: usize) -> Option<&'a str> {
    picked.get(slot).copied().flatten().filter(|raw| *raw != "null")
}

/// Appends the text of all pieces, and notes whether the body had one of them; `None` if one is missing.
fn append(
    pieces: &[FieldPiece],
    picked: &PickedValues<'_, PICKED_MAX>,
    headers: &HeaderMap,
    text: &mut String,
    is_of_body: &mut bool,
) -> Option<()> {
    for piece in pieces {
        match piece {
            FieldPiece::Literal(literal) => text.push_str(literal),
            FieldPiece::Header(place) => text.push_str(&header_text(place, headers)?),
            FieldPiece::Slot(slot) => {
                let raw = slot_value(picked, *slot)?;
                *is_of_body = true;
                match raw.as_bytes().first()? {
                    b'"' => text.push_str(&parse_json_string(raw)?),
                    b'{' | b'[' => return None,
                    _ => text.push_str(raw),
                }
            }
            FieldPiece::Optional(pieces) => {
                let before = text.len();
                if append(pieces, picked, headers, text, is_of_body).is_none() {
                    text.truncate(before);
                }
            }
        }
    }
    Some(())
}

/// The value of the first of these headers that is present; `None` if it is repeated or not ASCII.
fn header_text<'h>(place: &HeaderPlace, headers: &'h HeaderMap) -> Option<Cow<'h, str>> {
    let name = place.names.iter().find(|name| headers.contains_key(*name))?;
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    if values.next().is_some() {
        return None;
    }
    match &place.item {
        None if name.as_str().starts_with(ATTRIBUTE_PREFIX) => decode_attribute(value),
        None => Some(value).filter(|value| !value.is_empty()).map(Cow::Borrowed),
        Some(item) => {
            let mut items = value.split([',', ';']).map(str::trim);
            items.find_map(|found| found.strip_prefix(item.as_str())?.strip_prefix('=')).map(Cow::Borrowed)
        }
    }
}

/// An attribute of a `CloudEvent`: quotes are taken away, then `%C3%A9` is `é` (`CloudEvents`, HTTP protocol binding,
/// 3.1.3.2). `None` if it is empty or no UTF-8.
pub(super) fn decode_attribute(value: &str) -> Option<Cow<'_, str>> {
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let plain = match quoted {
        Some(quoted) => Cow::Owned(unescape(quoted)),
        None => Cow::Borrowed(value),
    };
    let decoded = percent_decode_str(&plain).decode_utf8().ok()?.into_owned();
    (!decoded.is_empty()).then_some(Cow::Owned(decoded))
}

/// A quoted text without the backslashes before its characters (RFC 9110, 5.6.4).
fn unescape(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        text.extend(if c == '\\' { rest.next() } else { Some(c) });
    }
    text
}
