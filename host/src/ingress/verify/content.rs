//! The signed content of a request, written part by part, so that no copy of the body is made.

use std::collections::BTreeMap;

use http::Uri;

use super::reason::{PlaceName, Unauthorized};
use super::request::{Place, RequestValues, Slot};
use crate::config::{HeaderPlace, Part, Pointer, SignedContent, Template, ValueSeparator, Verification};
use crate::ingress::form;

/// The signed content, prepared for requests.
#[derive(Debug)]
pub(super) enum Content {
    Always(Vec<Piece>),
    ByValue(Place, BTreeMap<String, Vec<Piece>>),
}

/// A part of the signed content.
#[derive(Debug)]
pub(super) enum Piece {
    Literal(Box<[u8]>),
    Body,
    Timestamp,
    Method,
    Url,
    Form,
    Crc32,
    Header(HeaderPlace),
    Value(Slot),
    Optional(Vec<Self>),
}

/// The URL that the provider calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::ingress) enum SourceUrl {
    /// It is not known.
    #[default]
    Unknown,
    /// The address of the host; the path of the request follows it.
    Host(String),
    /// As the operator wrote it.
    Whole(String),
}

impl SourceUrl {
    /// The URL that the sender of a request called, with the query as it was sent; the path and the query if it is not
    /// known.
    pub(super) fn of(&self, uri: &Uri) -> String {
        let path = uri.path();
        let mut url = match self {
            Self::Unknown => path.to_owned(),
            Self::Host(host) => format!("{host}{path}"),
            Self::Whole(url) => url.clone(),
        };
        if let Some(query) = uri.query() {
            url.push('?');
            url.push_str(query);
        }
        url
    }
}

/// What the parts are made of, beside the request's own values.
pub(super) struct ContentInput<'c, 'r, 'a> {
    pub(super) values: &'c RequestValues<'r, 'a>,
    pub(super) timestamp: Option<&'c [u8]>,
    pub(super) url: &'c SourceUrl,
}

impl Content {
    pub(super) fn new(verification: &Verification, picked: &[&Pointer]) -> Self {
        let values = &verification.values;
        match &verification.signed {
            SignedContent::Always(template) => Self::Always(pieces(template.parts(), values, picked)),
            SignedContent::ByValue(place, templates) => {
                let of = |(value, template): (&String, &Template)| {
                    (value.clone(), pieces(template.parts(), values, picked))
                };
                Self::ByValue(Place::of(place, picked), templates.iter().map(of).collect())
            }
        }
    }

    /// The parts for this request.
    pub(super) fn choose(&self, values: &RequestValues<'_, '_>) -> Result<&[Piece], Unauthorized> {
        match self {
            Self::Always(pieces) => Ok(pieces),
            Self::ByValue(place, choices) => {
                let value = values.value(place)?;
                let found = std::str::from_utf8(&value).ok().and_then(|value| choices.get(value));
                found.map(Vec::as_slice).ok_or_else(|| Unauthorized::UnknownPart(place.name()))
            }
        }
    }
}

fn pieces(parts: &[Part], values: &BTreeMap<String, String>, picked: &[&Pointer]) -> Vec<Piece> {
    let piece = |part: &Part| match part {
        Part::Literal(text) => Piece::Literal(text.as_bytes().into()),
        Part::Body => Piece::Body,
        Part::Timestamp => Piece::Timestamp,
        Part::Method => Piece::Method,
        Part::Url => Piece::Url,
        Part::Form => Piece::Form,
        Part::Crc32 => Piece::Crc32,
        Part::Value(name) => {
            Piece::Literal(values.get(name).map(String::as_bytes).unwrap_or_default().into())
        }
        Part::Header(place) => Piece::Header(place.clone()),
        Part::Pointer(pointer) => Piece::Value(Slot::of(pointer, picked)),
        Part::Optional(parts) => Piece::Optional(pieces(parts, values, picked)),
    };
    parts.iter().map(piece).collect()
}

impl ContentInput<'_, '_, '_> {
    /// Passes the content to `sink`, part by part.
    pub(super) fn write(&self, pieces: &[Piece], sink: &mut dyn FnMut(&[u8])) -> Result<(), Unauthorized> {
        let values = self.values;
        let request = values.request;
        for piece in pieces {
            match piece {
                Piece::Literal(text) => sink(text),
                Piece::Body => sink(&request.body),
                Piece::Timestamp => sink(self.timestamp.unwrap_or_default()),
                Piece::Method => sink(request.method.as_str().as_bytes()),
                Piece::Url => self.write_url(sink)?,
                Piece::Form => self.write_form(sink)?,
                Piece::Crc32 => sink(crc32fast::hash(&request.body).to_string().as_bytes()),
                Piece::Header(place) => {
                    let missing = || Unauthorized::MissingPart(PlaceName::of_header(place));
                    sink(values.header_value(place)?.ok_or_else(missing)?);
                }
                Piece::Value(slot) => {
                    let missing = || Unauthorized::MissingPart(slot.name());
                    sink(values.body_value(slot).ok_or_else(missing)?.as_bytes());
                }
                Piece::Optional(pieces) => {
                    if self.has_all(pieces)? {
                        self.write(pieces, sink)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Checks that only one value of the body has the separator of the values.
    pub(super) fn check_separator(
        &self,
        pieces: &[Piece],
        separator: &ValueSeparator,
    ) -> Result<(), Unauthorized> {
        for piece in pieces {
            match piece {
                Piece::Optional(pieces) => self.check_separator(pieces, separator)?,
                Piece::Value(slot) if !slot.is_at(&separator.allowed_in) => {
                    let value = self.values.body_value(slot).unwrap_or_default();
                    if value.contains(separator.character) {
                        return Err(Unauthorized::Separator(slot.name(), separator.character));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn has_all(&self, pieces: &[Piece]) -> Result<bool, Unauthorized> {
        for piece in pieces {
            let is_present = match piece {
                Piece::Header(place) => self.values.header_value(place)?.is_some(),
                Piece::Value(slot) => self.values.body_value(slot).is_some(),
                _ => true,
            };
            if !is_present {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The configured URL with the request's query. The request's `Host` says nothing.
    fn write_url(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Unauthorized> {
        let uri = self.values.request.uri;
        match self.url {
            SourceUrl::Unknown => return Err(Unauthorized::NoUrl),
            SourceUrl::Host(host) => {
                sink(host.as_bytes());
                sink(uri.path().as_bytes());
            }
            SourceUrl::Whole(url) => sink(url.as_bytes()),
        }
        if let Some(query) = uri.query() {
            sink(b"?");
            sink(query.as_bytes());
        }
        Ok(())
    }

    /// The names and values of a form, sorted, each pair once. Nobody is known yet, so their number is limited.
    fn write_form(&self, sink: &mut dyn FnMut(&[u8])) -> Result<(), Unauthorized> {
        let request = self.values.request;
        if form::is_json(&request.body) {
            return Ok(());
        }
        let pairs = form::signed_pairs(&request.body);
        for (name, value) in pairs.ok_or(Unauthorized::TooManyFields(form::SIGNED_PAIRS_MAX))? {
            sink(name.as_bytes());
            sink(value.as_bytes());
        }
        Ok(())
    }
}
