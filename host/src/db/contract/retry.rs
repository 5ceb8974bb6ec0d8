//! Waiting deliveries that are made due before their time.

use std::time::Duration;

use super::Fixture;
use crate::audit::Decision;
use crate::clock;
use crate::db::Db;
use crate::db::tests::{Window, attempt, event, leased, name};
use crate::delivery::{DeliveryId, NextStep, Recipient, State};
use crate::event::{Digest, Event};
use crate::replay::Selection;

const HOUR_MS: u64 = 3_600_000;

fn named(id: DeliveryId) -> Selection {
    Selection { deliveries: Some(vec![id]), ..Selection::default() }
}

fn id(event: i64) -> DeliveryId {
    DeliveryId { event, number: 1 }
}

/// Three events: `a1` and `b1` wait for an hour after an attempt on the revision `old`, and `a2` is blocked by `a1`.
async fn three(db: &Db, window: &Window, old: Digest) {
    for (event_id, key) in [("a1", "a"), ("b1", "b"), ("a2", "a")] {
        let event = Event { ordering_key: Some(key.into()), ..event(event_id, "{}") };
        let to = vec![Recipient { plugin: name("p"), ordered: true, matched: true }];
        db.accept(event, to).await.unwrap();
    }
    assert_eq!(window.ids(), ["a1", "b1"]);
    let taken = window.taken.lock().unwrap().clone();
    for delivery in &taken {
        let mut finished = attempt(delivery, NextStep::Wait(clock::now_ms() + HOUR_MS));
        finished.attempt.revision = old;
        db.finished(finished).await.unwrap();
    }
}

async fn state_of(db: &Db, id: &str) -> State {
    db.event(None, id).await.unwrap()[0].deliveries[0].state
}

#[tokio::test]
async fn a_waiting_delivery_becomes_due_and_no_other() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        three(&db, &window, Digest::of(b"old")).await;
        assert_eq!(leased(&db, 9).await.0, [""; 0]);
        assert_eq!(db.count_waiting(Selection::default()).await, Ok(2));
        for no in [
            named(id(3)),
            named(id(9)),
            Selection { plugin: Some("q".into()), ..Selection::default() },
            Selection { reason: Some("no such".into()), ..Selection::default() },
            Selection { event_type: Some("other".into()), ..Selection::default() },
        ] {
            assert_eq!(db.retry(no, Decision::of_host()).await, Ok(0));
        }
        assert_eq!(db.retry(named(id(2)), Decision::of_host()).await, Ok(1));
        assert_eq!(db.retry(named(id(2)), Decision::of_host()).await, Ok(0), "it is due");
        assert_eq!(leased(&db, 9).await.0, ["b1"]);

        db.pause(&name("p"), Decision::of_host()).await.unwrap();
        let fell =
            Selection { reason: Some("it fell".into()), plugin: Some("p".into()), ..Selection::default() };
        assert_eq!(db.retry(fell, Decision::of_host()).await, Ok(1));
        assert_eq!(leased(&db, 9).await.0, [""; 0], "it is held");
        db.resume(&name("p"), Decision::of_host()).await.unwrap();
        assert_eq!(leased(&db, 9).await.0, ["a1"], "a2 keeps its place");
        assert_eq!(state_of(&db, "a2").await, State::Held);
    }
}

#[tokio::test]
async fn deliveries_that_failed_on_another_revision_become_due_once() {
    let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        three(&db, &window, old).await;
        assert_eq!(db.retried_revisions().await, Ok(vec![]));
        assert_eq!(db.retry_on_revision(&name("q"), new).await, Ok(0));
        assert_eq!(db.retry_on_revision(&name("p"), old).await, Ok(0), "they failed on this one");
        assert_eq!(leased(&db, 9).await.0, [""; 0]);
        assert_eq!(db.retry_on_revision(&name("p"), new).await, Ok(2));
        assert_eq!(db.retry_on_revision(&name("p"), new).await, Ok(0));
        let mut retried = db.retried_revisions().await.unwrap();
        retried.sort_by_key(|(plugin, _)| plugin.clone());
        assert_eq!(retried, [(name("p"), new), (name("q"), new)]);
        assert_eq!(db.lease(name("p"), 9, Duration::MAX).await.unwrap().deliveries.len(), 2);
        let killed = fixture.as_killed();
        drop(db);
        let db = killed.open(&Window::new(0)).await;
        assert_eq!(db.retried_revisions().await.unwrap().len(), 2);
        assert_eq!(leased(&db, 9).await.0, ["a1", "b1"]);
    }
}
