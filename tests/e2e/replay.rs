//! Dead letters and events of the past, run again.

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, guest, wait_until};

const CONFIG: &str = "[plugin.actor]\nattempts_max = 1\nconfig = { act = \"ACT\" }\n";

fn config(act: &str) -> String {
    CONFIG.replace("ACT", act)
}

/// A host with this many dead letters of a plugin that succeeds afterwards.
async fn mended(dir: &HostDir, dead: usize) -> RunningHost<'_> {
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..dead {
        host.send(&Event::created(&format!("evt_{number}"))).await;
        assert_eq!(host.wait_finished(&format!("evt_{number}")).await["state"], "dead");
    }
    dir.configure(&config("well"));
    host.wait_log(&["configuration changed"]).await;
    host
}

fn deliveries(event: &Value) -> &Vec<Value> {
    event["deliveries"].as_array().unwrap()
}

async fn done(host: &RunningHost<'_>, id: &str) -> Value {
    host.wait_event(id, "it is done", |event| event["state"] == "done").await
}

#[tokio::test]
async fn a_dead_letter_runs_again_as_a_new_delivery_with_its_cause() {
    let dir = HostDir::new(&config("reject"));
    let host = mended(&dir, 1).await;
    let listed = dir.run(&["delivery", "list", "--state", "dead", "--json"]).json();
    let dead = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(listed["items"][0]["reason"].as_str().unwrap().ends_with("told to"), "{listed}");
    let replayed = dir.run(&["delivery", "replay", &dead]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    assert!(replayed.out.starts_with("made 1 delivery (replay 1)"), "{replayed:?}");

    let event = done(&host, "evt_0").await;
    let [old, new] = deliveries(&event).as_slice() else { panic!("{event}") };
    assert_eq!((&old["state"], &old["resolution"]), (&"dead".into(), &"replayed".into()));
    assert_eq!(new["cause"], json!({ "replay": 1, "of": dead }));
    let shown = dir.run(&["event", "show", "evt_0"]).out;
    assert!(shown.contains("dead, replayed") && shown.contains(&format!("runs {dead} again")), "{shown}");
    let new = dir.run(&["delivery", "show", new["id"].as_str().unwrap(), "--json"]).json();
    assert_eq!((&new["event"], &new["state"]), (&"evt_0".into(), &"done".into()));
    assert_eq!(dir.run(&["delivery", "list", "--state", "dead"]).out, "no such deliveries\n");
}

#[tokio::test]
async fn a_replay_selects_by_filter_and_a_dry_run_changes_nothing() {
    let dir = HostDir::new(&config("reject"));
    let host = mended(&dir, 25).await;
    let dry = dir.run(&["delivery", "replay", "--plugin", "actor", "--reason", "told", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.starts_with("would make 25 deliveries, the first:\n"), "{dry:?}");
    assert_eq!(dry.out.lines().filter(|line| line.contains(" actor ")).count(), 20, "{dry:?}");
    assert!(dry.out.ends_with("nothing was changed: this was a dry run\n"), "{dry:?}");
    for (filter, made) in [
        (&["--reason", "something else"][..], 0),
        (&["--type", "appointment.updated"], 0),
        (&["--source", "nobody"], 0),
        (&["--until", "1h"], 0),
        (&["--since", "1h", "--type", "appointment.created", "--source", "moncreneau"], 25),
        (&["--all"], 25),
    ] {
        let dry = dir.run(&[&["delivery", "replay", "--dry-run", "--json"], filter].concat()).json();
        assert_eq!(dry["made"], made, "{filter:?}");
    }
    assert!(host.event("evt_3").await.unwrap()["state"] == "dead");
    let replayed = dir.run(&["delivery", "replay", "--since", "1h", "--json"]).json();
    assert_eq!((&replayed["made"], &replayed["state"]), (&25.into(), &"done".into()));
    for number in 0..25 {
        done(&host, &format!("evt_{number}")).await;
    }
    let again = dir.run(&["delivery", "replay", "--all", "--json"]).json();
    assert_eq!((&again["found"], &again["made"]), (&0.into(), &0.into()), "resolved once");
}

#[tokio::test]
async fn an_unhandled_event_is_replayed_to_a_plugin_installed_later() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for id in ["evt_1", "evt_2"] {
        assert_eq!(host.send(&Event::created(id)).await.json["deliveries"], 0);
    }
    let nobody = dir.run(&["event", "replay", "evt_1"]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
    assert!(nobody.err.contains("no plugin does"), "{nobody:?}");
    let unknown = dir.run(&["event", "replay", "--unhandled", "--to", "actor"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.err.contains("no plugin `actor` is here"), "{unknown:?}");

    dir.install("actor", &guest("actor"));
    host.wait_revision("actor", &guest("actor")).await;
    let ran = dir.run(&["event", "replay", "--unhandled", "--json"]).json();
    assert_eq!((&ran["made"], &ran["skipped"]), (&2.into(), &0.into()));
    for id in ["evt_1", "evt_2"] {
        let event = done(&host, id).await;
        assert_eq!(deliveries(&event)[0]["cause"], json!({ "replay": ran["id"], "of": null }));
    }
    let again = dir.run(&["event", "replay", "--unhandled"]);
    assert!(again.out.starts_with("made 0 deliveries"), "{again:?}");
}

#[tokio::test]
async fn a_replay_to_one_plugin_repeats_done_deliveries_only_on_request() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..3 {
        host.send(&Event::created(&format!("evt_{number}"))).await;
        done(&host, &format!("evt_{number}")).await;
    }
    dir.install("later", &guest("actor"));
    host.wait_revision("later", &guest("actor")).await;
    host.send(&Event::created("evt_3")).await;
    done(&host, "evt_3").await;

    let to_later = ["event", "replay", "--since", "1h", "--to", "later", "--json"];
    let ran = dir.run(&to_later).json();
    assert_eq!((&ran["made"], &ran["skipped"]), (&3.into(), &1.into()), "evt_3 had gone to it");
    for number in 0..3 {
        assert_eq!(deliveries(&done(&host, &format!("evt_{number}")).await).len(), 2);
    }
    assert_eq!(dir.run(&to_later).json()["made"], 0);
    let again = dir.run(&[&to_later[..], &["--again"]].concat()).json();
    assert_eq!(again["made"], 4);
    // One that is named runs again for all that want it.
    host.wait_drained().await;
    assert_eq!(dir.run(&["event", "replay", "evt_0", "--json"]).json()["made"], 2);
}

#[tokio::test]
async fn a_long_replay_resumes_after_a_crash_and_creates_no_delivery_twice() {
    let dir = HostDir::new("[dispatch]\nbacklog_max = 100\n");
    let host = dir.start().await;
    // More than half of the backlog that is allowed: it has to wait for room.
    for number in 0..260 {
        host.send(&Event::created(&format!("evt_{number}"))).await;
    }
    dir.install("actor", &guest("actor"));
    host.wait_revision("actor", &guest("actor")).await;
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    let token = std::fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap();
    let asked = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let asked = asked.post(format!("{}/api/v1/replays", host.admin())).bearer_auth(token.trim());
    let asked = asked.json(&json!({ "of": "events", "where": { "unhandled": true } })).send().await.unwrap();
    assert_eq!(asked.status(), 202);
    wait_until("the first page", async || {
        let (_, replay) = host.api_get("/api/v1/replays/1").await;
        (replay["made"].as_u64()? > 0).then_some(())
    })
    .await;
    let (_, replay) = host.api_get("/api/v1/replays/1").await;
    assert_eq!((&replay["made"], &replay["state"]), (&50.into(), &"running".into()), "half is for senders");
    host.kill();

    let host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    let end = wait_until("it is done", async || {
        let (_, replay) = host.api_get("/api/v1/replays/1").await;
        (replay["state"] == "done").then_some(replay)
    })
    .await;
    assert_eq!((&end["made"], &end["skipped"]), (&260.into(), &0.into()));
    host.wait_drained().await;
    let events = host.events("&state=done").await;
    assert_eq!(events.len(), 260);
    assert!(events.iter().all(|event| deliveries(event).len() == 1));
}

#[tokio::test]
async fn dead_letters_are_resolved_one_by_one_or_all_at_once() {
    let dir = HostDir::new(&config("reject"));
    let host = mended(&dir, 3).await;
    let id = deliveries(&host.event("evt_0").await.unwrap())[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(dir.run(&["delivery", "discard", &id]).out, format!("delivery {id}: resolved\n"));
    let again = dir.run(&["delivery", "discard", &id]);
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.err.contains("is done, or was resolved"), "{again:?}");
    let dry = dir.run(&["delivery", "discard", "--all", "--dry-run"]);
    assert!(dry.out.starts_with("would resolve 2 deliveries"), "{dry:?}");
    let all = dir.run(&["delivery", "discard", "--all"]);
    assert!(all.out.starts_with("resolved 2 deliveries"), "{all:?}");
    assert_eq!(host.events("&state=dead").await.len(), 0);
    assert!(dir.run(&["event", "show", "evt_1"]).out.contains("dead, discarded"));
}

#[tokio::test]
async fn a_replay_shows_which_of_its_deliveries_failed_and_these_run_once_more() {
    let dir = HostDir::new(&config("reject"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..3 {
        host.send(&Event::created(&format!("evt_{number}"))).await;
        host.wait_finished(&format!("evt_{number}")).await;
    }
    assert_eq!(dir.run(&["delivery", "replay", "--reason", "told"]).code, 0);
    let failed = || dir.run(&["delivery", "list", "--replay", "1", "--state", "dead", "--json"]).json();
    wait_until("all have failed again", async || (failed()["items"].as_array()?.len() == 3).then_some(()))
        .await;
    let shown = dir.run(&["replay", "show", "1"]);
    assert!(shown.code == 0 && shown.out.contains("replay 1 is done: 3 of 3 looked at"), "{shown:?}");
    assert_eq!(
        shown.out.matches("told to").count(),
        6,
        "the dead letters before it and those of it: {shown:?}"
    );
    let shown = dir.run(&["replay", "show", "1", "--json"]).json();
    assert_eq!((&shown["made"], shown["failures"]["items"].as_array().unwrap().len()), (&3.into(), 3));

    dir.configure(&config("well"));
    host.wait_log(&["configuration changed"]).await;
    let again = dir.run(&["delivery", "replay", "--replay", "1", "--json"]).json();
    assert_eq!(again["made"], 3, "{again}");
    for number in 0..3 {
        done(&host, &format!("evt_{number}")).await;
    }
    assert_eq!(failed()["items"], json!([]), "they are resolved");
    let listed = dir.run(&["replay", "list", "--json"]).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let stopped = dir.run(&["replay", "stop", "1"]);
    assert!(stopped.code == 1 && stopped.err.contains("replay 1 has ended"), "{stopped:?}");
    assert_eq!(dir.run(&["replay", "show", "9"]).code, 1);
}

#[tokio::test]
async fn a_contradictory_request_is_rejected_with_a_remedy() {
    let dir = HostDir::new("");
    let _host = dir.start().await;
    for (arguments, code, parts) in [
        (&["delivery", "replay"][..], 2, &["which dead letters?", "--all"][..]),
        (&["delivery", "discard"], 2, &["which dead letters?"]),
        (&["event", "replay"], 2, &["which events?"]),
        (&["event", "replay", "--all", "--since", "1h"], 2, &["--all means all"]),
        (&["event", "replay", "--since", "yesterday"], 2, &["`yesterday` is no time", "2h"]),
        (&["event", "replay", "evt_none"], 1, &["no event `evt_none`"]),
        (&["event", "replay", "--all", "--to", "../x"], 2, &["`../x` is not a name"]),
        (&["delivery", "show", "12"], 2, &["`12` is not a delivery id"]),
        (&["delivery", "show", "12-1"], 1, &["no delivery 12-1"]),
        (&["delivery", "discard", "12-1"], 1, &["no delivery 12-1"]),
        (&["delivery", "replay", "12-1"], 1, &["1 of those named", "open"]),
        (&["delivery", "list", "--state", "lost"], 2, &["`state`", "`lost`"]),
    ] {
        let ran = dir.run(arguments);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(parts.iter().all(|part| ran.err.contains(part)), "{arguments:?}: {ran:?}");
    }
}
