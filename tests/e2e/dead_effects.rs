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
