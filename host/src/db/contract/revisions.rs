//! Records of revisions' handlers are kept.

use super::Fixture;
use crate::db::DbError;
use crate::db::tests::{LIMITS, Window, shell};
use crate::event::{Digest, now_ms};
use crate::revision::KnownHandlers;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn handlers(pattern: &str) -> KnownHandlers {
    KnownHandlers {
        interfaces: vec!["moncreneau:appointments/created@1.0.0".into()],
        patterns: vec![pattern.into()],
        config_digest: Some(digest("config")),
    }
}

#[tokio::test]
async fn handlers_are_known_once_they_are_recorded_and_after_a_restart() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        let typed = KnownHandlers { patterns: Vec::new(), config_digest: None, ..handlers("") };
        assert_eq!(db.known_handlers(&digest("a")).await, Ok(None));
        db.record_handlers(digest("a"), handlers("first.*")).await.unwrap();
        db.record_handlers(digest("a"), handlers("second.*")).await.unwrap();
        db.record_handlers(digest("b"), typed.clone()).await.unwrap();
        let killed = fixture.as_killed();
        let db = killed.open(&Window::new(0)).await;
        assert_eq!(db.known_handlers(&digest("a")).await, Ok(Some(handlers("second.*"))));
        assert_eq!(db.known_handlers(&digest("b")).await, Ok(Some(typed)));
        assert_eq!(db.known_handlers(&digest("c")).await, Ok(None));
    }
}

#[tokio::test]
async fn a_record_before_the_start_does_not_wait_for_it() {
    for fixture in Fixture::each() {
        let db = fixture.open_idle(LIMITS).await;
        db.record_handlers(digest("a"), handlers("x")).await.unwrap();
        assert_eq!(db.known_handlers(&digest("a")).await, Ok(None), "it is not committed yet");
        db.start(Window::new(0));
        db.ping().await.unwrap();
        assert_eq!(db.known_handlers(&digest("a")).await, Ok(Some(handlers("x"))));
        db.close().await.unwrap();
        let closed = db.record_handlers(digest("b"), handlers("x")).await;
        assert!(matches!(closed, Err(DbError::Unavailable(_))), "{closed:?}");
    }
}

#[tokio::test]
async fn the_oldest_records_go_beyond_the_limit() {
    for fixture in Fixture::each() {
        let db = fixture.open(&Window::new(0)).await;
        for text in ["first", "second"] {
            db.record_handlers(digest(text), handlers("x")).await.unwrap();
        }
        // Of records of one millisecond, any may be removed.
        let recorded = now_ms();
        while now_ms() <= recorded + 1 {
            tokio::task::yield_now().await;
        }
        db.record_handlers(digest("first"), handlers("again")).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..9_999 {
            let db = db.clone();
            tasks.spawn(async move { db.record_handlers(digest(&number.to_string()), handlers("x")).await });
        }
        assert!(tasks.join_all().await.into_iter().all(|recorded| recorded.is_ok()));
        assert_eq!(db.known_handlers(&digest("second")).await, Ok(None));
        for text in ["first", "0", "5000", "9998"] {
            assert!(db.known_handlers(&digest(text)).await.unwrap().is_some(), "{text}");
        }
    }
}

#[tokio::test]
async fn a_record_that_this_host_cannot_read_is_as_none() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Fixture::Sqlite(dir);
    let db = fixture.open(&Window::new(0)).await;
    let Fixture::Sqlite(dir) = &fixture else { unreachable!() };
    let good = serde_json::to_string(&handlers("x")).unwrap();
    let with_more = good.replacen('{', r#"{"since": 1, "#, 1);
    for (text, is_known) in
        [(good.as_str(), true), (&with_more, false), ("{}", false), ("damaged", false), ("", false)]
    {
        db.record_handlers(digest("a"), handlers("y")).await.unwrap();
        shell(dir, &format!("UPDATE revision SET handlers = '{text}'")).await;
        let known = db.known_handlers(&digest("a")).await.unwrap();
        assert_eq!(known, is_known.then(|| handlers("x")), "{text}");
    }
}
