//! The endpoint over real connections: every row of its table, and peers that misbehave.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use super::{
    EventAcceptor, Limits, NoVerifiers, Sources, UnsignedRequest, Webhooks, serve, serve_current, sign,
};
use crate::config::{Config, Scheme, Secret, Source};
use crate::confirmation::{ConfirmationReceipt, NewConfirmation};
use crate::db::{Accept, DbError};
use crate::event::{Event, SourceName};
use crate::telemetry::Telemetry;

const BODY: &str = r#"{"id":"evt_1","type":"appointment.created","data":{"object":{"id":1}}}"#;

/// Gives prepared answers, and records its requests.
struct Fake {
    answer: Mutex<Result<Accept, DbError>>,
    taken: Mutex<Vec<Event>>,
    /// Acceptance waits for this if it is set.
    gate: Option<Notify>,
    /// Requests that wait for the gate, or waited.
    waiting: watch::Sender<usize>,
    ids_known_since: AtomicU64,
}

impl EventAcceptor for Fake {
    async fn accept(&self, event: Event) -> Result<Accept, DbError> {
        if let Some(gate) = &self.gate {
            self.waiting.send_modify(|waiting| *waiting += 1);
            gate.notified().await;
        }
        self.taken.lock().unwrap().push(event);
        self.answer.lock().unwrap().clone()
    }

    async fn accept_all(&self, events: Vec<Event>) -> Result<Vec<Accept>, DbError> {
        let answer = self.answer.lock().unwrap().clone()?;
        let answers = vec![answer; events.len()];
        self.taken.lock().unwrap().extend(events);
        Ok(answers)
    }

    async fn store_confirmation(&self, _new: NewConfirmation) -> Result<ConfirmationReceipt, DbError> {
        Ok(ConfirmationReceipt::Stored)
    }

    fn ids_known_since(&self, _now: u64, _keys_days: u64) -> u64 {
        self.ids_known_since.load(Relaxed)
    }
}

impl Fake {
    /// Waits until so many requests wait for the gate, or waited.
    async fn wait_for_waiting(&self, requests: usize) {
        self.waiting.subscribe().wait_for(|waiting| *waiting >= requests).await.unwrap();
    }
}

struct Host {
    address: SocketAddr,
    fake: Arc<Fake>,
    sources: Arc<ArcSwap<Sources>>,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<()>,
}

fn config(secret: &str) -> Config {
    let mut config = Config::default();
    let source = Source::preset(Scheme::MONCRENEAU, vec![Secret::new(secret.into())]);
    config.sources.insert(SourceName::new("desk").unwrap(), source);
    config.server.body_max_bytes = 1000;
    // Long enough for a peer that does not wait, on a busy machine.
    config.server.body_timeout_ms = 1500;
    config.server.header_timeout_ms = 1500;
    config.server.idle_timeout_ms = 1500;
    config.server.header_max_bytes = 4096;
    config
}

async fn start_with(config: Config, gate: Option<Notify>) -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Mutex::new(Ok(Accept::Accepted { deliveries: 2, unmatched: 0 }));
    let ids_known_since = AtomicU64::new(0);
    let fake = Arc::new(Fake {
        answer,
        taken: Mutex::default(),
        gate,
        waiting: watch::Sender::new(0),
        ids_known_since,
    });
    let sources = Arc::new(ArcSwap::from_pointee(Sources::from_config(&config, Arc::new(NoVerifiers))));
    let (stop, stopped) = watch::channel(false);
    let router = Webhooks::new(Arc::clone(&sources), Arc::clone(&fake), Telemetry::default()).router();
    let ended = tokio::spawn(serve(listener, router, Limits::from(&config.server), stopped));
    Host { address, fake, sources, stop, ended }
}

async fn start() -> Host {
    start_with(config("s"), None).await
}

fn signed(secret: &str, body: &str) -> String {
    let source = Source::preset(Scheme::MONCRENEAU, vec![]);
    let body = body.to_owned().into();
    let unsigned =
        UnsignedRequest { url: "", id: None, event_type: None, content_type: None, body, now_ms: 0 };
    let signed = sign(&source, &Secret::new(secret.into()), &unsigned).unwrap().headers;
    let lines: Vec<_> =
        signed.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap())).collect();
    lines.concat()
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// Sends bytes and reads until the host closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = tokio::time::timeout(Duration::from_mins(1), stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut answer = String::new();
    while !answer.contains(end) {
        let mut some = [0; 1024];
        let read = stream.read(&mut some).await.unwrap();
        assert!(read > 0, "closed after {answer}");
        answer.push_str(std::str::from_utf8(&some[..read]).unwrap());
    }
    answer
}

fn expect(answer: &str, code: u16, parts: &[&str]) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{code}: {answer}");
    assert!(answer.contains("content-type: application/json"), "{answer}");
    for part in parts {
        assert!(answer.contains(part), "`{part}` in {answer}");
    }
}

#[tokio::test]
async fn the_answer_to_a_verified_event_follows_from_its_acceptance() {
    let table: [(Result<Accept, DbError>, u16, &[&str]); 6] = [
        (
            Ok(Accept::Accepted { deliveries: 2, unmatched: 0 }),
            202,
            &[r#"{"status":"accepted","event":"evt_1","deliveries":2}"#],
        ),
        (
            Ok(Accept::Accepted { deliveries: 0, unmatched: 0 }),
            202,
            &[r#"{"status":"accepted","event":"evt_1","deliveries":0}"#],
        ),
        (Ok(Accept::Duplicate), 200, &[r#"{"status":"duplicate","event":"evt_1","reason":"#]),
        (Ok(Accept::Conflict), 200, &[r#"{"status":"conflict","event":"evt_1","reason":"#]),
        (
            Err(DbError::Full("writes")),
            429,
            &["retry-after: 1", r#"{"status":"overloaded","event":"evt_1","reason":"#],
        ),
        (
            Err(DbError::Unavailable("disk".into())),
            503,
            &["retry-after: 5", r#"{"status":"unavailable","event":"evt_1""#],
        ),
    ];
    let host = start().await;
    for (answer, code, parts) in table {
        *host.fake.answer.lock().unwrap() = answer;
        let answer = exchange(host.address, &post("/webhooks/desk", &signed("s", BODY), BODY)).await;
        expect(&answer, code, parts);
        assert!(!answer.contains("disk"), "what is wrong inside is not told: {answer}");
    }
    let taken = host.fake.taken.lock().unwrap();
    assert_eq!((taken.len(), &taken[0].body[..]), (6, BODY.as_bytes()));
}

#[tokio::test]
async fn rejects_requests_before_anything_is_stored() {
    let host = start().await;
    let mine = &signed("s", BODY);
    let array = "[\n1,]";
    let table: [(String, u16, &[&str]); 17] = [
        (
            post("/webhooks/desk", "", BODY),
            401,
            &[r#""unauthorized","reason":"signature header x-moncreneau-signature is missing""#],
        ),
        (post("/webhooks/desk", &signed("t", BODY), BODY), 401, &["signature does not match"]),
        (post("/webhooks/desk", &format!("{mine}{mine}"), BODY), 401, &["given more than once"]),
        (post("/webhooks/desk", mine, &BODY.replace("evt_1", "evt_2")), 401, &["signature does not match"]),
        (post("/webhooks/desk", &signed("s", array), array), 400, &[r#""invalid""#, "line 2 column 3"]),
        (post("/webhooks/desk", &signed("s", "{}"), "{}"), 400, &["no event type at /type"]),
        (post("/webhooks/desk", &signed("s", ""), ""), 400, &["not JSON"]),
        (post("/webhooks/other", mine, BODY), 404, &[r#""not-found""#]),
        (post("/webhooks/desk//", mine, BODY), 404, &[r#""not-found""#]),
        (
            post("/webhooks/desk", &format!("content-encoding: identity, gzip\r\n{mine}"), BODY),
            415,
            &[r#""unsupported""#, "Content-Encoding `gzip`", "accept-encoding: identity"],
        ),
        (post("/webhooks/", mine, BODY), 404, &[r#""not-found""#]),
        (post("/webhooks/%ff", mine, BODY), 404, &[r#""not-found""#]),
        (post("/webhooks/de%73k", mine, BODY), 404, &[r#""not-found""#]),
        (post("/webhooks/desk/more", mine, BODY), 404, &["webhooks go to /webhooks/SOURCE"]),
        (post("/", mine, BODY), 404, &[r#""not-found""#]),
        (
            post("/webhooks/desk", mine, BODY).replacen("POST", "PUT", 1),
            405,
            &["allow: POST", r#""method-not-allowed""#],
        ),
        ("GET /webhooks/desk HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n".into(), 405, &["allow: POST"]),
    ];
    for (request, code, parts) in &table {
        expect(&exchange(host.address, request).await, *code, parts);
    }
    assert!(host.fake.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn accepts_bodies_up_to_the_limit_and_rejects_larger_ones() {
    let host = start().await;
    let fits = format!(r#"{{"type":"t","fill":"{}"}}"#, "x".repeat(1000 - 22));
    assert_eq!(fits.len(), 1000);
    expect(&exchange(host.address, &post("/webhooks/desk", &signed("s", &fits), &fits)).await, 202, &[]);
    let chunked = |body: &str| {
        let head =
            "POST /webhooks/desk HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
        let chunks: Vec<_> = body
            .as_bytes()
            .chunks(300)
            .map(|part| format!("{:x}\r\n{}\r\n", part.len(), std::str::from_utf8(part).unwrap()))
            .collect();
        format!("{head}{}\r\n{}0\r\n\r\n", signed("s", body), chunks.concat())
    };
    expect(&exchange(host.address, &chunked(&fits)).await, 202, &[]);
    let above = fits.replace("fill", "fill_");
    for large in [above, "x".repeat(3_000_000)] {
        let with_length = exchange(host.address, &post("/webhooks/desk", "", &large)).await;
        expect(&with_length, 413, &[r#""too-large""#, "larger than 1000 bytes"]);
        expect(&exchange(host.address, &chunked(&large)).await, 413, &["larger than 1000 bytes"]);
    }
    // The length alone is enough: no byte of the body has been sent.
    let head =
        "POST /webhooks/desk HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n";
    let answer = exchange(host.address, head).await;
    expect(&answer, 413, &["connection: close"]);
}

#[tokio::test]
async fn rejects_an_event_older_than_the_known_ids() {
    const NOW: u64 = 1_769_005_800_000;
    let host = start().await;
    let age_max = |days: Option<u64>| {
        let mut config = config("s");
        config.sources.values_mut().for_each(|source| source.created_age_max_days = days);
        host.sources.store(Arc::new(Sources::from_config(&config, Arc::new(NoVerifiers))));
    };
    for (max_days, known_since, created, code) in [
        (None, 0, r#""2020-01-01T00:00:00Z""#, 202),
        (None, NOW, r#""2020-01-01T00:00:00Z""#, 401),
        (None, NOW, "1577836800", 401),
        (None, NOW, r#""2026-01-21T14:30:01Z""#, 202),
        (None, NOW, "null", 202),
        (None, NOW, r#""1960-01-01T00:00:00Z""#, 401),
        (Some(10), 0, r#""2020-01-01T00:00:00Z""#, 401),
        (Some(0), NOW, r#""2020-01-01T00:00:00Z""#, 202),
    ] {
        age_max(max_days);
        host.fake.ids_known_since.store(known_since, Relaxed);
        let body = format!(r#"{{"type":"t","created":{created}}}"#);
        let answer = exchange(host.address, &post("/webhooks/desk", &signed("s", &body), &body)).await;
        expect(&answer, code, &[if code == 401 { "which is too old" } else { "accepted" }]);
    }
}

#[tokio::test]
async fn slow_peers_are_cut_off() {
    let host = start().await;
    let began = Instant::now();
    let slow_body = "POST /webhooks/desk HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhalf";
    expect(&exchange(host.address, slow_body).await, 408, &[r#""timeout""#, "connection: close"]);
    let slow_head = exchange(host.address, "POST /webhooks/desk HTTP/1.1\r\nho").await;
    assert!(slow_head.is_empty() || slow_head.starts_with("HTTP/1.1 408"), "{slow_head}");
    let silent = exchange(host.address, "").await;
    assert!(silent.is_empty(), "{silent}");
    assert!(began.elapsed() >= Duration::from_secs(4) && began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn rejects_large_heads() {
    let host = start().await;
    let answer =
        exchange(host.address, &post("/webhooks/desk", &format!("x: {}\r\n", "y".repeat(5000)), BODY)).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let fits = format!("x: {}\r\n{}", "y".repeat(3000), signed("s", BODY));
    expect(&exchange(host.address, &post("/webhooks/desk", &fits, BODY)).await, 202, &[]);
    let many = "x: y
"
    .repeat(200);
    let answer = exchange(host.address, &post("/webhooks/desk", &many, BODY)).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn one_connection_serves_many_requests_and_changed_sources() {
    let host = start().await;
    let mut stream = TcpStream::connect(host.address).await.unwrap();
    let keep = |headers: &str| post("/webhooks/desk", headers, BODY).replace("connection: close\r\n", "");
    for (secret, code) in [("s", "202"), ("new", "401"), ("s", "202")] {
        stream.write_all(keep(&signed(secret, BODY)).as_bytes()).await.unwrap();
        assert!(until(&mut stream, "}").await.starts_with(&format!("HTTP/1.1 {code} ")));
    }
    host.sources.store(Arc::new(Sources::from_config(&config("new"), Arc::new(NoVerifiers))));
    for (secret, code) in [("s", "401"), ("new", "202")] {
        stream.write_all(keep(&signed(secret, BODY)).as_bytes()).await.unwrap();
        assert!(until(&mut stream, "}").await.starts_with(&format!("HTTP/1.1 {code} ")));
    }
}

#[tokio::test]
async fn more_connections_than_allowed_wait_while_the_host_works() {
    let mut config = config("s");
    config.server.connections_max = 1;
    let host = start_with(config, Some(Notify::new())).await;
    let request = post("/webhooks/desk", &signed("s", BODY), BODY);
    let gate = host.fake.gate.as_ref().unwrap();
    let first = tokio::spawn({
        let (address, request) = (host.address, request.clone());
        async move { exchange(address, &request).await }
    });
    host.fake.wait_for_waiting(1).await;
    let second = tokio::spawn(async move { exchange(host.address, &request).await });
    // Time enough to be answered, if it were.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!first.is_finished() && !second.is_finished());
    gate.notify_one();
    expect(&first.await.unwrap(), 202, &[]);
    gate.notify_one();
    expect(&second.await.unwrap(), 202, &[]);
}

#[tokio::test]
async fn a_stop_lets_requests_in_flight_finish() {
    let host = start_with(config("s"), Some(Notify::new())).await;
    let mut idle = TcpStream::connect(host.address).await.unwrap();
    let mut busy = TcpStream::connect(host.address).await.unwrap();
    busy.write_all(post("/webhooks/desk", &signed("s", BODY), BODY).as_bytes()).await.unwrap();
    host.fake.wait_for_waiting(1).await;
    host.stop.send(true).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(host.address).await.is_err(), "nobody listens any more");
    assert!(!host.ended.is_finished());
    host.fake.gate.as_ref().unwrap().notify_one();
    expect(&rest(&mut busy).await, 202, &[]);
    host.ended.await.unwrap();
}

#[tokio::test]
async fn a_stop_cuts_requests_after_its_timeout() {
    let mut config = config("s");
    config.server.shutdown_timeout_ms = 200;
    let host = start_with(config, Some(Notify::new())).await;
    let mut busy = TcpStream::connect(host.address).await.unwrap();
    busy.write_all(post("/webhooks/desk", &signed("s", BODY), BODY).as_bytes()).await.unwrap();
    host.fake.wait_for_waiting(1).await;
    drop(host.stop);
    tokio::time::timeout(Duration::from_secs(30), host.ended).await.unwrap().unwrap();
    assert_eq!(rest(&mut busy).await, "");
    assert!(host.fake.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn serves_an_axum_router() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopped) = watch::channel(false);
    let router = axum::Router::new().route("/healthz", axum::routing::get(async || "ok"));
    let router = Arc::new(ArcSwap::from_pointee(router));
    let limits = Limits::from(&config("s").server);
    tokio::spawn(serve_current(listener, router, limits, Duration::from_secs(1), stopped));
    let answer = exchange(address, "GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
}
