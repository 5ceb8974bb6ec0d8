//! The presets of providers: `host/src/ingress/presets.toml`, which is embedded.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};

use super::reply::Reply;
use super::scheme::{
    Algorithm, Encoding, Handshake, SignaturePlace, SignedContent, TimestampUnit, ValueSeparator,
    Verification,
};
use super::template::{FieldPlaces, Template, ValuePlace};
use super::values::Pointer;

const TEXT: &str = include_str!("../ingress/presets.toml");

/// All presets by name. A test reads the text, so that it is never empty.
static PRESETS: LazyLock<BTreeMap<String, Preset>> =
    LazyLock::new(|| toml::from_str(TEXT).unwrap_or_default());
static NONE: LazyLock<Preset> = LazyLock::new(Preset::default);

/// The preset that a source begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme(&'static str);

/// What the file says of a provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub(super) struct Preset {
    title: String,
    algorithm: Algorithm,
    key_prefix: String,
    key_encoding: Encoding,
    signatures: Vec<SignaturePlace>,
    any_signature: bool,
    signed: Option<Template>,
    signed_by: Option<ValuePlace>,
    signed_for: BTreeMap<String, Template>,
    value_separator: Option<ValueSeparator>,
    timestamp: Option<ValuePlace>,
    timestamp_unit: TimestampUnit,
    tolerance_seconds: u64,
    body_digest: Option<String>,
    pub(super) id: FieldPlaces,
    pub(super) event_type: FieldPlaces,
    pub(super) default_type: Option<String>,
    pub(super) created: FieldPlaces,
    pub(super) changes_on_retry: Vec<Pointer>,
    pub(super) payload: Pointer,
    pub(super) forms: bool,
    pub(super) text: bool,
    pub(super) gzip: bool,
    pub(super) bodies_repeat: bool,
    pub(super) form_payload: Option<String>,
    pub(super) items: Option<Pointer>,
    pub(super) cloudevents: bool,
    pub(super) handshake: Option<Handshake>,
    pub(super) reply: Option<Reply>,
    pub(super) ordering_key: FieldPlaces,
    pub(super) package: Option<String>,
    pub(super) search: Vec<Pointer>,
    pub(super) personal: Vec<Pointer>,
}

impl Default for Preset {
    fn default() -> Self {
        Self {
            title: String::new(),
            algorithm: Algorithm::HmacSha256,
            key_prefix: String::new(),
            key_encoding: Encoding::Text,
            signatures: Vec::new(),
            any_signature: false,
            signed: None,
            signed_by: None,
            signed_for: BTreeMap::new(),
            value_separator: None,
            timestamp: None,
            timestamp_unit: TimestampUnit::Seconds,
            tolerance_seconds: 0,
            body_digest: None,
            id: FieldPlaces::to(&["id"]),
            event_type: FieldPlaces::to(&["type"]),
            default_type: None,
            created: FieldPlaces::to(&["created"]),
            changes_on_retry: Vec::new(),
            payload: Pointer::to(&[]),
            forms: false,
            text: false,
            gzip: false,
            bodies_repeat: false,
            form_payload: None,
            items: None,
            cloudevents: false,
            handshake: None,
            reply: None,
            ordering_key: FieldPlaces::default(),
            package: None,
            search: Vec::new(),
            personal: Vec::new(),
        }
    }
}

impl Preset {
    /// The terms of its verification.
    pub(super) fn verification(&self) -> Verification {
        let signed = match &self.signed_by {
            Some(place) => SignedContent::ByValue(place.clone(), self.signed_for.clone()),
            None => SignedContent::Always(self.signed.clone().unwrap_or_else(Template::body)),
        };
        Verification {
            algorithm: self.algorithm,
            key_prefix: self.key_prefix.clone(),
            key_encoding: self.key_encoding,
            signatures: self.signatures.clone(),
            any_signature: self.any_signature,
            signed,
            value_separator: self.value_separator.clone(),
            timestamp: self.timestamp.clone(),
            timestamp_unit: self.timestamp_unit,
            tolerance_seconds: self.tolerance_seconds,
            body_digest: self.body_digest.clone(),
            values: BTreeMap::new(),
            url: None,
        }
    }
}

impl Scheme {
    /// Moncreneau's headers and envelope.
    pub const MONCRENEAU: Self = Self("moncreneau");
    /// HMAC-SHA256 over the body in a header of the operator's choice.
    pub const HMAC: Self = Self("hmac");

    /// All presets, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        PRESETS.keys().map(|name| Self(name))
    }

    /// Finds a preset.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        PRESETS.get_key_value(name).map(|(name, _)| Self(name))
    }

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Its provider's name.
    #[must_use]
    pub fn title(self) -> &'static str {
        &self.preset().title
    }

    pub(super) fn preset(self) -> &'static Preset {
        PRESETS.get(self.0).unwrap_or(&NONE)
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::find(&name).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(|scheme| format!("`{}`", scheme.0)).collect();
            let names = names.join(", ");
            serde::de::Error::custom(format!(
                "unknown value `{name}`, expected one of {names}; `hmac`, with `header` and `signed`, fits many others"
            ))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    /// The presets whose providers document another answer than 202 with JSON: its status and its body, if that is not the
    /// JSON answer.
    #[test]
    fn each_provider_gets_the_answer_that_it_documents() {
        let replies: Vec<_> = PRESETS
            .iter()
            .filter_map(|(name, preset)| {
                let reply = preset.reply.as_ref()?;
                Some((name.as_str(), reply.status().as_u16(), reply.body()))
            })
            .collect();
        let expected = [
            ("adyen", 200, Some("[accepted]")),
            ("discord", 204, Some("")),
            ("docusign", 200, None),
            ("linear", 200, None),
            ("mailgun", 200, None),
            ("meta", 200, None),
            ("paddle", 200, None),
            ("slack", 200, Some("")),
            ("twilio", 204, Some("")),
            ("xero", 200, Some("")),
            ("zoom", 200, None),
        ];
        assert_eq!(replies, expected);
    }

    #[test]
    fn the_embedded_file_is_read_whole() {
        let presets: BTreeMap<String, Preset> = toml::from_str(TEXT).unwrap();
        assert_eq!(presets.len(), PRESETS.len());
        for (name, preset) in presets {
            assert!(!preset.title.is_empty() && !preset.signatures.is_empty(), "{name}");
            assert!(!preset.event_type.is_empty() || preset.default_type.is_some(), "{name}");
            assert_eq!(preset.signed_by.is_some(), !preset.signed_for.is_empty(), "{name}");
        }
        for scheme in [Scheme::MONCRENEAU, Scheme::HMAC] {
            assert_eq!(Scheme::find(scheme.name()), Some(scheme));
        }
    }
}
