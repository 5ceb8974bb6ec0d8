//! The requests by which providers check a webhook's address. The ingress answers them itself; none becomes an event.

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::config::{self, Pointer, Source};
use crate::pick::Picker;

/// Longest text that is sent back, in bytes.
const CHALLENGE_MAX_BYTES: usize = 1024;
/// Most values of a body that are needed for a handshake.
const PLACES_MAX: usize = 4;
/// The value of a source that names the topic of Amazon SNS.
const TOPIC_VALUE: &str = "topic_arn";

const ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");

/// The handshake of a source, prepared for requests.
#[derive(Debug)]
pub(super) struct Handshake {
    kind: config::Handshake,
    /// The keys of the secrets, by their numbers: for handshakes that are answered with a signature.
    keys: Vec<Option<Hmac<Sha256>>>,
    /// The digest of the token that the provider must show.
    verify_token: Option<[u8; 32]>,
    /// The topic whose messages are verified, if it is configured. Then the signature covers it, and not the body's.
    topic: Option<String>,
    /// Finds what is needed of a body; `None` if the handshake is in no body.
    picker: Option<Picker<PLACES_MAX>>,
}

/// The answer to a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HandshakeReply {
    pub(super) code: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What it was, for the log.
    pub(super) name: &'static str,
    /// A subscription that ended, for the log.
    pub(super) ended: Option<EndedSubscription>,
    /// What an operator decides about. The reply is right only once it is stored.
    pub(super) confirmation: Option<ReceivedConfirmation>,
}

/// A confirmation that the provider asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReceivedConfirmation {
    pub(super) topic: String,
    pub(super) url: String,
    /// ms since the Unix epoch, if the provider says so.
    pub(super) sent_at: Option<u64>,
}

/// A subscription that the provider ended. An operator may want it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndedSubscription {
    pub(super) topic: String,
    /// The URL that subscribes again.
    pub(super) url: String,
}

impl HandshakeReply {
    fn new(name: &'static str, code: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        let body = body.into();
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            // What a stranger sent is never a page.
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        Self { code, headers, body, name, ended: None, confirmation: None }
    }

    fn text(name: &'static str, text: &str) -> Option<Self> {
        let is_plain = text.len() <= CHALLENGE_MAX_BYTES && !text.chars().any(char::is_control);
        is_plain.then(|| Self::new(name, StatusCode::OK, "text/plain; charset=utf-8", text.to_owned()))
    }

    fn json(name: &'static str, value: &Value) -> Self {
        Self::new(name, StatusCode::OK, "application/json", value.to_string())
    }
}

impl Handshake {
    pub(super) fn of(source: &Source) -> Option<Self> {
        let kind = source.handshake?;
        let key = |secret: &config::SourceSecret| {
            let key = source.verification.decode_key(secret.secret()).ok()?;
            Hmac::new_from_slice(&key).ok()
        };
        let digest = |token: &config::Secret| Sha256::digest(token.expose()).into();
        Some(Self {
            kind,
            keys: source.secrets.iter().map(key).collect(),
            verify_token: source.verify_token.as_ref().map(digest),
            topic: source.verification.values.get(TOPIC_VALUE).cloned(),
            picker: picker(kind),
        })
    }

    /// Answers a request whose address the provider checks without signing it.
    pub(super) fn answer_unsigned(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<HandshakeReply> {
        match self.kind {
            config::Handshake::Meta if method == Method::GET => {
                let token = query(uri, "hub.verify_token")?;
                let is_known = self.verify_token.as_ref().is_some_and(|known| {
                    let digest: [u8; 32] = Sha256::digest(&token).into();
                    bool::from(known.ct_eq(&digest))
                });
                let is_subscription = query(uri, "hub.mode").as_deref() == Some("subscribe");
                (is_known && is_subscription)
                    .then(|| HandshakeReply::text("Meta challenge", &query(uri, "hub.challenge")?))?
            }
            config::Handshake::Dropbox if method == Method::GET => {
                HandshakeReply::text("Dropbox challenge", &query(uri, "challenge")?)
            }
            config::Handshake::Microsoft if method == Method::POST || method == Method::GET => {
                HandshakeReply::text("Microsoft validation token", &query(uri, "validationToken")?)
            }
            config::Handshake::CloudEvents if method == Method::OPTIONS => {
                let origin = headers.get(&ORIGIN)?;
                let mut reply =
                    HandshakeReply::new("CloudEvents validation", StatusCode::OK, "text/plain", Bytes::new());
                reply.headers.insert(ALLOWED_ORIGIN, origin.clone());
                if headers.contains_key(&REQUEST_RATE) {
                    reply.headers.insert(ALLOWED_RATE, HeaderValue::from_static("*"));
                }
                Some(reply)
            }
            _ => None,
        }
    }

    /// Answers a verified request that is no event. `secret` is the number of the secret that verified it.
    pub(super) fn answer_verified(&self, body: &[u8], secret: u32) -> Option<HandshakeReply> {
        let (picker, text) = (self.picker.as_ref()?, std::str::from_utf8(body).ok()?);
        // Most events are not read twice: only what may be a handshake is.
        if !marks(self.kind).iter().any(|mark| text.contains(mark)) {
            return None;
        }
        let values = picker.pick(text).ok()?;
        let is = |number: usize, expected: &str| values[number] == Some(expected);
        let text = |number: usize| serde_json::from_str::<String>(values[number]?).ok();
        match self.kind {
            config::Handshake::Slack if text(0)? == "url_verification" => {
                HandshakeReply::text("Slack URL verification", &text(1)?)
            }
            config::Handshake::Zoom if text(0)? == "endpoint.url_validation" => {
                let token = text(1)?;
                let mut mac = self.keys.get(usize::try_from(secret).ok()?)?.clone()?;
                mac.update(token.as_bytes());
                let encrypted = hex::encode(mac.finalize().into_bytes());
                let answer = json!({"plainToken": token, "encryptedToken": encrypted});
                Some(HandshakeReply::json("Zoom URL validation", &answer))
            }
            // 1 of interactions, 0 of webhook events.
            config::Handshake::Discord if is(0, "1") && values[1].is_none() => {
                Some(HandshakeReply::json("Discord ping", &json!({"type": 1})))
            }
            config::Handshake::Discord if is(0, "0") => {
                Some(HandshakeReply::new("Discord ping", StatusCode::NO_CONTENT, "", Bytes::new()))
            }
            config::Handshake::AwsSns => {
                let topic = self.topic.clone().or_else(|| text(1))?;
                answer_sns(&text(0)?, topic, text(2)?, text(3).as_deref())
            }
            _ => None,
        }
    }
}

/// Texts of which a handshake has one.
fn marks(kind: config::Handshake) -> &'static [&'static str] {
    match kind {
        config::Handshake::Slack => &["url_verification"],
        config::Handshake::Zoom => &["endpoint.url_validation"],
        config::Handshake::Discord => &["\"type\""],
        config::Handshake::AwsSns => &["SubscriptionConfirmation", "UnsubscribeConfirmation"],
        _ => &[],
    }
}

/// What tells a handshake from an event, and is needed to answer it. Of a body nothing else is kept.
fn places(kind: config::Handshake) -> Option<&'static [&'static str]> {
    match kind {
        config::Handshake::Slack => Some(&["/type", "/challenge"]),
        config::Handshake::Zoom => Some(&["/event", "/payload/plainToken"]),
        config::Handshake::Discord => Some(&["/type", "/event"]),
        config::Handshake::AwsSns => Some(&["/Type", "/TopicArn", "/SubscribeURL", "/Timestamp"]),
        _ => None,
    }
}

fn picker(kind: config::Handshake) -> Option<Picker<PLACES_MAX>> {
    let pointers: Vec<_> = places(kind)?.iter().map(|place| Pointer::parse(place).ok()).collect();
    let mut slots = [None; PLACES_MAX];
    slots.iter_mut().zip(&pointers).for_each(|(slot, pointer)| *slot = pointer.as_ref());
    Some(Picker::new(slots))
}

/// A request alone makes the host open no URL: an operator who wants the subscription lets it.
fn answer_sns(kind: &str, topic: String, url: String, sent: Option<&str>) -> Option<HandshakeReply> {
    let answer = json!({"status": "held", "reason": "an operator decides about it"});
    match kind {
        "SubscriptionConfirmation" => {
            let sent_at = sent.and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let sent_at = sent_at.and_then(|at| u64::try_from(at.as_millisecond()).ok());
            let reply = HandshakeReply::json("SNS subscription confirmation", &answer);
            Some(HandshakeReply { confirmation: Some(ReceivedConfirmation { topic, url, sent_at }), ..reply })
        }
        "UnsubscribeConfirmation" => {
            let reply = HandshakeReply::json("SNS end of a subscription", &answer);
            Some(HandshakeReply { ended: Some(EndedSubscription { topic, url }), ..reply })
        }
        _ => None,
    }
}

/// The first value of a query's parameter.
fn query(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests;
