//! Plugin replacements under load. No event is lost, none runs twice, and none runs on a revision that is not
//! current.

use serde_json::{Value, json};

use crate::support::{
    Event, HostDir, Load, RunningHost, SentEvent, distinct_copy, example, guest, plugin_lines, wait_until,
};

const SWAPS: usize = 200;
/// Events answered between two swaps, at least.
const BETWEEN: usize = 40;
/// More than all swaps take.
const EVENTS_MAX: usize = 60_000;

/// One of the two revisions, and how an operator tells which of them ran without asking the host.
struct Revision {
    bytes: Vec<u8>,
    digest: String,
    says: fn(&str) -> String,
}

/// Two plugins that log something else about the same event.
fn revisions() -> [Revision; 2] {
    let of = |bytes: Vec<u8>, says| Revision {
        digest: hookyard::event::Digest::of(&bytes).to_string(),
        bytes,
        says,
    };
    [
        of(guest("actor"), |id| format!("{id} attempt 1: well")),
        of(example("event-log"), |id| format!("any.type {id} from")),
    ]
}

/// A revision was current from some moment after `begun`, surely from `live` on, surely until the next
/// one's `begun`, and until some moment before the next one's `live`. All in ms since the Unix epoch.
struct RevisionPeriod {
    revision: usize,
    begun: u64,
    live: u64,
}

#[tokio::test]
async fn two_hundred_swaps_under_load_lose_nothing_and_run_everything_once_on_a_current_revision() {
    let dir = HostDir::new("[plugins]\ndebounce_ms = 5\n[plugin.desk]\ncall_timeout_ms = 60000\n");
    let revisions = revisions();
    dir.install("desk", &revisions[0].bytes);
    let host = dir.start().await;
    let mut periods = vec![RevisionPeriod { revision: 0, begun: 0, live: 0 }];
    let event = |n| Event::with_payload("any.type", &format!("evt_{n}"), &json!({ "act": "well" }));
    let load = Load::start(&host, 4, (0..EVENTS_MAX).map(event).collect());
    for swap in 1..=SWAPS {
        let answered = load.accepted();
        wait_until("events between two swaps", async || {
            (load.accepted() >= answered + BETWEEN).then_some(())
        })
        .await;
        let revision = swap % 2;
        let begun = hookyard::event::now_ms();
        dir.install("desk", &revisions[revision].bytes);
        host.wait_revision("desk", &revisions[revision].bytes).await;
        periods.push(RevisionPeriod { revision, begun, live: hookyard::event::now_ms() });
    }
    let sent = load.stop().await;
    let refused: Vec<_> = sent.iter().filter(|sent| !sent.accepted()).collect();
    assert!(refused.is_empty(), "{} of {}: {:?}", refused.len(), sent.len(), refused.first());
    assert!(sent.len() < EVENTS_MAX, "the load ended before the last swap");
    host.wait_drained().await;

    every_event_is_done_after_one_attempt(&host, sent.len()).await;
    let log = host.flushed_log().await;
    each_ran_once_as_recorded(&host, &log, &sent, &revisions, &periods).await;
    let swapped = log.lines().filter(|line| line.contains("plugin swapped")).count();
    assert_eq!(swapped, SWAPS);
}

async fn every_event_is_done_after_one_attempt(host: &RunningHost<'_>, sent: usize) {
    let events = host.events("").await;
    assert_eq!(events.len(), sent);
    for event in &events {
        let deliveries = event["deliveries"].as_array().unwrap();
        assert_eq!(deliveries.len(), 1, "{event}");
        assert_eq!(
            (&deliveries[0]["state"], &deliveries[0]["attempts"]),
            (&"done".into(), &1.into()),
            "{event}"
        );
    }
}

/// Each event has one first line in the log: it ran once. The line is of the revision that the attempt
/// names, and that revision was current at some moment between sending and the start of the attempt.
///
/// What this decides: an event whose whole time lies in the sure part of a period must have run on
/// that revision. What it cannot decide: an event whose time touches a swap under way may have run on
/// either. Two swaps are `BETWEEN` answers apart, so that most events are decided.
async fn each_ran_once_as_recorded(
    host: &RunningHost<'_>,
    log: &str,
    sent: &[SentEvent],
    revisions: &[Revision; 2],
    periods: &[RevisionPeriod],
) {
    let mut lines = std::collections::HashMap::<String, Vec<String>>::new();
    for line in plugin_lines(log, "desk") {
        lines.entry(line.event).or_default().push(line.text);
    }
    let mut decided = [0; 2];
    for sent in sent {
        let id = &sent.event.id;
        let event = host.event(id).await.unwrap();
        let attempt = &event["deliveries"][0]["attempts"][0];
        let ran =
            revisions.iter().position(|revision| attempt["revision"] == revision.digest.as_str()).unwrap();
        let firsts = |revision: &Revision| {
            let says = (revision.says)(id);
            lines[id].iter().filter(|line| line.starts_with(&says)).count()
        };
        assert_eq!((firsts(&revisions[ran]), firsts(&revisions[1 - ran])), (1, 0), "{event} {:?}", lines[id]);
        let possible = possible(periods, sent.at, started_at(attempt));
        assert!(possible[ran], "{event} sent at {}", sent.at);
        if !possible[1 - ran] {
            decided[ran] += 1;
        }
    }
    let all: usize = decided.iter().sum();
    assert!(all > sent.len() / 4 && decided.iter().all(|one| *one > SWAPS), "{decided:?} of {}", sent.len());
}

fn started_at(attempt: &Value) -> u64 {
    attempt["started_at"].as_u64().unwrap()
}

/// Which revisions may have been current at some moment from `from` to `to`. Both ends are included:
/// times are in whole milliseconds.
fn possible(periods: &[RevisionPeriod], from: u64, to: u64) -> [bool; 2] {
    let mut possible = [false; 2];
    for (at, period) in periods.iter().enumerate() {
        let ended = periods.get(at + 1).map_or(u64::MAX, |next| next.live);
        possible[period.revision] |= period.begun <= to && from <= ended;
    }
    possible
}

#[tokio::test]
async fn a_call_in_flight_finishes_on_its_revision() {
    let dir = HostDir::new("[plugin.actor]\ncall_timeout_ms = 30_000\n");
    let (old, new) = (distinct_copy(&guest("actor"), 1), distinct_copy(&guest("actor"), 2));
    // Both are compiled before the call: it has to last longer than a swap takes.
    dir.install("actor", &new);
    let host = dir.start().await;
    dir.install("actor", &old);
    host.wait_revision("actor", &old).await;
    host.send(&Event::with_payload("any.type", "long", &json!({ "act": "busy 10000" }))).await;
    host.wait_event("long", "it runs", |event| event["state"] == "running").await;
    dir.install("actor", &new);
    let since = host.wait_revision("actor", &new).await["since"].as_u64().unwrap();
    host.send(&Event::with_payload("any.type", "short", &json!({ "act": "well" }))).await;
    let (long, short) = (host.wait_finished("long").await, host.wait_finished("short").await);
    for (event, bytes) in [(&long, &old), (&short, &new)] {
        assert_eq!(event["state"], "done", "{event}");
        let digest = hookyard::event::Digest::of(bytes).to_string();
        assert_eq!(event["deliveries"][0]["attempts"][0]["revision"], digest.as_str(), "{event}");
    }
    let attempt = &long["deliveries"][0]["attempts"][0];
    assert!(
        started_at(attempt) + attempt["duration_us"].as_u64().unwrap() / 1000 > since,
        "{attempt} {since}"
    );
}

#[tokio::test]
async fn an_invalid_file_is_refused_and_named_and_the_running_revision_stays() {
    let dir = HostDir::new("");
    let good = guest("actor");
    dir.install("actor", &good);
    let host = dir.start().await;
    for (wrong, reason) in
        [(&b"no plugin"[..], "not a WebAssembly file"), (b"", "empty"), (&good[..good.len() / 2], "refused")]
    {
        dir.install("actor", wrong);
        let refused = host
            .wait_plugin("actor", "it is refused", |plugin| {
                plugin["refusal"].as_str().is_some_and(|r| r.contains(reason))
            })
            .await;
        let digest = hookyard::event::Digest::of(&good).to_string();
        assert_eq!((&refused["state"], &refused["revision"]), (&"running".into(), &digest.as_str().into()));
        host.wait_log(&["ERROR", "actor", reason, "stays"]).await;
        let id = format!("after {reason}").replace(' ', "_");
        host.send(&Event::with_payload("any.type", &id, &json!({ "act": "well" }))).await;
        assert_eq!(host.wait_finished(&id).await["state"], "done");
        dir.install("actor", &good);
        host.wait_plugin("actor", "the refusal is over", |plugin| plugin["refusal"].is_null()).await;
    }
}
