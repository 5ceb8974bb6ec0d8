//! Revisions that operators push, go back from, pin and approve, beside files that change: the latest instruction
//! wins, and it outlives the process.

use std::fs;
use std::path::PathBuf;

use hookyard::event::Digest;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest, wait_until, wat};

mod load;
mod replay;

/// So many revisions of one plugin.
fn revisions<const N: usize>() -> [Vec<u8>; N] {
    std::array::from_fn(|number| distinct_copy(&guest("actor"), number))
}

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// A revision of the plugin `actor` that takes one event type only.
fn narrow() -> Vec<u8> {
    guest("stats")
}

fn file(dir: &HostDir, bytes: &[u8]) -> PathBuf {
    let path = dir.path(&format!("{}.bin", &digest(bytes)[..12]));
    fs::write(&path, bytes).unwrap();
    path
}

/// Pushes with the command, and returns what it printed.
fn push(dir: &HostDir, bytes: &[u8]) -> Value {
    let file = file(dir, bytes);
    dir.run(&["plugin", "push", "actor", file.to_str().unwrap(), "--json"]).json()
}

fn command(dir: &HostDir, arguments: &[&str]) -> Value {
    dir.run(&[&["plugin"], arguments, &["--json"]].concat()).json()
}

/// The history: from where, and in which state, the newest first.
fn history(dir: &HostDir) -> Vec<(String, String, String)> {
    let history = command(dir, &["history", "actor"]);
    let entry = |item: &Value| {
        let text = |key: &str| item[key].as_str().unwrap().to_owned();
        assert!(item["at"].as_u64().unwrap() > 0 && !text("by").is_empty(), "{item}");
        (text("digest"), text("origin"), text("state"))
    };
    history["items"].as_array().unwrap().iter().map(entry).collect()
}

fn entries(expected: &[(&[u8], &str, &str)]) -> Vec<(String, String, String)> {
    let entry = |(bytes, origin, state): &(&[u8], &str, &str)| {
        (digest(bytes), (*origin).to_owned(), (*state).to_owned())
    };
    expected.iter().map(entry).collect()
}

/// The next event is handled by these bytes.
async fn handles(host: &RunningHost<'_>, bytes: &[u8], id: &str) {
    let sent = host.send(&Event::with_payload("any.type", id, &json!({ "act": "well" }))).await;
    assert_eq!(sent.status(), "accepted");
    let event = host.wait_finished(id).await;
    assert_eq!(event["deliveries"][0]["attempts"][0]["revision"], digest(bytes).as_str(), "{event}");
}

#[tokio::test]
async fn a_pushed_revision_takes_the_next_event_and_a_restart_keeps_it() {
    let dir = HostDir::new("");
    let [first, second] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    handles(&host, &first, "evt_file").await;
    let pushed = push(&dir, &second);
    assert_eq!(
        (&pushed["state"], &pushed["digest"]),
        (&"in force".into(), &digest(&second).into()),
        "{pushed}"
    );
    handles(&host, &second, "evt_pushed").await;
    let expected = [(&second[..], "push", "in force"), (&first[..], "file", "superseded")];
    assert_eq!(history(&dir), entries(&expected));
    host.kill();
    let host = dir.start().await;
    handles(&host, &second, "evt_restarted").await;
    assert_eq!(history(&dir), entries(&expected));
    assert_eq!(host.plugin("actor").await.unwrap()["origin"], "push");
}

#[tokio::test]
async fn the_latest_instruction_wins_whether_a_file_a_push_or_a_rollback() {
    let dir = HostDir::new("[plugins]\nremoval_grace_ms = 50\n");
    let [first, second, third] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    push(&dir, &second);
    // Written again with the same content: it has not changed.
    dir.install("actor", &first);
    dir.install("other", &third);
    host.wait_revision("other", &third).await;
    handles(&host, &second, "evt_unchanged").await;
    dir.install("actor", &third);
    host.wait_revision("actor", &third).await;
    // To the one before, and back to the one before that.
    let back = command(&dir, &["rollback", "actor"]);
    assert_eq!((&back["state"], &back["digest"]), (&"in force".into(), &digest(&second).into()), "{back}");
    handles(&host, &second, "evt_back").await;
    let forth = command(&dir, &["rollback", "actor"]);
    assert_eq!(forth["digest"], digest(&third).as_str(), "{forth}");
    let named = command(&dir, &["rollback", "actor", &digest(&first)[..8], "--note", "why not"]);
    assert_eq!(named["digest"], digest(&first).as_str(), "{named}");
    handles(&host, &first, "evt_named").await;
    let expected = [
        (&first[..], "rollback", "in force"),
        (&third[..], "rollback", "superseded"),
        (&second[..], "rollback", "superseded"),
        (&third[..], "file", "superseded"),
        (&second[..], "push", "superseded"),
        (&first[..], "file", "superseded"),
    ];
    assert_eq!(history(&dir), entries(&expected));
    // The file of a plugin that an operator named a revision of since does not end it; a plugin without one goes.
    fs::remove_file(dir.plugin_file("actor")).unwrap();
    fs::remove_file(dir.plugin_file("other")).unwrap();
    host.wait_removed("other").await;
    handles(&host, &first, "evt_without_file").await;
    drop(host);
    let host = dir.start().await;
    handles(&host, &first, "evt_restarted").await;
    // The same file again is a new one.
    dir.install("actor", &third);
    host.wait_revision("actor", &third).await;
}

#[tokio::test]
async fn a_plugin_may_exist_by_a_push_only() {
    let dir = HostDir::new("");
    let [first] = revisions();
    let host = dir.start().await;
    assert_eq!(push(&dir, &first)["state"], "in force");
    handles(&host, &first, "evt_pushed").await;
    host.kill();
    let host = dir.start().await;
    handles(&host, &first, "evt_restarted").await;
    // Without a directory too.
    drop(host);
    fs::remove_dir_all(dir.path("plugins")).unwrap();
    let host = dir.start().await;
    handles(&host, &first, "evt_no_directory").await;
}

#[tokio::test]
async fn a_pin_holds_until_it_is_lifted_and_what_comes_meanwhile_waits() {
    let dir = HostDir::new("");
    let [first, second, third] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    assert_eq!(command(&dir, &["pin", "actor"])["pinned"], true);
    let pushed = push(&dir, &second);
    assert_eq!((&pushed["state"], &pushed["waits_for"]), (&"waiting".into(), &"unpin".into()), "{pushed}");
    dir.install("actor", &third);
    let waiting = host.wait_plugin("actor", "the file waits", |plugin| {
        plugin["waiting"]["digest"] == digest(&third).as_str()
    });
    let plugin = waiting.await;
    assert_eq!((&plugin["pinned"], &plugin["revision"]), (&true.into(), &digest(&first).into()), "{plugin}");
    let listed = dir.run(&["plugin", "list"]);
    assert!(
        listed.out.contains("running, pinned") && listed.out.contains("plugin unpin actor"),
        "{listed:?}"
    );
    handles(&host, &first, "evt_pinned").await;
    wait_until("the file's change is recorded", async || (history(&dir).len() == 3).then_some(())).await;
    host.kill();
    let host = dir.start().await;
    handles(&host, &first, "evt_restarted").await;
    let unpinned = command(&dir, &["unpin", "actor"]);
    assert_eq!(unpinned["digest"], digest(&third).as_str(), "{unpinned}");
    handles(&host, &third, "evt_lifted").await;
    let expected = [
        (&third[..], "file", "in force"),
        (&second[..], "push", "superseded"),
        (&first[..], "file", "superseded"),
    ];
    assert_eq!(history(&dir), entries(&expected));
    let pinned = command(&dir, &["pin", "actor", &digest(&first)[..8]]);
    assert_eq!((&pinned["digest"], &pinned["pinned"]), (&digest(&first).into(), &true.into()), "{pinned}");
    handles(&host, &first, "evt_pinned_to").await;
}

#[tokio::test]
async fn a_revision_that_the_host_refuses_changes_nothing_and_is_in_the_history() {
    let dir = HostDir::new("");
    let [first] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    let broken = wat("(component)");
    let file = file(&dir, &broken);
    let refused = dir.run(&["plugin", "push", "actor", file.to_str().unwrap()]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("exports no handler"), "{refused:?}");
    handles(&host, &first, "evt_after").await;
    let expected = [(&broken[..], "push", "rejected"), (&first[..], "file", "in force")];
    assert_eq!(history(&dir), entries(&expected));
    let items = command(&dir, &["history", "actor"]);
    assert!(items["items"][0]["refusal"].as_str().unwrap().contains("exports no handler"), "{items}");
    for (arguments, reason) in [
        (&["rollback", "actor"][..], "no other revision of it was in force before"),
        (&["rollback", "actor", &digest(&broken)[..8]], "was never in force"),
        (&["rollback", "actor", "zz"], "begins with `zz`"),
        (&["approve", "actor", "0"], "no revision of it waits"),
        (&["history", "nobody"], "no plugin `nobody`"),
        (&["pin", "nobody"], "no revision of it is in force"),
    ] {
        let output = dir.run(&[&["plugin"], arguments].concat());
        assert!(output.code == 1 && output.err.contains(reason), "{arguments:?}: {output:?}");
    }
    // Garbage, and more than the limit.
    let path = "/api/v1/plugins/actor/revisions";
    let (code, problem) = host.api_post_bytes(path, b"#!/bin/sh".to_vec()).await;
    assert_eq!(code, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    handles(&host, &first, "evt_last").await;
}

#[tokio::test]
async fn a_push_above_the_limit_is_refused_before_it_is_read_whole() {
    let dir = HostDir::new("[plugins]\nfile_max_bytes = 1024\n");
    let host = dir.start().await;
    let (code, problem) = host.api_post_bytes("/api/v1/plugins/actor/revisions", vec![0; 1025]).await;
    assert_eq!(code, StatusCode::PAYLOAD_TOO_LARGE, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("plugins.file_max_bytes (1024)"), "{problem}");
}

#[tokio::test]
async fn a_refused_file_stays_an_instruction_until_a_later_one_comes() {
    let dir = HostDir::new("");
    let [first, second] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    dir.install("actor", b"not wasm");
    host.wait_plugin("actor", "the file is refused", |plugin| plugin["refusal"].is_string()).await;
    wait_until("the refusal is recorded", async || (history(&dir).len() == 2).then_some(())).await;
    assert_eq!(history(&dir)[0], entries(&[(b"not wasm", "file", "rejected")])[0]);
    host.kill();
    let host = dir.start().await;
    handles(&host, &first, "evt_restarted").await;
    push(&dir, &second);
    host.kill();
    let host = dir.start().await;
    handles(&host, &second, "evt_pushed").await;
    assert_eq!(history(&dir).first(), entries(&[(&second, "push", "in force")]).first());
}

#[tokio::test]
async fn a_wider_revision_waits_for_approval_and_the_one_in_force_stays() {
    let dir = HostDir::new("");
    let (narrow, [wide, other]) = (narrow(), revisions());
    dir.install("actor", &narrow);
    let host = dir.start().await;
    wait_until("the file is recorded", async || {
        (dir.run(&["plugin", "history", "actor"]).code == 0).then_some(())
    })
    .await;
    drop(host);
    dir.configure("[plugins]\napproval = \"widening\"\n");
    let host = dir.start().await;
    let differs = dir.run(&["plugin", "push", "actor", file(&dir, &wide).to_str().unwrap(), "--dry-run"]);
    assert!(differs.code == 0 && differs.out.contains("handlers      + *"), "{differs:?}");
    assert_eq!(history(&dir).len(), 1, "a dry run leaves nothing");
    let pushed = push(&dir, &wide);
    assert_eq!((&pushed["state"], &pushed["waits_for"]), (&"waiting".into(), &"approval".into()), "{pushed}");
    assert!(pushed["difference"]["widens"].to_string().contains("\"*\""), "{pushed}");
    let diff = command(&dir, &["diff", "actor"]);
    assert_eq!((&diff["from"], &diff["to"]), (&digest(&narrow).into(), &digest(&wide).into()), "{diff}");
    assert_eq!(host.plugin("actor").await.unwrap()["revision"], digest(&narrow).as_str());
    host.kill();
    let host = dir.start().await;
    assert_eq!(host.plugin("actor").await.unwrap()["revision"], digest(&narrow).as_str());
    let rejected = command(&dir, &["reject", "actor", &digest(&wide)[..8], "--note", "too much"]);
    assert_eq!(rejected["state"], "rejected", "{rejected}");
    // A file waits too.
    dir.install("actor", &wide);
    host.wait_plugin("actor", "the file waits", |plugin| !plugin["waiting"].is_null()).await;
    let approved = command(&dir, &["approve", "actor", &digest(&wide)[..8], "--note", "as agreed"]);
    assert_eq!(approved["state"], "in force", "{approved}");
    handles(&host, &wide, "evt_approved").await;
    // No wider than this one.
    assert_eq!(push(&dir, &other)["state"], "in force");
    let items = command(&dir, &["history", "actor"])["items"].clone();
    let decided =
        |at: usize| (items[at]["decision"]["approved"].clone(), items[at]["decision"]["note"].clone());
    assert_eq!(decided(1), (true.into(), "as agreed".into()), "{items}");
    assert_eq!(decided(2), (false.into(), "too much".into()), "{items}");
    assert_eq!(items[2]["state"], "rejected", "{items}");
}

#[tokio::test]
async fn with_approval_of_all_a_new_plugin_waits_and_a_rollback_does_not() {
    let dir = HostDir::new("[plugins]\napproval = \"all\"\n");
    let [first, second] = revisions();
    let host = dir.start().await;
    assert_eq!(push(&dir, &first)["waits_for"], "approval");
    assert_eq!(host.plugin("actor").await.unwrap()["state"], "waiting");
    let unhandled = host.send(&Event::with_payload("any.type", "evt_early", &json!({ "act": "well" }))).await;
    assert_eq!(unhandled.json["deliveries"], 0);
    command(&dir, &["approve", "actor", &digest(&first)]);
    handles(&host, &first, "evt_first").await;
    assert_eq!(push(&dir, &second)["waits_for"], "approval");
    handles(&host, &first, "evt_still_first").await;
    command(&dir, &["approve", "actor", &digest(&second)]);
    let back = command(&dir, &["rollback", "actor"]);
    assert_eq!((&back["state"], &back["digest"]), (&"in force".into(), &digest(&first).into()), "{back}");
}

#[tokio::test]
async fn an_instruction_on_an_old_version_of_the_history_is_refused() {
    let dir = HostDir::new("");
    let [first, second] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    push(&dir, &second);
    let (_, history) = host.api_get("/api/v1/plugins/actor/revisions").await;
    let version = history["version"].as_u64().unwrap();
    for (tag, code) in [
        (format!("\"{}\"", version - 1), StatusCode::PRECONDITION_FAILED),
        ("seven".into(), StatusCode::BAD_REQUEST),
        (format!("\"{version}\""), StatusCode::OK),
        (format!("\"{version}\""), StatusCode::PRECONDITION_FAILED),
        ("*".into(), StatusCode::OK),
    ] {
        let answer = host.api_post("/api/v1/plugins/actor/rollback", &json!({}), &[("If-Match", &tag)]).await;
        assert_eq!(answer.0, code, "{tag}: {}", answer.1);
    }
}

#[tokio::test]
async fn old_files_go_beyond_the_limits_and_the_one_in_force_stays() {
    let dir = HostDir::new("[revisions]\nkeep = 2\n");
    let all: [Vec<u8>; 4] = revisions();
    let _host = dir.start().await;
    for bytes in &all {
        push(&dir, bytes);
    }
    let kept = || {
        let items = command(&dir, &["history", "actor"])["items"].clone();
        items.as_array().unwrap().iter().map(|item| item["revision"].is_object()).collect::<Vec<_>>()
    };
    wait_until("the old files are gone", async || (kept() == [true, true, false, false]).then_some(())).await;
    let gone = dir.run(&["plugin", "rollback", "actor", &digest(&all[0])[..8]]);
    assert!(gone.code == 1 && gone.err.contains("no longer kept (revisions.keep"), "{gone:?}");
    assert_eq!(command(&dir, &["rollback", "actor"])["digest"], digest(&all[2]).as_str());
}
