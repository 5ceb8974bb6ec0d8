//! The output of a run.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use serde_json::json;

use super::*;
use crate::effect::{Attachment, Emitted};

fn report() -> Report {
    Report {
        plugin: "desk".into(),
        revision: "0123".into(),
        source: "moncreneau".into(),
        event: "evt_1".into(),
        event_type: "appointment.created".into(),
        attempt: 1,
        handler: Some("moncreneau:events/appointment-created@1.0.0".into()),
        outcome: Outcome::Done,
        cause: None,
        reason: None,
        after_ms: None,
        duration_us: 1500,
        peak_memory_bytes: 2048,
        fuel: None,
        logs: Vec::new(),
        writes: Vec::new(),
        effects: Vec::new(),
    }
}

fn shown(effect: Effect) -> EffectReport {
    EffectReport { key: "k.1".into(), effect, refused: None, performed: None }
}

#[test]
fn describes_logs_writes_and_effects() {
    let request = HttpRequest {
        method: "POST".into(),
        url: "https://sms.example.gn/send".into(),
        headers: vec![("Authorization".into(), "Bearer {secret:key}".into())],
        body: b"{\"to\":\"+224\"}".to_vec(),
    };
    let email = Email {
        to: vec!["a@example.gn".into(), "b@example.gn".into()],
        cc: Vec::new(),
        bcc: vec!["c@example.gn".into()],
        reply_to: None,
        subject: "Bonjour".into(),
        text: "un\ndeux\u{1b}".into(),
        html: None,
        attachments: vec![Attachment {
            filename: "x.pdf".into(),
            content_type: "application/pdf".into(),
            content: vec![0xff; 3],
        }],
    };
    let event = Emitted { event_type: "invoice.created".into(), data: "{}".into() };
    let mut report = report();
    report.logs = vec!["INFO one\ntwo".into()];
    let write = |value| StoreWrite { bucket: "b".into(), key: "k".into(), value };
    report.writes = vec![
        write(WrittenValue::from_write(Some(b"1"))),
        write(WrittenValue::from_write(Some(b"\xff"))),
        write(WrittenValue::from_write(None)),
    ];
    report.effects =
        vec![shown(Effect::Http(request)), shown(Effect::Email(email)), shown(Effect::Event(event))];
    report.fuel = Some(12);
    let expected = "appointment.created  evt_1\n  moncreneau:events/appointment-created@1.0.0\n  \
        | INFO one\n  |   two\n  store b/k = 1\n  store b/k = base64 /w==\n  store b/k is deleted\n  \
        http POST https://sms.example.gn/send\n    Authorization: Bearer {secret:key}\n    Idempotency-Key: k.1\n    \n    \
        > {\"to\":\"+224\"}\n  email to a@example.gn, b@example.gn\n    Bcc: c@example.gn\n    Subject: Bonjour\n    \n    \
        > un\n    > deux\\u{1b}\n    \n    file x.pdf (application/pdf):\n    (3 B that are no text)\n  \
        event invoice.created\n    > {}\ndone in 1.50 ms, 2 KiB, 12 instructions";
    assert_eq!(report.describe(), expected);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["outcome"], "done");
    assert_eq!(json["writes"][0], json!({ "bucket": "b", "key": "k", "value": "1" }));
    assert_eq!(json["writes"][1], json!({ "bucket": "b", "key": "k", "base64": "/w==" }));
    assert_eq!(json["writes"][2], json!({ "bucket": "b", "key": "k", "deleted": true }));
    assert_eq!(json["effects"][0]["kind"], "http");
    assert_eq!(json["effects"][0]["body"], json!({ "text": "{\"to\":\"+224\"}" }));
    assert_eq!(
        json["effects"][2],
        json!({ "key": "k.1", "kind": "event", "event_type": "invoice.created", "data": "{}" })
    );
}

#[test]
fn describes_a_failure_and_that_nothing_happened() {
    let mut report = report();
    (report.outcome, report.cause) = (Outcome::Retry, Some(Cause::Handler));
    (report.reason, report.after_ms) = (Some("the desk\nis closed".into()), Some(5000));
    let text = report.describe();
    assert!(text.ends_with(
        "retry in 1.50 ms, 2 KiB; it asks for the next attempt after 5000 ms\n  ! the desk\n  ! is closed\n  \
         nothing is written and nothing is sent"
    ), "{text}");
    assert!(!report.is_success());
}

#[test]
fn describes_the_results_of_effects() {
    let mut report = report();
    let mut effect = shown(Effect::Event(Emitted { event_type: "x".into(), data: "{}".into() }));
    assert!(report.is_success());
    effect.performed = Some(EffectResult { outcome: EffectOutcome::Refused, detail: "404 Not Found".into() });
    effect.refused = Some("not told once it was tried".into());
    report.effects.push(effect);
    assert!(!report.is_success());
    assert!(report.describe().contains("{}\n    → not sent, a host would not try again: 404 Not Found\n"));
    report.effects[0].performed = None;
    assert!(!report.is_success(), "a host would not do it");
    assert!(report.describe().ends_with("\n  ! a host with this config would refuse 1 effect"));
    assert!(report.describe().contains("\n    → a host would refuse it: not told"), "{}", report.describe());
}
