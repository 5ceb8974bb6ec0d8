//! The database file is taken from under a running host: it says so within a second, acknowledges nothing, and
//! has everything that it acknowledged.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bed, Event, Host, guest, until, until_within};

const DATABASE: &str = "hookyard-data/hookyard.db";

async fn readyz(host: &Host<'_>) -> (u16, String) {
    let response = host.ask("/readyz", None).await;
    let code = response.status().as_u16();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    (code, body["detail"].as_str().unwrap_or_default().to_owned())
}

/// A host that has acknowledged and done an event.
async fn start(bed: &Bed) -> Host<'_> {
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    assert_eq!(host.send(&Event::about(1, "evt_before", "well")).await.code, 202);
    host.settled("evt_before").await;
    host
}

/// Nothing is acknowledged from now on, and health says why within a second.
async fn refuses(host: &Host<'_>, why: &str) {
    let changed = Instant::now();
    let answer = host.send(&Event::about(2, "evt_lost", "well")).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"));
    let told = until_within(Duration::from_secs(5), "health says so", async || {
        let (code, detail) = readyz(host).await;
        (code == 503).then_some(detail)
    })
    .await;
    assert!(changed.elapsed() < Duration::from_millis(1500), "{:?}", changed.elapsed());
    assert!(told.contains(why), "{told}");
    assert_eq!(host.ask("/healthz", None).await.status(), 200);
    host.logged(&["ERROR", "nothing is accepted", why]).await;
}

async fn goes_on(host: &Host<'_>) {
    until("it is ready again", async || (readyz(host).await.0 == 200).then_some(())).await;
    for (id, of) in [("evt_before", "duplicate"), ("evt_lost", "accepted"), ("evt_after", "accepted")] {
        let answer = host.send(&Event::about(if id == "evt_before" { 1 } else { 2 }, id, "well")).await;
        assert_eq!(answer.status(), of, "{id}: {answer:?}");
    }
    host.drained().await;
}

#[tokio::test]
async fn a_database_that_is_moved_stops_acceptance_until_it_is_back() {
    for (name, away) in [(DATABASE, "away.db"), ("hookyard-data", "away")] {
        let bed = Bed::new("");
        let host = start(&bed).await;
        fs::rename(bed.path(name), bed.path(away)).unwrap();
        refuses(&host, "hookyard.db was removed or moved while the host runs").await;
        fs::rename(bed.path(away), bed.path(name)).unwrap();
        goes_on(&host).await;
        let told = bed.log().matches("nothing is accepted any more").count();
        assert_eq!(told, 1, "once for each fault");
    }
}

#[tokio::test]
async fn a_database_that_is_replaced_is_not_written_and_stops_acceptance() {
    let bed = Bed::new("");
    let host = start(&bed).await;
    assert_eq!(bed.run(&["backup", "copy.db"]).code, 0);
    fs::rename(bed.path(DATABASE), bed.path("own.db")).unwrap();
    fs::copy(bed.path("copy.db"), bed.path(DATABASE)).unwrap();
    refuses(&host, "hookyard.db was replaced while the host runs").await;
    assert!(fs::read(bed.path("copy.db")).unwrap() == fs::read(bed.path(DATABASE)).unwrap());
    fs::rename(bed.path("own.db"), bed.path(DATABASE)).unwrap();
    goes_on(&host).await;
}

#[tokio::test]
async fn a_database_that_is_removed_stops_acceptance_and_a_stop_is_not_held_up() {
    let bed = Bed::new("");
    let host = start(&bed).await;
    fs::remove_file(bed.path(DATABASE)).unwrap();
    refuses(&host, "hookyard.db was removed or moved while the host runs").await;
    host.terminate();
    assert!(host.ended().await.code().is_some());
}

#[tokio::test]
async fn a_database_that_another_program_wrote_over_stops_acceptance() {
    let bed = Bed::new("");
    let host = start(&bed).await;
    for number in 0..50 {
        host.send(&Event::about(number, &format!("evt_{number}"), "well")).await;
    }
    host.drained().await;
    assert_eq!(bed.run(&["backup", "copy.db"]).code, 0);
    // The same file, and other content: what `cp` does.
    for content in [b"".to_vec(), b"some text".to_vec()] {
        fs::write(bed.path(DATABASE), content).unwrap();
        refuses(&host, "wrote over the file").await;
    }
    fs::copy(bed.path("copy.db"), bed.path(DATABASE)).unwrap();
    refuses(&host, "wrote over the file").await;
    host.terminate();
    host.ended().await;
    assert!(
        fs::read(bed.path("copy.db")).unwrap() == fs::read(bed.path(DATABASE)).unwrap(),
        "it is left alone"
    );
}

#[tokio::test]
async fn a_log_that_is_removed_loses_nothing_even_where_the_host_is_killed() {
    for stop in ["TERM", "KILL"] {
        let bed = Bed::new("");
        let host = start(&bed).await;
        fs::remove_file(bed.path("hookyard-data/hookyard.db-wal")).unwrap();
        refuses(&host, "hookyard.db-wal was removed or moved").await;
        let database = bed.path(DATABASE);
        until("the log is saved", async || has(&database, "evt_before").then_some(())).await;
        host.signal(stop);
        host.ended().await;
        let host = bed.start().await;
        assert_eq!(host.event("evt_before").await.unwrap()["state"], "done");
        goes_on(&host).await;
    }
}

fn has(file: &Path, text: &str) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_lock_that_is_removed_is_taken_again_before_another_host_has_it() {
    let bed = Bed::new("");
    let host = start(&bed).await;
    fs::remove_file(bed.path("hookyard-data/hookyard.db.lock")).unwrap();
    host.logged(&["WARN", "hookyard.db.lock was removed"]).await;
    let second = bed.run(&["serve"]);
    assert!(second.code == 1 && second.err.contains("in use by another hookyard host"), "{second:?}");
    goes_on(&host).await;
}
