//! The database as its callers see it, on real files.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::completion::{CallWork, FinishedAttempt};
use crate::config;
use crate::delivery::{Attempt, Cause, Delivery, Failure, NextStep, Outcome, Recipient, State};
use crate::effect::LeasedEffect;
use crate::event::{Digest, Event, Name, PluginName, now_ms};

/// Takes this many deliveries and keeps them.
pub(super) struct Window {
    room: usize,
    pub(super) taken: Mutex<Vec<Delivery>>,
    pub(super) effects: Mutex<Vec<LeasedEffect>>,
}

impl Window {
    pub(super) fn new(room: usize) -> Arc<Self> {
        Arc::new(Self { room, taken: Mutex::default(), effects: Mutex::default() })
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|d| d.event.id.clone()).collect()
    }

    pub(super) fn first(&self) -> Delivery {
        self.taken.lock().unwrap()[0].clone()
    }
}

impl Notices for Window {
    fn rescan(&self) {}

    fn replay_requested(&self) {}

    fn rescan_effects(&self) {}

    fn erasure_requested(&self) {}

    fn release_requested(&self) {}

    fn plugin_paused(&self, _plugin: &PluginName) {}
}

impl Handoff for Window {
    fn offer(&self, delivery: Delivery) -> bool {
        let mut taken = self.taken.lock().unwrap();
        let room = taken.len() < self.room;
        if room {
            taken.push(delivery);
        }
        room
    }

    fn offer_effect(&self, effect: LeasedEffect) -> bool {
        let mut effects = self.effects.lock().unwrap();
        let room = effects.len() < self.room;
        if room {
            effects.push(effect);
        }
        room
    }
}

pub(super) const LIMITS: Limits =
    Limits { queue_max: 1000, backlog_max: 1_000_000, cache_max_bytes: 1 << 20, crashes_max: 3 };

pub(super) fn settings(dir: &tempfile::TempDir) -> config::Database {
    let url = format!("sqlite:{}/data/hookyard.db", dir.path().display());
    config::Database {
        url,
        busy_timeout_ms: 100,
        recent_ids_max: 8,
        open_orders_max: 8,
        ..config::Database::default()
    }
}

pub(super) async fn db(dir: &tempfile::TempDir, window: &Arc<Window>) -> Db {
    let db = Db::open(&settings(dir), LIMITS).await.unwrap();
    db.start(window.clone());
    db
}

pub(super) fn event(id: &str, body: &str) -> Event {
    Event {
        source: name("moncreneau"),
        id: id.into(),
        event_type: "appointment.created".into(),
        created: "2026-01-01T00:00:00Z".into(),
        received_at: now_ms(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        payload: 0..body.len(),
        ordering_key: Some("a1".into()),
        digest: Digest::of(body.as_bytes()),
        origin: None,
        trace: None,
        metadata: None,
    }
}

pub(super) fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

/// Plugins that take events as they come.
pub(super) fn to<const N: usize>(plugins: [&str; N]) -> Vec<Recipient> {
    plugins.map(|plugin| Recipient { plugin: name(plugin), ordered: false, matched: true }).into()
}

pub(super) async fn accept(db: &Db, id: &str) -> Result<Accept, DbError> {
    db.accept(event(id, "{}"), to(["p"])).await
}

pub(super) fn attempt(delivery: &Delivery, next: NextStep) -> FinishedAttempt {
    let outcome = match next {
        NextStep::Done => None,
        NextStep::Wait(_) => Some(Outcome::Retry),
        NextStep::Dead => Some(Outcome::Rejected),
    };
    let failure = outcome.map(|outcome| Failure {
        outcome,
        cause: Cause::Trap,
        reason: "it fell".into(),
        after_ms: None,
    });
    let attempt = Attempt {
        number: delivery.attempts + 1,
        started_at: now_ms(),
        duration_us: 7,
        revision: Digest::of(b"plugin"),
        peak_memory_bytes: 65536,
        logs: vec!["INFO hello \"world\"".into()],
        failure,
    };
    let (plugin, depth) = (delivery.plugin.clone(), delivery.event.depth());
    let failures = delivery.failures + u32::from(next != NextStep::Done);
    let (work, order) = (CallWork::default(), delivery.order);
    let root = delivery.root();
    let (id, submitted, trace) = (delivery.id, Instant::now(), None);
    FinishedAttempt { id, attempt, next, failures, plugin, work, depth, root, order, submitted, trace }
}

pub(super) async fn leased(db: &Db, limit: usize) -> (Vec<String>, bool) {
    let lease = db.lease(name("p"), limit, Duration::MAX).await.unwrap();
    (lease.deliveries.iter().map(|d| d.event.id.clone()).collect(), lease.more)
}

async fn state(db: &Db, id: &str) -> State {
    db.event(None, id).await.unwrap()[0].deliveries[0].state
}

/// A second connection, as the sqlite3 shell would be.
pub(super) async fn shell(dir: &tempfile::TempDir, sql: &str) {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join("data/hookyard.db"))
        .busy_timeout(Duration::from_secs(5));
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// Returns the count that such a connection reads.
async fn count(dir: &tempfile::TempDir, sql: &'static str) -> i64 {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("data/hookyard.db"));
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
}

/// Copies the files on disk while the process runs: the state that a killed process leaves.
pub(super) fn as_killed(dir: &tempfile::TempDir) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir(copy.path().join("data")).unwrap();
    for file in ["data/hookyard.db", "data/hookyard.db-wal"] {
        std::fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    }
    copy
}

#[tokio::test]
async fn takes_an_id_once() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(9));
    let db = db(&dir, &window).await;
    let plugins = || to(["p", "q"]);
    let accepted = db.accept(event("e", "1"), plugins()).await;
    assert_eq!(accepted, Ok(Accept::Accepted { deliveries: 2, unmatched: 0 }));
    assert_eq!(db.accept(event("e", "1"), plugins()).await, Ok(Accept::Duplicate));
    for body in (2..20).map(|n| n.to_string()).chain(["2".into()]) {
        assert_eq!(db.accept(event("e", &body), plugins()).await, Ok(Accept::Conflict));
    }
    let mut elsewhere = event("e", "2");
    elsewhere.source = name("other");
    assert_eq!(db.accept(elsewhere, vec![]).await, Ok(Accept::Accepted { deliveries: 0, unmatched: 0 }));

    let shown = db.event(Some("moncreneau"), "e").await.unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].conflicts.len(), 10);
    assert_eq!(shown[0].conflicts[0].body, "2");
    assert_eq!(shown[0].body_bytes, 1);
    assert_eq!(db.event(None, "e").await.unwrap().len(), 2);
    assert_eq!(window.ids(), ["e", "e"]);
    assert_eq!(db.backlog(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_copies_one_wins() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(200));
    let db = db(&dir, &window).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..150 {
        let db = db.clone();
        let body = if n < 100 { "same" } else { "other" };
        tasks.spawn(async move { db.accept(event("e", body), to(["p"])).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    let count = |accept| answers.iter().filter(|answer| **answer == accept).count();
    assert_eq!(count(Accept::Accepted { deliveries: 1, unmatched: 0 }), 1);
    assert!(matches!(count(Accept::Conflict), 50 | 100));
    assert_eq!(window.ids().len(), 1);
    assert_eq!(db.event(None, "e").await.unwrap()[0].conflicts.len(), 1);
}

#[tokio::test]
async fn unfinished_deliveries_run_again() {
    let dir = tempfile::tempdir().unwrap();
    let window = Window::new(9);
    let first = db(&dir, &window).await;
    for id in ["a", "b", "c"] {
        accept(&first, id).await.unwrap();
    }
    first.finished(attempt(&window.first(), NextStep::Done)).await.unwrap();
    assert!(matches!(Db::open(&settings(&dir), LIMITS).await, Err(DbError::InUse(_))));
    drop(first);
    let second = loop {
        match Db::open(&settings(&dir), LIMITS).await {
            Err(DbError::InUse(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            opened => break opened.unwrap(),
        }
    };
    second.start(Window::new(0));
    assert_eq!(second.backlog(), 2);
    assert_eq!(second.open_plugins().await.unwrap(), [name("p")]);
    assert_eq!(leased(&second, 9).await, (vec!["b".into(), "c".into()], false));
    assert_eq!(accept(&second, "d").await, Ok(Accept::Accepted { deliveries: 1, unmatched: 0 }));
}

#[tokio::test]
async fn a_wait_beyond_the_longest_possible_is_due() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(1));
    let db = db(&dir, &window).await;
    accept(&db, "e").await.unwrap();
    let now = now_ms();
    db.finished(attempt(&window.first(), NextStep::Wait(now + 100_000))).await.unwrap();
    for (seconds, due) in [(1000, false), (99, true)] {
        let wait_max = Duration::from_secs(seconds);
        assert_eq!(db.anything_due(now, &[(&name("p"), wait_max)]).await, Ok(due), "{wait_max:?}");
        let lease = db.lease(name("p"), 9, wait_max).await.unwrap();
        assert_eq!(lease.deliveries.len(), usize::from(due), "{wait_max:?}");
    }
}

#[tokio::test]
async fn attempts_are_recorded_and_due_in_time() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(1));
    let db = db(&dir, &window).await;
    accept(&db, "e").await.unwrap();
    let mut delivery = window.first();
    db.started(&delivery, Digest::of(b"plugin"));
    assert_eq!(state(&db, "e").await, State::Running);

    let start = now_ms();
    // Long enough for the next steps on a busy machine.
    let due = start + 5000;
    db.finished(attempt(&delivery, NextStep::Wait(due))).await.unwrap();
    assert_eq!(state(&db, "e").await, State::Waiting);
    assert_eq!(db.anything_due(due - 1, &[(&name("p"), Duration::MAX)]).await, Ok(false));
    assert_eq!(db.anything_due(due, &[(&name("p"), Duration::MAX)]).await, Ok(true));
    db.hold(&name("p")).await.unwrap();
    assert_eq!(db.anything_due(due, &[(&name("p"), Duration::MAX)]).await, Ok(false));
    db.end_hold(&name("p")).await.unwrap();
    assert_eq!(leased(&db, 1).await.0, [""; 0]);
    delivery = loop {
        let asked = now_ms();
        let lease = db.lease(name("p"), 1, Duration::MAX).await.unwrap();
        // The lease is of a moment between the two, and by a clock that may be some milliseconds apart.
        let (may_be_empty, may_be_due) = (asked < due + 20, now_ms() + 20 >= due);
        assert!(if lease.deliveries.is_empty() { may_be_empty } else { may_be_due }, "due at {due}");
        match lease.deliveries.into_iter().next() {
            Some(delivery) => break delivery,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!((delivery.attempts, delivery.failures), (1, 1));
    assert_eq!(delivery.since, delivery.event.received_at);
    assert_eq!(*delivery.event, event_as_stored(&delivery.event));
    assert_eq!(leased(&db, 1).await.0, [""; 0]);

    let finished = attempt(&delivery, NextStep::Done);
    db.finished(finished.clone()).await.unwrap();
    assert_eq!(db.finished(finished).await, Err(DbError::NotLeased(delivery.id)));
    assert_eq!((db.backlog(), leased(&db, 1).await.0.len()), (0, 0));

    let shown = db.event(None, "e").await.unwrap().remove(0);
    assert_eq!((shown.event_type.as_str(), shown.state), ("appointment.created", EventState::Done));
    let attempts = &shown.deliveries[0].attempts;
    assert_eq!((attempts[0].outcome, attempts[0].cause), (Outcome::Retry, Some(Cause::Trap)));
    assert_eq!((attempts[1].number, attempts[1].outcome), (2, Outcome::Done));
    assert_eq!(attempts[1].logs[0], "INFO hello \"world\"");
    assert_eq!(attempts[1].revision, Digest::of(b"plugin").to_string());
}

fn event_as_stored(read: &Event) -> Event {
    Event { received_at: read.received_at, ..event("e", "{}") }
}

#[tokio::test]
async fn beyond_the_window_in_order() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(2));
    let db = db(&dir, &window).await;
    for id in ["a", "b", "c", "d", "e"] {
        accept(&db, id).await.unwrap();
    }
    assert_eq!(window.ids(), ["a", "b"]);
    assert_eq!(leased(&db, 2).await, (vec!["c".into(), "d".into()], true));
    db.release_deliveries(vec![window.first().id]);
    assert_eq!(leased(&db, 2).await, (vec!["a".into(), "e".into()], false));
}

#[tokio::test]
async fn holds_and_releases() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(1));
    let db = db(&dir, &window).await;
    accept(&db, "a").await.unwrap();
    accept(&db, "b").await.unwrap();
    db.hold(&name("p")).await.unwrap();
    assert_eq!(state(&db, "b").await, State::Held);
    db.release_deliveries(vec![window.first().id]);
    accept(&db, "c").await.unwrap();
    assert_eq!(leased(&db, 9).await, (vec![], false));
    assert_eq!(db.open_plugins().await.unwrap(), [name("p")]);
    assert_eq!(listed(&db, EventState::Held).await, ["c", "b", "a"]);
    db.end_hold(&name("p")).await.unwrap();
    assert_eq!(leased(&db, 9).await.0, ["a", "b", "c"]);
}

pub(super) async fn listed(db: &Db, state: EventState) -> Vec<String> {
    let filter = EventFilter { state: Some(state), ..EventFilter::default() };
    let page = db.events(&filter, None, 10).await.unwrap();
    page.events.into_iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn lists_by_state_and_page() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(9));
    let db = db(&dir, &window).await;
    for id in ["done", "dead", "waiting", "running", "pending"] {
        accept(&db, id).await.unwrap();
    }
    db.accept(event("unhandled", "{}"), vec![]).await.unwrap();
    let taken = window.taken.lock().unwrap().clone();
    for (delivery, next) in taken.iter().zip([NextStep::Done, NextStep::Dead, NextStep::Wait(u64::MAX)]) {
        db.finished(attempt(delivery, next)).await.unwrap();
    }
    db.started(&taken[3], Digest::of(b"plugin"));
    for (state, id) in [
        (EventState::Done, "done"),
        (EventState::Dead, "dead"),
        (EventState::Waiting, "waiting"),
        (EventState::Running, "running"),
        (EventState::Pending, "pending"),
        (EventState::Unhandled, "unhandled"),
    ] {
        assert_eq!(listed(&db, state).await, [id]);
    }
    let all = EventFilter { source: Some("moncreneau".into()), ..EventFilter::default() };
    let first = db.events(&all, None, 4).await.unwrap();
    let second = db.events(&all, first.next, 4).await.unwrap();
    assert_eq!(first.events.len(), 4);
    assert_eq!(first.events[0].id, "unhandled");
    assert_eq!(second.events.len(), 2);
    assert_eq!(second.next, None);
    assert_eq!(db.backlog(), 3);
}

#[tokio::test]
async fn limits() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { queue_max: 2, backlog_max: 3, ..LIMITS };
    let db = Db::open(&settings(&dir), limits).await.unwrap();
    // The writer is not started, so the queue does not move.
    let (a, b) = tokio::join!(async { tokio::join!(accept(&db, "a"), accept(&db, "b")) }, async {
        tokio::task::yield_now().await;
        let refused = accept(&db, "c").await;
        db.start(Window::new(0));
        refused
    });
    assert!(a.0.is_ok() && a.1.is_ok());
    assert!(matches!(b, Err(DbError::Full(_))));
    accept(&db, "c").await.unwrap();
    assert!(matches!(accept(&db, "d").await, Err(DbError::Full(_))));
    let lease = db.lease(name("p"), 1, Duration::MAX).await.unwrap();
    db.finished(attempt(&lease.deliveries[0], NextStep::Dead)).await.unwrap();
    accept(&db, "d").await.unwrap();
}

#[tokio::test]
async fn a_failing_database_loses_no_attempt() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(9));
    let db = db(&dir, &window).await;
    accept(&db, "a").await.unwrap();
    shell(&dir, "ALTER TABLE attempt RENAME TO away; ALTER TABLE probe RENAME TO away2").await;
    db.finish(attempt(&window.first(), NextStep::Done)).unwrap();
    assert!(matches!(db.ping().await, Err(DbError::Unavailable(_))));
    shell(&dir, "ALTER TABLE event RENAME TO away3").await;
    assert!(matches!(accept(&db, "b").await, Err(DbError::Unavailable(_))));
    shell(&dir, "ALTER TABLE away3 RENAME TO event").await;
    // Only the attempt's record fails: events continue.
    let accepted = loop {
        match accept(&db, "b").await {
            Err(DbError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            answer => break answer,
        }
    };
    assert_eq!(accepted, Ok(Accept::Accepted { deliveries: 1, unmatched: 0 }));
    assert_eq!(leased(&db, 9).await.0, [""; 0]);
    shell(&dir, "ALTER TABLE away RENAME TO attempt; ALTER TABLE away2 RENAME TO probe").await;
    for _ in 0..6000 {
        if db.backlog() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(state(&db, "a").await, State::Done);
    db.ping().await.unwrap();
}

#[tokio::test]
async fn closes_with_everything_committed() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(9));
    let first = db(&dir, &window).await;
    for n in 0..20 {
        accept(&first, &n.to_string()).await.unwrap();
    }
    for delivery in window.taken.lock().unwrap().iter() {
        first.finish(attempt(delivery, NextStep::Done)).unwrap();
    }
    first.close().await.unwrap();
    assert!(matches!(accept(&first, "x").await, Err(DbError::Unavailable(_))));
    assert!(!dir.path().join("data/hookyard.db-wal").exists());
    let second = db(&dir, &Window::new(0)).await;
    assert_eq!(second.backlog(), 11);
}

#[tokio::test]
async fn more_than_one_statement_takes() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(0));
    let db = Db::open(&settings(&dir), LIMITS).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..300 {
        let db = db.clone();
        let plugins = to(["p", "q", "r"]);
        tasks.spawn(async move { db.accept(event(&format!("{n:03}"), "{}"), plugins).await });
    }
    tokio::task::yield_now().await;
    db.start(window);
    let accepted = Ok(Accept::Accepted { deliveries: 3, unmatched: 0 });
    assert!(tasks.join_all().await.into_iter().all(|answer| answer == accepted));
    let lease = db.lease(name("r"), 1000, Duration::MAX).await.unwrap();
    let ids: Vec<_> = lease.deliveries.iter().map(|d| (d.event.id.clone(), d.id.number)).collect();
    assert_eq!(ids, (0..300).map(|n| (format!("{n:03}"), 3)).collect::<Vec<_>>());
    for delivery in &lease.deliveries {
        db.finish(attempt(delivery, NextStep::Done)).unwrap();
    }
    db.ping().await.unwrap();
    assert_eq!((db.backlog(), leased(&db, 1000).await.0.len()), (600, 300));
}

#[tokio::test]
async fn refuses_what_it_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = config::Database { url: "postgres://a:b@c/d".into(), ..settings(&dir) };
    let error = Db::open(&postgres, LIMITS).await.unwrap_err();
    assert_eq!(error, DbError::Url("postgres://…".into()));
}

#[path = "keys_tests.rs"]
mod keys;
