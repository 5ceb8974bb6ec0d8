//! Bodies that are read as events, and bodies that are rejected.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod forms;
mod fuzz;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::*;
use crate::config::{FieldPlaces, Scheme, Secret};
use crate::ingress::verify::{SchemeVerifier, SourceUrl, UnsignedRequest, UnverifiedRequest, sign};

const RECEIVED_AT: u64 = 1_769_005_800_250;
const RULES: BodyRules = BodyRules {
    bytes_max: 1 << 20,
    items_max: 100,
    attributes: AttributeRules { count_max: 9, bytes_max: 200 },
};

fn read_as(source: &Source, body: &[u8]) -> Result<Event, String> {
    read_with(source, &[], body)
}

fn read_with(source: &Source, headers: &[(&str, &str)], body: &[u8]) -> Result<Event, String> {
    let mut events = read_all(source, headers, body)?;
    assert_eq!(events.len(), 1, "{events:?}");
    Ok(events.remove(0))
}

fn read_all(source: &Source, headers: &[(&str, &str)], body: &[u8]) -> Result<Vec<Event>, String> {
    read_received(source, headers, body, RECEIVED_AT)
}

fn read_received(
    source: &Source,
    headers: &[(&str, &str)],
    body: &[u8],
    received_at: u64,
) -> Result<Vec<Event>, String> {
    let body = Bytes::copy_from_slice(body);
    let unsigned = UnsignedRequest {
        url: "",
        id: None,
        event_type: None,
        content_type: None,
        body: body.clone(),
        now_ms: RECEIVED_AT,
    };
    let mut signed: HeaderMap = sign(source, source.secrets[0].secret(), &unsigned).unwrap().headers;
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        signed.append(name, HeaderValue::from_str(value).unwrap());
    }
    let (method, uri) = (Method::POST, Uri::from_static("/webhooks/desk"));
    let request = UnverifiedRequest { method: &method, uri: &uri, headers: &signed, body };
    let verified =
        request.verify_by_scheme(&SchemeVerifier::new(source, SourceUrl::Unknown), RECEIVED_AT).unwrap();
    let name = SourceName::new("desk").unwrap();
    Envelope::from_source(source)
        .read(&name, verified, received_at, RULES)
        .map(|read| match read {
            ReadEvents::One(read) => vec![read.event],
            ReadEvents::Items(items) => items.into_iter().map(|read| read.event).collect(),
        })
        .map_err(|error| error.to_string())
}

fn read(body: impl AsRef<[u8]>) -> Result<Event, String> {
    let mut source = Source::preset(Scheme::MONCRENEAU, vec![Secret::new("s".into())]);
    source.ordering_key = FieldPlaces::to(&["data", "object", "id"]);
    read_as(&source, body.as_ref())
}

#[test]
fn reads_an_appointment() {
    let body = r#"{ "id": "evt_abc123", "type": "appointment.created", "created": "2026-01-21T14:30:00Z",
        "data": { "object": { "id": 12345, "name": "Zoé" } } }"#;
    let event = read(body).unwrap();
    assert_eq!((event.source.as_str(), event.id.as_str()), ("desk", "evt_abc123"));
    assert_eq!(event.event_type, "appointment.created");
    assert_eq!(event.created, "2026-01-21T14:30:00Z");
    assert_eq!(event.payload(), r#"{ "id": 12345, "name": "Zoé" }"#.as_bytes());
    assert_eq!(event.ordering_key.as_deref(), Some("12345"));
    assert_eq!((event.received_at, event.digest), (RECEIVED_AT, Digest::of(body.as_bytes())));
    assert_eq!(event.body, body.as_bytes());
}

#[test]
fn reads_ids_of_every_form() {
    let long = "x".repeat(256);
    let table = [
        (r#""evt_1""#, "evt_1"),
        ("12345", "12345"),
        ("-1", "-1"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        (r#""evt_\ud83d""#, r"evt_\ud83d"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (r#""\u0065vt\u005f\ud83d\ude00""#, "evt_😀"),
        (&format!("\"{long}\""), &long),
    ];
    for (raw, expected) in table {
        assert_eq!(read(format!(r#"{{"type":"t","id":{raw}}}"#)).unwrap().id, *expected);
    }
    for body in [r#"{"type":"t"}"#, r#"{"type":"t","id":null}"#, r#"{"type":"t","id":""}"#] {
        assert_eq!(read(body).unwrap().id, Digest::of(body.as_bytes()).to_string());
    }
    let escaped_key = read(r#"{"type":"t","\u0069d":"1","id":"2"}"#).unwrap();
    assert_eq!(escaped_key.id, "2", "the last of equal keys");
}

#[test]
fn rejects_what_is_no_event_and_names_the_place() {
    let long_id = format!(r#"{{"type":"t","id":"{}"}}"#, "x".repeat(257));
    let long_type = format!(r#"{{"type":"{}"}}"#, "x".repeat(129));
    let table: &[(&[u8], &str)] = &[
        (b"", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
        (b"{\n\"a\":x}", "the body is not JSON: expected value at line 2 column 5"),
        (b"{\"type\":\"t\"} {}", "the body is not JSON: trailing characters at line 1 column 14"),
        (b"{\"a\":\"\xff\"}", "the body is not UTF-8 at byte 6"),
        (b"[]", "no event type at /type"),
        (b"5", "no event type at /type"),
        (b"{}", "no event type at /type"),
        (br#"{"type":null}"#, "no event type at /type"),
        (br#"{"type":5}"#, "the event type at /type is not a string"),
        (br#"{"type":["t"]}"#, "the event type at /type is not a string"),
        (br#"{"type":""}"#, "the event type at /type is empty"),
        (br#"{"type":"a\u0000"}"#, "the event type at /type has control characters"),
        (long_type.as_bytes(), "the event type at /type is longer than 128 bytes"),
        (br#"{"type":"t","id":true}"#, "the id at /id is neither a string nor a number"),
        (br#"{"type":"t","id":{}}"#, "the id at /id is neither a string nor a number"),
        (b"\xff\xfe{\0}\0", "the body is UTF-16: send UTF-8"),
        (b"\xfe\xff\0{\0}", "the body is UTF-16: send UTF-8"),
        (b"{\0}\0", "the body is UTF-16: send UTF-8"),
        (br#"{"type":"t","x":NaN}"#, "the body is not JSON: expected value at line 1 column 17"),
        (br#"{"type":"t","id":"a\nb"}"#, "the id at /id has control characters"),
        (long_id.as_bytes(), "the id at /id is longer than 256 bytes"),
    ];
    for (body, expected) in table {
        assert_eq!(read(body).unwrap_err(), *expected, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn absent_fields_have_defaults() {
    let event = read(r#" {"type":"t","created":"soon","data":5} "#).unwrap();
    assert_eq!(event.created, "2026-01-21T14:30:00.25Z", "the time of receipt");
    let event = read(r#" {"type":"t","created":1769005800,"data":5} "#).unwrap();
    assert_eq!(event.created, "2026-01-21T14:30:00Z");
    assert_eq!(event.payload(), &event.body[..], "nothing at /data/object: the whole body");
    assert_eq!(event.ordering_key, None);
    let event = read(r#"{"type":"t","data":{"object":null}}"#).unwrap();
    assert_eq!(event.payload(), b"null");
}

#[test]
fn reads_any_json_value_as_an_ordering_key() {
    let long = "x".repeat(257);
    let table = [
        (r#""a\u0062""#, Some("ab".to_owned())),
        ("7", Some("7".into())),
        ("true", Some("true".into())),
        ("null", None),
        ("[1, 2]", Some("[1, 2]".into())),
        (&format!("\"{long}\""), Some(Digest::of(long.as_bytes()).to_string())),
    ];
    for (raw, expected) in table {
        let event = read(format!(r#"{{"type":"t","data":{{"object":{{"id":{raw}}}}}}}"#)).unwrap();
        assert_eq!(event.ordering_key, expected, "{raw}");
    }
}

#[test]
fn reads_the_bodies_of_a_sender_without_preset() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    source.event_type = FieldPlaces::to(&["meta", "0", "kind"]);
    let event = read_as(&source, br#"{"meta":[{"kind":"a.b"}],"id":1}"#).unwrap();
    assert_eq!((event.event_type.as_str(), event.payload()), ("a.b", &event.body[..]));
}

/// A scheme, headers, a body, and the type and id that are read.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, Result<(&'a str, &'a str), &'a str>);

#[test]
fn fields_come_from_headers_templates_and_the_first_place_that_has_them() {
    let source = |scheme: &str| {
        let mut source = Source::preset(Scheme::find(scheme).unwrap(), vec![Secret::new("s".into())]);
        // What is read does not depend on how it was signed.
        source.verification = Source::preset(Scheme::HMAC, Vec::new()).verification;
        source
    };
    let table: &[Row<'_>] = &[
        (
            "github",
            &[("x-github-event", "pull_request"), ("x-github-delivery", "d-1")],
            r#"{"action":"opened"}"#,
            Ok(("pull_request.opened", "d-1")),
        ),
        ("github", &[("x-github-event", "push"), ("x-github-delivery", "d-2")], "{}", Ok(("push", "d-2"))),
        (
            "github",
            &[("x-github-event", "push"), ("x-github-delivery", "d-2")],
            r#"{"action":null}"#,
            Ok(("push", "d-2")),
        ),
        ("github", &[], "{}", Err("no event type at {header:X-GitHub-Event}[.{/action}]")),
        (
            "github",
            &[("x-github-event", "push"), ("x-github-event", "pull")],
            "{}",
            Err("no event type at {header:X-GitHub-Event}[.{/action}]"),
        ),
        (
            "slack",
            &[],
            r#"{"type":"event_callback","event":{"type":"message"},"event_id":"Ev1"}"#,
            Ok(("message", "Ev1")),
        ),
        ("slack", &[], r#"{"type":"block_actions","event_id":"Ev2"}"#, Ok(("block_actions", "Ev2"))),
        ("slack", &[], r#"{"command":"/x","event_id":"Ev3"}"#, Ok(("command", "Ev3"))),
        (
            "linear",
            &[("linear-delivery", "l")],
            r#"{"type":"Issue","action":"create"}"#,
            Ok(("Issue.create", "l")),
        ),
        ("twilio", &[], r#"{"MessageSid":"SM1","MessageStatus":"sent"}"#, Ok(("message.sent", "SM1.sent"))),
        ("twilio", &[], r#"{"MessageSid":"SM1"}"#, Ok(("message", "SM1"))),
        ("twilio", &[], r#"{"CallSid":"CA1","CallStatus":"ringing"}"#, Ok(("call.ringing", "CA1.ringing"))),
        ("discord", &[], r#"{"type":2,"id":"1"}"#, Ok(("interaction.2", "1"))),
        (
            "gitlab",
            &[("idempotency-key", "k"), ("x-gitlab-webhook-uuid", "w"), ("x-gitlab-event-uuid", "e")],
            r#"{"object_kind":"push"}"#,
            Ok(("push", "k")),
        ),
        (
            "gitlab",
            &[("x-gitlab-event-uuid", "e"), ("x-gitlab-webhook-uuid", "w")],
            r#"{"object_kind":"push"}"#,
            Ok(("push", "w")),
        ),
        ("gitlab", &[("x-gitlab-event-uuid", "e")], r#"{"event_name":"x"}"#, Ok(("x", "e"))),
        (
            "hubspot",
            &[],
            r#"[{"eventId":1,"subscriptionId":2,"portalId":3,"appId":4,"occurredAt":1769005800000,
                "subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":5,"propertyName":"city"}]"#,
            Ok(("contact.propertyChange", "1.3.2.5.city.1769005800000")),
        ),
        (
            "hubspot",
            &[],
            r#"[{"eventId":1,"subscriptionId":2,"portalId":3,"occurredAt":1769005800000,"attemptNumber":0,
                "subscriptionType":"contact.associationChange","fromObjectId":5,"toObjectId":6}]"#,
            Ok(("contact.associationChange", "1.3.2.5.6.1769005800000")),
        ),
        (
            "mailgun",
            &[],
            r#"{"signature":{"token":"tok"},"event-data":{"event":"opened"}}"#,
            Ok(("opened", "tok")),
        ),
    ];
    for (scheme, headers, body, expected) in table {
        let read = read_with(&source(scheme), headers, body.as_bytes());
        let read = read.as_ref().map(|event| (event.event_type.as_str(), event.id.as_str()));
        assert_eq!(read.map_err(String::as_str), *expected, "{scheme} {body}");
    }
    let event = read_with(
        &source("standard-webhooks"),
        &[("webhook-id", "m"), ("webhook-timestamp", "1769005800")],
        br#"{"type":"t"}"#,
    )
    .unwrap();
    assert_eq!((event.id.as_str(), event.created.as_str()), ("m", "2026-01-21T14:30:00Z"));
    let long = "x".repeat(129);
    let headers = [("x-github-event", long.as_str())];
    let error = read_with(&source("github"), &headers, b"{}").unwrap_err();
    assert!(error.contains("is longer than 128 bytes"), "{error}");
}

#[test]
fn a_list_is_split_into_events_with_ids_of_their_own() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    source.items = Some(Pointer::to(&["events"]));
    let body = "\u{feff}{\"events\": [{\"id\":1,\"type\":\"a\"}, {\"id\":2,\"type\":\"b\"} ]}\0";
    let events = read_all(&source, &[], body.as_bytes()).unwrap();
    let read: Vec<_> = events.iter().map(|event| (event.id.as_str(), event.event_type.as_str())).collect();
    assert_eq!(read, [("1", "a"), ("2", "b")]);
    assert_eq!(events[1].body, br#"{"id":2,"type":"b"}"#[..]);
    assert_eq!((events[1].payload(), events[1].digest), (&events[1].body[..], Digest::of(&events[1].body)));
    assert_eq!(read_all(&source, &[], br#"{"events":[]}"#), Ok(vec![]));
    let error = read_all(&source, &[], br#"{"events":[{"type":"a"},{"id":7}]}"#).unwrap_err();
    assert_eq!(error, "event 1: no event type at /type", "nothing of it is stored");
    let one = read_all(&source, &[], br#"{"id":9,"type":"whole"}"#).unwrap();
    assert_eq!((one.len(), one[0].event_type.as_str()), (1, "whole"));
    source.id = serde_json::from_str(r#""{header:x-id}""#).unwrap();
    let events = read_all(&source, &[("x-id", "r1")], br#"{"events":[{"type":"a"},{"type":"a"}]}"#).unwrap();
    assert_eq!((events[0].id.as_str(), events[1].id.as_str()), ("r1.0", "r1.1"), "an id of the request");
    source.id = serde_json::from_str(r#"["/id", "{header:x-id}[.{/n}]"]"#).unwrap();
    let body = br#"{"events":[{"type":"a"},{"type":"a"},{"type":"a","n":7},{"type":"a","id":"own"}]}"#;
    let events = read_all(&source, &[("x-id", "r1")], body).unwrap();
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["r1.0", "r1.1", "r1.7", "own"], "of the request, or of the event");
    let long = "x".repeat(ID_MAX_BYTES - 1);
    assert!(read_all(&source, &[("x-id", &long)], body).unwrap_err().contains("id"), "with its number");
    let many = format!(r#"{{"events":[{}1]}}"#, "1,".repeat(100));
    let error = read_all(&source, &[], many.as_bytes()).unwrap_err();
    assert!(error.contains("has more items than server.events_per_body_max, which is 100"), "{error}");
}

#[test]
fn values_that_change_on_a_retry_do_not_count_when_bodies_are_compared() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    let digest = |source: &Source, body: &str| {
        let event = read_as(source, body.as_bytes()).unwrap();
        assert_eq!(event.body, body.as_bytes(), "it is stored whole");
        (event.digest, event.id == event.digest.to_string())
    };
    let [first, second] =
        [r#"{"type":"a", "n": {"try" : 1}, "x":1}"#, r#"{"type":"a", "n": {"try" : 20}, "x":1}"#];
    assert_ne!(digest(&source, first), digest(&source, second));
    for (pointers, body, is_same) in [
        (&["/n/try"][..], second, true),
        (&["/x", "/n", "/n/try"], second, true),
        (&["/n/try", "/absent"], second, true),
        (&["/n/try"], r#"{"type":"a", "n": {"try" : 1}, "x":2}"#, false),
        (&["/n/try"], r#"{"type":"a", "n": {}, "x":1}"#, false),
        (&["/x"], second, false),
    ] {
        source.changes_on_retry = pointers.iter().map(|pointer| Pointer::parse(pointer).unwrap()).collect();
        let (one, is_id) = digest(&source, first);
        assert_eq!(one == digest(&source, body).0, is_same, "{pointers:?} {body}");
        assert!(is_id, "an event without an id has the same one on a retry");
    }
    let mark = "\u{feff}";
    let (one, other) = (format!("{mark}{first}\0"), format!("{mark}{second}\0"));
    source.changes_on_retry = vec![Pointer::to(&["n", "try"])];
    assert_eq!(digest(&source, &one).0, digest(&source, &other).0, "at its place in the bytes");
}

#[test]
fn equal_bodies_are_events_of_their_own_only_where_the_source_says_so() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    let read = |source: &Source, at| read_received(source, &[], br#"{"type":"a"}"#, at).unwrap().remove(0).id;
    assert_eq!(read(&source, RECEIVED_AT), read(&source, RECEIVED_AT + 1));
    source.bodies_repeat = true;
    assert_ne!(read(&source, RECEIVED_AT), read(&source, RECEIVED_AT + 1));
    source.items = Some(Pointer::to(&["events"]));
    let events = read_all(&source, &[], br#"{"events":[{"type":"a"},{"type":"a"}]}"#).unwrap();
    assert_ne!(events[0].id, events[1].id);
}

#[test]
fn a_body_that_grows_as_json_is_refused_above_the_limit() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    source.forms = true;
    let form = [&b"type=a.b&x="[..], &vec![1; 300_000]].concat();
    let error = read_with(&source, &[("content-type", "application/x-www-form-urlencoded")], &form);
    assert!(error.unwrap_err().contains("bytes as JSON, and server.body_max_bytes is 1048576"));
}

#[test]
fn a_text_is_read_with_its_content_type_where_the_source_takes_texts() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    source.default_type = Some("order".into());
    let xml = br#"<order id="1"/>"#;
    assert!(read_with(&source, &[], xml).unwrap_err().starts_with("the body is not JSON"));
    source.text = true;
    let event = read_with(&source, &[("content-type", "text/xml")], xml).unwrap();
    assert_eq!(event.payload(), br#"{"content_type":"text/xml","text":"<order id=\"1\"/>"}"#);
    assert_eq!((event.event_type.as_str(), event.id), ("order", Digest::of(xml).to_string()));
    let other = read_with(&source, &[("content-type", "text/plain")], xml).unwrap();
    assert_eq!(
        other.id,
        Digest::of(xml).to_string(),
        "a content type that is not signed makes no other event"
    );
    source.forms = true;
    let form =
        read_with(&source, &[("content-type", "application/x-www-form-urlencoded")], b"type=a.b").unwrap();
    assert_eq!(form.event_type, "a.b");
    assert_eq!(read_with(&source, &[], b"a,b").unwrap().payload(), br#"{"content_type":null,"text":"a,b"}"#);
    assert_eq!(read_with(&source, &[], b"\xff").unwrap_err(), "the body is not UTF-8 at byte 0");
    let json = read_with(&source, &[("content-type", "text/xml")], br#"{"type":"j"}"#).unwrap();
    assert_eq!(json.event_type, "j");
}

#[test]
fn cloudevents_are_read_in_each_mode() {
    let mut source = Source::preset(Scheme::find("cloudevents").unwrap(), vec![Secret::new("s".into())]);
    source.verification = Source::preset(Scheme::HMAC, Vec::new()).verification;
    let structured = r#"{"specversion":"1.0","id":"1","source":"/s","type":"a.b","time":"2026-01-21T14:30:00Z","data":{"x":1}}"#;
    let event =
        read_with(&source, &[("content-type", "application/cloudevents+json")], structured.as_bytes())
            .unwrap();
    assert_eq!(
        (event.id.as_str(), event.event_type.as_str(), event.payload()),
        ("/s#1", "a.b", &br#"{"x":1}"#[..])
    );
    assert_eq!(event.created, "2026-01-21T14:30:00Z");
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "2"),
        ("ce-source", "/s"),
        ("ce-type", "a.c"),
        ("ce-time", "2026-01-21T14:30:00Z"),
    ];
    // Its data has members of the same names.
    let data = br#"{"id":"x","type":"y","data":[1]}"#;
    let event = read_with(&source, &binary, data).unwrap();
    assert_eq!((event.id.as_str(), event.event_type.as_str(), event.payload()), ("/s#2", "a.c", &data[..]));
    let error = read_with(&source, &binary[..4], data).unwrap_err();
    assert_eq!(error, "no event type at its headers");
    let list = read_with(&source, &binary, b"[1,2]").unwrap();
    assert_eq!(list.payload(), b"[1,2]", "data that is a list is one event");
    let other = |kind: &'static str, body: &[u8]| {
        let mut headers = binary;
        headers[0].1 = kind;
        read_with(&source, &headers, body).map(|event| String::from_utf8(event.payload().to_vec()).unwrap())
    };
    assert_eq!(other("application/json", b"").unwrap(), "null", "an event needs no data");
    assert_eq!(other("text/xml", b"<a/>").unwrap(), r#"{"content_type":"text/xml","text":"<a/>"}"#);
    assert!(other("application/json", b"<a/>").is_err());
    let mut named = binary;
    (named[2].1, named[3].1, named[4].1) = ("\"a\\\"b\"", "/caf%C3%A9%20%2525", "%61.c");
    let event = read_with(&source, &named, data).unwrap();
    assert_eq!((event.id.as_str(), event.event_type.as_str()), ("/café %25#a\"b", "a.c"));
    named[2].1 = "%ff";
    let unnamed = read_with(&source, &named, data).unwrap();
    assert_eq!(unnamed.id, event.digest.to_string(), "what is no text is no id");
    let batch = format!("[{structured},{}]", structured.replace(r#""id":"1""#, r#""id":"3""#));
    let events =
        read_all(&source, &[("content-type", "application/cloudevents-batch+json")], batch.as_bytes())
            .unwrap();
    assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["/s#1", "/s#3"]);
}

#[test]
fn a_form_is_read_as_json_where_the_source_takes_forms() {
    let mut source = Source::preset(Scheme::HMAC, vec![Secret::new("s".into())]);
    let form = b"type=a.b&id=7&x=1&x=2";
    let error = read_with(&source, &[], form).unwrap_err();
    assert!(error.starts_with("the body is not JSON"), "{error}");
    source.forms = true;
    let event = read_with(&source, &[], form).unwrap();
    assert_eq!((event.event_type.as_str(), event.id.as_str()), ("a.b", "7"));
    assert_eq!(event.payload(), br#"{"id":"7","type":"a.b","x":["1","2"]}"#);
    let event = read_with(&source, &[], br#" {"type":"c"}"#).unwrap();
    assert_eq!(event.event_type, "c", "JSON stays JSON, whatever its media type");
    source.form_payload = Some("payload".into());
    let event = read_with(&source, &[], b"payload=%7B%22type%22%3A%22d%22%7D").unwrap();
    assert_eq!((event.event_type.as_str(), event.payload()), ("d", &br#"{"type":"d"}"#[..]));
    assert!(read_with(&source, &[], b"payload=x").is_err());
}

#[test]
fn a_byte_order_mark_and_trailing_zeros_are_not_part_of_the_payload() {
    let body = "\u{feff} {\"type\":\"t\",\"data\":{\"object\":[1]}}\n\0\0";
    let event = read(body).unwrap();
    assert_eq!((event.payload(), &event.body[..]), (&b"[1]"[..], body.as_bytes()));
    assert_eq!(event.digest, Digest::of(body.as_bytes()), "of the bytes as they were sent");
    let event = read("\u{feff}{\"type\":\"t\"}\0").unwrap();
    assert_eq!(event.payload(), br#"{"type":"t"}"#);
}

#[test]
fn accepts_lone_surrogates_anywhere() {
    let body = r#"{"type":"t\ud83d","id":"1","\ud83d":1,"data":{"\udfff":{},"object":{"id":"\ud800","name":"Jean \ud83d"}}}"#;
    let event = read(body).unwrap();
    assert_eq!(event.event_type, "t\u{fffd}");
    assert_eq!(event.payload(), br#"{"id":"\ud800","name":"Jean \ud83d"}"#, "as it was sent");
    assert_eq!(event.payload_text(), r#"{"id":"\ufffd","name":"Jean \ufffd"}"#);
    assert_eq!(event.ordering_key.as_deref(), Some(r#""\ud800""#), "not that of another lone surrogate");
    let body = r#"{"type":"t","name":"Jean \ud83d"}"#;
    assert_eq!(read(body).unwrap().payload(), body.as_bytes());
}
