//! Dead letters and dead effects: groups of them, and replays of effects.

use super::Fixture;
use crate::audit::Decision;
use crate::completion::{CallWork, FinishedAttempt};
use crate::db::group_types::GroupLimits;
use crate::db::tests::{Window, accept, attempt, name};
use crate::db::{Db, DeadFilter, DeadGroups, EffectFilter};
use crate::delivery::{DeliveryId, NextStep, State};
use crate::effect::{
    self, CompletedEffect, Effect, EffectAttempt, EffectId, EffectOutcome, Emitted, QueuedEffect,
};
use crate::event::Digest;
use crate::replay::{
    Action, Example, ReplayCursor, ReplayPage, ReplayState, ReplayTarget, Request, Selection,
};
use crate::token::PluginPattern;

/// Answers to the effects of one call.
const ANSWERS: [&str; 3] = ["500 not well", "500 not well", "404 no such number"];

/// A database with a delivery that is done, whose three effects are dead; and the ids of these.
async fn dead_effects(fixture: &Fixture) -> (Db, Vec<EffectId>) {
    let window = Window::new(9);
    let db = fixture.open(&window).await;
    accept(&db, "evt_1").await.unwrap();
    let delivery = window.first();
    let queued = |number| QueuedEffect {
        key: effect::idempotency_key("af", number),
        effect: Effect::Event(Emitted { event_type: "x".into(), data: number.to_string() }),
        masked: false,
        size: 10,
    };
    let work = CallWork { store: None, effects: (1..=ANSWERS.len()).map(queued).collect() };
    db.finished(FinishedAttempt { work, ..attempt(&delivery, NextStep::Done) }).await.unwrap();
    let effects = window.effects.lock().unwrap().clone();
    for (effect, answer) in effects.iter().zip(ANSWERS) {
        let (outcome, detail) = (EffectOutcome::Refused, answer.to_owned());
        let attempt = EffectAttempt { number: 1, started_at: 1, duration_us: 2, outcome, detail };
        let (plugin, size) = (effect.plugin.clone(), effect.queued.size);
        let done = CompletedEffect { id: effect.id, plugin, size, attempt, due: None, progress: None };
        db.complete_effect(done);
    }
    db.close().await.unwrap();
    (fixture.open(&Window::new(9)).await, effects.iter().map(|effect| effect.id).collect())
}

fn request(selection: Selection, action: Action) -> Request {
    let of = ReplayTarget::Effects;
    Request { of, action, selection, to: None, again: false, revision: None, dry_run: false }
}

/// The numbers of the effects that a selection finds.
async fn found(db: &Db, selection: Selection) -> Vec<i64> {
    let id = db.begin_replay(request(selection, Action::Replay), Decision::of_host()).await.unwrap();
    let running = db.running_replays().await.unwrap().pop().unwrap();
    let found = db.replay_candidates(&running, 100).await.unwrap();
    assert!(db.stop_replay(id, Decision::of_host()).await.unwrap());
    assert_eq!(db.replay(id).await.unwrap().unwrap().found, found.len() as u64);
    found.into_iter().filter_map(|candidate| candidate.effect).collect()
}

async fn states(db: &Db, filter: EffectFilter) -> Vec<(i64, State)> {
    let page = db.effects(&filter, None, 100).await.unwrap();
    page.effects.iter().rev().map(|listed| (listed.id.number, listed.effect.state)).collect()
}

#[tokio::test]
async fn a_selection_of_effects_finds_what_fits_all_of_it() {
    for fixture in Fixture::each() {
        let (db, ids) = dead_effects(&fixture).await;
        let text = |text: &str| Some(text.to_owned());
        let delivery = ids[0].delivery;
        let other = DeliveryId { number: 9, ..delivery };
        for (selection, expected) in [
            (Selection::default(), &[1, 2, 3][..]),
            (Selection { plugin: text("p"), reason: text("500"), ..Selection::default() }, &[1, 2]),
            (Selection { plugin: text("q"), ..Selection::default() }, &[]),
            (Selection { reason: text("no such"), ..Selection::default() }, &[3]),
            (Selection { keys: Some(vec!["af.2".into(), "af.9".into()]), ..Selection::default() }, &[2]),
            (Selection { keys: Some(Vec::new()), ..Selection::default() }, &[]),
            (Selection { deliveries: Some(vec![delivery]), ..Selection::default() }, &[1, 2, 3]),
            (Selection { deliveries: Some(vec![other]), ..Selection::default() }, &[]),
            (Selection { source: text("moncreneau"), ..Selection::default() }, &[1, 2, 3]),
            (Selection { event_type: text("another"), ..Selection::default() }, &[]),
            (Selection { until: Some(1), ..Selection::default() }, &[]),
            (Selection { replay: Some(1), ..Selection::default() }, &[]),
        ] {
            assert_eq!(found(&db, selection.clone()).await, expected, "{selection:?}");
        }
    }
}

#[tokio::test]
async fn a_replay_makes_effects_due_again_page_by_page_and_skips_what_others_resolved() {
    for fixture in Fixture::each() {
        let (db, ids) = dead_effects(&fixture).await;
        let replay = request(Selection::default(), Action::Replay);
        let replay = db.begin_replay(replay, Decision::of_host()).await.unwrap();
        let example = Example {
            source: "moncreneau".into(),
            event: "evt_1".into(),
            event_type: "t".into(),
            received_at: 1,
            plugin: name("p"),
            of: Some(ids[0].delivery),
            effect: Some(1),
            reason: Some(ANSWERS[0].into()),
        };
        let after = ReplayCursor { effect: 1, ..ids[0].delivery.into() };
        let page =
            ReplayPage { replay, effects_again: vec![ids[0]], after: Some(after), ..ReplayPage::default() };
        db.replay_step(ReplayPage { first: vec![example.clone()], ..page }).await.unwrap();
        // The cursor is stored, and stands within a delivery.
        let running = db.running_replays().await.unwrap().pop().unwrap();
        assert_eq!(running.after, after);
        let next = db.replay_candidates(&running, 100).await.unwrap();
        assert_eq!(next.iter().map(|candidate| candidate.effect).collect::<Vec<_>>(), [Some(2), Some(3)]);
        assert!(next.iter().all(|candidate| candidate.reason.is_some() && !candidate.is_erased));
        assert_eq!(next[0].deliveries[0].plugin, name("p"));

        // The second was resolved since the page was made.
        let keys = effect::Selection { keys: Some(vec!["af.2".into()]), plugin: None };
        assert_eq!(db.resolve_effects(&keys, Action::Discard, Decision::of_host()).await, Ok(1));
        let last = ReplayPage { replay, effects_again: ids[1..].to_vec(), ..ReplayPage::default() };
        db.replay_step(last).await.unwrap();
        let progress = db.replay(replay).await.unwrap().unwrap();
        assert_eq!((progress.made, progress.skipped, progress.state), (2, 1, ReplayState::Done));
        assert_eq!(progress.first, [example]);
        let all = [(1, State::Pending), (2, State::Dead), (3, State::Pending)];
        assert_eq!(states(&db, EffectFilter::default()).await, all);
        let of_replay = EffectFilter { replay: Some(replay), ..EffectFilter::default() };
        assert_eq!(states(&db, of_replay).await, [(1, State::Pending), (3, State::Pending)]);
        assert_eq!(db.lease_effects(name("p"), 9, std::time::Duration::MAX).await.unwrap().effects.len(), 2);
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_a_discard_resolves() {
    for fixture in Fixture::each() {
        let (db, ids) = dead_effects(&fixture).await;
        let discard = |dry_run| Request { dry_run, ..request(Selection::default(), Action::Discard) };
        for (dry_run, left) in [(true, 3), (false, 0)] {
            let replay = db.begin_replay(discard(dry_run), Decision::of_host()).await.unwrap();
            let effects_discard = ids.clone();
            let page = ReplayPage { replay, effects_discard, dry_run, ..ReplayPage::default() };
            db.replay_step(page).await.unwrap();
            let progress = db.replay(replay).await.unwrap().unwrap();
            assert_eq!((progress.made, progress.skipped, progress.found), (3, 0, 3));
            let dead = EffectFilter { state: Some(State::Dead), ..EffectFilter::default() };
            assert_eq!(states(&db, dead).await.len(), left);
        }
    }
}

/// Groups as their reason, count and newest event.
fn describe(groups: &DeadGroups) -> Vec<(String, u64, String)> {
    let group = |group: &crate::db::DeadGroup| {
        (group.reason.clone().unwrap_or_default(), group.count, group.newest.event.clone())
    };
    groups.groups.iter().map(group).collect()
}

#[tokio::test]
async fn dead_letters_are_grouped_by_plugin_reason_and_revision_part_by_part() {
    for fixture in Fixture::each() {
        let window = Window::new(9);
        let db = fixture.open(&window).await;
        for number in 1..=6 {
            accept(&db, &format!("evt_{number}")).await.unwrap();
        }
        let taken = window.taken.lock().unwrap().clone();
        // A reason may begin with names, which a group leaves out.
        let named = format!("p {:.12} on evt_", Digest::of(b"plugin").to_string());
        let third = format!("{named}3: a");
        let fourth = format!("{named}4: moncreneau:events/appointment-created@1.0.0: a");
        for (delivery, reason) in taken.iter().zip(["a", "b", &third, &fourth, "ab", "done"]) {
            let next = if reason == "done" { NextStep::Done } else { NextStep::Dead };
            let mut attempt = attempt(delivery, next);
            if let Some(failure) = &mut attempt.attempt.failure {
                failure.reason = reason.into();
            }
            db.finished(attempt).await.unwrap();
        }
        let of = |reason: &str, count, event: &str| (reason.to_owned(), count, event.to_owned());
        let all = DeadFilter::default();
        let limits = GroupLimits { scanned: 100, groups: 100 };
        let whole = db.inner.reads.dead_letter_groups(&all, None, limits).await.unwrap();
        assert_eq!(describe(&whole), [of("a", 3, "evt_4"), of("ab", 1, "evt_5"), of("b", 1, "evt_2")]);
        assert_eq!((whole.groups_count, whole.counted, whole.next), (3, 5, None));
        assert_eq!(whole.groups[0].revision, Some(Digest::of(b"plugin").to_string()));
        assert_eq!((whole.groups[0].plugin.as_str(), whole.groups[0].newest.delivery), ("p", taken[3].id));
        assert_eq!(db.dead_letter_groups(&all, None).await.unwrap(), whole);

        // A part covers the newest ones, and the next part the ones before.
        let part = GroupLimits { scanned: 3, groups: 1 };
        let newest = db.inner.reads.dead_letter_groups(&all, None, part).await.unwrap();
        assert_eq!(describe(&newest), [of("a", 2, "evt_4")]);
        assert_eq!((newest.groups_count, newest.counted), (2, 3));
        let older = db.inner.reads.dead_letter_groups(&all, newest.next, part).await.unwrap();
        assert_eq!((older.groups_count, older.counted, older.next), (2, 2, None));

        let text = |text: &str| Some(text.to_owned());
        for (selection, expected) in [
            (Selection { reason: text("a"), ..Selection::default() }, 4),
            (Selection { reason: text("a"), whole_reason: true, ..Selection::default() }, 3),
            (Selection { reason: text("ab"), whole_reason: true, ..Selection::default() }, 1),
            (Selection { reason: text(""), whole_reason: true, ..Selection::default() }, 0),
            (Selection { plugin: text("q"), ..Selection::default() }, 0),
            (Selection { source: text("moncreneau"), ..Selection::default() }, 5),
            (Selection { event_type: text("another"), ..Selection::default() }, 0),
            (Selection { failed_on: text("0000"), ..Selection::default() }, 0),
        ] {
            let filter = DeadFilter { selection, plugins: Vec::new() };
            let found = db.inner.reads.dead_letter_groups(&filter, None, limits).await.unwrap();
            assert_eq!(found.counted, expected, "{filter:?}");
        }
        let others = DeadFilter { plugins: vec![PluginPattern::new("sms-*").unwrap()], ..all };
        assert!(db.dead_letter_groups(&others, None).await.unwrap().groups.is_empty());
    }
}

#[tokio::test]
async fn dead_effects_are_grouped_by_plugin_and_answer() {
    for fixture in Fixture::each() {
        let (db, ids) = dead_effects(&fixture).await;
        let all = DeadFilter::default();
        let found = db.dead_effect_groups(&all, None).await.unwrap();
        assert_eq!(
            describe(&found),
            [(ANSWERS[0].to_owned(), 2, "evt_1".to_owned()), (ANSWERS[2].to_owned(), 1, "evt_1".to_owned())]
        );
        assert_eq!((found.groups_count, found.counted, found.next), (2, 3, None));
        assert_eq!(found.groups[1].newest.effect, Some(ids[2]));
        assert_eq!(found.groups[1].newest.request.as_ref().map(Effect::kind), Some("event"));
        let part = Selection { reason: Some("500".into()), ..Selection::default() };
        for (selection, expected) in [(Selection { whole_reason: true, ..part.clone() }, 0), (part, 2)] {
            let filter = DeadFilter { selection, plugins: Vec::new() };
            assert_eq!(db.dead_effect_groups(&filter, None).await.unwrap().counted, expected, "{filter:?}");
        }
        let one = GroupLimits { scanned: 1, groups: 9 };
        let newest = db.inner.reads.dead_effect_groups(&all, None, one).await.unwrap();
        assert_eq!((newest.counted, newest.next.map(|at| at.effect)), (1, Some(3)));
        let next = db.inner.reads.dead_effect_groups(&all, newest.next, one).await.unwrap();
        assert_eq!((next.counted, next.next.map(|at| at.effect)), (1, Some(2)));
    }
}
