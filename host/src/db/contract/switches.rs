//! Switches: deliveries made while one is off are held in their place, and released when it is turned on.

use std::time::Duration;

use super::Fixture;
use crate::audit::{Decision, EntryFilter};
use crate::db::tests::{Window, attempt, event, listed, name};
use crate::db::{Db, Discard, EventState, HeldPage, MatchDecision, OpenScope, SwitchChange, SwitchResult};
use crate::delivery::{DeliveryId, HoldReason, NextStep, Recipient, Resolution, State};
use crate::event::{Event, now_ms};
use crate::replay::{Action, ReplayPage, ReplayTarget, ReplayedDelivery, Request, Selection};
use crate::switch::{HeldAction, ReleaseState, TypePattern};

const START: DeliveryId = DeliveryId { event: 0, number: 0 };

fn types(text: &str) -> TypePattern {
    TypePattern::new(text).unwrap()
}

fn change(pattern: &str, is_on: bool, held: HeldAction) -> SwitchChange {
    SwitchChange {
        plugin: name("p"),
        types: types(pattern),
        is_on,
        held,
        by: Decision::of_host(),
        expected: None,
        found: 0,
    }
}

async fn set(db: &Db, pattern: &str, is_on: bool, held: HeldAction) -> i64 {
    match db.switch(change(pattern, is_on, held)).await.unwrap() {
        SwitchResult::Changed(switch) => switch.number,
        other => panic!("{other:?}"),
    }
}

async fn turn_off(db: &Db, pattern: &str) -> i64 {
    set(db, pattern, false, HeldAction::Run).await
}

async fn accept(db: &Db, id: &str, event_type: &str, key: Option<&str>, matched: bool) {
    let event = Event { ordering_key: key.map(Into::into), event_type: event_type.into(), ..event(id, "{}") };
    db.accept(event, vec![Recipient { plugin: name("p"), ordered: true, matched }]).await.unwrap();
}

/// Advances all releases by pages of this many, to their end. Returns the number of released deliveries.
async fn release(db: &Db, page: u32) -> u64 {
    let mut released = 0;
    loop {
        let running = db.running_releases().await.unwrap();
        let Some(release) = running.first() else { return released };
        let deliveries = db.switched_off(&release.plugin, release.after, page).await.unwrap();
        let after = deliveries.last().filter(|_| deliveries.len() == page as usize).map(|held| held.id);
        released += db.release_held(HeldPage { release: release.number, deliveries, after }).await.unwrap();
    }
}

async fn held(db: &Db, id: &str) -> (State, Option<HoldReason>) {
    let delivery = db.event(None, id).await.unwrap().remove(0).deliveries.remove(0);
    (delivery.state, delivery.held_because)
}

/// Runs due deliveries until none is left. Returns the ids of their events, in the order of the attempts.
async fn run(db: &Db) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let lease = db.lease(name("p"), 1, Duration::MAX).await.unwrap();
        let Some(delivery) = lease.deliveries.first() else { return ids };
        db.finished(attempt(delivery, NextStep::Done)).await.unwrap();
        ids.push(delivery.event.id.clone());
    }
}

const OFF: (State, Option<HoldReason>) = (State::Held, Some(HoldReason::SwitchedOff));

#[tokio::test]
async fn a_delivery_of_a_switched_off_type_is_stored_and_shown_and_not_leased() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        accept(&db, "before", "a.b", Some("k"), true).await;
        turn_off(&db, "a.*").await;
        for (id, event_type) in [("e1", "a.b"), ("e2", "a.c"), ("e3", "b")] {
            accept(&db, id, event_type, None, true).await;
        }
        accept(&db, "behind", "a.b", Some("k"), true).await;
        assert_eq!(window.ids(), ["before", "e3"]);
        assert_eq!(run(&db).await, [""; 0]);
        assert_eq!(db.anything_due(now_ms(), &[(&name("p"), Duration::MAX)]).await, Ok(true), "leased");
        for id in ["e1", "e2", "behind"] {
            assert_eq!(held(&db, id).await, OFF, "{id}");
        }
        assert_eq!(listed(&db, EventState::Held).await, ["behind", "e2", "e1"]);
        assert_eq!(db.backlog(), 5);
        for (pattern, off, others) in [("*", 3, 2), ("a.*", 3, 1), ("a.c", 1, 0), ("b", 0, 1), ("z.*", 0, 0)]
        {
            for (scope, expected) in [(OpenScope::SwitchedOff, off), (OpenScope::Others, others)] {
                let found = db.count_open_of(&name("p"), &types(pattern), scope, 9).await;
                assert_eq!(found, Ok(expected), "{pattern} {scope:?}");
            }
        }
        let most = db.count_open_of(&name("p"), &types("*"), OpenScope::SwitchedOff, 2).await;
        assert_eq!(most, Ok(2));
        let first = db.switched_off(&name("p"), START, 2).await.unwrap();
        let second = db.switched_off(&name("p"), first[1].id, 2).await.unwrap();
        let found: Vec<_> = first.iter().chain(&second).map(|held| held.event_type.as_str()).collect();
        assert_eq!(found, ["a.b", "a.c", "a.b"]);
        let recent = db.recent_types(9).await.unwrap();
        let recent: Vec<_> = recent.iter().map(|of| (of.event_type.as_str(), of.source.as_str())).collect();
        assert_eq!(recent, [("a.b", "moncreneau"), ("a.c", "moncreneau"), ("b", "moncreneau")]);

        // Other reasons to hold it are shown first, and end by themselves.
        db.pause(&name("p"), Decision::of_host()).await.unwrap();
        assert_eq!(held(&db, "e1").await, (State::Held, Some(HoldReason::Paused)));
        db.resume(&name("p"), Decision::of_host()).await.unwrap();
        assert_eq!(held(&db, "e1").await, OFF);
        assert_eq!(db.retry(Selection::default(), Decision::of_host()).await, Ok(0));
        assert_eq!(run(&db).await, [""; 0]);
    }
}

#[tokio::test]
async fn released_deliveries_run_in_the_order_of_their_key_before_new_events() {
    for fixture in Fixture::each() {
        for page in [1, 2, 99] {
            let db = fixture.open(&Window::new(0)).await;
            turn_off(&db, "*").await;
            for id in ["a1", "b1", "a2", "a3"] {
                accept(&db, &format!("{page}{id}"), "x", Some(&id[..1]), true).await;
            }
            let number = set(&db, "*", true, HeldAction::Run).await;
            accept(&db, &format!("{page}a4"), "x", Some("a"), true).await;
            accept(&db, &format!("{page}c1"), "x", Some("c"), true).await;
            assert_eq!(run(&db).await, [format!("{page}c1")], "the rest is held or behind held ones");
            assert_eq!(release(&db, page).await, 4);
            let done = db.held_release(number).await.unwrap().unwrap();
            assert_eq!((done.state, done.released), (ReleaseState::Done, 4));
            let ran = run(&db).await;
            let of_a: Vec<_> = ran.iter().filter(|id| id.contains('a')).collect();
            assert_eq!(
                of_a,
                ["a1", "a2", "a3", "a4"].map(|id| format!("{page}{id}")).iter().collect::<Vec<_>>()
            );
            assert_eq!((ran.len(), db.backlog()), (5, 0));
            db.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn discarded_deliveries_are_resolved_dead_letters_and_free_their_key() {
    for fixture in Fixture::each() {
        for page in [1, 2, 99] {
            let db = fixture.open(&Window::new(0)).await;
            turn_off(&db, "x").await;
            for (id, event_type) in [("a1", "x"), ("a2", "y"), ("a3", "x"), ("a4", "x"), ("n1", "x")] {
                let key = id.strip_prefix('a').map(|_| "a");
                accept(&db, &format!("{page}{id}"), event_type, key, true).await;
            }
            assert_eq!(run(&db).await, [""; 0]);
            set(&db, "x", true, HeldAction::Discard).await;
            accept(&db, &format!("{page}a5"), "x", Some("a"), true).await;
            assert_eq!(release(&db, page).await, 4);
            assert_eq!(run(&db).await, ["a2", "a5"].map(|id| format!("{page}{id}")));
            let discarded =
                db.event(None, &format!("{page}a3")).await.unwrap().remove(0).deliveries.remove(0);
            assert_eq!((discarded.state, discarded.resolution), (State::Dead, Some(Resolution::Discarded)));
            assert_eq!((db.backlog(), discarded.attempts.len()), (0, 0));
            db.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_operator_discards_a_held_delivery_and_the_next_takes_its_place() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        turn_off(&db, "x").await;
        for (id, event_type) in [("a1", "x"), ("a2", "x"), ("a3", "y")] {
            accept(&db, id, event_type, Some("a"), true).await;
        }
        assert_eq!(held(&db, "a3").await, (State::Held, Some(HoldReason::Order)));
        for event in [1, 2] {
            assert_eq!(run(&db).await, [""; 0]);
            assert_eq!(
                db.discard(DeliveryId { event, number: 1 }, Decision::of_host()).await,
                Ok(Discard::Skipped)
            );
        }
        assert_eq!((run(&db).await, db.backlog()), (vec!["a3".to_owned()], 0));
    }
}

#[tokio::test]
async fn a_later_instruction_decides_about_the_deliveries_that_it_covers() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        turn_off(&db, "*").await;
        for (id, event_type) in [("e1", "a.b"), ("e2", "a.c"), ("e3", "b"), ("e4", "a.b")] {
            accept(&db, id, event_type, None, true).await;
        }
        let all = set(&db, "*", true, HeldAction::Run).await;
        let off = turn_off(&db, "a.c").await;
        assert!(off > all);
        assert_eq!(release(&db, 1).await, 3, "a.c is off again");
        assert_eq!(run(&db).await, ["e1", "e3", "e4"]);
        assert_eq!(held(&db, "e2").await, OFF);
        let discard = set(&db, "a.c", true, HeldAction::Discard).await;
        let run_all = set(&db, "a.*", true, HeldAction::Run).await;
        let states = [all, discard, run_all].map(|number| db.held_release(number));
        let mut found = Vec::new();
        for state in states {
            found.push(state.await.unwrap().unwrap().state);
        }
        assert_eq!(found, [ReleaseState::Done, ReleaseState::Stopped, ReleaseState::Running]);
        let page = db.switched_off(&name("p"), START, 9).await.unwrap();
        let late = HeldPage { release: discard, deliveries: page, after: None };
        assert_eq!(db.release_held(late).await, Ok(0), "its instruction was replaced");
        assert_eq!(release(&db, 9).await, 1);
        assert_eq!(run(&db).await, ["e2"]);
    }
}

#[tokio::test]
async fn a_release_that_a_later_instruction_stops_leaves_its_count_in_the_audit_log() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        turn_off(&db, "*").await;
        for id in ["e1", "e2"] {
            accept(&db, id, "a.b", None, true).await;
        }
        let number = set(&db, "*", true, HeldAction::Discard).await;
        let page = db.switched_off(&name("p"), START, 1).await.unwrap();
        let after = page.last().map(|held| held.id);
        assert_eq!(db.release_held(HeldPage { release: number, deliveries: page, after }).await, Ok(1));
        turn_off(&db, "*").await;
        let filter = EntryFilter { action: Some("plugin.release".into()), ..EntryFilter::default() };
        let [stopped] = &db.audit(&filter, None, 9).await.unwrap()[..] else { panic!("one entry") };
        assert_eq!(stopped.result, "stopped");
        assert!(stopped.after.as_deref().unwrap().contains(r#""released":1"#), "{stopped:?}");
    }
}

#[tokio::test]
async fn an_instruction_for_the_same_state_or_based_on_an_old_version_changes_nothing() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let first = turn_off(&db, "*").await;
        let again = db.switch(change("*", false, HeldAction::Run)).await.unwrap();
        assert!(matches!(&again, SwitchResult::Unchanged(switch) if switch.number == first), "{again:?}");
        let by = Decision { note: Some("why".into()), ..Decision::of_host() };
        let noted = SwitchChange { by, ..change("*", false, HeldAction::Run) };
        assert!(matches!(db.switch(noted).await, Ok(SwitchResult::Changed(_))));
        let stale = SwitchChange { expected: Some(first), ..change("*", true, HeldAction::Run) };
        assert_eq!(db.switch(stale).await, Ok(SwitchResult::Stale { version: first + 1 }));
        let based = SwitchChange { expected: Some(first + 1), ..change("*", true, HeldAction::Run) };
        assert!(matches!(db.switch(based).await, Ok(SwitchResult::Changed(_))));
        let stored = db.switches().await.unwrap();
        let [switch] = stored.all()[..] else { panic!("{stored:?}") };
        assert_eq!((switch.is_on, switch.changed_by.as_str(), switch.number), (true, "hookyard", first + 2));
    }
}

#[tokio::test]
async fn switches_held_deliveries_and_releases_survive_a_kill() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        turn_off(&db, "x").await;
        for id in ["a1", "a2", "a3"] {
            accept(&db, id, "x", Some("a"), true).await;
        }
        let killed = fixture.as_killed();
        let db = killed.open(&Window::new(0)).await;
        accept(&db, "a4", "x", Some("a"), true).await;
        assert_eq!((run(&db).await, held(&db, "a4").await, db.backlog()), (vec![], OFF, 4));
        set(&db, "x", true, HeldAction::Run).await;
        let release_row = db.running_releases().await.unwrap().remove(0);
        let deliveries = db.switched_off(&name("p"), START, 2).await.unwrap();
        let after = deliveries.last().map(|held| held.id);
        let page = HeldPage { release: release_row.number, deliveries, after };
        assert_eq!(db.release_held(page).await, Ok(2));

        let killed = killed.as_killed();
        let db = killed.open(&Window::new(0)).await;
        accept(&db, "a5", "x", Some("a"), true).await;
        assert_eq!(run(&db).await, ["a1", "a2"]);
        let release_row = db.running_releases().await.unwrap().remove(0);
        assert_eq!((release_row.after.event, release_row.released), (2, 2));
        assert_eq!(release(&db, 1).await, 2);
        assert_eq!((run(&db).await, db.backlog()), (["a3", "a4", "a5"].map(String::from).to_vec(), 0));
    }
}

#[tokio::test]
async fn a_held_delivery_can_be_unmatched_too() {
    for fixture in Fixture::each() {
        for handled in [true, false] {
            for switch_first in [true, false] {
                let db = fixture.open(&Window::new(0)).await;
                turn_off(&db, "x").await;
                let id = format!("{handled}{switch_first}");
                accept(&db, &id, "x", Some("a"), false).await;
                accept(&db, &format!("{id}2"), "y", Some("a"), true).await;
                assert_eq!(held(&db, &id).await, OFF);
                let found = db.unmatched(&name("p"), None, 9).await.unwrap();
                let decisions = vec![MatchDecision { id: found[0].id, handled }];
                for step in [switch_first, !switch_first] {
                    if step {
                        set(&db, "x", true, HeldAction::Run).await;
                        release(&db, 9).await;
                    } else {
                        db.match_deliveries(name("p"), decisions.clone()).await.unwrap();
                    }
                }
                let expected =
                    if handled { vec![id.clone(), format!("{id}2")] } else { vec![format!("{id}2")] };
                assert_eq!((run(&db).await, db.backlog()), (expected, 0), "{id}");
                db.close().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_replay_of_a_switched_off_type_is_held() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        for (id, event_type) in [("e1", "x"), ("e2", "y")] {
            accept(&db, id, event_type, None, true).await;
        }
        assert_eq!(run(&db).await, ["e1", "e2"]);
        turn_off(&db, "x").await;
        let (of, action, selection) = (ReplayTarget::Deliveries, Action::Replay, Selection::default());
        let request =
            Request { of, action, selection, to: None, again: false, revision: None, dry_run: false };
        let replay = db.begin_replay(request, Decision::of_host()).await.unwrap();
        let again = |event| ReplayedDelivery {
            event,
            plugin: name("p"),
            order: None,
            matched: true,
            of: Some(1),
            dead: false,
        };
        let page = ReplayPage { replay, again: vec![again(1), again(2)], ..ReplayPage::default() };
        db.replay_step(page).await.unwrap();
        assert_eq!(run(&db).await, ["e2"]);
        set(&db, "x", true, HeldAction::Run).await;
        assert_eq!(release(&db, 9).await, 1);
        assert_eq!(run(&db).await, ["e1"]);
    }
}

#[tokio::test]
async fn no_event_committed_after_the_answer_follows_the_old_switch() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let mut accepted = 0;
        for round in 0..20 {
            let is_on = round % 2 == 1;
            let others: Vec<_> = (0..8).map(|number| format!("{round}-concurrent-{number}")).collect();
            let mut tasks = tokio::task::JoinSet::new();
            for id in others {
                let db = db.clone();
                tasks.spawn(async move { accept(&db, &id, "x", None, true).await });
            }
            set(&db, "x", is_on, HeldAction::Run).await;
            let id = format!("{round}-after");
            accept(&db, &id, "x", None, true).await;
            assert_eq!(held(&db, &id).await == OFF, !is_on, "{id}");
            tasks.join_all().await;
            accepted += 9;
        }
        release(&db, 7).await;
        assert_eq!(run(&db).await.len(), accepted);
    }
}
