//! `hookyard plugin run`: one plugin on one event, without a host.

use std::fs::File;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{CommandOutput, HostDir, Partner, Reply, guest};

/// A directory with the conformance guest and an event that has it do something.
fn host_dir(config: &str, event: &Value) -> HostDir {
    let dir = HostDir::new(config);
    dir.replace("conformance.wasm", &guest("conformance-rust"));
    let id = "evt_1";
    let body = json!({ "id": id, "type": "conformance.run", "data": { "object": event } });
    dir.replace("event.json", body.to_string().as_bytes());
    dir
}

fn run(dir: &HostDir, more: &[&str]) -> CommandOutput {
    dir.run(&[&["plugin", "run", "conformance.wasm", "--event", "event.json"], more].concat())
}

#[test]
fn an_event_comes_from_a_pipe_or_standard_input_too() {
    let dir = host_dir("", &json!({ "do": "echo", "text": "x" }));
    let pipe = dir.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut writer = Command::new("cp").arg(dir.path("event.json")).arg(&pipe).spawn().unwrap();
    let report = dir.run(&["plugin", "run", "conformance.wasm", "--event", "pipe", "--json"]).json();
    assert!(writer.wait().unwrap().success());
    assert_eq!(report["type"], "conformance.run", "{report}");
    let mut command = dir.command(&["plugin", "run", "conformance.wasm", "--event", "-", "--json"]);
    let report = CommandOutput::run(command.stdin(File::open(dir.path("event.json")).unwrap())).json();
    assert_eq!(report["type"], "conformance.run", "{report}");
}

#[test]
fn a_sample_is_handled_and_reported_in_full() {
    let dir = host_dir("", &json!({}));
    let report =
        dir.run(&["plugin", "run", "conformance.wasm", "--event", "appointment.created", "--json"]).json();
    assert_eq!(
        (&report["outcome"], &report["cause"], &report["reason"]),
        (&json!("done"), &Value::Null, &Value::Null)
    );
    assert_eq!(report["handler"], "moncreneau:events/appointment-created@1.0.0", "{report}");
    assert_eq!((&report["type"], &report["attempt"]), (&json!("appointment.created"), &json!(1)));
    assert_eq!(report["writes"][0]["bucket"], "typed", "{report}");
    assert!(
        report["duration_us"].as_u64() > Some(0) && report["peak_memory_bytes"].as_u64() > Some(0),
        "{report}"
    );
    assert_eq!(report["fuel"], Value::Null, "nobody asked for it");
    assert!(!dir.path("hookyard-data").exists(), "there is no database");
}

#[test]
fn the_instruction_count_is_the_same_in_each_run() {
    let dir = host_dir("", &json!({ "do": "echo", "text": "é" }));
    let fuel = || run(&dir, &["--fuel", "--json"]).json()["fuel"].as_u64().unwrap();
    let counted = fuel();
    assert!(counted > 1000, "{counted}");
    assert_eq!(counted, fuel());
}

#[test]
fn a_store_persists_between_runs_in_a_readable_file() {
    let dir = host_dir("", &json!({ "do": "store" }));
    let counter = || {
        let state = std::fs::read_to_string(dir.path("state.json")).unwrap();
        serde_json::from_str::<Value>(&state).unwrap()["conformance"]["counter"].clone()
    };
    assert_eq!(run(&dir, &["--state", "state.json"]).code, 0);
    assert_eq!(counter(), "2");
    // People may change it in between.
    let state = std::fs::read_to_string(dir.path("state.json")).unwrap();
    dir.replace("state.json", state.replace(r#""counter": "2""#, r#""counter": "40""#).as_bytes());
    let output = run(&dir, &["--state", "state.json"]);
    assert_eq!((output.code, counter()), (0, json!("42")), "{output:?}");
    assert!(output.out.contains("\n  store conformance/counter = 42\n"), "{output:?}");
    dir.replace("state.json", b"{");
    let output = run(&dir, &["--state", "state.json"]);
    assert!(output.code == 1 && output.err.contains("state.json: "), "{output:?}");
}

#[test]
fn effects_are_printed_in_full_with_secrets_redacted() {
    let asked = json!({ "do": "outbox", "url": "https://sms.example.gn/send", "to": "a@example.gn", "text": "key s3cret-key" });
    // Nobody has said anything about the plugin: it may ask for anything, and is told what a host would say.
    let trial = host_dir("", &asked);
    let output = run(&trial, &["--set", "sms_key=s3cret-key"]);
    assert_eq!(output.code, 1, "a host would do none of it: {output:?}");
    assert!(output.out.contains("  ! a host with this config would refuse 3 effects\n"), "{output:?}");
    for part in [
        "http POST https://sms.example.gn/send\n    X-Test: yes\n    Idempotency-Key: ",
        "key s3cret-key",
        "→ a host would refuse it: https://sms.example.gn is not granted: add it to `http` in [plugin.conformance]",
        "email to a@example.gn\n    Subject: key s3cret-key\n",
        "file attachment.txt (text/plain; charset=utf-8):",
        "event conformance.emitted\n    > {",
        "\"text\":\"key s3cret-key\"}",
    ] {
        assert!(output.out.contains(part), "{part}: {}", output.out);
    }
    // A host's own configuration, with grants and hidden secrets.
    let host = host_dir(
        "[email]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"desk@example.gn\"\n[plugin.conformance]\n\
         http = [\"https://sms.example.gn\"]\nemail = [\"*\"]\nemit = [\"*\"]\nsecrets = { sms_key = \"s3cret-key\" }\n",
        &asked,
    );
    for format in [&[][..], &["--json"]] {
        let output = run(&host, format);
        assert_eq!(output.code, 0, "{output:?}");
        assert!(
            output.out.contains("key {secret:sms_key}") && !output.out.contains("s3cret-key"),
            "{output:?}"
        );
        assert!(!output.out.contains("would refuse"), "{output:?}");
    }
    let effects = run(&host, &["--json"]).json()["effects"].clone();
    let kinds: Vec<&str> = effects.as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["http", "email", "event"]);
    let key = effects[0]["key"].as_str().unwrap();
    assert!(key.len() == 34 && key.ends_with(".1"), "{key}");
    // And one that grants nothing of it refuses when it is asked, as a host would.
    let strict = host_dir("[plugin.conformance]\nhttp = []\n", &asked);
    let output = run(&strict, &[]);
    assert!(output.code == 1 && output.out.contains("https://sms.example.gn is not granted"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_are_sent_only_on_request() {
    let partner = Partner::start(|_, _| Reply::text(200, "taken")).await;
    let origin = partner.origin();
    let url = format!("{origin}/send");
    let config = format!(
        "[email]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"desk@example.gn\"\n[plugin.conformance]\nhttp = [\"{origin}\"]\nemail = [\"*\"]\nemit = [\"*\"]\n"
    );
    let dir =
        host_dir(&config, &json!({ "do": "outbox", "url": url, "to": "a@example.gn", "text": "hello" }));
    assert_eq!(run(&dir, &[]).code, 0);
    assert!(partner.requests().is_empty());
    let output = run(&dir, &["--real-effects"]);
    let asked = partner.requests();
    assert_eq!((asked.len(), asked[0].text(), asked[0].header("x-test")), (1, "hello", "yes"));
    assert!(output.out.contains("→ sent: "), "{output:?}");
    // Nothing answers where the SMTP server should be: a host would try that again.
    assert!(output.code == 1 && output.out.contains("→ not sent, a host would try again: "), "{output:?}");
}

#[test]
fn a_failure_prints_the_outcome_that_a_host_records() {
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
        let dir = host_dir("", &event);
        let output = run(&dir, &["--json", "--state", "state.json"]);
        assert_eq!(output.code, 1, "{output:?}");
        let report: Value = serde_json::from_str(&output.out).unwrap();
        assert_eq!((&report["outcome"], &report["cause"]), (&json!(outcome), &json!(cause)), "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(parts.iter().all(|part| reason.contains(part)), "{reason}");
        assert_eq!((&report["writes"], &report["effects"]), (&json!([]), &json!([])), "{report}");
        assert_eq!(std::fs::read_to_string(dir.path("state.json")).unwrap(), "{}\n", "nothing is kept");
    }
    let dir = host_dir("", &json!({ "do": "retry", "reason": "busy", "afterMs": 5000 }));
    let output = run(&dir, &[]);
    assert!(output.out.contains("it asks for the next attempt after 5000 ms"), "{output:?}");
    assert!(output.out.ends_with("nothing is written and nothing is sent\n"), "{output:?}");
}

#[test]
fn attempt_number_and_repetitions_follow_the_options() {
    let dir = host_dir("", &json!({ "do": "context" }));
    let context = |report: &Value| -> Value {
        serde_json::from_str(report["writes"][0]["value"].as_str().unwrap()).unwrap()
    };
    let report = run(&dir, &["--attempt", "3", "--json"]).json();
    assert_eq!((context(&report)["attempt"].clone(), &report["attempt"]), (json!(3), &json!(3)));
    let sample =
        ["plugin", "run", "conformance.wasm", "--event", "appointment.updated", "--repeat", "3", "--json"];
    let report = dir.run(&sample).json();
    let ids: std::collections::BTreeSet<&str> =
        report.as_array().unwrap().iter().map(|report| report["event"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{report}");
}

#[test]
fn invalid_arguments_are_errors_with_the_reason() {
    let dir = host_dir("", &json!({ "do": "echo" }));
    dir.replace("no-json.json", b"{");
    dir.replace("other.json", br#"{"id":"1","type":"order.paid"}"#);
    dir.replace("garbage.wasm", b"#!/bin/sh\n");
    for (arguments, code, part) in [
        (&["conformance.wasm", "--event", "no-json.json"][..], 1, "no-json.json: the body is not JSON"),
        (&["conformance.wasm", "--event", "appointment.moved"], 2, "no file and no type with a sample"),
        (&["garbage.wasm", "--event", "event.json"], 1, "garbage.wasm is refused: not a WebAssembly file"),
        (&["nowhere.wasm", "--event", "event.json"], 1, "nowhere.wasm"),
        (&["conformance.wasm", "--event", "event.json", "--source", "x"], 1, "no source `x`"),
        (&["conformance.wasm", "--event", "event.json", "--set", "x"], 2, "KEY=VALUE"),
    ] {
        let output = dir.run(&[&["plugin", "run"], arguments].concat());
        assert!(output.code == code && output.err.contains(part), "{part}: {output:?}");
    }
    let output = dir.run(&["plugin", "run", "conformance.wasm", "--event", "other.json"]);
    let told = "order.paid would not come to it; it handles moncreneau:events/appointment-";
    assert!(
        output.code == 1 && output.err.contains(told) && output.err.contains("conformance.*"),
        "{output:?}"
    );
}
