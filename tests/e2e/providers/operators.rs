//! What operators see of sources: the list, tests of requests, and events that are sent as a source.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookyard::config::{Algorithm, Scheme, Source};

use super::{widened, with_sources};
use crate::support::sign;

const SOURCES: &str = "[sources.pay]\nscheme = \"stripe\"\nsecrets = [\"old\", \"new\"]\n\
    [sources.code]\nscheme = \"github\"\nsecrets = [{ secret = \"s\", not_after = \"2001-01-01T00:00:00Z\" }]\n";

#[tokio::test]
async fn source_list_shows_schemes_and_no_secret() {
    let dir = with_sources(SOURCES);
    let _host = dir.start().await;
    let list = dir.run(&["source", "list", "--json"]).json();
    let items = list["items"].as_array().unwrap();
    let names: Vec<_> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["code", "moncreneau", "pay"]);
    assert_eq!(
        (&items[2]["scheme"], &items[2]["tolerance_seconds"]),
        (&"stripe".into(), &300.into()),
        "{list}"
    );
    assert_eq!(items[0]["secrets"][0]["not_after"], 978_307_200_000_u64, "{list}");
    let table = dir.run(&["source", "list"]);
    assert!(table.out.contains("HMAC-SHA256") && table.out.contains("300 s"), "{table:?}");
    assert!(!format!("{list}{}", table.out).contains("new"), "{table:?}");
}

#[tokio::test]
async fn source_test_says_which_secret_verified_a_request_or_at_which_step_it_failed() {
    let dir = with_sources(SOURCES);
    let host = dir.start().await;
    let body = r#"{"id":"evt_9","type":"invoice.paid","created":1700000000}"#;
    let signature = sign("new", &format!("1700000000.{body}")).replace("sha256=", "v1=");
    let request = |head: &str, body: &str| {
        let text = format!("POST /webhooks/pay HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{body}");
        fs::write(dir.path("request.http"), text).unwrap();
    };
    let test =
        |source: &str, at: &str| dir.run(&["source", "test", source, "--file", "request.http", "--at", at]);
    request(&format!("Stripe-Signature: t=1700000000,{signature}"), body);
    let output = test("pay", "1700000000000");
    assert_eq!(output.code, 0, "{output:?}");
    assert_eq!(output.out, "secret 2 verified it\nevent evt_9, invoice.paid, created 2023-11-14T22:13:20Z\n");
    let output = test("pay", "1700000712000");
    assert_eq!(
        (output.code, output.out.as_str()),
        (1, "401: timestamp is too old by 412 s: the request is 712 s old\n")
    );
    let output = test("code", "1700000000000");
    assert_eq!(output.out, "401: signature header x-hub-signature-256 is missing\n");
    let output = test("nobody", "1700000000000");
    assert!(output.code == 1 && output.err.contains("no source `nobody`"), "{output:?}");
    request(&format!("X-Hub-Signature-256: {}", sign("s", body)), body);
    let output = test("code", "1700000000000");
    assert_eq!(output.out, "401: signature does not match: no secret matched\n", "its only secret has ended");
    assert_eq!(host.events("").await.len(), 0, "nothing is stored");
}

/// The presets that sign with a shared secret, or with a private key. A new one is among them without a change here.
fn schemes(are_asymmetric: bool) -> impl Iterator<Item = Scheme> {
    let algorithm = |scheme: Scheme| Source::preset(scheme, Vec::new()).verification.algorithm;
    Scheme::all().filter(move |scheme| algorithm(*scheme).verification().is_some() == are_asymmetric)
}

/// A secret of a symmetric scheme.
fn secret_of(scheme: Scheme) -> &'static str {
    match scheme.name() {
        "adyen" => "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
        "standard-webhooks" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        _ => "user:secret",
    }
}

/// An event that the scheme signs, before its signature and its time are in it.
fn body_of(scheme: Scheme) -> &'static str {
    match scheme.name() {
        "adyen" => {
            r#"{"live":"false","notificationItems":[{"NotificationRequestItem":{"pspReference":"psp-1",
                "amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true"}}]}"#
        }
        "aws-sns" => {
            r#"{"Type":"Notification","MessageId":"m-1","TopicArn":"arn:x","Message":"line 1\nline 2"}"#
        }
        "cloudevents" => r#"{"specversion":"1.0","id":"evt_1","source":"/shop","type":"a.b","data":{}}"#,
        "mailgun" => r#"{"signature":{"token":"t-1"},"event-data":{"event":"opened"}}"#,
        "microsoft-graph" => r#"{"value":[{"id":"n-1","changeType":"created"}]}"#,
        _ => r#"{"id":"evt_1","type":"a.b","event":"a.b","webhookTimestamp":1}"#,
    }
}

/// What the command prints of the answer to an event that is accepted.
fn answer_to(scheme: Scheme) -> &'static str {
    match scheme.name() {
        "docusign" | "linear" | "mailgun" | "meta" | "paddle" | "zoom" => "200 accepted",
        "adyen" | "slack" | "xero" => "200 acknowledged",
        "discord" | "twilio" => "204 acknowledged",
        _ => "202 accepted",
    }
}

#[tokio::test]
async fn events_are_sent_as_every_symmetric_scheme() {
    let mut sources = String::new();
    for scheme in schemes(false) {
        let (name, secret) = (scheme.name(), secret_of(scheme));
        writeln!(
            sources,
            "[sources.{name}-feed]\nscheme = \"{name}\"\nsecrets = [\"{secret}\"]\ndefault_type = \"t\"\n{}",
            widened(name)
        )
        .unwrap();
    }
    let dir = with_sources(&sources);
    let host = dir.start().await;
    for scheme in schemes(false) {
        fs::write(dir.path("event.json"), body_of(scheme)).unwrap();
        let source = format!("{}-feed", scheme.name());
        let output = dir.run(&["event", "send", "a.b", "--file", "event.json", "--source", &source]);
        assert_eq!(output.code, 0, "{source}: {output:?}");
        assert!(output.out.contains(answer_to(scheme)), "{source}: {output:?}");
        let stored = host.events(&format!("&source={source}")).await;
        assert_eq!(stored.len(), 1, "{source}: {stored:?}");
    }
    let output = dir.run(&[
        "event",
        "send",
        "appointment.created",
        "--source",
        "moncreneau",
        "--count",
        "30",
        "--rate",
        "300",
        "--burst",
        "10",
    ]);
    assert!(output.code == 0 && output.out.contains("30 × 202 accepted"), "{output:?}");
}

/// Twilio signs the fields of a form, and of another body its digest, which is in the query.
#[tokio::test]
async fn a_form_and_a_json_body_are_sent_as_twilio_sends_them() {
    let dir = with_sources("[sources.sms]\nscheme = \"twilio\"\nsecrets = [\"s\"]");
    let host = dir.start().await;
    fs::write(dir.path("form.txt"), "MessageSid=SM1&MessageStatus=delivered&Body=%C3%80+9+h").unwrap();
    fs::write(dir.path("event.json"), r#"{"CallSid":"CA1","CallStatus":"completed"}"#).unwrap();
    for what in [&["--file", "form.txt"][..], &["--file", "event.json"], &["appointment.created"]] {
        let output = dir.run(&[&["event", "send", "--source", "sms"][..], what].concat());
        assert!(output.code == 0 && output.out.contains("204 acknowledged"), "{what:?}: {output:?}");
    }
    for (id, event_type) in [("SM1.delivered", "message.delivered"), ("CA1.completed", "call.completed")] {
        let (code, event) = host.api_get(&format!("/api/v1/events/sms/{id}")).await;
        assert_eq!((code.as_u16(), &event["type"]), (200, &event_type.into()), "{event}");
    }
    assert_eq!(host.events("").await.len(), 3, "the sample is an event too");
}

/// A pair of keys: the secret of a source, and the PEM text that signs.
fn key_pair(algorithm: Algorithm) -> (String, String) {
    let random = SystemRandom::new();
    let pem = |der: &[u8]| {
        let text = STANDARD.encode(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    };
    match algorithm {
        Algorithm::Ed25519 => {
            let private = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private.as_ref()).unwrap();
            (hex::encode(pair.public_key().as_ref()), pem(private.as_ref()))
        }
        Algorithm::EcdsaP256 => {
            let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, private.as_ref()).unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (STANDARD.encode(public.as_ref()), pem(private.as_ref()))
        }
        Algorithm::RsaSha256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (STANDARD.encode(public.as_ref()), pem(private.as_ref()))
        }
        other => panic!("no key is made for {}", other.name()),
    }
}

#[tokio::test]
async fn events_are_sent_as_every_asymmetric_scheme_with_a_test_key() {
    let (mut sources, mut keys) = (String::new(), Vec::new());
    for scheme in schemes(true) {
        let name = scheme.name();
        let (public, private) = key_pair(Source::preset(scheme, Vec::new()).verification.algorithm);
        writeln!(
            sources,
            "[sources.{name}-feed]\nscheme = \"{name}\"\nsecrets = [\"{public}\"]\ndefault_type = \"t\"\n\
             values = {{ webhook_id = \"WH-1\", topic_arn = \"arn:x\" }}"
        )
        .unwrap();
        keys.push((scheme, private));
    }
    let algorithms: BTreeSet<_> = schemes(true)
        .map(|scheme| Source::preset(scheme, Vec::new()).verification.algorithm.name())
        .collect();
    assert_eq!(algorithms.into_iter().collect::<Vec<_>>(), ["ECDSA P-256", "Ed25519", "RSA-SHA256"]);
    let dir = with_sources(&sources);
    let host = dir.start().await;
    for (scheme, private) in keys {
        let source = format!("{}-feed", scheme.name());
        fs::write(dir.path("event.json"), body_of(scheme)).unwrap();
        let send = |key: &str| {
            fs::write(dir.path("test-key.pem"), key).unwrap();
            let send = ["event", "send", "a.b", "--file", "event.json", "--source", &source];
            dir.run(&[&send[..], &["--secret-file", "test-key.pem"]].concat())
        };
        let (_, other) = key_pair(Source::preset(scheme, Vec::new()).verification.algorithm);
        let output = send(&other);
        assert!(output.code == 1 && output.out.contains("401 unauthorized"), "{source}: {output:?}");
        let output = send(&private);
        assert_eq!(output.code, 0, "{source}: {output:?}");
        assert!(output.out.contains(answer_to(scheme)), "{source}: {output:?}");
        let stored = host.events(&format!("&source={source}")).await;
        assert_eq!(stored.len(), 1, "{source}: {stored:?}");
    }
}
