//! A request as it came, and the values in it that verification reads.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Uri};

use super::reason::{PlaceName, Unauthorized};
use crate::config::{HeaderPlace, PICKED_MAX, Pointer, ValuePlace};
use crate::pick::{PickedValues, Picker};

/// A request as it came.
#[derive(Debug, Clone)]
pub(in crate::ingress) struct UnverifiedRequest<'a> {
    pub(in crate::ingress) method: &'a Method,
    pub(in crate::ingress) uri: &'a Uri,
    pub(in crate::ingress) headers: &'a HeaderMap,
    pub(in crate::ingress) body: Bytes,
}

/// The values of a request that are read before it is verified. The body is parsed only if the scheme has values in it.
pub(super) struct RequestValues<'r, 'a> {
    pub(super) request: &'r UnverifiedRequest<'a>,
    picked: PickedValues<'r, PICKED_MAX>,
}

/// A value of the body, by its number among those that are picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    number: usize,
    pointer: Pointer,
}

/// A place of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Header(HeaderPlace),
    Body(Slot),
}

impl Slot {
    /// The slot of a pointer, which is one of those that are picked.
    pub(super) fn of(pointer: &Pointer, picked: &[&Pointer]) -> Self {
        let number = picked.iter().position(|picked| *picked == pointer).unwrap_or(PICKED_MAX);
        Self { number, pointer: pointer.clone() }
    }

    pub(super) fn is_at(&self, pointer: &Pointer) -> bool {
        self.pointer == *pointer
    }

    pub(super) fn name(&self) -> PlaceName {
        PlaceName::Body(self.pointer.clone())
    }
}

impl Place {
    pub(super) fn of(place: &ValuePlace, picked: &[&Pointer]) -> Self {
        match place {
            ValuePlace::Header(place) => Self::Header(place.clone()),
            ValuePlace::Pointer(pointer) => Self::Body(Slot::of(pointer, picked)),
        }
    }

    pub(super) fn name(&self) -> PlaceName {
        match self {
            Self::Header(place) => PlaceName::of_header(place),
            Self::Body(slot) => slot.name(),
        }
    }
}

impl<'r, 'a> RequestValues<'r, 'a> {
    pub(super) fn read(
        request: &'r UnverifiedRequest<'a>,
        picker: Option<&Picker<PICKED_MAX>>,
    ) -> Result<Self, Unauthorized> {
        let Some(picker) = picker else { return Ok(Self { request, picked: [None; PICKED_MAX] }) };
        let text =
            std::str::from_utf8(&request.body).map_err(|error| Unauthorized::NoJson(error.to_string()))?;
        let values = picker.pick(text).map_err(|error| Unauthorized::NoJson(error.to_string()))?;
        Ok(Self { request, picked: values })
    }

    /// The only value of a header; `None` if it is missing.
    pub(super) fn header(&self, name: &HeaderName) -> Result<Option<&'a [u8]>, Unauthorized> {
        let mut values = self.request.headers.get_all(name).iter();
        let value = values.next();
        match values.next() {
            Some(_) => Err(Unauthorized::RepeatedPart(PlaceName::Header(name.clone()))),
            None => Ok(value.map(http::HeaderValue::as_bytes)),
        }
    }

    /// The value at a place of headers; `None` if it is missing.
    pub(super) fn header_value(&self, place: &HeaderPlace) -> Result<Option<&'a [u8]>, Unauthorized> {
        let headers = self.request.headers;
        let Some(name) = place.names.iter().find(|name| headers.contains_key(*name)) else {
            return Ok(None);
        };
        let value = self.header(name)?;
        let (Some(value), Some(item)) = (value, &place.item) else { return Ok(value) };
        let items = value.split(|byte| matches!(byte, b',' | b';')).map(<[u8]>::trim_ascii);
        let mut items = items
            .filter_map(|found| found.strip_prefix(item.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")));
        let found = items.next();
        match items.next() {
            Some(_) => Err(Unauthorized::RepeatedPart(PlaceName::Item(name.clone(), item.clone()))),
            None => Ok(found),
        }
    }

    /// A text, number or truth value of the body; `None` if there is none.
    pub(super) fn body_value(&self, slot: &Slot) -> Option<Cow<'r, str>> {
        let raw = (*self.picked.get(slot.number)?)?;
        match raw.as_bytes().first()? {
            b'"' => {
                let inner = raw.get(1..raw.len() - 1)?;
                if inner.contains('\\') {
                    serde_json::from_str(raw).ok().map(Cow::Owned)
                } else {
                    Some(Cow::Borrowed(inner))
                }
            }
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(raw)),
        }
    }

    /// The value at a place.
    pub(super) fn value(&self, place: &Place) -> Result<Cow<'r, [u8]>, Unauthorized> {
        let value = match place {
            Place::Header(header) => self.header_value(header)?.map(Cow::Borrowed),
            Place::Body(slot) => self.body_value(slot).map(|text| match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }),
        };
        value.ok_or_else(|| Unauthorized::MissingPart(place.name()))
    }
}
