//! Random requests of every preset: reading them never panics, and what is read keeps its limits. `HOOKYARD_FUZZ_CASES`
//! sets the number of cases.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const NOW_MS: u64 = RECEIVED_AT;

/// JSON that is often of the form of an event.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::from("2026-01-21T14:30:00Z")),
        Just(Value::from(1_769_005_800)),
    ];
    let name = prop_oneof![
        proptest::sample::select(vec![
            "id",
            "type",
            "created",
            "event",
            "events",
            "data",
            "object",
            "value",
            "time",
            "source",
            "signature",
            "action",
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A body: JSON, JSON with a part cut out, a form, or any bytes.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => json().prop_map(|value| value.to_string().into_bytes()),
        2 => (json(), any::<usize>()).prop_map(|(value, at)| {
            let mut text = value.to_string().into_bytes();
            let at = at % text.len();
            text.remove(at);
            text
        }),
        1 => "[a-z]{1,8}=[%0-9a-f+&=]{0,40}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

#[test]
fn random_bodies_and_headers_are_read_or_rejected() {
    let secret = Secret::new("s".into());
    let sources: Vec<Source> = Scheme::all()
        .map(|scheme| Source {
            // What is read does not depend on how it was signed.
            verification: Source::preset(Scheme::HMAC, Vec::new()).verification,
            ..Source::preset(scheme, vec![secret.clone()])
        })
        .collect();
    let names = [
        "x-github-event",
        "x-shopify-topic",
        "ce-specversion",
        "ce-id",
        "ce-source",
        "ce-type",
        "content-type",
    ];
    let byte = (32..=254_u8).prop_map(|byte| if byte < 127 { byte } else { byte + 1 });
    let value = proptest::collection::vec(byte, 0..300);
    let headers = proptest::collection::vec((proptest::sample::select(names.to_vec()), value), 0..6);
    let strategy = (0..sources.len(), headers, body());
    let cases = std::env::var("HOOKYARD_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(256);
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    let name = SourceName::new("desk").unwrap();
    runner
        .run(&strategy, |(number, random, body)| {
            let source = &sources[number];
            let body = Bytes::from(body);
            let unsigned = UnsignedRequest {
                url: "",
                id: None,
                event_type: None,
                content_type: None,
                body: body.clone(),
                now_ms: NOW_MS,
            };
            let mut headers: HeaderMap = sign(source, &secret, &unsigned).unwrap().headers;
            for (name, value) in random {
                headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(&value).unwrap());
            }
            let (method, uri) = (Method::POST, Uri::from_static("/webhooks/desk"));
            let request = UnverifiedRequest { method: &method, uri: &uri, headers: &headers, body };
            let verified =
                request.verify_by_scheme(&SchemeVerifier::new(source, SourceUrl::Unknown), NOW_MS).unwrap();
            if let Ok(read) = Envelope::from_source(source).read(
                &name,
                verified,
                NOW_MS,
                BodyRules { items_max: 50, ..RULES },
            ) {
                prop_assert!(read.as_slice().len() <= 50);
                for ReadEvent { event, .. } in read.as_slice() {
                    prop_assert!(!event.id.is_empty() && event.id.len() <= ID_MAX_BYTES + 8, "{event:?}");
                    prop_assert!(
                        !event.event_type.is_empty() && event.event_type.len() <= EVENT_TYPE_MAX_BYTES
                    );
                    prop_assert!(!event.event_type.chars().any(char::is_control));
                    let payload = std::str::from_utf8(event.payload()).unwrap();
                    prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(payload).is_ok(), "{payload}");
                    let said = event.metadata.as_deref().cloned().unwrap_or_default();
                    prop_assert!(said.attributes.len() <= RULES.attributes.count_max);
                    prop_assert!(said.content_type.is_none_or(|text| text.len() <= CONTENT_TYPE_MAX_BYTES));
                    prop_assert!(event.ordering_key.as_ref().is_none_or(|key| key.len() <= 256));
                }
            }
            Ok(())
        })
        .unwrap();
}
