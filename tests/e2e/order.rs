//! Events about the same appointment: one at a time for each plugin, in the order of acceptance.

use serde_json::Value;

use crate::support::{Bed, Event, Host, guest};

const CONFIG: &str = "[plugin.actor]\nbackoff_base_ms = 1\nattempts_max = 4\n";

/// Each attempt of these events: when it began and ended for sure, ms since the Unix epoch.
async fn spans(host: &Host<'_>, ids: impl IntoIterator<Item = String>) -> Vec<(u64, u64)> {
    let mut spans = Vec::new();
    for id in ids {
        let event = host.settled(&id).await;
        for attempt in event["deliveries"][0]["attempts"].as_array().unwrap() {
            let start = attempt["started_at"].as_u64().unwrap();
            spans.push((start, start + attempt["duration_us"].as_u64().unwrap() / 1000));
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
    let bed = Bed::new(CONFIG);
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    for number in 0..12 {
        let event = Event::about(number % 2, &format!("evt_{number}"), "busy 30");
        assert_eq!(host.send(&event).await.status(), "accepted");
    }
    for odd in [0, 1] {
        let spans = spans(&host, (0..6).map(|n| format!("evt_{}", 2 * n + odd))).await;
        let one_by_one = spans.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        assert!(one_by_one && spans.len() == 6, "{spans:?}");
    }
}

#[tokio::test]
async fn one_that_waits_holds_back_its_appointment_and_no_other() {
    let bed = Bed::new("[plugin.actor]\nattempts_max = 4\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&Event::about(1, "evt_waits", "retry-after 600000")).await;
    host.send(&Event::about(1, "evt_behind", "well")).await;
    host.send(&Event::about(2, "evt_other", "well")).await;
    let no_key = Event::of("any.type", "evt_no_key", &serde_json::json!({ "act": "well" }));
    host.send(&no_key).await;
    for id in ["evt_other", "evt_no_key"] {
        assert_eq!(host.settled(id).await["state"], "done");
    }
    host.event_when("evt_waits", "it waits", |event| event["state"] == "waiting").await;
    assert!(held(&host.event("evt_behind").await.unwrap()));
    let shown = bed.run(&["event", "show", "evt_behind"]).out;
    assert!(shown.contains("held (an earlier one of its ordering key is open)"), "{shown}");

    // Until an operator skips it.
    let delivery = host.event("evt_waits").await.unwrap()["deliveries"][0]["id"].as_str().unwrap().to_owned();
    let skipped = bed.run(&["delivery", "discard", &delivery]);
    assert_eq!((skipped.code, skipped.out), (0, format!("delivery {delivery}: skipped\n")));
    assert_eq!(host.event_when("evt_behind", "it is done", |event| !held(event)).await["id"], "evt_behind");
    assert_eq!(host.settled("evt_behind").await["state"], "done");
}

#[tokio::test]
async fn a_dead_letter_lets_the_next_one_go_and_a_retry_keeps_the_order() {
    let bed = Bed::new(CONFIG);
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    for (id, act) in [("evt_1", "retry-until 3"), ("evt_2", "reject"), ("evt_3", "retry"), ("evt_4", "well")]
    {
        host.send(&Event::about(7, id, act)).await;
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
async fn a_plugin_that_is_not_ordered_takes_them_as_they_come() {
    let bed = Bed::new("[plugin.actor]\nordered = false\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&Event::about(1, "evt_waits", "retry-after 600000")).await;
    host.send(&Event::about(1, "evt_next", "well")).await;
    assert_eq!(host.settled("evt_next").await["state"], "done");
}

#[tokio::test]
async fn order_outlives_a_crash() {
    let bed = Bed::new(CONFIG);
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    for number in 0..8 {
        host.send(&Event::about(1, &format!("evt_{number}"), "busy 50")).await;
    }
    host.event_when("evt_1", "some are done", |event| event["state"] != "held").await;
    host.kill();
    let host = bed.start().await;
    let mut ends = Vec::new();
    for number in 0..8 {
        let event = host.settled(&format!("evt_{number}")).await;
        assert_eq!(event["state"], "done");
        ends.push(event["deliveries"][0]["attempts"][0]["started_at"].as_u64().unwrap());
    }
    assert!(ends.is_sorted(), "{ends:?}");
}
