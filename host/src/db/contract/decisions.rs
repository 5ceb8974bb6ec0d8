//! Tokens, and the audit entries of decisions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Fixture;
use crate::audit::{Actor, ActorKind, Decision, Entry, EntryFilter};
use crate::clock;
use crate::db::tests::{Window, attempt, event, name};
use crate::db::{Db, DbError, Discard, HeldPage, SwitchChange, SwitchResult, TokenCreation};
use crate::delivery::{DeliveryId, NextStep, Recipient};
use crate::effect;
use crate::event::{Digest, Name};
use crate::replay::{Action, ReplayPage, ReplayTarget, Request, Selection};
use crate::switch::{HeldAction, TypePattern};
use crate::token::{FIRST_TOKEN, NewToken, Role, TokenHash};

fn token(name: &str, secret: &str) -> NewToken {
    NewToken {
        name: Name::new(name).unwrap(),
        hash: TokenHash::of(secret),
        role: Role::Operate,
        plugins: Vec::new(),
        expires_at: None,
    }
}

fn by(token: i64) -> Decision {
    let actor = Actor { kind: ActorKind::Token, name: "ops".into(), address: Some("192.0.2.1".into()) };
    Decision { actor, token: Some(token), note: Some("because".into()), key: None }
}

async fn create(db: &Db, new: NewToken) -> i64 {
    match db.create_token(new, 10, Decision::of_host()).await.unwrap() {
        TokenCreation::Created(stored) => stored.id,
        other => panic!("{other:?}"),
    }
}

/// All entries, the oldest first, of a log that is whole.
async fn entries(db: &Db) -> Vec<Entry> {
    let all = db.audit_after(0, 500).await.unwrap();
    let head = db.verify_audit(None).await.unwrap().unwrap();
    assert_eq!(head.number, i64::try_from(all.len()).unwrap());
    all
}

fn after(entry: &Entry) -> Value {
    serde_json::from_str(entry.after.as_deref().unwrap()).unwrap()
}

async fn accept(db: &Db, id: &str) {
    let to = vec![Recipient { plugin: name("p"), ordered: false, matched: true }];
    db.accept(event(id, "{}"), to).await.unwrap();
}

fn change(is_on: bool, by: Decision) -> SwitchChange {
    let (plugin, types, held) = (name("p"), TypePattern::all(), HeldAction::Run);
    SwitchChange { plugin, types, is_on, held, by, expected: None, found: 7 }
}

async fn switch(db: &Db, is_on: bool, by: Decision) {
    assert!(matches!(db.switch(change(is_on, by)).await, Ok(SwitchResult::Changed(_))));
}

#[tokio::test]
async fn every_decision_has_an_entry_that_names_its_actor() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let id = create(&db, token("ops", "1")).await;
        accept(&db, "a").await;
        accept(&db, "b").await;
        db.pause(&name("p"), by(id)).await.unwrap();
        db.pause(&name("p"), by(id)).await.unwrap();
        db.resume(&name("p"), by(id)).await.unwrap();
        assert_eq!(db.discard(DeliveryId { event: 1, number: 1 }, by(id)).await, Ok(Discard::Skipped));
        assert_eq!(db.discard(DeliveryId { event: 1, number: 1 }, by(id)).await, Ok(Discard::Closed));
        db.retry(Selection { plugin: Some("p".into()), ..Selection::default() }, by(id)).await.unwrap();
        db.resolve_effects(&effect::Selection::default(), Action::Discard, by(id)).await.unwrap();
        let request = Request {
            of: ReplayTarget::Events,
            action: Action::Replay,
            selection: Selection::default(),
            to: None,
            again: false,
            revision: None,
            dry_run: false,
        };
        let first = db.begin_replay(request.clone(), by(id)).await.unwrap();
        assert!(db.stop_replay(first, by(id)).await.unwrap());
        assert!(!db.stop_replay(first, by(id)).await.unwrap());
        let second = db.begin_replay(request, by(id)).await.unwrap();
        db.replay_step(ReplayPage { replay: second, skipped: 2, ..ReplayPage::default() }).await.unwrap();

        switch(&db, false, by(id)).await;
        accept(&db, "c").await;
        switch(&db, true, by(id)).await;
        let held = db.switched_off(&name("p"), DeliveryId { event: 0, number: 0 }, 9).await.unwrap();
        assert_eq!(db.release_held(HeldPage { release: 2, deliveries: held, after: None }).await, Ok(1));

        let all = entries(&db).await;
        let actions: Vec<_> =
            all.iter().map(|entry| format!("{} {} {}", entry.action, entry.target, entry.result)).collect();
        let expected = [
            "token.create ops done",
            "plugin.pause p done",
            "plugin.pause p unchanged",
            "plugin.resume p done",
            "delivery.discard 1-1 skipped",
            "delivery.retry deliveries done",
            "effect.discard effects done",
            "replay.begin 1 begun",
            "replay.stop 1 done",
            "replay.begin 2 begun",
            "replay.end 2 done",
            "plugin.disable p done",
            "plugin.enable p done",
            "plugin.release p done",
        ];
        assert_eq!(actions, expected);
        assert_eq!(after(&all[12]), json!({ "type": "*", "on": true, "held": "run", "found": 7 }));
        assert_eq!(after(&all[13]), json!({ "type": "*", "held": "run", "released": 1 }));
        assert_eq!(all[1].actor, by(id).actor);
        assert_eq!(all[1].note.as_deref(), Some("because"));
        assert_eq!(
            (all[1].before.as_deref(), &after(&all[1])),
            (Some(r#"{"paused":false}"#), &json!({ "paused": true }))
        );
        assert_eq!(after(&all[5]), json!({ "filter": { "plugin": "p" }, "count": 0 }));
        assert_eq!(after(&all[9])["found"], 2);
        assert_eq!(after(&all[10]), json!({ "state": "done", "made": 0, "skipped": 2 }));
        assert_eq!(all[10].actor.kind, ActorKind::Host);
    }
}

#[tokio::test]
async fn a_revoked_token_decides_nothing() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let id = create(&db, token("ops", "1")).await;
        accept(&db, "a").await;
        assert_eq!(db.revoke_token("ops".into(), by(id)).await, Ok(true), "it may revoke itself");
        let before = entries(&db).await.len();
        let revoked = DbError::Revoked("ops".into());
        assert_eq!(db.pause(&name("p"), by(id)).await, Err(revoked.clone()));
        assert_eq!(db.discard(DeliveryId { event: 1, number: 1 }, by(id)).await, Err(revoked.clone()));
        assert_eq!(db.record(vec![by(id).record("plugin.retry", "p")]).await, Err(revoked.clone()));
        assert_eq!(db.retry(Selection::default(), by(id)).await, Err(revoked.clone()));
        assert_eq!(db.switch(change(false, by(id))).await, Err(revoked.clone()));
        assert_eq!(db.switches().await.unwrap().all().len(), 0);
        assert_eq!(db.revoke_token("ops".into(), by(id)).await, Err(revoked.clone()));
        let all = effect::Selection::default();
        assert_eq!(db.resolve_effects(&all, Action::Replay, by(id)).await, Err(revoked));
        assert_eq!(db.paused().await.unwrap(), []);
        assert_eq!(entries(&db).await.len(), before);
        // The host works as before.
        accept(&db, "b").await;
        assert_eq!(db.backlog(), 2);
    }
}

#[tokio::test]
async fn a_name_and_a_number_of_tokens_are_limited_and_free_again_after_a_revocation() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let first = create(&db, token("a", "1")).await;
        let other = |new| db.create_token(new, 2, Decision::of_host());
        assert!(matches!(other(token("a", "2")).await.unwrap(), TokenCreation::NameTaken(_)));
        assert!(matches!(other(token("b", "3")).await.unwrap(), TokenCreation::Created(_)));
        assert_eq!(other(token("c", "4")).await.unwrap(), TokenCreation::Full);
        assert_eq!(db.revoke_token("none".into(), Decision::of_host()).await, Ok(false));
        assert_eq!(db.revoke_token("a".into(), Decision::of_host()).await, Ok(true));
        assert_eq!(db.revoke_token("a".into(), Decision::of_host()).await, Ok(false));
        let again = create(&db, token("a", "5")).await;
        assert_ne!(first, again, "a number is used once");
        let tokens = db.tokens().await.unwrap().tokens;
        let old = tokens.iter().find(|token| token.id == first).unwrap();
        assert!(old.revoked_at.is_some() && old.token.hash == TokenHash::of("1"));
        db.note_token_uses(vec![(again, 5), (99, 5)]).await.unwrap();
        db.note_token_uses(vec![(again, 3)]).await.unwrap();
        let tokens = db.tokens().await.unwrap().tokens;
        assert_eq!(tokens.iter().find(|token| token.id == again).unwrap().used_at, Some(5));
        assert_eq!(entries(&db).await.len(), 4, "of uses there is no entry");
    }
}

#[tokio::test]
async fn the_first_token_is_stored_once_and_stays_revoked() {
    for fixture in Fixture::each() {
        let window = Window::new(0);
        let db = fixture.open(&window).await;
        let first = |secret| token(FIRST_TOKEN, secret);
        let valid = async |db: &Db| {
            let tokens = db.tokens().await.unwrap().tokens.into_iter();
            tokens
                .filter(|token| token.revoked_at.is_none())
                .map(|token| token.token.hash)
                .collect::<Vec<_>>()
        };
        for _ in 0..2 {
            db.keep_first_token(first("1")).await.unwrap();
            assert_eq!(valid(&db).await, [TokenHash::of("1")]);
        }
        db.revoke_token(FIRST_TOKEN.into(), Decision::of_host()).await.unwrap();
        db.keep_first_token(first("1")).await.unwrap();
        assert_eq!(valid(&db).await, []);
        // The file was replaced, twice.
        db.keep_first_token(first("2")).await.unwrap();
        db.keep_first_token(first("3")).await.unwrap();
        assert_eq!(valid(&db).await, [TokenHash::of("3")]);
        let killed = fixture.as_killed();
        drop(db);
        let db = killed.open(&window).await;
        assert_eq!(valid(&db).await, [TokenHash::of("3")]);
        let actions: Vec<_> = entries(&db).await.into_iter().map(|entry| entry.action).collect();
        let (create, revoke) = ("token.create", "token.revoke");
        assert_eq!(actions, [create, revoke, create, revoke, create]);
    }
}

#[tokio::test]
async fn an_observed_state_is_recorded_when_it_changes() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let by = Decision::of_kind(ActorKind::File, "plugins/p.wasm");
        for digest in ["a", "a", "b", "a", "a"] {
            let record = by.record("plugin.file", "p").after(json!({ "digest": digest })).observed();
            db.record(vec![record]).await.unwrap();
        }
        let all = entries(&db).await;
        let states: Vec<_> =
            all.iter().map(|entry| (entry.before.as_deref(), entry.after.as_deref())).collect();
        let (a, b) = (Some(r#"{"digest":"a"}"#), Some(r#"{"digest":"b"}"#));
        assert_eq!(states, [(None, a), (a, b), (b, a)]);
    }
}

#[tokio::test]
async fn entries_are_listed_by_pages_and_filters() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        for number in 0..5 {
            let plugin = name(if number % 2 == 0 { "p" } else { "q" });
            db.pause(&plugin, Decision::of_host()).await.unwrap();
        }
        create(&db, token("ops", "1")).await;
        let list = async |filter: EntryFilter, before| {
            let found = db.audit(&filter, before, 2).await.unwrap();
            found.into_iter().map(|entry| entry.number).collect::<Vec<_>>()
        };
        assert_eq!(list(EntryFilter::default(), None).await, [6, 5]);
        assert_eq!(list(EntryFilter::default(), Some(5)).await, [4, 3]);
        assert_eq!(list(EntryFilter::default(), Some(1)).await, [0; 0]);
        let of = |action: &str| EntryFilter { action: Some(action.into()), ..EntryFilter::default() };
        assert_eq!(list(of("token"), None).await, [6]);
        assert_eq!(list(of("plugin.pause"), Some(4)).await, [3, 2]);
        assert_eq!(list(of("plug"), None).await, [0; 0]);
        let to = EntryFilter {
            target: Some("q".into()),
            actor: Some("hookyard".into()),
            ..EntryFilter::default()
        };
        assert_eq!(list(to, None).await, [4, 2]);
        assert_eq!(list(EntryFilter { since: Some(u64::MAX), ..EntryFilter::default() }, None).await, [0; 0]);
        let nobody = EntryFilter { actor: Some("nobody".into()), ..EntryFilter::default() };
        assert_eq!(list(nobody, None).await, [0; 0]);
    }
}

#[tokio::test]
async fn an_expired_token_leaves_its_name_and_its_place() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        create(&db, NewToken { expires_at: Some(1), ..token("a", "1") }).await;
        let other = |new| db.create_token(new, 1, Decision::of_host());
        assert!(matches!(other(token("a", "2")).await.unwrap(), TokenCreation::Created(_)));
        assert_eq!(other(token("b", "3")).await.unwrap(), TokenCreation::Full);
        let all = entries(&db).await;
        let actions: Vec<_> = all.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["token.create", "token.revoke", "token.create"]);
    }
}

/// More deliveries than one transaction makes due.
#[tokio::test]
async fn a_decision_about_many_deliveries_has_an_entry_at_its_beginning_and_its_end() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let accepts: Vec<_> = (0..501)
            .map(|number| {
                let db = db.clone();
                tokio::spawn(async move { accept(&db, &format!("e{number}")).await })
            })
            .collect();
        for accepted in accepts {
            accepted.await.unwrap();
        }
        let leased = db.lease(name("p"), 1000, Duration::MAX).await.unwrap().deliveries;
        assert_eq!(leased.len(), 501);
        let until = clock::now_ms() + 3_600_000;
        for delivery in &leased {
            db.finish(attempt(delivery, NextStep::Wait(until))).unwrap();
        }
        let id = create(&db, token("ops", "1")).await;
        let of_p = Selection { plugin: Some("p".into()), ..Selection::default() };
        assert_eq!(db.retry(of_p, by(id)).await, Ok(501));
        let all = entries(&db).await;
        let retried: Vec<_> = all.iter().filter(|entry| entry.action == "delivery.retry").collect();
        let results: Vec<_> = retried.iter().map(|entry| (entry.result.as_str(), after(entry))).collect();
        let filter = json!({ "plugin": "p" });
        assert_eq!(results[0], ("begun", json!({ "filter": filter })));
        assert_eq!((results.len(), results[1].0, &results[1].1["count"]), (2, "done", &json!(501)));
        let all: String = (1..=501).flat_map(|event| [event.to_string(), "-1\n".into()]).collect();
        assert_eq!(results[1].1["ids_sha256"], json!(Digest::of(all.as_bytes())));
        assert_eq!(results[1].1["ids"][99], "100-1");
    }
}

/// Each decision and its entry are one transaction: what a kill leaves has both or neither.
#[tokio::test]
async fn a_kill_leaves_no_decision_without_its_entry() {
    for fixture in Fixture::each() {
        let window = Window::new(0);
        let db = Arc::new(fixture.open(&window).await);
        let (flipping, plugin) = (Arc::clone(&db), name("p"));
        let flips = tokio::spawn(async move {
            for _ in 0..50 {
                flipping.pause(&plugin, Decision::of_host()).await.unwrap();
                flipping.resume(&plugin, Decision::of_host()).await.unwrap();
            }
        });
        for _ in 0..5 {
            tokio::task::yield_now().await;
            let killed = fixture.as_killed();
            let left = killed.open(&Window::new(0)).await;
            let last = entries(&left).await.pop();
            let is_paused = !left.paused().await.unwrap().is_empty();
            assert_eq!(is_paused, last.is_some_and(|last| last.action == "plugin.pause"));
        }
        flips.await.unwrap();
    }
}
