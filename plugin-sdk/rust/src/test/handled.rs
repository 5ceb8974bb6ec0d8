//! What became of an event.

use std::time::Duration;

use crate::http;
use crate::outbox::{EmailMessage, HttpRequest};

/// One call of a handler, and what it left.
#[derive(Debug, Clone, PartialEq)]
pub struct Handled {
    /// How it ended.
    pub outcome: Outcome,
    /// What it logged, `LEVEL text`.
    pub lines: Vec<String>,
    /// What is different in the store; nothing unless it is done.
    pub writes: Vec<Write>,
    /// What it asked for, in order; nothing unless it is done.
    pub effects: Vec<Effect>,
    /// What it fetched: outside of the transaction, so whatever the outcome.
    pub fetched: Vec<http::Request>,
}

impl Handled {
    /// This, which is to be done.
    ///
    /// # Panics
    /// When the outcome is another.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "it checks, too")]
    pub fn done(self) -> Self {
        assert_eq!(self.outcome, Outcome::Done, "logged until then: {:?}", self.lines);
        self
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned ok: writes and effects count.
    Done,
    /// It asked for another try.
    Retry {
        /// Its reason.
        reason: String,
        /// Not before so long.
        after: Option<Duration>,
    },
    /// It wants no other try, for this reason.
    Rejected(String),
    /// It panicked, with this message. The host tries again.
    Trapped(String),
}

/// A key of the store that a handler has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The bucket's name.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Its value; `None` where it was deleted.
    pub value: Option<Vec<u8>>,
}

impl Write {
    /// The value as text; empty where it was deleted or is no text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_deref().unwrap_or_default()).unwrap_or_default()
    }
}

/// Something that a handler has asked for.
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
