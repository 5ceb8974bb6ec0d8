//! Failures of requests and emails.

use std::error::Error;

use crate::effect::EffectOutcome;
use crate::secrets::Mask;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The request or email is malformed.
    Malformed,
    /// The other side refuses it permanently.
    Refused,
    /// The operator has not granted the origin or the recipient.
    NotGranted,
    /// The host name resolves to an internal address without a grant.
    InternalAddress,
    /// The host name has no address now.
    Unresolved,
    /// No connection.
    Unreachable,
    /// No connection in time.
    ConnectTimeout,
    /// The other side's certificate is invalid.
    Certificate,
    /// There was a connection, and no complete response in time.
    Timeout,
    /// The connection ended too early, or the response was not HTTP or SMTP.
    Broken,
    /// More redirects than `http.redirects_max`.
    Redirects,
    /// The request's body is larger than `http.request_max_bytes`.
    RequestTooLarge,
    /// The response is larger than `http.answer_max_bytes`.
    AnswerTooLarge,
    /// The host's configuration or machine cannot send it.
    Host,
}

/// A failed request or email. Its text contains no path and no query, because both may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct OutboundFailure {
    /// The kind.
    pub kind: FailureKind,
    /// For people.
    pub detail: String,
}

impl OutboundFailure {
    /// A failure, without path and query of a URL.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The outcome of an effect that failed in this way.
    ///
    /// An invalid certificate leads to a retry: nothing was sent, and expired certificates are renewed.
    #[must_use]
    pub fn outcome(&self) -> EffectOutcome {
        match self.kind {
            FailureKind::Malformed
            | FailureKind::Refused
            | FailureKind::NotGranted
            | FailureKind::InternalAddress
            | FailureKind::Redirects
            | FailureKind::RequestTooLarge
            | FailureKind::AnswerTooLarge => EffectOutcome::Refused,
            FailureKind::Unresolved
            | FailureKind::Unreachable
            | FailureKind::ConnectTimeout
            | FailureKind::Certificate
            | FailureKind::Timeout
            | FailureKind::Broken
            | FailureKind::Host => EffectOutcome::Retry,
        }
    }
}

impl FailureKind {
    /// Whether the request may have arrived, so that the other side may still process it.
    pub(super) fn may_have_arrived(self) -> bool {
        matches!(self, Self::Timeout | Self::Broken | Self::AnswerTooLarge)
    }
}

/// An error and its sources.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// A foreign text for people: one line without secrets, at most `most` bytes. Secrets are redacted before truncation,
/// because half a secret would not be found. `is_cut`: the text's own end is missing.
pub(super) fn excerpt(mask: &Mask, text: &str, is_cut: bool, most: usize) -> String {
    let text = if is_cut { mask.hide_cut(text).into() } else { mask.hide(text) };
    let unwanted = |c: char| c.is_whitespace() || c.is_control();
    let mut kept = String::new();
    for word in text.split(unwanted).filter(|word| !word.is_empty()) {
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(word);
        if kept.len() > most {
            kept.truncate(kept.floor_char_boundary(most));
            kept.push('…');
            break;
        }
    }
    kept
}
