//! Verification by a verifier that is a plugin. What it answers is checked here, and what it knows of an event in
//! `envelope.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::content::SourceUrl;
use super::reason::Unauthorized;
use super::request::UnverifiedRequest;
use crate::config::{Pointer, Source};
use crate::event::VerifierName;
use crate::secrets::Mask;
use crate::verifier::{FailureKind, VerifiedFields, VerifierCall, VerifierError, VerifierRequest};

/// Shortest part of a secret that is looked for by itself, in bytes.
const KEY_MIN_BYTES: usize = 8;
/// Longest reason of a verifier in the log, in bytes.
const REASON_MAX_BYTES: usize = 1024;

/// The answer of a verifier, later.
pub type VerifierFuture<'a> =
    Pin<Box<dyn Future<Output = Result<VerifiedFields, VerifierError>> + Send + 'a>>;

/// The running verifiers. This room knows nothing else of them.
pub trait RequestVerifiers: fmt::Debug + Send + Sync + 'static {
    /// Calls the verifier of this name. Its answer may be anything.
    fn verify<'a>(&'a self, name: &'a VerifierName, call: VerifierCall) -> VerifierFuture<'a>;
}

/// No verifiers: sources that have one are answered 503.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVerifiers;

impl RequestVerifiers for NoVerifiers {
    fn verify<'a>(&'a self, name: &'a VerifierName, _call: VerifierCall) -> VerifierFuture<'a> {
        Box::pin(std::future::ready(Err(VerifierError::failed(
            FailureKind::Absent,
            format!("no verifier `{name}` is running"),
        ))))
    }
}

/// The reason why a request is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingress) enum NotVerified {
    /// Its signature is not that of the source's scheme. The sender gets the reason.
    Unauthorized(Unauthorized),
    /// A verifier refused it. The reason is for the operator only.
    Refused(String),
    /// The verifier did not answer, or its answer makes no sense. It says nothing about the request.
    Failed(FailureKind, String),
}

impl fmt::Display for NotVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(why) => why.fmt(f),
            Self::Refused(reason) => write!(f, "the verifier refused it: {reason}"),
            Self::Failed(_, reason) => write!(f, "the verifier failed: {reason}"),
        }
    }
}

/// What a verifier knows about the event of a request. The names are not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingress) struct EventFields {
    pub(in crate::ingress) id: Option<String>,
    pub(in crate::ingress) event_type: Option<String>,
    pub(in crate::ingress) created: Option<String>,
    pub(in crate::ingress) payload: Option<Pointer>,
}

/// A source's verifier, prepared for requests.
#[derive(Debug)]
pub(in crate::ingress) struct PluginVerifier {
    name: VerifierName,
    secrets: Secrets,
    /// Finds the secrets in what the verifier says.
    mask: Mask,
    url: SourceUrl,
    verifiers: Arc<dyn RequestVerifiers>,
}

/// The secrets of a source. Never printed.
struct Secrets {
    all: Arc<[String]>,
    /// The time from which each verifies nothing.
    not_after: Vec<Option<u64>>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.all.len())
    }
}

impl Secrets {
    /// The secrets that are valid at this time, with the number of each in the configuration. Usually these are all.
    fn valid_at(&self, now_ms: u64) -> (Arc<[String]>, Vec<usize>) {
        let is_valid = |number: &usize| self.not_after[*number].is_none_or(|end| now_ms < end);
        let numbers: Vec<_> = (0..self.all.len()).filter(is_valid).collect();
        if numbers.len() == self.all.len() {
            return (Arc::clone(&self.all), numbers);
        }
        (numbers.iter().map(|number| self.all[*number].clone()).collect(), numbers)
    }
}

impl PluginVerifier {
    pub(super) fn new(
        name: &VerifierName,
        source: &Source,
        url: SourceUrl,
        verifiers: Arc<dyn RequestVerifiers>,
    ) -> Self {
        let texts = source.secrets.iter().map(|secret| secret.expose().to_owned());
        let secrets = Secrets {
            all: texts.collect(),
            not_after: source.secrets.iter().map(|secret| secret.not_after).collect(),
        };
        let keys = (1..).zip(secrets.all.iter()).flat_map(|(number, secret): (usize, _)| {
            let named = move |(key, text)| (format!("{number}{key}"), text);
            spellings(secret).into_iter().map(named)
        });
        let named: BTreeMap<_, _> = keys.collect();
        let url = source.verification.url.clone().map_or(url, SourceUrl::Whole);
        Self { name: name.clone(), secrets, mask: Mask::new(&named), url, verifiers }
    }

    /// The number of the secret that matched, and what the verifier knows about the event.
    pub(super) async fn verify(
        &self,
        request: &UnverifiedRequest<'_>,
        now_ms: u64,
    ) -> Result<(u32, EventFields), NotVerified> {
        let (secrets, numbers) = self.secrets.valid_at(now_ms);
        if secrets.is_empty() {
            return Err(NotVerified::Unauthorized(Unauthorized::Mismatch));
        }
        let call = VerifierCall { request: self.request(request), secrets, now_ms };
        let answer = self.verifiers.verify(&self.name, call).await;
        let VerifiedFields { secret, id, event_type, created, payload } =
            answer.map_err(|error| match error {
                VerifierError::Refused(reason) => NotVerified::Refused(self.for_log(&reason)),
                VerifierError::Failed { kind, reason } => NotVerified::Failed(kind, self.for_log(&reason)),
            })?;
        let wrong = |why: String| NotVerified::Failed(FailureKind::Answer, self.for_log(&why));
        let number = numbers.get(secret as usize).and_then(|number| u32::try_from(*number).ok());
        let number = number
            .ok_or_else(|| wrong(format!("it named secret {secret}, and was given {}", numbers.len())))?;
        // These go to the sender, too. Whether they are names is the envelope's question: a sender may have chosen them.
        for (what, text) in [("id", &id), ("event-type", &event_type), ("created", &created)] {
            if text.as_ref().is_some_and(|text| self.mask.is_in(text.as_bytes())) {
                return Err(wrong(format!("its `{what}` has a secret in it")));
            }
        }
        let payload = payload.map(|text| Pointer::parse(&text)).transpose();
        let payload = payload.map_err(|why| wrong(format!("its `payload` is wrong: {why}")))?;
        Ok((number, EventFields { id, event_type, created, payload }))
    }

    fn request(&self, request: &UnverifiedRequest<'_>) -> VerifierRequest {
        VerifierRequest {
            method: request.method.clone(),
            url: self.url.of(request.uri),
            headers: request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: request.body.clone(),
        }
    }

    /// A text of the verifier without secrets and control characters, within a limit.
    fn for_log(&self, text: &str) -> String {
        let (hidden, is_whole) = self.mask.hide_within(text, REASON_MAX_BYTES);
        let escaped: String = hidden.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        if is_whole { escaped } else { format!("{escaped}…") }
    }
}

/// The forms of a secret in which a verifier may tell it by mistake, besides those that a [`Mask`] knows: the part behind
/// a prefix such as `whsec_`, and the key that either is in base64, hexadecimal.
fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    let mut all = vec![("", secret.to_owned())];
    let part = secret.rsplit_once('_').map(|(_, part)| part).filter(|part| part.len() >= KEY_MIN_BYTES);
    all.extend(part.map(|part| ("-part", part.to_owned())));
    let key = STANDARD.decode(part.unwrap_or(secret)).ok().filter(|key| key.len() >= KEY_MIN_BYTES);
    all.extend(key.map(|key| ("-key", hex::encode(key))));
    all
}

#[cfg(test)]
#[path = "plugin_tests.rs"]
mod tests;
