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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute<'a> {
    /// A text.
    Text(&'a str),
    /// A number.
    Number(u32),
}

impl<'a> From<&'a str> for Attribute<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Attribute<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

/// A finished piece of work within a trace. It borrows its texts: it is encoded where it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    /// Its trace, and its own id.
    pub context: TraceContext,
    /// The span that it belongs to; `None` for the first of a trace.
    pub parent: Option<SpanId>,
    /// A span of another trace that it comes from.
    pub link: Option<TraceContext>,
    /// Its role.
    pub kind: Kind,
    /// What was done.
    pub name: &'a str,
    /// What it was done to, as the end of the name.
    pub object: &'a str,
    /// When it began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Details.
    pub attributes: &'a [(&'static str, Attribute<'a>)],
    /// How it failed, in one word.
    pub error: Option<&'static str>,
}

impl<'a> Span<'a> {
    /// A span of this work, from `start` until now.
    #[must_use]
    pub fn since(context: TraceContext, parent: TraceContext, name: &'a str, start: SystemTime) -> Self {
        Self::of(context, parent, name, (start, SystemTime::now()))
    }

    /// A span of this work, for a time that is over.
    #[must_use]
    pub fn of(
        context: TraceContext,
        parent: TraceContext,
        name: &'a str,
        (start, end): (SystemTime, SystemTime),
    ) -> Self {
        Self {
            context,
            parent: Some(parent.span),
            link: None,
            kind: Kind::Internal,
            name,
            object: "",
            start,
            // The system clock may have been set back meanwhile.
            end: end.max(start),
            attributes: &[],
            error: None,
        }
    }

    /// With another role.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// With these attributes.
    #[must_use]
    pub fn with(self, attributes: &'a [(&'static str, Attribute<'a>)]) -> Self {
        Self { attributes, ..self }
    }

    /// With an error, if there is one.
    #[must_use]
    pub fn failed(self, error: Option<&'static str>) -> Self {
        Self { error, ..self }
    }
}

/// Both clocks, read at the same moment: by them, moments of the past become system times.
#[derive(Debug, Clone, Copy)]
pub struct ClockReading {
    /// Now, on the system clock.
    pub system: SystemTime,
    monotonic: Instant,
}

impl ClockReading {
    /// Reads both clocks.
    #[must_use]
    pub fn now() -> Self {
        Self { system: SystemTime::now(), monotonic: Instant::now() }
    }

    /// The system time of a moment in the past.
    #[must_use]
    pub fn system_time(self, moment: Instant) -> SystemTime {
        let ago = self.monotonic.saturating_duration_since(moment);
        self.system.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}
