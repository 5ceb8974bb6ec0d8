//! Requests with an idempotency key: their rows commit with their decisions.

use super::Fixture;
use crate::audit::{Decision, KeptAnswer, RequestKey};
use crate::clock;
use crate::db::tests::{Window, name};
use crate::db::{AnsweredRequest, Db, TokenCreation};
use crate::effect;
use crate::event::Name;
use crate::replay::Action;
use crate::token::{NewToken, Role, TokenHash};

async fn create(db: &Db, name: &str, by: Decision) -> i64 {
    let (hash, name) = (TokenHash::of(name), Name::new(name).unwrap());
    let new = NewToken { name, hash, role: Role::Admin, plugins: Vec::new(), expires_at: None };
    match db.create_token(new, 10, by).await.unwrap() {
        TokenCreation::Created(stored) => stored.id,
        other => panic!("{other:?}"),
    }
}

fn by(token: i64, key: &str) -> Decision {
    let key = RequestKey::new(key, [&b"POST"[..], b"/x"], b"{}");
    Decision { token: Some(token), key: Some(key), ..Decision::of_host() }
}

fn answered(token: i64, key: &str, answer: &KeptAnswer) -> AnsweredRequest {
    let answer = Some(answer.clone());
    AnsweredRequest { token, key: key.into(), answer, since: 0, keys_max: 10, answers_max_bytes: 1 << 20 }
}

fn answer() -> KeptAnswer {
    KeptAnswer { status: 202, etag: Some("\"7\"".into()), body: "{\"é\":1}".into() }
}

#[tokio::test]
async fn a_key_is_stored_with_the_decision_and_survives_a_kill() {
    for mut fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let (ops, other) = (create(&db, "ops", Decision::of_host()).await, 77);
        db.pause(&name("p"), by(ops, "a")).await.unwrap();
        assert!(db.pause(&name("p"), by(other, "b")).await.is_err(), "there is no such token");
        fixture = fixture.as_killed();
        let db = fixture.open(&Window::new(0)).await;
        let found = db.keyed_request(ops, "a").await.unwrap().unwrap();
        let entry = db.audit_entry(found.entry).await.unwrap().unwrap();
        assert_eq!(entry.action, "plugin.pause");
        assert!(found.at <= clock::now_ms(), "the age is by the host's clock: {}", found.at);
        assert_eq!((found.digest, found.answer), (by(ops, "a").key.unwrap().digest, None));
        for (token, key) in [(ops, "b"), (other, "a"), (other, "b")] {
            assert_eq!(db.keyed_request(token, key).await, Ok(None), "{token} {key}");
        }
        db.keep_answer(answered(ops, "a", &answer())).await.unwrap();
        db.keep_answer(answered(ops, "unknown", &answer())).await.unwrap();
        assert_eq!(db.keyed_request(ops, "unknown").await, Ok(None));
        fixture = fixture.as_killed();
        let db = fixture.open(&Window::new(0)).await;
        assert_eq!(db.keyed_request(ops, "a").await.unwrap().unwrap().answer, Some(answer()));
    }
}

#[tokio::test]
async fn a_later_decision_with_the_key_takes_its_place_and_a_decision_about_nothing_has_one() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let ops = create(&db, "ops", Decision::of_host()).await;
        db.pause(&name("p"), by(ops, "a")).await.unwrap();
        db.keep_answer(answered(ops, "a", &answer())).await.unwrap();
        let before = db.keyed_request(ops, "a").await.unwrap().unwrap();
        let all = effect::Selection::default();
        assert_eq!(db.resolve_effects(&all, Action::Replay, by(ops, "a")).await, Ok(0));
        let found = db.keyed_request(ops, "a").await.unwrap().unwrap();
        assert!(found.entry > before.entry && found.answer.is_none(), "{found:?}");
        // Its own entry is the last one.
        create(&db, "new", by(ops, "b")).await;
        let found = db.keyed_request(ops, "b").await.unwrap().unwrap();
        assert_eq!(db.audit_entry(found.entry).await.unwrap().unwrap().target, "new");
    }
}

#[tokio::test]
async fn old_requests_are_forgotten_and_the_newest_remain() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let ops = create(&db, "ops", Decision::of_host()).await;
        for key in ["a", "b", "c", "d"] {
            db.pause(&name("p"), by(ops, key)).await.unwrap();
        }
        let remaining = async || {
            let mut found = Vec::new();
            for key in ["a", "b", "c", "d"] {
                found.extend(db.keyed_request(ops, key).await.unwrap().map(|_| key));
            }
            found
        };
        let keep = |since, keys_max| {
            let (key, answer) = ("d".into(), None);
            let answers_max_bytes = 1 << 20;
            db.keep_answer(AnsweredRequest { token: ops, key, answer, since, keys_max, answers_max_bytes })
        };
        keep(0, 4).await.unwrap();
        assert_eq!(remaining().await, ["a", "b", "c", "d"]);
        keep(0, 2).await.unwrap();
        assert_eq!(remaining().await, ["c", "d"]);
        let at = db.keyed_request(ops, "d").await.unwrap().unwrap().at;
        keep(at + 1, 2).await.unwrap();
        assert_eq!(remaining().await, [""; 0]);
    }
}

#[tokio::test]
async fn the_newest_answers_remain_up_to_their_bytes_and_keys_of_a_token_are_counted() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let (ops, other) =
            (create(&db, "ops", Decision::of_host()).await, create(&db, "b", Decision::of_host()).await);
        let bytes = answer().body.len() as u64;
        for key in ["a", "b", "c"] {
            db.pause(&name("p"), by(ops, key)).await.unwrap();
            let answered = AnsweredRequest { answers_max_bytes: 2 * bytes, ..answered(ops, key, &answer()) };
            db.keep_answer(answered).await.unwrap();
        }
        let mut kept = Vec::new();
        for key in ["a", "b", "c"] {
            kept.push(db.keyed_request(ops, key).await.unwrap().unwrap().answer.is_some());
        }
        assert_eq!(kept, [false, true, true], "the keys remain");
        let at = db.keyed_request(ops, "c").await.unwrap().unwrap().at;
        for (token, since, limit, expected) in
            [(ops, 0, 9, 3), (ops, 0, 2, 2), (ops, at + 1, 9, 0), (other, 0, 9, 0)]
        {
            assert_eq!(db.keyed_requests(token, since, limit).await, Ok(expected), "{token} {since} {limit}");
        }
    }
}
