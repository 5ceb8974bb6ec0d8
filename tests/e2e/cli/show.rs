//! `hookyard event show`.

use serde_json::{Value, json};

use crate::support::{Bed, Event, guest, sign};

#[tokio::test]
async fn json_has_the_fields_that_tools_rely_on() {
    let bed = Bed::new("[plugin.actor]\nbackoff_base_ms = 1\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&Event::of("shop.opened", "evt_1", &json!({ "act": "retry-until 2" }))).await;
    host.settled("evt_1").await;
    let event = bed.run(&["event", "show", "evt_1", "--json"]).json();
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
async fn text_tells_the_story_of_an_event() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&Event::of("shop.opened", "evt_1", &json!({ "act": "reject" }))).await;
    host.settled("evt_1").await;
    let ran = bed.run(&["event", "show", "evt_1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let lines = ["event     evt_1", "type      shop.opened", "state     dead", "actor: dead"];
    assert!(lines.iter().all(|line| ran.out.lines().any(|l| l == *line)), "{}", ran.out);
    for part in ["  attempt 1: rejected in ", "told to", "    | INFO evt_1 attempt 1: reject"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
}

#[tokio::test]
async fn another_payload_under_the_same_id_is_shown() {
    let bed = Bed::new("");
    let host = bed.start().await;
    let first = Event::created("evt_1");
    host.send(&first).await;
    let second = Event { body: first.body.replace("Jean Dupont", "Awa Diallo"), ..first };
    assert_eq!(host.send(&second).await.status(), "conflict");
    let told = bed.run(&["event", "show", "evt_1"]);
    assert!(told.out.contains("conflict: another payload came with this id"), "{told:?}");
    let event = bed.run(&["event", "show", "evt_1", "--json"]).json();
    assert_eq!(event["conflicts"][0]["body"], second.body);
}

#[tokio::test]
async fn an_event_that_is_not_there_is_exit_code_1() {
    let bed = Bed::new("");
    let _host = bed.start().await;
    let wanted: [&[&str]; 2] =
        [&["event", "show", "evt_nope"], &["event", "show", "evt_nope", "--source", "moncreneau"]];
    for show in wanted {
        for more in [&[][..], &["--json"]] {
            let ran = bed.run(&[show, more].concat());
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
            assert!(ran.err.contains("no event `evt_nope`"), "{ran:?}");
        }
    }
}

#[tokio::test]
async fn an_id_of_two_sources_wants_the_source() {
    let bed = Bed::new("[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n");
    let host = bed.start().await;
    let event = Event::created("evt_1");
    host.send(&event).await;
    let bare = sign("s", &event.body);
    host.post("shop", &event.body, &[("X-Webhook-Signature", bare.strip_prefix("sha256=").unwrap())]).await;
    let ran = bed.run(&["event", "show", "evt_1"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(
        ran.err.contains("--source") && ran.err.contains("moncreneau") && ran.err.contains("shop"),
        "{ran:?}"
    );
    for source in ["moncreneau", "shop"] {
        let event: Value = bed.run(&["event", "show", "evt_1", "--source", source, "--json"]).json();
        assert_eq!(event["source"], source);
    }
}

#[tokio::test]
async fn what_senders_and_plugins_wrote_cannot_drive_the_terminal() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    let act = "\u{1b}]0;owned\u{7}";
    host.send(&Event::of("shop.opened", "evt_1", &json!({ "act": act }))).await;
    let event = host.settled("evt_1").await;
    let attempt = &event["deliveries"][0]["attempts"][0];
    for told in [&attempt["reason"], &attempt["logs"][0]] {
        assert!(told.as_str().unwrap().contains(act), "tools get it as it was: {event}");
    }
    let shown = bed.run(&["event", "show", "evt_1"]);
    assert!(shown.out.contains("]0;owned"), "{shown:?}");
    let missing = bed.run(&["event", "show", "evt_\u{1b}[31m"]);
    assert!(missing.err.contains("[31m"), "{missing:?}");
    for ran in [shown, missing, bed.run(&["event", "list"])] {
        assert!(![&ran.out, &ran.err].iter().any(|text| text.contains(['\u{1b}', '\u{7}'])), "{ran:?}");
    }
}
