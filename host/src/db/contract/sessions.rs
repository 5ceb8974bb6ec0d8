//! Sessions of the pages: stored with their tokens' decisions, limited, rotated and ended.

use super::Fixture;
use crate::audit::{Decision, EntryFilter};
use crate::db::tests::{Window, event, name};
use crate::db::{Db, DbError, Discard, Rotation, SessionCreation, TokenCreation};
use crate::delivery::{DeliveryId, Recipient};
use crate::event::{Event, Name};
use crate::token::{FormKey, NewSession, NewToken, Role, SessionLimits, SessionUse, TokenHash};

const LIMITS: SessionLimits = SessionLimits { all_max: 4, per_token_max: 2, idle_ms: 10_000 };

async fn token(db: &Db, name: &str) -> i64 {
    let (hash, name) = (TokenHash::of(name), Name::new(name).unwrap());
    let new = NewToken { name, hash, role: Role::Read, plugins: Vec::new(), expires_at: None };
    match db.create_token(new, 10, Decision::of_host()).await.unwrap() {
        TokenCreation::Created(stored) => stored.id,
        other => panic!("{other:?}"),
    }
}

async fn log_in(db: &Db, token: i64, secret: &str, at: u64) -> Result<SessionCreation, DbError> {
    let new = NewSession {
        token,
        hash: TokenHash::of(secret),
        form_key: FormKey([1; 32]),
        address: Some("192.0.2.1".into()),
        agent: "a browser".into(),
        created_at: at,
        expires_at: at + 50_000,
    };
    db.create_session(new, LIMITS, Decision { token: Some(token), ..Decision::of_host() }).await
}

async fn valid(db: &Db) -> Vec<i64> {
    let sessions = db.sessions().await.unwrap().into_iter().filter(|session| session.revoked_at.is_none());
    sessions.map(|session| session.id).collect()
}

#[tokio::test]
async fn a_session_is_stored_with_its_audit_entry_and_survives_a_kill() {
    for mut fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let ops = token(&db, "ops").await;
        assert_eq!(log_in(&db, ops, "a", 1000).await, Ok(SessionCreation::Created(1)));
        fixture = fixture.as_killed();
        let db = fixture.open(&Window::new(0)).await;
        let [stored] = &db.sessions().await.unwrap()[..] else { panic!() };
        assert_eq!((stored.session.token, stored.used_at, stored.session.expires_at), (ops, 1000, 51_000));
        assert_eq!((stored.session.hash, stored.previous), (TokenHash::of("a"), None));
        let filter = EntryFilter { action: Some("session".into()), ..EntryFilter::default() };
        assert_eq!(db.audit(&filter, None, 10).await.unwrap().len(), 1);
        db.revoke_token("ops".into(), Decision::of_host()).await.unwrap();
        assert_eq!(log_in(&db, ops, "b", 1000).await, Err(DbError::Revoked("hookyard".into())));
    }
}

#[tokio::test]
async fn a_surplus_session_of_a_token_ends_and_a_surplus_one_of_all_is_refused() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let (a, b, c) = (token(&db, "a").await, token(&db, "b").await, token(&db, "c").await);
        log_in(&db, a, "a1", 1000).await.unwrap();
        log_in(&db, a, "a2", 1001).await.unwrap();
        db.note_session_uses(vec![SessionUse { id: 1, at: 2000, is_confirmed: false }]).await.unwrap();
        assert_eq!(log_in(&db, a, "a3", 2001).await, Ok(SessionCreation::Created(3)));
        assert_eq!(valid(&db).await, [1, 3], "the one that was unused for longest");
        log_in(&db, b, "b1", 2002).await.unwrap();
        log_in(&db, b, "b2", 2003).await.unwrap();
        assert_eq!(log_in(&db, c, "c1", 2004).await, Ok(SessionCreation::Full));
        // Those that are over make room: by lack of use, and with their token.
        assert_eq!(log_in(&db, c, "c1", 12_001).await, Ok(SessionCreation::Created(6)));
        assert_eq!(valid(&db).await, [4, 5, 6]);
        db.revoke_token("b".into(), Decision::of_host()).await.unwrap();
        assert_eq!(log_in(&db, c, "c2", 12_002).await, Ok(SessionCreation::Created(7)));
        assert_eq!(valid(&db).await, [6, 7]);
        assert_eq!(db.revoke_session(7, Decision::of_host()).await, Ok(true));
        assert_eq!(db.revoke_session(7, Decision::of_host()).await, Ok(false));
        assert_eq!(db.revoke_session(99, Decision::of_host()).await, Ok(false));
        assert_eq!(
            log_in(&db, c, "c3", 12_003).await,
            Ok(SessionCreation::Created(8)),
            "no number comes again"
        );
    }
}

#[tokio::test]
async fn a_secret_is_exchanged_for_another_by_those_who_have_it() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let ops = token(&db, "ops").await;
        log_in(&db, ops, "a", 1000).await.unwrap();
        let rotation = |presented, rotated_at, hash, at| Rotation {
            id: 1,
            presented: TokenHash::of(presented),
            rotated_at,
            hash: TokenHash::of(hash),
            at,
        };
        assert_eq!(db.rotate_session(rotation("x", 1000, "y", 1500)).await, Ok(false));
        assert_eq!(db.rotate_session(rotation("a", 1000, "b", 2000)).await, Ok(true));
        assert_eq!(
            db.rotate_session(rotation("a", 1000, "z", 2001)).await,
            Ok(false),
            "another request did it"
        );
        // The answer with the new secret was lost: the browser has the one before.
        assert_eq!(db.rotate_session(rotation("a", 2000, "c", 3000)).await, Ok(true));
        assert_eq!(db.rotate_session(rotation("b", 3000, "d", 3500)).await, Ok(false));
        let stored = db.sessions().await.unwrap().remove(0);
        assert_eq!((stored.session.hash, stored.previous), (TokenHash::of("c"), Some(TokenHash::of("a"))));
        assert_eq!(stored.rotated_at, 3000);
        db.note_session_uses(vec![SessionUse { id: 1, at: 4000, is_confirmed: true }]).await.unwrap();
        assert_eq!(db.rotate_session(rotation("a", 3000, "e", 5000)).await, Ok(false), "it is over");
        let stored = db.sessions().await.unwrap().remove(0);
        assert_eq!((stored.previous, stored.used_at), (None, 4000));
    }
}

#[tokio::test]
async fn the_oldest_open_delivery_is_found_whatever_it_waits_for() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        assert_eq!(db.oldest_open().await, Ok(None));
        let to = |plugin: &str, ordered, matched| vec![Recipient { plugin: name(plugin), ordered, matched }];
        for (number, recipients) in
            [to("a", true, true), to("b", false, false), to("a", true, true)].into_iter().enumerate()
        {
            let received_at = 1000 + number as u64;
            let new = Event { received_at, ..event(&format!("evt_{number}"), "x") };
            db.accept(new, recipients).await.unwrap();
        }
        for (delivery, next) in [(1, Some(1001)), (2, Some(1002)), (3, None)] {
            assert_eq!(db.oldest_open().await, Ok(Some(999 + delivery)));
            let id = DeliveryId { event: i64::try_from(delivery).unwrap(), number: 1 };
            assert_eq!(db.discard(id, Decision::of_host()).await, Ok(Discard::Skipped));
            assert_eq!(db.oldest_open().await, Ok(next));
        }
    }
}
