//! Bad plugins beside a good one, which is not affected.

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest, wait_until};

/// Bad plugins, which do this in every call for as long as their calls may take, beside the good one.
fn beside(bad: usize, act: &str, settings: &str) -> HostDir {
    let section =
        |n| format!("[plugin.bad-{n}]\ncall_timeout_ms = 600000\nconfig = {{ act = \"{act}\" }}\n{settings}");
    let sections: String = (0..bad).map(section).collect();
    let dir = HostDir::new(&format!("[dispatch]\nconcurrency = 4\n{sections}"));
    for n in 0..bad {
        dir.install(&format!("bad-{n}"), &distinct_copy(&guest("actor"), n));
    }
    dir.install("good", &distinct_copy(&guest("actor"), bad));
    dir
}

/// Sends events to all, and waits until the good one is done with each.
async fn good_is_done(host: &RunningHost<'_>, count: usize) -> Vec<Value> {
    let ids: Vec<_> = (0..count).map(|n| format!("evt_{n}")).collect();
    for id in &ids {
        assert_eq!(host.send(&Event::with_payload("any.type", id, &json!({}))).await.status(), "accepted");
    }
    let good = |event: &Value| state(event, "good") == "done";
    let mut all = Vec::new();
    for id in &ids {
        all.push(host.wait_event(id, "the good one is done with it", good).await);
    }
    all
}

fn state(event: &Value, plugin: &str) -> String {
    let deliveries = event["deliveries"].as_array().unwrap();
    deliveries.iter().find(|d| d["plugin"] == plugin).unwrap()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn hanging_plugins_take_neither_slots_nor_threads_of_others() {
    let dir = beside(6, "loop", "");
    let host = dir.start().await;
    let events = good_is_done(&host, 50).await;
    // None of the bad ones has come to an end meanwhile, and each runs its first.
    // Which event that is, is open: these have no ordering key.
    wait_until("each bad one runs an attempt", async || {
        let all = host.events("").await;
        let runs = |n| all.iter().any(|event| state(event, &format!("bad-{n}")) == "running");
        (0..6).all(runs).then_some(())
    })
    .await;
    for n in 0..6 {
        assert_ne!(state(&events[49], &format!("bad-{n}")), "done", "{}", events[49]);
    }
}

#[tokio::test]
async fn failing_plugins_are_paused_and_a_good_one_is_not() {
    let settings = "breaker_deliveries = 4\nbreaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000\n";
    let dir = beside(3, "retry", settings);
    let host = dir.start().await;
    good_is_done(&host, 50).await;
    for n in 0..3 {
        let name = format!("bad-{n}");
        host.wait_plugin(&name, "it is paused", |plugin| plugin["breaker_until"].is_u64()).await;
    }
    let good = host.plugin("good").await.unwrap();
    assert_eq!(good["breaker_until"], Value::Null, "{good}");
}

#[tokio::test]
async fn a_hanging_plugin_is_paused() {
    let settings = "breaker_deliveries = 2\nbreaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000\n";
    let dir = beside(1, "loop", settings);
    dir.configure(&format!(
        "[plugin.bad-0]\ncall_timeout_ms = 100\nconfig = {{ act = \"loop\" }}\n{settings}"
    ));
    let host = dir.start().await;
    good_is_done(&host, 50).await;
    host.wait_plugin("bad-0", "it is paused", |plugin| plugin["breaker_until"].is_u64()).await;
    // Running calls end, and no new one begins.
    wait_until("nothing runs", async || {
        let (_, page) = host.api_get("/api/v1/events?limit=1&state=running").await;
        page["items"].as_array()?.is_empty().then_some(())
    })
    .await;
    let tried: usize = host
        .events("")
        .await
        .iter()
        .flat_map(|event| event["deliveries"].as_array().unwrap())
        .filter(|delivery| delivery["plugin"] == "bad-0" && delivery["attempts"] != 0)
        .count();
    assert!((2..50).contains(&tried), "{tried} of its deliveries were tried");
}
