//! Trace contexts, as in W3C Trace Context: the trace that an event belongs to. No IO.
//!
//! A delivery may run hours after its event was received, or in another process. So the event keeps its context, and the
//! ids of later spans are derived from it and from the numbers of the delivery: a span can name its parent without
//! having seen it.

use std::fmt;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// The header with a trace context.
pub const HEADER: &str = "traceparent";

/// Bytes of a stored context.
const STORED_BYTES: usize = 25;
/// Characters of a header of version 00.
const HEADER_CHARS: usize = 55;
/// The flag of a trace whose spans are recorded.
const SAMPLED: u8 = 1;

/// The id of a trace; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// The id of a span; never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

macro_rules! id {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// An id of these bytes; `None` if all are zero.
            #[must_use]
            pub fn new(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }

            /// Its bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

id!(TraceId, 16);
id!(SpanId, 8);

/// A span of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// Whether the spans of the trace are recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent` header. Of a later version than 00 it reads the members of 00, as the specification
    /// requires. `None` for whatever the specification does not allow.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (members, rest) = header.split_at_checked(HEADER_CHARS)?;
        let member = |at: usize, length: usize| members.get(at..at + length);
        if [2, 35, 52].iter().any(|&dash| members.get(dash) != Some(&b'-')) {
            return None;
        }
        let [version] = parse_hex(member(0, 2)?)?;
        let fits = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|&next| next == b'-'),
        };
        let [flags] = parse_hex(member(53, 2)?)?;
        let (trace, span) =
            (TraceId::new(parse_hex(member(3, 32)?)?)?, SpanId::new(parse_hex(member(36, 16)?)?)?);
        fits.then_some(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }

    /// The `traceparent` header.
    #[must_use]
    pub fn header(&self) -> String {
        let Self { trace, span, sampled } = self;
        format!("00-{trace}-{span}-{:02x}", u8::from(*sampled))
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(self) -> [u8; STORED_BYTES] {
        let mut bytes = [0; STORED_BYTES];
        bytes[..16].copy_from_slice(&self.trace.0);
        bytes[16..24].copy_from_slice(&self.span.0);
        bytes[24] = u8::from(self.sampled);
        bytes
    }

    /// Reads the stored form; `None` if it is damaged.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; STORED_BYTES] = bytes.try_into().ok()?;
        let trace = TraceId::new(bytes.first_chunk().copied()?)?;
        let span = SpanId::new(bytes.get(16..24)?.try_into().ok()?)?;
        Some(Self { trace, span, sampled: bytes[24] & SAMPLED != 0 })
    }

    /// The context of a span of the same trace, whose id is derived from the trace and these numbers. Of a trace that is
    /// not recorded, the context is that of the last recorded span, so that others do not refer to a span that nobody
    /// sees.
    #[must_use]
    pub fn derived(&self, kind: SpanKey, numbers: &[i64]) -> Self {
        if !self.sampled {
            return *self;
        }
        let mut hash = Sha256::new();
        hash.update(self.trace.0);
        hash.update([kind as u8]);
        for number in numbers {
            hash.update(number.to_be_bytes());
        }
        let digest = <[u8; 32]>::from(hash.finalize());
        let span = digest.first_chunk().copied().and_then(SpanId::new);
        Self { span: span.unwrap_or(self.span), ..*self }
    }
}

/// What a derived span is of. The numbers are part of the ids of spans that are stored with events, so they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SpanKey {
    /// Verifying a request: no numbers.
    Verify = 1,
    /// Committing an event: no numbers.
    Commit = 2,
    /// A delivery: its event and number.
    Delivery = 3,
    /// The wait before an attempt: event, delivery, attempt.
    Wait = 4,
    /// An attempt: event, delivery, attempt.
    Attempt = 5,
    /// Making an instance: event, delivery, attempt, rerun.
    Instantiate = 6,
    /// A call: event, delivery, attempt, rerun.
    Call = 7,
    /// A call to the host: event, delivery, attempt, rerun, number.
    HostCall = 8,
    /// Committing an attempt: event, delivery, attempt.
    Finish = 9,
    /// An attempt at an effect: event, delivery, effect, attempt.
    Effect = 10,
}

/// The trace of an attempt at a delivery, until the attempt is committed.
#[derive(Debug, Clone)]
pub struct AttemptTrace {
    /// The event's context.
    pub event: TraceContext,
    /// The id of the event, for people.
    pub event_id: String,
    /// The time since which the delivery exists.
    pub since: SystemTime,
}

/// Lower-case hexadecimal digits only: the specification allows no others.
fn parse_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_header_is_read_and_written_as_the_specification_says() {
        for flags in ["00", "01"] {
            let header = format!("00-{TRACE}-{SPAN}-{flags}");
            let context = TraceContext::parse(header.as_bytes()).unwrap();
            assert_eq!((context.header(), context.sampled), (header, flags == "01"));
            assert_eq!(TraceContext::from_bytes(&context.to_bytes()), Some(context));
        }
        for (header, sampled) in [
            (format!("00-{TRACE}-{SPAN}-03"), true),
            (format!("00-{TRACE}-{SPAN}-fe"), false),
            (format!("cc-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-01-what-the-future-adds"), true),
        ] {
            assert_eq!(TraceContext::parse(header.as_bytes()).unwrap().sampled, sampled, "{header}");
        }
    }

    #[test]
    fn whatever_the_specification_does_not_allow_is_no_context() {
        let zeros = "0".repeat(32);
        for header in [
            String::new(),
            "00".into(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("0A-{TRACE}-{SPAN}-01"),
            format!("00_{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}{SPAN}--01"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01"),
            format!("00-{}é-{SPAN}-01", &TRACE[..30]),
        ] {
            assert_eq!(TraceContext::parse(header.as_bytes()), None, "{header}");
        }
        for damaged in [&[][..], &[0; 25], &[1; 24], &[1; 26]] {
            assert_eq!(TraceContext::from_bytes(damaged), None);
        }
    }

    #[test]
    fn derived_spans_differ_by_kind_and_numbers_and_are_the_same_again() {
        let root = TraceContext::parse(format!("00-{TRACE}-{SPAN}-01").as_bytes()).unwrap();
        let keys: [(SpanKey, &[i64]); 5] = [
            (SpanKey::Delivery, &[1, 1]),
            (SpanKey::Delivery, &[1, 2]),
            (SpanKey::Attempt, &[1, 1]),
            (SpanKey::Attempt, &[1, 1, 1]),
            (SpanKey::Verify, &[]),
        ];
        let spans = keys.map(|(key, numbers)| root.derived(key, numbers).span);
        assert_eq!(spans, keys.map(|(key, numbers)| root.derived(key, numbers).span));
        let distinct: std::collections::HashSet<_> = spans.into_iter().chain([root.span]).collect();
        assert_eq!(distinct.len(), keys.len() + 1);
        let unsampled = TraceContext { sampled: false, ..root };
        assert_eq!(unsampled.derived(SpanKey::Delivery, &[1, 1]), unsampled);
    }
}
