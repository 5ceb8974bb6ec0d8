//! Unmatched deliveries: they keep their place, are not leased, and are matched or withdrawn.

use std::sync::Arc;
use std::time::Duration;

use super::Fixture;
use crate::audit::Decision;
use crate::db::tests::{LIMITS, Window, attempt, event, listed, name};
use crate::db::{Accept, Db, Discard, EventState, MatchCount, MatchDecision};
use crate::delivery::{DeliveryId, HoldReason, NextStep, Recipient, State};
use crate::event::{Event, now_ms};
use crate::replay::{Action, ReplayPage, ReplayTarget, ReplayedDelivery, Request, Selection};

/// A recipient that takes events of one ordering key one at a time.
fn recipient(plugin: &str, matched: bool) -> Recipient {
    Recipient { plugin: name(plugin), ordered: true, matched }
}

async fn accept(db: &Db, id: &str, key: Option<&str>, to: Vec<Recipient>) -> Accept {
    let event = Event { ordering_key: key.map(Into::into), ..event(id, "{}") };
    db.accept(event, to).await.unwrap()
}

/// Matches all unmatched deliveries of a plugin alike.
async fn match_all(db: &Db, plugin: &str, handled: bool) -> MatchCount {
    let unmatched = db.unmatched(&name(plugin), None, 100).await.unwrap();
    let decisions = unmatched.iter().map(|unmatched| MatchDecision { id: unmatched.id, handled });
    db.match_deliveries(name(plugin), decisions.collect()).await.unwrap()
}

async fn held(db: &Db, id: &str) -> Vec<(State, Option<HoldReason>)> {
    let event = db.event(None, id).await.unwrap().remove(0);
    event.deliveries.iter().map(|delivery| (delivery.state, delivery.held_because)).collect()
}

/// Runs the due deliveries of plugin `p` until none is left. Returns the ids of their events, in the order
/// of the attempts.
async fn run(db: &Db) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let lease = db.lease(name("p"), 9, Duration::MAX).await.unwrap();
        let Some(delivery) = lease.deliveries.first() else { return ids };
        assert_eq!(lease.deliveries.len(), 1, "they have one ordering key");
        db.finished(attempt(delivery, NextStep::Done)).await.unwrap();
        ids.push(delivery.event.id.clone());
    }
}

#[tokio::test]
async fn an_unmatched_delivery_is_stored_and_shown_and_not_leased() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        let accepted = accept(&db, "e1", None, vec![recipient("p", false), recipient("q", true)]).await;
        assert_eq!(accepted, Accept::Accepted { deliveries: 1, unmatched: 1 });
        accept(&db, "e2", Some("a"), vec![recipient("p", false)]).await;
        accept(&db, "e3", Some("a"), vec![recipient("p", false)]).await;
        assert_eq!(window.ids(), ["e1"], "q's");
        db.finished(attempt(&window.first(), NextStep::Done)).await.unwrap();
        assert_eq!(run(&db).await, [""; 0]);
        assert_eq!(db.anything_due(now_ms(), &[(&name("p"), Duration::MAX)]).await, Ok(false));
        assert_eq!(db.backlog(), 3);

        let unmatched = (State::Held, Some(HoldReason::Unmatched));
        assert_eq!(held(&db, "e1").await, [unmatched, (State::Done, None)]);
        assert_eq!(held(&db, "e3").await, [unmatched]);
        assert_eq!(listed(&db, EventState::Held).await, ["e3", "e2", "e1"]);
        for (state, why) in [(true, HoldReason::Paused), (false, HoldReason::Unmatched)] {
            if state {
                db.pause(&name("p"), Decision::of_host()).await.unwrap();
            } else {
                db.resume(&name("p"), Decision::of_host()).await.unwrap();
            }
            assert_eq!(held(&db, "e3").await, [(State::Held, Some(why))]);
        }

        assert_eq!(db.unmatched_plugins().await.unwrap(), [name("p")]);
        assert_eq!(db.open_plugins().await.unwrap(), [name("p")]);
        let first = db.unmatched(&name("p"), None, 2).await.unwrap();
        let second = db.unmatched(&name("p"), Some(first[1].id), 2).await.unwrap();
        let ids: Vec<_> = first.iter().chain(&second).map(|unmatched| unmatched.id.event).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(first[0].source, name("moncreneau"));
        assert_eq!(first[0].event_type, "appointment.created");
        assert_eq!(db.unmatched(&name("q"), None, 9).await.unwrap(), []);
    }
}

/// The end of an unmatched delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolution {
    Handled,
    Withdrawn,
    Discarded,
}

async fn resolve(db: &Db, id: DeliveryId, how: Resolution) {
    if how == Resolution::Discarded {
        assert_eq!(db.discard(id, Decision::of_host()).await, Ok(Discard::Skipped));
        return;
    }
    let handled = how == Resolution::Handled;
    let expected = MatchCount { handled: handled.into(), withdrawn: (!handled).into() };
    let decisions = vec![MatchDecision { id, handled }];
    assert_eq!(db.match_deliveries(name("p"), decisions.clone()).await, Ok(expected));
    assert_eq!(db.match_deliveries(name("p"), decisions).await, Ok(MatchCount::default()), "a second time");
}

#[tokio::test]
async fn a_key_keeps_its_order_with_an_unmatched_delivery_at_any_position() {
    for position in 0..3 {
        for how in [Resolution::Handled, Resolution::Withdrawn, Resolution::Discarded] {
            for early in [true, false] {
                for fixture in Fixture::each() {
                    let db = fixture.open(&Window::new(0)).await;
                    let ids = ["a1", "a2", "a3"];
                    for (at, id) in ids.iter().enumerate() {
                        accept(&db, id, Some("a"), vec![recipient("p", at != position)]).await;
                    }
                    let unmatched = db.unmatched(&name("p"), None, 9).await.unwrap()[0].id;
                    let case = format!("{position} {how:?} {early}");
                    let mut ran = Vec::new();
                    if !early {
                        ran = run(&db).await;
                        assert_eq!(ran, ids[..position], "{case}");
                    }
                    resolve(&db, unmatched, how).await;
                    ran.extend(run(&db).await);
                    let runs = |at| at != position || how == Resolution::Handled;
                    let expected: Vec<_> = (0..3).filter(|at| runs(*at)).map(|at| ids[at]).collect();
                    assert_eq!(ran, expected, "{case}");
                    assert_eq!(db.backlog(), 0, "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn deliveries_of_one_key_that_are_matched_together_run_one_after_the_other() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        for id in ["a1", "a2", "a3", "a4"] {
            accept(&db, id, Some("a"), vec![recipient("p", id == "a4")]).await;
        }
        let unmatched = db.unmatched(&name("p"), None, 9).await.unwrap();
        let decide = |(at, handled): (usize, bool)| MatchDecision { id: unmatched[at].id, handled };
        let decisions = [(2, true), (0, false), (1, true)].map(decide).to_vec();
        let matched = db.match_deliveries(name("p"), decisions).await;
        assert_eq!(matched, Ok(MatchCount { handled: 2, withdrawn: 1 }));
        assert_eq!(run(&db).await, ["a2", "a3", "a4"]);
    }
}

#[tokio::test]
async fn an_event_that_no_plugin_handles_is_unhandled_and_can_be_replayed() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        accept(&db, "e1", None, vec![recipient("p", false), recipient("q", false)]).await;
        let id = db.unmatched(&name("p"), None, 9).await.unwrap()[0].id;
        let decisions = vec![MatchDecision { id, handled: false }];
        let of_other_plugin = db.match_deliveries(name("q"), decisions).await;
        assert_eq!(of_other_plugin, Ok(MatchCount::default()));

        assert_eq!(match_all(&db, "p", false).await, MatchCount { handled: 0, withdrawn: 1 });
        assert_eq!((listed(&db, EventState::Held).await, db.backlog()), (vec!["e1".to_owned()], 1));
        assert_eq!(match_all(&db, "q", false).await, MatchCount { handled: 0, withdrawn: 1 });
        assert_eq!((listed(&db, EventState::Unhandled).await, db.backlog()), (vec!["e1".to_owned()], 0));
        assert_eq!(db.unmatched_plugins().await.unwrap(), []);
        assert_eq!(held(&db, "e1").await, []);

        // A replay of it may come while a plugin is not loaded yet, too.
        let unhandled = Selection { unhandled: true, ..Selection::default() };
        let request = Request {
            of: ReplayTarget::Events,
            action: Action::Replay,
            selection: unhandled,
            to: None,
            again: false,
            revision: None,
            dry_run: false,
        };
        for handled in [false, true] {
            let replay = db.begin_replay(request.clone(), Decision::of_host()).await.unwrap();
            let again = ReplayedDelivery {
                event: 1,
                plugin: name("p"),
                order: None,
                matched: false,
                of: None,
                dead: false,
            };
            db.replay_step(ReplayPage { replay, again: vec![again], ..ReplayPage::default() }).await.unwrap();
            assert_eq!(db.replay(replay).await.unwrap().unwrap().found, 1);
            assert_eq!(held(&db, "e1").await, [(State::Held, Some(HoldReason::Unmatched))]);
            assert_eq!(run(&db).await, [""; 0]);
            match_all(&db, "p", handled).await;
        }
        assert_eq!(run(&db).await, ["e1"]);
        assert_eq!(listed(&db, EventState::Done).await, ["e1"]);
    }
}

#[tokio::test]
async fn a_kill_between_accept_and_match_loses_nothing() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        for (id, matched) in [("a1", false), ("a2", true), ("a3", false)] {
            accept(&db, id, Some("a"), vec![recipient("p", matched)]).await;
        }
        let killed = fixture.as_killed();
        let db = killed.open(&Window::new(0)).await;
        assert_eq!((db.backlog(), run(&db).await), (3, Vec::new()));
        assert_eq!(db.unmatched_plugins().await.unwrap(), [name("p")]);
        let first = db.unmatched(&name("p"), None, 1).await.unwrap()[0].id;
        resolve(&db, first, Resolution::Handled).await;

        let killed = killed.as_killed();
        let db = killed.open(&Window::new(0)).await;
        assert_eq!(run(&db).await, ["a1", "a2"]);
        assert_eq!(match_all(&db, "p", true).await, MatchCount { handled: 1, withdrawn: 0 });
        let killed = killed.as_killed();
        let db = killed.open(&Window::new(0)).await;
        assert_eq!((run(&db).await, db.backlog()), (vec!["a3".to_owned()], 0));
    }
}

#[tokio::test]
async fn an_unmatched_delivery_counts_for_the_backlog_until_it_is_withdrawn() {
    for fixture in Fixture::each() {
        let limits = crate::db::Limits { backlog_max: 2, ..LIMITS };
        let db = fixture.open_with(limits, &Window::new(0)).await;
        accept(&db, "e1", None, vec![recipient("p", false), recipient("q", false)]).await;
        let refused = db.accept(event("e2", "{}"), vec![recipient("p", false)]).await;
        assert!(refused.is_err(), "{refused:?}");
        match_all(&db, "p", false).await;
        accept(&db, "e2", None, vec![recipient("p", false)]).await;
    }
}

#[tokio::test]
async fn a_batch_places_unmatched_deliveries_as_single_events_do() {
    for fixture in Fixture::each() {
        let window = Window::new(99);
        let db = fixture.open_idle(LIMITS).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..30 {
            let db = db.clone();
            tasks.spawn(async move {
                let key = ["a", "b"][number % 2];
                accept(&db, &format!("{number:02}"), Some(key), vec![recipient("p", number % 3 > 0)]).await
            });
        }
        tokio::task::yield_now().await;
        db.start(Arc::clone(&window) as _);
        tasks.join_all().await;
        match_all(&db, "p", true).await;
        let lease = db.lease(name("p"), 99, Duration::MAX).await.unwrap();
        let mut in_hand: Vec<_> = window.taken.lock().unwrap().drain(..).chain(lease.deliveries).collect();
        let mut ran = Vec::new();
        while let Some(delivery) = in_hand.pop() {
            db.finished(attempt(&delivery, NextStep::Done)).await.unwrap();
            db.ping().await.unwrap();
            in_hand.extend(window.taken.lock().unwrap().drain(..));
            ran.push((delivery.event.ordering_key.clone(), delivery.id));
        }
        for key in ["a", "b"] {
            let of_key = ran.iter().filter(|(of, _)| of.as_deref() == Some(key)).map(|(_, id)| id);
            assert!(of_key.clone().is_sorted() && of_key.count() == 15, "{ran:?}");
        }
        assert_eq!(db.backlog(), 0);
    }
}
