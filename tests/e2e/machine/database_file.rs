//! A database file that is moved, replaced, removed or overwritten under a running host. The host reports it
//! soon, acknowledges nothing, and keeps everything that it acknowledged.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Event, HostDir, RunningHost, guest, wait_until, wait_until_within};

const DATABASE: &str = "hookyard-data/hookyard.db";
/// The host looks twice a second; a busy machine may take longer.
const SOON: Duration = Duration::from_secs(10);

async fn readyz(host: &RunningHost<'_>) -> (u16, String) {
    let response = host.admin_get("/readyz", None).await;
    let code = response.status().as_u16();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    (code, body["detail"].as_str().unwrap_or_default().to_owned())
}

/// A host that has acknowledged and done an event.
async fn start(dir: &HostDir) -> RunningHost<'_> {
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    assert_eq!(host.send(&Event::with_act(1, "evt_before", "well")).await.code, 202);
    host.wait_finished("evt_before").await;
    host
}

/// Nothing is acknowledged from now on, and health soon says why.
async fn refuses(host: &RunningHost<'_>, why: &str) {
    let answer = host.send(&Event::with_act(2, "evt_lost", "well")).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"));
    let told = wait_until_within(SOON, "health says so", async || {
        let (code, detail) = readyz(host).await;
        (code == 503).then_some(detail)
    })
    .await;
    assert!(told.contains(why), "{told}");
    assert_eq!(host.admin_get("/healthz", None).await.status(), 200);
    host.wait_log(&["ERROR", "events are accepted", why]).await;
}

async fn goes_on(host: &RunningHost<'_>) {
    wait_until("it is ready again", async || (readyz(host).await.0 == 200).then_some(())).await;
    for (id, of) in [("evt_before", "duplicate"), ("evt_lost", "accepted"), ("evt_after", "accepted")] {
        let answer = host.send(&Event::with_act(if id == "evt_before" { 1 } else { 2 }, id, "well")).await;
        assert_eq!(answer.status(), of, "{id}: {answer:?}");
    }
    host.wait_drained().await;
}

#[tokio::test]
async fn a_database_that_is_moved_stops_acceptance_until_it_is_back() {
    for (name, away) in [(DATABASE, "away.db"), ("hookyard-data", "away")] {
        let dir = HostDir::new("");
        let host = start(&dir).await;
        fs::rename(dir.path(name), dir.path(away)).unwrap();
        refuses(&host, "hookyard.db was removed or moved while the host runs").await;
        fs::rename(dir.path(away), dir.path(name)).unwrap();
        goes_on(&host).await;
        let told = host.flushed_log().await.matches("no more events are accepted").count();
        assert_eq!(told, 1, "once for each fault");
    }
}

#[tokio::test]
async fn a_database_that_is_replaced_is_not_written_and_stops_acceptance() {
    let dir = HostDir::new("");
    let host = start(&dir).await;
    assert_eq!(dir.run(&["backup", "copy.db"]).code, 0);
    fs::rename(dir.path(DATABASE), dir.path("own.db")).unwrap();
    fs::copy(dir.path("copy.db"), dir.path(DATABASE)).unwrap();
    refuses(&host, "hookyard.db was replaced while the host runs").await;
    assert!(fs::read(dir.path("copy.db")).unwrap() == fs::read(dir.path(DATABASE)).unwrap());
    fs::rename(dir.path("own.db"), dir.path(DATABASE)).unwrap();
    goes_on(&host).await;
}

#[tokio::test]
async fn a_database_that_is_removed_stops_acceptance_and_does_not_delay_a_stop() {
    let dir = HostDir::new("");
    let host = start(&dir).await;
    fs::remove_file(dir.path(DATABASE)).unwrap();
    refuses(&host, "hookyard.db was removed or moved while the host runs").await;
    host.terminate();
    assert!(host.wait_exit().await.code().is_some());
}

#[tokio::test]
async fn a_database_that_is_overwritten_stops_acceptance() {
    let dir = HostDir::new("");
    let host = start(&dir).await;
    for number in 0..50 {
        host.send(&Event::with_act(number, &format!("evt_{number}"), "well")).await;
    }
    host.wait_drained().await;
    assert_eq!(dir.run(&["backup", "copy.db"]).code, 0);
    // The same file with other content, as after `cp`.
    for content in [b"".to_vec(), b"some text".to_vec()] {
        fs::write(dir.path(DATABASE), content).unwrap();
        refuses(&host, "wrote over the file").await;
    }
    fs::copy(dir.path("copy.db"), dir.path(DATABASE)).unwrap();
    refuses(&host, "wrote over the file").await;
    host.terminate();
    host.wait_exit().await;
    assert!(
        fs::read(dir.path("copy.db")).unwrap() == fs::read(dir.path(DATABASE)).unwrap(),
        "it is left alone"
    );
}

#[tokio::test]
async fn a_removed_write_ahead_log_loses_nothing_even_if_the_host_is_killed() {
    for stop in ["TERM", "KILL"] {
        let dir = HostDir::new("");
        let host = start(&dir).await;
        fs::remove_file(dir.path("hookyard-data/hookyard.db-wal")).unwrap();
        refuses(&host, "hookyard.db-wal was removed or moved").await;
        let database = dir.path(DATABASE);
        wait_until("the log is saved", async || has(&database, "evt_before").then_some(())).await;
        host.signal(stop);
        host.wait_exit().await;
        let host = dir.start().await;
        assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
        goes_on(&host).await;
    }
}

fn has(file: &Path, text: &str) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_removed_lock_file_is_locked_again_before_another_host_has_it() {
    let dir = HostDir::new("");
    let host = start(&dir).await;
    fs::remove_file(dir.path("hookyard-data/hookyard.db.lock")).unwrap();
    host.wait_log(&["WARN", "hookyard.db.lock was removed"]).await;
    let second = dir.run(&["serve"]);
    assert!(second.code == 1 && second.err.contains("in use by another hookyard host"), "{second:?}");
    goes_on(&host).await;
}
