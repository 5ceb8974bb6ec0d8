//! Who sent these bytes. Pure: a [`VerifiedRequest`] comes from [`UnverifiedRequest::verify`] and from
//! nowhere else, and nothing of a body is parsed before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use crate::config::{Encoding, Secret, SignatureHeader, Source};

const DIGEST_BYTES: usize = 32;

/// How a source signs, ready for use.
#[derive(Debug)]
pub(super) struct Signing {
    headers: Vec<SignatureHeader>,
    /// One per secret, with the key already mixed in.
    keys: Vec<Hmac<Sha256>>,
}

/// A request as it came.
#[derive(Debug)]
pub(super) struct UnverifiedRequest<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

/// A body that a source vouched for.
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

/// Why a request is not taken for the source's. Says what is wrong with the form; of the digest only
/// that it does not match.
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
    pub(super) fn of(source: &Source) -> Self {
        // A key of any length is one for HMAC: none is dropped here.
        let keys = source
            .secrets
            .iter()
            .filter_map(|secret| keyed(secret).ok())
            .collect();
        Self {
            headers: source.signatures.clone(),
            keys,
        }
    }

    /// The digest claimed in the first of the source's headers that is present.
    fn claimed(&self, headers: &HeaderMap) -> Result<[u8; DIGEST_BYTES], Unauthorized> {
        let present = self
            .headers
            .iter()
            .find(|signature| headers.contains_key(&signature.header));
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
        decode(signature.encoding, digest).ok_or_else(|| {
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
        let claimed = signing.claimed(self.headers)?;
        // No early exit: how long it takes does not tell which secret was right.
        let mut matches = Choice::from(0);
        for key in &signing.keys {
            matches |= digest(key.clone(), &self.body).ct_eq(&claimed);
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
pub fn sign(
    signature: &SignatureHeader,
    secret: &Secret,
    body: &[u8],
) -> Option<(HeaderName, HeaderValue)> {
    let digest = digest(keyed(secret).ok()?, body);
    let encoded = match signature.encoding {
        Encoding::Hex => hex::encode(digest),
        Encoding::Base64 => STANDARD.encode(digest),
    };
    let value = HeaderValue::try_from(format!("{}{encoded}", signature.prefix)).ok()?;
    Some((signature.header.clone(), value))
}

fn keyed(secret: &Secret) -> Result<Hmac<Sha256>, hmac::digest::InvalidLength> {
    Hmac::new_from_slice(secret.expose().as_bytes())
}

fn digest(mut key: Hmac<Sha256>, body: &[u8]) -> [u8; DIGEST_BYTES] {
    key.update(body);
    key.finalize().into_bytes().into()
}

fn decode(encoding: Encoding, text: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
    let mut digest = [0; DIGEST_BYTES];
    match encoding {
        Encoding::Hex => hex::decode_to_slice(text, &mut digest).ok()?,
        Encoding::Base64 => {
            // The decoder wants room for what 44 characters could hold at most.
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
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::config::Scheme;

    const SECRET: &str = "whsec_abc123xyz789";
    const BODY: &str = r#"{"id":"evt_abc123","type":"appointment.created","created":"2026-01-21T14:30:00Z","data":{"object":{"id":12345,"departmentId":5,"dateTime":"2026-01-25T14:30:00","status":"SCHEDULED"}}}"#;
    const DIGEST: &str = "fb2532e6adee55901471bdb533cd217b930e2bf9dd84446304d141e773b92d3f";
    const OWN: &str = "x-moncreneau-signature";
    const BARE: &str = "x-webhook-signature";

    fn source(scheme: Scheme, secrets: &[&str]) -> Source {
        Source::preset(
            scheme,
            secrets
                .iter()
                .map(|&secret| Secret::new(secret.into()))
                .collect(),
        )
    }

    fn moncreneau() -> Signing {
        Signing::of(&source(Scheme::Moncreneau, &[SECRET]))
    }

    fn verify(
        signing: &Signing,
        headers: &[(&'static str, &str)],
        body: &[u8],
    ) -> Result<Bytes, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let request = UnverifiedRequest {
            headers: &map,
            body: Bytes::copy_from_slice(body),
        };
        request
            .verify(signing)
            .map(VerifiedRequest::into_body)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn forms_of_the_header() {
        let prefixed = &format!("sha256={DIGEST}");
        let upper = &format!("sha256={}", DIGEST.to_uppercase());
        let short = &prefixed[..prefixed.len() - 2];
        let long = &format!("{prefixed}00");
        let other = &format!("sha256={}", "0".repeat(64));
        let table: &[(&[(&str, &str)], &str)] = &[
            (&[(OWN, prefixed)], ""),
            (&[(OWN, upper)], ""),
            (&[(BARE, DIGEST)], ""),
            (&[(OWN, prefixed), (BARE, "nonsense")], ""),
            (&[], "signature header x-moncreneau-signature is missing"),
            (
                &[("x-moncreneau-event", "appointment.created")],
                "signature header x-moncreneau-signature is missing",
            ),
            (&[(OWN, other), (BARE, DIGEST)], "signature does not match"),
            (
                &[(OWN, prefixed), (OWN, prefixed)],
                "signature header x-moncreneau-signature is given more than once",
            ),
            (
                &[(BARE, DIGEST), (BARE, DIGEST)],
                "signature header x-webhook-signature is given more than once",
            ),
            (
                &[(OWN, DIGEST)],
                "signature header x-moncreneau-signature does not begin with `sha256=`",
            ),
            (
                &[(OWN, "")],
                "signature header x-moncreneau-signature does not begin with `sha256=`",
            ),
            (
                &[(OWN, "sha256=")],
                "signature header x-moncreneau-signature is not hex of 32 bytes",
            ),
            (
                &[(OWN, short)],
                "signature header x-moncreneau-signature is not hex of 32 bytes",
            ),
            (
                &[(OWN, long)],
                "signature header x-moncreneau-signature is not hex of 32 bytes",
            ),
            (
                &[(BARE, prefixed)],
                "signature header x-webhook-signature is not hex of 32 bytes",
            ),
        ];
        for (headers, expected) in table {
            let reason = verify(&moncreneau(), headers, BODY.as_bytes())
                .err()
                .unwrap_or_default();
            assert_eq!(reason, *expected, "{headers:?}");
        }
    }

    #[test]
    fn every_flipped_bit_of_body_and_signature_is_refused() {
        let digest = hex::decode(DIGEST).unwrap();
        let mut body = BODY.as_bytes().to_vec();
        for bit in 0..body.len() * 8 {
            body[bit / 8] ^= 1 << (bit % 8);
            assert!(
                verify(&moncreneau(), &[(BARE, DIGEST)], &body).is_err(),
                "bit {bit} of the body"
            );
            body[bit / 8] ^= 1 << (bit % 8);
        }
        for bit in 0..DIGEST_BYTES * 8 {
            let mut digest = digest.clone();
            digest[bit / 8] ^= 1 << (bit % 8);
            assert!(
                verify(&moncreneau(), &[(BARE, &hex::encode(digest))], &body).is_err(),
                "bit {bit} of the signature"
            );
        }
        for extra in [
            &body[1..],
            &body[..body.len() - 1],
            b"",
            &[&body[..], b" "].concat(),
        ] {
            assert!(verify(&moncreneau(), &[(BARE, DIGEST)], extra).is_err());
        }
    }

    #[test]
    fn any_of_the_secrets_may_have_signed() {
        let table: &[(&[&str], bool)] = &[
            (&[SECRET], true),
            (&["old", SECRET], true),
            (&[SECRET, "new"], true),
            (&["old", "new"], false),
            (&["whsec_abc123xyz788"], false),
            (&["abc123xyz789"], false),
            (&[], false),
        ];
        for (secrets, expected) in table {
            let signing = Signing::of(&source(Scheme::Moncreneau, secrets));
            assert_eq!(
                verify(&signing, &[(BARE, DIGEST)], BODY.as_bytes()).is_ok(),
                *expected,
                "{secrets:?}"
            );
        }
    }

    #[test]
    fn base64_and_published_vectors() {
        let mut shop = source(Scheme::Hmac, &["secret"]);
        shop.signatures[0].encoding = Encoding::Base64;
        let signing = Signing::of(&shop);
        let signature = "dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM=";
        assert!(verify(&signing, &[(BARE, signature)], b"{}").is_ok());
        for wrong in [
            &signature[..43],
            "",
            "AAAA",
            &format!("{signature}A"),
            &"A".repeat(44),
            DIGEST,
        ] {
            let reason = verify(&signing, &[(BARE, wrong)], b"{}").unwrap_err();
            assert_eq!(
                reason, "signature header x-webhook-signature is not base64 of 32 bytes",
                "{wrong}"
            );
        }
        let github = source(Scheme::Hmac, &["It's a Secret to Everybody"]);
        let digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(verify(&Signing::of(&github), &[(BARE, digest)], b"Hello, World!").is_ok());
    }

    #[test]
    fn what_is_signed_here_verifies_here() {
        let source = source(Scheme::Moncreneau, &[SECRET]);
        for signature in &source.signatures {
            let (name, value) = sign(signature, &source.secrets[0], BODY.as_bytes()).unwrap();
            assert_eq!(
                value.to_str().unwrap(),
                format!("{}{DIGEST}", signature.prefix)
            );
            let headers = HeaderMap::from_iter([(name, value)]);
            let request = UnverifiedRequest {
                headers: &headers,
                body: Bytes::from_static(BODY.as_bytes()),
            };
            assert!(request.verify(&Signing::of(&source)).is_ok());
        }
    }
}
