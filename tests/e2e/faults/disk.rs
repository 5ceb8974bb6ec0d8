//! A full disk, and a disk that becomes read-only, while the host runs.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde_json::json;

use crate::support::{
    CommandOutput, DatabaseLock, Event, HostDir, Load, RunningHost, SentEvent, guest, namespaces,
    plugin_lines, wait_until,
};

fn act_event(id: &str, act: &str) -> Event {
    // Large enough to need room that was not there before.
    Event::with_payload("any.type", id, &json!({ "act": act, "padding": "x".repeat(20_000) }))
}

/// A host whose database is on its own file system in `disk`.
fn host_dir() -> HostDir {
    let dir = HostDir::new(
        "[database]\nurl = \"sqlite:disk/hookyard.db\"\nbusy_timeout_ms = 100\n[plugin.actor]\ncall_timeout_ms = 60_000\n",
    );
    let text = fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let text = text.replacen("[server]\n", "[server]\ndata_dir = \"hookyard-data\"\n", 1);
    dir.replace("hookyard.toml", text.as_bytes());
    dir.install("actor", &guest("actor"));
    fs::create_dir(dir.path("disk")).unwrap();
    dir
}

/// Fills the disk to its last byte.
fn fill(filler: &Path) {
    let mut file = File::create(filler).unwrap();
    let full = loop {
        if let Err(error) = file.write_all(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

async fn ready(host: &RunningHost<'_>) -> bool {
    host.admin_get("/readyz", None).await.status() == 200
}

/// Each of these was accepted, and is done with its first attempt.
async fn all_done_once(host: &RunningHost<'_>, accepted: &[String]) {
    host.wait_drained().await;
    let events = host.events("").await;
    assert_eq!(events.len(), accepted.len(), "what was not accepted is not there");
    let lines = plugin_lines(&host.flushed_log().await, "actor");
    for id in accepted {
        let event = events.iter().find(|event| event["id"] == id.as_str()).unwrap();
        let delivery = &event["deliveries"][0];
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&"done".into(), &1.into()), "{event}");
        assert_eq!(lines.iter().filter(|line| line.event == *id).count(), 1, "{id}");
    }
}

#[tokio::test]
async fn a_full_disk_is_503_and_loses_nothing_until_there_is_room() {
    if !namespaces() {
        return;
    }
    let dir = host_dir();
    let host = dir.start_with(dir.command_in("mount -t tmpfs -o size=32m,mode=0700 none disk")).await;
    let mut accepted = vec!["evt_runs".to_owned()];
    assert_eq!(host.send(&act_event("evt_runs", "busy 1000")).await.code, 202);
    host.wait_log(&["evt_runs attempt 1"]).await;
    fill(&host.path_in_namespace("disk/filler"));

    let load = Load::start(&host, 4, (0..300).map(|n| act_event(&format!("evt_{n}"), "well")).collect());
    let (taken, refused): (Vec<_>, Vec<_>) = load.finish().await.into_iter().partition(SentEvent::accepted);
    accepted.extend(taken.into_iter().map(|sent| sent.event.id));
    assert!(refused.len() > 250, "{} were accepted on a full disk", accepted.len());
    for sent in &refused {
        let answer = sent.answer.as_ref().unwrap();
        assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    wait_until("it is not ready", async || (!ready(&host).await).then_some(())).await;
    host.wait_log(&["ERROR", "cannot write", "full"]).await;
    assert!(host.event("evt_runs").await.is_some(), "reading goes on");

    fs::remove_file(host.path_in_namespace("disk/filler")).unwrap();
    wait_until("it goes on by itself", async || ready(&host).await.then_some(())).await;
    for sent in refused {
        assert_eq!(host.send(&sent.event).await.code, 202);
        accepted.push(sent.event.id);
    }
    all_done_once(&host, &accepted).await;
}

#[tokio::test]
async fn a_disk_too_small_for_a_database_is_named_at_the_start() {
    if !namespaces() {
        return;
    }
    let dir = host_dir();
    let output = CommandOutput::run(&mut dir.command_in("mount -t tmpfs -o size=64k,mode=0700 none disk"));
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("disk/hookyard.db") && output.err.contains("full"), "{}", output.err);
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_is_503_and_loses_nothing_until_it_is_writable() {
    if !namespaces() {
        return;
    }
    let dir = host_dir();
    let host = dir.start_with(dir.command_in("true")).await;
    let mut accepted = vec!["evt_before".to_owned()];
    assert_eq!(host.send(&act_event("evt_before", "well")).await.code, 202);
    host.wait_drained().await;
    host.run_in_namespace("mount --bind disk disk && mount -o remount,bind,ro disk");
    // Files that are open stay as they were; after a failure the host opens them again.
    let lock = DatabaseLock::acquire(&dir.path("disk/hookyard.db"));
    assert_eq!(host.send(&act_event("evt_locked", "well")).await.code, 503);
    drop(lock);
    for n in 0..3 {
        let answer = host.send(&act_event(&format!("evt_{n}"), "well")).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
    }
    wait_until("it is not ready", async || (!ready(&host).await).then_some(())).await;
    // Of equal lines one is written each second.
    wait_until("the log says why", async || {
        assert_eq!(host.send(&act_event("evt_logged", "well")).await.code, 503);
        dir.log().lines().any(|line| line.contains("not accepted") && line.contains("readonly")).then_some(())
    })
    .await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done", "reading goes on");

    host.run_in_namespace("umount --lazy disk");
    wait_until("it goes on by itself", async || ready(&host).await.then_some(())).await;
    for n in 0..3 {
        let id = format!("evt_{n}");
        assert_eq!(host.send(&act_event(&id, "well")).await.code, 202);
        accepted.push(id);
    }
    all_done_once(&host, &accepted).await;
}

#[tokio::test]
async fn a_read_only_disk_is_named_at_the_start() {
    if !namespaces() {
        return;
    }
    let dir = host_dir();
    let host = dir.start_with(dir.command_in("true")).await;
    host.send(&act_event("evt_before", "well")).await;
    host.wait_drained().await;
    host.terminate();
    host.wait_exit().await;
    let output =
        CommandOutput::run(&mut dir.command_in("mount --bind disk disk && mount -o remount,bind,ro disk"));
    assert_eq!(output.code, 1, "{output:?}");
    for part in ["disk/hookyard.db", "Read-only file system", "write"] {
        assert!(output.err.contains(part), "{part}: {}", output.err);
    }
    let host = dir.start_with(dir.command_in("true")).await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
}
