//! Spans in the form in which they are sent: messages of `opentelemetry.proto.trace.v1`.
//!
//! A host that records every event writes a hundred thousand spans a second. So a span is not made into the generated
//! types first, which hold each id, key and value in an allocation of its own. The tests decode with these types.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use super::span::{Attribute, Kind, Span};
use crate::trace::TraceContext;

/// The W3C trace flag of a sampled span.
const SAMPLED: u32 = 1;

/// How a field's value is written. See <https://protobuf.dev/programming-guides/encoding/>.
#[derive(Clone, Copy)]
#[repr(u8)]
enum WireType {
    Varint = 0,
    Fixed64 = 1,
    LengthDelimited = 2,
    Fixed32 = 5,
}

/// `ScopeSpans.spans`.
const SPANS: u8 = 2;

/// Numbers of the fields of a `Span`.
mod span_field {
    pub(super) const TRACE_ID: u8 = 1;
    pub(super) const SPAN_ID: u8 = 2;
    pub(super) const PARENT_SPAN_ID: u8 = 4;
    pub(super) const NAME: u8 = 5;
    pub(super) const KIND: u8 = 6;
    pub(super) const START: u8 = 7;
    pub(super) const END: u8 = 8;
    pub(super) const ATTRIBUTES: u8 = 9;
    pub(super) const LINKS: u8 = 13;
    pub(super) const STATUS: u8 = 15;
    pub(super) const FLAGS: u8 = 16;
}

/// Numbers of the fields of a `Span.Link`; its first two are those of a `Span`.
const LINK_FLAGS: u8 = 6;
/// Numbers of the fields of a `KeyValue` and of an `AnyValue`.
const KEY: u8 = 1;
const VALUE: u8 = 2;
const STRING_VALUE: u8 = 1;
const INT_VALUE: u8 = 3;
/// Numbers of the fields of a `Status`.
const STATUS_MESSAGE: u8 = 2;
const STATUS_CODE: u8 = 3;

/// Writes a span as an element of `ScopeSpans.spans`.
pub(super) fn write_span(span: &Span<'_>, to: &mut Vec<u8>) {
    write_message(to, SPANS, |to| {
        write_ids(to, span.context);
        if let Some(parent) = span.parent {
            write_bytes(to, span_field::PARENT_SPAN_ID, &[parent.as_bytes()]);
        }
        write_bytes(to, span_field::NAME, &[span.name.as_bytes(), span.object.as_bytes()]);
        write_number(to, span_field::KIND, kind_of(span.kind) as u64);
        write_time(to, span_field::START, span.start);
        write_time(to, span_field::END, span.end);
        for &(key, value) in span.attributes {
            write_message(to, span_field::ATTRIBUTES, |to| write_attribute(to, key, value));
        }
        if let Some(link) = span.link {
            write_message(to, span_field::LINKS, |to| {
                write_ids(to, link);
                write_flags(to, LINK_FLAGS, u32::from(link.sampled));
            });
        }
        if let Some(error) = span.error {
            write_message(to, span_field::STATUS, |to| {
                write_bytes(to, STATUS_MESSAGE, &[error.as_bytes()]);
                write_number(to, STATUS_CODE, StatusCode::Error as u64);
            });
        }
        write_flags(to, span_field::FLAGS, SAMPLED);
    });
}

fn write_ids(to: &mut Vec<u8>, context: TraceContext) {
    write_bytes(to, span_field::TRACE_ID, &[context.trace.as_bytes()]);
    write_bytes(to, span_field::SPAN_ID, &[context.span.as_bytes()]);
}

fn write_attribute(to: &mut Vec<u8>, key: &str, value: Attribute<'_>) {
    write_bytes(to, KEY, &[key.as_bytes()]);
    write_message(to, VALUE, |to| match value {
        Attribute::Text(text) => write_bytes(to, STRING_VALUE, &[text.as_bytes()]),
        Attribute::Number(number) => write_number(to, INT_VALUE, number.into()),
    });
}

fn write_key(to: &mut Vec<u8>, field: u8, wire_type: WireType) {
    write_varint(to, u64::from(field) << 3 | wire_type as u64);
}

/// Writes a number in groups of seven bits, the lowest first; the high bit says that another follows.
fn write_varint(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

fn write_number(to: &mut Vec<u8>, field: u8, number: u64) {
    write_key(to, field, WireType::Varint);
    write_varint(to, number);
}

fn write_time(to: &mut Vec<u8>, field: u8, time: SystemTime) {
    write_key(to, field, WireType::Fixed64);
    to.extend_from_slice(&nanoseconds(time).to_le_bytes());
}

fn write_flags(to: &mut Vec<u8>, field: u8, flags: u32) {
    write_key(to, field, WireType::Fixed32);
    to.extend_from_slice(&flags.to_le_bytes());
}

/// Writes a text or bytes, which come in parts.
fn write_bytes(to: &mut Vec<u8>, field: u8, parts: &[&[u8]]) {
    write_key(to, field, WireType::LengthDelimited);
    write_varint(to, parts.iter().map(|part| part.len() as u64).sum());
    for part in parts {
        to.extend_from_slice(part);
    }
}

/// Writes a message. Its length stands before it and is known after it, so the message moves if the length takes more
/// than one byte.
pub(super) fn write_message(to: &mut Vec<u8>, field: u8, content: impl FnOnce(&mut Vec<u8>)) {
    write_key(to, field, WireType::LengthDelimited);
    let at = to.len();
    to.push(0);
    content(to);
    let length = to.len() - at - 1;
    if length < 0x80 {
        to[at] = length.to_le_bytes()[0];
        return;
    }
    let mut prefix = Vec::with_capacity(10);
    write_varint(&mut prefix, length as u64);
    to.splice(at..=at, prefix);
}

fn kind_of(kind: Kind) -> SpanKind {
    match kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Consumer => SpanKind::Consumer,
        Kind::Producer => SpanKind::Producer,
    }
}

/// Nanoseconds since the Unix epoch.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
    use opentelemetry_proto::tonic::trace::v1::span::Link;
    use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span as ProtoSpan, Status};
    use prost::Message as _;

    use super::*;

    fn context(byte: u8) -> TraceContext {
        let header = format!("00-{}-{}-01", hex::encode([byte; 16]), hex::encode([byte; 8]));
        TraceContext::parse(header.as_bytes()).unwrap()
    }

    fn key_value(key: &str, value: any_value::Value) -> KeyValue {
        KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    #[test]
    fn the_generated_types_read_what_is_written() {
        let start = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
        let long = "x".repeat(20_000);
        let plain = Span::of(context(1), context(2), "verify", (start, start + Duration::from_nanos(5)));
        let attributes =
            [("a", "".into()), ("b", long.as_str().into()), ("c", 0.into()), ("d", u32::MAX.into())];
        let full = Span {
            parent: None,
            link: Some(TraceContext { sampled: false, ..context(3) }),
            object: "sms",
            ..plain.kind(Kind::Consumer).with(&attributes).failed(Some("dead letter"))
        };
        let mut written = Vec::new();
        for span in [&plain, &full, &plain] {
            write_span(span, &mut written);
        }
        let expected_plain = ProtoSpan {
            trace_id: vec![1; 16],
            span_id: vec![1; 8],
            parent_span_id: vec![2; 8],
            flags: 1,
            name: "verify".into(),
            kind: SpanKind::Internal.into(),
            start_time_unix_nano: 1_700_000_000_123_456_789,
            end_time_unix_nano: 1_700_000_000_123_456_794,
            ..ProtoSpan::default()
        };
        let expected_full = ProtoSpan {
            parent_span_id: Vec::new(),
            name: "verifysms".into(),
            kind: SpanKind::Consumer.into(),
            attributes: vec![
                key_value("a", any_value::Value::StringValue(String::new())),
                key_value("b", any_value::Value::StringValue(long.clone())),
                key_value("c", any_value::Value::IntValue(0)),
                key_value("d", any_value::Value::IntValue(u32::MAX.into())),
            ],
            links: vec![Link { trace_id: vec![3; 16], span_id: vec![3; 8], ..Link::default() }],
            status: Some(Status { message: "dead letter".into(), code: StatusCode::Error.into() }),
            ..expected_plain.clone()
        };
        let read = ScopeSpans::decode(&written[..]).unwrap().spans;
        assert_eq!(read, [expected_plain.clone(), expected_full, expected_plain]);
    }

    #[test]
    fn lengths_around_the_borders_of_their_bytes_are_read() {
        for length in [0, 1, 100, 127, 128, 129, 16_383, 16_384, 70_000] {
            let name = "n".repeat(length);
            let mut written = Vec::new();
            write_span(&Span::of(context(1), context(2), &name, (UNIX_EPOCH, UNIX_EPOCH)), &mut written);
            let read = ScopeSpans::decode(&written[..]).unwrap().spans;
            assert_eq!(read.iter().map(|span| span.name.len()).collect::<Vec<_>>(), [length]);
        }
    }
}
