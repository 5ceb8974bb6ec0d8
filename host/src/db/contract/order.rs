//! Deliveries of one plugin with the same ordering key: one at a time, in order of acceptance.

use std::time::Duration;

use super::Fixture;
use crate::audit::Decision;
use crate::db::tests::{LIMITS, Window, accept, attempt, event, leased, listed, name};
use crate::db::{Db, DeliveryFilter, Discard, EventState};
use crate::delivery::{Delivery, DeliveryId, HoldReason, NextStep, Recipient, Resolution, State};
use crate::event::{Event, now_ms};
use crate::replay::{Action, ReplayPage, ReplayTarget, ReplayedDelivery, Request, Selection};

/// Accepts an event for ordered plugins.
async fn accept_keyed(db: &Db, id: &str, key: &str, plugins: &[&str]) {
    let event = Event { ordering_key: Some(key.into()), ..event(id, "{}") };
    let to = plugins.iter().map(|plugin| Recipient { plugin: name(plugin), ordered: true, matched: true });
    db.accept(event, to.collect()).await.unwrap();
}

/// Returns the offered deliveries, once the last commit's consequences have been offered.
async fn offered(db: &Db, window: &Window) -> Vec<String> {
    db.ping().await.unwrap();
    window.ids()
}

fn taken(window: &Window, id: &str) -> Delivery {
    let taken = window.taken.lock().unwrap();
    taken.iter().rfind(|delivery| delivery.event.id == id).unwrap().clone()
}

async fn held(db: &Db, id: &str) -> (State, Option<HoldReason>) {
    let delivery = &db.event(None, id).await.unwrap()[0].deliveries[0];
    (delivery.state, delivery.held_because)
}

#[tokio::test]
async fn the_next_of_a_key_comes_when_the_one_before_is_done_or_dead() {
    for fixture in Fixture::each() {
        let window = Window::new(99);
        let db = fixture.open(&window).await;
        for (id, key) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("b2", "b")] {
            accept_keyed(&db, id, key, &["p"]).await;
        }
        assert_eq!(offered(&db, &window).await, ["a1", "b1"]);
        assert_eq!(held(&db, "a2").await, (State::Held, Some(HoldReason::Order)));
        assert_eq!(listed(&db, EventState::Held).await, ["b2", "a3", "a2"]);
        db.finished(attempt(&taken(&window, "a1"), NextStep::Done)).await.unwrap();
        assert_eq!(offered(&db, &window).await, ["a1", "b1", "a2"]);
        db.finished(attempt(&taken(&window, "a2"), NextStep::Dead)).await.unwrap();
        assert_eq!(offered(&db, &window).await, ["a1", "b1", "a2", "a3"]);
        assert_eq!(held(&db, "b2").await, (State::Held, Some(HoldReason::Order)));
        assert_eq!(db.anything_due(now_ms(), &[(&name("p"), Duration::MAX)]).await, Ok(true), "b1 and a3");
    }
}

#[tokio::test]
async fn a_blocked_delivery_names_the_first_open_one_of_its_key() {
    for fixture in Fixture::each() {
        let window = Window::new(99);
        let db = fixture.open(&window).await;
        // Many more than are kept out of the index.
        for number in 0..40 {
            let key = if number % 2 == 0 { "a" } else { "b" };
            accept_keyed(&db, &format!("e{number}"), key, &["p"]).await;
        }
        db.finished(attempt(&taken(&window, "e0"), NextStep::Done)).await.unwrap();
        let killed = fixture.as_killed();
        for db in [db, killed.open(&Window::new(0)).await] {
            let page = db.deliveries(&DeliveryFilter::default(), None, 100).await.unwrap();
            for listed in page.deliveries {
                let id: DeliveryId = listed.delivery.id.parse().unwrap();
                // e2 is the third event, and e1 the second.
                let expected = match id.event {
                    1..=3 => None,
                    event => Some(DeliveryId { event: if event % 2 == 1 { 3 } else { 2 }, number: 1 }),
                };
                assert_eq!(listed.delivery.blocked_by, expected, "{id}");
                let event = db.event(None, &listed.event).await.unwrap().remove(0);
                assert_eq!(event.deliveries[0].blocked_by, expected, "{id}");
            }
        }
    }
}

#[tokio::test]
async fn one_that_waits_holds_back_its_key_and_no_other() {
    for fixture in Fixture::each() {
        let window = Window::new(99);
        let db = fixture.open(&window).await;
        for (id, key) in [("a1", "a"), ("a2", "a")] {
            accept_keyed(&db, id, key, &["p", "q"]).await;
        }
        assert_eq!(offered(&db, &window).await, ["a1", "a1"], "for each plugin one");
        let first = window.first();
        let later = now_ms() + 3_600_000;
        db.finished(attempt(&first, NextStep::Wait(later))).await.unwrap();
        accept_keyed(&db, "c1", "c", &["p"]).await;
        accept_keyed(&db, "a3", "a", &["p"]).await;
        assert_eq!(offered(&db, &window).await, ["a1", "a1", "c1"]);
        let other = window.taken.lock().unwrap()[1].clone();
        db.finished(attempt(&other, NextStep::Done)).await.unwrap();
        assert_eq!(offered(&db, &window).await, ["a1", "a1", "c1", "a2"], "the other plugin goes on");
        assert_eq!(leased(&db, 9).await.0, [""; 0]);
        // An operator skips a blocked delivery.
        assert_eq!(db.discard(first.id, Decision::of_host()).await, Ok(Discard::Skipped));
        assert_eq!(offered(&db, &window).await, ["a1", "a1", "c1", "a2", "a2"]);
        let discarded = db.event(None, "a1").await.unwrap().remove(0).deliveries.remove(0);
        assert_eq!((discarded.state, discarded.resolution), (State::Dead, Some(Resolution::Discarded)));
        assert_eq!(db.discard(first.id, Decision::of_host()).await, Ok(Discard::Closed));
        assert_eq!(db.discard(taken(&window, "c1").id, Decision::of_host()).await, Ok(Discard::Busy));
        assert_eq!(
            db.discard(DeliveryId { event: 99, number: 1 }, Decision::of_host()).await,
            Ok(Discard::Unknown)
        );
    }
}

#[tokio::test]
async fn to_skip_one_that_is_behind_lets_no_other_go() {
    for fixture in Fixture::each() {
        let window = Window::new(99);
        let db = fixture.open(&window).await;
        for id in ["a1", "a2", "a3"] {
            accept_keyed(&db, id, "a", &["p"]).await;
        }
        let first = window.first();
        db.finished(attempt(&first, NextStep::Done)).await.unwrap();
        // An earlier event runs again while a later one leads.
        let (plugin, order, of) = (name("p"), first.order, Some(first.id.number));
        let again = ReplayedDelivery { event: first.id.event, plugin, order, matched: true, of, dead: false };
        let (of, action, selection) = (ReplayTarget::Deliveries, Action::Replay, Selection::default());
        let request =
            Request { of, action, selection, to: None, again: false, revision: None, dry_run: false };
        let replay = db.begin_replay(request, Decision::of_host()).await.unwrap();
        db.replay_step(ReplayPage { replay, again: vec![again], ..ReplayPage::default() }).await.unwrap();
        assert_eq!(
            db.discard(DeliveryId { event: 3, number: 1 }, Decision::of_host()).await,
            Ok(Discard::Skipped)
        );
        assert_eq!(offered(&db, &window).await, ["a1", "a2"]);
        db.finished(attempt(&taken(&window, "a2"), NextStep::Done)).await.unwrap();
        assert_eq!(offered(&db, &window).await, ["a1", "a2", "a1"]);
    }
}

#[tokio::test]
async fn order_holds_after_a_restart_and_within_a_batch() {
    for fixture in Fixture::each() {
        let first = fixture.open_idle(LIMITS).await;
        let mut tasks = tokio::task::JoinSet::new();
        for id in 0..20 {
            let db = first.clone();
            tasks.spawn(
                async move { accept_keyed(&db, &format!("{id:02}"), ["x", "y"][id % 2], &["p"]).await },
            );
        }
        tokio::task::yield_now().await;
        first.start(Window::new(0));
        tasks.join_all().await;
        first.close().await.unwrap();

        let window = Window::new(99);
        let db = fixture.open(&window).await;
        assert_eq!(db.backlog(), 20);
        let lease = db.lease(name("p"), 99, Duration::MAX).await.unwrap();
        assert_eq!((lease.deliveries.len(), lease.more), (2, false));
        window.taken.lock().unwrap().extend(lease.deliveries);
        let mut at = 0;
        while db.backlog() > 0 {
            db.ping().await.unwrap();
            let next = window.taken.lock().unwrap()[at].clone();
            db.finished(attempt(&next, NextStep::Done)).await.unwrap();
            at += 1;
        }
        let seqs: Vec<_> = window.taken.lock().unwrap().iter().map(|delivery| delivery.id.event).collect();
        let of_key = |odd| seqs.iter().copied().filter(move |seq| seq % 2 == odd);
        for odd in [0, 1] {
            assert!(of_key(odd).is_sorted() && of_key(odd).count() == 10, "{seqs:?}");
        }
    }
}

#[tokio::test]
async fn an_unordered_plugin_leases_all_deliveries() {
    for fixture in Fixture::each() {
        let window = Window::new(99);
        let db = fixture.open(&window).await;
        accept(&db, "a1").await.unwrap();
        accept(&db, "a2").await.unwrap();
        assert_eq!(offered(&db, &window).await, ["a1", "a2"]);
    }
}

#[tokio::test]
async fn a_paused_plugin_waits_and_the_pause_outlives_a_restart() {
    for fixture in Fixture::each() {
        let window = Window::new(99);
        let first = fixture.open(&window).await;
        first.pause(&name("p"), Decision::of_host()).await.unwrap();
        accept_keyed(&first, "a1", "a", &["p"]).await;
        assert_eq!((offered(&first, &window).await.len(), leased(&first, 9).await.0.len()), (0, 0));
        assert_eq!(held(&first, "a1").await, (State::Held, Some(HoldReason::Paused)));
        assert_eq!(first.anything_due(now_ms(), &[(&name("p"), Duration::MAX)]).await, Ok(false));
        first.close().await.unwrap();

        let db = fixture.open(&window).await;
        assert_eq!(db.paused().await.unwrap()[0].0, name("p"));
        assert_eq!(leased(&db, 9).await.0, [""; 0]);
        // Absent as well: both have to end.
        db.hold(&name("p")).await.unwrap();
        db.resume(&name("p"), Decision::of_host()).await.unwrap();
        assert_eq!(held(&db, "a1").await, (State::Held, Some(HoldReason::Absent)));
        assert_eq!(leased(&db, 9).await.0, [""; 0]);
        db.end_hold(&name("p")).await.unwrap();
        assert_eq!(leased(&db, 9).await.0, ["a1"]);
    }
}
