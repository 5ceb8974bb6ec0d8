//! Erasures: overwritten values, skipped events, and what stays.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use crate::audit::{Decision, EntryFilter, KeptAnswer, RequestKey};
use crate::db::tests::{Window, attempt, event, name, to};
use crate::db::{Accept, AnsweredRequest, Db, TokenCreation};
use crate::delivery::{DeliveryId, NextStep};
use crate::erasure::{ERASED, ErasedEvent, ErasurePage, ErasureState, PersonalSources, Request};
use crate::event::{Event, EventMetadata};
use crate::replay::{Action, Example, ReplayPage, ReplayTarget, ReplayedDelivery, Selection};
use crate::token::{NewToken, Role, TokenHash};

const BODY: &str = "{\"phone\":\"+224 622 00 00 01\"}";
const NEW: &str = "{\"phone\":\"[erased]\"}";

fn metadata(subject: &str) -> Option<Arc<EventMetadata>> {
    EventMetadata::of(Some("text/xml".into()), [("subject".to_owned(), subject.to_owned())].into())
}

fn erased(event: i64) -> ErasedEvent {
    let metadata = metadata(ERASED).map(Arc::unwrap_or_clone);
    ErasedEvent { event, body: Bytes::from(NEW), payload: 0..NEW.len(), ordering_key: true, metadata }
}

/// Two events: the deliveries of the first are closed, and one of the second is open.
async fn two(db: &Db, window: &Window) {
    for id in ["closed", "open"] {
        let event = Event { metadata: metadata("orders/7"), ..event(id, BODY) };
        db.accept(event, to(["p"])).await.unwrap();
    }
    db.accept(event("closed", "{\"phone\":\"+224 622 00 00 02\"}"), to(["p"])).await.unwrap();
    let closed = window.taken.lock().unwrap()[0].clone();
    db.finished(attempt(&closed, NextStep::Dead)).await.unwrap();
}

async fn begin(db: &Db, dry_run: bool) -> i64 {
    let request = Request { selection: Selection::default(), dry_run };
    db.begin_erasure(request, PersonalSources::new(), Decision::of_host()).await.unwrap()
}

#[tokio::test]
async fn a_page_overwrites_closed_events_and_skips_open_ones() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        two(&db, &window).await;
        let id = begin(&db, false).await;
        db.accept(event("later", BODY), to([])).await.unwrap();
        let running = db.running_erasures().await.unwrap().remove(0);
        let found = db.erasure_candidates(&running, 9, u64::MAX).await.unwrap();
        assert!(found.iter().all(|of| of.metadata == metadata("orders/7")));
        let found: Vec<_> = found.iter().map(|of| (of.event, of.is_open)).collect();
        assert_eq!((running.id, found), (id, vec![(1, false), (2, true)]));
        let page = ErasurePage {
            erasure: id,
            events: vec![erased(1), erased(2)],
            after: Some(2),
            ..ErasurePage::default()
        };
        db.erasure_step(page).await.unwrap();
        db.empty_log().await.unwrap();
        assert_eq!(db.running_erasures().await.unwrap()[0].after, 2);
        db.erasure_step(ErasurePage { erasure: id, ..ErasurePage::default() }).await.unwrap();
        let progress = db.erasure(id).await.unwrap().unwrap();
        let skipped = (progress.skipped.open, progress.skipped.not_personal);
        assert_eq!(
            (progress.state, progress.found, progress.erased, skipped),
            (ErasureState::Done, 2, 1, (1, 0))
        );
        assert!(db.running_erasures().await.unwrap().is_empty());

        let view = db.event(None, "closed").await.unwrap().remove(0);
        assert!(view.erased_at.is_some());
        assert_eq!(db.body(1).await.unwrap().unwrap().body, NEW);
        assert_eq!(view.conflicts[0].body, format!("\"{ERASED}\""));
        assert_eq!(view.deliveries[0].attempts[0].reason.as_deref(), Some(ERASED));
        assert_eq!(db.body(2).await.unwrap().unwrap().body, BODY);
        assert_eq!(view.metadata, metadata(ERASED));
        let open = db.event(None, "open").await.unwrap().remove(0);
        assert_eq!((open.erased_at, open.metadata), (None, metadata("orders/7")));
        db.release_deliveries(vec![window.taken.lock().unwrap()[1].id]);
        let lease = db.lease(name("p"), 9, Duration::MAX).await.unwrap();
        assert_eq!(lease.deliveries[0].event.metadata, metadata("orders/7"), "handlers get it too");
        assert_eq!(db.accept(event("closed", BODY), to(["p"])).await, Ok(Accept::Duplicate));
        assert_eq!(db.accept(event("closed", "{}"), to(["p"])).await, Ok(Accept::Conflict));
        assert_eq!(db.erased_among(&[1, 2, 3]).await.unwrap(), [1]);
        let filter = EntryFilter { action: Some("erasure".into()), ..EntryFilter::default() };
        let audit = db.audit(&filter, None, 9).await.unwrap();
        let actions: Vec<_> = audit.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["erasure.end", "erasure.begin"]);
    }
}

#[tokio::test]
async fn a_dry_run_erases_nothing_and_an_erased_event_gets_no_new_delivery() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        two(&db, &window).await;
        let page = |erasure, dry_run| ErasurePage {
            erasure,
            events: vec![erased(1)],
            dry_run,
            after: Some(1),
            ..ErasurePage::default()
        };
        let id = begin(&db, true).await;
        db.erasure_step(page(id, true)).await.unwrap();
        let progress = db.erasure(id).await.unwrap().unwrap();
        assert_eq!((progress.erased, db.body(1).await.unwrap().unwrap().body), (1, Bytes::from(BODY)));
        let id = begin(&db, false).await;
        db.erasure_step(page(id, false)).await.unwrap();
        let of = ReplayTarget::Events;
        let request = crate::replay::Request {
            of,
            action: Action::Replay,
            selection: Selection::default(),
            to: None,
            again: true,
            revision: None,
            dry_run: false,
        };
        let replay = db.begin_replay(request, Decision::of_host()).await.unwrap();
        let running = db.running_replays().await.unwrap().remove(0);
        let found = db.replay_candidates(&running, 9).await.unwrap();
        assert_eq!(found.iter().map(|of| of.is_erased).collect::<Vec<_>>(), [true, false]);
        let again = ReplayedDelivery {
            event: 1,
            plugin: name("q"),
            order: None,
            matched: true,
            of: None,
            dead: false,
        };
        db.replay_step(ReplayPage { replay, again: vec![again], ..ReplayPage::default() }).await.unwrap();
        let progress = db.replay(replay).await.unwrap().unwrap();
        assert_eq!((progress.made, progress.skipped), (0, 1));
        assert!(db.lease(name("q"), 9, Duration::MAX).await.unwrap().deliveries.is_empty());
    }
}

#[tokio::test]
async fn a_page_has_bodies_up_to_its_bytes_and_one_at_least() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(9)).await;
        for id in ["a", "b", "c"] {
            db.accept(event(id, BODY), to([])).await.unwrap();
        }
        begin(&db, false).await;
        let running = db.running_erasures().await.unwrap().remove(0);
        let one = BODY.len() as u64;
        for (limit, max_bytes, expected) in
            [(9, 3 * one, 3), (9, 3 * one - 1, 2), (2, 3 * one, 2), (9, one, 1), (9, 0, 1)]
        {
            let found = db.erasure_candidates(&running, limit, max_bytes).await.unwrap();
            assert_eq!(found.len(), expected, "{limit} {max_bytes}");
        }
    }
}

#[tokio::test]
async fn what_was_read_before_an_erasure_is_not_stored_after_it() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        two(&db, &window).await;
        let hash = TokenHash::of("ops");
        let new =
            NewToken { name: name("ops"), hash, role: Role::Admin, plugins: Vec::new(), expires_at: None };
        let created = db.create_token(new, 10, Decision::of_host()).await.unwrap();
        let TokenCreation::Created(token) = created else { panic!("{created:?}") };
        let key = RequestKey::new("k", [], b"");
        let by = Decision { token: Some(token.id), key: Some(key), ..Decision::of_host() };
        let request = crate::replay::Request {
            of: ReplayTarget::Deliveries,
            action: Action::Discard,
            selection: Selection::default(),
            to: None,
            again: false,
            revision: None,
            dry_run: true,
        };
        let replay = db.begin_replay(request, by).await.unwrap();
        let id = begin(&db, false).await;
        let page = ErasurePage { erasure: id, events: vec![erased(1)], after: Some(1), ..Default::default() };
        db.erasure_step(page).await.unwrap();

        // A page of a replay and an answer that were made before, with the reason of the failed attempt.
        let example = Example {
            source: "moncreneau".into(),
            event: "closed".into(),
            event_type: "appointment.created".into(),
            received_at: 1,
            plugin: name("p"),
            of: Some(DeliveryId { event: 1, number: 1 }),
            effect: None,
            reason: Some("it fell".into()),
        };
        db.replay_step(ReplayPage { replay, first: vec![example], ..ReplayPage::default() }).await.unwrap();
        let first = db.replay(replay).await.unwrap().unwrap().first;
        assert_eq!(first[0].reason.as_deref(), Some(ERASED));
        let answer = Some(KeptAnswer { status: 202, etag: None, body: "\"it fell\"".into() });
        let keep = async || {
            let (token, key, answer) = (token.id, "k".to_owned(), answer.clone());
            let limits = AnsweredRequest {
                token,
                key,
                answer,
                since: 0,
                keys_max: 9,
                answers_max_bytes: u64::MAX >> 1,
            };
            db.keep_answer(limits).await.unwrap();
            db.keyed_request(token, "k").await.unwrap().unwrap().answer
        };
        assert_eq!(keep().await, None, "the erasure is in progress");
        db.erasure_step(ErasurePage { erasure: id, ..ErasurePage::default() }).await.unwrap();
        assert_eq!(keep().await, None, "it has ended since");
    }
}
