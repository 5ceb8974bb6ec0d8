//! Plugins' stores: writes commit with the delivery, calls that touched the same entries cannot both, and
//! every limit is held.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, guest};

fn payload_event(id: &str, payload: &Value) -> Event {
    Event::with_payload("told", id, payload)
}

fn host_dir(store: &str, plugin: &str) -> HostDir {
    let dir = HostDir::new(&format!(
        "[store]\n{store}\n[plugin.outbox]\nattempts_max = 1\ncall_timeout_ms = 60000\n{plugin}\n"
    ));
    dir.install("outbox", &guest("outbox"));
    dir
}

async fn run(host: &RunningHost<'_>, id: &str, payload: &Value) -> Value {
    host.send(&payload_event(id, payload)).await;
    host.wait_finished(id).await
}

#[tokio::test]
async fn conflicting_calls_rerun_in_turn_without_using_an_attempt() {
    let dir = host_dir("", "concurrency = 16");
    let host = dir.start().await;
    for n in 0..200 {
        host.send(&payload_event(&format!("evt_{n}"), &json!({ "do": "count", "ms": 2 }))).await;
    }
    host.wait_drained().await;
    let counts = dir.bucket("outbox", "counts").await;
    assert_eq!(counts["n"], "200");
    let taken: BTreeSet<u32> =
        counts.iter().filter(|(key, _)| key.starts_with("by/")).map(|(_, n)| n.parse().unwrap()).collect();
    assert_eq!(taken, (1..=200).collect());
    for event in host.events("").await {
        assert_eq!(event["deliveries"][0]["attempts"], 1, "{event}");
    }
    let metrics = host.admin_get("/metrics", None).await.text().await.unwrap();
    let reruns =
        metrics.lines().find_map(|line| line.strip_prefix("hookyard_reruns_total{plugin=\"outbox\"} "));
    assert!(reruns.is_some_and(|count| count.parse::<u32>().unwrap() > 0), "they did not meet: {metrics}");
}

#[tokio::test]
async fn a_call_that_always_conflicts_waits_as_after_a_failure_of_the_host() {
    let dir = host_dir("reruns_max = 1", "concurrency = 16\nbackoff_base_ms = 1");
    let host = dir.start().await;
    for n in 0..100 {
        host.send(&payload_event(&format!("evt_{n}"), &json!({ "do": "count", "ms": 3 }))).await;
    }
    host.wait_drained().await;
    assert_eq!(dir.bucket("outbox", "counts").await["n"], "100", "none of them counts against the plugin");
    let mut host_failures = 0;
    for event in host.events("").await {
        let event = host.event(event["id"].as_str().unwrap()).await.unwrap();
        let attempts = event["deliveries"][0]["attempts"].as_array().unwrap().clone();
        for attempt in &attempts[..attempts.len() - 1] {
            assert_eq!(attempt["cause"], "host", "{attempt}");
            assert!(attempt["reason"].as_str().unwrap().contains("store.reruns_max"), "{attempt}");
            host_failures += 1;
        }
    }
    assert!(host_failures > 0, "none lost");
}

#[tokio::test]
async fn failures_of_the_host_do_not_count_as_attempts_of_a_plugin() {
    let dir = HostDir::new(
        "[store]\nreruns_max = 1\n[plugin.outbox]\nconcurrency = 16\nattempts_max = 3\nbackoff_base_ms = 1\n\
         backoff_max_ms = 1\ncall_timeout_ms = 60000\nbreaker_failures_percent = 0\n",
    );
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    // Those that fail read what the others change meanwhile.
    for n in 0..100 {
        let end = if n % 2 == 0 { "retry" } else { "well" };
        host.send(&payload_event(&format!("evt_{n}"), &json!({ "do": "count", "ms": 3, "end": end }))).await;
    }
    host.wait_drained().await;
    let mut both = 0;
    for event in host.events("&state=dead").await {
        let event = host.event(event["id"].as_str().unwrap()).await.unwrap();
        let attempts = event["deliveries"][0]["attempts"].as_array().unwrap();
        let own = attempts.iter().filter(|attempt| attempt["cause"] == "handler").count();
        assert_eq!(own, 3, "{event}");
        let reason = attempts.last().unwrap()["reason"].as_str().unwrap();
        assert!(reason.ends_with("; out of attempts (3)"), "{event}");
        both += usize::from(attempts.len() > 3);
    }
    assert_eq!(host.events("&state=dead").await.len(), 50);
    assert_eq!(dir.bucket("outbox", "counts").await["n"], "50");
    assert!(both > 0, "the host failed none of them");
}

#[tokio::test]
async fn another_plugins_store_is_unreachable_by_any_bucket_name() {
    let dir = host_dir("", "");
    dir.install("other", &guest("outbox"));
    let host = dir.start().await;
    run(&host, "evt_1", &json!({ "do": "count" })).await;
    for bucket in ["outbox", "outbox/counts", "../outbox", "counts", "", "outbox\u{0}counts"] {
        let event = run(
            &host,
            &format!("evt_{}", bucket.len()),
            &json!({ "do": "touch", "bucket": bucket, "key": "n" }),
        )
        .await;
        assert_eq!(event["state"], "done", "{event}");
    }
    for plugin in ["outbox", "other"] {
        assert_eq!(dir.bucket(plugin, "counts").await["n"], "1", "each counted its own");
    }
}

#[tokio::test]
async fn every_limit_of_the_store_is_enforced() {
    let limits = "key_max_bytes = 20\nvalue_max_bytes = 1000\nkeys_max = 30\ncall_max_bytes = 5000\nsize_max_bytes = 5500";
    let dir = host_dir(limits, "");
    let host = dir.start().await;
    for (id, payload, limit) in [
        (
            "evt_key",
            json!({ "do": "touch", "bucket": "b", "key": "k".repeat(21) }),
            "store.key_max_bytes is 20",
        ),
        (
            "evt_bucket",
            json!({ "do": "touch", "bucket": "b".repeat(21), "key": "k" }),
            "store.key_max_bytes is 20",
        ),
        ("evt_value", json!({ "do": "fill", "bytes": 1001 }), "store.value_max_bytes is 1000"),
        ("evt_call", json!({ "do": "fill", "bytes": 1000, "keys": 6 }), "store.call_max_bytes"),
        ("evt_size", json!({ "do": "fill", "bytes": 120, "keys": 30 }), "store.size_max_bytes is 5500"),
        ("evt_keys", json!({ "do": "fill", "keys": 31 }), "store.keys_max is 30"),
    ] {
        let event = run(&host, id, &payload).await;
        let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(limit), "{reason}");
    }
    assert!(dir.bucket("outbox", "filled").await.is_empty(), "a failed call has written nothing");
    assert_eq!(run(&host, "evt_full", &json!({ "do": "fill", "keys": 30 })).await["state"], "done");
    let more = run(&host, "evt_more", &json!({ "do": "fill", "keys": 1, "prefix": "more" })).await;
    assert_eq!(more["state"], "dead", "{more}");
    assert_eq!(run(&host, "evt_same", &json!({ "do": "fill", "keys": 30 })).await["state"], "done");
}

#[tokio::test]
async fn keys_are_listed_page_by_page_with_the_calls_own_writes() {
    let dir = host_dir("", "");
    let host = dir.start().await;
    run(&host, "evt_1", &json!({ "do": "fill", "keys": 2500 })).await;
    let event = run(&host, "evt_2", &json!({ "do": "list" })).await;
    assert_eq!(event["deliveries"][0]["attempts"][0]["logs"], json!(["INFO 2501 keys"]), "{event}");
}

#[tokio::test]
async fn a_store_survives_a_kill_and_is_continued() {
    let dir = host_dir("", "");
    let host = dir.start().await;
    for n in 0..5 {
        run(&host, &format!("evt_{n}"), &json!({ "do": "count" })).await;
    }
    host.kill();
    let host = dir.start().await;
    run(&host, "evt_5", &json!({ "do": "count" })).await;
    assert_eq!(dir.bucket("outbox", "counts").await["n"], "6");
}
