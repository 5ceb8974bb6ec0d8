//! Retention: old events are pruned without delay or loss of others, and unresolved dead letters stay.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;

use hookyard::failpoint::Point;
use serde_json::json;

use crate::support::{Event, HostDir, Load, RunningHost, SentEvent, guest, plugin_lines, wait_until};

fn act_event(id: &str, act: &str) -> Event {
    Event::with_payload("any.type", id, &json!({ "act": act }))
}

/// A sample of `/metrics`.
async fn sample(host: &RunningHost<'_>, name: &str) -> f64 {
    let page = host.admin_get("/metrics", None).await.text().await.unwrap();
    let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.unwrap_or_else(|| panic!("{name} in {page}")).rsplit(' ').next().unwrap().parse().unwrap()
}

async fn pruned_by_age(host: &RunningHost<'_>) -> f64 {
    sample(host, "hookyard_pruned_events_total{why=\"age\"}").await
}

#[tokio::test]
async fn old_events_are_pruned_dead_letters_stay_and_duplicates_are_recognised() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for (id, act) in [("a", "well"), ("dead", "reject"), ("b", "well"), ("waits", "retry-after 3600000")] {
        host.send(&act_event(id, act)).await;
        host.wait_event(id, "it has run", |event| event["deliveries"][0]["attempts"][0].is_object()).await;
    }
    host.stop().await;
    dir.age(31).await;

    let host = dir.start().await;
    host.send(&act_event("young", "well")).await;
    host.wait_finished("young").await;
    wait_until("two are pruned", async || (pruned_by_age(&host).await >= 2.0).then_some(())).await;
    host.wait_log(&["events were pruned", "\"by_age\":2", "\"by_size\":0"]).await;
    let ids: Vec<_> = host.events("").await.into_iter().map(|event| event["id"].clone()).collect();
    assert_eq!(ids, ["young", "waits", "dead"]);
    for table in ["event", "delivery", "attempt"] {
        let column = if table == "event" { "seq" } else { "event_seq" };
        assert_eq!(dir.number(&format!("SELECT count(DISTINCT {column}) FROM {table}")).await, 3, "{table}");
    }
    let dead = wait_until("dead letters are counted", async || {
        let dead = sample(&host, "hookyard_dead_letters{what=\"delivery\"}").await;
        (dead > 0.0).then_some(dead)
    });
    assert!((dead.await - 1.0).abs() < 0.1);
    assert!(sample(&host, "hookyard_oldest_dead_letter_seconds").await > 30.0 * 86_400.0);
    assert!(sample(&host, "hookyard_database_bytes{part=\"used\"}").await > 0.0);

    let log_before = host.flushed_log().await.len();
    let copy = host.send(&act_event("a", "well")).await;
    assert_eq!((copy.code.as_u16(), copy.status()), (200, "duplicate"));
    let other = host.send(&act_event("a", "reject")).await;
    assert_eq!((other.code.as_u16(), other.status()), (200, "conflict"));
    assert!(plugin_lines(&host.flushed_log().await[log_before..], "actor").is_empty());
    let (code, problem) = host.api_get("/api/v1/events/moncreneau/a").await;
    assert_eq!(code.as_u16(), 410, "{problem}");
    for show in [&["event", "show", "a"][..], &["event", "show", "a", "--source", "moncreneau"]] {
        let output = dir.run(show);
        assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
        assert!(
            output.err.contains("event `a`, received 2") && output.err.contains("was pruned"),
            "{output:?}"
        );
    }
    assert!(dir.run(&["event", "show", "never"]).err.contains("no event `never`"));
}

#[tokio::test]
async fn changed_retention_settings_apply_at_once() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("a", "well")).await;
    host.wait_finished("a").await;
    host.stop().await;
    dir.age(8).await;

    let host = dir.start().await;
    assert!(host.event("a").await.is_some());
    dir.configure("[retention]\nevents_days = 7\n");
    host.wait_log(&["configuration changed: retention.events_days"]).await;
    wait_until("it is pruned", async || host.event("a").await.is_none().then_some(())).await;
}

#[tokio::test]
async fn above_the_maximum_size_the_oldest_events_are_pruned_or_a_warning_is_logged() {
    let dir = HostDir::new("[retention]\nsize_max_bytes = 1_048_576\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let large = |id: &str, act: &str| {
        Event::with_payload("any.type", id, &json!({ "act": act, "x": "x".repeat(100_000) }))
    };
    for n in 0..30 {
        let answer = host.send(&large(&format!("evt_{n:02}"), "well")).await;
        assert_eq!(answer.code.as_u16(), 202);
    }
    wait_until("the oldest are pruned", async || host.event("evt_15").await.is_none().then_some(())).await;
    host.wait_finished("evt_29").await;
    let used = sample(&host, "hookyard_database_bytes{part=\"used\"}");
    assert!(used.await < 3_000_000.0);
    // They are counted after they are gone.
    wait_until("they are counted", async || {
        (sample(&host, "hookyard_pruned_events_total{why=\"size\"}").await >= 16.0).then_some(())
    })
    .await;

    for n in 0..12 {
        host.send(&large(&format!("dead_{n:02}"), "reject")).await;
    }
    host.wait_log(&["WARN", "more than retention.size_max_bytes (1048576)", "no event may go"]).await;
    host.wait_drained().await;
    assert_eq!(host.events("&state=dead").await.len(), 12);
}

/// Copies the only event of a stopped host so many times, as it stands.
async fn multiply(dir: &HostDir, times: u64) {
    dir.alter(&format!(
        "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {times})
            SELECT i FROM n;
         INSERT INTO event (seq, source, id, type, created, received_at, ordering_key, deliveries,
            payload_start, payload_end, digest, body)
            SELECT seq + i, source, id || '_' || i, type, created, received_at, ordering_key,
            deliveries, payload_start, payload_end, digest, body FROM event, n;
         INSERT INTO idempotency_key (source, id, digest, event_seq, received_at)
            SELECT source, id || '_' || i, digest, event_seq + i, received_at
            FROM idempotency_key, n;
         INSERT INTO delivery (event_seq, number, plugin, state, attempts, due_at)
            SELECT event_seq + i, number, plugin, state, attempts, due_at FROM delivery, n;
         INSERT INTO attempt (event_seq, delivery_number, number, outcome, cause, reason, revision,
            started_at, duration_us, peak_memory_bytes, logs)
            SELECT event_seq + i, delivery_number, number, outcome, cause, reason, revision,
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

/// A host's directory with this many copies of a finished event, which retention has to remove.
async fn host_dir_with_old_events(count: u64) -> HostDir {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("old", "well")).await;
    host.wait_finished("old").await;
    host.stop().await;
    multiply(&dir, count).await;
    dir.age(31).await;
    dir
}

#[tokio::test]
async fn kills_during_pruning_under_load_leave_no_partial_event_and_lose_nothing() {
    let dir = host_dir_with_old_events(30_000).await;

    let mut sent = BTreeMap::new();
    let mut cut = 0;
    for kill in 0..6 {
        let host = dir.start().await;
        let events = (0..5000).map(|n| act_event(&format!("new_{kill}_{n}"), "well")).collect();
        let load = Load::start(&host, 4, events);
        let (enough, before) = (kill * 500, dir.number(OLD).await);
        wait_until("it prunes while events come in", async || {
            let pruned = before - dir.number(OLD).await;
            (load.accepted() >= 20 && (pruned >= enough || pruned == before)).then_some(())
        })
        .await;
        host.kill();
        let accepted = load.finish().await.into_iter().filter(SentEvent::accepted);
        sent.extend(accepted.map(|sent| (sent.event.id.clone(), sent.event)));
        assert_eq!(dir.number(HALVES).await, 0, "after kill {kill}");
        cut += i32::from(dir.number(OLD).await > 0);
    }
    assert!(cut >= 3, "only {cut} kills came before all was pruned");

    let host = dir.start().await;
    wait_until("all that is old is pruned", async || (dir.number(OLD).await == 0).then_some(())).await;
    host.wait_drained().await;
    assert_eq!(dir.number(HALVES).await, 0);
    let done = host.events("&state=done").await;
    let done: BTreeSet<_> = done.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    for (id, event) in &sent {
        assert!(done.contains(id), "{id} was accepted");
        assert_eq!(host.send(event).await.status(), "duplicate", "{id}");
    }
}

#[tokio::test]
async fn a_kill_within_a_pruning_step_undoes_the_step() {
    let dir = host_dir_with_old_events(100).await;
    // A step removes from seven tables, one after the other.
    for passing in 1..=7 {
        let mut command = dir.command(&["serve"]);
        command.env("HOOKYARD_KILL_AT", format!("{}:{passing}", Point::PruneStep.name()));
        let ended = match dir.try_start_with(command).await {
            Ok(host) => host.wait_exit().await,
            Err(ended) => ended,
        };
        assert_eq!(ended.signal(), Some(9), "{}", dir.log());
        assert_eq!((dir.number(OLD).await, dir.number(HALVES).await), (101, 0), "at passing {passing}");
    }
    let _host = dir.start().await;
    wait_until("all that is old is pruned", async || (dir.number(OLD).await == 0).then_some(())).await;
    assert_eq!(dir.number(HALVES).await, 0);
}
