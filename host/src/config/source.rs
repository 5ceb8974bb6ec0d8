//! `[sources.NAME]`: how a sender signs, and the places of the envelope's values. Presets are
//! filled in here, so no other code knows a provider by name.

use http::HeaderName;
use serde::Deserialize;

use super::formats;
use super::section::entry;
use super::values::{Pointer, Secret};

/// `[sources.NAME]`, with the scheme's preset filled in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Source {
    /// The preset that the rest began as.
    pub scheme: Scheme,
    /// Any of them may have signed; never empty.
    pub secrets: Vec<Secret>,
    /// The headers of the signature, best first: the first one present counts.
    pub signatures: Vec<SignatureHeader>,
    /// The event's id.
    pub id: Pointer,
    /// The event's type.
    pub event_type: Pointer,
    /// The sender's timestamp.
    pub created: Pointer,
    /// The maximum age in days; 0 = no limit, `None` = as long as ids are known.
    pub created_age_max_days: Option<u64>,
    /// The payload for handlers; the whole body if there is nothing at this place.
    pub payload: Pointer,
    /// The ordering key, if the source has one.
    pub ordering_key: Option<Pointer>,
    /// The WIT package of typed handlers, `namespace:name`.
    pub package: Option<String>,
    /// The values of bodies by which events are found.
    pub search: Vec<Pointer>,
    /// The values of bodies that concern persons.
    pub personal: Vec<Pointer>,
    /// Whether these are the scheme's preset: then only callers who may not see them get `[masked]`.
    pub is_personal_preset: bool,
    /// What a sender's trace context is used for.
    pub traceparent: TraceTrust,
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

/// What a sender's `traceparent` is used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceTrust {
    /// The host continues the sender's trace, and follows its decision about sampling.
    Parent,
    /// The host begins a trace of its own, which names the sender's span.
    #[default]
    Link,
    /// It is not read.
    Ignore,
}

/// A header that carries an HMAC-SHA256 of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeader {
    /// Its name.
    pub header: HeaderName,
    /// The text before the digest, such as `sha256=`.
    pub prefix: String,
    /// The encoding of the digest.
    pub encoding: Encoding,
}

/// The encoding of 32 bytes in a header.
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

entry! {
    /// Senders, one section for each. The name of a source is the last part of its URL, `POST /webhooks/NAME`. Without
    /// any there is one source `moncreneau`, with a secret that the first start generates and prints.
    struct Written {
        /// How it signs. `moncreneau`: HMAC-SHA256 of the body in `X-Moncreneau-Signature: sha256=HEX`, or as bare hex
        /// in `X-Webhook-Signature`. `hmac`: HMAC-SHA256 of the body in a header of your choice.
        #[example("\"hmac\"")]
        scheme: Scheme,
        /// Any of them may have signed: name the old and the new one while you change a secret. At least one.
        #[example("[\"file:any-sender.secret\"]")]
        secrets: Vec<Secret>,
        /// The header with the signature. Default for `hmac`: X-Webhook-Signature. With `moncreneau`, setting any of
        /// `header`, `prefix` and `encoding` leaves this one header only.
        #[example("\"X-Webhook-Signature\"")]
        #[serde(default, deserialize_with = "formats::header")]
        header: Option<HeaderName>,
        /// Text before the digest in the header, such as `sha256=`. Default for `hmac`: none.
        #[example("\"\"")]
        #[serde(default, deserialize_with = "formats::prefix")]
        prefix: Option<String>,
        /// Encoding of the digest: `hex` (either case) or `base64`. Default: hex.
        #[example("\"hex\"")]
        encoding: Option<Encoding>,
        /// JSON pointer to the event's id, a string or an integer. If there is none, the id is the SHA-256 of the body.
        /// Default: /id.
        #[example("\"/id\"")]
        id: Option<Pointer>,
        /// JSON pointer to the event's type. Default: /type.
        #[example("\"/type\"")]
        event_type: Option<Pointer>,
        /// JSON pointer to the sender's timestamp. If there is none, the time of receipt counts. Default: /created.
        #[example("\"/created\"")]
        created: Option<Pointer>,
        /// Largest age of an event by that timestamp, in days. An older one is answered 401: its id may be forgotten, so
        /// that a copy of a signed request would run again. At most one day less than `retention.keys_days`. Events
        /// without a timestamp are not checked. 0 = no limit. Default: the age of the oldest id that is still known,
        /// once this host has forgotten any.
        #[example("44")]
        created_age_max_days: Option<u64>,
        /// JSON pointer to what handlers get. If nothing is there, they get the whole body. Default: the whole body for
        /// `hmac`, /data/object for `moncreneau`.
        #[example("\"\"")]
        payload: Option<Pointer>,
        /// JSON pointer to the ordering key. A plugin gets events with the same text or number at this place one at a
        /// time, in the order in which they were accepted. Default: none for `hmac`, /data/object/id (the appointment)
        /// for `moncreneau`.
        #[example("\"/data/object/id\"")]
        ordering_key: Option<Pointer>,
        /// The WIT package of typed handlers. Default: none for `hmac`, moncreneau:events for `moncreneau`.
        #[example("\"moncreneau:events\"")]
        #[serde(default, deserialize_with = "formats::package")]
        package: Option<String>,
        /// JSON pointers to values in the body by which `hookyard event list --search TEXT` finds an event, besides its id
        /// and its ordering key: texts, numbers, or lists of them. At most 16. A change makes the search index anew. Default:
        /// none for `hmac`, `id`, `name`, `phone` and `email` in /data/object for `moncreneau`.
        #[example("[\"/data/object/phone\"]")]
        search: Option<Vec<Pointer>>,
        /// JSON pointers to personal values in the body, such as a phone number. The API and the commands show them as
        /// `[masked]`, unless they are asked with `unmasked`. Handlers get them. A name means every spelling of it that
        /// a typed handler takes (`customerPhone`, `customer_phone`), and `*` every item and every member. Default:
        /// none for `hmac`, `name`, `phone` and `email` in /data/object for `moncreneau`; these defaults are masked for
        /// tokens that may not see personal values only. `[]` masks nothing.
        #[example("[\"/data/object/phone\"]")]
        personal: Option<Vec<Pointer>>,
        /// What the sender's `traceparent` header is used for, if `telemetry.endpoint` is set. `parent`: the host
        /// continues the sender's trace, and the sender decides whether it is recorded. `link`: the host begins a trace
        /// of its own, decides by `telemetry.sample_ratio`, and names the sender's span in it. `ignore`: the header is
        /// not read. The header is not signed. Default: link.
        #[example("\"link\"")]
        #[serde(default)]
        traceparent: TraceTrust,
    }
}

impl From<Written> for Source {
    fn from(written: Written) -> Self {
        let preset = Self::preset(written.scheme, written.secrets);
        let own = written.header.is_some() || written.prefix.is_some() || written.encoding.is_some();
        let signatures = match preset.signatures.first() {
            // An operator who sets one of the three means one header, not the preset's choice of
            // several.
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
            search: written.search.unwrap_or(preset.search),
            is_personal_preset: written.personal.is_none(),
            personal: written.personal.unwrap_or(preset.personal),
            traceparent: written.traceparent,
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
            search: Vec::new(),
            personal: Vec::new(),
            is_personal_preset: true,
            traceparent: TraceTrust::default(),
        };
        match scheme {
            Scheme::Hmac => hmac,
            Scheme::Moncreneau => Self {
                signatures: vec![own, bare],
                payload: Pointer::to(&["data", "object"]),
                ordering_key: Some(Pointer::to(&["data", "object", "id"])),
                package: Some("moncreneau:events".into()),
                search: ["id", "name", "phone", "email"]
                    .map(|name| Pointer::to(&["data", "object", name]))
                    .into(),
                personal: ["name", "phone", "email"]
                    .map(|name| Pointer::to(&["data", "object", name]))
                    .into(),
                ..hmac
            },
        }
    }
}
