//! Instructions under load, and kills in the middle of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hookyard::event::now_ms;
use serde_json::json;

use super::{digest, history, push, revisions};
use crate::support::{
    CLOCKS_DIFFER_MS, Event, HostDir, Load, RunningHost, SentEvent, distinct_copy, guest, put_switch,
    wait_until,
};

/// Instructions under load, and events between two of them.
const INSTRUCTIONS: usize = 32;
const BETWEEN: usize = 40;
const EVENTS_MAX: usize = 200_000;

/// When a revision was surely in force: from its answer until the next instruction was given.
struct Period {
    digest: String,
    given: u64,
    answered: u64,
}

/// When the plugin was surely off: from the answer until the request that turned it on.
struct OffTime {
    from: u64,
    until: u64,
}

#[tokio::test]
async fn each_event_runs_on_a_revision_and_a_subscription_in_force_whatever_is_instructed_under_load() {
    instruct_under_load(4, BETWEEN).await;
}

/// Takes two minutes, and needs an optimised host: `cargo test --release --test e2e -- --ignored two_thousand --nocapture`.
/// On two cores, with the test itself in the development profile, it had 66,580 events at 3,046 a second.
#[tokio::test]
#[ignore = "it needs a quiet machine and an optimised host"]
async fn the_same_at_two_thousand_events_a_second() {
    let rate = instruct_under_load(32, 2000).await;
    assert!(rate >= 2000.0, "only {rate:.0} events/s");
}

/// Pushes, goes back, pins and switches while senders send; returns how many events were accepted each second.
async fn instruct_under_load(senders: usize, between: usize) -> f64 {
    let dir = HostDir::new("[plugin.actor]\ncall_timeout_ms = 60000\n");
    let [first, second] = revisions();
    dir.install("actor", &first);
    let host = dir.start().await;
    let event = |n| Event::with_payload("any.type", &format!("evt_{n}"), &json!({ "act": "well" }));
    let load = Load::start(&host, senders, (0..EVENTS_MAX).map(event).collect());
    let (began, mut off_from) = (Instant::now(), 0);
    let mut periods = vec![Period { digest: digest(&first), given: 0, answered: 0 }];
    let mut off = Vec::new();
    for number in 0..INSTRUCTIONS {
        let before = load.accepted();
        wait_until("events between two instructions", async || {
            (load.accepted() >= before + between).then_some(())
        })
        .await;
        let (given, path) = (now_ms(), "/api/v1/plugins/actor");
        let push = async |bytes: &[u8]| host.api_post_bytes(&format!("{path}/revisions"), bytes.into()).await;
        let instruct =
            async |instruction| host.api_post(&format!("{path}/{instruction}"), &json!({}), &[]).await;
        let (code, answer) = match number % 8 {
            0 => push(&second).await,
            // The second time it is pinned, so this waits.
            1 | 4 => push(&first).await,
            2 => instruct("rollback").await,
            3 => instruct("pin").await,
            5 => instruct("unpin").await,
            step => {
                let body = json!({ "type": "any.*", "on": step == 7 });
                put_switch(&host, "actor", &body, None).await.unwrap()
            }
        };
        assert_eq!(code.as_u16(), 200, "{answer}");
        match number % 8 {
            6 => off_from = now_ms(),
            7 => off.push(OffTime { from: off_from, until: given }),
            _ => {
                let digest = answer["in_force"].as_str().unwrap().to_owned();
                periods.push(Period { digest, given, answered: now_ms() });
            }
        }
    }
    let rate = f64::from(u32::try_from(load.accepted()).unwrap()) / began.elapsed().as_secs_f64();
    let sent = load.stop().await;
    assert!(sent.iter().all(SentEvent::accepted) && sent.len() < EVENTS_MAX);
    host.wait_drained().await;
    check(&host, &sent, &periods, &off).await;
    println!("{} events, {rate:.0} events/s, {INSTRUCTIONS} instructions", sent.len());
    rate
}

/// Each event was done once, on a revision that was in force, and not while its plugin was off.
async fn check(host: &RunningHost<'_>, sent: &[SentEvent], periods: &[Period], off: &[OffTime]) {
    let (mut decided, mut held) = (BTreeMap::<String, usize>::new(), 0);
    for sent in sent {
        let event = host.event(&sent.event.id).await.unwrap();
        let deliveries = event["deliveries"].as_array().unwrap();
        let attempts = deliveries[0]["attempts"].as_array().unwrap();
        assert_eq!((deliveries.len(), attempts.len()), (1, 1), "{event}");
        assert_eq!(deliveries[0]["state"], "done", "{event}");
        let (ran, started) =
            (attempts[0]["revision"].as_str().unwrap(), attempts[0]["started_at"].as_u64().unwrap());
        // In force at some moment between the sending and the start of the attempt.
        let possible: Vec<_> = periods
            .iter()
            .enumerate()
            .filter(|(at, period)| {
                let ended = periods.get(at + 1).map_or(u64::MAX, |next| next.answered);
                period.given <= started && sent.at <= ended
            })
            .map(|(_, period)| period.digest.as_str())
            .collect();
        assert!(possible.contains(&ran), "{event} sent at {}: {possible:?}", sent.at);
        if possible.iter().all(|digest| *digest == ran) {
            *decided.entry(ran.to_owned()).or_default() += 1;
        }
        let received = event["received_at"].as_u64().unwrap();
        if let Some(off) = off.iter().find(|off| off.from < sent.at && received < off.until) {
            held += 1;
            assert!(started + CLOCKS_DIFFER_MS >= off.until, "it was off until {}: {event}", off.until);
        }
    }
    let known = decided.values().sum::<usize>();
    assert!(decided.len() == 2 && known > sent.len() / 4, "{decided:?} of {}", sent.len());
    assert!(held > 0, "some came while it was off");
}

#[tokio::test]
async fn of_two_racing_pushes_the_later_answer_is_in_force() {
    let dir = HostDir::new("");
    let [first, second, third] = revisions();
    let host = dir.start().await;
    push(&dir, &first);
    let path = "/api/v1/plugins/actor/revisions";
    let answers =
        tokio::join!(host.api_post_bytes(path, second.clone()), host.api_post_bytes(path, third.clone()));
    let (one, other) = (&answers.0.1, &answers.1.1);
    assert_eq!((&one["state"], &other["state"]), (&"in force".into(), &"in force".into()), "{answers:?}");
    let later = if one["version"].as_u64() > other["version"].as_u64() { one } else { other };
    assert_eq!(host.plugin("actor").await.unwrap()["revision"], later["digest"]);
    let states: Vec<_> = history(&dir).into_iter().map(|(.., state)| state).collect();
    assert_eq!(states, ["in force", "superseded", "superseded"]);
}

#[tokio::test]
async fn a_kill_at_any_moment_of_a_push_leaves_the_one_before_or_the_pushed_one() {
    let dir = HostDir::new("");
    let mut current = distinct_copy(&guest("actor"), 0);
    dir.install("actor", &current);
    let mut kept = 0;
    for round in 1..=12_usize {
        let next = distinct_copy(&guest("actor"), round);
        let host = dir.start().await;
        let running = host.plugin("actor").await.unwrap()["revision"].as_str().unwrap().to_owned();
        assert_eq!(running, digest(&current), "round {round}");
        let push = tokio::spawn(host.start_push("/api/v1/plugins/actor/revisions", next.clone()));
        tokio::time::sleep(Duration::from_millis(u64::try_from(round).unwrap() * 17 % 200)).await;
        host.kill();
        let answered = push.await.unwrap().is_some_and(|code| code.is_success());
        let host = dir.start().await;
        let running = host.plugin("actor").await.unwrap()["revision"].as_str().unwrap().to_owned();
        assert!(
            running == digest(&next) || !answered && running == digest(&current),
            "round {round}: {running}"
        );
        if running == digest(&next) {
            current = next;
            kept += 1;
        }
        let listed = history(&dir);
        assert_eq!(listed.iter().filter(|(.., state)| state == "in force").count(), 1, "{listed:?}");
        assert_eq!(listed.iter().find(|(.., state)| state == "in force").unwrap().0, running);
    }
    println!("{kept} of 12 pushes took force before the kill");
}

/// Measures how long senders wait beside pushes of 20 MB: `cargo nextest run --run-ignored all -E 'test(beside_pushes)'`.
#[tokio::test]
#[ignore = "it measures"]
async fn the_waits_of_senders_beside_pushes_of_20_mb() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    // A custom section of 20 MB at the end.
    let padded = |number: usize| {
        let byte = |value: usize| u8::try_from(value).unwrap();
        let fill = (0..20_000_000).map(|at| byte(at * number % 251));
        let content: Vec<u8> = std::iter::once(4).chain(*b"fill").chain(fill).collect();
        let (mut bytes, mut length) = ([&guest("actor")[..], &[0]].concat(), content.len());
        while length >= 0x80 {
            bytes.push(byte(length & 0x7f) | 0x80);
            length >>= 7;
        }
        bytes.push(byte(length));
        [bytes, content].concat()
    };
    push(&dir, &padded(1));
    for (what, pushes) in [("alone", 0), ("beside pushes", 5), ("alone again", 0)] {
        let sender = host.sender();
        let what_id = what.replace(' ', "_");
        let sending = tokio::spawn(async move {
            let (mut waits, begun) = (Vec::new(), Instant::now());
            while begun.elapsed() < Duration::from_secs(8) {
                let id = format!("evt_{what_id}_{}", waits.len());
                let event = Event::with_payload("any.type", &id, &json!({ "act": "well" }));
                let at = Instant::now();
                assert_eq!(sender.try_send(&event).await.unwrap().status(), "accepted");
                waits.push(at.elapsed());
            }
            waits
        });
        let mut took = Vec::new();
        for number in 0..pushes {
            let at = Instant::now();
            let (code, answer) =
                host.api_post_bytes("/api/v1/plugins/actor/revisions", padded(number + 2)).await;
            assert!(code.is_success(), "{answer}");
            took.push(at.elapsed());
        }
        let mut waits = sending.await.unwrap();
        waits.sort();
        let at = |percent: usize| waits[(waits.len() - 1) * percent / 100];
        println!(
            "{what}: {} events, p50 {:?} p95 {:?} p99 {:?} max {:?}; pushes took {took:?}",
            waits.len(),
            at(50),
            at(95),
            at(99),
            at(100)
        );
    }
}
