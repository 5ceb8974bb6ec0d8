//! Why nothing was sent, or nothing answered.

use std::error::Error;

use crate::effect::TryOutcome;
use crate::secrets::Mask;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What was asked for cannot be sent, to anybody.
    Malformed,
    /// The other side will not have it, now or later.
    Refused,
    /// The operator has not granted the origin or the recipient.
    NotGranted,
    /// The host name leads to an address inside, which is not granted.
    Inside,
    /// The host name leads nowhere, now.
    Unresolved,
    /// No connection.
    Unreachable,
    /// No connection in time.
    ConnectTimeout,
    /// The other side does not prove who it is.
    Certificate,
    /// There was a connection, and no whole answer in time.
    Timeout,
    /// The connection ended before its time, or what came was not HTTP or SMTP.
    Broken,
    /// More redirects than are followed.
    Redirects,
    /// The body is larger than a handler may send.
    RequestTooLarge,
    /// The answer is larger than is taken.
    AnswerTooLarge,
    /// The host is not set up for it.
    Host,
}

/// See the module. Its text names neither paths nor queries: both may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// For people.
    pub detail: String,
}

impl Failure {
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// What becomes of an effect that failed so.
    ///
    /// A certificate that does not fit is tried again: nothing was sent, and certificates expire and are
    /// renewed, as are a machine's own.
    #[must_use]
    pub fn outcome(&self) -> TryOutcome {
        match self.kind {
            Kind::Malformed
            | Kind::Refused
            | Kind::NotGranted
            | Kind::Inside
            | Kind::Redirects
            | Kind::RequestTooLarge
            | Kind::AnswerTooLarge => TryOutcome::Refused,
            Kind::Unresolved
            | Kind::Unreachable
            | Kind::ConnectTimeout
            | Kind::Certificate
            | Kind::Timeout
            | Kind::Broken
            | Kind::Host => TryOutcome::Retry,
        }
    }
}

impl Kind {
    /// Whether the request may have arrived, so that the other side may be working on it.
    pub(super) fn is_unanswered(self) -> bool {
        matches!(self, Self::Timeout | Self::Broken | Self::AnswerTooLarge)
    }
}

/// An error, and what caused it.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What people may read of a text of somebody else's: without secrets, one line, so long. Secrets go first, as
/// half a secret would not be found. `is_cut`: the text's own end is missing.
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
