//! The signatures that a request claims to have.

use std::borrow::Cow;

use super::reason::{PlaceName, Unauthorized};
use super::request::{RequestValues, Slot};
use crate::config::{Algorithm, Encoding, Pointer, SignatureAt, SignaturePlace, Verification};

/// Most signatures of one request: each costs a comparison, or a verification with a public key.
const CLAIMS_MAX: usize = 16;

/// The places of signatures, prepared for requests.
#[derive(Debug)]
pub(super) struct ClaimReader {
    places: Vec<(At, SignaturePlace)>,
    is_any: bool,
    signature_bytes: Option<usize>,
}

#[derive(Debug)]
enum At {
    Header,
    Body(Slot),
}

/// One or more signatures. One needs no allocation.
pub(super) struct Claims<T> {
    pub(super) first: T,
    pub(super) more: Vec<T>,
}

impl<T> Claims<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

impl ClaimReader {
    pub(super) fn new(verification: &Verification, picked: &[&Pointer]) -> Self {
        let at = |place: &SignaturePlace| match &place.at {
            SignatureAt::Header(_) => At::Header,
            SignatureAt::Pointer(pointer) => At::Body(Slot::of(pointer, picked)),
        };
        Self {
            places: verification.signatures.iter().map(|place| (at(place), place.clone())).collect(),
            is_any: verification.any_signature,
            signature_bytes: match verification.algorithm {
                Algorithm::Token => None,
                algorithm => algorithm.signature_bytes(),
            },
        }
    }

    /// Reads all signatures that count.
    pub(super) fn read<T>(
        &self,
        values: &RequestValues<'_, '_>,
        decode: impl Fn(Encoding, &[u8]) -> Option<T>,
    ) -> Result<Claims<T>, Unauthorized> {
        let (mut first, mut more) = (None, Vec::new());
        for (at, place) in &self.places {
            let Some(value) = value_at(at, place, values)? else { continue };
            self.read_value(at, place, &value, &decode, &mut |claim| {
                if first.is_none() {
                    first = Some(claim);
                } else {
                    more.push(claim);
                }
            })?;
            if !self.is_any {
                break;
            }
        }
        let missing = || {
            let name = self.places.first().map(|(at, place)| name_of(at, place));
            name.map_or(Unauthorized::Mismatch, Unauthorized::Missing)
        };
        Ok(Claims { first: first.ok_or_else(missing)?, more })
    }

    fn read_value<T>(
        &self,
        at: &At,
        place: &SignaturePlace,
        value: &[u8],
        decode: &impl Fn(Encoding, &[u8]) -> Option<T>,
        push: &mut impl FnMut(T),
    ) -> Result<(), Unauthorized> {
        let prefix = place.prefix.as_bytes();
        let Some(separator) = place.separator.and_then(|separator| u8::try_from(separator).ok()) else {
            let text = value
                .strip_prefix(prefix)
                .ok_or_else(|| Unauthorized::Prefix(name_of(at, place), place.prefix.clone()))?;
            push(decode(place.encoding, text).ok_or_else(|| self.wrong_form(at, place))?);
            return Ok(());
        };
        let items = value.split(|byte| *byte == separator).map(<[u8]>::trim_ascii);
        let (mut seen, mut decoded) = (0, 0);
        for text in items.filter_map(|item| item.strip_prefix(prefix)) {
            seen += 1;
            if seen > CLAIMS_MAX {
                return Err(Unauthorized::TooManyItems(name_of(at, place), CLAIMS_MAX));
            }
            // A provider may add signatures of another form beside those that are known.
            if let Some(claim) = decode(place.encoding, text) {
                decoded += 1;
                push(claim);
            }
        }
        match (seen, decoded) {
            (0, _) => Err(Unauthorized::NoItem(name_of(at, place), place.prefix.clone())),
            (_, 0) => Err(self.wrong_form(at, place)),
            _ => Ok(()),
        }
    }

    fn wrong_form(&self, at: &At, place: &SignaturePlace) -> Unauthorized {
        let encoding = place.encoding.name();
        let form = self
            .signature_bytes
            .map_or_else(|| encoding.to_owned(), |bytes| format!("{encoding} of {bytes} bytes"));
        Unauthorized::Encoding(name_of(at, place), form)
    }
}

/// The value at a place of signatures; `None` if it is missing.
fn value_at<'v>(
    at: &At,
    place: &SignaturePlace,
    values: &RequestValues<'v, 'v>,
) -> Result<Option<Cow<'v, [u8]>>, Unauthorized> {
    match (at, &place.at) {
        (At::Body(slot), _) => {
            Ok(values.body_value(slot).map(|text| Cow::Owned(text.into_owned().into_bytes())))
        }
        (At::Header, SignatureAt::Header(name)) => match values.header(name) {
            Ok(value) => Ok(value.map(Cow::Borrowed)),
            Err(_) => Err(Unauthorized::Repeated(PlaceName::Header(name.clone()))),
        },
        (At::Header, SignatureAt::Pointer(_)) => Ok(None),
    }
}

fn name_of(at: &At, place: &SignaturePlace) -> PlaceName {
    match (at, &place.at) {
        (At::Body(slot), _) => slot.name(),
        (At::Header, SignatureAt::Header(name)) => PlaceName::Header(name.clone()),
        (At::Header, SignatureAt::Pointer(pointer)) => PlaceName::Body(pointer.clone()),
    }
}
