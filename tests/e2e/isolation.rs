//! Bad plugins beside a good one: they have their own troubles, and it has none.

use serde_json::{Value, json};

use crate::support::{Bed, Event, Host, distinct, guest, until};

/// Bad plugins, which do this in every call for as long as their calls may take, beside the good one.
fn beside(bad: usize, act: &str, settings: &str) -> Bed {
    let section =
        |n| format!("[plugin.bad-{n}]\ncall_timeout_ms = 600000\nconfig = {{ act = \"{act}\" }}\n{settings}");
    let sections: String = (0..bad).map(section).collect();
    let bed = Bed::new(&format!("[dispatch]\nconcurrency = 4\n{sections}"));
    for n in 0..bad {
        bed.install(&format!("bad-{n}"), &distinct(&guest("actor"), n));
    }
    bed.install("good", &distinct(&guest("actor"), bad));
    bed
}

/// Sends events to all, and waits until the good one is done with each.
async fn good_is_done(host: &Host<'_>, count: usize) -> Vec<Value> {
    let ids: Vec<_> = (0..count).map(|n| format!("evt_{n}")).collect();
    for id in &ids {
        assert_eq!(host.send(&Event::of("any.type", id, &json!({}))).await.status(), "accepted");
    }
    let good = |event: &Value| state(event, "good") == "done";
    let mut all = Vec::new();
    for id in &ids {
        all.push(host.event_when(id, "the good one is done with it", good).await);
    }
    all
}

fn state(event: &Value, plugin: &str) -> String {
    let deliveries = event["deliveries"].as_array().unwrap();
    deliveries.iter().find(|d| d["plugin"] == plugin).unwrap()["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn plugins_that_hang_take_neither_the_places_nor_the_threads_of_others() {
    let bed = beside(6, "loop", "");
    let host = bed.start().await;
    let events = good_is_done(&host, 50).await;
    // None of the bad ones has come to an end meanwhile, and each runs its first.
    // Which event that is, is open: these have no ordering key.
    until("each bad one runs an attempt", async || {
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
async fn plugins_that_fail_are_paused_and_the_good_one_is_not() {
    let settings = "breaker_deliveries = 4\nbreaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000\n";
    let bed = beside(3, "retry", settings);
    let host = bed.start().await;
    good_is_done(&host, 50).await;
    for n in 0..3 {
        let name = format!("bad-{n}");
        host.plugin_when(&name, "it is paused", |plugin| plugin["breaker_until"].is_u64()).await;
    }
    let good = host.plugin("good").await.unwrap();
    assert_eq!(good["breaker_until"], Value::Null, "{good}");
}

#[tokio::test]
async fn a_plugin_that_hangs_is_paused_too() {
    let settings = "breaker_deliveries = 2\nbreaker_pause_ms = 3600000\nbreaker_pause_max_ms = 3600000\n";
    let bed = beside(1, "loop", settings);
    bed.configure(&format!(
        "[plugin.bad-0]\ncall_timeout_ms = 100\nconfig = {{ act = \"loop\" }}\n{settings}"
    ));
    let host = bed.start().await;
    good_is_done(&host, 50).await;
    host.plugin_when("bad-0", "it is paused", |plugin| plugin["breaker_until"].is_u64()).await;
    // What had begun before ends, and nothing else begins.
    until("nothing runs", async || {
        let (_, page) = host.api("/api/v1/events?limit=1&state=running").await;
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
