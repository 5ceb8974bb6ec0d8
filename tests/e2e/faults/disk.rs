//! The disk is full, or becomes read-only, while the host runs.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde_json::json;

use crate::support::{Bed, Event, Host, Load, Lock, Ran, Sent, guest, namespaces, plugin_lines, until};

fn told(id: &str, act: &str) -> Event {
    // Large enough to need room that was not there before.
    Event::of("any.type", id, &json!({ "act": act, "padding": "x".repeat(20_000) }))
}

/// A host whose database, and nothing else, is on a file system of its own in `disk`.
fn bed() -> Bed {
    let bed = Bed::new("[database]\nurl = \"sqlite:disk/hookyard.db\"\nbusy_timeout_ms = 100\n");
    let text = fs::read_to_string(bed.path("hookyard.toml")).unwrap();
    let text = text.replacen("[server]\n", "[server]\ndata_dir = \"hookyard-data\"\n", 1);
    bed.replace("hookyard.toml", text.as_bytes());
    bed.install("actor", &guest("actor"));
    fs::create_dir(bed.path("disk")).unwrap();
    bed
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

async fn ready(host: &Host<'_>) -> bool {
    host.ask("/readyz", None).await.status() == 200
}

/// Each of these was accepted, and is done with its first attempt.
async fn all_done_once(bed: &Bed, host: &Host<'_>, accepted: &[String]) {
    host.drained().await;
    let events = host.events("").await;
    assert_eq!(events.len(), accepted.len(), "what was not accepted is not there");
    let lines = plugin_lines(&bed.log(), "actor");
    for id in accepted {
        let event = events.iter().find(|event| event["id"] == id.as_str()).unwrap();
        let delivery = &event["deliveries"][0];
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&"done".into(), &1.into()), "{event}");
        assert_eq!(lines.iter().filter(|line| line.event == *id).count(), 1, "{id}");
    }
}

#[tokio::test]
async fn a_full_disk_is_503_loses_nothing_and_is_over_when_there_is_room() {
    if !namespaces() {
        return;
    }
    let bed = bed();
    let host = bed.start_with(bed.command_in("mount -t tmpfs -o size=32m,mode=0700 none disk")).await;
    let mut accepted = vec!["evt_runs".to_owned()];
    assert_eq!(host.send(&told("evt_runs", "busy 1000")).await.code, 202);
    host.logged(&["evt_runs attempt 1"]).await;
    fill(&host.sees("disk/filler"));

    let load = Load::start(&host, 4, (0..300).map(|n| told(&format!("evt_{n}"), "well")).collect());
    let (taken, refused): (Vec<_>, Vec<_>) = load.finish().await.into_iter().partition(Sent::accepted);
    accepted.extend(taken.into_iter().map(|sent| sent.event.id));
    assert!(refused.len() > 250, "{} were accepted on a full disk", accepted.len());
    for sent in &refused {
        let answer = sent.answer.as_ref().unwrap();
        assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    assert!(!ready(&host).await);
    host.logged(&["ERROR", "cannot write", "full"]).await;
    assert!(host.event("evt_runs").await.is_some(), "reading goes on");

    fs::remove_file(host.sees("disk/filler")).unwrap();
    until("it goes on by itself", async || ready(&host).await.then_some(())).await;
    for sent in refused {
        assert_eq!(host.send(&sent.event).await.code, 202);
        accepted.push(sent.event.id);
    }
    all_done_once(&bed, &host, &accepted).await;
}

#[tokio::test]
async fn a_disk_without_room_for_a_database_is_named_at_the_start() {
    if !namespaces() {
        return;
    }
    let bed = bed();
    let ran = Ran::of(&mut bed.command_in("mount -t tmpfs -o size=64k,mode=0700 none disk"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("disk/hookyard.db") && ran.err.contains("full"), "{}", ran.err);
}

#[tokio::test]
async fn a_disk_that_becomes_read_only_is_503_loses_nothing_and_is_over_when_it_can_be_written() {
    if !namespaces() {
        return;
    }
    let bed = bed();
    let host = bed.start_with(bed.command_in("true")).await;
    let mut accepted = vec!["evt_before".to_owned()];
    assert_eq!(host.send(&told("evt_before", "well")).await.code, 202);
    host.drained().await;
    host.mount("mount --bind disk disk && mount -o remount,bind,ro disk");
    // Files that are open stay as they were; after a failure the host opens them again.
    let lock = Lock::take(&bed.path("disk/hookyard.db"));
    assert_eq!(host.send(&told("evt_locked", "well")).await.code, 503);
    drop(lock);
    for n in 0..3 {
        let answer = host.send(&told(&format!("evt_{n}"), "well")).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
    }
    assert!(!ready(&host).await);
    // Of equal lines one is written each second.
    until("the log says why", async || {
        assert_eq!(host.send(&told("evt_logged", "well")).await.code, 503);
        bed.log().lines().any(|line| line.contains("not accepted") && line.contains("readonly")).then_some(())
    })
    .await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done", "reading goes on");

    host.mount("umount --lazy disk");
    until("it goes on by itself", async || ready(&host).await.then_some(())).await;
    for n in 0..3 {
        let id = format!("evt_{n}");
        assert_eq!(host.send(&told(&id, "well")).await.code, 202);
        accepted.push(id);
    }
    all_done_once(&bed, &host, &accepted).await;
}

#[tokio::test]
async fn a_read_only_disk_is_named_at_the_start() {
    if !namespaces() {
        return;
    }
    let bed = bed();
    let host = bed.start_with(bed.command_in("true")).await;
    host.send(&told("evt_before", "well")).await;
    host.drained().await;
    host.terminate();
    host.ended().await;
    let ran = Ran::of(&mut bed.command_in("mount --bind disk disk && mount -o remount,bind,ro disk"));
    assert_eq!(ran.code, 1, "{ran:?}");
    for part in ["disk/hookyard.db", "Read-only file system", "write"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    let host = bed.start_with(bed.command_in("true")).await;
    assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
}
