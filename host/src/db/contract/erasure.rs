//! Erasures: overwritten values, skipped events, and what stays.

use std::time::Duration;

use bytes::Bytes;

use super::Fixture;
use crate::audit::{Decision, EntryFilter};
use crate::db::tests::{Window, attempt, event, name, to};
use crate::db::{Accept, Db};
use crate::delivery::NextStep;
use crate::erasure::{ERASED, ErasedEvent, ErasurePage, ErasureState, PersonalSources, Request};
use crate::replay::{Action, ReplayPage, ReplayTarget, ReplayedDelivery, Selection};

const BODY: &str = "{\"phone\":\"+224 622 00 00 01\"}";
const NEW: &str = "{\"phone\":\"[erased]\"}";

fn erased(event: i64) -> ErasedEvent {
    ErasedEvent { event, body: Bytes::from(NEW), payload: 0..NEW.len(), ordering_key: true }
}

/// Two events: the deliveries of the first are closed, and one of the second is open.
async fn two(db: &Db, window: &Window) {
    for id in ["closed", "open"] {
        db.accept(event(id, BODY), to(["p"])).await.unwrap();
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
        let found = db.erasure_candidates(&running, 9).await.unwrap();
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
        assert_eq!(db.event(None, "open").await.unwrap()[0].erased_at, None);
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
