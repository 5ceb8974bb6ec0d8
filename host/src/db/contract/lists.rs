//! Events that are accepted together.

use super::Fixture;
use crate::db::Accept;
use crate::db::tests::{Window, accept, event, to};

#[tokio::test]
async fn events_of_one_request_commit_together_each_with_a_result_of_its_own() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(99)).await;
        accept(&db, "known").await.unwrap();
        let events = [("a", "{}"), ("known", "{}"), ("a", "{}"), ("known", "[]"), ("b", "{}")];
        let events = events.map(|(id, body)| (event(id, body), to(["p"])));
        let accepted = Accept::Accepted { deliveries: 1, unmatched: 0 };
        let results = db.accept_all(events.into()).await.unwrap();
        assert_eq!(results, [accepted, Accept::Duplicate, Accept::Duplicate, Accept::Conflict, accepted]);
        assert_eq!(db.accept_all(Vec::new()).await, Ok(Vec::new()));
        for id in ["known", "a", "b"] {
            assert_eq!(db.event(None, id).await.unwrap().len(), 1, "{id}");
        }
    }
}
