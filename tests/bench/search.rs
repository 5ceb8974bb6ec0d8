//! Search in five million stored events, and the cost of the task that fills the index.

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::child::HostProcess;
use crate::figures::{Spread, percentile, print};
use crate::many_events::{INTERVAL_MS, STORED, Stored, wait_indexed};
use crate::{http, load, many_events, pages};

/// Queries of each kind.
const QUERIES: u64 = 100;
const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;
/// Events per second at which the lag is measured, and for how long.
const RATE: f64 = 10_000.0;
const RATE_EVENTS: u64 = 200_000;

/// Queries and pages in a database with many events.
pub fn run() {
    let Stored { dir, start, mut made } = Stored::events();
    let host = HostProcess::in_directory("native", dir);
    let token = fs::read_to_string(host.path().join("hookyard-data/admin-token")).unwrap();
    let token = token.trim();
    wait_indexed(&host, token);
    let mut lines = Vec::new();
    for kind in QUERY_KINDS {
        lines.push(measure(&host, token, start, kind));
    }
    let data = host.path().join("hookyard-data");
    let bytes = |name: &str| fs::metadata(data.join(name)).unwrap().len() as f64 / STORED as f64;
    made.push(format!(
        "{:.0} bytes of index for each event, {:.0} of database",
        bytes("hookyard.db.search"),
        bytes("hookyard.db")
    ));
    lines.extend(made);
    lines.push("target: p95 at most 200 ms".into());
    print(&format!("search: time of a page of 50 in {STORED} stored events"), &lines);
    pages::print_times(&host.admin, token);
    host.kill();
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
        let n = many_events::spread(round);
        let values = [
            ("{n}", n.to_string()),
            ("{h}", many_events::id(n).trim_start_matches("evt_").to_owned()),
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
    let per_second = load::events_per_second(&host, (WARM_UP, EVENTS), CONNECTIONS, true);
    host.kill();
    per_second
}
