//! Plugins that an operator switches on and off, for types of events.

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, guest, put_switch, wait_until};

const CONFIG: &str = "ordering_key = \"/data/object/key\"\n";

fn shop(id: &str, event_type: &str, key: &str) -> Event {
    Event::with_payload(event_type, id, &json!({ "act": "well", "key": key }))
}

/// The state of an event's only delivery, and why it is held.
async fn state(host: &RunningHost<'_>, id: &str) -> (String, String) {
    let event = host.event(id).await.unwrap();
    let delivery = &event["deliveries"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&delivery["state"]), text(&delivery["held_because"]))
}

fn off() -> (String, String) {
    ("held".into(), "switched off".into())
}

async fn wait_done(host: &RunningHost<'_>, id: &str) -> Value {
    host.wait_event(id, "it is done", |event| event["state"] == "done").await
}

fn row<'a>(matrix: &'a Value, plugin: &str, event_type: &str) -> &'a Value {
    let plugins = matrix["plugins"].as_array().unwrap();
    let plugin = plugins.iter().find(|of| of["name"] == plugin).unwrap_or_else(|| panic!("{matrix:#}"));
    let rows = plugin["types"].as_array().unwrap();
    rows.iter().find(|row| row["type"] == event_type).unwrap_or_else(|| panic!("{matrix:#}"))
}

#[tokio::test]
async fn new_deliveries_of_a_switched_off_type_are_held_until_it_is_on() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let output = dir.run(&["plugin", "disable", "actor", "--type", "shop.opened", "--note", "stocktaking"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains("actor is switched off for shop.opened"), "{output:?}");
    for (id, event_type, key) in [
        ("evt_1", "shop.opened", "a"),
        ("evt_2", "shop.closed", "b"),
        ("evt_3", "shop.closed", "a"),
        ("evt_4", "shop.opened", "a"),
    ] {
        let answer = host.send(&shop(id, event_type, key)).await;
        assert_eq!((answer.status(), &answer.json["deliveries"]), ("accepted", &1.into()));
    }
    wait_done(&host, "evt_2").await;
    assert_eq!(state(&host, "evt_1").await, off());
    assert_eq!(state(&host, "evt_3").await, ("held".into(), "order".into()), "it is behind evt_1");
    let shown = dir.run(&["event", "show", "evt_1"]).out;
    assert!(shown.contains("held (switched off)"), "{shown}");
    let listed = dir.run(&["delivery", "list", "--state", "held", "--json"]).json();
    let reasons: Vec<_> = listed["items"].as_array().unwrap().iter().map(|of| &of["held_because"]).collect();
    assert_eq!(reasons, ["switched off", "order", "switched off"]);
    let plugins = dir.run(&["plugin", "list"]).out;
    assert!(plugins.contains("running, switched off for shop.opened"), "{plugins}");

    let dry = dir.run(&["plugin", "enable", "actor", "--type", "shop.opened", "--dry-run"]);
    assert!(dry.out.contains("2 held deliveries will run") && dry.out.contains("dry run"), "{dry:?}");
    assert_eq!(state(&host, "evt_1").await, off());
    let output = dir.run(&["plugin", "enable", "actor", "--type", "shop.opened"]);
    assert_eq!(output.code, 0, "{output:?}");
    let (plan, done) = output.out.split_once('\n').unwrap();
    assert!(plan.contains("2 held deliveries will run"), "{output:?}");
    assert!(done.contains("actor is switched on for shop.opened; released 2 held deliveries"), "{output:?}");
    let mut began = Vec::new();
    for id in ["evt_1", "evt_3", "evt_4"] {
        began
            .push(wait_done(&host, id).await["deliveries"][0]["attempts"][0]["started_at"].as_u64().unwrap());
    }
    assert!(began.is_sorted(), "{began:?}");
    host.send(&shop("evt_5", "shop.opened", "a")).await;
    wait_done(&host, "evt_5").await;
}

#[tokio::test]
async fn a_switch_survives_a_kill_and_an_absent_plugin_has_one_too() {
    let dir = HostDir::new(CONFIG);
    let host = dir.start().await;
    let output = dir.run(&["plugin", "disable", "actor"]);
    assert!(output.code == 0 && output.out.contains("no plugin actor is here"), "{output:?}");
    dir.install("actor", &guest("actor"));
    host.wait_revision("actor", &guest("actor")).await;
    host.send(&shop("evt_1", "shop.opened", "a")).await;
    assert_eq!(state(&host, "evt_1").await, off());
    host.kill();
    let host = dir.start_unloaded().await;
    host.send(&shop("evt_2", "shop.opened", "a")).await;
    assert_eq!(state(&host, "evt_2").await, off(), "whether the plugin is loaded or not");
    let output = dir.run(&["plugin", "enable", "actor", "--json"]).json();
    assert_eq!((&output["changed"], &output["held"]), (&true.into(), &2.into()), "{output}");
    for id in ["evt_1", "evt_2"] {
        wait_done(&host, id).await;
    }
}

#[tokio::test]
async fn discarded_deliveries_free_their_key_and_can_be_replayed() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    dir.run(&["plugin", "disable", "actor", "--type", "shop.*"]);
    for number in 0..3 {
        host.send(&shop(&format!("evt_{number}"), "shop.opened", "a")).await;
    }
    host.send(&shop("evt_behind", "other", "a")).await;
    let output = dir.run(&["plugin", "enable", "actor", "--held", "discard"]);
    assert!(output.out.contains("3 held deliveries will be discarded"), "{output:?}");
    assert!(output.out.contains("discarded 3 held deliveries"), "{output:?}");
    wait_done(&host, "evt_behind").await;
    let event = host.event("evt_1").await.unwrap();
    let delivery = &event["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["resolution"]), (&"dead".into(), &"discarded".into()));
    assert!(delivery["attempts"].as_array().unwrap().is_empty());
    let replayed = dir.run(&["delivery", "replay", delivery["id"].as_str().unwrap()]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    host.wait_event("evt_1", "its replay is done", |event| event["deliveries"][1]["state"] == "done").await;
}

#[tokio::test]
async fn a_delivery_of_before_still_runs_and_a_replay_is_held() {
    let dir = HostDir::new("[plugin.actor]\nbackoff_base_ms = 1\nbackoff_max_ms = 1\nattempts_max = 1000\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let waits = json!({ "act": "retry-until 2" });
    host.send(&Event::with_payload("shop.opened", "evt_1", &waits)).await;
    dir.run(&["plugin", "disable", "actor"]);
    let first = wait_done(&host, "evt_1").await;
    assert_eq!(first["deliveries"][0]["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(dir.run(&["event", "replay", "evt_1"]).code, 0);
    let replayed = host.event("evt_1").await.unwrap();
    assert_eq!(replayed["deliveries"][1]["held_because"], "switched off", "{replayed}");
    dir.run(&["plugin", "enable", "actor"]);
    host.wait_event("evt_1", "its replay is done", |event| event["deliveries"][1]["state"] == "done").await;
}

#[tokio::test]
async fn the_matrix_has_what_the_plugin_handles_the_config_allows_and_the_switch_says() {
    let dir = HostDir::new("[plugin.actor]\nevents = [\"appointment.created\", \"shop.*\"]\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    dir.run(&["plugin", "disable", "actor", "--type", "appointment.created", "--note", "too many"]);
    dir.run(&["plugin", "disable", "gone"]);
    let matrix = dir.run(&["plugin", "matrix", "--json"]).json();
    for (plugin, event_type, expected) in [
        ("actor", "appointment.created", [true, true, false, false]),
        ("actor", "appointment.updated", [true, false, true, false]),
        ("actor", "shop.*", [true, true, true, true]),
        ("actor", "*", [true, false, true, false]),
        ("gone", "*", [false, true, false, false]),
    ] {
        let row = row(&matrix, plugin, event_type);
        let found = ["handles", "config", "switch", "effective"].map(|key| row[key].as_bool().unwrap());
        assert_eq!(found, expected, "{plugin} {event_type}: {matrix:#}");
    }
    let created = row(&matrix, "actor", "appointment.created");
    assert_eq!(created["note"], "too many");
    assert!(created["changed_at"].as_u64().unwrap() > 1_700_000_000_000, "{created}");
    let table = dir.run(&["plugin", "matrix"]).out;
    assert!(table.starts_with("PLUGIN  TYPE") && table.contains("too many"), "{table}");
    let (_, api) = host.api_get("/api/v1/plugins/matrix").await;
    assert_eq!(api, matrix);
}

#[tokio::test]
async fn a_wrong_type_and_an_instruction_on_an_old_version_are_refused() {
    let dir = HostDir::new("[plugins]\nswitches_max = 2\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let wrong = dir.run(&["plugin", "disable", "actor", "--type", "app*"]);
    assert!(wrong.code == 2 && wrong.err.contains("`app*` is not a type of events"), "{wrong:?}");
    let wrong = dir.run(&["plugin", "disable", "no/name"]);
    assert!(wrong.code == 2 && wrong.err.contains("is not a name"), "{wrong:?}");
    let unknown = dir.run(&["plugin", "disable", "actor", "--type", "*", "--dry-run"]);
    assert!(unknown.out.contains("would be switched off"), "{unknown:?}");

    let turn_off = json!({ "type": "a", "on": false });
    let (code, body) = put_switch(&host, "actor", &turn_off, Some("\"0\"")).await.unwrap();
    assert_eq!((code.as_u16(), &body["changed"]), (200, &true.into()), "{body}");
    let (code, body) = put_switch(&host, "actor", &turn_off, Some("\"0\"")).await.unwrap();
    assert_eq!(code.as_u16(), 412, "{body}");
    let (code, body) = put_switch(&host, "actor", &turn_off, Some("\"1\"")).await.unwrap();
    assert_eq!((code.as_u16(), &body["changed"]), (200, &false.into()), "{body}");
    let (_, listed) = host.api_get("/api/v1/plugins/actor/switches").await;
    assert_eq!((&listed["version"], &listed["items"][0]["type"]), (&1.into(), &"a".into()), "{listed}");

    assert_eq!(dir.run(&["plugin", "disable", "actor", "--type", "b"]).code, 0);
    let full = dir.run(&["plugin", "disable", "actor", "--type", "c"]);
    assert!(full.code == 1 && full.err.contains("plugins.switches_max"), "{full:?}");
    assert_eq!(dir.run(&["plugin", "disable", "other"]).code, 0, "a whole plugin can always be turned off");
    assert_eq!(dir.run(&["plugin", "disable", "actor"]).code, 0, "it replaces the others");
    let (code, _) = host.api_get("/api/v1/held-releases/9").await;
    assert_eq!(code.as_u16(), 404);
}

#[tokio::test]
async fn no_event_accepted_after_the_answer_follows_the_old_switch_under_load() {
    let dir = HostDir::new(&format!("{CONFIG}[plugin.actor]\ncall_timeout_ms = 60000\n"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut load = tokio::task::JoinSet::new();
    for task in 0..6 {
        let (sender, stop) = (host.sender(), std::sync::Arc::clone(&stop));
        load.spawn(async move {
            let mut number = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let event = shop(&format!("load_{task}_{number}"), "shop.opened", &format!("{task}"));
                assert_eq!(sender.try_send(&event).await.unwrap().status(), "accepted");
                number += 1;
            }
            number
        });
    }
    for round in 0..15 {
        let on = round % 2 == 1;
        let (code, body) =
            put_switch(&host, "actor", &json!({ "type": "shop.*", "on": on }), None).await.unwrap();
        assert_eq!(code.as_u16(), 200, "{body}");
        let id = format!("evt_{round}");
        host.send(&shop(&id, "shop.opened", "own")).await;
        if on {
            wait_done(&host, &id).await;
        } else {
            assert_eq!(state(&host, &id).await, off(), "{id}");
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let sent: usize = load.join_all().await.into_iter().sum();
    assert_eq!(dir.run(&["plugin", "enable", "actor"]).code, 0);
    host.wait_drained().await;
    let events = host.events("&state=done").await;
    assert_eq!(events.len(), sent + 15);
    let once = |event: &Value| event["deliveries"][0]["attempts"] == 1;
    assert!(events.iter().all(once), "each ran once");
}

#[tokio::test]
async fn a_release_that_a_kill_interrupted_goes_on_after_the_restart() {
    const HELD: usize = 1200;
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", "held-step:2");
    let host = dir.start_with(command).await;
    dir.run(&["plugin", "disable", "actor"]);
    for number in 0..HELD {
        host.send(&shop(&format!("evt_{number}"), "shop.opened", &format!("{}", number % 7))).await;
    }
    let asked = dir.run(&["plugin", "enable", "actor"]);
    assert_eq!(asked.code, 1, "{asked:?}");
    host.wait_exit().await;
    let host = dir.start().await;
    host.send(&shop("evt_after", "shop.opened", "0")).await;
    wait_until("it is done", async || {
        let (_, release) = host.api_get("/api/v1/held-releases/2").await;
        (release["state"] == "done" && release["released"] == HELD).then_some(())
    })
    .await;
    host.wait_drained().await;
    assert_eq!(host.events("&state=done").await.len(), HELD + 1);
}
