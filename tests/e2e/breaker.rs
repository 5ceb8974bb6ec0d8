//! The breaker pauses a plugin that fails nearly all its deliveries, and resumes it when it works again. A
//! pause loses no event and uses up no attempt.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest, wait_until};

/// A plugin whose breaker opens when its latest four deliveries failed.
fn host_dir(plugin: &str) -> HostDir {
    let dir = HostDir::new(&config(plugin));
    dir.install("actor", &guest("actor"));
    dir
}

fn config(plugin: &str) -> String {
    format!(
        "[plugin.actor]\nbreaker_failures_percent = 100\nbreaker_deliveries = 4\nconcurrency = 1\n{plugin}\n"
    )
}

/// Sends `count` events with the same act, numbered from `from`.
async fn send(host: &RunningHost<'_>, from: usize, count: usize, act: &str) -> Vec<String> {
    let ids: Vec<_> = (from..from + count).map(|number| format!("evt_{number}")).collect();
    for id in &ids {
        let answer = host.send(&Event::with_payload("any.type", id, &json!({ "act": act }))).await;
        assert_eq!(answer.status(), "accepted", "{answer:?}");
    }
    ids
}

/// Waits until an event is done or dead.
async fn closed(host: &RunningHost<'_>, id: &str) -> Value {
    let is_closed = |event: &Value| matches!(event["state"].as_str(), Some("done" | "dead"));
    host.wait_event(id, "it is done or dead", is_closed).await
}

async fn paused(host: &RunningHost<'_>) -> u64 {
    let plugin = host.wait_plugin("actor", "it is paused", |plugin| plugin["breaker_until"].is_u64()).await;
    plugin["breaker_until"].as_u64().unwrap()
}

async fn resumed(host: &RunningHost<'_>) {
    host.wait_plugin("actor", "it is not paused", |plugin| plugin["breaker_until"].is_null()).await;
}

async fn gauge(host: &RunningHost<'_>) -> String {
    let page = host.admin_get("/metrics", None).await.text().await.unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix("hookyard_plugin_paused{plugin=\"actor\"} "));
    value.unwrap().to_owned()
}

fn attempts(event: &Value) -> &Vec<Value> {
    event["deliveries"][0]["attempts"].as_array().unwrap()
}

/// Attempts at all events so far.
async fn all_attempts(host: &RunningHost<'_>) -> u64 {
    let events = host.events("").await;
    events.iter().map(|event| event["deliveries"][0]["attempts"].as_u64().unwrap()).sum()
}

const FAILS_FOR_AN_HOUR: &str = "retry-after 3600000";

#[tokio::test]
async fn a_plugin_that_fails_everything_is_paused_and_its_deliveries_wait() {
    let dir =
        host_dir("breaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000\nconfig = { act = \"trap\" }");
    let host = dir.start().await;
    assert_eq!(gauge(&host).await, "0");
    for number in 0..9 {
        host.send(&Event::created(&format!("evt_{number}"))).await;
    }
    let until = paused(&host).await;
    assert!(until > hookyard::event::now_ms() + 3_000_000, "{until}");
    host.wait_log(&["WARN", "actor", "paused for 3600000 ms", "4 of its latest 4 deliveries failed"]).await;
    assert_eq!(gauge(&host).await, "1");
    let output = dir.run(&["plugin", "list"]);
    assert!(output.out.contains("running, paused by its breaker"), "{output:?}");
    assert!(output.out.contains("plugin actor is paused until "), "{output:?}");
    let made = all_attempts(&host).await;

    // New events wait too.
    let later = send(&host, 10, 3, "well").await;
    host.wait_plugin("actor", "it is still paused", |plugin| plugin["breaker_until"] == until).await;
    assert_eq!(all_attempts(&host).await, made);

    // Another configuration may be the cure, so it is tried at once.
    dir.configure(&config("backoff_base_ms = 1\nbackoff_max_ms = 1"));
    resumed(&host).await;
    for id in &later {
        let event = closed(&host, id).await;
        assert_eq!((&event["state"], attempts(&event).len()), (&"done".into(), 1), "{event}");
    }
    for number in 0..9 {
        let event = closed(&host, &format!("evt_{number}")).await;
        assert_eq!(event["state"], "done", "{event}");
    }
    assert_eq!(gauge(&host).await, "0");
}

#[tokio::test]
async fn after_its_pause_a_plugin_runs_one_delivery_and_resumes_when_it_is_done() {
    let dir = host_dir("breaker_pause_ms = 300");
    let host = dir.start().await;
    send(&host, 0, 4, FAILS_FOR_AN_HOUR).await;
    paused(&host).await;
    let ids = send(&host, 4, 6, "well").await;
    let mut starts = Vec::new();
    for id in &ids {
        let event = closed(&host, id).await;
        assert_eq!((&event["state"], attempts(&event).len()), (&"done".into(), 1), "{event}");
        starts.push(attempts(&event)[0]["started_at"].as_u64().unwrap());
    }
    assert!(starts.is_sorted(), "in order: {starts:?}");
    resumed(&host).await;
    host.wait_log(&["plugin resumed"]).await;
    let log = host.flushed_log().await;
    let lines: Vec<_> = log.lines().filter(|line| line.contains("plugin resumed")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[tokio::test]
async fn a_plugin_that_still_fails_is_paused_longer_each_time_up_to_the_maximum() {
    let dir = host_dir("breaker_pause_ms = 50\nbreaker_pause_max_ms = 150");
    let host = dir.start().await;
    send(&host, 0, 4, FAILS_FOR_AN_HOUR).await;
    paused(&host).await;
    send(&host, 4, 10, FAILS_FOR_AN_HOUR).await;
    let pauses = wait_until("it was paused four times", async || {
        let log = dir.log();
        let told = log.lines().filter(|line| line.contains("plugin paused for"));
        let pauses: Vec<u64> = told.map(pause_ms).collect();
        (pauses.len() >= 4).then_some(pauses)
    })
    .await;
    assert_eq!(pauses[..4], [50, 100, 150, 150]);
    let attempts = wait_until("all were tried", async || {
        let attempts = all_attempts(&host).await;
        (attempts >= 14).then_some(attempts)
    })
    .await;
    assert_eq!(attempts, 14, "each of them once");
}

fn pause_ms(line: &str) -> u64 {
    let line: Value = serde_json::from_str(line).unwrap();
    line["pause_ms"].as_u64().unwrap()
}

#[tokio::test]
async fn another_revision_ends_the_pause_at_once() {
    let dir = host_dir(
        "breaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000\nbackoff_base_ms = 3600000\nbackoff_max_ms = 3600000",
    );
    let host = dir.start().await;
    // They fail on the old revision only.
    let failed = send(&host, 0, 4, "retry-until 2").await;
    paused(&host).await;
    let waiting = send(&host, 4, 3, "well").await;
    dir.install("actor", &distinct_copy(&guest("actor"), 1));
    resumed(&host).await;
    for id in failed.iter().chain(&waiting) {
        assert_eq!(closed(&host, id).await["state"], "done");
    }
}

#[tokio::test]
async fn a_pause_ends_with_the_host() {
    let dir = host_dir("breaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000");
    let host = dir.start().await;
    send(&host, 0, 4, FAILS_FOR_AN_HOUR).await;
    paused(&host).await;
    let ids = send(&host, 4, 3, "well").await;
    host.kill();
    let host = dir.start().await;
    for id in &ids {
        assert_eq!(closed(&host, id).await["state"], "done");
    }
}

#[tokio::test]
async fn rejections_and_a_single_failing_event_pause_no_plugin() {
    let dir = host_dir(
        "breaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000\nattempts_max = 20\nbackoff_base_ms = 1\nbackoff_max_ms = 1",
    );
    let host = dir.start().await;
    send(&host, 0, 10, "reject").await;
    let stubborn = send(&host, 10, 1, "retry").await;
    let event = closed(&host, &stubborn[0]).await;
    assert_eq!((&event["state"], attempts(&event).len()), (&"dead".into(), 20), "{event}");
    let good = send(&host, 11, 1, "well").await;
    assert_eq!(closed(&host, &good[0]).await["state"], "done");
    let log = host.flushed_log().await;
    assert!(!log.contains("plugin paused"), "{log}");
}

#[tokio::test]
async fn a_percentage_of_0_disables_the_breaker() {
    let dir = HostDir::new(
        "[plugin.actor]\nbreaker_failures_percent = 0\nbreaker_deliveries = 1\nattempts_max = 1\n",
    );
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let ids = send(&host, 0, 40, "retry").await;
    let mut states = BTreeSet::new();
    for id in &ids {
        states.insert(closed(&host, id).await["state"].as_str().unwrap().to_owned());
    }
    assert_eq!(states, BTreeSet::from(["dead".to_owned()]));
    let log = host.flushed_log().await;
    assert!(!log.contains("plugin paused"), "{log}");
}
