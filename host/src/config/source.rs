//! `[sources.NAME]`: how a sender signs and where its envelope keeps what the host reads. Presets
//! are filled in here, so that nobody else knows a provider by name.

use http::HeaderName;
use serde::Deserialize;

use super::formats;
use super::values::{Pointer, Secret};

/// `[sources.NAME]`, with the scheme's preset filled in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Source {
    /// The preset that the rest began as.
    pub scheme: Scheme,
    /// Any of them may have signed; never empty.
    pub secrets: Vec<Secret>,
    /// Where the signature may be, best first: the first header present is the one that counts.
    pub signatures: Vec<SignatureHeader>,
    /// The event's id.
    pub id: Pointer,
    /// The event's type.
    pub event_type: Pointer,
    /// The sender's timestamp.
    pub created: Pointer,
    /// How old it may be, in days; 0 = as old as it likes, `None` = as long as ids are known.
    pub created_age_max_days: Option<u64>,
    /// What handlers get; the whole body where there is nothing at this place.
    pub payload: Pointer,
    /// What must be handled one after the other, if anything must.
    pub ordering_key: Option<Pointer>,
    /// The WIT package of typed handlers, `namespace:name`.
    pub package: Option<String>,
}

/// The preset of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Moncreneau's headers and envelope.
    Moncreneau,
    /// HMAC-SHA256 over the body in a header of the operator's choice.
    Hmac,
}

/// A header that carries an HMAC-SHA256 of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeader {
    /// Its name.
    pub header: HeaderName,
    /// What stands before the digest, `sha256=` and the like.
    pub prefix: String,
    /// How the digest is written.
    pub encoding: Encoding,
}

/// How 32 bytes are written in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Standard base64 with padding.
    Base64,
}

const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("x-webhook-signature");
const MONCRENEAU_SIGNATURE: HeaderName = HeaderName::from_static("x-moncreneau-signature");

/// The section as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    scheme: Scheme,
    secrets: Vec<Secret>,
    #[serde(default, deserialize_with = "formats::header")]
    header: Option<HeaderName>,
    #[serde(default, deserialize_with = "formats::prefix")]
    prefix: Option<String>,
    encoding: Option<Encoding>,
    id: Option<Pointer>,
    event_type: Option<Pointer>,
    created: Option<Pointer>,
    created_age_max_days: Option<u64>,
    payload: Option<Pointer>,
    ordering_key: Option<Pointer>,
    #[serde(default, deserialize_with = "formats::package")]
    package: Option<String>,
}

impl From<Written> for Source {
    fn from(written: Written) -> Self {
        let preset = Self::preset(written.scheme, written.secrets);
        let own = written.header.is_some() || written.prefix.is_some() || written.encoding.is_some();
        let signatures = match preset.signatures.first() {
            // Whoever names one of the three means one header, not the preset's choice of several.
            Some(first) if own => vec![SignatureHeader {
                header: written.header.unwrap_or_else(|| first.header.clone()),
                prefix: written.prefix.unwrap_or_else(|| first.prefix.clone()),
                encoding: written.encoding.unwrap_or(first.encoding),
            }],
            _ => preset.signatures,
        };
        Self {
            signatures,
            id: written.id.unwrap_or(preset.id),
            event_type: written.event_type.unwrap_or(preset.event_type),
            created: written.created.unwrap_or(preset.created),
            created_age_max_days: written.created_age_max_days,
            payload: written.payload.unwrap_or(preset.payload),
            ordering_key: written.ordering_key.or(preset.ordering_key),
            package: written.package.or(preset.package),
            ..preset
        }
    }
}

impl Source {
    /// A source of this scheme with nothing changed.
    #[must_use]
    pub fn preset(scheme: Scheme, secrets: Vec<Secret>) -> Self {
        let bare =
            SignatureHeader { header: WEBHOOK_SIGNATURE, prefix: String::new(), encoding: Encoding::Hex };
        let own = SignatureHeader {
            header: MONCRENEAU_SIGNATURE,
            prefix: "sha256=".into(),
            encoding: Encoding::Hex,
        };
        let hmac = Self {
            scheme,
            secrets,
            signatures: vec![bare.clone()],
            id: Pointer::to(&["id"]),
            event_type: Pointer::to(&["type"]),
            created: Pointer::to(&["created"]),
            created_age_max_days: None,
            payload: Pointer::to(&[]),
            ordering_key: None,
            package: None,
        };
        match scheme {
            Scheme::Hmac => hmac,
            Scheme::Moncreneau => Self {
                signatures: vec![own, bare],
                payload: Pointer::to(&["data", "object"]),
                ordering_key: Some(Pointer::to(&["data", "object", "id"])),
                package: Some("moncreneau:events".into()),
                ..hmac
            },
        }
    }
}
