//! Events per second with traces and metrics for a collector, against a host without.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::child::{HostProcess, guest};
use crate::figures::{Spread, print};
use crate::{http, load};

const WARM_UP: u64 = 2_000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 128;

/// The number of measured events: `HOOKYARD_BENCH_EVENTS` for builds that are slower.
fn events() -> u64 {
    std::env::var("HOOKYARD_BENCH_EVENTS").map_or(40_000, |events| events.parse().unwrap())
}

/// Off, one event in a hundred, every event, every event for a collector that never answers, and all that a host tells: in
/// turn.
pub fn run() {
    let (taking, hanging) = (collector(true), collector(false));
    let on = |endpoint: &str, ratio: &str| {
        format!(
            "[telemetry]\nendpoint = \"{endpoint}\"\nsample_ratio = {ratio}\nmetrics_interval_ms = 1000\n"
        )
    };
    let settings = [
        ("off", String::new(), Log::Errors),
        ("ratio 0.01", on(&taking, "0.01"), Log::Errors),
        ("ratio 1.0", on(&taking, "1.0"), Log::Errors),
        ("ratio 1.0, collector hangs", on(&hanging, "1.0"), Log::Errors),
        ("ratio 1.0, log, scraped", on(&taking, "1.0"), Log::All),
    ];
    let mut rates = vec![Vec::new(); settings.len()];
    let mut ratios = vec![Vec::new(); settings.len()];
    let mut spans = vec![(0.0, 0.0); settings.len()];
    for _ in 0..ROUNDS {
        for (at, (_, config, log)) in settings.iter().enumerate() {
            let (rate, exported, dropped) = round(config, *log);
            rates[at].push(rate);
            spans[at] = (exported, dropped);
            let off = *rates[0].last().unwrap();
            ratios[at].push(rate / off);
        }
    }
    let lines: Vec<String> = settings
        .iter()
        .enumerate()
        .map(|(at, (name, ..))| {
            let (exported, dropped) = spans[at];
            format!(
                "{name:<28} ratio {}  {} events/s; spans of the last round: {exported} exported, {dropped} dropped",
                Spread::of(ratios[at].clone()),
                Spread::of(rates[at].clone()),
            )
        })
        .collect();
    print(
        "telemetry: events/s until all are done, plugin `stats`, against the host without; target: at least 0.9",
        &lines,
    );
}

/// What a host logs, and whether Prometheus reads its metrics.
#[derive(Clone, Copy, PartialEq)]
enum Log {
    Errors,
    /// What it logs by default, and its metrics are read each second.
    All,
}

/// Reads the metrics each second until it is dropped.
struct Scraper(Option<(mpsc::Sender<()>, JoinHandle<()>)>);

impl Scraper {
    fn start(admin: String) -> Self {
        let (stop, stopped) = mpsc::channel();
        let scrape = move || {
            while stopped.recv_timeout(Duration::from_secs(1)) == Err(mpsc::RecvTimeoutError::Timeout) {
                http::get(&admin, "/metrics", "");
            }
        };
        Self(Some((stop, std::thread::spawn(scrape))))
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }
}

/// The events per second, and the spans that were exported and dropped.
fn round(config: &str, log: Log) -> (f64, f64, f64) {
    let level = if log == Log::All { "info" } else { "error" };
    let host = HostProcess::configured(
        &format!("{config}[log]\nlevel = \"{level}\"\n"),
        &[("stats", &guest("stats"))],
    );
    let scraper = (log == Log::All).then(|| Scraper::start(host.admin.clone()));
    let rate = load::events_per_second(&host, (WARM_UP, events()), CONNECTIONS, false);
    drop(scraper);
    let page = http::get(&host.admin, "/metrics", "");
    let spans = |outcome: &str| {
        let name = format!("hookyard_telemetry_spans_total{{outcome=\"{outcome}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0.0)
    };
    let (exported, dropped) = (spans("exported"), spans("dropped"));
    host.kill();
    (rate, exported, dropped)
}

/// A collector on threads of this process, which takes every request or answers none. Returns its base URL.
fn collector(takes: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || answer(stream.unwrap(), takes));
        }
    });
    url
}

/// Reads requests, and answers each with an empty message.
fn answer(mut stream: TcpStream, takes: bool) -> Option<()> {
    let mut buffer = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
            buffer.extend_from_slice(&chunk[..read]);
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())?;
        while buffer.len() < end + length {
            let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
            buffer.extend_from_slice(&chunk[..read]);
        }
        buffer.drain(..end + length);
        if takes {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
        }
    }
}
