//! `instances = "reused"`: an instance serves later events, until anything makes it a bad idea.

use serde_json::json;

use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest};

const REUSED: &str =
    "[plugin.actor]\ninstances = \"reused\"\nreuse_max = 3\nconcurrency = 1\nattempts_max = 1\n";

/// Sends an act, and returns the last log line of its attempt.
async fn act(host: &RunningHost<'_>, id: &str, act: &str) -> String {
    host.send(&Event::with_payload("any.type", id, &json!({ "act": act }))).await;
    let event = host.wait_finished(id).await;
    let logs = event["deliveries"][0]["attempts"][0]["logs"].as_array().unwrap();
    logs.last().unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_instance_is_reused_for_up_to_reuse_max_calls() {
    let dir = HostDir::new(REUSED);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for (id, call) in [("a", 1), ("b", 2), ("c", 3), ("d", 1)] {
        assert_eq!(act(&host, id, "remember").await, format!("INFO call {call} of this instance"));
    }
}

#[tokio::test]
async fn an_instance_is_dropped_after_a_failure_a_trap_and_a_timeout() {
    let dir = HostDir::new(&format!("{REUSED}call_timeout_ms = 4000\n"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for bad in ["retry", "reject", "trap", "loop"] {
        act(&host, &format!("{bad}-first"), "remember").await;
        act(&host, &format!("{bad}-bad"), bad).await;
        let after = act(&host, &format!("{bad}-after"), "remember").await;
        assert_eq!(after, "INFO call 1 of this instance", "after {bad}");
    }
}

#[tokio::test]
async fn a_limit_reached_in_one_call_is_not_the_reason_of_the_next_failure() {
    let dir = HostDir::new(REUSED);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    assert_eq!(act(&host, "a", "ask-too-much").await, "INFO asked and refused: true");
    act(&host, "b", "trap").await;
    let event = host.wait_finished("b").await;
    let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("trap: ") && !reason.contains("memory_max_bytes"), "{reason}");
}

#[tokio::test]
async fn a_swap_and_changed_settings_start_a_new_instance() {
    let dir = HostDir::new(REUSED);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    act(&host, "a", "remember").await;
    let next = distinct_copy(&guest("actor"), 1);
    dir.install("actor", &next);
    host.wait_revision("actor", &next).await;
    assert_eq!(act(&host, "b", "remember").await, "INFO call 1 of this instance");
    dir.configure(&format!("{REUSED}config = {{ changed = \"yes\" }}\n"));
    host.wait_log(&["configuration changed"]).await;
    assert_eq!(act(&host, "c", "remember").await, "INFO call 1 of this instance");
    assert_eq!(act(&host, "d", "config").await, "INFO changed = yes");
}

#[tokio::test]
async fn an_idle_instance_is_dropped_when_another_plugin_needs_its_slot() {
    let dir = HostDir::new(&format!("[runtime]\ninstances_max = 1\n[dispatch]\nconcurrency = 1\n{REUSED}"));
    dir.install("actor", &guest("actor"));
    dir.install("other", &distinct_copy(&guest("actor"), 2));
    let host = dir.start().await;
    for round in 0..3 {
        let id = format!("evt_{round}");
        host.send(&Event::with_payload("any.type", &id, &json!({ "act": "remember" }))).await;
        let event = host.wait_finished(&id).await;
        assert_eq!(event["state"], "done", "{event}");
    }
}
