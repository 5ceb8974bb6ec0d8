//! `hookyard plugin run`: a plugin on one event, without a host.

use serde_json::{Value, json};

use crate::support::{Bed, Partner, Ran, Reply, guest};

/// A directory with the conformance guest and an event that has it do something.
fn bed(config: &str, event: &Value) -> Bed {
    let bed = Bed::new(config);
    bed.replace("conformance.wasm", &guest("conformance-rust"));
    let id = "evt_1";
    let body = json!({ "id": id, "type": "conformance.run", "data": { "object": event } });
    bed.replace("event.json", body.to_string().as_bytes());
    bed
}

fn run(bed: &Bed, more: &[&str]) -> Ran {
    bed.run(&[&["plugin", "run", "conformance.wasm", "--event", "event.json"], more].concat())
}

#[test]
fn a_sample_is_handled_and_all_of_it_is_told() {
    let bed = bed("", &json!({}));
    let ran =
        bed.run(&["plugin", "run", "conformance.wasm", "--event", "appointment.created", "--json"]).json();
    assert_eq!(
        (&ran["outcome"], &ran["cause"], &ran["reason"]),
        (&json!("done"), &Value::Null, &Value::Null)
    );
    assert_eq!(ran["handler"], "moncreneau:events/appointment-created@1.0.0", "{ran}");
    assert_eq!((&ran["type"], &ran["attempt"]), (&json!("appointment.created"), &json!(1)));
    assert_eq!(ran["writes"][0]["bucket"], "typed", "{ran}");
    assert!(ran["duration_us"].as_u64() > Some(0) && ran["peak_memory_bytes"].as_u64() > Some(0), "{ran}");
    assert_eq!(ran["fuel"], Value::Null, "nobody asked for it");
    assert!(!bed.path("hookyard-data").exists(), "there is no database");
}

#[test]
fn instructions_are_counted_and_the_same_every_time() {
    let bed = bed("", &json!({ "do": "echo", "text": "é" }));
    let fuel = || run(&bed, &["--fuel", "--json"]).json()["fuel"].as_u64().unwrap();
    let counted = fuel();
    assert!(counted > 1000, "{counted}");
    assert_eq!(counted, fuel());
}

#[test]
fn a_store_lasts_from_one_run_to_the_next_in_a_file_for_people() {
    let bed = bed("", &json!({ "do": "store" }));
    let counter = || {
        let state = std::fs::read_to_string(bed.path("state.json")).unwrap();
        serde_json::from_str::<Value>(&state).unwrap()["conformance"]["counter"].clone()
    };
    assert_eq!(run(&bed, &["--state", "state.json"]).code, 0);
    assert_eq!(counter(), "2");
    // People may change it in between.
    let state = std::fs::read_to_string(bed.path("state.json")).unwrap();
    bed.replace("state.json", state.replace(r#""counter": "2""#, r#""counter": "40""#).as_bytes());
    let ran = run(&bed, &["--state", "state.json"]);
    assert_eq!((ran.code, counter()), (0, json!("42")), "{ran:?}");
    assert!(ran.out.contains("\n  store conformance/counter = 42\n"), "{ran:?}");
    bed.replace("state.json", b"{");
    let ran = run(&bed, &["--state", "state.json"]);
    assert!(ran.code == 1 && ran.err.contains("state.json: "), "{ran:?}");
}

#[test]
fn effects_are_shown_in_full_and_secrets_are_not() {
    let asked = json!({ "do": "outbox", "url": "https://sms.example.gn/send", "to": "a@example.gn", "text": "key s3cret-key" });
    // Nobody has said anything about the plugin: it may ask for anything, and is told what a host would say.
    let trial = bed("", &asked);
    let ran = run(&trial, &["--set", "sms_key=s3cret-key"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in [
        "http POST https://sms.example.gn/send\n    X-Test: yes\n    Idempotency-Key: ",
        "key s3cret-key",
        "→ a host would refuse it: https://sms.example.gn is not granted: add it to `http` in [plugin.conformance]",
        "email to a@example.gn\n    Subject: key s3cret-key\n",
        "file attachment.txt (text/plain; charset=utf-8):",
        "event conformance.emitted\n    > {",
        "\"text\":\"key s3cret-key\"}",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    // A host's own configuration: what it grants, and its secrets, which nobody sees.
    let host = bed(
        "[email]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"desk@example.gn\"\n[plugin.conformance]\n\
         http = [\"https://sms.example.gn\"]\nemail = [\"*\"]\nemit = [\"*\"]\nsecrets = { sms_key = \"s3cret-key\" }\n",
        &asked,
    );
    for format in [&[][..], &["--json"]] {
        let ran = run(&host, format);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("key {secret:sms_key}") && !ran.out.contains("s3cret-key"), "{ran:?}");
        assert!(!ran.out.contains("would refuse"), "{ran:?}");
    }
    let effects = run(&host, &["--json"]).json()["effects"].clone();
    let kinds: Vec<&str> = effects.as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["http", "email", "event"]);
    let key = effects[0]["key"].as_str().unwrap();
    assert!(key.len() == 34 && key.ends_with(".1"), "{key}");
    // And one that grants nothing of it refuses when it is asked, as a host would.
    let strict = bed("[plugin.conformance]\nhttp = []\n", &asked);
    let ran = run(&strict, &[]);
    assert!(ran.code == 1 && ran.out.contains("https://sms.example.gn is not granted"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_go_out_only_when_that_is_wanted() {
    let partner = Partner::start(|_, _| Reply::of(200, "taken")).await;
    let origin = partner.origin();
    let url = format!("{origin}/send");
    let config = format!(
        "[email]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"desk@example.gn\"\n[plugin.conformance]\nhttp = [\"{origin}\"]\nemail = [\"*\"]\nemit = [\"*\"]\n"
    );
    let bed = bed(&config, &json!({ "do": "outbox", "url": url, "to": "a@example.gn", "text": "hello" }));
    assert_eq!(run(&bed, &[]).code, 0);
    assert!(partner.asked().is_empty());
    let ran = run(&bed, &["--real-effects"]);
    let asked = partner.asked();
    assert_eq!((asked.len(), asked[0].text(), asked[0].header("x-test")), (1, "hello", "yes"));
    assert!(ran.out.contains("→ sent: "), "{ran:?}");
    // Nothing answers where the SMTP server should be: a host would try that again.
    assert!(ran.code == 1 && ran.out.contains("→ not sent, a host would try again: "), "{ran:?}");
}

#[test]
fn failures_say_what_a_host_would_record() {
    for (event, outcome, cause, parts) in [
        (json!({ "do": "retry", "reason": "busy", "afterMs": 5000 }), "retry", "handler", &["busy"][..]),
        (json!({ "do": "reject", "reason": "no such office" }), "rejected", "handler", &["no such office"]),
        (
            json!({ "do": "trap", "reason": "on purpose" }),
            "retry",
            "trap",
            &["trap: panicked at ", "endings.rs:", ": on purpose; then wasm `unreachable`"],
        ),
        (json!({ "do": "loop" }), "retry", "timeout", &["call_timeout_ms"]),
    ] {
        let bed = bed("", &event);
        let ran = run(&bed, &["--json", "--state", "state.json"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&report["outcome"], &report["cause"]), (&json!(outcome), &json!(cause)), "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(parts.iter().all(|part| reason.contains(part)), "{reason}");
        assert_eq!((&report["writes"], &report["effects"]), (&json!([]), &json!([])), "{report}");
        assert_eq!(std::fs::read_to_string(bed.path("state.json")).unwrap(), "{}\n", "nothing is kept");
    }
    let bed = bed("", &json!({ "do": "retry", "reason": "busy", "afterMs": 5000 }));
    let ran = run(&bed, &[]);
    assert!(ran.out.contains("it asks for the next attempt after 5000 ms"), "{ran:?}");
    assert!(ran.out.ends_with("nothing is written and nothing is sent\n"), "{ran:?}");
}

#[test]
fn an_attempt_and_repetitions_are_as_asked() {
    let bed = bed("", &json!({ "do": "context" }));
    let context =
        |ran: &Value| -> Value { serde_json::from_str(ran["writes"][0]["value"].as_str().unwrap()).unwrap() };
    let ran = run(&bed, &["--attempt", "3", "--json"]).json();
    assert_eq!((context(&ran)["attempt"].clone(), &ran["attempt"]), (json!(3), &json!(3)));
    let sample =
        ["plugin", "run", "conformance.wasm", "--event", "appointment.updated", "--repeat", "3", "--json"];
    let ran = bed.run(&sample).json();
    let ids: std::collections::BTreeSet<&str> =
        ran.as_array().unwrap().iter().map(|ran| ran["event"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{ran}");
}

#[test]
fn what_cannot_be_run_is_told() {
    let bed = bed("", &json!({ "do": "echo" }));
    bed.replace("no-json.json", b"{");
    bed.replace("other.json", br#"{"id":"1","type":"order.paid"}"#);
    bed.replace("garbage.wasm", b"#!/bin/sh\n");
    for (arguments, code, part) in [
        (&["conformance.wasm", "--event", "no-json.json"][..], 1, "no-json.json: the body is not JSON"),
        (&["conformance.wasm", "--event", "appointment.moved"], 2, "no file and no type with a sample"),
        (&["garbage.wasm", "--event", "event.json"], 1, "garbage.wasm is refused: not a WebAssembly file"),
        (&["nowhere.wasm", "--event", "event.json"], 1, "nowhere.wasm"),
        (&["conformance.wasm", "--event", "event.json", "--source", "x"], 1, "no source `x`"),
        (&["conformance.wasm", "--event", "event.json", "--set", "x"], 2, "KEY=VALUE"),
    ] {
        let ran = bed.run(&[&["plugin", "run"], arguments].concat());
        assert!(ran.code == code && ran.err.contains(part), "{part}: {ran:?}");
    }
    let ran = bed.run(&["plugin", "run", "conformance.wasm", "--event", "other.json"]);
    let told = "order.paid would not come to it; it handles moncreneau:events/appointment-";
    assert!(ran.code == 1 && ran.err.contains(told) && ran.err.contains("conformance.*"), "{ran:?}");
}
