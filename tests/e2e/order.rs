//! Events of one appointment run one at a time for each plugin, in the order of acceptance.

use serde_json::Value;

use crate::support::{Event, HostDir, RunningHost, guest};

const CONFIG: &str = "[plugin.actor]\nbackoff_base_ms = 1\nattempts_max = 4\n";

/// Each attempt of these events: when it began and ended for sure, ms since the Unix epoch.
async fn spans(host: &RunningHost<'_>, ids: impl IntoIterator<Item = String>) -> Vec<(u64, u64)> {
    let mut spans = Vec::new();
    for id in ids {
        let event = host.wait_finished(&id).await;
        for attempt in event["deliveries"][0]["attempts"].as_array().unwrap() {
            let start = attempt["started_at"].as_u64().unwrap();
            // The clocks of both may differ by the last millisecond.
            let duration = (attempt["duration_us"].as_u64().unwrap() / 1000).saturating_sub(1);
            spans.push((start, start + duration));
        }
    }
    spans
}

fn held(event: &Value) -> bool {
    let delivery = &event["deliveries"][0];
    delivery["state"] == "held" && delivery["held_because"] == "order"
}

#[tokio::test]
async fn events_of_one_appointment_run_one_after_the_other() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..12 {
        let event = Event::with_act(number % 2, &format!("evt_{number}"), "busy 30");
        assert_eq!(host.send(&event).await.status(), "accepted");
    }
    for odd in [0, 1] {
        let spans = spans(&host, (0..6).map(|n| format!("evt_{}", 2 * n + odd))).await;
        let one_by_one = spans.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        assert!(one_by_one && spans.len() == 6, "{spans:?}");
    }
}

#[tokio::test]
async fn a_waiting_delivery_blocks_its_appointment_and_no_other() {
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 4\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_act(1, "evt_waits", "retry-after 600000")).await;
    host.send(&Event::with_act(1, "evt_behind", "well")).await;
    host.send(&Event::with_act(2, "evt_other", "well")).await;
    let no_key = Event::with_payload("any.type", "evt_no_key", &serde_json::json!({ "act": "well" }));
    host.send(&no_key).await;
    for id in ["evt_other", "evt_no_key"] {
        assert_eq!(host.wait_finished(id).await["state"], "done");
    }
    host.wait_event("evt_waits", "it waits", |event| event["state"] == "waiting").await;
    assert!(held(&host.event("evt_behind").await.unwrap()));
    let shown = dir.run(&["event", "show", "evt_behind"]).out;
    assert!(shown.contains("held (behind 1-1)"), "{shown}");
    let listed = dir.run(&["delivery", "list", "--state", "held"]).out;
    assert!(listed.contains("held (behind 1-1)"), "{listed}");
    let behind = &host.event("evt_behind").await.unwrap()["deliveries"][0];
    assert_eq!(behind["blocked_by"], "1-1", "{behind}");

    // Until an operator skips it.
    let delivery = host.event("evt_waits").await.unwrap()["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let skipped = dir.run(&["delivery", "discard", &delivery]);
    assert_eq!((skipped.code, skipped.out), (0, format!("delivery {delivery}: skipped\n")));
    assert_eq!(host.wait_event("evt_behind", "it is done", |event| !held(event)).await["id"], "evt_behind");
    assert_eq!(host.wait_finished("evt_behind").await["state"], "done");
}

#[tokio::test]
async fn a_dead_letter_unblocks_the_next_delivery_and_a_retry_keeps_the_order() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for (id, act) in [("evt_1", "retry-until 3"), ("evt_2", "reject"), ("evt_3", "retry"), ("evt_4", "well")]
    {
        host.send(&Event::with_act(7, id, act)).await;
    }
    let ids = (1..=4).map(|number| format!("evt_{number}"));
    let spans = spans(&host, ids).await;
    assert_eq!(spans.len(), 3 + 1 + 4 + 1);
    assert!(spans.is_sorted_by(|a, b| a.1 <= b.0), "{spans:?}");
    for (id, state) in [("evt_1", "done"), ("evt_2", "dead"), ("evt_3", "dead"), ("evt_4", "done")] {
        assert_eq!(host.event(id).await.unwrap()["state"], state, "{id}");
    }
}

#[tokio::test]
async fn an_unordered_plugin_runs_events_of_one_appointment_concurrently() {
    let dir = HostDir::new("[plugin.actor]\nordered = false\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_act(1, "evt_waits", "retry-after 600000")).await;
    host.send(&Event::with_act(1, "evt_next", "well")).await;
    assert_eq!(host.wait_finished("evt_next").await["state"], "done");
}

#[tokio::test]
async fn order_survives_a_crash() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..8 {
        host.send(&Event::with_act(1, &format!("evt_{number}"), "busy 50")).await;
    }
    host.wait_event("evt_1", "some are done", |event| event["state"] != "held").await;
    host.kill();
    let host = dir.start().await;
    let mut ends = Vec::new();
    for number in 0..8 {
        let event = host.wait_finished(&format!("evt_{number}")).await;
        assert_eq!(event["state"], "done");
        ends.push(event["deliveries"][0]["attempts"][0]["started_at"].as_u64().unwrap());
    }
    assert!(ends.is_sorted(), "{ends:?}");
}
