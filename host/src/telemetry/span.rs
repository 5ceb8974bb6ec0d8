//! A span, before it is encoded.

use std::time::{Instant, SystemTime};

use crate::trace::{SpanId, TraceContext};

/// The role of a span (`SpanKind` of OpenTelemetry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Work within the host.
    Internal,
    /// The answer to a request.
    Server,
    /// A request to another service.
    Client,
    /// A queued event that is handled.
    Consumer,
    /// An event that is queued.
    Producer,
}

/// The value of an attribute. None holds a payload, or a text of a plugin or a partner: these may be personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Attribute {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Attribute {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A finished piece of work within a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its trace, and its own id.
    pub context: TraceContext,
    /// The span that it belongs to; `None` for the first of a trace.
    pub parent: Option<SpanId>,
    /// A span of another trace that it comes from.
    pub link: Option<TraceContext>,
    /// Its role.
    pub kind: Kind,
    /// What was done.
    pub name: String,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Details.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// How it failed, in one word.
    pub error: Option<&'static str>,
}

impl Span {
    /// A span of this work, from `start` until now.
    #[must_use]
    pub fn since(
        context: TraceContext,
        parent: TraceContext,
        name: impl Into<String>,
        start: SystemTime,
    ) -> Self {
        Self::of(context, parent, name, (start, SystemTime::now()))
    }

    /// A span of this work, for a time that is over.
    #[must_use]
    pub fn of(
        context: TraceContext,
        parent: TraceContext,
        name: impl Into<String>,
        (start, end): (SystemTime, SystemTime),
    ) -> Self {
        Self {
            context,
            parent: Some(parent.span),
            link: None,
            kind: Kind::Internal,
            name: name.into(),
            start,
            // The system clock may have been set back meanwhile.
            end: end.max(start),
            attributes: Vec::new(),
            error: None,
        }
    }

    /// With another role.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// With one more attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Attribute>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// With an error, if there is one.
    #[must_use]
    pub fn failed(self, error: Option<&'static str>) -> Self {
        Self { error, ..self }
    }
}

/// The system time of a moment in the past.
#[must_use]
pub fn system_time(moment: Instant) -> SystemTime {
    SystemTime::now().checked_sub(moment.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH)
}
