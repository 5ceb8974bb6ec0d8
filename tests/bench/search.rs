//! Search in five million stored events, and the cost of the task that fills the index.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use hookyard::event::now_ms;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::child::{HostProcess, directory};
use crate::figures::{Spread, percentile, print};
use crate::{http, load};

const STORED: u64 = 5_000_000;
/// Events of one statement of the loader.
const STEP: u64 = 50_000;
/// Queries of each kind.
const QUERIES: u64 = 100;
const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;
/// Events per second at which the lag is measured, and for how long.
const RATE: f64 = 10_000.0;
const RATE_EVENTS: u64 = 200_000;

/// Queries in a database with many events.
pub fn run() {
    let host = HostProcess::in_directory("native", directory(&[]));
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
    let token = token.trim();
    wait_indexed(&host, token);
    let indexed = began.elapsed().as_secs_f64();
    let mut lines = Vec::new();
    for kind in QUERY_KINDS {
        lines.push(measure(&host, token, start, kind));
    }
    let data = host.path().join("hookyard-data");
    let bytes = |name: &str| fs::metadata(data.join(name)).unwrap().len() as f64 / STORED as f64;
    lines.push(format!(
        "index made in {indexed:.0} s ({:.0} events/s); {:.0} bytes for each event, the database {:.0}",
        STORED as f64 / indexed,
        bytes("hookyard.db.search"),
        bytes("hookyard.db")
    ));
    lines.push(format!("target: p95 at most 200 ms; making the database took {loaded} s"));
    host.kill();
    print(&format!("search: time of a page of 50 in {STORED} stored events"), &lines);
}

/// Kinds of queries: `{n}` is the number of an event, `{h}` its hash.
const QUERY_KINDS: [(&str, &str); 13] = [
    ("id, exact", "search=evt_{h}"),
    ("id, suffix", "search={h}"),
    ("phone, last 8 digits", "search={p8}"),
    ("phone, last 4 digits", "search={p4}"),
    ("name, prefix (many)", "search=awa"),
    ("name, exact", "search=awa%20diallo%20{n}"),
    ("nothing found", "search=nobody{n}"),
    ("ordering key", "ordering_key={n}"),
    ("reason (0.1%)", "reason=no%20office"),
    ("rare type (0.01%)", "search=appointment.rare"),
    ("phone and plugin", "search={p4}&plugin=native"),
    ("an hour", "since={t}&until={u}"),
    ("plugin and rare type", "plugin=native&type=appointment.rare&since=1"),
];

fn measure(host: &HostProcess, token: &str, start: u64, (name, query): (&str, &str)) -> String {
    let mut stream = TcpStream::connect(&host.admin).unwrap();
    let (mut took, mut pages) = (Vec::new(), 0.0);
    for round in 0..QUERIES {
        let n = 2 + (round * 7_919_573) % STORED;
        let values = [
            ("{n}", n.to_string()),
            ("{h}", format!("{:08x}{n:08x}", n * 2_654_435_761 % 4_294_967_296)),
            ("{p8}", format!("{:08}", n * 7919 % 100_000_000)),
            ("{p4}", format!("{:04}", n * 7919 % 10_000)),
            ("{t}", (start + n * INTERVAL_MS).to_string()),
            ("{u}", (start + n * INTERVAL_MS + 3_600_000).to_string()),
        ];
        let query = values.iter().fold(query.to_owned(), |query, (key, value)| query.replace(key, value));
        let request = format!(
            "GET /api/v1/events?{query} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        let began = Instant::now();
        let answer = http::ask(&mut stream, request.as_bytes());
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let page: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(page["complete"], true, "{query}");
        pages += page["items"].as_array().unwrap().len() as f64;
    }
    took.sort_by(f64::total_cmp);
    let [p50, p95] = [0.5, 0.95].map(|share| percentile(&took, share));
    format!("{name:22} p50 {p50:7.2} ms, p95 {p95:7.2} ms, {:.1} events", pages / QUERIES as f64)
}

fn wait_indexed(host: &HostProcess, token: &str) {
    loop {
        let index = http::json(&host.admin, "/api/v1/search-index", token);
        if index["lag_ms"] == 0 && index["indexed_through"].as_i64().unwrap() > 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn without_index(dir: tempfile::TempDir) -> tempfile::TempDir {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(dir.path().join(format!("hookyard-data/hookyard.db.search{end}")));
    }
    dir
}

/// The host with the follower against the same host without, in turn; and the lag at a fixed rate.
pub fn ingest() {
    let (mut with, mut without, mut ratios, mut lags) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let on = round("");
        let off = round("[search]\nindex = false\n");
        ratios.push(on / off);
        with.push(on);
        without.push(off);
    }
    let host = HostProcess::with("native", "[log]\nlevel = \"error\"\n", &[]);
    let token = fs::read_to_string(host.path().join("hookyard-data/admin-token")).unwrap();
    let (admin, address) = (host.admin.clone(), host.webhooks.clone());
    let requests = load::requests(0, RATE_EVENTS, true);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| load::open(&address, requests, CONNECTIONS, RATE));
        while !sending.is_finished() {
            let index = http::json(&admin, "/api/v1/search-index", token.trim());
            lags.push(index["lag_events"].as_f64().unwrap());
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let rate = RATE_EVENTS as f64 / began.elapsed().as_secs_f64();
    let sent = Instant::now();
    wait_indexed(&host, token.trim());
    let rest = sent.elapsed().as_secs_f64();
    host.kill();
    print(
        "search-ingest: events/s until all are done, with the search index against without",
        &[
            format!("ratio    {}   target: at least 0.9", Spread::of(ratios)),
            format!("with     {} events/s", Spread::of(with)),
            format!("without  {} events/s", Spread::of(without)),
            format!(
                "lag      {} events at {rate:.0} events/s, gone {rest:.1} s after the last",
                Spread::of(lags)
            ),
        ],
    );
}

fn round(config: &str) -> f64 {
    let host = HostProcess::with("native", &format!("{config}[log]\nlevel = \"error\"\n"), &[]);
    load::closed(&host.webhooks, load::requests(0, WARM_UP, true), CONNECTIONS);
    host.wait_done(WARM_UP);
    let requests = load::requests(WARM_UP, EVENTS, true);
    let began = Instant::now();
    load::closed(&host.webhooks, requests, CONNECTIONS);
    host.wait_done(WARM_UP + EVENTS);
    let per_second = EVENTS as f64 / began.elapsed().as_secs_f64();
    host.kill();
    per_second
}

/// One event was received each so many milliseconds, up to now, so that none is old enough to be pruned.
const INTERVAL_MS: u64 = 200;

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
                CASE WHEN i % 1000 = 0 THEN 'no office for department ' || i % 77 END,
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
