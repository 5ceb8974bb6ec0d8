//! Replays on a chosen revision: its deliveries run there, whatever is in force.

use serde_json::{Value, json};

use super::{command, digest, handles, narrow, push, revisions};
use crate::support::{Event, HostDir, RunningHost, wait_until};

const CONFIG: &str = "[plugin.actor]\ncall_timeout_ms = 60000\nattempts_max = 9\nbackoff_base_ms = 600000\nbackoff_max_ms = 600000\n\
    config = { act = \"ACT\" }\n";

fn config(act: &str) -> String {
    CONFIG.replace("ACT", act)
}

/// A host whose plugin has a dead letter, and then another revision and a configuration that mends it.
async fn with_dead_letter<'a>(dir: &'a HostDir, [first, second]: [&[u8]; 2]) -> (RunningHost<'a>, String) {
    dir.install("actor", first);
    let host = dir.start().await;
    host.wait_revision("actor", first).await;
    host.send(&Event::created("evt_dead")).await;
    let event = host.wait_finished("evt_dead").await;
    assert_eq!(event["state"], "dead", "{event}");
    assert_eq!(push(dir, second)["state"], "in force");
    let dead = event["deliveries"][0]["id"].as_str().unwrap().to_owned();
    (host, dead)
}

async fn mend(dir: &HostDir, host: &RunningHost<'_>, act: &str) {
    dir.configure(&config(act));
    host.wait_log(&["configuration changed"]).await;
}

/// The delivery that a replay made, once this is so.
async fn replayed(host: &RunningHost<'_>, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let event = host.wait_event("evt_dead", what, |event| wanted(&event["deliveries"][1])).await;
    event["deliveries"][1].clone()
}

fn revisions_of(delivery: &Value) -> Vec<&str> {
    delivery["attempts"].as_array().unwrap().iter().map(|of| of["revision"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_dead_letter_runs_on_an_older_revision_while_the_newer_takes_events() {
    let dir = HostDir::new(&config("reject"));
    let [first, second] = revisions();
    let (host, dead) = with_dead_letter(&dir, [&first, &second]).await;
    mend(&dir, &host, "well").await;
    let begun = dir.run(&["delivery", "replay", &dead, "--revision", &digest(&first)[..8], "--json"]).json();
    assert_eq!(begun["request"]["revision"], digest(&first).as_str(), "{begun}");
    assert_eq!((&begun["made"], &begun["request"]["where"]["plugin"]), (&1.into(), &"actor".into()));
    let delivery = replayed(&host, "the replay is done", |delivery| delivery["state"] == "done").await;
    assert_eq!(revisions_of(&delivery), [digest(&first)], "{delivery}");
    assert_eq!(delivery["cause"], json!({ "replay": 1, "of": dead, "revision": digest(&first) }));
    let shown = dir.run(&["event", "show", "evt_dead"]).out;
    let expected = format!("by replay 1 on revision {}", &digest(&first)[..12]);
    assert!(shown.contains(&expected), "{shown}");
    handles(&host, &second, "evt_ordinary").await;

    // By event, and a replay without a revision runs on the one in force.
    let to = ["event", "replay", "evt_ordinary", "--to", "actor", "--json"];
    let on_first = dir.run(&[&to[..], &["--revision", &digest(&first)]].concat()).json();
    assert_eq!(on_first["made"], 1, "{on_first}");
    host.wait_drained().await;
    assert_eq!(dir.run(&to).json()["made"], 1);
    host.wait_drained().await;
    let event = host.event("evt_ordinary").await.unwrap();
    let ran: Vec<_> = event["deliveries"].as_array().unwrap().iter().flat_map(revisions_of).collect();
    assert_eq!(ran, [digest(&second), digest(&first), digest(&second)], "{event}");
    let audit = dir.run(&["audit", "list", "--json"]).json();
    let begun = audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "replay.begin");
    let revisions: Vec<_> = begun.map(|entry| entry["after"]["request"]["revision"].clone()).collect();
    assert_eq!(revisions, [Value::Null, digest(&first).into(), digest(&first).into()], "{audit}");
}

#[tokio::test]
async fn its_retries_stay_on_the_revision_after_a_kill_and_a_swap() {
    let dir = HostDir::new(&config("reject"));
    let [first, second, third] = revisions();
    let (host, dead) = with_dead_letter(&dir, [&first, &second]).await;
    mend(&dir, &host, "retry-until 3").await;
    let replay = ["delivery", "replay", "--plugin", "actor", "--revision", &digest(&first)[..4]];
    assert_eq!(dir.run(&replay).code, 0);
    let waiting = replayed(&host, "it waits", |delivery| delivery["state"] == "waiting").await;
    assert_eq!(waiting["cause"]["of"], dead.as_str(), "{waiting}");
    let id = waiting["id"].as_str().unwrap();
    host.kill();
    let host = dir.start().await;
    assert_eq!(dir.run(&["delivery", "retry", id]).code, 0);
    let attempts =
        |delivery: &Value, count: usize| delivery["attempts"].as_array().map(Vec::len) == Some(count);
    replayed(&host, "it was tried again", |delivery| attempts(delivery, 2)).await;
    assert_eq!(push(&dir, &third)["state"], "in force");
    handles(&host, &third, "evt_third").await;
    assert_eq!(dir.run(&["delivery", "retry", id]).code, 0);
    let done = replayed(&host, "it is done", |delivery| delivery["state"] == "done").await;
    assert_eq!(revisions_of(&done), vec![digest(&first); 3], "{done}");
}

#[tokio::test]
async fn a_revision_that_may_not_run_or_is_not_named_well_is_refused() {
    let dir = HostDir::new(&config("reject"));
    let [first, second, third] = revisions();
    let (host, dead) = with_dead_letter(&dir, [&first, &second]).await;
    // A replay that makes deliveries of several plugins has no one revision.
    dir.install("other", &first);
    host.wait_revision("other", &first).await;
    let other = dir.run(&["event", "replay", "evt_dead", "--to", "other", "--json"]).json();
    assert_eq!(other["made"], 1, "{other}");
    host.wait_drained().await;
    let both = dir.run(&["delivery", "replay", &dead, "1-2", "--revision", &digest(&first)]);
    assert!(both.code == 1 && both.err.contains("deliveries of actor and of other"), "{both:?}");
    for (request, expected) in [
        (json!({ "of": "events" }), "name it in `to`"),
        (json!({ "of": "deliveries" }), "name it in `where.plugin`"),
        (json!({ "of": "deliveries", "action": "discard", "where": { "plugin": "actor" } }), "for a replay"),
    ] {
        let mut request = request;
        request["revision"] = digest(&first).into();
        let (status, problem) = host.api_post("/api/v1/replays", &request, &[]).await;
        assert!(status == 422 && problem["detail"].as_str().unwrap().contains(expected), "{problem}");
    }
    host.stop().await;
    dir.configure(&(config("reject") + "[plugins]\napproval = \"all\"\n"));
    let host = dir.start().await;
    assert_eq!(push(&dir, &third)["state"], "waiting");
    let refused = |digits: &str, expected: &[&str]| {
        let replay = dir.run(&["delivery", "replay", &dead, "--revision", digits]);
        assert_eq!(replay.code, 1, "{replay:?}");
        assert!(expected.iter().all(|part| replay.err.contains(part)), "{replay:?}");
    };
    let listed = "`hookyard plugin history actor` lists them";
    refused(&digest(&third), &["was never in force", listed]);
    command(&dir, &["reject", "actor", &digest(&third)[..8], "--note", "no"]);
    refused(&digest(&third)[..8], &["was never in force", listed]);
    refused(
        "0000000000000000",
        &["no revision of it has a digest that begins with `0000000000000000`", listed],
    );
    for digits in ["abc", "not hexadecimal"] {
        let malformed = dir.run(&["delivery", "replay", &dead, "--revision", digits]);
        assert!(malformed.code == 2 && malformed.err.contains("4 to 64 digits"), "{malformed:?}");
    }
    let (_, replays) = host.api_get("/api/v1/replays").await;
    assert_eq!(replays["items"].as_array().unwrap().len(), 1, "{replays}");
}

#[tokio::test]
async fn events_that_the_revision_does_not_handle_are_skipped() {
    let dir = HostDir::new(&config("reject"));
    let [wide] = revisions();
    let narrow = narrow();
    dir.install("actor", &narrow);
    let host = dir.start().await;
    host.wait_revision("actor", &narrow).await;
    assert_eq!(push(&dir, &wide)["state"], "in force");
    for event in [Event::created("evt_1"), Event::sample("appointment.updated", "evt_2")] {
        host.send(&event).await;
        assert_eq!(host.wait_finished(&event.id).await["state"], "dead");
    }
    let replay = ["delivery", "replay", "--plugin", "actor", "--revision", &digest(&narrow)];
    let dry = dir.run(&[&replay[..], &["--dry-run", "--json"]].concat()).json();
    assert_eq!((&dry["made"], &dry["skipped"]), (&1.into(), &1.into()), "{dry}");
    assert_eq!(dry["first"][0]["event"], "evt_1", "{dry}");
    let replay = dir.run(&replay);
    assert!(replay.code == 0 && replay.out.contains("not handled by revision"), "{replay:?}");
    let event = host.wait_event("evt_1", "it is done", |event| event["state"] == "done").await;
    assert_eq!(revisions_of(&event["deliveries"][1]), [digest(&narrow)], "{event}");
    assert_eq!(host.event("evt_2").await.unwrap()["deliveries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn without_the_file_of_its_revision_a_delivery_is_a_dead_letter_with_the_reason() {
    let dir = HostDir::new(&config("reject"));
    let [first, second] = revisions();
    let (host, dead) = with_dead_letter(&dir, [&first, &second]).await;
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    assert_eq!(dir.run(&["delivery", "replay", &dead, "--revision", &digest(&first)]).code, 0);
    host.stop().await;
    let of_first = format!("(SELECT id FROM revision_file WHERE digest = x'{}')", digest(&first));
    dir.alter(&format!(
        "DELETE FROM revision_part WHERE file_id = {of_first}; DELETE FROM revision_file WHERE id = {of_first};"
    ))
    .await;
    dir.configure(&config("well"));
    let host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    let lost = replayed(&host, "it is dead", |delivery| delivery["state"] == "dead").await;
    assert_eq!(revisions_of(&lost), [digest(&first)], "{lost}");
    let reason = lost["attempts"][0]["reason"].as_str().unwrap();
    let of = format!("revision {} that the replay chose cannot run", &digest(&first)[..12]);
    assert!(reason.contains(&of) && reason.contains("its file is not in the database"), "{reason}");
    handles(&host, &second, "evt_after").await;
}

#[tokio::test]
async fn pruning_keeps_the_file_until_the_replay_is_over() {
    let dir = HostDir::new(&config("reject"));
    let [first, second, third] = revisions();
    let (host, dead) = with_dead_letter(&dir, [&first, &second]).await;
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    assert_eq!(dir.run(&["delivery", "replay", &dead, "--revision", &digest(&first)]).code, 0);
    dir.configure(&(config("well") + "[revisions]\nkeep = 1\n"));
    push(&dir, &third);
    let kept = || {
        let items = command(&dir, &["history", "actor"])["items"].clone();
        items.as_array().unwrap().iter().map(|item| item["revision"].is_object()).collect::<Vec<_>>()
    };
    wait_until("the second is gone", async || (kept() == [true, false, true]).then_some(())).await;
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    let done = replayed(&host, "it is done", |delivery| delivery["state"] == "done").await;
    assert_eq!(revisions_of(&done), [digest(&first)], "{done}");
}

#[tokio::test]
async fn replays_on_more_revisions_than_are_loaded_at_once_all_end() {
    for max in [1, 4] {
        replay_on_six_revisions(max).await;
    }
}

async fn replay_on_six_revisions(max: usize) {
    let more = format!("[plugins]\nreplay_revisions_max = {max}\n");
    let dir = HostDir::new(&(config("reject") + &more));
    let all: [Vec<u8>; 7] = revisions();
    dir.install("actor", &all[0]);
    let host = dir.start().await;
    host.wait_revision("actor", &all[0]).await;
    for bytes in &all[1..] {
        assert_eq!(push(&dir, bytes)["state"], "in force");
    }
    let ids: Vec<_> = (0..6).map(|number| format!("evt_{number}")).collect();
    for id in &ids {
        host.send(&Event::created(id)).await;
        assert_eq!(host.wait_finished(id).await["state"], "dead");
    }
    dir.configure(&(config("busy 200") + &more));
    host.wait_log(&["configuration changed"]).await;
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    for (id, bytes) in ids.iter().zip(&all) {
        let replay = ["event", "replay", id, "--to", "actor", "--revision", &digest(bytes)];
        assert_eq!(dir.run(&replay).code, 0);
    }
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    for (id, bytes) in ids.iter().zip(&all) {
        let event = host.wait_event(id, "it is done", |event| event["state"] == "done").await;
        assert_eq!(revisions_of(&event["deliveries"][1]), [digest(bytes)], "{event}");
    }
}

#[tokio::test]
async fn a_request_with_a_revision_names_a_thousand_deliveries_at_most() {
    let dir = HostDir::new(&config("reject"));
    let [first, second] = revisions();
    let (host, _) = with_dead_letter(&dir, [&first, &second]).await;
    for (count, expected) in [(1000, 404), (1001, 422)] {
        let ids: Vec<_> = (1..=count).map(|number| format!("1-{}", number + 1)).collect();
        let digits = &digest(&first)[..8];
        let request = json!({ "of": "deliveries", "where": { "deliveries": ids }, "revision": digits });
        let (status, problem) = host.api_post("/api/v1/replays", &request, &[]).await;
        assert_eq!(status, expected, "{problem}");
        let names = if count > 1000 { "more than 1000" } else { "no delivery 1-2" };
        assert!(problem["detail"].as_str().unwrap().contains(names), "{problem}");
    }
}

#[tokio::test]
async fn a_replay_takes_no_place_of_the_revision_in_force() {
    let config = |act: &str| config(act) + "[runtime]\ninstances_max = 1\n[dispatch]\nconcurrency = 1\n";
    let dir = HostDir::new(&config("reject"));
    let [first, second] = revisions();
    let (host, dead) = with_dead_letter(&dir, [&first, &second]).await;
    dir.configure(&config("busy 15000"));
    host.wait_log(&["configuration changed"]).await;
    assert_eq!(dir.run(&["delivery", "replay", &dead, "--revision", &digest(&first)]).code, 0);
    replayed(&host, "it runs", |delivery| delivery["state"] == "running").await;
    // The only place of the revision in force is free.
    handles(&host, &second, "evt_ordinary").await;
    let event = host.event("evt_dead").await.unwrap();
    assert_eq!(event["deliveries"][1]["state"], "running", "{event}");
    let delivery = replayed(&host, "the replay is done", |delivery| delivery["state"] == "done").await;
    assert_eq!(revisions_of(&delivery), [digest(&first)], "{delivery}");
}

#[tokio::test]
async fn a_replay_runs_while_the_breaker_of_the_revision_in_force_is_open_and_does_not_open_it() {
    let breaker = "breaker_failures_percent = 100\nbreaker_deliveries = 3\nbreaker_pause_ms = 600000\n\
        breaker_pause_max_ms = 600000\nattempts_max = 1\n";
    let dir = HostDir::new(&config("reject").replace("attempts_max = 9\n", breaker));
    let [first, second] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    host.wait_revision("actor", &first).await;
    let send = async |prefix: &str| {
        let ids: Vec<_> = (0..4).map(|number| format!("evt_{prefix}_{number}")).collect();
        for id in &ids {
            host.send(&Event::created(id)).await;
        }
        ids
    };
    let dead = send("dead").await;
    for id in &dead {
        assert_eq!(host.wait_finished(id).await["state"], "dead");
    }
    assert_eq!(push(&dir, &second)["state"], "in force");

    // Four failures on the chosen revision say nothing about the one in force.
    dir.configure(&config("retry").replace("attempts_max = 9\n", breaker));
    host.wait_log(&["configuration changed"]).await;
    let replay = |id: &str| {
        let replay = ["event", "replay", id, "--to", "actor", "--revision", &digest(&first)];
        assert_eq!(dir.run(&replay).code, 0);
    };
    for id in &dead {
        replay(id);
    }
    for id in &dead {
        host.wait_event(id, "it failed", |event| event["deliveries"][1]["state"] == "dead").await;
    }
    assert_eq!(host.plugin("actor").await.unwrap()["breaker_until"], Value::Null);

    // Failures of the one in force open its breaker, and the chosen revision runs on.
    for id in send("failing").await.iter().take(3) {
        host.wait_event(id, "it failed", |event| event["state"] == "dead").await;
    }
    host.wait_plugin("actor", "it is paused", |plugin| plugin["breaker_until"].is_u64()).await;
    replay(&dead[0]);
    let event = host.wait_event(&dead[0], "it ran", |event| event["deliveries"][2]["state"] == "dead").await;
    assert_eq!(revisions_of(&event["deliveries"][2]), [digest(&first)], "{event}");
    assert!(host.plugin("actor").await.unwrap()["breaker_until"].is_u64(), "it is still paused");
}
