//! Search over each storage, and over a real index file: whatever the index has, the answers are the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Fixture;
use crate::audit::Decision;
use crate::config::{Config, Scheme, Source};
use crate::db::search::terms::IndexedField;
use crate::db::tests::{Window, attempt, event, name, settings, to};
use crate::db::types::Removal;
use crate::db::writer::inbox::{Operation, Request};
use crate::db::{Db, EventState, Following, SearchFilter};
use crate::delivery::NextStep;
use crate::event::{Digest, Event};
use crate::replay::{self, Action, ReplayPage, ReplayTarget, ReplayedDelivery, Selection};

fn body(number: usize) -> String {
    let (phone, name) =
        (format!("+224 622 00 {:02} {:02}", number / 100, number % 100), format!("Awa {number}"));
    serde_json::json!({ "data": { "object": { "id": number, "name": name, "phone": phone } } }).to_string()
}

fn numbered(number: usize) -> Event {
    let (body, event_type) = (body(number), format!("appointment.{}", ["created", "updated"][number % 2]));
    let ordering_key = Some(format!("a{number}"));
    Event {
        event_type,
        ordering_key,
        digest: Digest::of(body.as_bytes()),
        ..event(&format!("evt_{number}"), &body)
    }
}

async fn store(db: &Db, numbers: std::ops::Range<usize>) {
    for number in numbers {
        db.accept(numbered(number), to([if number.is_multiple_of(3) { "p" } else { "q" }])).await.unwrap();
    }
}

fn config(fixture: &Fixture, change: impl FnOnce(&mut Config)) -> watch::Receiver<Arc<Config>> {
    let mut config = Config::default();
    if let Fixture::Sqlite(dir) = fixture {
        config.database = settings(dir);
    }
    config.sources.insert(name("moncreneau"), Source::preset(Scheme::MONCRENEAU, Vec::new()));
    config.search.index = matches!(fixture, Fixture::Sqlite(_));
    config.search.scan_max_events = 1_000_000;
    change(&mut config);
    let (sender, receiver) = watch::channel(Arc::new(config));
    // The task may follow it as long as it lives.
    std::mem::forget(sender);
    receiver
}

/// An indexed database.
struct Indexed {
    db: Db,
    following: Following,
}

impl Indexed {
    async fn open(fixture: &Fixture, window: &Arc<Window>) -> Self {
        Self::open_with(fixture, window, |_| ()).await
    }

    async fn open_with(fixture: &Fixture, window: &Arc<Window>, change: impl FnOnce(&mut Config)) -> Self {
        let db = fixture.open_idle(crate::db::tests::LIMITS).await;
        let following = db.start_indexing(config(fixture, change)).await;
        db.start(Arc::clone(window) as _);
        Self { db, following }
    }

    async fn close(self) {
        self.following.stop().await;
        self.db.close().await.unwrap();
    }

    /// Waits until the index has everything, if there is one.
    async fn caught_up(&self) {
        let newest = self.db.inner.reads.newest(crate::db::search::reads::ReadLane::Answer).await.unwrap();
        let changes =
            self.db.inner.reads.change_range(crate::db::search::reads::ReadLane::Answer).await.unwrap();
        let began = std::time::Instant::now();
        loop {
            let index = self.db.inner.search.index_position();
            let status = self.db.index_status();
            if !status.is_on || (index.through >= newest && index.changes >= changes.last) {
                return;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "{status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn filter(change: impl FnOnce(&mut SearchFilter)) -> SearchFilter {
    let mut filter = SearchFilter::default();
    change(&mut filter);
    filter
}

fn text(text: &str) -> SearchFilter {
    filter(|filter| filter.text = Some(text.into()))
}

/// All events that a search finds, page by page.
async fn search(db: &Db, filter: &SearchFilter, limit: u32) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = db.search(filter, &|_| true, cursor, limit).await.unwrap();
        assert!(page.is_complete && page.events.len() <= limit as usize);
        found.extend(page.events.into_iter().map(|event| event.id));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("evt_{number}")).collect()
}

async fn finds_all(db: &Db) {
    let some = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (text("0007"), ids([7])),
        (text("+224 622 00 00 07"), ids([7])),
        (text("224"), ids((0..40).rev())),
        (text("Awa 1"), ids((10..20).rev().chain([1]))),
        (text("EVT_39"), ids([39])),
        (text("a12"), ids([12])),
        (text("nobody"), vec![]),
        (filter(|f| f.event_type = some("appointment.created")), ids((0..40).rev().filter(|n| n % 2 == 0))),
        (filter(|f| f.plugin = some("p")), ids((0..40).rev().filter(|n| n % 3 == 0))),
        (
            filter(|f| (f.text, f.plugin) = (some("224"), some("p"))),
            ids((0..40).rev().filter(|n| n % 3 == 0)),
        ),
        (filter(|f| f.source = some("other")), vec![]),
        (filter(|f| f.reason = some("it fe")), ids([3, 0])),
        (filter(|f| (f.reason, f.state) = (some("it fell"), Some(EventState::Dead))), ids([0])),
        (filter(|f| f.outcome = some("rejected")), ids([0])),
        (filter(|f| f.since = Some(u64::MAX / 4)), vec![]),
        (filter(|f| f.until = Some(1)), vec![]),
        (filter(|f| (f.since, f.until) = (Some(1), Some(u64::MAX / 4))), ids((0..40).rev())),
        (filter(|f| f.ordering_key = some("a5")), ids([5])),
        (filter(|f| f.caused_by = some("evt_1")), vec![]),
    ] {
        for limit in [1, 7, 500] {
            assert_eq!(search(db, &filter, limit).await, expected, "{filter:?} {limit}");
        }
    }
}

#[tokio::test]
async fn a_search_finds_the_same_before_and_after_its_events_are_indexed() {
    for fixture in Fixture::each() {
        let window = Window::new(100);
        let indexed = Indexed::open(&fixture, &window).await;
        let db = &indexed.db;
        store(db, 0..40).await;
        let of = |id: &str| {
            let taken = window.taken.lock().unwrap();
            taken.iter().find(|delivery| delivery.event.id == id).unwrap().clone()
        };
        db.finished(attempt(&of("evt_0"), NextStep::Dead)).await.unwrap();
        db.finished(attempt(&of("evt_3"), NextStep::Wait(u64::MAX / 4))).await.unwrap();
        finds_all(db).await;
        indexed.caught_up().await;
        finds_all(db).await;
        indexed.close().await;
        // And after a restart, from the file.
        let indexed = Indexed::open(&fixture, &Window::new(0)).await;
        let status = indexed.db.index_status();
        assert_eq!(status.indexed_through, if status.is_on { 40 } else { 0 });
        finds_all(&indexed.db).await;
        indexed.close().await;
    }
}

#[tokio::test]
async fn a_reason_and_a_replay_after_the_event_was_indexed_are_found() {
    for fixture in Fixture::each() {
        let window = Window::new(100);
        let indexed = Indexed::open(&fixture, &window).await;
        let db = &indexed.db;
        store(db, 0..4).await;
        indexed.caught_up().await;
        let delivery = window.first();
        db.finished(attempt(&delivery, NextStep::Dead)).await.unwrap();
        let by_reason = filter(|filter| filter.reason = Some("fell".into()));
        assert_eq!(search(db, &by_reason, 10).await, ["evt_0"]);
        let selection = Selection::default();
        let (of, action) = (ReplayTarget::Deliveries, Action::Replay);
        let request =
            replay::Request { of, action, selection, to: None, again: false, revision: None, dry_run: false };
        let replay = db.begin_replay(request, Decision::of_host()).await.unwrap();
        let (of, event) = (Some(delivery.id.number), delivery.id.event);
        let again =
            ReplayedDelivery { event, plugin: name("late"), order: None, matched: true, of, dead: true };
        let page = ReplayPage { replay, again: vec![again], ..ReplayPage::default() };
        db.replay_step(page).await.unwrap();
        let by_replay = filter(|filter| filter.replay = Some(replay));
        for indexed_now in [false, true] {
            if indexed_now {
                indexed.caught_up().await;
            }
            assert_eq!(search(db, &by_replay, 10).await, ["evt_0"]);
            assert_eq!(search(db, &by_reason, 10).await, ["evt_0"]);
            assert_eq!(search(db, &text("late"), 10).await, ["evt_0"]);
        }
        indexed.close().await;
    }
}

/// Removes events as pruning does.
async fn prune(db: &Db, events: Vec<i64>) -> u64 {
    let removal = Removal::Events(events);
    db.ask(|reply| Request::Operate(Operation::Remove { removal, reply })).await.unwrap()
}

#[tokio::test]
async fn pages_repeat_nothing_and_skip_nothing_while_events_come_and_go() {
    for fixture in Fixture::each() {
        let window = Window::new(1000);
        let indexed = Indexed::open(&fixture, &window).await;
        let db = &indexed.db;
        store(db, 0..60).await;
        for delivery in window.taken.lock().unwrap().clone() {
            db.finish(attempt(&delivery, NextStep::Done)).unwrap();
        }
        db.ping().await.unwrap();
        let (mut found, mut cursor, mut next) = (Vec::new(), None, 60);
        let mut pruned = Vec::new();
        for round in 0.. {
            let page = db.search(&text("224"), &|_| true, cursor, 7).await.unwrap();
            found.extend(page.events.into_iter().map(|event| event.id));
            store(db, next..next + 3).await;
            next += 3;
            if round % 2 == 0 {
                // Every second one, also of those that are still to come.
                let some: Vec<_> = (1..=60).filter(|number| number % 10 == i64::from(round)).collect();
                prune(db, some.clone()).await;
                pruned.extend(some.iter().map(|number| format!("evt_{}", number - 1)));
            } else {
                indexed.caught_up().await;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let mut sorted = found.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), found.len(), "twice: {found:?}");
        for id in ids(0..60) {
            assert!(found.contains(&id) || pruned.contains(&id), "{id} was skipped");
        }
        // Pruned ones leave the answers at once.
        let left = search(db, &text("224"), 500).await;
        assert!(!left.iter().any(|id| pruned.contains(id)), "{left:?}");
        indexed.close().await;
    }
}

/// Terms in the index's file that contain a text, as a second program reads it.
async fn terms_with(fixture: &Fixture, text: &str) -> i64 {
    use sqlx::Connection as _;
    let Fixture::Sqlite(dir) = fixture else { return 0 };
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("data/hookyard.db.search"));
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let sql = "SELECT (SELECT count(*) FROM term WHERE instr(text, ?1) > 0)
        + (SELECT count(*) FROM document WHERE instr(terms, ?1) > 0)";
    sqlx::query_scalar(sql).bind(text).fetch_one(&mut conn).await.unwrap()
}

#[tokio::test]
async fn pruned_events_leave_the_file() {
    let [fixture, _] = Fixture::each();
    let window = Window::new(100);
    let indexed = Indexed::open(&fixture, &window).await;
    store(&indexed.db, 0..20).await;
    for delivery in window.taken.lock().unwrap().clone() {
        indexed.db.finish(attempt(&delivery, NextStep::Done)).unwrap();
    }
    indexed.caught_up().await;
    assert_eq!(terms_with(&fixture, "224622000007").await, 2);
    assert_eq!(prune(&indexed.db, (1..=15).collect()).await, 15);
    indexed.caught_up().await;
    assert_eq!(terms_with(&fixture, "224622000007").await, 0);
    assert_eq!(terms_with(&fixture, "224622000019").await, 2);
    assert_eq!(search(&indexed.db, &text("224"), 500).await, ids((15..20).rev()));
    indexed.close().await;
}

#[tokio::test]
async fn the_file_is_for_its_owner_and_is_made_again_when_it_is_gone_damaged_or_foreign() {
    use std::os::unix::fs::PermissionsExt as _;
    let [fixture, _] = Fixture::each();
    let Fixture::Sqlite(dir) = &fixture else { panic!("the first is on disk") };
    let path = dir.path().join("data/hookyard.db.search");
    let aside = dir.path().join("data/hookyard.db.search.damaged");
    let indexed = Indexed::open(&fixture, &Window::new(0)).await;
    store(&indexed.db, 0..10).await;
    indexed.caught_up().await;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    indexed.close().await;
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[8192..].fill(0x5a);
    let foreign = b"SQLite format 3\0 of another program".repeat(100);
    for (content, is_aside) in [
        (None, false),
        (Some(b"text".to_vec()), true),
        (Some(damaged), true),
        (Some(foreign), true),
        (Some(vec![]), true),
    ] {
        std::fs::remove_file(&path).unwrap();
        let _ = std::fs::remove_file(&aside);
        if let Some(content) = &content {
            std::fs::write(&path, content).unwrap();
        }
        let indexed = Indexed::open(&fixture, &Window::new(0)).await;
        // Right from the first moment, and after it was made again.
        assert_eq!(search(&indexed.db, &text("0007"), 10).await, ["evt_7"]);
        indexed.caught_up().await;
        assert_eq!(search(&indexed.db, &text("0007"), 10).await, ["evt_7"]);
        assert_eq!(aside.exists(), is_aside, "{content:?}");
        indexed.close().await;
    }
}

#[tokio::test]
async fn an_index_of_another_state_of_the_database_is_made_again() {
    let [fixture, _] = Fixture::each();
    let Fixture::Sqlite(dir) = &fixture else { panic!("the first is on disk") };
    let indexed = Indexed::open(&fixture, &Window::new(0)).await;
    store(&indexed.db, 0..5).await;
    indexed.caught_up().await;
    indexed.close().await;
    let database = dir.path().join("data/hookyard.db");
    let before = std::fs::read(&database).unwrap();
    let indexed = Indexed::open(&fixture, &Window::new(0)).await;
    store(&indexed.db, 5..10).await;
    indexed.caught_up().await;
    indexed.close().await;
    // An operator puts the older file in its place, and more events come than the index has.
    std::fs::write(&database, before).unwrap();
    let indexed = Indexed::open(&fixture, &Window::new(0)).await;
    store(&indexed.db, 20..30).await;
    indexed.caught_up().await;
    assert_eq!(search(&indexed.db, &text("224"), 500).await, ids((20..30).rev().chain((0..5).rev())));
    assert_eq!(terms_with(&fixture, "224622000007").await, 0);
    indexed.close().await;
}

#[tokio::test]
async fn an_index_that_was_killed_at_any_point_goes_on() {
    let [mut fixture, _] = Fixture::each();
    let mut stored = 0;
    for round in 0..12 {
        let indexed = Indexed::open(&fixture, &Window::new(0)).await;
        store(&indexed.db, stored..stored + 5 + round).await;
        stored += 5 + round;
        if round % 3 == 0 {
            indexed.caught_up().await;
        }
        let killed = fixture.as_killed();
        let (Fixture::Sqlite(from), Fixture::Sqlite(to)) = (&fixture, &killed) else {
            panic!("both are on disk")
        };
        for end in ["", "-wal"] {
            let name = format!("data/hookyard.db.search{end}");
            if from.path().join(&name).exists() {
                std::fs::copy(from.path().join(&name), to.path().join(&name)).unwrap();
            }
        }
        indexed.close().await;
        fixture = killed;
    }
    let indexed = Indexed::open(&fixture, &Window::new(0)).await;
    assert_eq!(search(&indexed.db, &text("224"), 500).await, ids((0..stored).rev()));
    indexed.caught_up().await;
    assert_eq!(search(&indexed.db, &text("224"), 500).await, ids((0..stored).rev()));
    indexed.close().await;
}

#[tokio::test]
async fn an_answer_that_leaves_out_newer_events_says_so() {
    let [fixture, _] = Fixture::each();
    let without = |config: &mut Config| {
        config.search.index = false;
        config.search.scan_max_events = 3;
    };
    let indexed = Indexed::open_with(&fixture, &Window::new(0), without).await;
    store(&indexed.db, 0..3).await;
    let page = indexed.db.search(&text("224"), &|_| true, None, 10).await.unwrap();
    assert_eq!((page.events.len(), page.is_complete, page.indexed_through), (3, true, 0));
    store(&indexed.db, 3..4).await;
    let page = indexed.db.search(&text("224"), &|_| true, None, 10).await.unwrap();
    assert_eq!((page.events.len(), page.is_complete, page.next), (3, false, None));
    indexed.close().await;
}

#[tokio::test]
async fn other_search_values_make_the_index_anew() {
    let [fixture, _] = Fixture::each();
    let indexed = Indexed::open(&fixture, &Window::new(0)).await;
    store(&indexed.db, 0..5).await;
    indexed.caught_up().await;
    indexed.close().await;
    let only_names = |config: &mut Config| {
        let source = config.sources.get_mut("moncreneau").unwrap();
        source.search.retain(|pointer| pointer.to_string().ends_with("name"));
    };
    let indexed = Indexed::open_with(&fixture, &Window::new(0), only_names).await;
    indexed.caught_up().await;
    assert_eq!(search(&indexed.db, &text("0003"), 10).await, Vec::<String>::new());
    assert_eq!(search(&indexed.db, &text("awa 3"), 10).await, ["evt_3"]);
    let hidden = |field: &IndexedField| !matches!(field, IndexedField::Value(..));
    assert!(indexed.db.search(&text("awa 3"), &hidden, None, 10).await.unwrap().events.is_empty());
    indexed.close().await;
}
