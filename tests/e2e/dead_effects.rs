//! Dead effects: listed, replayed with their keys, or discarded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::support::{Event, HostDir, Partner, Reply, RunningHost, guest};

/// Three events whose requests are all dead. The partner can be switched to success.
async fn dead(dir: &HostDir, partner: &Partner) -> Vec<String> {
    dir.configure(&format!(
        "[effects]\nattempts_max = 2\nbackoff_base_ms = 1\n[plugin.outbox]\nhttp = [\"{}\"]\n",
        partner.origin()
    ));
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    let mut keys = Vec::new();
    for number in 0..3 {
        let id = format!("evt_{number}");
        let payload = json!({ "do": "http", "url": format!("{}/sms", partner.origin()), "text": "x" });
        host.send(&Event::with_payload("told", &id, &payload)).await;
        keys.push(key_when(&host, &id, "dead").await);
    }
    host.terminate();
    host.wait_exit().await;
    keys
}

async fn key_when(host: &RunningHost<'_>, id: &str, state: &str) -> String {
    let effect = |event: &serde_json::Value| event["deliveries"][0]["effects"][0].clone();
    let event = host.wait_event(id, state, |event| effect(event)["state"] == state).await;
    effect(&event)["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn dead_effects_are_retried_under_their_keys_or_resolved() {
    let well = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&well);
    let answer = move |_, _: &_| {
        let (status, text) = if mended.load(Ordering::Relaxed) { (200, "well") } else { (500, "not well") };
        Reply::text(status, text)
    };
    let partner = Partner::start(answer).await;
    let dir = HostDir::new("");
    let keys = dead(&dir, &partner).await;
    // A plugin that has nothing open when the host starts.
    let host = dir.start().await;
    let listed = dir.run(&["effect", "list", "--state", "dead", "--json"]).json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["event"], &items[0]["key"]),
        (3, &"evt_2".into(), &keys[2].clone().into())
    );
    assert!(items[0]["last"].as_str().unwrap().contains("500"), "{listed}");
    let page = dir.run(&["effect", "list", "--limit", "2", "--json"]).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = dir.run(&["effect", "list", "--cursor", cursor, "--json"]).json();
    assert_eq!(next["items"][0]["event"], "evt_0");

    // Still not well: it has its tries again.
    let asked = partner.requests().len();
    assert_eq!(dir.run(&["effect", "replay", &keys[0]]).out, "1 effect: to be tried again\n");
    crate::support::wait_until("two more attempts", async || {
        (partner.requests().len() == asked + 2).then_some(())
    })
    .await;
    key_when(&host, "evt_0", "dead").await;
    well.store(true, Ordering::Relaxed);
    assert_eq!(dir.run(&["effect", "discard", &keys[2]]).out, "1 effect: resolved\n");
    assert_eq!(dir.run(&["effect", "replay", "--plugin", "outbox"]).out, "2 effects: to be tried again\n");
    for (id, key) in [("evt_0", &keys[0]), ("evt_1", &keys[1])] {
        assert_eq!(&key_when(&host, id, "done").await, key);
    }
    assert_eq!(dir.run(&["effect", "list", "--state", "dead"]).out, "no such effects\n");
    for (arguments, code, said) in [
        (&["effect", "replay"][..], 2, "which dead effects?"),
        (&["effect", "replay", &keys[0]], 1, "1 of those named are not dead"),
        (&["effect", "discard", "--all", "--plugin", "outbox"], 2, "--all means all"),
        (&["effect", "list", "--cursor", "x"], 2, "`cursor`"),
    ] {
        let output = dir.run(arguments);
        assert!(output.code == code && output.err.contains(said), "{output:?}");
    }
}

#[tokio::test]
async fn a_bulk_replay_of_effects_has_a_dry_run_progress_failures_and_a_stop() {
    let partner = Partner::start(|_, _: &_| Reply::text(500, "not well")).await;
    let dir = HostDir::new("");
    let keys = dead(&dir, &partner).await;
    let host = dir.start().await;
    let asked = partner.requests().len();
    let dry = ["effect", "replay", "--plugin", "outbox", "--reason", "500", "--dry-run"];
    let planned = dir.run(&dry);
    assert!(planned.out.starts_with("would try 3 effects again:\n"), "{planned:?}");
    assert!(planned.out.contains("1-1-1") && planned.out.contains("not well"), "{planned:?}");
    assert!(planned.out.ends_with("nothing was changed: this was a dry run\n"), "{planned:?}");
    let planned = dir.run(&[&dry[..], &["--json"]].concat()).json();
    assert_eq!(
        (&planned["effects"], &planned["made"], &planned["state"]),
        (&json!(3), &json!(3), &json!("done"))
    );
    assert_eq!(planned["first"][0]["effect"], "1-1-1", "{planned}");
    for (condition, count) in [(["--reason", "404"], 0), (["--type", "told"], 3), (["--since", "1h"], 3)] {
        let found = dir.run(&[&["effect", "discard", "--dry-run", "--json"], &condition[..]].concat()).json();
        assert_eq!(found["made"], count, "{condition:?}: {found}");
    }
    assert_eq!(partner.requests().len(), asked, "a dry run asks nobody");

    // They fail again, and the replay says which.
    let replayed =
        dir.run(&["effect", "replay", "--plugin", "outbox", "--note", "the partner is back", "--json"]);
    let number = replayed.json()["id"].to_string();
    for number in 0..3 {
        let is_over = |event: &serde_json::Value| {
            let effect = &event["deliveries"][0]["effects"][0];
            effect["state"] == "dead" && effect["attempts"].as_array().is_some_and(|all| all.len() == 4)
        };
        host.wait_event(&format!("evt_{number}"), "it has two more attempts", is_over).await;
    }
    let shown = dir.run(&["replay", "show", &number, "--json"]).json();
    assert_eq!(shown["failures"]["items"].as_array().unwrap().len(), 3, "{shown}");
    let shown = dir.run(&["replay", "show", &number]);
    assert!(shown.out.contains("effects that failed") && shown.out.contains("not well"), "{shown:?}");
    let listed = dir.run(&["replay", "list"]);
    assert!(listed.out.contains("replay effects (dry run)"), "{listed:?}");
    let entries = dir.run(&["audit", "list", "--action", "replay.begin", "--json"]).json();
    assert!(entries.to_string().contains("the partner is back"), "{entries}");

    // Those of a replay are resolved by its number; it has ended, so it is not stopped.
    assert_eq!(dir.run(&["effect", "discard", "--replay", &number]).out, "3 effects: resolved\n");
    let stopped = dir.run(&["replay", "stop", &number]);
    assert!(stopped.code == 1 && stopped.err.contains("has ended"), "{stopped:?}");
    let again = dir.run(&["effect", "replay", &keys[1]]);
    assert!(again.code == 1 && again.err.contains("1 of those named are not dead"), "{again:?}");
    for (body, said) in [
        (json!({ "of": "effects", "to": "outbox" }), "`to` is for events"),
        (json!({ "of": "deliveries", "where": { "keys": [&keys[0]] } }), "`where.keys` is for effects"),
    ] {
        let (status, problem) = host.api_post("/api/v1/replays", &body, &[]).await;
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
}

#[tokio::test]
async fn dead_effects_are_grouped_by_their_answer() {
    let partner = Partner::start(|_, _: &_| Reply::text(500, "not well")).await;
    let dir = HostDir::new("");
    dead(&dir, &partner).await;
    let host = dir.start().await;
    let (status, found) = host.api_get("/api/v1/effects/groups").await;
    assert_eq!(status, 200, "{found}");
    let group = &found["items"][0];
    assert_eq!((&found["groups"], &found["counted"], &group["count"]), (&json!(1), &json!(3), &json!(3)));
    assert!(group["reason"].as_str().unwrap().contains("500"), "{found}");
    assert_eq!((&group["newest"]["event"], &group["newest"]["effect"]), (&json!("evt_2"), &json!("3-1-1")));
    assert!(group["newest"]["summary"].as_str().unwrap().starts_with("POST http"), "{found}");
    assert_eq!(found["next_cursor"], json!(null));
    let (_, found) = host.api_get("/api/v1/effects/groups?reason=404").await;
    assert_eq!(found["items"], json!([]));
}
