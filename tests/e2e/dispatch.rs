//! Deliveries after the acknowledgement: attempts, retries, limits on concurrency, and absent plugins.

use serde_json::{Value, json};

use crate::support::{CLOCKS_DIFFER_MS, Event, HostDir, Load, RunningHost, SentEvent, distinct_copy, guest};

/// An event that has the actor do something.
fn act_event(id: &str, act: &str) -> Event {
    Event::with_payload("any.type", id, &json!({ "act": act }))
}

fn attempts(event: &Value) -> &Vec<Value> {
    event["deliveries"][0]["attempts"].as_array().unwrap()
}

fn outcomes(event: &Value) -> Vec<&str> {
    attempts(event).iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

/// From when to when an attempt ran for sure, ms since the Unix epoch. Its start is recorded in whole
/// milliseconds, so it may have begun almost one later.
fn span(attempt: &Value) -> (u64, u64) {
    let (start, us) = (attempt["started_at"].as_u64().unwrap(), attempt["duration_us"].as_u64().unwrap());
    (start + 1, start + us / 1000)
}

/// The most that ran at one moment.
fn most_at_once(events: &[Value]) -> usize {
    let deliveries = events.iter().flat_map(|event| event["deliveries"].as_array().unwrap());
    let spans: Vec<_> = deliveries.flat_map(|d| d["attempts"].as_array().unwrap()).map(span).collect();
    let at = |moment: u64| spans.iter().filter(|(start, end)| *start <= moment && moment < *end).count();
    spans.iter().map(|(start, _)| at(*start)).max().unwrap_or(0)
}

async fn all_settled(host: &RunningHost<'_>, ids: impl IntoIterator<Item = String>) -> Vec<Value> {
    let mut all = Vec::new();
    for id in ids {
        all.push(host.wait_finished(&id).await);
    }
    all
}

/// Sends events whose calls take a while, so that the maximum runs at once.
async fn send_at_once(host: &RunningHost<'_>, ids: impl Iterator<Item = String>) {
    let events: Vec<_> = ids.map(|id| act_event(&id, "busy 100")).collect();
    let sent = Load::start(host, events.len(), events).finish().await;
    assert!(sent.iter().all(SentEvent::accepted), "{sent:?}");
}

#[tokio::test]
async fn a_handler_that_asks_for_a_retry_runs_after_the_backoff_until_it_is_done() {
    let dir = HostDir::new("[plugin.actor]\nbackoff_base_ms = 50\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_again", "retry-until 3")).await;
    let event = host.wait_finished("evt_again").await;
    assert_eq!(outcomes(&event), ["retry", "retry", "done"], "{event}");
    assert_eq!(event["state"], "done");
    let numbers: Vec<_> =
        attempts(&event).iter().map(|attempt| attempt["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(attempts(&event)[0]["reason"].as_str().unwrap().contains("not yet"), "{event}");
}

#[tokio::test]
async fn a_retry_waits_for_the_handlers_own_delay() {
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 2\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_later", "retry-after 2000")).await;
    let event = host.wait_finished("evt_later").await;
    let [first, second] = attempts(&event).as_slice() else { panic!("{event}") };
    let started = |attempt: &Value| attempt["started_at"].as_u64().unwrap();
    let ended = started(first) + first["duration_us"].as_u64().unwrap() / 1000;
    assert!(started(second) + CLOCKS_DIFFER_MS >= ended + 2000, "{event}");
}

#[tokio::test]
async fn a_rejected_delivery_is_a_dead_letter_at_once() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_no", "reject")).await;
    let event = host.wait_finished("evt_no").await;
    assert_eq!((&event["state"], outcomes(&event)), (&"dead".into(), vec!["rejected"]), "{event}");
    assert!(attempts(&event)[0]["reason"].as_str().unwrap().contains("told to"), "{event}");
    host.wait_log(&["WARN", "evt_no", "dead letter", "told to"]).await;
}

#[tokio::test]
async fn a_delivery_out_of_attempts_is_a_dead_letter() {
    let dir = HostDir::new("[plugin.actor]\nbackoff_base_ms = 5\nattempts_max = 3\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_never", "retry")).await;
    let event = host.wait_finished("evt_never").await;
    assert_eq!((&event["state"], outcomes(&event)), (&"dead".into(), vec!["retry"; 3]), "{event}");
    host.wait_log(&["ERROR", "evt_never", "out of attempts (3)", "dead letter"]).await;
    let reasons: Vec<_> =
        attempts(&event).iter().map(|attempt| attempt["reason"].as_str().unwrap()).collect();
    assert!(
        reasons[2].ends_with("told to; out of attempts (3)") && reasons[1].ends_with("told to"),
        "{event}"
    );
}

#[tokio::test]
async fn a_delivery_out_of_time_is_a_dead_letter_after_one_last_attempt() {
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 1000\nage_max_ms = 10_000\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_late", "retry-after 60000")).await;
    let event = host.wait_finished("evt_late").await;
    assert_eq!((&event["state"], outcomes(&event)), (&"dead".into(), vec!["retry"; 2]), "{event}");
    let [_, last] = attempts(&event).as_slice() else { panic!("{event}") };
    let (received, started) = (event["received_at"].as_u64().unwrap(), last["started_at"].as_u64().unwrap());
    assert!(started + CLOCKS_DIFFER_MS >= received + 10_000, "{event}");
    assert!(last["reason"].as_str().unwrap().ends_with("; out of time (10 s)"), "{event}");
    host.wait_log(&["ERROR", "evt_late", "out of time (10 s)", "dead letter"]).await;
}

#[tokio::test]
async fn a_plugin_runs_its_concurrency_at_once_also_after_a_change() {
    let limit = |concurrency| format!("[plugin.actor]\nconcurrency = {concurrency}\n");
    let dir = HostDir::new(&limit(1));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for concurrency in [1, 3] {
        let ids = (0..9).map(|n| format!("evt_{concurrency}_{n}"));
        dir.configure(&limit(concurrency));
        if concurrency > 1 {
            host.wait_log(&["configuration changed"]).await;
        }
        send_at_once(&host, ids.clone()).await;
        assert_eq!(most_at_once(&all_settled(&host, ids).await), concurrency);
    }
}

#[tokio::test]
async fn a_host_runs_its_concurrency_at_once_and_one_call_of_each_plugin() {
    let dir = HostDir::new("[dispatch]\nconcurrency = 2\n");
    for (number, plugin) in ["a", "b", "c"].into_iter().enumerate() {
        dir.install(plugin, &distinct_copy(&guest("actor"), number));
    }
    let host = dir.start().await;
    let ids = (0..4).map(|n| format!("evt_{n}"));
    send_at_once(&host, ids.clone()).await;
    assert_eq!(most_at_once(&all_settled(&host, ids).await), 3);
}

#[tokio::test]
async fn a_reinstalled_plugin_stays_within_its_concurrency() {
    let dir = HostDir::new(
        "[plugins]\nremoval_grace_ms = 0\n[plugin.actor]\nconcurrency = 1\ncall_timeout_ms = 30_000\n",
    );
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_long", "busy 4000")).await;
    // On a machine that stalls it may be done already.
    host.wait_event("evt_long", "it runs", |event| event["state"] == "running" || event["state"] == "done")
        .await;
    std::fs::remove_file(dir.plugin_file("actor")).unwrap();
    host.wait_removed("actor").await;
    dir.install("actor", &guest("actor"));
    host.wait_revision("actor", &guest("actor")).await;
    host.send(&act_event("evt_next", "busy 100")).await;
    let events = all_settled(&host, ["evt_long".into(), "evt_next".into()]).await;
    assert_eq!(most_at_once(&events), 1, "{events:?}");
}

#[tokio::test]
async fn a_plugin_that_never_returns_does_not_block_the_next() {
    let dir = HostDir::new("[plugin.stuck]\ncall_timeout_ms = 60_000\nconfig = { act = \"loop\" }\n");
    dir.install("stuck", &distinct_copy(&guest("actor"), 1));
    dir.install("next", &distinct_copy(&guest("actor"), 2));
    let host = dir.start().await;
    // More than there are threads to run them on.
    let ids: Vec<String> = (0..5).map(|n| format!("evt_{n}")).collect();
    for id in &ids {
        host.send(&Event::created(id)).await;
    }
    for id in &ids {
        let states = |event: &Value| {
            let state = |plugin: &str| {
                let delivery =
                    event["deliveries"].as_array().unwrap().iter().find(|d| d["plugin"] == plugin).unwrap();
                delivery["state"].as_str().unwrap().to_owned()
            };
            (state("next"), state("stuck"))
        };
        host.wait_event(id, "the one ran, the other runs", |event| {
            states(event) == ("done".into(), "running".into())
        })
        .await;
    }
}

#[tokio::test]
async fn a_call_beyond_its_timeout_is_ended_and_retried() {
    let dir = HostDir::new("[plugin.actor]\ncall_timeout_ms = 200\nbackoff_base_ms = 5\nattempts_max = 2\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_stuck", "loop")).await;
    let event = host.wait_finished("evt_stuck").await;
    assert_eq!((&event["state"], outcomes(&event)), (&"dead".into(), vec!["retry"; 2]), "{event}");
    for attempt in attempts(&event) {
        assert_eq!(attempt["cause"], "timeout", "{event}");
        assert!(attempt["duration_us"].as_u64().unwrap() >= 200_000, "{event}");
    }
}

#[tokio::test]
async fn deliveries_of_an_absent_plugin_are_held_over_a_restart_and_run_when_it_is_installed() {
    let settings =
        |act| format!("[plugin.actor]\ncall_timeout_ms = 60_000\nconfig = {{ act = \"{act}\" }}\n");
    let dir = HostDir::new(&settings("loop"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::created("evt_left")).await;
    host.wait_event("evt_left", "it runs", |event| event["state"] == "running").await;
    host.kill();

    std::fs::remove_file(dir.plugin_file("actor")).unwrap();
    dir.configure(&settings("well"));
    let host = dir.start().await;
    let event = host.wait_event("evt_left", "it is held", |event| event["state"] == "held").await;
    assert!(attempts(&event).iter().all(|attempt| attempt["cause"] == "crash"), "{event}");
    host.wait_log(&["WARN", "actor", "held"]).await;
    // And for a third host too, which finds it held.
    host.kill();
    let host = dir.start().await;
    host.wait_event("evt_left", "it is held", |event| event["state"] == "held").await;

    dir.install("actor", &guest("actor"));
    let event = host.wait_event("evt_left", "it is done", |event| event["state"] == "done").await;
    assert_eq!(outcomes(&event), ["retry", "done"], "{event}");
}
