//! The pages: how long each takes in a large database, and what open ones cost.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use crate::child::HostProcess;
use crate::figures::{Spread, percentile, print};
use crate::{http, load, many_events};

/// Requests for each page.
const VISITS: u64 = 40;
/// Pages that are open at once, each with a stream of changes.
const OPEN: usize = 50;
const EVENTS: u64 = 60_000;
const WARM_UP: u64 = 10_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;

/// Pages: `{n}` is the number of an event, `{id}` its id.
const PAGES: [(&str, &str); 19] = [
    ("overview", "/"),
    ("events", "/events"),
    ("events, phone", "/events?search={p4}"),
    ("events, name (many)", "/events?search=awa"),
    ("events, dead", "/events?state=dead"),
    ("events, rare type", "/events?type=appointment.rare"),
    ("event", "/events/moncreneau/{id}"),
    ("plugins", "/plugins"),
    ("a plugin", "/plugins/stats"),
    ("a plugin's store", "/plugins/stats/store"),
    ("dead letters", "/dead-letters"),
    ("dead letters, a list", "/dead-letters/list?plugin=native"),
    ("sources", "/sources"),
    ("a source", "/sources/moncreneau"),
    ("replays", "/replays"),
    ("audit", "/audit"),
    ("audit, checked", "/audit/check"),
    ("tokens", "/settings/tokens"),
    ("alerts", "/settings/alerts"),
];

/// Prints the time of each page.
pub fn print_times(admin: &str, token: &str) {
    let cookies = log_in(admin, token);
    let lines: Vec<String> = PAGES.iter().map(|page| measure(admin, &cookies, *page)).collect();
    print("pages: time of a page in that database; target: at most 200 ms", &lines);
}

fn measure(admin: &str, cookies: &str, (name, path): (&str, &str)) -> String {
    let mut stream = TcpStream::connect(admin).unwrap();
    let (mut took, mut bytes) = (Vec::new(), 0);
    for round in 0..VISITS {
        let n = many_events::spread(round);
        let path =
            path.replace("{id}", &many_events::id(n)).replace("{p4}", &format!("{:04}", n * 7919 % 10_000));
        let began = Instant::now();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/html\r\ncookie: {cookies}\r\n\r\n"
        );
        let answer = http::ask(&mut stream, request.as_bytes());
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        bytes = answer.len();
    }
    took.sort_by(f64::total_cmp);
    let [p50, p95, most] = [0.5, 0.95, 1.0].map(|share| percentile(&took, share));
    format!("{name:22} p50 {p50:7.2} ms, p95 {p95:7.2} ms, most {most:7.2} ms, {bytes} bytes")
}

/// The cookies of a session.
fn log_in(admin: &str, token: &str) -> String {
    let body = format!("token={token}");
    let request = format!(
        "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http::ask(&mut TcpStream::connect(admin).unwrap(), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookies = answer.lines().filter_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    cookies.collect::<Vec<_>>().join("; ")
}

/// Events per second with open pages, against none.
pub fn live() {
    let (mut ratios, mut with, mut without) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let off = round(0);
        let on = round(OPEN);
        ratios.push(on / off);
        with.push(on);
        without.push(off);
    }
    print(
        "live-pages: events/s until all are done, with 50 open pages of events against none",
        &[
            format!("ratio    {}   target: at least 0.95", Spread::of(ratios)),
            format!("with     {} events/s", Spread::of(with)),
            format!("without  {} events/s", Spread::of(without)),
        ],
    );
}

fn round(open: usize) -> f64 {
    let host = HostProcess::with("native", "[log]\nlevel = \"error\"\n", &[]);
    let token = std::fs::read_to_string(host.path().join("hookyard-data/admin-token")).unwrap();
    let cookies = log_in(&host.admin, token.trim());
    let streams: Vec<_> = (0..open).map(|_| follow(&host.admin, &cookies)).collect();
    let per_second = load::events_per_second(&host, (WARM_UP, EVENTS), CONNECTIONS, true);
    host.kill();
    for stream in streams {
        assert!(stream.join().unwrap() > 0, "an open page heard of no event");
    }
    per_second
}

/// What a page of events has open; the bytes it was sent until the host ended.
fn follow(admin: &str, cookies: &str) -> std::thread::JoinHandle<usize> {
    let mut stream = TcpStream::connect(admin).unwrap();
    let request = format!("GET /live?types=event HTTP/1.1\r\nhost: localhost\r\ncookie: {cookies}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    std::thread::spawn(move || {
        let (mut bytes, mut chunk) = (0, [0; 8 * 1024]);
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            bytes += read;
        }
        bytes
    })
}
