//! A table of senders, each with the response that it gets.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::bystander::{self, Bystander};
use crate::support::{Event, LIMIT, RunningHost, SECRET, sign};

/// A sender: its steps on each connection, and the expected response.
struct Sender {
    name: &'static str,
    connections: usize,
    steps: Vec<Step>,
    answer: Answer,
}

/// A step of a sender.
enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again, so often at most, until the host closes or does not read.
    Flood(Vec<u8>, usize),
    /// Sends these bytes one by one, each after such a time.
    Drip(Vec<u8>, Duration),
    /// Ends its side of the connection.
    Finish,
    /// Goes away without a word.
    Vanish,
}

/// The expected response on each connection.
enum Answer {
    /// With this status and these parts, and the connection may stay open.
    Status(u16, &'static [&'static str]),
    /// With these statuses, one after the other.
    Statuses(&'static [u16]),
    /// With this status or not at all, and the connection is closed.
    StatusOrClosed(u16),
    /// Not at all: the connection is closed.
    Closed,
    /// Nobody is there to see it.
    Nothing,
}

use Step::{Drip, Finish, Flood, Send, Vanish};

impl Sender {
    fn new(name: &'static str, steps: Vec<Step>, answer: Answer) -> Self {
        Self { name, connections: 1, steps, answer }
    }

    /// Does it on so many connections at once.
    fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// Checks its answers while a well-behaved sender uses the same host.
    async fn check(&self, host: &RunningHost<'_>, bystander: &Bystander<'_>) {
        let mut streams = Vec::new();
        for _ in 0..self.connections {
            let mut stream = TcpStream::connect(host.webhooks().trim_start_matches("http://")).await.unwrap();
            for step in &self.steps {
                step.run(&mut stream).await;
            }
            if !matches!(self.steps.last(), Some(Vanish)) {
                streams.push(stream);
            }
        }
        bystander.goes_on(self.name).await;
        for mut stream in streams {
            self.answer.check(self.name, &mut stream).await;
        }
    }
}

impl Step {
    async fn run(&self, stream: &mut TcpStream) {
        // The host may close at any time.
        match self {
            Send(bytes) => drop(stream.write_all(bytes).await),
            Flood(bytes, times) => {
                for _ in 0..*times {
                    let write = tokio::time::timeout(Duration::from_secs(1), stream.write_all(bytes));
                    if !matches!(write.await, Ok(Ok(()))) {
                        break;
                    }
                }
            }
            Drip(bytes, each) => {
                for byte in bytes {
                    tokio::time::sleep(*each).await;
                    if stream.write_all(&[*byte]).await.is_err() {
                        break;
                    }
                }
            }
            Finish => drop(stream.shutdown().await),
            Vanish => {}
        }
    }
}

impl Answer {
    async fn check(&self, row: &str, stream: &mut TcpStream) {
        match self {
            Self::Status(code, parts) => {
                let text = read(stream, |text| text.ends_with('}') || text.ends_with("\r\n\r\n")).await;
                assert!(text.starts_with(&format!("HTTP/1.1 {code} ")), "{row}: {text}");
                for part in *parts {
                    assert!(text.contains(part), "{row}: {text} lacks {part}");
                }
            }
            Self::Statuses(codes) => {
                let count = |text: &str| text.matches("HTTP/1.1 ").count();
                let text = read(stream, |text| count(text) == codes.len() && text.ends_with('}')).await;
                let found = text.split("HTTP/1.1 ").skip(1).map(|text| text[..3].parse().unwrap());
                assert_eq!(found.collect::<Vec<u16>>(), *codes, "{row}: {text}");
            }
            Self::StatusOrClosed(code) => {
                let text = read(stream, |_| false).await;
                assert!(text.is_empty() || text.starts_with(&format!("HTTP/1.1 {code} ")), "{row}: {text}");
            }
            Self::Closed => {
                let text = read(stream, |_| false).await;
                assert_eq!(text, "", "{row}");
            }
            Self::Nothing => {}
        }
    }
}

/// Reads until `enough` or until the host closes the connection.
async fn read(stream: &mut TcpStream, enough: impl Fn(&str) -> bool) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !enough(&text) {
        let read = tokio::time::timeout(LIMIT, stream.read(&mut bytes)).await;
        match read.expect("an answer, or the end of the connection") {
            // A reset is an end as well.
            Ok(0) | Err(_) => break,
            Ok(count) => text.push_str(&String::from_utf8_lossy(&bytes[..count])),
        }
    }
    text
}

/// A request with this head after its first line, and this body.
fn request(first: &str, head: &str, body: &[u8]) -> Vec<u8> {
    [format!("{first}\r\nHost: test\r\n{head}\r\n").as_bytes(), body].concat()
}

const POST: &str = "POST /webhooks/moncreneau HTTP/1.1";

/// A signed request with this body and these headers.
fn signed(body: &str, head: &str) -> Vec<u8> {
    let signature = sign(SECRET, body);
    let head = format!("X-Moncreneau-Signature: {signature}\r\nContent-Length: {}\r\n{head}", body.len());
    request(POST, &head, body.as_bytes())
}

fn event(id: &str) -> String {
    Event::with_payload("unhandled", id, &serde_json::json!({})).body
}

fn heads() -> Vec<Sender> {
    let close = "Connection: close\r\n";
    let body = event("evt_head");
    vec![
        Sender::new("says-nothing-and-goes", vec![Finish], Answer::Closed),
        Sender::new("connects-and-waits", vec![], Answer::StatusOrClosed(408)).connections(20),
        Sender::new("ends-in-its-head", vec![Send(POST[..20].into()), Finish], Answer::StatusOrClosed(400)),
        Sender::new("vanishes-in-its-head", vec![Send(POST.into()), Vanish], Answer::Nothing).connections(50),
        Sender::new(
            "speaks-another-protocol",
            vec![Send(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".repeat(9))],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "speaks-http-2",
            vec![Send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec())],
            Answer::StatusOrClosed(400),
        ),
        Sender::new("sends-zeros", vec![Send(vec![0; 4096])], Answer::StatusOrClosed(400)),
        Sender::new(
            "sends-newlines-for-ever",
            vec![Flood(b"\r\n".repeat(1000), 2000)],
            Answer::StatusOrClosed(431),
        ),
        Sender::new(
            "sends-a-head-without-end",
            vec![Send(format!("{POST}\r\n").into()), Flood(b"X-More: more\r\n".repeat(100), 1000)],
            Answer::StatusOrClosed(431),
        ),
        Sender::new(
            "sends-a-path-without-end",
            vec![Send(b"POST /".to_vec()), Flood(vec![b'a'; 8192], 100)],
            Answer::StatusOrClosed(431),
        ),
        Sender::new(
            "drips-its-head",
            vec![Drip(POST.into(), Duration::from_millis(20))],
            Answer::StatusOrClosed(408),
        )
        .connections(1),
        Sender::new(
            "sends-two-lengths",
            vec![Send(request(POST, "Content-Length: 3\r\nContent-Length: 4\r\n", b"{}}}"))],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "sends-a-length-and-chunks",
            vec![Send(request(
                POST,
                &format!("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n{close}"),
                b"0\r\n\r\n",
            ))],
            Answer::Status(401, &[]),
        ),
        Sender::new(
            "sends-a-negative-length",
            vec![Send(request(POST, "Content-Length: -1\r\n", b""))],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "sends-a-length-beyond-64-bits",
            vec![Send(request(POST, "Content-Length: 99999999999999999999\r\n", b""))],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "sends-a-chunk-of-a-length-beyond-64-bits",
            vec![Send(request(POST, "Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n"))],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "folds-a-header",
            vec![Send(request(POST, "X-A: b\r\n c\r\n", b""))],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "names-another-path",
            vec![Send(request("POST /webhooks/../admin HTTP/1.1", close, b""))],
            Answer::Status(404, &[]),
        ),
        Sender::new(
            "asks-for-a-whole-url",
            vec![Send(request("POST http://169.254.169.254/ HTTP/1.1", close, b""))],
            Answer::Status(404, &[]),
        ),
        Sender::new(
            "wants-a-tunnel",
            vec![Send(request("CONNECT 127.0.0.1:22 HTTP/1.1", close, b""))],
            Answer::StatusOrClosed(404),
        ),
        Sender::new(
            "wants-websockets",
            vec![Send(request(
                "GET /webhooks/moncreneau HTTP/1.1",
                "Connection: Upgrade\r\nUpgrade: websocket\r\n",
                b"",
            ))],
            Answer::Status(405, &[]),
        ),
        Sender::new(
            "sends-a-good-event",
            vec![Send(signed(&body, close))],
            Answer::Status(202, &["accepted"]),
        ),
    ]
}

fn bodies() -> Vec<Sender> {
    let close = "Connection: close\r\n";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many_keys = (0..20_000).map(|n| format!("\"k{n}\":0,")).collect::<Vec<_>>().concat();
    vec![
        Sender::new(
            "signs-nothing",
            vec![Send(request(POST, &format!("Content-Length: 2\r\n{close}"), b"{}"))],
            Answer::Status(401, &["unauthorized"]),
        ),
        Sender::new(
            "signs-another-body",
            vec![Send(request(
                POST,
                &format!("X-Moncreneau-Signature: {}\r\nContent-Length: 2\r\n{close}", sign(SECRET, "[]")),
                b"{}",
            ))],
            Answer::Status(401, &[]),
        ),
        Sender::new(
            "sends-a-signature-of-15-kb",
            vec![Send(request(
                POST,
                &format!(
                    "X-Moncreneau-Signature: sha256={}\r\nContent-Length: 2\r\n{close}",
                    "0".repeat(15_000)
                ),
                b"{}",
            ))],
            Answer::Status(401, &[]),
        ),
        Sender::new(
            "sends-a-thousand-signatures",
            vec![Send(request(
                POST,
                &format!("{}Content-Length: 2\r\n", "X-Moncreneau-Signature: sha256=00\r\n".repeat(1000)),
                b"{}",
            ))],
            Answer::StatusOrClosed(431),
        ),
        Sender::new("sends-an-empty-body", vec![Send(signed("", close))], Answer::Status(400, &["JSON"])),
        Sender::new(
            "sends-what-is-no-text",
            vec![Send(signed("\u{0}\u{1}", close))],
            Answer::Status(400, &["JSON"]),
        ),
        Sender::new("sends-arrays-in-arrays", vec![Send(signed(&deep, close))], Answer::Status(400, &[])),
        Sender::new(
            "sends-arrays-in-arrays-in-an-event",
            vec![Send(signed(&event("evt_deep").replace("{}", &deep), close))],
            Answer::Status(202, &[]),
        ),
        Sender::new(
            "sends-twenty-thousand-keys",
            vec![Send(signed(&event("evt_keys").replacen('{', &format!("{{{many_keys}"), 1), close))],
            Answer::Status(202, &[]),
        ),
        Sender::new(
            "sends-a-number-of-100-kb",
            vec![Send(signed(&event("evt_number").replace("{}", &"9".repeat(100_000)), close))],
            Answer::Status(202, &[]),
        ),
        Sender::new(
            "sends-an-id-of-100-kb",
            vec![Send(signed(&event(&"x".repeat(100_000)), close))],
            Answer::Status(400, &["id"]),
        ),
        Sender::new(
            "sends-an-id-of-controls",
            vec![Send(signed(&event("\u{0}\u{1b}[31m\r\nx"), close))],
            Answer::Status(400, &["id"]),
        ),
        Sender::new(
            "sends-two-ids",
            vec![Send(signed(&event("evt_first").replacen('{', "{\"id\":\"evt_zero\",", 1), close))],
            Answer::Status(202, &[]),
        ),
        Sender::new(
            "sends-a-type-of-100-kb",
            vec![Send(signed(&event("evt_type").replace("unhandled", &"x".repeat(100_000)), close))],
            Answer::Status(400, &["type"]),
        ),
        Sender::new(
            "half-closes-after-its-body",
            vec![Send(signed(&event("evt_half"), "")), Finish],
            Answer::StatusOrClosed(202),
        ),
        Sender::new(
            "ends-in-its-body",
            vec![Send(request(POST, "Content-Length: 100\r\n", b"{")), Finish],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "vanishes-in-its-body",
            vec![Send(request(POST, "Content-Length: 100\r\n", b"{")), Vanish],
            Answer::Nothing,
        )
        .connections(50),
        Sender::new(
            "leaves-its-bodies-unfinished",
            vec![Send(request(POST, "Content-Length: 1000000\r\n", &vec![b'{'; 100_000]))],
            Answer::Status(408, &["timeout"]),
        )
        .connections(50),
        Sender::new(
            "drips-its-body",
            vec![
                Send(request(POST, "Content-Length: 100\r\n", b"")),
                Drip(vec![b'{'; 60], Duration::from_millis(10)),
            ],
            Answer::Status(408, &["timeout"]),
        ),
        Sender::new(
            "sends-chunks-of-one-byte",
            vec![Send(request(
                POST,
                &format!("Transfer-Encoding: chunked\r\n{close}"),
                &[b"1\r\n{\r\n".repeat(10_000), b"0\r\n\r\n".to_vec()].concat(),
            ))],
            Answer::Status(401, &[]),
        ),
        Sender::new(
            "sends-a-chunk-extension-without-end",
            vec![Send(request(POST, "Transfer-Encoding: chunked\r\n", b"1;")), Flood(vec![b'x'; 8192], 100)],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "sends-trailers-without-end",
            vec![
                Send(request(POST, "Transfer-Encoding: chunked\r\n", b"0\r\n")),
                Flood(b"X-More: more\r\n".repeat(100), 1000),
            ],
            Answer::StatusOrClosed(400),
        ),
        Sender::new(
            "waits-for-100-continue-and-goes",
            vec![Send(request(POST, "Content-Length: 100\r\nExpect: 100-continue\r\n", b"")), Finish],
            Answer::Statuses(&[100, 400]),
        ),
        Sender::new(
            "pipelines-two-events",
            vec![Send([signed(&event("evt_p1"), ""), signed(&event("evt_p2"), "")].concat())],
            Answer::Statuses(&[202, 202]),
        ),
        Sender::new(
            "smuggles-a-second-request",
            vec![Send(
                [signed(&event("evt_s1"), close), request(POST, "Content-Length: 0\r\n", b"")].concat(),
            )],
            Answer::Status(202, &[]),
        ),
    ]
}

/// A signed request with this first line, these headers and this body.
fn signed_as(first: &str, head: &str, body: &str) -> Vec<u8> {
    let signature = sign(SECRET, body);
    let head = format!("X-Moncreneau-Signature: {signature}\r\nContent-Length: {}\r\n{head}", body.len());
    request(first, &head, body.as_bytes())
}

fn forms() -> Vec<Sender> {
    let close = "Connection: close\r\n";
    let get = request("GET /webhooks/moncreneau HTTP/1.1", "", b"");
    let half = r#"{"id":"evt_half_a_pair","type":"unhandled","\udfff":1,"data":{"object":{"a":"\ud83d"}}}"#;
    let utf_16 = "{\0\"\0i\0d\0\"\0:\x001\0}\0";
    let twice = format!("X-Moncreneau-Signature: {}\r\n{close}", sign(SECRET, "{}"));
    vec![
        Sender::new("reads-no-answers", vec![Flood(get.repeat(500), 500)], Answer::Nothing).connections(5),
        Sender::new(
            "compresses-its-body",
            vec![Send(signed(&event("evt_gzip"), &format!("Content-Encoding: gzip\r\n{close}")))],
            Answer::Status(415, &["unsupported", "gzip"]),
        ),
        Sender::new(
            "begins-with-a-byte-order-mark",
            vec![Send(signed(&format!("\u{feff}{}\0", event("evt_mark")), close))],
            Answer::Status(202, &["evt_mark"]),
        ),
        Sender::new(
            "sends-half-of-a-surrogate-pair",
            vec![Send(signed(half, close))],
            Answer::Status(202, &["evt_half_a_pair"]),
        ),
        Sender::new(
            "sends-a-timestamp-of-its-own",
            vec![Send(signed(r#"{"id":"evt_when","type":"unhandled","created":1e300}"#, close))],
            Answer::Status(202, &["evt_when"]),
        ),
        Sender::new("sends-utf-16", vec![Send(signed(utf_16, close))], Answer::Status(400, &["UTF-16"])),
        Sender::new(
            "sends-its-signature-twice",
            vec![Send(signed("{}", &twice))],
            Answer::Status(401, &["more than once"]),
        ),
        Sender::new(
            "ends-its-path-with-a-slash",
            vec![Send(signed_as("POST /webhooks/moncreneau/ HTTP/1.1", close, &event("evt_slash")))],
            Answer::Status(202, &["evt_slash"]),
        ),
    ]
}

async fn check(rows: Vec<Sender>) {
    let dir = bystander::host_dir("");
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let times = "[server]\nheader_timeout_ms = 2000\nbody_timeout_ms = 2000\n";
    dir.replace("hookyard.toml", text.replacen("[server]\n", times, 1).as_bytes());
    let undisturbed = bystander::host_dir("");
    let (host, undisturbed) = tokio::join!(dir.start(), undisturbed.start());
    let bystander = Bystander::measure(&host, &undisturbed).await;
    bystander.check_rows(rows.iter().map(|row| (row.name, row.check(&host, &bystander)))).await;
}

#[tokio::test]
async fn a_hostile_head_is_answered_or_the_connection_closed() {
    check(heads()).await;
}

#[tokio::test]
async fn a_hostile_body_is_answered_or_the_connection_closed() {
    check(bodies()).await;
}

#[tokio::test]
async fn an_unusual_request_is_accepted_or_rejected_with_a_reason() {
    check(forms()).await;
}
