//! Removed and kept rows, table by table.

use std::time::Duration;

use super::super::tests::{Window, accept, attempt, db, event, name, shell, to};
use super::super::*;
use super::events::EventPruner;
use super::rule::RetentionClock;
use super::*;
use crate::config::Retention;
use crate::delivery::NextStep;
use crate::event::now_ms;

const DAY_MS: u64 = 24 * 3_600_000;
/// Every table with rows of an event.
const TABLES: [&str; 7] = ["event", "delivery", "attempt", "effect", "effect_try", "cause", "replayed"];

const KEEP: Retention = Retention { events_days: 30, size_max_bytes: None, keys_days: 45 };

fn events(db: &Db) -> EventPruner {
    EventPruner::new(db.clone(), RetentionClock::start())
}

/// Makes a database with these events, 40 days old, each with a resolved delivery.
async fn aged(dir: &tempfile::TempDir, ids: &[&str]) -> Db {
    let db = db(dir, &Window::new(0)).await;
    for id in ids {
        accept(&db, id).await.unwrap();
    }
    let old = now_ms() - 40 * DAY_MS;
    shell(
        dir,
        &format!(
            "UPDATE event SET received_at = {old}; UPDATE idempotency_key SET received_at = {old};
             UPDATE delivery SET state = 'done', due_at = NULL, attempts = 1;
             INSERT INTO attempt SELECT event_seq, number, 1, 'done', NULL, NULL, x'00', 1, 1, 1, NULL FROM delivery;
             INSERT INTO effect (event_seq, delivery_number, number, plugin, state, tries, due_at, depth, key, masked, request)
                SELECT event_seq, number, 1, plugin, 'done', 1, NULL, 0, 'k', 0, '{{}}' FROM delivery;
             INSERT INTO effect_try SELECT event_seq, number, 1, 1, 'done', 1, 1, '' FROM delivery;
             INSERT INTO cause SELECT seq, 1, 1, 1, 1 FROM event;
             INSERT INTO fanout SELECT seq, 1 FROM event;
             INSERT INTO replayed SELECT seq, 1, 1, NULL, 1, NULL FROM event;"
        ),
    )
    .await;
    db
}

async fn ids(db: &Db) -> Vec<String> {
    let page = db.events(&EventFilter::default(), None, 1000).await.unwrap();
    page.events.into_iter().rev().map(|event| event.id).collect()
}

/// Counts the events in each table.
async fn known(dir: &tempfile::TempDir) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        let column = if table == "event" { "seq" } else { "event_seq" };
        counts.push(number(dir, &format!("SELECT count(DISTINCT {column}) FROM {table}")).await);
    }
    counts
}

async fn until(is: impl AsyncFn() -> bool) {
    let end = std::time::Instant::now() + Duration::from_mins(1);
    while !is().await {
        assert!(std::time::Instant::now() < end, "waited in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn number(dir: &tempfile::TempDir, sql: &str) -> i64 {
    use sqlx::Connection as _;
    let file = dir.path().join("data/hookyard.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).read_only(true);
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut conn).await.unwrap()
}

#[tokio::test]
async fn an_old_event_is_pruned_with_its_rows_unless_work_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("done", "", false),
        ("unhandled", "DELETE FROM delivery WHERE event_seq = {}", false),
        ("young", "UPDATE event SET received_at = received_at + 11 * 86400000 WHERE seq = {}", true),
        ("pending", "UPDATE delivery SET state = 'pending', due_at = 0 WHERE event_seq = {}", true),
        ("behind", "UPDATE delivery SET state = 'pending', due_at = -1 WHERE event_seq = {}", true),
        ("unmatched", "UPDATE delivery SET state = 'pending', due_at = -2 WHERE event_seq = {}", true),
        ("waiting", "UPDATE delivery SET state = 'waiting', due_at = 9 WHERE event_seq = {}", true),
        ("dead", "UPDATE delivery SET state = 'dead' WHERE event_seq = {}", true),
        ("replayed", "UPDATE delivery SET state = 'dead', settled = 'replayed' WHERE event_seq = {}", false),
        ("discarded", "UPDATE delivery SET state = 'dead', settled = 'discarded' WHERE event_seq = {}", false),
        ("asked", "UPDATE effect SET state = 'pending', due_at = 0 WHERE event_seq = {}", true),
        ("unsent", "UPDATE effect SET state = 'dead' WHERE event_seq = {}", true),
        ("dropped", "UPDATE effect SET state = 'dead', settled = 'discarded' WHERE event_seq = {}", false),
        (
            "wanted",
            "INSERT INTO replay (asked_at, request, state, found, last_seq, after_seq, after_number, made, skipped, first)
                SELECT 1, '{}', 'running', 1, seq, seq, 1, 0, 0, '[]' FROM event WHERE seq = {}",
            true,
        ),
        (
            "unwanted",
            "INSERT INTO replay (asked_at, request, state, found, last_seq, after_seq, after_number, made, skipped, first)
                SELECT 1, '{}', 'stopped', 1, seq, seq, 1, 0, 0, '[]' FROM event WHERE seq = {}",
            false,
        ),
        ("last", "", false),
    ];
    let db = aged(&dir, &cases.map(|(id, ..)| id)).await;
    for (id, sql, _) in cases {
        shell(&dir, &sql.replace("= {}", &format!("= (SELECT seq FROM event WHERE id = '{id}')"))).await;
    }
    events(&db).pass(&KEEP).await.unwrap();
    let kept: Vec<_> = cases.iter().filter(|(.., kept)| *kept).map(|(id, ..)| *id).collect();
    assert_eq!(ids(&db).await, kept);
    assert_eq!(known(&dir).await, vec![i64::try_from(kept.len()).unwrap(); TABLES.len()]);
    assert_eq!(number(&dir, "SELECT count(*) FROM idempotency_key").await, 16);
}

#[tokio::test]
async fn kept_events_are_pruned_once_no_work_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let db = aged(&dir, &["dead", "done"]).await;
    shell(&dir, "UPDATE delivery SET state = 'dead' WHERE event_seq = 1").await;
    let mut events = events(&db);
    events.pass(&KEEP).await.unwrap();
    let stock = db.stock().await.unwrap();
    assert_eq!((stock.dead_deliveries, stock.dead_effects), (1, 0));
    assert!(stock.oldest_dead_at.unwrap() < now_ms() - 39 * DAY_MS && stock.size.used_bytes > 0);

    shell(&dir, "UPDATE delivery SET settled = 'discarded' WHERE event_seq = 1").await;
    events.pass(&KEEP).await.unwrap();
    assert_eq!(ids(&db).await, ["dead"], "looked at again at the next review only");
    events.reviewed = None;
    events.pass(&KEEP).await.unwrap();
    assert_eq!(ids(&db).await, [""; 0]);
    let stock = db.stock().await.unwrap();
    assert_eq!((stock.dead_deliveries, stock.oldest_dead_at), (0, None));
}

#[tokio::test]
async fn events_kept_for_a_replay_are_pruned_after_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let db = aged(&dir, &["wanted"]).await;
    let replay = "INSERT INTO replay
            (asked_at, request, state, found, last_seq, after_seq, after_number, made, skipped, first)
        VALUES (1, '{}', 'running', 1, 9, 0, 0, 0, 0, '[]')";
    shell(&dir, replay).await;
    let mut events = events(&db);
    for _ in 0..2 {
        events.pass(&KEEP).await.unwrap();
        assert_eq!(ids(&db).await, ["wanted"]);
    }
    shell(&dir, "UPDATE replay SET state = 'done'").await;
    events.pass(&KEEP).await.unwrap();
    assert_eq!(ids(&db).await, [""; 0], "at once, and not at the next review");
}

#[tokio::test]
async fn the_writer_checks_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = aged(&dir, &["a", "b"]).await;
    let found = db.inner.reads.ages(0, now_ms(), 0, 9).await.unwrap();
    assert!(found.iter().all(|event| event.over));
    shell(&dir, "UPDATE delivery SET state = 'pending', due_at = 0 WHERE event_seq = 1").await;
    let removed = db.remove(Removal::Events(found.iter().map(|event| event.seq).collect())).await.unwrap();
    assert_eq!(removed, 1);
    assert_eq!(ids(&db).await, ["a"]);
    // Open deliveries run and commit as before.
    let lease = db.lease(name("p"), 9, Duration::MAX).await.unwrap();
    db.finished(attempt(&lease.deliveries[0], NextStep::Done)).await.unwrap();
}

#[tokio::test]
async fn a_duplicate_of_a_pruned_event_is_recognised_until_its_key_is_pruned() {
    let dir = tempfile::tempdir().unwrap();
    let db = aged(&dir, &["gone", "kept", "young"]).await;
    let old = now_ms() - 50 * DAY_MS;
    shell(
        &dir,
        &format!(
            "UPDATE idempotency_key SET received_at = {old} WHERE id <> 'young';
             UPDATE delivery SET state = 'dead' WHERE event_seq = 2"
        ),
    )
    .await;
    events(&db).pass(&KEEP).await.unwrap();
    assert_eq!(ids(&db).await, ["kept"]);
    assert_eq!(accept(&db, "gone").await, Ok(Accept::Duplicate));
    assert_eq!(db.accept(event("gone", "other"), to(["p"])).await, Ok(Accept::Conflict));
    assert_eq!(db.pruned(Some("moncreneau"), "gone").await, Ok(Some(old)));
    assert_eq!(db.pruned(None, "gone").await, Ok(Some(old)));
    assert_eq!(db.pruned(Some("moncreneau"), "kept").await, Ok(None));
    assert_eq!(db.pruned(Some("moncreneau"), "never").await, Ok(None));

    // The newest ids are not in the index, and stay until others come.
    keys::pass(&db, &RetentionClock::start(), &KEEP).await.unwrap();
    assert_eq!(number(&dir, "SELECT count(*) FROM idempotency_key").await, 3);
    for newer in 0..30 {
        accept(&db, &format!("newer_{newer}")).await.unwrap();
    }
    keys::pass(&db, &RetentionClock::start(), &KEEP).await.unwrap();
    assert_eq!(number(&dir, "SELECT count(*) FROM idempotency_key WHERE id IN ('kept', 'young')").await, 2);
    assert_eq!(number(&dir, "SELECT count(*) FROM idempotency_key").await, 32);
    assert_eq!(number(&dir, "SELECT count(*) FROM key_index WHERE event_seq = 1").await, 0);
    assert_eq!(number(&dir, "SELECT count(*) FROM conflict").await, 0);
    assert_eq!(accept(&db, "young").await, Ok(Accept::Duplicate));
    assert_eq!(accept(&db, "kept").await, Ok(Accept::Duplicate));
    assert_eq!(accept(&db, "gone").await, Ok(Accept::Accepted { deliveries: 1, unmatched: 0 }));
}

#[tokio::test]
async fn keys_are_pruned_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..100).map(|n| format!("evt_{n}")).collect();
    let db = aged(&dir, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let old = now_ms() - 50 * DAY_MS;
    shell(
        &dir,
        &format!("UPDATE idempotency_key SET received_at = {old} WHERE event_seq % 3 = 0; DELETE FROM event"),
    )
    .await;
    keys::pass(&db, &RetentionClock::start(), &KEEP).await.unwrap();
    let (old, indexed) = ("event_seq % 3 = 0", "event_seq <= (SELECT done_seq FROM key_progress)");
    let keys = "SELECT count(*) FROM idempotency_key";
    assert_eq!(number(&dir, &format!("{keys} WHERE {old} AND {indexed}")).await, 0);
    assert_eq!(number(&dir, &format!("{keys} WHERE NOT {old}")).await, 67);
    assert_eq!(number(&dir, &format!("SELECT count(*) FROM key_index WHERE {old} AND {indexed}")).await, 0);
    assert!(number(&dir, keys).await < 67 + 8);
}

#[tokio::test]
async fn above_the_size_the_oldest_are_pruned_first_and_no_more_than_needed() {
    let dir = tempfile::tempdir().unwrap();
    let db = db(&dir, &Window::new(0)).await;
    let body = "x".repeat(20_000);
    for n in 0..200 {
        db.accept(event(&format!("evt_{n:03}"), &body), Vec::new()).await.unwrap();
    }
    let used = db.inner.reads.size().await.unwrap().used_bytes;
    let most = used - 1_000_000;
    let keep = Retention { size_max_bytes: Some(most), ..KEEP };
    events(&db).pass(&keep).await.unwrap();
    let size = db.inner.reads.size().await.unwrap();
    assert!(size.used_bytes <= most && size.free_bytes >= 1_000_000, "{size:?}");
    let left = ids(&db).await;
    // In steps: some more than needed went, and not many.
    assert!((130..=160).contains(&left.len()), "{}", left.len());
    assert_eq!(left.last().unwrap(), "evt_199");
    assert_eq!(left.first().unwrap(), &format!("evt_{:03}", 200 - left.len()));
}

#[tokio::test]
async fn events_of_a_clock_that_was_ahead_do_not_keep_those_after_them() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..300).map(|n| format!("evt_{n:03}")).collect();
    let db = aged(&dir, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (ahead, young) = (now_ms() + 9999 * DAY_MS, now_ms() - DAY_MS);
    shell(
        &dir,
        &format!(
            "UPDATE event SET received_at = {ahead} WHERE seq BETWEEN 51 AND 150;
             UPDATE event SET received_at = {young} WHERE seq > 280"
        ),
    )
    .await;
    let mut events = events(&db);
    events.pass(&KEEP).await.unwrap();
    assert_eq!(known(&dir).await, vec![120; TABLES.len()]);
    assert_eq!(events.front, 280);
}

#[tokio::test]
async fn it_follows_the_configuration_and_ends_when_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let db = aged(&dir, &["a", "b"]).await;
    let keep =
        |events_days| Arc::new(Config { retention: Retention { events_days, ..KEEP }, ..Config::default() });
    let config = watch::Sender::new(keep(41));
    let pruning = db.start_pruning(config.subscribe());
    config.send_replace(keep(39));
    until(async || ids(&db).await.is_empty()).await;
    drop(pruning);
    until(async || config.receiver_count() == 0).await;
    db.close().await.unwrap();
}
