//! Events with edited payloads: each commits with the entry of its decision, or not at all.

use std::time::Duration;

use super::Fixture;
use crate::audit::{Decision, EntryFilter, RequestKey};
use crate::db::tests::{Window, event, name, to};
use crate::db::{Accept, Db, Edit, EditResult};
use crate::erasure::{ERASED, ErasedEvent, ErasurePage, PersonalSources, Request};
use crate::event::{EDITED, Event, Origin};
use crate::replay::Selection;

const STORED: EditResult = EditResult::Judged(Accept::Accepted { deliveries: 1, unmatched: 0 });

/// An edit of the event with this number.
fn edit_of(of: i64, id: &str, body: &str, by: &Decision) -> Edit {
    let origin = Some(Origin { event: of, delivery: EDITED, depth: 0, root: of });
    let event = Event { origin, ..event(id, body) };
    Edit { of, event, record: by.record("event.edit", id) }
}

async fn edit(db: &Db, of: i64, id: &str) -> EditResult {
    db.store_edit(edit_of(of, id, "{}", &Decision::of_host()), to(["p"])).await.unwrap()
}

async fn entries(db: &Db) -> usize {
    let filter = EntryFilter { action: Some("event.edit".into()), ..EntryFilter::default() };
    db.audit(&filter, None, 9).await.unwrap().len()
}

async fn begin_erasure(db: &Db, events: Vec<i64>, dry_run: bool) -> i64 {
    let selection = Selection { events: Some(events), ..Selection::default() };
    db.begin_erasure(Request { selection, dry_run }, PersonalSources::new(), Decision::of_host())
        .await
        .unwrap()
}

#[tokio::test]
async fn an_edited_event_is_delivered_and_commits_with_its_entry() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        db.accept(event("first", "{}"), to([])).await.unwrap();
        assert_eq!(edit(&db, 1, "first~1").await, STORED);
        assert_eq!((window.ids(), db.backlog(), entries(&db).await), (vec!["first~1".to_owned()], 1, 1));
        let view = db.event(None, "first").await.unwrap().remove(0);
        assert_eq!(view.edits, ["first~1"]);
        // A repeated one is one event with one entry, and an id that is taken takes no other.
        assert_eq!(edit(&db, 1, "first~1").await, EditResult::Judged(Accept::Duplicate));
        let other = edit_of(1, "first~1", "{\"a\":1}", &Decision::of_host());
        assert_eq!(db.store_edit(other, to(["p"])).await, Ok(EditResult::Judged(Accept::Conflict)));
        assert!(db.event(None, "first~1").await.unwrap()[0].conflicts.is_empty());
        assert_eq!(edit(&db, 77, "none~1").await, EditResult::Pruned);
        let by = Decision { token: Some(77), ..Decision::of_host() };
        let key = Some(RequestKey::new("k", [], b""));
        let by = Decision { key, ..by };
        assert!(db.store_edit(edit_of(1, "revoked~1", "{}", &by), to(["p"])).await.is_err());
        assert_eq!((db.backlog(), entries(&db).await), (1, 1));
        let db = fixture.as_killed().open(&window).await;
        assert_eq!((db.backlog(), entries(&db).await), (1, 1));
        assert_eq!(db.lease(name("p"), 9, Duration::MAX).await.unwrap().deliveries.len(), 1);
    }
}

#[tokio::test]
async fn no_event_is_made_of_one_that_is_erased_or_about_to_be() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(9)).await;
        for id in ["first", "second"] {
            db.accept(event(id, "{}"), to([])).await.unwrap();
        }
        begin_erasure(&db, vec![1], true).await;
        assert_eq!(edit(&db, 1, "first~1").await, STORED, "a dry run erases nothing");
        // The new event would not be among the events of this erasure.
        let erasure = begin_erasure(&db, vec![1], false).await;
        assert_eq!(edit(&db, 1, "first~2").await, EditResult::BeingErased);
        assert_eq!(edit(&db, 2, "second~1").await, STORED);
        let body = format!("\"{ERASED}\"");
        let payload = 0..body.len();
        let erased = ErasedEvent { event: 1, body: body.into(), payload, ordering_key: true, metadata: None };
        let page = ErasurePage { erasure, events: vec![erased], after: Some(1), ..ErasurePage::default() };
        db.erasure_step(page).await.unwrap();
        assert_eq!(edit(&db, 1, "first~2").await, EditResult::Erased);
        assert_eq!(edit(&db, 2, "second~2").await, STORED);
        assert_eq!(entries(&db).await, 3);
    }
}
