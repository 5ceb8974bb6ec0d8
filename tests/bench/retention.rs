//! The cost of pruning: events per second while old ones are pruned, compared to the same host without
//! pruning.

use std::path::Path;
use std::time::Instant;

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::child::{HostProcess, guest};
use crate::figures::{Spread, print};
use crate::{http, load};

const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;
/// Old events that are there before: more than go while a round lasts.
const STORED: u64 = 400_000;

/// In turn, each on a database with the same old events: nothing goes, as many go as come in, and all that is
/// old goes as fast as it may.
pub fn run() {
    let stored = stored();
    let (mut kept, mut level, mut level_ratios, mut level_pruned) = (vec![], vec![], vec![], vec![]);
    let (mut fast, mut fast_ratios, mut fast_pruned) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (none, _) = round(stored.path(), "");
        let (as_many, pruned) = round(stored.path(), &format!("size_max_bytes = {}", size(stored.path())));
        level_ratios.push(as_many / none);
        level_pruned.push(pruned / as_many);
        level.push(as_many);
        let (all, pruned) = round(stored.path(), "events_days = 29");
        fast_ratios.push(all / none);
        fast_pruned.push(pruned);
        fast.push(all);
        kept.push(none);
    }
    print(
        &format!("retention: events/s with {STORED} old events, while they go, against none going"),
        &[
            format!(
                "ratio        {}   as many go as come in ({})",
                Spread::of(level_ratios),
                Spread::of(level_pruned)
            ),
            format!(
                "ratio        {}   a backlog goes, {} events/s",
                Spread::of(fast_ratios),
                Spread::of(fast_pruned)
            ),
            format!("none go      {} events/s", Spread::of(kept)),
            format!("as many go   {} events/s", Spread::of(level)),
            format!("backlog goes {} events/s", Spread::of(fast)),
        ],
    );
}

/// Events taken and done per second, and events pruned per second meanwhile.
fn round(stored: &Path, retention: &str) -> (f64, f64) {
    let config = format!("[retention]\n{retention}\n[log]\nlevel = \"error\"\n");
    let host = HostProcess::on(stored, &config, &[("stats", &guest("stats"))]);
    load::closed(&host.webhooks, load::requests(0, WARM_UP, false), CONNECTIONS);
    host.wait_done(WARM_UP);
    let requests = load::requests(WARM_UP, EVENTS, false);
    let (started, before) = (Instant::now(), http::pruned(&host.admin));
    load::closed(&host.webhooks, requests, CONNECTIONS);
    host.wait_done(WARM_UP + EVENTS);
    let took = started.elapsed().as_secs_f64();
    let pruned = http::pruned(&host.admin) - before;
    host.kill();
    (EVENTS as f64 / took, pruned / took)
}

/// A directory with a database of old events that are done.
pub fn stored() -> tempfile::TempDir {
    let host = HostProcess::start("plugin", &[("stats", &guest("stats"))]);
    load::closed(&host.webhooks, load::requests(1 << 40, 1, false), 1);
    host.wait_done(1);
    let dir = host.stop();
    execute(
        dir.path(),
        &format!(
            "CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {STORED})
                SELECT i FROM n;
             UPDATE event SET received_at = received_at - 29.5 * 86400000;
             INSERT INTO event (seq, source, id, type, created, received_at, ordering_key, deliveries,
            payload_start, payload_end, digest, body)
            SELECT seq + i, source, id || i, type, created, received_at, ordering_key,
                deliveries, payload_start, payload_end, digest, body FROM event, n;
             INSERT INTO idempotency_key (source, id, digest, event_seq, received_at)
                SELECT source, id || i, digest, event_seq + i, received_at
                FROM idempotency_key, n;
             INSERT INTO delivery (event_seq, number, plugin, state, attempts, due_at)
                SELECT event_seq + i, number, plugin, state, attempts, due_at FROM delivery, n;
             INSERT INTO attempt (event_seq, delivery_number, number, outcome, cause, reason, revision,
            started_at, duration_us, peak_memory_bytes, logs)
            SELECT event_seq + i, delivery_number, number, outcome, cause, reason, revision,
                started_at, duration_us, peak_memory_bytes, logs FROM attempt, n;
             PRAGMA wal_checkpoint(TRUNCATE)"
        ),
    );
    dir
}

fn size(dir: &Path) -> u64 {
    std::fs::metadata(database(dir)).unwrap().len()
}

fn database(dir: &Path) -> std::path::PathBuf {
    dir.join("hookyard-data/hookyard.db")
}

fn execute(dir: &Path, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(database(dir));
        let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    });
}
