//! Five million stored events with different values, and their search index.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hookyard::event::now_ms;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::child::{HostProcess, directory, guest};
use crate::{http, load};

/// How many.
pub const STORED: u64 = 5_000_000;
/// Events of one statement of the loader.
const STEP: u64 = 50_000;
/// A file beside the database with the time of the first event.
const START_FILE: &str = "first-event-ms";

/// A directory with such a database.
pub struct Stored {
    pub dir: TempDir,
    /// When the first event was received, in ms since 1970.
    pub start: u64,
    /// How long it took to make, if it was made now.
    pub made: Vec<String>,
}

impl Stored {
    /// Makes one. The directory that `HOOKYARD_BENCH_STORED` names keeps it for the next run.
    pub fn events() -> Self {
        let kept = std::env::var_os("HOOKYARD_BENCH_STORED").map(PathBuf::from);
        if let Some(kept) = &kept
            && kept.join(START_FILE).exists()
        {
            let dir = directory(&[("stats", &guest("stats"))]);
            copy_files(kept, &dir.path().join("hookyard-data"));
            let start = fs::read_to_string(kept.join(START_FILE)).unwrap().parse().unwrap();
            return Self { dir, start, made: Vec::new() };
        }
        let made = Self::make();
        if let Some(kept) = kept {
            copy_files(&made.dir.path().join("hookyard-data"), &kept);
        }
        made
    }

    fn make() -> Self {
        let host = HostProcess::in_directory("native", directory(&[("stats", &guest("stats"))]));
        load::closed(&host.webhooks, load::requests(1 << 40, 1, false), 1);
        host.wait_done(1);
        let dir = host.stop();
        let (began, start) = (Instant::now(), now_ms() - STORED * INTERVAL_MS);
        load_events(dir.path(), start);
        let loaded = began.elapsed().as_secs();
        // The first start puts the ids into the database's own index.
        let dir = without_index(HostProcess::in_directory("native", without_index(dir)).stop());
        let began = Instant::now();
        let host = HostProcess::in_directory("native", dir);
        let token = fs::read_to_string(host.path().join("hookyard-data/admin-token")).unwrap();
        wait_indexed(&host, token.trim());
        let indexed = began.elapsed().as_secs_f64();
        let dir = host.stop();
        fs::write(dir.path().join("hookyard-data").join(START_FILE), start.to_string()).unwrap();
        let per_second = STORED as f64 / indexed;
        let made =
            format!("index made in {indexed:.0} s ({per_second:.0} events/s), the database in {loaded} s");
        Self { dir, start, made: vec![made] }
    }
}

/// The id of an event.
pub fn id(n: u64) -> String {
    format!("evt_{:08x}{n:08x}", n * 2_654_435_761 % 4_294_967_296)
}

/// The id of one of so many events that are spread over all.
pub fn spread(round: u64) -> u64 {
    2 + (round * 7_919_573) % (STORED - 2)
}

/// Waits until the index has all.
pub fn wait_indexed(host: &HostProcess, token: &str) {
    loop {
        let index = http::json(&host.admin, "/api/v1/search-index", token);
        if index["lag_ms"] == 0 && index["indexed_through"].as_i64().unwrap() > 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn without_index(dir: TempDir) -> TempDir {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(dir.path().join(format!("hookyard-data/hookyard.db.search{end}")));
    }
    dir
}

/// The files of a stopped host, except where it listened. The one that marks it as whole comes last.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let names = fs::read_dir(from).unwrap().map(|entry| entry.unwrap());
    let names: Vec<_> = names.filter(|entry| entry.file_type().unwrap().is_file()).collect();
    for entry in names {
        let name = entry.file_name();
        if name != "listening.json" && name != START_FILE {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
    fs::copy(from.join(START_FILE), to.join(START_FILE)).unwrap();
}

/// One event was received each so many milliseconds, up to now, so that none is old enough to be pruned.
pub const INTERVAL_MS: u64 = 200;

/// Writes events as the host would have stored them, many with each statement. Values differ; one in a thousand failed,
/// one in ten thousand is of a rare type.
fn load_events(dir: &Path, start: u64) {
    let sql = |from: u64, to: u64| {
        format!(
            "BEGIN;
            CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (VALUES ({from}) UNION ALL SELECT i + 1 FROM n WHERE i < {to})
                SELECT i, printf('evt_%08x%08x', i * 2654435761 % 4294967296, i) AS id,
                    CASE WHEN i % 10000 = 0 THEN 'appointment.rare' ELSE 'appointment.created' END AS type,
                    '{{\"id\":\"' || printf('evt_%08x%08x', i * 2654435761 % 4294967296, i)
                    || '\",\"type\":\"' || CASE WHEN i % 10000 = 0 THEN 'appointment.rare' ELSE 'appointment.created' END
                    || '\",\"created\":\"2026-01-21T14:30:00Z\",\"data\":{{\"object\":' AS head,
                    printf('{{\"id\":%d,\"departmentId\":5,\"department\":{{\"id\":5,\"name\":\"Passport Service\",\"organization\":{{\"id\":1,\"name\":\"Ministry of Interior\"}}}},\"dateTime\":\"2026-01-25T14:30:00\",\"status\":\"SCHEDULED\",\"name\":\"Awa Diallo %d\",\"phone\":\"+2246%08d\",\"email\":\"awa.%d@example.gn\",\"qrCode\":\"https://moncreneau.gn/qr/%d\"}}', i, i, i * 7919 % 100000000, i, i) AS payload
                FROM n;
            INSERT INTO event (seq, source, id, type, created, received_at, ordering_key, deliveries, payload_start, payload_end, digest, body)
                SELECT i, 'moncreneau', id, type, '2026-01-21T14:30:00Z', {start} + i * {INTERVAL_MS}, CAST(i AS TEXT),
                1, length(head), length(head) + length(payload), randomblob(32), CAST(head || payload || '}}}}' AS BLOB) FROM n;
            INSERT INTO idempotency_key (event_seq, source, id, digest, received_at)
                SELECT i, 'moncreneau', id, randomblob(32), {start} + i * {INTERVAL_MS} FROM n;
            INSERT INTO delivery (event_seq, number, plugin, state, attempts, due_at)
                SELECT i, 1, 'native', CASE WHEN i % 1000 = 0 THEN 'dead' ELSE 'done' END, 1, NULL FROM n;
            INSERT INTO attempt (event_seq, delivery_number, number, outcome, cause, reason, revision, started_at, duration_us, peak_memory_bytes, logs)
                SELECT i, 1, 1, CASE WHEN i % 1000 = 0 THEN 'rejected' ELSE 'done' END,
                CASE WHEN i % 1000 = 0 THEN 'handler' END,
                CASE WHEN i % 1000 = 0 THEN 'no office for department ' || (i % 77) END,
                zeroblob(32), {start} + i * {INTERVAL_MS}, 100, 65536, NULL FROM n;
            DROP TABLE n; COMMIT"
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(dir.join("hookyard-data/hookyard.db"))
            .synchronous(SqliteSynchronous::Off)
            .pragma("cache_size", "-1000000")
            .pragma("temp_store", "memory")
            .disable_statement_logging();
        let mut file = options.connect().await.unwrap();
        let journal = "PRAGMA journal_mode = DELETE; PRAGMA journal_mode = OFF";
        sqlx::raw_sql(journal).execute(&mut file).await.unwrap();
        let mut from = 2;
        while from < STORED {
            let to = (from + STEP - 1).min(STORED);
            sqlx::raw_sql(AssertSqlSafe(sql(from, to))).execute(&mut file).await.unwrap();
            from = to + 1;
        }
        file.close().await.unwrap();
    });
}
