//! The states of alerts are kept, and what they watch is counted.

use super::Fixture;
use crate::db::DeadLetters;
use crate::db::tests::{Window, accept, attempt};
use crate::delivery::NextStep;

#[tokio::test]
async fn the_state_of_an_alert_is_kept_until_it_is_removed() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        assert_eq!(db.alerts().await, Ok(Vec::new()));
        for (name, state) in [("ops", "1"), ("desk", "2"), ("ops", "3")] {
            db.save_alert(name, Some(state.into())).await.unwrap();
        }
        let killed = fixture.as_killed();
        let db = killed.open(&Window::new(0)).await;
        let all = [("desk", "2"), ("ops", "3")].map(|(name, state)| (name.to_owned(), state.to_owned()));
        assert_eq!(db.alerts().await.unwrap(), all);
        db.save_alert("desk", None).await.unwrap();
        db.save_alert("desk", None).await.unwrap();
        assert_eq!(db.alerts().await.unwrap(), all[1..]);
    }
}

#[tokio::test]
async fn dead_letters_are_counted_by_plugin() {
    for fixture in Fixture::each() {
        let window = Window::new(10);
        let db = fixture.open(&window).await;
        for id in ["a", "b", "c"] {
            accept(&db, id).await.unwrap();
        }
        assert_eq!(db.dead_letters().await, Ok(Vec::new()));
        let taken = window.taken.lock().unwrap().clone();
        for delivery in &taken[..2] {
            db.finished(attempt(delivery, NextStep::Dead)).await.unwrap();
        }
        let plugin = taken[0].plugin.to_string();
        let oldest_at = taken[..2].iter().map(|delivery| delivery.event.received_at).min();
        let dead = DeadLetters { plugin, deliveries: 2, effects: 0, oldest_at };
        assert_eq!(db.dead_letters().await, Ok(vec![dead]));
    }
}

#[tokio::test]
async fn the_last_event_of_each_source_is_found() {
    for fixture in Fixture::each() {
        let window = Window::new(10);
        let db = fixture.open(&window).await;
        assert_eq!(db.last_received().await, Ok(Vec::new()));
        for id in ["a", "b"] {
            accept(&db, id).await.unwrap();
        }
        let last = window.taken.lock().unwrap().last().unwrap().event.clone();
        assert_eq!(db.last_received().await, Ok(vec![(last.source.to_string(), last.received_at)]));
    }
}
