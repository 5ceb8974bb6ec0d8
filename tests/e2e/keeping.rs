//! What is old goes, without holding up or losing anything; unresolved dead letters stay.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;

use hookyard::failpoint::Point;
use serde_json::json;

use crate::support::{Bed, Event, Host, Load, Sent, guest, plugin_lines, until};

fn told(id: &str, act: &str) -> Event {
    Event::of("any.type", id, &json!({ "act": act }))
}

/// A sample of `/metrics`.
async fn sample(host: &Host<'_>, name: &str) -> f64 {
    let page = host.ask("/metrics", None).await.text().await.unwrap();
    let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("{name} in {page}")).rsplit(' ').next().unwrap().parse().unwrap()
}

async fn pruned_by_age(host: &Host<'_>) -> f64 {
    sample(host, "hookyard_pruned_events_total{why=\"age\"}").await
}

async fn stopped(host: Host<'_>) {
    host.terminate();
    assert!(host.ended().await.success());
}

#[tokio::test]
async fn old_events_go_dead_letters_stay_and_copies_are_still_known() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    for (id, act) in [("a", "well"), ("dead", "reject"), ("b", "well"), ("waits", "retry-after 3600000")] {
        host.send(&told(id, act)).await;
        host.event_when(id, "it has run", |event| event["deliveries"][0]["attempts"][0].is_object()).await;
    }
    stopped(host).await;
    bed.age(31).await;

    let host = bed.start().await;
    host.send(&told("young", "well")).await;
    host.settled("young").await;
    until("two are pruned", async || (pruned_by_age(&host).await >= 2.0).then_some(())).await;
    host.logged(&["events were pruned", "\"by_age\":2", "\"by_size\":0"]).await;
    let ids: Vec<_> = host.events("").await.into_iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, ["young", "waits", "dead"]);
    for table in ["event", "delivery", "attempt"] {
        let column = if table == "event" { "seq" } else { "event_seq" };
        assert_eq!(bed.number(&format!("SELECT count(DISTINCT {column}) FROM {table}")).await, 3, "{table}");
    }
    let dead = until("dead letters are counted", async || {
        let dead = sample(&host, "hookyard_dead_letters{what=\"delivery\"}").await;
        (dead > 0.0).then_some(dead)
    });
    assert!((dead.await - 1.0).abs() < 0.1);
    assert!(sample(&host, "hookyard_oldest_dead_letter_seconds").await > 30.0 * 86_400.0);
    assert!(sample(&host, "hookyard_database_bytes{part=\"used\"}").await > 0.0);

    let log_before = bed.log().len();
    let copy = host.send(&told("a", "well")).await;
    assert_eq!((copy.code.as_u16(), copy.status()), (200, "duplicate"));
    let other = host.send(&told("a", "reject")).await;
    assert_eq!((other.code.as_u16(), other.status()), (200, "conflict"));
    assert!(plugin_lines(&bed.log()[log_before..], "actor").is_empty());
    let (code, problem) = host.api("/api/v1/events/moncreneau/a").await;
    assert_eq!(code.as_u16(), 410, "{problem}");
    for show in [&["event", "show", "a"][..], &["event", "show", "a", "--source", "moncreneau"]] {
        let ran = bed.run(show);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(ran.err.contains("event `a`, received 2") && ran.err.contains("was pruned"), "{ran:?}");
    }
    assert!(bed.run(&["event", "show", "never"]).err.contains("no event `never`"));
}

#[tokio::test]
async fn what_is_configured_holds_from_the_change_on() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&told("a", "well")).await;
    host.settled("a").await;
    stopped(host).await;
    bed.age(8).await;

    let host = bed.start().await;
    assert!(host.event("a").await.is_some());
    bed.configure("[retention]\nevents_days = 7\n");
    host.logged(&["configuration changed: retention.events_days"]).await;
    until("it is pruned", async || host.event("a").await.is_none().then_some(())).await;
}

#[tokio::test]
async fn above_the_size_the_oldest_go_and_it_is_said_when_none_may() {
    let bed = Bed::new("[retention]\nsize_max_bytes = 1_048_576\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    let large =
        |id: &str, act: &str| Event::of("any.type", id, &json!({ "act": act, "x": "x".repeat(100_000) }));
    for n in 0..30 {
        let answer = host.send(&large(&format!("evt_{n:02}"), "well")).await;
        assert_eq!(answer.code.as_u16(), 202);
    }
    until("the oldest are pruned", async || host.event("evt_15").await.is_none().then_some(())).await;
    host.settled("evt_29").await;
    let used = sample(&host, "hookyard_database_bytes{part=\"used\"}");
    assert!(used.await < 3_000_000.0);
    assert!(sample(&host, "hookyard_pruned_events_total{why=\"size\"}").await >= 16.0);

    for n in 0..12 {
        host.send(&large(&format!("dead_{n:02}"), "reject")).await;
    }
    host.logged(&["WARN", "more than retention.size_max_bytes (1048576)", "no event may go"]).await;
    host.drained().await;
    assert_eq!(host.events("&state=dead").await.len(), 12);
}

/// Copies the only event of a stopped host so many times, as it stands.
async fn multiply(bed: &Bed, times: u64) {
    bed.alter(&format!(
        "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {times})
            SELECT i FROM n;
         INSERT INTO event SELECT seq + i, source, id || '_' || i, type, created, received_at, ordering_key,
            deliveries, payload_start, payload_end, digest, body FROM event, n;
         INSERT INTO idempotency_key (source, id, digest, event_seq, received_at)
            SELECT source, id || '_' || i, digest, event_seq + i, received_at
            FROM idempotency_key, n;
         INSERT INTO delivery (event_seq, number, plugin, state, attempts, due_at)
            SELECT event_seq + i, number, plugin, state, attempts, due_at FROM delivery, n;
         INSERT INTO attempt SELECT event_seq + i, delivery_number, number, outcome, cause, reason, revision,
            started_at, duration_us, peak_memory_bytes, logs FROM attempt, n;"
    ))
    .await;
}

/// Rows that belong to no event, and events that miss some of theirs.
const HALVES: &str = "SELECT
    (SELECT count(*) FROM delivery WHERE event_seq NOT IN (SELECT seq FROM event))
    + (SELECT count(*) FROM attempt WHERE event_seq NOT IN (SELECT seq FROM event))
    + (SELECT count(*) FROM event e WHERE deliveries <> (SELECT count(*) FROM delivery d WHERE d.event_seq = e.seq))
    + (SELECT count(*) FROM delivery d WHERE attempts <> (SELECT count(*) FROM attempt a
        WHERE a.event_seq = d.event_seq AND a.delivery_number = d.number))";
const OLD: &str = "SELECT count(*) FROM event WHERE id LIKE 'old%'";

#[tokio::test]
async fn kills_while_it_prunes_under_load_leave_nothing_half_pruned_and_lose_nothing() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&told("old", "well")).await;
    host.settled("old").await;
    stopped(host).await;
    multiply(&bed, 30_000).await;
    bed.age(31).await;

    let mut sent = BTreeMap::new();
    let mut cut = 0;
    for kill in 0..6 {
        let host = bed.start().await;
        let events = (0..5000).map(|n| told(&format!("new_{kill}_{n}"), "well")).collect();
        let load = Load::start(&host, 4, events);
        let (enough, before) = (kill * 500, bed.number(OLD).await);
        until("it prunes while events come in", async || {
            let pruned = before - bed.number(OLD).await;
            (load.accepted() >= 20 && (pruned >= enough || pruned == before)).then_some(())
        })
        .await;
        host.kill();
        let accepted = load.finish().await.into_iter().filter(Sent::accepted);
        sent.extend(accepted.map(|sent| (sent.event.id.clone(), sent.event)));
        assert_eq!(bed.number(HALVES).await, 0, "after kill {kill}");
        cut += i32::from(bed.number(OLD).await > 0);
    }
    assert!(cut >= 3, "only {cut} kills came before all was pruned");

    let host = bed.start().await;
    until("all that is old is pruned", async || (bed.number(OLD).await == 0).then_some(())).await;
    host.drained().await;
    assert_eq!(bed.number(HALVES).await, 0);
    let done = host.events("&state=done").await;
    let done: BTreeSet<_> = done.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    for (id, event) in &sent {
        assert!(done.contains(id), "{id} was accepted");
        assert_eq!(host.send(event).await.status(), "duplicate", "{id}");
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_step_undoes_the_step() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&told("old", "well")).await;
    host.settled("old").await;
    stopped(host).await;
    multiply(&bed, 100).await;
    bed.age(31).await;
    // A step removes from seven tables, one after the other.
    for passing in 1..=7 {
        let mut command = bed.command(&["serve"]);
        command.env("HOOKYARD_KILL_AT", format!("{}:{passing}", Point::PruneStep.name()));
        let ended = match bed.try_start_with(command).await {
            Ok(host) => host.ended().await,
            Err(ended) => ended,
        };
        assert_eq!(ended.signal(), Some(9), "{}", bed.log());
        assert_eq!((bed.number(OLD).await, bed.number(HALVES).await), (101, 0), "at passing {passing}");
    }
    let _host = bed.start().await;
    until("all that is old is pruned", async || (bed.number(OLD).await == 0).then_some(())).await;
    assert_eq!(bed.number(HALVES).await, 0);
}
