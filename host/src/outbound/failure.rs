//! Why nothing was sent, or nothing answered.

use std::error::Error;

use crate::effect::TryOutcome;

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
    /// The other side does not prove who it is.
    Certificate,
    /// It took too long.
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
            | Kind::Certificate
            | Kind::Timeout
            | Kind::Broken
            | Kind::Host => TryOutcome::Retry,
        }
    }
}

/// An error, and what caused it.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What people may read of a text of somebody else's: one line, so long.
pub(super) fn excerpt(text: &str, most: usize) -> String {
    let one_line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut kept = String::new();
    for word in one_line {
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
