//! A host accepts events while plugins are still loaded: those are stored, matched when it is known which events a
//! plugin handles, and handled when it is loaded.

use std::fs;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::compile::monster;
use crate::support::{Event, Handwritten, HostDir, RunningHost, distinct_copy, guest, wait_until};

/// The first file that is compiled takes the only place, and never ends.
const BLOCKED_COMPILER: &str = "[runtime]\ncompile_concurrency = 1\ncompile_quick_ms = 600_000\n\
                                compile_timeout_ms = 600_000\n[plugins]\nstart_wait_ms = 3000\n";

/// A generic plugin that subscribes to `appointment.updated` only. Its file is larger than that of the monster, so it is
/// compiled after it.
fn handles_updated() -> Vec<u8> {
    let padding = format!("(data (i32.const 65536) \"{}\")", "x".repeat(300_000));
    let list = r#"(data (i32.const 64) "\50\00\00\00\01\00\00\00") (data (i32.const 80) "\58\00\00\00\13\00\00\00")
                  (data (i32.const 88) "appointment.updated")"#;
    let core = format!("{list} {padding}");
    Handwritten { core: &core, subscriptions: "i32.const 64", pages: 8, ..Handwritten::default() }.component()
}

fn updated(id: &str) -> Event {
    Event::sample("appointment.updated", id)
}

async fn loading(host: &RunningHost<'_>) -> Vec<String> {
    let response = host.admin_get("/readyz", None).await;
    assert_eq!(response.status(), 200);
    let health: Value = response.json().await.unwrap();
    let names: Vec<String> = serde_json::from_value(health["loading"].clone()).unwrap_or_default();
    assert_eq!(health["loading_count"].as_u64().unwrap_or(0), names.len() as u64);
    names
}

/// The state of an event's delivery to a plugin, and why it is held.
async fn state_of(host: &RunningHost<'_>, event: &str, plugin: &str) -> Option<(String, Option<String>)> {
    let event = host.event(event).await.unwrap();
    let delivery = event["deliveries"].as_array().unwrap().iter().find(|d| d["plugin"] == plugin)?.clone();
    let because = delivery["held_because"].as_str().map(str::to_owned);
    Some((delivery["state"].as_str().unwrap().to_owned(), because))
}

fn unmatched() -> (String, Option<String>) {
    ("held".into(), Some("unmatched".into()))
}

async fn is_done(host: &RunningHost<'_>, event: &str, plugin: &str) {
    let done = Some(("done".into(), None));
    wait_until(&format!("{plugin} has done {event}"), async || {
        (state_of(host, event, plugin).await == done).then_some(())
    })
    .await;
}

async fn has_no_delivery(host: &RunningHost<'_>, event: &str, plugin: &str) {
    wait_until(&format!("{event} does not go to {plugin}"), async || {
        state_of(host, event, plugin).await.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_event_is_accepted_before_its_plugins_are_loaded_and_handled_when_they_are() {
    let dir = HostDir::new(BLOCKED_COMPILER);
    dir.install("slow", &monster());
    dir.install("stats", &guest("stats"));
    let host = dir.start_unloaded().await;
    assert_eq!(loading(&host).await, ["slow", "stats"]);
    let answer = host.send(&Event::created("evt_1")).await;
    assert_eq!((answer.code.as_u16(), &answer.json["deliveries"]), (202, &Value::from(1)), "{answer:?}");
    assert_eq!(host.send(&updated("evt_2")).await.json["deliveries"], 0);
    // The handlers of `stats` are known from its file, those of `slow` only when it has run.
    assert_eq!(state_of(&host, "evt_1", "stats").await, Some(("pending".into(), None)));
    assert_eq!(state_of(&host, "evt_2", "stats").await, None);
    for event in ["evt_1", "evt_2"] {
        assert_eq!(state_of(&host, event, "slow").await, Some(unmatched()));
    }
    let text = dir.run(&["event", "show", "evt_2"]).out;
    assert!(text.contains("not matched yet"), "{text}");

    dir.install("slow", &handles_updated());
    is_done(&host, "evt_1", "stats").await;
    is_done(&host, "evt_2", "slow").await;
    has_no_delivery(&host, "evt_1", "slow").await;
    assert!(loading(&host).await.is_empty());
}

#[tokio::test]
async fn an_unmatched_event_outlives_a_kill_and_keeps_its_place_in_its_order() {
    let dir = HostDir::new(BLOCKED_COMPILER);
    dir.install("slow", &monster());
    let host = dir.start_unloaded().await;
    let about = |id: &str| Event::with_act(7, id, "well");
    for id in ["evt_1", "evt_2"] {
        assert_eq!(host.send(&about(id)).await.code.as_u16(), 202);
    }
    host.kill();
    let host = dir.start_unloaded().await;
    assert_eq!(host.send(&about("evt_3")).await.code.as_u16(), 202);
    for id in ["evt_1", "evt_2", "evt_3"] {
        assert_eq!(state_of(&host, id, "slow").await, Some(unmatched()));
    }
    assert_eq!(dir.run(&["delivery", "discard", "1-1"]).code, 0);
    dir.install("slow", &guest("actor"));
    is_done(&host, "evt_2", "slow").await;
    is_done(&host, "evt_3", "slow").await;
    let begun = async |id: &str| {
        let event = host.event(id).await.unwrap();
        event["deliveries"][0]["attempts"][0]["started_at"].as_u64().unwrap()
    };
    assert!(begun("evt_2").await <= begun("evt_3").await);
    assert_eq!(state_of(&host, "evt_1", "slow").await, Some(("dead".into(), None)));
}

#[tokio::test]
async fn an_unmatched_event_waits_for_a_plugin_that_is_refused_or_absent() {
    let config =
        "[runtime]\ncompile_timeout_ms = 12_000\n[plugins]\nremoval_grace_ms = 100\nstart_wait_ms = 3000\n";
    let dir = HostDir::new(config);
    dir.install("refused", &monster());
    dir.install("removed", &distinct_copy(&monster(), 1));
    let host = dir.start_unloaded().await;
    assert_eq!(host.send(&Event::created("evt_1")).await.json["deliveries"], 0);
    assert_eq!(host.send(&updated("evt_2")).await.json["deliveries"], 0);
    fs::remove_file(dir.plugin_file("removed")).unwrap();
    let absent = Some(("held".to_owned(), Some("absent".to_owned())));
    for plugin in ["removed", "refused"] {
        wait_until(&format!("{plugin} is absent"), async || {
            (state_of(&host, "evt_1", plugin).await == absent).then_some(())
        })
        .await;
    }
    host.kill();
    // A directory that cannot be read at the start decides nothing.
    fs::rename(dir.path("plugins"), dir.path("elsewhere")).unwrap();
    let host = dir.start().await;
    assert_eq!(state_of(&host, "evt_1", "removed").await, absent);
    fs::rename(dir.path("elsewhere"), dir.path("plugins")).unwrap();
    dir.install("refused", &handles_updated());
    dir.install("removed", &handles_updated());
    for plugin in ["removed", "refused"] {
        is_done(&host, "evt_2", plugin).await;
        has_no_delivery(&host, "evt_1", plugin).await;
    }
    let unhandled = host.events("&state=unhandled").await;
    assert_eq!(unhandled.len(), 1, "{unhandled:?}");
    // Once a plugin wants it, it is replayed like any other.
    dir.install("event-log", &Handwritten::default().component());
    host.wait_revision("event-log", &Handwritten::default().component()).await;
    assert_eq!(dir.run(&["event", "replay", "--unhandled"]).code, 0);
    is_done(&host, "evt_1", "event-log").await;
}

#[tokio::test]
async fn a_file_that_replaces_one_that_is_loading_is_read_anew() {
    let dir = HostDir::new(BLOCKED_COMPILER);
    // Loaded first, for its handlers are not known, and never loaded.
    dir.install("a-slow", &monster());
    dir.install("typed", &guest("stats"));
    let host = dir.start_unloaded().await;
    // Once it is known what the file handles.
    wait_until("no event of that type is for it", async || {
        let id = format!("evt_{}", hookyard::event::now_ms());
        host.send(&updated(&id)).await;
        state_of(&host, &id, "typed").await.is_none().then_some(())
    })
    .await;
    dir.install("typed", &handles_updated());
    let event = wait_until("an event may be for the new file", async || {
        let id = format!("evt_{}", hookyard::event::now_ms());
        host.send(&updated(&id)).await;
        state_of(&host, &id, "typed").await.map(|_| id)
    })
    .await;
    assert_eq!(state_of(&host, &event, "typed").await, Some(unmatched()));
    fs::remove_file(dir.plugin_file("a-slow")).unwrap();
    is_done(&host, &event, "typed").await;
}

#[tokio::test]
async fn the_handlers_of_a_revision_that_ran_before_are_known_at_the_next_start() {
    let dir = HostDir::new(BLOCKED_COMPILER);
    dir.install("generic", &handles_updated());
    let host = dir.start().await;
    host.terminate();
    host.wait_exit().await;
    fs::remove_dir_all(dir.path("hookyard-data/cache")).unwrap();
    dir.install("a-slow", &monster());
    // Of a plugin's subscriptions under another config nothing is known.
    for (config, deliveries) in [("", 1), ("[plugin.generic]\nconfig = { topic = \"x\" }\n", 0)] {
        dir.configure(&format!("{BLOCKED_COMPILER}{config}"));
        let host = dir.start_unloaded().await;
        assert_eq!(loading(&host).await, ["a-slow", "generic"]);
        let id = format!("evt_{deliveries}");
        assert_eq!(host.send(&updated(&id)).await.json["deliveries"], deliveries, "{config}");
        let expected = if deliveries == 1 { Some(("pending".into(), None)) } else { Some(unmatched()) };
        assert_eq!(state_of(&host, &id, "generic").await, expected);
        host.kill();
    }
    fs::remove_file(dir.plugin_file("a-slow")).unwrap();
    let host = dir.start().await;
    is_done(&host, "evt_0", "generic").await;
    is_done(&host, "evt_1", "generic").await;
}

#[tokio::test]
async fn a_replay_of_events_waits_until_all_handlers_are_known_and_others_do_not() {
    let dir = HostDir::new(BLOCKED_COMPILER);
    dir.install("slow", &monster());
    let host = dir.start_unloaded().await;
    assert_eq!(host.send(&updated("evt_1")).await.code.as_u16(), 202);
    let requests =
        [json!({ "of": "events" }), json!({ "of": "events", "to": "slow" }), json!({ "of": "deliveries" })];
    for request in &requests {
        assert_eq!(host.admin_post("/api/v1/replays", request).await, Some(StatusCode::ACCEPTED));
    }
    let states = async || {
        let (_, page) = host.api_get("/api/v1/replays").await;
        // The newest is first.
        let items = page["items"].as_array().unwrap().iter().rev();
        items.map(|replay| replay["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    wait_until("the others are done", async || {
        (states().await == ["running", "running", "done"]).then_some(())
    })
    .await;
    fs::remove_file(dir.plugin_file("slow")).unwrap();
    wait_until("all are done", async || (states().await == ["done"; 3]).then_some(())).await;
}
