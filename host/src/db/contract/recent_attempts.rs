//! A plugin's latest attempts, as far as they tell how near it comes to its limits.

use super::Fixture;
use crate::db::DeliveryFilter;
use crate::db::tests::{Window, accept, attempt, name};
use crate::delivery::{NextStep, Outcome, State};
use crate::event::Digest;
use crate::replay::Selection;

#[tokio::test]
async fn the_latest_attempts_of_a_plugin_are_the_newest_events_first() {
    for fixture in Fixture::each() {
        let window = Window::new(10);
        let db = fixture.open(&window).await;
        for id in ["a", "b", "c"] {
            accept(&db, id).await.unwrap();
        }
        let taken = window.taken.lock().unwrap().clone();
        let plugin = taken[0].plugin.clone();
        assert_eq!(db.recent_attempts(&plugin).await, Ok(Vec::new()));
        db.finished(attempt(&taken[0], NextStep::Done)).await.unwrap();
        db.finished(attempt(&taken[1], NextStep::Dead)).await.unwrap();
        let found = db.recent_attempts(&plugin).await.unwrap();
        let outcomes: Vec<_> = found.iter().map(|of| of.outcome).collect();
        assert_eq!(outcomes, [Outcome::Rejected, Outcome::Done]);
        assert!(
            found.iter().all(|of| (of.duration_us, of.peak_memory_bytes) == (7, 65536) && of.started_at > 0)
        );
        assert_eq!(db.recent_attempts(&name("another")).await, Ok(Vec::new()));
        let few = db.inner.reads.recent_attempts(&plugin, 2, 9).await.unwrap();
        assert_eq!(few.len(), 1, "the oldest event is too old");
        let few = db.inner.reads.recent_attempts(&plugin, 9, 1).await.unwrap();
        assert_eq!(few.len(), 1, "the first one of them");
    }
}

#[tokio::test]
async fn deliveries_are_selected_by_the_revision_that_they_failed_on() {
    for fixture in Fixture::each() {
        let window = Window::new(10);
        let db = fixture.open(&window).await;
        for id in ["a", "b"] {
            accept(&db, id).await.unwrap();
        }
        let taken = window.taken.lock().unwrap().clone();
        db.finished(attempt(&taken[0], NextStep::Dead)).await.unwrap();
        let mut other = attempt(&taken[1], NextStep::Dead);
        other.attempt.revision = Digest::of(b"another");
        db.finished(other).await.unwrap();
        let revision = Digest::of(b"plugin").to_string();
        for (digits, expected) in [(&revision[..4], 1), (&revision, 1), ("0000", 0)] {
            let selection = Selection { failed_on: Some(digits.into()), ..Selection::default() };
            let filter = DeliveryFilter { state: Some(State::Dead), selection, ..DeliveryFilter::default() };
            let page = db.deliveries(&filter, None, 9).await.unwrap();
            assert_eq!(page.deliveries.len(), expected, "{digits}");
            assert!(page.deliveries.iter().all(|of| of.revision.as_ref() == Some(&revision)));
        }
    }
}
