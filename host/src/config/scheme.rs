//! The terms in which a signature scheme is written: what is signed, by which algorithm, and where the signature is.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::formats;
use super::template::{Part, Template, ValuePlace};
use super::values::{Pointer, Secret};

/// Values of a body that one pass finds.
pub const PICKED_MAX: usize = 16;

/// How a source's requests are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// What makes the signature.
    pub algorithm: Algorithm,
    /// Text before the key in a secret, such as `whsec_`.
    pub key_prefix: String,
    /// The encoding of the key in a secret.
    pub key_encoding: Encoding,
    /// The places of signatures, best first.
    pub signatures: Vec<SignaturePlace>,
    /// Whether the signatures at all places count, and not only those at the first one present.
    pub any_signature: bool,
    /// The signed content.
    pub signed: SignedContent,
    /// What separates the signed values of the body.
    pub value_separator: Option<ValueSeparator>,
    /// The place of the time that the sender signed.
    pub timestamp: Option<ValuePlace>,
    /// The notation of that time.
    pub timestamp_unit: TimestampUnit,
    /// The largest difference between that time and the host's clock; 0 = no limit.
    pub tolerance_seconds: u64,
    /// The query's parameter that has the SHA-256 of a body that is no form, in hex.
    pub body_digest: Option<String>,
    /// Values for `{value:NAME}`.
    pub values: BTreeMap<String, String>,
    /// The URL that the provider calls, where it is signed and is not `server.public_url` and the source's path.
    pub url: Option<String>,
}

/// The signed content of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedContent {
    /// The same for all requests.
    Always(Template),
    /// Chosen by a value.
    ByValue(ValuePlace, BTreeMap<String, Template>),
}

/// A separator that the sender does not escape in the signed values of the body. Only one of them may have it: of two, text
/// could be moved from one to the other under the same signature.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueSeparator {
    /// The character.
    pub character: char,
    /// The value that may have it.
    pub allowed_in: Pointer,
}

/// What makes a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// HMAC-SHA1
    #[serde(rename = "hmac-sha1")]
    HmacSha1,
    /// HMAC-SHA256
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC-SHA512
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
    /// Ed25519
    #[serde(rename = "ed25519")]
    Ed25519,
    /// ECDSA over P-256 with SHA-256; the signature is DER
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    /// RSA PKCS #1 v1.5 with SHA-256
    #[serde(rename = "rsa-sha256")]
    RsaSha256,
    /// RSA PKCS #1 v1.5 with SHA-1
    #[serde(rename = "rsa-sha1")]
    RsaSha1,
    /// The secret itself is sent
    #[serde(rename = "token")]
    Token,
}

/// The encoding of bytes in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Standard base64 with padding.
    Base64,
    /// The text's own bytes: for tokens and keys.
    Text,
}

/// The notation of a signed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimestampUnit {
    /// Seconds since the Unix epoch.
    #[default]
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
}

/// The requests by which a provider checks the address of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// A signed body of the type `url_verification` with a challenge.
    Slack,
    /// A signed body of the type `endpoint.url_validation`, answered with an HMAC of its token.
    Zoom,
    /// Signed pings.
    Discord,
    /// GET with `hub.challenge` and the source's `verify_token`.
    Meta,
    /// GET with `challenge`.
    Dropbox,
    /// `validationToken` in the query.
    Microsoft,
    /// OPTIONS with `WebHook-Request-Origin`.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// Confirmations of subscriptions, which an operator decides about.
    AwsSns,
}

/// A place of signatures, and their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignaturePlace {
    /// Where it is.
    pub at: SignatureAt,
    /// The text before the signature, such as `sha256=`.
    pub prefix: String,
    /// What is between several; those without the prefix are ignored. `None` = there is one.
    pub separator: Option<char>,
    /// The encoding of the signature.
    pub encoding: Encoding,
}

/// Where a signature is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureAt {
    /// In a header.
    Header(HeaderName),
    /// In the body.
    Pointer(Pointer),
}

impl Algorithm {
    /// Its name in texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
            Self::HmacSha512 => "HMAC-SHA512",
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256 => "ECDSA P-256",
            Self::RsaSha256 => "RSA-SHA256",
            Self::RsaSha1 => "RSA-SHA1",
            Self::Token => "token",
        }
    }

    /// The number of bytes of a signature; `None` where it varies.
    #[must_use]
    pub const fn signature_bytes(self) -> Option<usize> {
        match self {
            Self::HmacSha1 => Some(20),
            Self::HmacSha256 => Some(32),
            Self::HmacSha512 | Self::Ed25519 => Some(64),
            Self::EcdsaP256 | Self::RsaSha256 | Self::RsaSha1 | Self::Token => None,
        }
    }

    /// Verifies with a public key; `None` for shared secrets.
    #[must_use]
    pub fn verification(self) -> Option<&'static dyn VerificationAlgorithm> {
        match self {
            Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha512 | Self::Token => None,
            Self::Ed25519 => Some(&ED25519),
            Self::EcdsaP256 => Some(&ECDSA_P256_SHA256_ASN1),
            Self::RsaSha256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            Self::RsaSha1 => Some(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        }
    }
}

impl Encoding {
    /// Its name in texts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Text => "text",
        }
    }
}

impl SignatureAt {
    /// The header, if it is in one.
    #[must_use]
    pub const fn header(&self) -> Option<&HeaderName> {
        match self {
            Self::Header(name) => Some(name),
            Self::Pointer(_) => None,
        }
    }

    /// The pointer, if it is in the body.
    #[must_use]
    pub const fn pointer(&self) -> Option<&Pointer> {
        match self {
            Self::Header(_) => None,
            Self::Pointer(pointer) => Some(pointer),
        }
    }
}

impl Verification {
    /// The key in a secret: a public key in DER or as raw bytes, or the bytes of a shared key.
    ///
    /// # Errors
    /// The form that it must have; the secret is not repeated.
    pub fn decode_key(&self, secret: &Secret) -> Result<Vec<u8>, String> {
        let text = secret.expose();
        let Some(algorithm) = self.algorithm.verification() else {
            return self.decode_shared_key(text);
        };
        let form = || {
            format!(
                "it is no public key for {}: give `file:PATH` of a PEM file with a public key or a certificate, or the \
                 key as the provider shows it",
                self.algorithm.name()
            )
        };
        let key = if text.contains("-----BEGIN ") {
            decode_pem(text).ok_or_else(form)?
        } else {
            let rest = text.strip_prefix(&self.key_prefix).unwrap_or(text);
            let decoded = hex::decode(rest).ok().or_else(|| STANDARD.decode(rest).ok());
            decoded.ok_or_else(form)?
        };
        ParsedPublicKey::new(algorithm, &key).map_err(|_| form())?;
        Ok(key)
    }

    fn decode_shared_key(&self, text: &str) -> Result<Vec<u8>, String> {
        let rest = text.strip_prefix(&self.key_prefix).ok_or_else(|| {
            format!("it does not begin with `{}`: copy the whole secret from the provider", self.key_prefix)
        })?;
        let key = match self.key_encoding {
            Encoding::Text => Some(rest.as_bytes().to_vec()),
            Encoding::Hex => hex::decode(rest).ok(),
            Encoding::Base64 => STANDARD.decode(rest).ok(),
        };
        let key = key.ok_or_else(|| {
            let after = if self.key_prefix.is_empty() {
                String::new()
            } else {
                format!(" after `{}`", self.key_prefix)
            };
            format!(
                "it is no {}{after}: copy the whole secret from the provider, or set `key_encoding`",
                self.key_encoding.name()
            )
        })?;
        if key.is_empty() { Err("the key in it is empty".into()) } else { Ok(key) }
    }
}

impl Verification {
    /// The pointers of the values that verification needs before a body is verified.
    pub fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        let signed = self.signed.templates().flat_map(Template::pointers);
        let by = match &self.signed {
            SignedContent::ByValue(ValuePlace::Pointer(pointer), _) => Some(pointer),
            _ => None,
        };
        let timestamp = match &self.timestamp {
            Some(ValuePlace::Pointer(pointer)) => Some(pointer),
            _ => None,
        };
        let signatures = self.signatures.iter().filter_map(|place| place.at.pointer());
        let mut seen: Vec<&Pointer> = Vec::new();
        for pointer in signed.chain(by).chain(timestamp).chain(signatures) {
            if !seen.contains(&pointer) {
                seen.push(pointer);
            }
        }
        seen.into_iter()
    }

    /// Whether the signature covers a body by the names and values of a form, and not by its bytes: two bodies with the
    /// same ones have the same signature.
    #[must_use]
    pub fn signs_form(&self) -> bool {
        self.signed.templates().any(|template| {
            let has = |wanted: &Part| template.all_parts().any(|part| part == wanted);
            has(&Part::Form) && !has(&Part::Body)
        })
    }

    /// Whether the signature covers the body. A CRC-32 does not: anybody can make another body with the same one.
    #[must_use]
    pub fn covers_body(&self) -> bool {
        self.algorithm != Algorithm::Token
            && self
                .signed
                .templates()
                .all(|template| template.all_parts().any(|part| matches!(part, Part::Body | Part::Form)))
    }
}

impl SignedContent {
    /// All templates that may be signed.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let (always, by_value) = match self {
            Self::Always(template) => (Some(template), None),
            Self::ByValue(_, templates) => (None, Some(templates.values())),
        };
        always.into_iter().chain(by_value.into_iter().flatten())
    }
}

/// The public key of a PEM text, in DER: its own, or its certificate's.
fn decode_pem(text: &str) -> Option<Vec<u8>> {
    if let Ok(key) = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()) {
        return Some(key.as_ref().to_vec());
    }
    let certificate = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    let certificate = webpki::EndEntityCert::try_from(&certificate).ok()?;
    Some(certificate.subject_public_key_info().as_ref().to_vec())
}

/// A place of signatures as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPlace {
    header: Option<String>,
    pointer: Option<Pointer>,
    #[serde(default, deserialize_with = "formats::prefix")]
    prefix: Option<String>,
    separator: Option<char>,
    #[serde(default = "hex")]
    encoding: Encoding,
}

const fn hex() -> Encoding {
    Encoding::Hex
}

impl<'de> Deserialize<'de> for SignaturePlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = WrittenPlace::deserialize(deserializer)?;
        let at = match (written.header, written.pointer) {
            (Some(name), None) => HeaderName::from_bytes(name.as_bytes())
                .map(SignatureAt::Header)
                .map_err(|_| D::Error::custom(format!("`{name}` is no header name")))?,
            (None, Some(pointer)) => SignatureAt::Pointer(pointer),
            _ => return Err(D::Error::custom("give either `header` or `pointer`")),
        };
        let WrittenPlace { prefix, separator, encoding, .. } = written;
        Ok(Self { at, prefix: prefix.unwrap_or_default(), separator, encoding })
    }
}
