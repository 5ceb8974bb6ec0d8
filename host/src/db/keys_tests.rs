//! Taken ids are known in every place: in memory, on their way into the index, in it, and after a kill in
//! each of these.

use super::*;

/// This many ids are in memory; the rest is in the index. See [`settings`].
const RECENT: usize = 8;

fn id(number: usize) -> String {
    format!("evt_{number}")
}

/// Asserts that the first ids are taken, are shown, and belong to no other event.
async fn are_known(db: &Db, count: usize) {
    for id in (0..count).map(id) {
        assert_eq!(accept(db, &id).await, Ok(Accept::Duplicate), "{id}");
        assert_eq!(db.accept(event(&id, "other"), vec![]).await, Ok(Accept::Conflict), "{id}");
        for (source, found) in [(None, 1), (Some("moncreneau"), 1), (Some("other"), 0)] {
            assert_eq!(db.event(source, &id).await.unwrap().len(), found, "{id} of {source:?}");
        }
    }
    assert_eq!(accept(db, &id(count)).await, Ok(Accept::Accepted { deliveries: 1, unmatched: 0 }));
}

#[tokio::test]
async fn before_while_and_after_they_move_and_after_a_kill() {
    let (mut dir, window) = (tempfile::tempdir().unwrap(), Window::new(0));
    let mut db_ = db(&dir, &window).await;
    let mut kills = 0;
    for count in 0..4 * RECENT {
        are_known(&db_, count).await;
        if count % 5 == 0 {
            (kills, dir) = (kills + 1, as_killed(&dir));
            db_ = db(&dir, &window).await;
        }
    }
    let indexed = count(&dir, "SELECT count(*) FROM key_index").await;
    let indexed = usize::try_from(indexed).unwrap();
    assert!(indexed > 2 * RECENT && indexed < 4 * RECENT, "{indexed}");
    assert!(kills > 3);
}

#[tokio::test]
async fn of_several_sources() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(0));
    let db = db(&dir, &window).await;
    for number in 0..3 * RECENT {
        for source in ["a", "b", "moncreneau"] {
            let event = Event { source: name(source), ..event(&id(number), source) };
            assert_eq!(
                db.accept(event.clone(), vec![]).await,
                Ok(Accept::Accepted { deliveries: 0, unmatched: 0 })
            );
            assert_eq!(db.accept(event, vec![]).await, Ok(Accept::Duplicate));
        }
    }
    for number in 0..3 * RECENT {
        let found = db.event(None, &id(number)).await.unwrap();
        assert_eq!(
            found.iter().map(|event| event.source.as_str()).collect::<Vec<_>>(),
            ["a", "b", "moncreneau"]
        );
    }
}

#[tokio::test]
async fn an_id_that_could_not_be_stored_is_free() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(0));
    let db = db(&dir, &window).await;
    for count in 0..3 * RECENT {
        shell(&dir, "ALTER TABLE event RENAME TO away").await;
        assert!(matches!(accept(&db, &id(count)).await, Err(DbError::Unavailable(_))));
        shell(&dir, "ALTER TABLE away RENAME TO event").await;
        // The entries that the transaction was to move are in their old place, and the id is
        // accepted now.
        are_known(&db, count).await;
    }
}

/// The tables before migration 4.
const OLD: &str = "DROP TABLE key_index; DROP TABLE key_progress; DROP TABLE idempotency_key;
    DROP TABLE order_index; DROP TABLE order_progress; ALTER TABLE effect DROP COLUMN progress;
    CREATE INDEX delivery_order ON delivery (ordering, event_seq, number)
        WHERE due_at IS NOT NULL AND ordering IS NOT NULL;
    DROP INDEX cause_edit; DROP INDEX replayed_by; DROP INDEX replayed_chosen; DROP INDEX attempt_crash; DROP INDEX effect_try_crash; DROP TABLE fanout; DROP TABLE clock; DROP TABLE revision;
    DROP TABLE retried_revision; DROP TABLE token; DROP TABLE audit_head; DROP TABLE audit;
    DROP TABLE plugin_switch; DROP TABLE held_release;
    DROP TABLE revision_file; DROP TABLE revision_part; DROP TABLE plugin_revision;
    DROP TABLE plugin_choice; DROP TABLE alert; DROP TABLE keyed_request; DROP TABLE keyed_total; DROP TABLE event_change; DROP TABLE program;
    DROP TABLE session;
    ALTER TABLE replayed DROP COLUMN revision; ALTER TABLE event DROP COLUMN trace;
    ALTER TABLE event DROP COLUMN metadata; DROP TABLE confirmation;
    DROP INDEX effect_replay; ALTER TABLE effect DROP COLUMN replay; ALTER TABLE replay DROP COLUMN after_effect;
    DROP TABLE erased_event; DROP TABLE erasure;
    ALTER TABLE cause DROP COLUMN root; ALTER TABLE effect DROP COLUMN size; ALTER TABLE store DROP COLUMN bytes;
    DELETE FROM _sqlx_migrations WHERE version >= 4;
    CREATE TABLE idempotency_key (
        source TEXT NOT NULL,
        id TEXT NOT NULL,
        digest BLOB NOT NULL,
        event_seq INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        PRIMARY KEY (source, id)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO idempotency_key SELECT source, id, digest, seq, received_at FROM event";

#[tokio::test]
async fn of_a_database_that_had_all_of_them_in_the_index_of_ids() {
    let (dir, window) = (tempfile::tempdir().unwrap(), Window::new(0));
    let first = db(&dir, &window).await;
    for number in 0..5 * RECENT {
        accept(&first, &id(number)).await.unwrap();
    }
    first.close().await.unwrap();
    shell(&dir, OLD).await;
    let second = db(&dir, &window).await;
    assert_eq!(count(&dir, "SELECT count(*) FROM key_index").await, i64::try_from(4 * RECENT).unwrap());
    are_known(&second, 5 * RECENT).await;
}
