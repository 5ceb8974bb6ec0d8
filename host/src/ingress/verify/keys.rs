//! The keys of a source, initialised, and which of them matches.
//!
//! HMAC-SHA256 and -SHA512 come from `RustCrypto`'s `hmac`, which the host has used all along. Everything else comes from
//! `aws-lc-rs`, which rustls links anyway: the `RustCrypto` family would add five crates, of which `rsa` has an open timing
//! advisory (RUSTSEC-2023-0071).

use aws_lc_rs::hmac as legacy;
use aws_lc_rs::signature::ParsedPublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256, Sha512};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use super::claims::{ClaimReader, Claims};
use super::content::{ContentInput, Piece};
use super::reason::Unauthorized;
use super::request::RequestValues;
use crate::config::{Algorithm, Encoding, Source};

/// Bytes of the longest digest, of SHA-512.
const DIGEST_MAX_BYTES: usize = 64;

/// The keys of a source, in the order of its secrets.
#[derive(Debug)]
pub(super) enum Keys {
    Mac(Vec<Dated<MacKey>>),
    Public(Vec<Dated<ParsedPublicKey>>),
    /// The digests of tokens: comparing them tells nothing of a token's length.
    Token(Vec<Dated<[u8; 32]>>),
}

/// A key, and the time from which it verifies nothing, in ms since the Unix epoch.
#[derive(Debug)]
pub(super) struct Dated<T> {
    key: T,
    not_after: Option<u64>,
    /// The number of its secret.
    number: u32,
}

/// A key of an HMAC.
#[derive(Debug)]
pub(super) enum MacKey {
    Sha1(Box<legacy::Key>),
    Sha256(Hmac<Sha256>),
    Sha512(Box<Hmac<Sha512>>),
}

/// A digest, of 20 to 64 bytes.
pub(super) struct MacDigest {
    bytes: [u8; DIGEST_MAX_BYTES],
    length: usize,
}

impl MacDigest {
    fn of(digest: &[u8]) -> Self {
        let mut bytes = [0; DIGEST_MAX_BYTES];
        let length = digest.len().min(DIGEST_MAX_BYTES);
        bytes[..length].copy_from_slice(&digest[..length]);
        Self { bytes, length }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Decodes a digest of this length.
    fn decode(encoding: Encoding, text: &[u8], length: usize) -> Option<Self> {
        let mut bytes = [0; DIGEST_MAX_BYTES];
        match encoding {
            Encoding::Hex => hex::decode_to_slice(text, bytes.get_mut(..length)?).ok()?,
            Encoding::Base64 => {
                // The decoder needs room for the most that so many characters can hold.
                let mut room = [0; DIGEST_MAX_BYTES + 2];
                let decoded =
                    STANDARD.decode_slice(text, &mut room).ok().filter(|decoded| *decoded == length)?;
                bytes[..length].copy_from_slice(&room[..decoded]);
            }
            Encoding::Text => return None,
        }
        Some(Self { bytes, length })
    }
}

impl MacKey {
    fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::HmacSha1 => {
                Self::Sha1(Box::new(legacy::Key::new(legacy::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key)))
            }
            Algorithm::HmacSha256 => Self::Sha256(Hmac::new_from_slice(key).ok()?),
            Algorithm::HmacSha512 => Self::Sha512(Box::new(Hmac::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    pub(super) fn compute(
        &self,
        input: &ContentInput<'_, '_, '_>,
        pieces: &[Piece],
    ) -> Result<MacDigest, Unauthorized> {
        Ok(match self {
            Self::Sha1(key) => {
                let mut mac = legacy::Context::with_key(key);
                input.write(pieces, &mut |bytes| mac.update(bytes))?;
                MacDigest::of(mac.sign().as_ref())
            }
            Self::Sha256(key) => {
                let mut mac = key.clone();
                input.write(pieces, &mut |bytes| mac.update(bytes))?;
                MacDigest::of(&mac.finalize().into_bytes())
            }
            Self::Sha512(key) => {
                let mut mac = (**key).clone();
                input.write(pieces, &mut |bytes| mac.update(bytes))?;
                MacDigest::of(&mac.finalize().into_bytes())
            }
        })
    }
}

impl<T> Dated<T> {
    pub(super) const fn key(&self) -> &T {
        &self.key
    }

    fn is_valid(&self, now_ms: u64) -> bool {
        self.not_after.is_none_or(|not_after| now_ms < not_after)
    }

    fn map<U>(self, map: impl FnOnce(T) -> Option<U>) -> Option<Dated<U>> {
        let Self { key, not_after, number } = self;
        map(key).map(|key| Dated { key, not_after, number })
    }
}

impl Keys {
    pub(super) fn of(source: &Source) -> Self {
        let verification = &source.verification;
        let algorithm = verification.algorithm;
        // A configuration with a wrong key is not loaded: none is dropped here.
        let decoded = || {
            (0..).zip(&source.secrets).filter_map(|(number, secret)| {
                let key = verification.decode_key(secret.secret()).ok()?;
                Some(Dated { key, not_after: secret.not_after, number })
            })
        };
        match algorithm.verification() {
            Some(public) => Self::Public(
                decoded().filter_map(|key| key.map(|key| ParsedPublicKey::new(public, key).ok())).collect(),
            ),
            None if algorithm == Algorithm::Token => Self::Token(
                decoded().filter_map(|key| key.map(|key| Some(Sha256::digest(key).into()))).collect(),
            ),
            None => {
                Self::Mac(decoded().filter_map(|key| key.map(|key| MacKey::new(algorithm, &key))).collect())
            }
        }
    }

    /// The number of the secret that made a signature of the request.
    pub(super) fn find_match(
        &self,
        claims: &ClaimReader,
        algorithm: Algorithm,
        input: &ContentInput<'_, '_, '_>,
        pieces: &[Piece],
        now_ms: u64,
    ) -> Result<u32, Unauthorized> {
        let values = input.values;
        match self {
            Self::Mac(keys) => {
                let length = algorithm.signature_bytes().unwrap_or(DIGEST_MAX_BYTES);
                let claims =
                    claims.read(values, |encoding, text| MacDigest::decode(encoding, text, length))?;
                let mut found = Found::default();
                for key in keys.iter().filter(|key| key.is_valid(now_ms)) {
                    let digest = key.key.compute(input, pieces)?;
                    for claim in claims.iter() {
                        found.add(digest.as_bytes().ct_eq(claim.as_bytes()), key.number);
                    }
                }
                found.finish()
            }
            Self::Token(keys) => {
                let claims = read_tokens(claims, values)?;
                let mut found = Found::default();
                for key in keys.iter().filter(|key| key.is_valid(now_ms)) {
                    for claim in claims.iter() {
                        found.add(key.key.ct_eq(claim), key.number);
                    }
                }
                found.finish()
            }
            Self::Public(keys) => {
                let claims = claims.read(values, decode_signature)?;
                let mut content = Vec::with_capacity(values.request.body.len() + 64);
                input.write(pieces, &mut |bytes| content.extend_from_slice(bytes))?;
                // A public key is no secret, so the first match may end it.
                let verifies = |key: &&Dated<ParsedPublicKey>| {
                    claims.iter().any(|claim| key.key.verify_sig(&content, claim).is_ok())
                };
                let valid = keys.iter().filter(|key| key.is_valid(now_ms));
                valid.into_iter().find(verifies).map(|key| key.number).ok_or(Unauthorized::Mismatch)
            }
        }
    }
}

/// The first match, found without an early exit: the time must not reveal which secret matched.
struct Found {
    any: Choice,
    number: u32,
}

impl Default for Found {
    fn default() -> Self {
        Self { any: Choice::from(0), number: 0 }
    }
}

impl Found {
    fn add(&mut self, matches: Choice, number: u32) {
        self.number.conditional_assign(&number, matches & !self.any);
        self.any |= matches;
    }

    fn finish(self) -> Result<u32, Unauthorized> {
        if bool::from(self.any) { Ok(self.number) } else { Err(Unauthorized::Mismatch) }
    }
}

fn read_tokens(
    claims: &ClaimReader,
    values: &RequestValues<'_, '_>,
) -> Result<Claims<[u8; 32]>, Unauthorized> {
    claims.read(values, |encoding, text| {
        let digest = |bytes: &[u8]| (!bytes.is_empty()).then(|| Sha256::digest(bytes).into());
        match encoding {
            Encoding::Text => digest(text),
            encoding => digest(&decode_signature(encoding, text)?),
        }
    })
}

fn decode_signature(encoding: Encoding, text: &[u8]) -> Option<Vec<u8>> {
    let decoded = match encoding {
        Encoding::Hex => hex::decode(text).ok(),
        Encoding::Base64 => STANDARD.decode(text).ok(),
        Encoding::Text => None,
    };
    decoded.filter(|decoded| !decoded.is_empty())
}
