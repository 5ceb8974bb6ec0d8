//! Verifies who sent a request. Pure. A [`VerifiedRequest`] comes from [`UnverifiedRequest::verify`] and from
//! nowhere else, and no body is parsed before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::config::{Encoding, Secret, SignatureHeader, Source};

const DIGEST_BYTES: usize = 32;

/// A source's signature scheme, prepared for requests.
#[derive(Debug)]
pub(super) struct Signing {
    headers: Vec<SignatureHeader>,
    /// One per secret, with the key initialised.
    keys: Vec<Hmac<Sha256>>,
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct UnverifiedRequest<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

/// A body whose signature was verified for its source.
#[derive(Debug)]
pub(super) struct VerifiedRequest {
    body: Bytes,
}

impl VerifiedRequest {
    /// The bytes that were signed.
    pub(super) fn into_body(self) -> Bytes {
        self.body
    }
}

/// The reason why a request's signature is rejected. It describes errors in the header's form; of a wrong
/// digest it only says that it does not match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unauthorized {
    #[error("signature header {0} is missing")]
    Missing(HeaderName),
    #[error("signature header {0} is given more than once")]
    Repeated(HeaderName),
    #[error("signature header {0} does not begin with `{1}`")]
    Prefix(HeaderName, String),
    #[error("signature header {0} is not {1} of 32 bytes")]
    Encoding(HeaderName, &'static str),
    #[error("signature does not match")]
    Mismatch,
}

impl Signing {
    pub(super) fn from_source(source: &Source) -> Self {
        // HMAC takes keys of any length: none is dropped here.
        let keys = source.secrets.iter().filter_map(|secret| init_hmac(secret).ok()).collect();
        Self { headers: source.signatures.clone(), keys }
    }

    /// The digest claimed in the first of the source's headers that is present.
    fn find_claimed_digest(&self, headers: &HeaderMap) -> Result<[u8; DIGEST_BYTES], Unauthorized> {
        let present = self.headers.iter().find(|signature| headers.contains_key(&signature.header));
        let Some(signature) = present.or(self.headers.first()) else {
            return Err(Unauthorized::Mismatch);
        };
        let name = || signature.header.clone();
        let mut values = headers.get_all(&signature.header).iter();
        let value = values.next().ok_or_else(|| Unauthorized::Missing(name()))?;
        if values.next().is_some() {
            return Err(Unauthorized::Repeated(name()));
        }
        let digest = value
            .as_bytes()
            .strip_prefix(signature.prefix.as_bytes())
            .ok_or_else(|| Unauthorized::Prefix(name(), signature.prefix.clone()))?;
        decode_digest(signature.encoding, digest).ok_or_else(|| {
            let encoding = match signature.encoding {
                Encoding::Hex => "hex",
                Encoding::Base64 => "base64",
            };
            Unauthorized::Encoding(name(), encoding)
        })
    }
}

impl UnverifiedRequest<'_> {
    /// Checks the signature over the raw bytes, in constant time, against every secret.
    pub(super) fn verify(self, signing: &Signing) -> Result<VerifiedRequest, Unauthorized> {
        let claimed = signing.find_claimed_digest(self.headers)?;
        // No early exit: the time must not reveal which secret matched.
        let mut matches = Choice::from(0);
        for key in &signing.keys {
            matches |= compute_digest(key.clone(), &self.body).ct_eq(&claimed);
        }
        if bool::from(matches) {
            Ok(VerifiedRequest { body: self.body })
        } else {
            Err(Unauthorized::Mismatch)
        }
    }
}

/// Signs a body as the source's sender would: the header and its value.
#[must_use]
pub fn sign(signature: &SignatureHeader, secret: &Secret, body: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let digest = compute_digest(init_hmac(secret).ok()?, body);
    let encoded = match signature.encoding {
        Encoding::Hex => hex::encode(digest),
        Encoding::Base64 => STANDARD.encode(digest),
    };
    let value = HeaderValue::try_from(format!("{}{encoded}", signature.prefix)).ok()?;
    Some((signature.header.clone(), value))
}

fn init_hmac(secret: &Secret) -> Result<Hmac<Sha256>, hmac::digest::InvalidLength> {
    Hmac::new_from_slice(secret.expose().as_bytes())
}

fn compute_digest(mut key: Hmac<Sha256>, body: &[u8]) -> [u8; DIGEST_BYTES] {
    key.update(body);
    key.finalize().into_bytes().into()
}

fn decode_digest(encoding: Encoding, text: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
    let mut digest = [0; DIGEST_BYTES];
    match encoding {
        Encoding::Hex => hex::decode_to_slice(text, &mut digest).ok()?,
        Encoding::Base64 => {
            // The decoder needs room for the most that 44 characters can hold.
            let mut room = [0; DIGEST_BYTES + 1];
            let length = STANDARD.decode_slice(text, &mut room).ok()?;
            digest.copy_from_slice(room.get(..length)?.get(..DIGEST_BYTES)?);
            if length != DIGEST_BYTES {
                return None;
            }
        }
    }
    Some(digest)
}

#[cfg(test)]
mod tests;
