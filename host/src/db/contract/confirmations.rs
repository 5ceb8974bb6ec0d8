//! Confirmations that operators decide about: stored once, decided once, with the entries of the audit log, and pruned.

use super::Fixture;
use crate::audit::{Decision, EntryFilter};
use crate::clock;
use crate::confirmation::{
    ConfirmationDecision, ConfirmationReceipt, ConfirmationState, LIFE_MS, NewConfirmation,
    StoredConfirmation, WAITING_MAX,
};
use crate::db::tests::{Window, name};
use crate::db::{Db, DbError, OpenedConfirmation};
use crate::token::{NewToken, Role, TokenHash};

const HOUR_MS: u64 = 3_600_000;

fn request(topic: &str, url: &str, sent_at: u64) -> NewConfirmation {
    let (topic, url) = (topic.to_owned(), url.to_owned());
    NewConfirmation { source: name("alarms"), topic, url, sent_at, received_at: clock::now_ms() }
}

async fn receive(db: &Db, topic: &str, url: &str, sent_at: u64) -> ConfirmationReceipt {
    db.store_confirmation(request(topic, url, sent_at)).await.unwrap()
}

async fn all(db: &Db) -> Vec<(i64, String, ConfirmationState)> {
    let all = db.confirmations(Some("alarms")).await.unwrap();
    all.into_iter().map(|one| (one.id, one.request.url, one.state)).collect()
}

fn rows(expected: &[(i64, &str, ConfirmationState)]) -> Vec<(i64, String, ConfirmationState)> {
    expected.iter().map(|(id, url, state)| (*id, (*url).to_owned(), *state)).collect()
}

fn opened(id: i64, url: &str, result: Result<Option<&str>, &str>) -> OpenedConfirmation {
    OpenedConfirmation {
        id,
        url: url.into(),
        at: 5000,
        by: "ops".into(),
        result: result.map(|arn| arn.map(str::to_owned)).map_err(str::to_owned),
    }
}

async fn approve(db: &Db, id: i64) -> StoredConfirmation {
    match db.approve_confirmation("alarms", id, Decision::of_host()).await.unwrap() {
        ConfirmationDecision::Decided(stored) => *stored,
        other => panic!("{other:?}"),
    }
}

async fn actions(db: &Db) -> Vec<String> {
    let filter = EntryFilter { action: Some("confirmation".into()), ..EntryFilter::default() };
    let entries = db.audit(&filter, None, 50).await.unwrap();
    let told = entries.into_iter().rev();
    told.map(|entry| format!("{} {} {}", entry.action, entry.target, entry.result)).collect()
}

#[tokio::test]
async fn a_confirmation_waits_for_a_decision_across_a_kill_and_the_newest_of_a_topic_counts() {
    use ConfirmationReceipt::{Renewed, Repeated, Stored};
    use ConfirmationState::Waiting;
    for mut fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        assert_eq!(receive(&db, "t1", "u1", 5).await, Stored);
        assert_eq!(receive(&db, "t1", "u1", 5).await, Repeated);
        assert_eq!(receive(&db, "t2", "u2", 5).await, Stored);
        fixture = fixture.as_killed();
        let db = fixture.open(&Window::new(0)).await;
        assert_eq!(receive(&db, "t1", "u3", 6).await, Renewed);
        assert_eq!(receive(&db, "t1", "u1", 5).await, Repeated);
        assert_eq!(all(&db).await, rows(&[(2, "u2", Waiting), (1, "u3", Waiting)]));
        assert_eq!(db.waiting_confirmations().await.unwrap(), vec![("alarms".to_owned(), 2_u64)]);
        assert!(db.confirmations(Some("other")).await.unwrap().is_empty());
        assert_eq!(db.confirmations(None).await.unwrap().len(), 2);
        let [_, first] = &db.confirmations(None).await.unwrap()[..] else { panic!() };
        assert_eq!((first.request.topic.as_str(), first.request.sent_at), ("t1", 6));
    }
}

#[tokio::test]
async fn the_topics_that_wait_have_a_bound() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        for number in 0..WAITING_MAX {
            assert_eq!(receive(&db, &format!("t{number}"), "u", 5).await, ConfirmationReceipt::Stored);
        }
        assert_eq!(receive(&db, "more", "u", 5).await, ConfirmationReceipt::Full);
        let of_another = NewConfirmation { source: name("others"), ..request("more", "u", 5) };
        assert_eq!(db.store_confirmation(of_another).await.unwrap(), ConfirmationReceipt::Stored);
        db.reject_confirmation("alarms", 3, Decision::of_host()).await.unwrap();
        assert_eq!(receive(&db, "more", "u", 5).await, ConfirmationReceipt::Stored);
    }
}

#[tokio::test]
async fn a_failed_opening_leaves_it_waiting_and_a_good_one_confirms_it() {
    for mut fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        receive(&db, "t1", "u1", 5).await;
        let opening = approve(&db, 1).await;
        assert_eq!(opening.state, ConfirmationState::Waiting);
        assert!(opening.opened_at.is_some() && opening.failure.unwrap().starts_with("no answer so far"));
        // A kill before the answer leaves it waiting, with a reason.
        fixture = fixture.as_killed();
        let db = fixture.open(&Window::new(0)).await;
        approve(&db, 1).await;
        let failed = db.end_confirmation(opened(1, "u1", Err("404"))).await.unwrap().unwrap();
        assert_eq!((failed.state, failed.failure.as_deref()), (ConfirmationState::Waiting, Some("404")));
        // The reason is about a URL that another one replaced.
        receive(&db, "t1", "u2", 6).await;
        let renewed = db.end_confirmation(opened(1, "u1", Err("500"))).await.unwrap().unwrap();
        assert_eq!((renewed.request.url.as_str(), renewed.failure), ("u2", None));
        approve(&db, 1).await;
        let done = db.end_confirmation(opened(1, "u2", Ok(Some("arn:1")))).await.unwrap().unwrap();
        assert_eq!((done.state, done.failure), (ConfirmationState::Confirmed, None));
        assert_eq!((done.subscription.as_deref(), done.decided_by.as_deref()), (Some("arn:1"), Some("ops")));
        // A later failure of another opening changes nothing.
        let still = db.end_confirmation(opened(1, "u2", Err("late"))).await.unwrap().unwrap();
        assert_eq!((still.state, still.failure), (ConfirmationState::Confirmed, None));
        assert_eq!(db.end_confirmation(opened(9, "u", Ok(None))).await.unwrap(), None);
        let expected = [
            ("confirmation.approve", "begun"),
            ("confirmation.approve", "begun"),
            ("confirmation.open", "failed"),
            ("confirmation.open", "failed"),
            ("confirmation.approve", "begun"),
            ("confirmation.open", "done"),
            ("confirmation.open", "failed"),
        ];
        let expected = expected.map(|(action, result)| format!("{action} alarms/1 {result}"));
        assert_eq!(actions(&db).await, expected.to_vec());
    }
}

#[tokio::test]
async fn only_what_waits_is_decided_and_by_a_valid_token_only() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        receive(&db, "t1", "u1", 5).await;
        let by = Decision::of_host;
        assert_eq!(db.approve_confirmation("alarms", 2, by()).await, Ok(ConfirmationDecision::Unknown));
        assert_eq!(db.approve_confirmation("others", 1, by()).await, Ok(ConfirmationDecision::Unknown));
        let (hash, role) = (TokenHash::of("x"), Role::Operate);
        let new = NewToken { name: name("gone"), hash, role, plugins: Vec::new(), expires_at: None };
        db.create_token(new, 10, by()).await.unwrap();
        db.revoke_token("gone".into(), by()).await.unwrap();
        let revoked = Decision { token: Some(1), ..by() };
        let refused = db.reject_confirmation("alarms", 1, revoked).await;
        assert_eq!(refused, Err(DbError::Revoked("hookyard".into())));
        let rejected = db.reject_confirmation("alarms", 1, by()).await.unwrap();
        let ConfirmationDecision::Decided(rejected) = rejected else { panic!("{rejected:?}") };
        assert_eq!(rejected.state, ConfirmationState::Rejected);
        assert_eq!(rejected.decided_by.as_deref(), Some("hookyard"));
        let again = ConfirmationDecision::NotWaiting(ConfirmationState::Rejected);
        assert_eq!(db.approve_confirmation("alarms", 1, by()).await, Ok(again.clone()));
        assert_eq!(db.reject_confirmation("alarms", 1, by()).await, Ok(again));
        assert_eq!(actions(&db).await, vec!["confirmation.reject alarms/1 done".to_owned()]);
    }
}

#[tokio::test]
async fn what_nobody_decided_expires_and_what_is_old_goes_but_no_number_comes_again() {
    use ConfirmationState::{Expired, Rejected, Waiting};
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let late = NewConfirmation { received_at: clock::now_ms() - LIFE_MS, ..request("t1", "u1", 5) };
        db.store_confirmation(late).await.unwrap();
        receive(&db, "t2", "u2", 5).await;
        receive(&db, "t3", "u3", 5).await;
        assert_eq!(all(&db).await.last(), Some(&(1, "u1".into(), Expired)), "before it is marked");
        let expired = ConfirmationDecision::NotWaiting(Expired);
        assert_eq!(db.approve_confirmation("alarms", 1, Decision::of_host()).await, Ok(expired));
        db.reject_confirmation("alarms", 3, Decision::of_host()).await.unwrap();
        db.prune_confirmations(clock::now_ms() - HOUR_MS).await.unwrap();
        assert_eq!(all(&db).await, rows(&[(3, "u3", Rejected), (2, "u2", Waiting), (1, "u1", Expired)]));
        // One that expired does not keep a new one of its topic away.
        assert_eq!(receive(&db, "t1", "u4", 6).await, ConfirmationReceipt::Stored);
        db.reject_confirmation("alarms", 4, Decision::of_host()).await.unwrap();
        db.prune_confirmations(clock::now_ms() + HOUR_MS).await.unwrap();
        assert_eq!(all(&db).await, rows(&[(4, "u4", Rejected), (2, "u2", Waiting)]));
        assert_eq!(receive(&db, "t5", "u5", 5).await, ConfirmationReceipt::Stored);
        assert_eq!(all(&db).await[0].0, 5);
    }
}
