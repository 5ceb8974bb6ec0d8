//! `hookyard event show`.

use serde_json::{Value, json};

use crate::support::{Event, HostDir, guest, sign};

#[tokio::test]
async fn json_has_the_fields_that_tools_rely_on() {
    let dir = HostDir::new("[plugin.actor]\nbackoff_base_ms = 1\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.opened", "evt_1", &json!({ "act": "retry-until 2" }))).await;
    host.wait_finished("evt_1").await;
    let event = dir.run(&["event", "show", "evt_1", "--json"]).json();
    for (field, expected) in
        [("source", "moncreneau"), ("id", "evt_1"), ("type", "shop.opened"), ("state", "done")]
    {
        assert_eq!(event[field], expected, "{event}");
    }
    let delivery = &event["deliveries"][0];
    assert_eq!((&delivery["plugin"], &delivery["state"]), (&"actor".into(), &"done".into()), "{event}");
    let attempts = delivery["attempts"].as_array().unwrap();
    let outcomes: Vec<(u64, &str)> =
        attempts.iter().map(|a| (a["number"].as_u64().unwrap(), a["outcome"].as_str().unwrap())).collect();
    assert_eq!(outcomes, [(1, "retry"), (2, "done")], "{event}");
    let revision = hookyard::event::Digest::of(&guest("actor")).to_string();
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(attempt["revision"], revision.as_str(), "{event}");
        assert!(attempt["duration_us"].as_u64().unwrap() > 0, "{event}");
        assert_eq!(
            attempt["logs"],
            json!([format!("INFO evt_1 attempt {number}: retry-until 2")]),
            "{event}"
        );
    }
}

#[tokio::test]
async fn text_output_lists_the_history_of_an_event() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.opened", "evt_1", &json!({ "act": "reject" }))).await;
    host.wait_finished("evt_1").await;
    let output = dir.run(&["event", "show", "evt_1"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let lines = ["event     evt_1", "type      shop.opened", "state     dead", "actor: dead"];
    assert!(lines.iter().all(|line| output.out.lines().any(|l| l == *line)), "{}", output.out);
    for part in ["  attempt 1: rejected in ", "told to", "    | INFO evt_1 attempt 1: reject"] {
        assert!(output.out.contains(part), "{part}: {}", output.out);
    }
}

#[tokio::test]
async fn a_conflicting_payload_is_shown() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let first = Event::created("evt_1");
    host.send(&first).await;
    let second = Event { body: first.body.replace("Jean Dupont", "Awa Diallo"), ..first };
    assert_eq!(host.send(&second).await.status(), "conflict");
    let told = dir.run(&["event", "show", "evt_1"]);
    assert!(told.out.contains("conflict: another payload came with this id"), "{told:?}");
    let event = dir.run(&["event", "show", "evt_1", "--json"]).json();
    assert_eq!(event["conflicts"][0]["body"], second.body);
}

#[tokio::test]
async fn an_unknown_event_is_exit_code_1() {
    let dir = HostDir::new("");
    let _host = dir.start().await;
    let wanted: [&[&str]; 2] =
        [&["event", "show", "evt_nope"], &["event", "show", "evt_nope", "--source", "moncreneau"]];
    for show in wanted {
        for more in [&[][..], &["--json"]] {
            let output = dir.run(&[show, more].concat());
            assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
            assert!(output.err.contains("no event `evt_nope`"), "{output:?}");
        }
    }
}

#[tokio::test]
async fn an_id_of_two_sources_requires_the_source() {
    let dir = HostDir::new("[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n");
    let host = dir.start().await;
    let event = Event::created("evt_1");
    host.send(&event).await;
    let bare = sign("s", &event.body);
    host.post("shop", &event.body, &[("X-Webhook-Signature", bare.strip_prefix("sha256=").unwrap())]).await;
    let output = dir.run(&["event", "show", "evt_1"]);
    assert_eq!((output.code, output.out.as_str()), (2, ""), "{output:?}");
    assert!(
        output.err.contains("--source") && output.err.contains("moncreneau") && output.err.contains("shop"),
        "{output:?}"
    );
    for source in ["moncreneau", "shop"] {
        let event: Value = dir.run(&["event", "show", "evt_1", "--source", source, "--json"]).json();
        assert_eq!(event["source"], source);
    }
}

#[tokio::test]
async fn text_of_senders_and_plugins_cannot_control_the_terminal() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let act = "\u{1b}]0;owned\u{7}";
    host.send(&Event::with_payload("shop.opened", "evt_1", &json!({ "act": act }))).await;
    let event = host.wait_finished("evt_1").await;
    let attempt = &event["deliveries"][0]["attempts"][0];
    for told in [&attempt["reason"], &attempt["logs"][0]] {
        assert!(told.as_str().unwrap().contains(act), "tools get it as it was: {event}");
    }
    let shown = dir.run(&["event", "show", "evt_1"]);
    assert!(shown.out.contains("]0;owned"), "{shown:?}");
    let missing = dir.run(&["event", "show", "evt_\u{1b}[31m"]);
    assert!(missing.err.contains("[31m"), "{missing:?}");
    for output in [shown, missing, dir.run(&["event", "list"])] {
        assert!(
            ![&output.out, &output.err].iter().any(|text| text.contains(['\u{1b}', '\u{7}'])),
            "{output:?}"
        );
    }
}
