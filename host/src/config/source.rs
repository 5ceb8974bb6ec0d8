//! `[sources.NAME]`: how a sender signs, and the places of the envelope's values. Presets are
//! filled in here, so no other code knows a provider by name.

use std::collections::BTreeMap;

use http::HeaderName;
use serde::Deserialize;

use super::formats;
use super::presets::Scheme;
use super::reply::Reply;
use super::scheme::{
    Algorithm, Encoding, Handshake, SignatureAt, SignaturePlace, SignedContent, TimestampUnit,
    ValueSeparator, Verification,
};
use super::section::entry;
use super::source_secret::SourceSecret;
use super::template::{FieldPlaces, Template, ValuePlace};
use super::values::{Pointer, Secret};
use crate::event::VerifierName;

/// The window of an operator's own scheme with a timestamp.
const TOLERANCE_SECONDS: u64 = 300;

/// `[sources.NAME]`, with the scheme's preset filled in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Source {
    /// The preset that the rest began as; `hmac` with a verifier.
    pub scheme: Scheme,
    /// The verifier that takes the place of a scheme.
    pub verifier: Option<VerifierName>,
    /// Any of them may have signed; never empty.
    pub secrets: Vec<SourceSecret>,
    /// How requests are verified.
    pub verification: Verification,
    /// The event's id.
    pub id: FieldPlaces,
    /// The event's type.
    pub event_type: FieldPlaces,
    /// The type of an event that has none at these places.
    pub default_type: Option<String>,
    /// The sender's timestamp.
    pub created: FieldPlaces,
    /// The values of a body that differ between attempts to send the same event.
    pub changes_on_retry: Vec<Pointer>,
    /// The maximum age in days; 0 = no limit, `None` = as long as ids are known.
    pub created_age_max_days: Option<u64>,
    /// The payload for handlers; the whole body if there is nothing at this place.
    pub payload: Pointer,
    /// Whether a body may be a form, which is read as JSON.
    pub forms: bool,
    /// Whether a body may be any text, which is read as a JSON object with its content type.
    pub text: bool,
    /// Whether a body may be compressed.
    pub gzip: bool,
    /// Whether equal bodies without an id are different events.
    pub bodies_repeat: bool,
    /// The field of a form whose text is the JSON of the event.
    pub form_payload: Option<String>,
    /// How the provider checks the address.
    pub handshake: Option<Handshake>,
    /// The token that the provider shows in its handshake.
    pub verify_token: Option<Secret>,
    /// The origins, besides the provider's, at which the URL of an approved confirmation is opened.
    pub confirm_origins: Vec<String>,
    /// The form of the answer that acknowledges an event, where the provider wants a certain one.
    pub reply: Option<Reply>,
    /// The list of events in a body; the places of their fields start at each item.
    pub items: Option<Pointer>,
    /// Whether events are `CloudEvents`: attributes may be in `ce-` headers, with the data as body.
    pub cloudevents: bool,
    /// The ordering key; no place if the source has none.
    pub ordering_key: FieldPlaces,
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

entry! {
    /// Senders, one section for each. The name of a source is the last part of its URL, `POST /webhooks/NAME`. Without
    /// any there is one source `moncreneau`, with a secret that the first start generates and prints.
    struct Written {
        /// How it signs: the preset of a provider, such as `stripe`, `github` or `moncreneau`. `hmac` (HMAC-SHA256 of the
        /// body in a header of your choice), `token`, `basic` and `ed25519` are for other senders. docs/providers.md lists
        /// the presets. Each key below changes one part of the preset. A source has either a scheme or a verifier.
        #[example("\"hmac\"")]
        scheme: Option<Scheme>,
        /// The verifier that proves who sent a request, in place of a scheme: the name of its file in `verifiers.dir`,
        /// without `.wasm`. `secrets` are passed to it as they are written here. The keys about signatures, from
        /// `algorithm` to `values`, have no effect then and are refused.
        #[example("\"billing\"")]
        verifier: Option<VerifierName>,
        /// Any of them may have signed: name the old and the new one while you change a secret. At least one. With
        /// `{ secret = "…", not_after = "2027-01-31T00:00:00Z" }` one is valid until that time. For Ed25519, ECDSA and RSA
        /// these are the provider's public keys, as it shows them, or PEM files of keys or certificates.
        #[example("[\"file:any-sender.secret\"]")]
        secrets: Vec<SourceSecret>,
        /// What makes the signature: `hmac-sha1`, `hmac-sha256`, `hmac-sha512`, `ed25519`, `ecdsa-p256`, `rsa-sha256`,
        /// `rsa-sha1`, or `token` if the secret itself is sent. Default for `hmac`: hmac-sha256.
        #[example("\"hmac-sha256\"")]
        algorithm: Option<Algorithm>,
        /// The header with the signature. Default for `hmac`: X-Webhook-Signature. Setting any of `header`, `signature`,
        /// `prefix`, `separator` and `encoding` leaves this one place of a signature only, where a preset has several.
        #[example("\"X-Webhook-Signature\"")]
        #[serde(default, deserialize_with = "formats::header")]
        header: Option<HeaderName>,
        /// JSON pointer to the signature, if it is in the body and not in a header.
        #[example("\"/signature\"")]
        signature: Option<Pointer>,
        /// Text before the signature, such as `sha256=`. Default for `hmac`: none.
        #[example("\"\"")]
        #[serde(default, deserialize_with = "formats::prefix")]
        prefix: Option<String>,
        /// The character between several signatures, any of which may match. Those without the prefix are ignored.
        /// Default for `hmac`: there is one signature.
        #[example("\",\"")]
        separator: Option<char>,
        /// Encoding of the signature: `hex` (either case), `base64`, or `text` for a token. Default for `hmac`: hex.
        #[example("\"hex\"")]
        encoding: Option<Encoding>,
        /// Several places of signatures, in place of `header` and the keys beside it: each has a `header` or a
        /// `pointer`, and may have `prefix`, `separator` and `encoding` (hex without it). The first place that a
        /// request has counts. At most 8. Default: the preset's.
        #[example("[{ header = \"X-Signature-1\" }, { pointer = \"/signature\", encoding = \"base64\" }]")]
        signatures: Option<Vec<SignaturePlace>>,
        /// Whether the signatures at all of these places count, and not only those at the first one that a request has,
        /// as with `DocuSign`, which sends a header for each of its keys. Default: the preset's; for `hmac` false.
        #[example("false")]
        any_signature: Option<bool>,
        /// Text before the key in a secret, such as `whsec_`. Default for `hmac`: none.
        #[example("\"\"")]
        key_prefix: Option<String>,
        /// Encoding of the key in a secret: `text`, `hex` or `base64`. Default for `hmac`: text.
        #[example("\"text\"")]
        key_encoding: Option<Encoding>,
        /// The signed content: text with {body}, {timestamp}, {url}, {method}, {form} (a form's names and values, sorted),
        /// {crc32} of the body, {header:NAME}, {header:NAME:ITEM}, {value:NAME}, or a JSON pointer into the body, as in
        /// {/token}. What is in brackets is left out if it has a part that is missing. Default for `hmac`: {body}.
        #[example("\"{timestamp}.{body}\"")]
        signed: Option<Template>,
        /// The place of the value that decides what is signed, such as the type of a message: {header:NAME}, or a JSON
        /// pointer. It goes with `signed_for`, and takes the place of `signed`. Default: the preset's; none for `hmac`.
        #[example("\"/Type\"")]
        signed_by: Option<ValuePlace>,
        /// The signed content for each value at `signed_by`, as in `signed`. Each must have that value in it, so that
        /// no message passes for one of another kind. A request with another value is answered 401.
        #[example("{ Notification = \"{/Type}:{/Message}\" }")]
        signed_for: Option<BTreeMap<String, Template>>,
        /// A character that the sender puts between the signed values of the body and does not escape in them, and the
        /// place of the one value that may have it: with two, text could be moved from one to the other under the same
        /// signature. A request with it in another signed value is answered 401. Default: the preset's; none for `hmac`.
        #[example("{ character = \":\", allowed_in = \"/reference\" }")]
        value_separator: Option<ValueSeparator>,
        /// The parameter of the URL's query that has the SHA-256 of a body that is no form, in hex, as Twilio's
        /// `bodySHA256`. `signed` must have {url} in it, and {form} or {body}. Default: the preset's; none for `hmac`.
        #[example("\"bodySHA256\"")]
        #[serde(default, deserialize_with = "formats::query_parameter")]
        body_digest: Option<String>,
        /// The place of the time that the sender signs: {header:NAME}, {header:NAME:ITEM}, or a JSON pointer. Default for
        /// `hmac`: none.
        #[example("\"{header:X-Timestamp}\"")]
        timestamp: Option<ValuePlace>,
        /// Notation of that time: `seconds` or `milliseconds` since 1970, or `rfc3339`. Default for `hmac`: seconds.
        #[example("\"seconds\"")]
        timestamp_unit: Option<TimestampUnit>,
        /// Largest difference between that time and the host's clock, before or after, in seconds. A request outside of
        /// it is answered 401. 0 = no limit. Default: the provider's, and 300 if `timestamp` is set here.
        #[example("300")]
        tolerance_seconds: Option<u64>,
        /// The values for {value:NAME} in the signed content.
        #[example("{ webhook_id = \"8PT597110X687430LKGECATA\" }")]
        #[serde(default)]
        values: BTreeMap<String, String>,
        /// The URL of this source as the provider calls it, where the provider signs it. Default: `server.public_url` and
        /// /webhooks/NAME. The query of a request follows it.
        #[example("\"https://hooks.example.gn/in/sender\"")]
        url: Option<String>,
        /// The place of the event's id, a string or an integer: a JSON pointer, or a template of pointers and headers as
        /// "{header:X-Event}[.{/action}]", whose part in brackets may be missing. Of a list of places the first one that
        /// is present counts. Without an id, the id is the SHA-256 of the body. Default: the preset's; for `hmac` /id.
        #[example("\"/id\"")]
        id: Option<FieldPlaces>,
        /// The place of the event's type, likewise. Default: the preset's; for `hmac` /type.
        #[example("\"/type\"")]
        event_type: Option<FieldPlaces>,
        /// The type of an event that has none at that place. Default for `hmac`: none; then it is answered 400.
        #[example("\"order\"")]
        #[serde(default, deserialize_with = "formats::event_type")]
        default_type: Option<String>,
        /// The place of the sender's timestamp, likewise. If there is none, the time of receipt counts. Default: the
        /// preset's; for `hmac` /created.
        #[example("\"/created\"")]
        created: Option<FieldPlaces>,
        /// JSON pointers to values in the body that differ between the sender's attempts to send an event, such as the
        /// number of the attempt. They do not count when the body of an event is compared with that of a known one, which
        /// is a duplicate if it is the same and a conflict if not, nor in a SHA-256 that is an id. Default: the
        /// preset's; none for `hmac`.
        #[example("[\"/attempt\"]")]
        changes_on_retry: Option<Vec<Pointer>>,
        /// Largest age of an event by that timestamp, in days. An older one is answered 401: its id may be forgotten, so
        /// that a copy of a signed request would run again. At most one day less than `retention.keys_days`. Events
        /// without a timestamp are not checked. 0 = no limit. Default: the age of the oldest id that is still known,
        /// once this host has forgotten any.
        #[example("44")]
        created_age_max_days: Option<u64>,
        /// JSON pointer to what handlers get. If nothing is there, they get the whole body. Default: the preset's; the whole
        /// body for `hmac`, /data/object for `moncreneau`.
        #[example("\"\"")]
        payload: Option<Pointer>,
        /// Whether a body may be a form (`a=1&b=2`). Handlers get it as a JSON object with a text for each name, and a list
        /// of texts for a name that is repeated. A body that begins with a bracket is JSON. Default: the preset's; for
        /// `hmac` false.
        #[example("false")]
        forms: Option<bool>,
        /// Whether a body may be XML or any other text. Handlers get it as `{"content_type": …, "text": …}`; the places of the
        /// fields are headers, or a type is given by `default_type`. Without an id, the id is the SHA-256 of the text.
        /// Default: the preset's; for `hmac` false.
        #[example("false")]
        text: Option<bool>,
        /// Whether a body may have `Content-Encoding: gzip`. The signature is over the compressed bytes, and both sizes are
        /// at most `server.body_max_bytes`. Default: the preset's; for `hmac` false.
        #[example("false")]
        gzip: Option<bool>,
        /// Whether the sender tells different events by equal bodies without an id, as "something has changed". Then such an
        /// event's id is made of the body and its time of receipt, and a request that is sent again runs again. Otherwise
        /// its id is the SHA-256 of the body, and an equal body is a duplicate. Default: the preset's; for `hmac` false.
        #[example("false")]
        bodies_repeat: Option<bool>,
        /// The field of a form whose text is the JSON of the event, as `payload` for GitHub and Slack. Default for `hmac`:
        /// none.
        #[example("\"payload\"")]
        form_payload: Option<String>,
        /// JSON pointer to the list of events in a body, "" for the body itself. Each item is an event: the places of `id`,
        /// `event_type`, `created`, `payload` and so on start at the item. All are stored in one transaction. A body
        /// without a list there is one event. Default: the preset's; none for `hmac`.
        #[example("\"/events\"")]
        items: Option<Pointer>,
        /// Whether requests may be `CloudEvents` in the binary mode: with a `ce-specversion` header, id, type and time come
        /// from `ce-` headers, and the payload is the whole body. The structured mode and batches need `id`, `event_type`,
        /// `created`, `payload` and `items` only. Default: the preset's; for `hmac` false.
        #[example("false")]
        cloudevents: Option<bool>,
        /// How the provider checks the address: `slack`, `zoom`, `discord`, `meta`, `dropbox`, `microsoft`, `cloudevents`
        /// or `aws-sns`. The host answers it itself. Default: the preset's; none for `hmac`.
        #[example("\"cloudevents\"")]
        handshake: Option<Handshake>,
        /// The token that Meta shows when it checks the address: the same one as in its settings. Default: none; then the
        /// check is answered 405.
        #[example("\"env:META_VERIFY_TOKEN\"")]
        verify_token: Option<Secret>,
        /// Origins at which the host opens the URL of an approved confirmation, besides those of Amazon SNS
        /// (`https://sns.REGION.amazonaws.com`): of a VPC endpoint, or of a stand-in such as `LocalStack`. They may have
        /// internal addresses, which no other origin may. Only for the handshake `aws-sns`. Default: none.
        #[example("[\"https://sns.eu-west-1.amazonaws.com\"]")]
        #[serde(default, deserialize_with = "formats::origins")]
        confirm_origins: Vec<String>,
        /// The answer that acknowledges an event: a text, with 200 in place of 202 and the JSON answer; "", which is 200
        /// without a body, and then the answers to rejected requests have none either; 200 or 202, with the JSON answer;
        /// or 204, without a body. Default: the preset's; none for `hmac`.
        #[example("\"[accepted]\"")]
        reply: Option<Reply>,
        /// The place of the ordering key. A plugin gets events with the same text or number at this place one at a
        /// time, in the order in which they were accepted. Default: none for `hmac`, /data/object/id (the appointment)
        /// for `moncreneau`.
        #[example("\"/data/object/id\"")]
        ordering_key: Option<FieldPlaces>,
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

impl TryFrom<Written> for Source {
    type Error = &'static str;

    fn try_from(mut written: Written) -> Result<Self, Self::Error> {
        written.check_combinations()?;
        let scheme = written.scheme.unwrap_or(Scheme::HMAC);
        let preset = Self::of_scheme(scheme, std::mem::take(&mut written.secrets));
        let verification = written.take_verification(preset.verification);
        if written.any_signature == Some(true) && verification.signatures.len() < 2 {
            return Err("`any_signature` has no effect with one place: name several in `signatures`");
        }
        Ok(Self {
            verification,
            verifier: written.verifier,
            id: written.id.unwrap_or(preset.id),
            event_type: written.event_type.unwrap_or(preset.event_type),
            default_type: written.default_type.or(preset.default_type),
            created: written.created.unwrap_or(preset.created),
            changes_on_retry: written.changes_on_retry.unwrap_or(preset.changes_on_retry),
            created_age_max_days: written.created_age_max_days,
            payload: written.payload.unwrap_or(preset.payload),
            text: written.text.unwrap_or(preset.text),
            gzip: written.gzip.unwrap_or(preset.gzip),
            bodies_repeat: written.bodies_repeat.unwrap_or(preset.bodies_repeat),
            forms: written.forms.unwrap_or(preset.forms),
            form_payload: written.form_payload.or(preset.form_payload),
            items: written.items.or(preset.items),
            cloudevents: written.cloudevents.unwrap_or(preset.cloudevents),
            handshake: written.handshake.or(preset.handshake),
            verify_token: written.verify_token,
            confirm_origins: written.confirm_origins,
            reply: written.reply.or(preset.reply),
            ordering_key: written.ordering_key.unwrap_or(preset.ordering_key),
            package: written.package.or(preset.package),
            search: written.search.unwrap_or(preset.search),
            is_personal_preset: written.personal.is_none(),
            personal: written.personal.unwrap_or(preset.personal),
            traceparent: written.traceparent,
            ..preset
        })
    }
}

impl Written {
    /// Whether a key is written that is of one place of signatures.
    const fn has_own_place(&self) -> bool {
        self.header.is_some()
            || self.signature.is_some()
            || self.prefix.is_some()
            || self.separator.is_some()
            || self.encoding.is_some()
    }

    /// Refuses keys that contradict each other.
    fn check_combinations(&self) -> Result<(), &'static str> {
        if self.header.is_some() && self.signature.is_some() {
            return Err("`header` and `signature` both name the place of the signature: set one of them");
        }
        if self.signatures.is_some() && self.has_own_place() {
            return Err(
                "`signatures` has all places: leave out `header`, `signature`, `prefix`, `separator` and `encoding`",
            );
        }
        if self.signed.is_some() && self.signed_by.is_some() {
            return Err("`signed` and `signed_by` both say what is signed: set one of them");
        }
        if self.signed_by.is_some() != self.signed_for.is_some() {
            return Err("`signed_by` and `signed_for` belong together: set both");
        }
        Ok(())
    }

    /// The preset's terms, with those that are written.
    fn take_verification(&mut self, preset: Verification) -> Verification {
        let has_own_place = self.has_own_place();
        let signatures = match (self.signatures.take(), preset.signatures.first().cloned()) {
            (Some(places), _) => places,
            // An operator who sets one of these means one place, not the preset's choice of several.
            (None, Some(first)) if has_own_place => vec![SignaturePlace {
                at: match (self.signature.take(), self.header.take()) {
                    (Some(pointer), _) => SignatureAt::Pointer(pointer),
                    (None, Some(header)) => SignatureAt::Header(header),
                    (None, None) => first.at,
                },
                prefix: self.prefix.take().unwrap_or(first.prefix),
                separator: self.separator.or(first.separator),
                encoding: self.encoding.unwrap_or(first.encoding),
            }],
            _ => preset.signatures,
        };
        let signed = match (self.signed_by.take(), self.signed.take()) {
            (Some(place), _) => SignedContent::ByValue(place, self.signed_for.take().unwrap_or_default()),
            (None, Some(template)) => SignedContent::Always(template),
            (None, None) => preset.signed,
        };
        let own_tolerance = self.timestamp.is_some().then_some(TOLERANCE_SECONDS);
        Verification {
            algorithm: self.algorithm.unwrap_or(preset.algorithm),
            key_prefix: self.key_prefix.take().unwrap_or(preset.key_prefix),
            key_encoding: self.key_encoding.unwrap_or(preset.key_encoding),
            signatures,
            any_signature: self.any_signature.unwrap_or(preset.any_signature),
            signed,
            value_separator: self.value_separator.take().or(preset.value_separator),
            timestamp: self.timestamp.take().or(preset.timestamp),
            timestamp_unit: self.timestamp_unit.unwrap_or(preset.timestamp_unit),
            tolerance_seconds: self.tolerance_seconds.or(own_tolerance).unwrap_or(preset.tolerance_seconds),
            body_digest: self.body_digest.take().or(preset.body_digest),
            values: std::mem::take(&mut self.values),
            url: self.url.take(),
        }
    }
}

impl Source {
    /// A source of this scheme with nothing changed.
    #[must_use]
    pub fn preset(scheme: Scheme, secrets: Vec<Secret>) -> Self {
        Self::of_scheme(scheme, secrets.into_iter().map(SourceSecret::from).collect())
    }

    fn of_scheme(scheme: Scheme, secrets: Vec<SourceSecret>) -> Self {
        let preset = scheme.preset();
        Self {
            scheme,
            secrets,
            verification: preset.verification(),
            id: preset.id.clone(),
            event_type: preset.event_type.clone(),
            default_type: preset.default_type.clone(),
            created: preset.created.clone(),
            changes_on_retry: preset.changes_on_retry.clone(),
            created_age_max_days: None,
            payload: preset.payload.clone(),
            verifier: None,
            text: preset.text,
            gzip: preset.gzip,
            bodies_repeat: preset.bodies_repeat,
            forms: preset.forms,
            form_payload: preset.form_payload.clone(),
            items: preset.items.clone(),
            cloudevents: preset.cloudevents,
            handshake: preset.handshake,
            verify_token: None,
            confirm_origins: Vec::new(),
            reply: preset.reply.clone(),
            ordering_key: preset.ordering_key.clone(),
            package: preset.package.clone(),
            search: preset.search.clone(),
            personal: preset.personal.clone(),
            is_personal_preset: true,
            traceparent: TraceTrust::default(),
        }
    }
}
