//! Verifies who sent a request, by the terms of its source's scheme or by a verifier that is a plugin. A
//! [`VerifiedRequest`] comes from [`UnverifiedRequest::verify`] and from nowhere else. Verification by a scheme is pure,
//! and parses a body only if its signature is in it, or a part of the signed content.

mod claims;
mod content;
mod keys;
mod plugin;
mod private_key;
mod reason;
mod request;
mod sign;
mod timestamp;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::form;
use crate::config::{Algorithm, PICKED_MAX, Source, TimestampUnit, ValueSeparator};
use crate::pick::Picker;

use claims::ClaimReader;
use content::{Content, ContentInput};
use keys::Keys;
use request::{Place, RequestValues};

pub(super) use content::SourceUrl;
pub(super) use plugin::{EventFields, NotVerified, PluginVerifier};
pub use plugin::{NoVerifiers, RequestVerifiers, VerifierFuture};
pub(super) use reason::Unauthorized;
pub(super) use request::UnverifiedRequest;
pub use sign::{SignedRequest, UnsignedRequest, sign};

/// The way in which a source's requests are verified.
#[derive(Debug)]
pub(super) enum Verifier {
    Scheme(Box<SchemeVerifier>),
    Plugin(PluginVerifier),
}

/// A source's scheme, prepared for requests: no name is looked up for a request.
#[derive(Debug)]
pub(super) struct SchemeVerifier {
    algorithm: Algorithm,
    claims: ClaimReader,
    keys: Keys,
    content: Content,
    separator: Option<ValueSeparator>,
    timestamp: Option<TimestampRule>,
    /// Whether the signature covers a body only as a form.
    signs_form: bool,
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
    /// What a verifier said about its event.
    fields: Option<Box<EventFields>>,
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

    /// What a verifier said about its event, which is no longer in the request.
    pub(super) fn take_fields(&mut self) -> Option<Box<EventFields>> {
        self.fields.take()
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
    pub(super) fn new(source: &Source, url: SourceUrl, verifiers: &Arc<dyn RequestVerifiers>) -> Self {
        match &source.verifier {
            None => Self::Scheme(Box::new(SchemeVerifier::new(source, url))),
            Some(name) => Self::Plugin(PluginVerifier::new(name, source, url, Arc::clone(verifiers))),
        }
    }
}

impl SchemeVerifier {
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
            separator: verification.value_separator.clone(),
            timestamp: verification.timestamp.as_ref().map(rule),
            signs_form: verification.signs_form(),
            body_digest: verification.body_digest.clone(),
            picker,
            url: verification.url.clone().map_or(url, SourceUrl::Whole),
        }
    }
}

impl<'a> UnverifiedRequest<'a> {
    /// Verifies the request at `now_ms` in the way of its source.
    pub(super) async fn verify(
        self,
        verifier: &Verifier,
        now_ms: u64,
    ) -> Result<VerifiedRequest<'a>, NotVerified> {
        match verifier {
            Verifier::Scheme(scheme) => {
                self.verify_by_scheme(scheme, now_ms).map_err(NotVerified::Unauthorized)
            }
            Verifier::Plugin(plugin) => {
                let (secret, fields) = plugin.verify(&self, now_ms).await?;
                let fields = Some(Box::new(fields));
                Ok(VerifiedRequest { headers: self.headers, body: self.body, secret, fields })
            }
        }
    }

    /// Checks the signature over the raw bytes, in constant time, against every secret that is valid at `now_ms`.
    pub(super) fn verify_by_scheme(
        self,
        scheme: &SchemeVerifier,
        now_ms: u64,
    ) -> Result<VerifiedRequest<'a>, Unauthorized> {
        let secret = self.find_secret(scheme, now_ms)?;
        Ok(VerifiedRequest { headers: self.headers, body: self.body, secret, fields: None })
    }

    fn find_secret(&self, verifier: &SchemeVerifier, now_ms: u64) -> Result<u32, Unauthorized> {
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
        if let Some(separator) = &verifier.separator {
            input.check_separator(pieces, separator)?;
        }
        if let Some((rule, text)) = &timestamp {
            let name = || rule.place.name();
            timestamp::check_window(text, name, rule.unit, rule.tolerance_seconds, now_ms)?;
        }
        let secret =
            verifier.keys.find_match(&verifier.claims, verifier.algorithm, &input, pieces, now_ms)?;
        if verifier.signs_form {
            self.check_body_beside_form(verifier.body_digest.as_deref())?;
        }
        Ok(secret)
    }

    /// Checks that a signature over a form covers the body. The query is signed, so that a digest in it counts for any body;
    /// without one, the body has to be a form.
    fn check_body_beside_form(&self, parameter: Option<&str>) -> Result<(), Unauthorized> {
        let Some(parameter) = parameter else {
            return if form::is_json(&self.body) { Err(Unauthorized::NoForm) } else { Ok(()) };
        };
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let is_covered = match pairs.find(|(name, _)| name == parameter) {
            Some((_, claimed)) => claimed.eq_ignore_ascii_case(&hex::encode(Sha256::digest(&self.body))),
            None => !form::is_json(&self.body),
        };
        if is_covered { Ok(()) } else { Err(Unauthorized::BodyDigest(parameter.to_owned())) }
    }
}

#[cfg(test)]
mod tests;
