//! Replays: candidates, new deliveries and stored progress.

use std::time::Duration;

use super::Fixture;
use crate::audit::Decision;
use crate::db::tests::{Window, accept, attempt, event, listed, name, to};
use crate::db::{Db, DeliveryFilter, DeliveryPage, Discard, EventState};
use crate::delivery::{DeliveryId, NextStep, Resolution, State};
use crate::event::{Digest, now_ms};
use crate::replay::{Action, ReplayPage, ReplayState, ReplayTarget, ReplayedDelivery, Request, Selection};
use std::sync::Arc;

fn request(of: ReplayTarget) -> Request {
    let (action, selection) = (Action::Replay, Selection::default());
    Request { of, action, selection, to: None, again: false, revision: None, dry_run: false }
}

fn again(delivery: DeliveryId, dead: bool) -> ReplayedDelivery {
    ReplayedDelivery {
        event: delivery.event,
        plugin: name("p"),
        order: None,
        matched: true,
        of: Some(delivery.number),
        dead,
    }
}

/// Three events: the first dead, the second done, the third for no plugin.
async fn three(fixture: &Fixture) -> (Db, Arc<Window>) {
    let window = Window::new(9);
    let db = fixture.open(&window).await;
    accept(&db, "dead").await.unwrap();
    accept(&db, "done").await.unwrap();
    db.accept(event("unhandled", "{}"), to([])).await.unwrap();
    let taken = window.taken.lock().unwrap().clone();
    db.finished(attempt(&taken[0], NextStep::Dead)).await.unwrap();
    db.finished(attempt(&taken[1], NextStep::Done)).await.unwrap();
    (db, window)
}

async fn found(db: &Db, request: Request) -> Vec<String> {
    let id = db.begin_replay(request, Decision::of_host()).await.unwrap();
    let running = db.running_replays().await.unwrap().pop().unwrap();
    assert_eq!(running.id, id);
    let found = db.replay_candidates(&running, 100).await.unwrap();
    assert!(db.stop_replay(id, Decision::of_host()).await.unwrap());
    let progress = db.replay(id).await.unwrap().unwrap();
    assert_eq!((progress.found, progress.state), (found.len() as u64, ReplayState::Stopped));
    found.into_iter().map(|candidate| candidate.id).collect()
}

#[tokio::test]
async fn a_selection_finds_what_fits_all_of_it() {
    for fixture in Fixture::each() {
        let (db, window) = three(&fixture).await;
        let all = Selection::default;
        let (now, id) = (now_ms(), window.taken.lock().unwrap()[1].id);
        let text = |text: &str| Some(text.to_owned());
        for (of, selection, expected) in [
            (ReplayTarget::Deliveries, all(), &["dead"][..]),
            (
                ReplayTarget::Deliveries,
                Selection { plugin: text("p"), reason: text("it f"), ..all() },
                &["dead"],
            ),
            (ReplayTarget::Deliveries, Selection { plugin: text("q"), ..all() }, &[]),
            (ReplayTarget::Deliveries, Selection { reason: text("It f"), ..all() }, &[]),
            (ReplayTarget::Deliveries, Selection { source: text("moncreneau"), ..all() }, &["dead"]),
            (ReplayTarget::Deliveries, Selection { source: text("other"), ..all() }, &[]),
            (ReplayTarget::Deliveries, Selection { event_type: text("other"), ..all() }, &[]),
            (ReplayTarget::Deliveries, Selection { deliveries: Some(vec![id]), ..all() }, &["done"]),
            (ReplayTarget::Deliveries, Selection { deliveries: Some(vec![]), ..all() }, &[]),
            (ReplayTarget::Deliveries, Selection { since: Some(now + 9999), ..all() }, &[]),
            (ReplayTarget::Deliveries, Selection { until: Some(now - 9999), ..all() }, &[]),
            (ReplayTarget::Events, all(), &["dead", "done", "unhandled"]),
            (ReplayTarget::Events, Selection { unhandled: true, ..all() }, &["unhandled"]),
            (
                ReplayTarget::Events,
                Selection { since: Some(now - 9999), until: Some(now + 9999), ..all() },
                &["dead", "done", "unhandled"],
            ),
            (ReplayTarget::Events, Selection { events: Some(vec![2, 3]), ..all() }, &["done", "unhandled"]),
        ] {
            let case = format!("{of:?} {selection:?}");
            assert_eq!(found(&db, Request { selection, ..request(of) }).await, expected, "{case}");
        }
    }
}

#[tokio::test]
async fn a_dead_letter_runs_again_once_with_a_key_of_its_own() {
    for fixture in Fixture::each() {
        let (db, window) = three(&fixture).await;
        let dead = window.first();
        let replay = db.begin_replay(request(ReplayTarget::Deliveries), Decision::of_host()).await.unwrap();
        let step = ReplayPage {
            replay,
            again: vec![again(dead.id, true), again(dead.id, true)],
            ..ReplayPage::default()
        };
        db.replay_step(ReplayPage { after: Some(dead.id.into()), ..step.clone() }).await.unwrap();
        let progress = db.replay(replay).await.unwrap().unwrap();
        assert_eq!((progress.made, progress.skipped, progress.state), (1, 1, ReplayState::Running));
        db.replay_step(ReplayPage { replay, ..ReplayPage::default() }).await.unwrap();
        assert_eq!(db.replay(replay).await.unwrap().unwrap().state, ReplayState::Done);
        // A replay that has ended makes nothing more.
        db.replay_step(step).await.unwrap();
        assert_eq!(db.backlog(), 1);

        let lease = db.lease(name("p"), 9, Duration::MAX).await.unwrap();
        let anew = &lease.deliveries[0];
        assert_eq!((lease.deliveries.len(), anew.id), (1, DeliveryId { number: 2, ..dead.id }));
        assert_ne!(anew.idempotency_key(), dead.idempotency_key());
        // One is of the host's clock, the other of the system's, which may be a little ahead.
        assert!(anew.since + 1000 >= progress.asked_at, "its age begins anew");
        let view = db.event(None, "dead").await.unwrap().remove(0);
        assert_eq!(view.state, EventState::Pending);
        assert_eq!(view.deliveries[0].resolution, Some(Resolution::Replayed));
        let cause = view.deliveries[1].cause.as_ref().unwrap();
        assert_eq!((cause.replay, cause.of.as_deref()), (replay, Some("1-1")));
        db.finished(attempt(anew, NextStep::Done)).await.unwrap();
        assert_eq!(db.event(None, "dead").await.unwrap()[0].state, EventState::Done);
        assert_eq!(listed(&db, EventState::Dead).await, [""; 0]);
        assert_eq!(listed(&db, EventState::Done).await, ["done", "dead"]);
    }
}

#[tokio::test]
async fn open_deliveries_are_not_replayed_and_a_dry_run_creates_nothing() {
    for fixture in Fixture::each() {
        let (db, _) = three(&fixture).await;
        let again = ReplayedDelivery {
            event: 3,
            plugin: name("p"),
            order: None,
            matched: true,
            of: None,
            dead: false,
        };
        let dry = Request { dry_run: true, ..request(ReplayTarget::Events) };
        let replay = db.begin_replay(dry, Decision::of_host()).await.unwrap();
        let step = ReplayPage { replay, again: vec![again.clone()], dry_run: true, ..ReplayPage::default() };
        db.replay_step(step).await.unwrap();
        assert_eq!((db.replay(replay).await.unwrap().unwrap().made, db.backlog()), (1, 0));

        let replay = db.begin_replay(request(ReplayTarget::Events), Decision::of_host()).await.unwrap();
        let step = ReplayPage { replay, again: vec![again.clone(), again], ..ReplayPage::default() };
        db.replay_step(step).await.unwrap();
        let progress = db.replay(replay).await.unwrap().unwrap();
        assert_eq!((progress.made, progress.skipped, db.backlog()), (1, 1, 1));
        assert_eq!(listed(&db, EventState::Unhandled).await, [""; 0]);
        assert_eq!(db.event(None, "unhandled").await.unwrap()[0].deliveries[0].id, "3-1");
    }
}

#[tokio::test]
async fn a_resolved_dead_letter_is_not_counted() {
    for fixture in Fixture::each() {
        let (db, window) = three(&fixture).await;
        let id = window.first().id;
        assert_eq!(db.discard(id, Decision::of_host()).await, Ok(Discard::Resolved));
        assert_eq!(db.discard(id, Decision::of_host()).await, Ok(Discard::Closed));
        assert_eq!(listed(&db, EventState::Dead).await, [""; 0]);
        let dead = DeliveryFilter { state: Some(State::Dead), ..DeliveryFilter::default() };
        assert_eq!(db.deliveries(&dead, None, 9).await.unwrap().deliveries.len(), 0);
        assert_eq!(found(&db, request(ReplayTarget::Deliveries)).await, [""; 0]);
    }
}

#[tokio::test]
async fn deliveries_are_listed_by_state_and_page() {
    for fixture in Fixture::each() {
        let (db, _) = three(&fixture).await;
        db.accept(event("more", "{}"), to(["p", "q"])).await.unwrap();
        let all = DeliveryFilter::default();
        let first = db.deliveries(&all, None, 3).await.unwrap();
        let ids =
            |page: &DeliveryPage| page.deliveries.iter().map(|d| d.delivery.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&first), ["4-2", "4-1", "2-1"]);
        let second = db.deliveries(&all, first.next, 3).await.unwrap();
        assert_eq!((ids(&second), second.next), (vec!["1-1".into()], None));
        assert_eq!(second.deliveries[0].reason.as_deref(), Some("it fell"));
        for (state, expected) in [
            (State::Dead, &["1-1"][..]),
            (State::Done, &["2-1"]),
            (State::Pending, &["4-2", "4-1"]),
            (State::Running, &[]),
            (State::Waiting, &[]),
            (State::Held, &[]),
        ] {
            let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
            assert_eq!(ids(&db.deliveries(&filter, None, 9).await.unwrap()), expected, "{state:?}");
        }
    }
}

/// A replay on this revision, and the delivery that it made.
async fn replay_on(db: &Db, dead: DeliveryId, revision: Digest) -> i64 {
    let request = Request { revision: Some(revision), ..request(ReplayTarget::Deliveries) };
    let replay = db.begin_replay(request, Decision::of_host()).await.unwrap();
    let running = db.running_replays().await.unwrap().pop().unwrap();
    assert_eq!((running.id, running.request.revision), (replay, Some(revision)));
    let again = vec![again(dead, true)];
    let page = ReplayPage { replay, again, revision: Some(revision), ..ReplayPage::default() };
    db.replay_step(page).await.unwrap();
    replay
}

#[tokio::test]
async fn a_delivery_stays_on_the_revision_of_its_replay() {
    let (chosen, other) = (Digest::of(b"chosen"), Digest::of(b"other"));
    for fixture in Fixture::each() {
        let (db, window) = three(&fixture).await;
        let dead = window.first();
        assert_eq!(dead.revision, None);
        let replay = replay_on(&db, dead.id, chosen).await;
        assert_eq!((db.chosen_revisions(), db.count_chosen()), (vec![(name("p"), chosen)], 1));
        let in_force = db.lease(name("p"), 9, Duration::MAX).await.unwrap().deliveries;
        assert!(in_force.iter().all(|delivery| delivery.revision.is_none()), "{in_force:?}");
        assert!(db.lease_on((name("p"), other), 9, Duration::MAX).await.unwrap().deliveries.is_empty());
        let lease = db.lease_on((name("p"), chosen), 9, Duration::MAX).await.unwrap();
        assert_eq!(lease.deliveries[0].revision, Some(chosen));
        let cause = db.event(None, "dead").await.unwrap()[0].deliveries[1].cause.clone().unwrap();
        assert_eq!((cause.replay, cause.revision), (replay, Some(chosen.to_string())));

        let mut failed = attempt(&lease.deliveries[0], NextStep::Wait(crate::clock::now_ms() + 3_600_000));
        failed.attempt.revision = chosen;
        db.finished(failed).await.unwrap();
        // Another revision in force is no reason to try it again.
        assert_eq!(db.retry_on_revision(&name("p"), other).await, Ok(0));
        let waiting = Selection { plugin: Some("p".into()), ..Selection::default() };
        assert_eq!(db.retry(waiting, Decision::of_host()).await, Ok(1));
        let killed = fixture.as_killed();
        drop(db);
        let db = killed.open(&Window::new(0)).await;
        assert_eq!(db.count_chosen(), 1, "those of an earlier process are known");
        let lease = db.lease_on((name("p"), chosen), 9, Duration::MAX).await.unwrap();
        assert_eq!((lease.deliveries[0].attempts, lease.deliveries[0].revision), (1, Some(chosen)));
        db.finished(attempt(&lease.deliveries[0], NextStep::Done)).await.unwrap();
        assert_eq!(db.count_chosen(), 0);
    }
}
