//! Kills during the migration of an older database.

use std::os::unix::process::ExitStatusExt as _;

use hookyard::event::{Digest, now_ms};
use hookyard::failpoint::Point;
use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{Connection as _, query};

use crate::support::{Event, HostDir, Partner, Reply, guest, wait_until};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations/sqlite");

/// An event and its delivery: id, `act` of the payload, state of the delivery, attempts made.
const EVENTS: [(&str, &str, &str, u32); 4] = [
    ("evt_done", "well", "done", 1),
    ("evt_dead", "reject", "dead", 1),
    ("evt_pending", "well", "pending", 0),
    ("evt_waiting", "well", "waiting", 2),
];

#[tokio::test]
async fn a_kill_at_any_step_of_a_migration_loses_nothing() {
    let partner = Partner::start(|_, _| Reply::text(200, "")).await;
    let oldest = MIGRATIONS.iter().map(|migration| migration.version).min().unwrap();
    // All but the newest. Later steps from a version are the first ones from a later version.
    for version in MIGRATIONS.iter().map(|migration| migration.version).rev().skip(1) {
        let steps = if version == oldest { usize::MAX } else { 1 };
        for step in 1..=steps {
            let dir = HostDir::new(&format!("[plugin.actor]\nhttp = [\"{}\"]\n", partner.origin()));
            dir.install("actor", &guest("actor"));
            older(&dir, version, &partner.origin()).await;
            let mut command = dir.command(&["serve"]);
            command.env("HOOKYARD_KILL_AT", format!("{}:{step}", Point::Migration.name()));
            let Err(ended) = dir.try_start_with(command).await else {
                assert!(step > 1, "no step was killed");
                break;
            };
            assert_eq!(ended.signal(), Some(9), "{ended:?}\n{}", dir.log());
            all_is_there(&dir, version, &partner).await;
        }
    }
}

/// A database as a host of that version left it.
async fn older(dir: &HostDir, version: i64, origin: &str) {
    std::fs::create_dir(dir.path("hookyard-data")).unwrap();
    let file = dir.path("hookyard-data/hookyard.db");
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .foreign_keys(false)
        .journal_mode(SqliteJournalMode::Wal);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap();
    MIGRATIONS.run_to(version, &mut db).await.unwrap();
    for (seq, event) in (1..).zip(EVENTS) {
        store(&mut db, seq, event).await;
    }
    if version > 1 {
        store_more(&mut db, origin).await;
    }
    db.close().await.unwrap();
}

async fn store(db: &mut SqliteConnection, seq: i64, (id, act, state, attempts): (&str, &str, &str, u32)) {
    let payload = json!({ "act": act });
    let body = Event::with_payload("any.type", id, &payload).body;
    let start = body.find(&payload.to_string()).unwrap();
    let end = start + payload.to_string().len();
    let digest = Digest::of(body.as_bytes()).0;
    let due_at: Option<i64> = match state {
        "pending" => Some(0),
        "waiting" => Some(1),
        _ => None,
    };
    let event = "INSERT INTO event (seq, source, id, type, created, received_at, ordering_key, deliveries,
        payload_start, payload_end, digest, body)
        VALUES (?, 'moncreneau', ?, 'any.type', '2026-01-21T14:30:00Z', ?, NULL, 1, ?, ?, ?, ?)";
    query(event)
        .bind(seq)
        .bind(id)
        .bind(i64::try_from(now_ms()).unwrap())
        .bind(i64::try_from(start).unwrap())
        .bind(i64::try_from(end).unwrap())
        .bind(&digest[..])
        .bind(body.as_bytes())
        .execute(&mut *db)
        .await
        .unwrap();
    let key = "INSERT INTO idempotency_key (source, id, digest, event_seq, received_at)
        VALUES ('moncreneau', ?, ?, ?, 0)";
    query(key).bind(id).bind(&digest[..]).bind(seq).execute(&mut *db).await.unwrap();
    let delivery = "INSERT INTO delivery (event_seq, number, plugin, state, attempts, due_at)
        VALUES (?, 1, 'actor', ?, ?, ?)";
    query(delivery).bind(seq).bind(state).bind(attempts).bind(due_at).execute(&mut *db).await.unwrap();
    for number in 1..=attempts {
        let outcome = match state {
            "done" => "done",
            "dead" => "rejected",
            _ => "retry",
        };
        let attempt =
            "INSERT INTO attempt (event_seq, delivery_number, number, outcome, revision, started_at,
            duration_us, peak_memory_bytes) VALUES (?, 1, ?, ?, ?, 0, 1, 1)";
        query(attempt)
            .bind(seq)
            .bind(number)
            .bind(outcome)
            .bind(&digest[..])
            .execute(&mut *db)
            .await
            .unwrap();
    }
}

/// Rows of the second version: a store entry and an open effect.
async fn store_more(db: &mut SqliteConnection, origin: &str) {
    let request = json!({ "kind": "http", "method": "POST", "url": origin, "headers": [] });
    let entry = "INSERT INTO entry (plugin, bucket, key, version, value)
        VALUES ('actor', 'books', 'kept', 1, x'6b657074')";
    let store = "INSERT INTO store (plugin, keys, keys_version, version) VALUES ('actor', 1, 1, 1)";
    query(entry).execute(&mut *db).await.unwrap();
    query(store).execute(&mut *db).await.unwrap();
    let effect = "INSERT INTO effect
        (event_seq, delivery_number, number, plugin, state, tries, due_at, depth, key, masked, request)
        VALUES (1, 1, 1, 'actor', 'pending', 0, 0, 0, 'kept-key', 0, ?)";
    query(effect).bind(request.to_string()).execute(&mut *db).await.unwrap();
}

/// Checks that closed items are unchanged and open ones run.
async fn all_is_there(dir: &HostDir, version: i64, partner: &Partner) {
    let asked = partner.request_count();
    let host = dir.start().await;
    host.wait_drained().await;
    assert_eq!(host.events("").await.len(), EVENTS.len());
    for (id, act, _, attempts) in EVENTS {
        let event = host.event(id).await.unwrap();
        let delivery = &event["deliveries"][0];
        let expected = if act == "reject" { ("dead", attempts) } else { ("done", attempts.max(1)) };
        let made = delivery["attempts"].as_array().unwrap().len();
        let run = usize::from(id == "evt_waiting");
        assert_eq!(
            (&delivery["state"], made),
            (&Value::from(expected.0), expected.1 as usize + run),
            "{event}"
        );
    }
    let again = host.send(&Event::with_payload("any.type", "evt_done", &json!({ "act": "well" }))).await;
    assert_eq!(again.status(), "duplicate", "{again:?}");
    if version > 1 {
        let asked_once = async || (partner.request_count() == asked + 1).then_some(());
        wait_until("the effect is done", asked_once).await;
        assert_eq!(partner.requests()[asked].header("idempotency-key"), "kept-key");
        assert_eq!(dir.bucket("actor", "books").await["kept"], "kept");
    }
}
