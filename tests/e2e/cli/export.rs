//! `hookyard event export`, `plugin run --event-id`, and the payload in `event show`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{Event, HostDir, guest};

const PAYLOAD: &str =
    r#"{"do":"http","url":"http://127.0.0.1:1/x","text":"+224 620 00 00 00","n":9007199254740993.10}"#;

/// A host with the guest `outbox`, and keys of its source.
fn host_dir(of_source: &str) -> HostDir {
    let dir = HostDir::new(&format!(
        "{of_source}[effects]\nbackoff_base_ms = 60000\n[plugin.outbox]\nhttp = [\"http://127.0.0.1:1\"]\n"
    ));
    dir.install("outbox", &guest("outbox"));
    dir
}

fn event() -> Event {
    let body = format!(
        "{{\"id\":\"evt_1\",\"type\":\"a.b\",\"created\":\"2026-01-21T14:30:00Z\",\"data\":{{\"object\":{PAYLOAD}}}}}"
    );
    Event { id: "evt_1".into(), body }
}

#[tokio::test]
async fn an_exported_event_runs_with_the_payload_and_context_that_it_had_on_the_host() {
    let dir = host_dir("");
    let host = dir.start().await;
    host.send(&event()).await;
    let on_host =
        host.wait_event("evt_1", "it is done", |event| event["deliveries"][0]["state"] == "done").await;
    let shown = dir.run(&["event", "show", "evt_1"]);
    assert!(shown.out.contains("\npayload:\n  {\n    \"do\": \"http\",\n"), "{shown:?}");
    assert!(shown.out.contains("\n    \"n\": 9007199254740993.10\n  }\n"), "no number is rounded: {shown:?}");

    assert_eq!(dir.run(&["event", "export", "evt_1", "--out", "evt.json"]).code, 0);
    let file = std::fs::metadata(dir.path("evt.json")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600, "it may have personal data");
    let text = std::fs::read_to_string(dir.path("evt.json")).unwrap();
    assert!(text.contains(PAYLOAD), "as it was sent: {text}");
    let exported: Value = dir.run(&["event", "export", "evt_1"]).json();
    for (field, value) in
        [("source", "moncreneau"), ("id", "evt_1"), ("type", "a.b"), ("created", "2026-01-21T14:30:00Z")]
    {
        assert_eq!(exported[field], value, "{exported}");
    }

    let plugin = dir.path("plugins/outbox.wasm");
    let plugin = plugin.to_str().unwrap();
    let key = &on_host["deliveries"][0]["effects"][0]["key"];
    for which in [&["--event", "evt.json"][..], &["--event-id", "evt_1"]] {
        let report = dir.run(&[&["plugin", "run", plugin, "--json"], which].concat()).json();
        assert_eq!(&report["effects"][0]["key"], key, "the idempotency key is the same: {report}");
        assert_eq!((&report["event"], &report["attempt"]), (&json!("evt_1"), &json!(1)), "{report}");
    }
    let again = dir.run(&["plugin", "run", plugin, "--event-id", "evt_1", "--attempt", "3", "--json"]).json();
    assert_eq!(again["attempt"], 3);
    let missing = dir.run(&["plugin", "run", plugin, "--event-id", "evt_none"]);
    assert!(missing.code == 1 && missing.err.contains("no event `evt_none`"), "{missing:?}");
    let nowhere = dir.run(&["event", "export", "evt_1", "--out", "none/evt.json"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("none/evt.json: No such file"), "{nowhere:?}");
}

#[tokio::test]
async fn personal_values_are_masked_unless_they_are_asked_for() {
    let dir = host_dir(
        "personal = [\"/data/object/text\", \"/data/object/none\"]\nordering_key = \"/data/object/text\"\n",
    );
    let host = dir.start().await;
    let event = event();
    host.send(&event).await;
    host.wait_event("evt_1", "it is done", |event| event["deliveries"][0]["state"] == "done").await;
    let second = Event { body: event.body.replace("620", "621"), ..event };
    host.send(&second).await;
    let masked = dir.run(&["event", "show", "evt_1", "--json"]).json();
    assert_eq!(masked["payload"]["text"], "[masked]", "{masked}");
    assert_eq!(
        (&masked["masked"], &masked["ordering_key"]),
        (&json!(["/data/object/text"]), &json!("[masked]"))
    );
    assert!(!masked["conflicts"].to_string().contains("+224"), "{masked}");
    let whole = dir.run(&["event", "show", "evt_1", "--unmasked", "--json"]).json();
    assert_eq!((&whole["payload"]["text"], &whole["masked"]), (&json!("+224 620 00 00 00"), &json!([])));

    let export = dir.run(&["event", "export", "evt_1"]);
    let exported: Value = serde_json::from_str(&export.out).unwrap();
    assert!(exported["payload"]["text"] == "[masked]" && export.err.contains("--unmasked"), "{export:?}");
    assert_eq!(
        dir.run(&["event", "export", "evt_1", "--unmasked"]).json()["payload"]["text"],
        "+224 620 00 00 00"
    );
    let plugin = dir.path("plugins/outbox.wasm");
    let run = ["plugin", "run", plugin.to_str().unwrap(), "--event-id", "evt_1"];
    let masked = dir.run(&run);
    assert!(masked.out.contains("[masked]") && masked.err.contains("/data/object/text"), "{masked:?}");
    let whole = dir.run(&[&run[..], &["--unmasked"]].concat());
    assert!(whole.out.contains("+224 620 00 00 00") && whole.err.is_empty(), "{whole:?}");
    drop(host);

    // Without the source, nothing says which values are personal.
    dir.replace(
        "hookyard.toml",
        b"[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
          [sources.other]\nscheme = \"hmac\"\nsecrets = [\"whsec_other\"]\n",
    );
    let _host = dir.start().await;
    let masked = dir.run(&["event", "show", "evt_1", "--json"]).json();
    assert_eq!((&masked["payload"], &masked["ordering_key"]), (&json!("[masked]"), &json!("[masked]")));
    assert!(!masked["conflicts"].to_string().contains("+224"), "{masked}");
    let whole = dir.run(&["event", "show", "evt_1", "--unmasked", "--json"]).json();
    assert_eq!(whole["payload"]["text"], "+224 620 00 00 00");
}

#[test]
fn a_document_with_the_five_fields_of_an_event_runs_too() {
    let dir = HostDir::new("");
    std::fs::remove_file(dir.path("hookyard.toml")).unwrap();
    dir.replace("plugin.wasm", &guest("conformance-rust"));
    let sample: Value = serde_json::from_str(&Event::created("evt_1").body).unwrap();
    let event = json!({
        "source": "moncreneau", "id": "evt_1", "type": "appointment.created",
        "created": "2026-01-21T14:30:00Z", "payload": sample["data"]["object"],
    });
    dir.replace("event.json", event.to_string().as_bytes());
    let report = dir.run(&["plugin", "run", "plugin.wasm", "--event", "event.json", "--json"]).json();
    assert_eq!(report["handler"], "moncreneau:events/appointment-created@1.0.0", "{report}");
    assert_eq!(report["outcome"], "done", "{report}");
}
