//! Store writes and effects commit with the done mark: all or nothing.

use std::time::Duration;

use super::Fixture;
use crate::completion::{CallWork, FinishedAttempt};
use crate::db::tests::{LIMITS, Window, accept, attempt, leased, name};
use crate::db::{Conflict, Db, DbError, Limits};
use crate::delivery::{Delivery, NextStep, State};
use crate::effect::{self, CompletedEffect, Effect, EffectAttempt, EffectOutcome, Emitted, QueuedEffect};
use crate::event::PluginName;
use crate::keyvalue::{EntryKey, Peeked, Transaction};
use bytes::Bytes;
use std::sync::Arc;

fn key(name: &str) -> EntryKey {
    EntryKey { bucket: "b".into(), key: name.into() }
}

/// A call that reads entries and then writes some of them.
async fn call(db: &Db, reads: &[&str], writes: &[(&str, Option<&str>)]) -> CallWork {
    let mut transaction = Transaction::default();
    for name in reads.iter().chain(writes.iter().map(|(name, _)| name)) {
        transaction.see(key(name), db.entry(&name_p(), &key(name)).await.unwrap());
    }
    for (name, value) in writes {
        transaction.set(key(name), value.map(|value| Bytes::copy_from_slice(value.as_bytes())));
    }
    CallWork { store: transaction.end(), effects: Vec::new() }
}

fn name_p() -> PluginName {
    name("p")
}

fn emits(count: usize) -> Vec<QueuedEffect> {
    let queued = |number| QueuedEffect {
        key: effect::idempotency_key("delivery", number),
        effect: Effect::Event(Emitted { event_type: "x".into(), data: number.to_string() }),
        masked: false,
        size: 10,
    };
    (1..=count).map(queued).collect()
}

fn done(delivery: &Delivery, work: CallWork) -> FinishedAttempt {
    FinishedAttempt { work, ..attempt(delivery, NextStep::Done) }
}

async fn value(db: &Db, name: &str) -> Option<String> {
    let found = db.entry(&name_p(), &key(name)).await.unwrap();
    found.map(|entry| String::from_utf8(entry.value.to_vec()).unwrap())
}

/// Starts a database with this many leased deliveries.
async fn with(fixture: &Fixture, deliveries: usize) -> (Db, Arc<Window>, Vec<Delivery>) {
    let window = Window::new(100);
    let db = fixture.open(&window).await;
    for number in 0..deliveries {
        accept(&db, &format!("evt_{number}")).await.unwrap();
    }
    let taken = window.taken.lock().unwrap().clone();
    (db, window, taken)
}

#[tokio::test]
async fn writes_of_a_call_commit_with_the_done_mark_and_survive_a_restart() {
    for fixture in Fixture::each() {
        let (db_, _, deliveries) = with(&fixture, 2).await;
        let work = call(&db_, &[], &[("a", Some("1")), ("b", Some("2"))]).await;
        db_.finished(done(&deliveries[0], work)).await.unwrap();
        let work = call(&db_, &[], &[("a", None)]).await;
        db_.finished(done(&deliveries[1], work)).await.unwrap();
        db_.close().await.unwrap();
        let again = fixture.open(&Window::new(0)).await;
        assert_eq!((value(&again, "a").await, value(&again, "b").await), (None, Some("2".into())));
        assert_eq!(again.key_count(&name_p()), 1);
    }
}

#[tokio::test]
async fn of_two_calls_that_touched_the_same_entry_one_runs_again() {
    for fixture in Fixture::each() {
        let (db, _, deliveries) = with(&fixture, 4).await;
        for (reads, writes, conflict) in [
            (&["n"][..], &[("n", Some("mine"))][..], true),
            (&["n"][..], &[("m", Some("mine"))][..], true),
            (&["m"][..], &[("m", Some("mine"))][..], false),
        ] {
            let work = call(&db, reads, writes).await;
            let other = call(&db, &["n"], &[("n", Some("theirs"))]).await;
            let (first, second) = (&deliveries[0], &deliveries[1]);
            let first = FinishedAttempt { next: NextStep::Wait(0), ..done(first, other) };
            db.finished(first).await.unwrap();
            let lease = db.lease(name_p(), 9, Duration::MAX).await.unwrap();
            let handed_in = db.finish(FinishedAttempt { next: NextStep::Wait(0), ..done(second, work) });
            assert_eq!(handed_in.is_err(), conflict, "{reads:?} {writes:?}");
            if !conflict {
                db.ping().await.unwrap();
                db.lease(name_p(), 9, Duration::MAX).await.unwrap();
            }
            drop(lease);
        }
        assert_eq!(value(&db, "n").await.unwrap(), "theirs");
    }
}

#[tokio::test]
async fn versions_that_memory_has_lost_are_checked_in_the_transaction() {
    for fixture in Fixture::each() {
        let limits = Limits { cache_max_bytes: 2000, ..LIMITS };
        let (db, window) = (fixture.open_idle(limits).await, Window::new(100));
        db.start(Arc::clone(&window) as _);
        for number in 0..60 {
            accept(&db, &format!("evt_{number}")).await.unwrap();
        }
        let deliveries = window.taken.lock().unwrap().clone();
        let stale = call(&db, &["n"], &[("n", Some("mine"))]).await;
        let work = call(&db, &[], &[("n", Some("theirs"))]).await;
        db.finished(done(&deliveries[1], work)).await.unwrap();
        for (number, delivery) in deliveries.iter().enumerate().skip(2) {
            let work = call(&db, &[], &[(&format!("other {number}"), Some("some value"))]).await;
            db.finished(done(delivery, work)).await.unwrap();
        }
        assert_eq!(db.peek_entry(&name_p(), &key("n")), Peeked::Unknown, "it made way");
        assert_eq!(db.finished(done(&deliveries[0], stale)).await, Err(DbError::Conflict));
        assert_eq!(value(&db, "n").await.unwrap(), "theirs");
        assert_eq!(leased(&db, 9).await.0, ["evt_0"], "it runs again");
    }
}

#[tokio::test]
async fn a_call_finds_what_is_on_its_way_to_the_disk() {
    for fixture in Fixture::each() {
        let (db, _, deliveries) = with(&fixture, 50).await;
        for delivery in &deliveries {
            let before = value(&db, "n").await.map_or(0, |text| text.parse::<u32>().unwrap());
            let next = (before + 1).to_string();
            let work = call(&db, &["n"], &[("n", Some(&next))]).await;
            // Without waiting for the commit.
            db.finish(done(delivery, work)).unwrap();
        }
        db.ping().await.unwrap();
        assert_eq!(value(&db, "n").await.unwrap(), "50");
    }
}

#[tokio::test]
async fn a_failure_that_rests_on_what_has_changed_is_a_conflict_too() {
    for fixture in Fixture::each() {
        let (db, _, deliveries) = with(&fixture, 2).await;
        let mut stale = call(&db, &["n"], &[("n", Some("x"))]).await;
        let work = call(&db, &[], &[("n", Some("new"))]).await;
        db.finished(done(&deliveries[0], work)).await.unwrap();
        stale.undo();
        let failed = FinishedAttempt { work: stale, ..attempt(&deliveries[1], NextStep::Dead) };
        assert_eq!(db.finish(failed), Err(Conflict));
    }
}

#[tokio::test]
async fn keys_are_listed_with_those_on_their_way_and_a_changed_set_is_a_conflict() {
    for fixture in Fixture::each() {
        let (db, _, deliveries) = with(&fixture, 3).await;
        let work = call(&db, &[], &[("a", Some("")), ("b", Some("")), ("c", Some(""))]).await;
        db.finished(done(&deliveries[0], work)).await.unwrap();
        let mut listing = Transaction::default();
        let page = listing.list(&"b".into(), None, db.keys(&name_p(), "b", None, 2).await.unwrap(), 2);
        assert_eq!(page.keys.iter().map(|key| &**key).collect::<Vec<_>>(), ["a", "b"]);

        let work = call(&db, &[], &[("aa", Some("")), ("b", None)]).await;
        db.finish(done(&deliveries[1], work)).unwrap();
        let now = db.keys(&name_p(), "b", None, 9).await.unwrap();
        assert_eq!(now.keys.iter().map(|key| &**key).collect::<Vec<_>>(), ["a", "aa", "c"]);
        let work = CallWork { store: listing.end(), effects: Vec::new() };
        assert_eq!(db.finish(done(&deliveries[2], work)), Err(Conflict));
    }
}

#[tokio::test]
async fn another_plugins_entries_are_other_entries() {
    for fixture in Fixture::each() {
        let (db, _, deliveries) = with(&fixture, 1).await;
        let work = call(&db, &[], &[("a", Some("p's"))]).await;
        db.finished(done(&deliveries[0], work)).await.unwrap();
        assert_eq!(db.entry(&name("q"), &key("a")).await.unwrap(), None);
        assert!(db.keys(&name("q"), "b", None, 9).await.unwrap().keys.is_empty());
    }
}

#[tokio::test]
async fn effects_are_handed_over_with_the_done_mark_and_leased_after_a_restart() {
    for fixture in Fixture::each() {
        let (first, window, deliveries) = with(&fixture, 2).await;
        let work = CallWork { store: None, effects: emits(3) };
        first.finished(done(&deliveries[0], work.clone())).await.unwrap();
        assert_eq!(window.effects.lock().unwrap().len(), 3);
        let mut failed = work;
        failed.undo();
        first
            .finished(FinishedAttempt { work: failed, ..attempt(&deliveries[1], NextStep::Dead) })
            .await
            .unwrap();
        assert_eq!(window.effects.lock().unwrap().len(), 3, "a failed call has asked for nothing");

        let effects = window.effects.lock().unwrap().clone();
        let made =
            |outcome| EffectAttempt { number: 1, started_at: 1, duration_us: 2, outcome, detail: "d".into() };
        let tried = |at: usize, outcome, due| {
            let (id, plugin, size) = (effects[at].id, name_p(), effects[at].queued.size);
            CompletedEffect { id, plugin, size, attempt: made(outcome), due, progress: None }
        };
        first.complete_effect(tried(0, EffectOutcome::Done, None));
        first.complete_effect(tried(1, EffectOutcome::Refused, None));
        first.complete_effect(tried(2, EffectOutcome::Retry, Some(1)));
        first.close().await.unwrap();

        let again = fixture.open(&Window::new(0)).await;
        assert_eq!(again.effect_plugins().await.unwrap(), [name_p()]);
        let lease = again.lease_effects(name_p(), 9, Duration::MAX).await.unwrap();
        let left: Vec<_> =
            lease.effects.iter().map(|effect| (effect.queued.key.as_str(), effect.attempts)).collect();
        assert_eq!(left, [("delivery.3", 1)]);
        assert_eq!(lease.effects[0].queued, effects[2].queued);
        assert!(
            again.lease_effects(name_p(), 9, Duration::MAX).await.unwrap().effects.is_empty(),
            "none is leased twice"
        );
        let view = again.event(None, "evt_0").await.unwrap();
        let shown: Vec<_> = view[0].deliveries[0]
            .effects
            .iter()
            .map(|effect| (effect.state, effect.attempts.len()))
            .collect();
        assert_eq!(shown, [(State::Done, 1), (State::Dead, 1), (State::Waiting, 1)]);
    }
}
