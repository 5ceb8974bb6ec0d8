//! Verifies who sent a request, by the terms of its source's scheme. Pure. A [`VerifiedRequest`] comes from
//! [`UnverifiedRequest::verify`] and from nowhere else. A body is parsed before only if its signature is in it, or a
//! part of the signed content.

mod claims;
mod content;
mod keys;
mod private_key;
mod reason;
mod request;
mod sign;
mod timestamp;

use bytes::Bytes;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::media;
use crate::config::{Algorithm, PICKED_MAX, Source, TimestampUnit};
use crate::pick::Picker;

use claims::ClaimReader;
use content::{Content, ContentInput};
use keys::Keys;
use request::{Place, RequestValues};

pub(super) use content::SourceUrl;
pub(super) use reason::Unauthorized;
pub(super) use request::UnverifiedRequest;
pub use sign::{SignedRequest, UnsignedRequest, sign};

/// A source's scheme, prepared for requests: no name is looked up for a request.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithm: Algorithm,
    claims: ClaimReader,
    keys: Keys,
    content: Content,
    timestamp: Option<TimestampRule>,
    /// The query's parameter with the digest of a body that is no form.
    body_digest: Option<String>,
    /// Finds the values of the body that verification needs; `None` if it needs none.
    picker: Option<Picker<PICKED_MAX>>,
    url: SourceUrl,
}

#[derive(Debug)]
struct TimestampRule {
    place: Place,
    unit: TimestampUnit,
    tolerance_seconds: u64,
}

/// A request whose signature was verified for its source.
#[derive(Debug)]
pub(super) struct VerifiedRequest<'a> {
    headers: &'a HeaderMap,
    body: Bytes,
    /// The number of the secret that verified it.
    secret: u32,
}

impl<'a> VerifiedRequest<'a> {
    /// Its headers, of which most are not signed.
    pub(super) fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The bytes that were sent.
    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The bytes that were sent.
    pub(super) fn into_body(self) -> Bytes {
        self.body
    }

    /// The same request with what its body was made of.
    pub(super) fn with_decoded_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// The number of the secret that verified it, in the order of the configuration.
    pub(super) fn secret(&self) -> u32 {
        self.secret
    }
}

impl Verifier {
    pub(super) fn new(source: &Source, url: SourceUrl) -> Self {
        let verification = &source.verification;
        let places_in_body: Vec<_> = verification.pointers().collect();
        let rule = |place| TimestampRule {
            place: Place::of(place, &places_in_body),
            unit: verification.timestamp_unit,
            tolerance_seconds: verification.tolerance_seconds,
        };
        let picker = (!places_in_body.is_empty()).then(|| {
            let mut pointers = [None; PICKED_MAX];
            for (slot, pointer) in pointers.iter_mut().zip(&places_in_body) {
                *slot = Some(*pointer);
            }
            Picker::new(pointers)
        });
        Self {
            algorithm: verification.algorithm,
            claims: ClaimReader::new(verification, &places_in_body),
            keys: Keys::of(source),
            content: Content::new(verification, &places_in_body),
            timestamp: verification.timestamp.as_ref().map(rule),
            body_digest: verification.body_digest.clone(),
            picker,
            url: verification.url.clone().map_or(url, SourceUrl::Whole),
        }
    }
}

impl<'a> UnverifiedRequest<'a> {
    /// Checks the signature over the raw bytes, in constant time, against every secret that is valid at `now_ms`.
    pub(super) fn verify(
        self,
        verifier: &Verifier,
        now_ms: u64,
    ) -> Result<VerifiedRequest<'a>, Unauthorized> {
        let secret = self.find_secret(verifier, now_ms)?;
        Ok(VerifiedRequest { headers: self.headers, body: self.body, secret })
    }

    fn find_secret(&self, verifier: &Verifier, now_ms: u64) -> Result<u32, Unauthorized> {
        let values = RequestValues::read(self, verifier.picker.as_ref())?;
        let timestamp = match &verifier.timestamp {
            Some(rule) => Some((rule, values.value(&rule.place)?)),
            None => None,
        };
        let input = ContentInput {
            values: &values,
            timestamp: timestamp.as_ref().map(|(_, text)| text.as_ref()),
            url: &verifier.url,
        };
        let pieces = verifier.content.choose(&values)?;
        if let Some((rule, text)) = &timestamp {
            let name = || rule.place.name();
            timestamp::check_window(text, name, rule.unit, rule.tolerance_seconds, now_ms)?;
        }
        let secret =
            verifier.keys.find_match(&verifier.claims, verifier.algorithm, &input, pieces, now_ms)?;
        if let Some(parameter) = &verifier.body_digest {
            self.check_body_digest(parameter)?;
        }
        Ok(secret)
    }

    /// Checks the digest of a body that is no form against the query, which is signed.
    fn check_body_digest(&self, parameter: &str) -> Result<(), Unauthorized> {
        if self.body.is_empty() || media::is_form(self.headers) {
            return Ok(());
        }
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let claimed = pairs.find(|(name, _)| name == parameter).map(|(_, value)| value);
        let digest = hex::encode(Sha256::digest(&self.body));
        match claimed {
            Some(claimed) if claimed.eq_ignore_ascii_case(&digest) => Ok(()),
            _ => Err(Unauthorized::BodyDigest(parameter.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests;
