//! The result of a handler's call.

use std::time::Duration;

use crate::http;
use crate::outbox::{EmailMessage, HttpRequest};

/// The result of one call of a handler.
#[derive(Debug, Clone, PartialEq)]
pub struct Handled {
    /// The outcome of the call.
    pub outcome: Outcome,
    /// The log lines, each as `LEVEL text`.
    pub lines: Vec<String>,
    /// The changed entries of the store. Empty unless the outcome is done.
    pub writes: Vec<Write>,
    /// The effects, in order. Empty unless the outcome is done.
    pub effects: Vec<Effect>,
    /// The fetched requests. They are outside the transaction, so they do not depend on the outcome.
    pub fetched: Vec<http::Request>,
}

impl Handled {
    /// Returns `self` and asserts that the outcome is done.
    ///
    /// # Panics
    /// Panics if the outcome is another.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "it checks, too")]
    pub fn done(self) -> Self {
        assert_eq!(self.outcome, Outcome::Done, "logged until then: {:?}", self.lines);
        self
    }
}

/// The outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned ok. Its writes and effects are committed.
    Done,
    /// The handler requested another attempt.
    Retry {
        /// The reason.
        reason: String,
        /// The shortest delay before the next attempt.
        after: Option<Duration>,
    },
    /// The handler rejected the delivery, for this reason.
    Rejected(String),
    /// The handler panicked with this message. The host makes another attempt.
    Trapped(String),
}

/// A changed entry of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The value, or `None` if the key was deleted.
    pub value: Option<Vec<u8>>,
}

impl Write {
    /// The value as text. Empty if the key was deleted or the value is not text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_deref().unwrap_or_default()).unwrap_or_default()
    }
}

/// An effect of a handler.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// An HTTP request.
    Http(HttpRequest),
    /// An email.
    Email(EmailMessage),
    /// An event.
    Event {
        /// Its type.
        event_type: String,
        /// Its payload, JSON.
        data: String,
    },
}

impl Effect {
    /// The HTTP request, if it is one.
    pub fn http(&self) -> Option<&HttpRequest> {
        if let Self::Http(request) = self { Some(request) } else { None }
    }

    /// The email, if it is one.
    pub fn email(&self) -> Option<&EmailMessage> {
        if let Self::Email(email) = self { Some(email) } else { None }
    }

    /// The event's type and data, if it is one.
    pub fn event(&self) -> Option<(&str, &str)> {
        if let Self::Event { event_type, data } = self { Some((event_type, data)) } else { None }
    }
}
