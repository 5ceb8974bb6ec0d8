//! `instances = "reused"`: an instance serves later events, until anything makes it a bad idea.

use serde_json::json;

use crate::support::{Bed, Event, Host, distinct, guest};

const REUSED: &str =
    "[plugin.actor]\ninstances = \"reused\"\nreuse_max = 3\nconcurrency = 1\nattempts_max = 1\n";

/// Has the actor do something, and tells what it logged last.
async fn act(host: &Host<'_>, id: &str, act: &str) -> String {
    host.send(&Event::of("any.type", id, &json!({ "act": act }))).await;
    let event = host.settled(id).await;
    let logs = event["deliveries"][0]["attempts"][0]["logs"].as_array().unwrap();
    logs.last().unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_instance_serves_later_events_up_to_reuse_max_calls() {
    let bed = Bed::new(REUSED);
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    for (id, call) in [("a", 1), ("b", 2), ("c", 3), ("d", 1)] {
        assert_eq!(act(&host, id, "remember").await, format!("INFO call {call} of this instance"));
    }
}

#[tokio::test]
async fn an_instance_is_dropped_after_a_failure_a_trap_and_a_timeout() {
    let bed = Bed::new(&format!("{REUSED}call_timeout_ms = 200\n"));
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    for bad in ["retry", "reject", "trap", "loop"] {
        act(&host, &format!("{bad}-first"), "remember").await;
        act(&host, &format!("{bad}-bad"), bad).await;
        let after = act(&host, &format!("{bad}-after"), "remember").await;
        assert_eq!(after, "INFO call 1 of this instance", "after {bad}");
    }
}

#[tokio::test]
async fn a_limit_that_one_call_lived_with_is_not_the_next_ones_reason() {
    let bed = Bed::new(REUSED);
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    assert_eq!(act(&host, "a", "ask-too-much").await, "INFO asked and refused: true");
    act(&host, "b", "trap").await;
    let event = host.settled("b").await;
    let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("trap: ") && !reason.contains("memory_max_bytes"), "{reason}");
}

#[tokio::test]
async fn a_swap_and_changed_settings_begin_anew() {
    let bed = Bed::new(REUSED);
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    act(&host, "a", "remember").await;
    let next = distinct(&guest("actor"), 1);
    bed.install("actor", &next);
    host.runs("actor", &next).await;
    assert_eq!(act(&host, "b", "remember").await, "INFO call 1 of this instance");
    bed.configure(&format!("{REUSED}config = {{ changed = \"yes\" }}\n"));
    host.logged(&["configuration changed"]).await;
    assert_eq!(act(&host, "c", "remember").await, "INFO call 1 of this instance");
    assert_eq!(act(&host, "d", "config").await, "INFO changed = yes");
}

#[tokio::test]
async fn a_kept_instance_makes_way_when_another_plugin_waits_for_its_place() {
    let bed = Bed::new(&format!("[runtime]\ninstances_max = 1\n[dispatch]\nconcurrency = 1\n{REUSED}"));
    bed.install("actor", &guest("actor"));
    bed.install("other", &distinct(&guest("actor"), 2));
    let host = bed.start().await;
    for round in 0..3 {
        let id = format!("evt_{round}");
        host.send(&Event::of("any.type", &id, &json!({ "act": "remember" }))).await;
        let event = host.settled(&id).await;
        assert_eq!(event["state"], "done", "{event}");
    }
}
