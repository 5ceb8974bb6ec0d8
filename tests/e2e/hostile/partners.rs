//! A table of partners, each with the outcome of the effect or request that it answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::bystander::{self, Bystander};
use crate::support::{Event, RunningHost, guest};

/// A partner, the sender of the request to it, and the expected outcome.
struct Partner {
    name: &'static str,
    requester: Requester,
    answers: Vec<Reply>,
    outcome: Outcome,
}

/// The sender of a request to a partner.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Requester {
    /// An effect, `POST /`.
    Effect,
    /// A handler's own request, `GET /`.
    Handler,
    /// An effect by email.
    Email,
}

/// The reaction of a partner to a request, or, by email, to each line.
#[derive(Debug, Clone)]
enum Reply {
    /// Says these bytes.
    Bytes(Vec<u8>),
    /// Repeats these bytes until the host closes the connection.
    Flood(Vec<u8>),
    /// Says these bytes one by one.
    Drip(Vec<u8>),
    /// Reads one more line.
    Line,
    /// Says nothing more, and keeps the connection open.
    Hang,
}

use Reply::{Bytes, Drip, Flood, Hang, Line};

/// The expected outcome.
enum Outcome {
    /// The effect's state after its only try, that try's outcome, and parts of its detail.
    Effect { state: &'static str, outcome: &'static str, detail: &'static [&'static str] },
    /// Parts of the line that the handler logs.
    Told(&'static [&'static str]),
}

/// The effect is done.
fn done() -> Outcome {
    Outcome::Effect { state: "done", outcome: "done", detail: &[] }
}

/// The effect fails and is out of attempts; the detail has these parts.
fn failed(detail: &'static [&'static str]) -> Outcome {
    Outcome::Effect { state: "dead", outcome: "retry", detail }
}

/// The effect fails permanently; the detail has these parts.
fn refused(detail: &'static [&'static str]) -> Outcome {
    Outcome::Effect { state: "dead", outcome: "refused", detail }
}

/// The handler logs a line with these parts.
fn logged(parts: &'static [&'static str]) -> Outcome {
    Outcome::Told(parts)
}

impl Partner {
    fn new(name: &'static str, requester: Requester, answers: Vec<Reply>, outcome: Outcome) -> Self {
        Self { name, requester, answers, outcome }
    }

    async fn check(&self, host: &RunningHost<'_>, servers: &Servers) {
        let server = if self.requester == Requester::Email { &servers.smtp } else { &servers.http };
        server.script.lock().unwrap().clone_from(&self.answers);
        let id = format!("evt_{}", self.name);
        let (event_type, payload) = match self.requester {
            Requester::Effect => (
                "ask",
                json!({ "do": "http", "url": format!("http://{}/", servers.http.address), "text": "body" }),
            ),
            Requester::Handler => {
                ("fetch.now", json!({ "requests": [{ "host": servers.http.address.to_string() }] }))
            }
            Requester::Email => ("ask", json!({ "do": "email", "to": "a@example.gn", "text": "body" })),
        };
        host.send(&Event::with_payload(event_type, &id, &payload)).await;
        match &self.outcome {
            Outcome::Told(parts) => {
                let event = host.wait_finished(&id).await;
                let logs = event["deliveries"][0]["attempts"][0]["logs"].to_string();
                self.has(&logs, parts);
            }
            Outcome::Effect { state, outcome, detail } => {
                let over = |event: &Value| {
                    matches!(event["deliveries"][0]["effects"][0]["state"].as_str(), Some("done" | "dead"))
                };
                let event = host.wait_event(&id, "its effect is over", over).await;
                let effect = &event["deliveries"][0]["effects"][0];
                let tried = &effect["attempts"][0];
                self.has(tried["detail"].as_str().unwrap(), detail);
                assert_eq!(
                    (&effect["state"], &tried["outcome"]),
                    (&(*state).into(), &(*outcome).into()),
                    "{}: {effect}",
                    self.name
                );
            }
        }
    }

    fn has(&self, text: &str, parts: &[&str]) {
        eprintln!("    {}", &text[..text.len().min(300)]);
        for part in parts {
            assert!(text.contains(part), "{}: {text} lacks {part}", self.name);
        }
    }
}

/// Servers for all rows.
struct Servers {
    http: Server,
    smtp: Server,
}

/// A server that follows a script.
struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Vec<Reply>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server that follows its script, after a request's head or at once.
async fn serve(after_head: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shared = Arc::new(Mutex::new(Vec::<Reply>::new()));
    let script = Arc::clone(&shared);
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let script = Arc::clone(&script);
            connections.spawn(async move {
                if after_head {
                    read_until(&mut stream, b"\r\n\r\n").await;
                }
                let steps = script.lock().unwrap().clone();
                for step in steps {
                    // The host may close at any time.
                    if step.run(&mut stream).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    Server { address, script: shared, task }
}

impl Reply {
    async fn run(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        match self {
            Bytes(bytes) => stream.write_all(bytes).await,
            Flood(bytes) => loop {
                stream.write_all(bytes).await?;
            },
            Drip(bytes) => {
                for byte in bytes {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    stream.write_all(&[*byte]).await?;
                }
                Ok(())
            }
            Line => {
                read_until(stream, b"\n").await;
                Ok(())
            }
            Hang => {
                // Until the host closes.
                while stream.read(&mut [0; 1024]).await? > 0 {}
                Ok(())
            }
        }
    }
}

async fn read_until(stream: &mut TcpStream, end: &[u8]) {
    let (mut bytes, mut byte) = (Vec::new(), [0; 1]);
    while !bytes.ends_with(end) && matches!(stream.read(&mut byte).await, Ok(1)) {
        bytes.push(byte[0]);
    }
}

/// A response with this status, these headers and this body.
fn answer(first: &str, head: &str, body: &[u8]) -> Reply {
    Bytes([format!("HTTP/1.1 {first}\r\n{head}\r\n").as_bytes(), body].concat())
}

fn bytes(text: &str) -> Reply {
    Bytes(text.into())
}

fn http() -> Vec<Partner> {
    let effect = |name, answers, outcome| Partner::new(name, Requester::Effect, answers, outcome);
    let empty = "Content-Length: 0\r\nConnection: close\r\n";
    let to = |url: &str| answer("307 Temporary Redirect", &format!("Location: {url}\r\n{empty}"), b"");
    let moved = |status: &str| answer(status, &format!("Location: /new\r\n{empty}"), b"");
    vec![
        effect("answers-well", vec![answer("200 OK", empty, b"")], done()),
        effect("closes-at-once", vec![], failed(&[])),
        effect("never-answers", vec![Hang], failed(&[])),
        effect("speaks-garbage", vec![Bytes(b"\0\xff\x16\x03".repeat(100))], failed(&[])),
        effect("speaks-another-version", vec![bytes("HTTP/9.9 200 OK\r\n\r\n")], failed(&[])),
        effect("answers-with-a-status-of-words", vec![bytes("HTTP/1.1 twohundred OK\r\n\r\n")], failed(&[])),
        effect("answers-999", vec![answer("999 What", empty, b"")], refused(&["999"])),
        effect("answers-99", vec![answer("99 Less", empty, b"")], failed(&[])),
        effect("answers-100-for-ever", vec![Flood(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())], failed(&[])),
        effect(
            "switches-protocols",
            vec![answer("101 Switching Protocols", "Upgrade: x\r\nConnection: upgrade\r\n", b"")],
            refused(&["101"]),
        ),
        effect(
            "drips-its-head",
            vec![Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Padding: 1234567890\r\n\r\n".to_vec())],
            failed(&[]),
        ),
        effect(
            "sends-a-head-without-end",
            vec![bytes("HTTP/1.1 200 OK\r\n"), Flood(b"X-More: more\r\n".repeat(100))],
            failed(&[]),
        ),
        effect(
            "sends-a-header-without-end",
            vec![bytes("HTTP/1.1 200 OK\r\nX-More: "), Flood(vec![b'x'; 8192])],
            failed(&[]),
        ),
        effect(
            "sends-a-body-without-end",
            vec![bytes("HTTP/1.1 200 OK\r\n\r\n"), Flood(vec![b'x'; 8192])],
            done(),
        ),
        effect(
            "sends-an-error-without-end",
            vec![bytes("HTTP/1.1 500 No\r\n\r\n"), Flood(vec![b'x'; 8192])],
            failed(&["500"]),
        ),
        effect(
            "drips-its-body",
            vec![bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), Drip(vec![b'x'; 100])],
            done(),
        ),
        effect(
            "never-ends-its-body",
            vec![bytes("HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\nwhy"), Hang],
            refused(&["422"]),
        ),
        effect(
            "sends-two-lengths",
            vec![answer("200 OK", "Content-Length: 1\r\nContent-Length: 2\r\n", b"xx")],
            failed(&[]),
        ),
        effect(
            "sends-a-chunk-of-a-length-beyond-64-bits",
            vec![answer("200 OK", "Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n")],
            done(),
        ),
        effect("moves-for-good", vec![moved("301 Moved Permanently")], refused(&["301", "POST", "/new"])),
        effect("moves-for-now", vec![moved("302 Found")], refused(&["302", "POST", "/new"])),
        effect("shows-another-place", vec![moved("303 See Other")], refused(&["303", "POST", "/new"])),
        effect(
            "redirects-to-100-kb",
            vec![to(&format!("/{}", "x".repeat(100_000)))],
            refused(&["the request is invalid"]),
        ),
        effect("says-that-it-is-at-work", vec![answer("409 Conflict", empty, b"")], refused(&["409"])),
        effect("says-that-it-is-too-early", vec![answer("425 Too Early", empty, b"")], failed(&["425"])),
        effect("redirects-to-itself-for-ever", vec![to("/")], refused(&["redirect"])),
        effect("redirects-to-a-file", vec![to("file:///etc/passwd")], refused(&["http"])),
        effect(
            "redirects-to-the-metadata-of-a-cloud",
            vec![to("http://169.254.169.254/latest/")],
            refused(&["not granted"]),
        ),
        effect("redirects-to-what-is-no-url", vec![to("http://[::1")], refused(&[])),
        effect("redirects-nowhere", vec![answer("307 Temporary Redirect", empty, b"")], refused(&["307"])),
        effect(
            "asks-to-wait-for-ever",
            vec![answer("503 Busy", &format!("Retry-After: 99999999999999999999\r\n{empty}"), b"")],
            failed(&["503"]),
        ),
        effect(
            "says-controls",
            vec![answer("422 No", "Content-Length: 12\r\n", b"\x1b[31m\r\nx\0\x07\xff\xfe")],
            refused(&["422"]),
        ),
        effect(
            "sends-a-thousand-headers",
            vec![answer("200 OK", &"X-More: more\r\n".repeat(1000), b"")],
            failed(&[]),
        ),
    ]
}

/// Responses to other requests, which look like one to the effect's request.
fn misleading() -> Vec<Partner> {
    let effect = |name, answers, outcome| Partner::new(name, Requester::Effect, answers, outcome);
    let empty = "Content-Length: 0\r\nConnection: close\r\n";
    let moved = |status: &str, url: &str| answer(status, &format!("Location: {url}\r\n{empty}"), b"");
    let not_repeated =
        || refused(&["POST is not repeated at the redirect's target http://127.0.0.1", "/login"]);
    vec![
        effect("redirects-to-a-page", vec![moved("301 Moved Permanently", "/login?next=1")], not_repeated()),
        effect("redirects-to-be-read", vec![moved("303 See Other", "/login")], not_repeated()),
        effect(
            "redirects-to-a-password",
            vec![moved("302 Found", "http://user:hunter2@127.0.0.1/login")],
            not_repeated(),
        ),
        effect(
            "answers-204-with-a-body",
            vec![answer("204 No Content", "Content-Length: 4\r\n", b"body")],
            done(),
        ),
        effect(
            "answers-twice",
            vec![
                answer("200 OK", "Content-Length: 0\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                Hang,
            ],
            done(),
        ),
        // The second answer is not taken for the one to this.
        effect("answers-nothing-after-that", vec![], failed(&[])),
        effect(
            "claims-to-be-compressed",
            vec![answer("200 OK", "Content-Encoding: gzip\r\nContent-Length: 3\r\n", b"\x1f\x8b\x08")],
            done(),
        ),
        effect("is-in-conflict-at-once", vec![answer("409 Conflict", empty, b"")], refused(&["409"])),
        effect(
            "asks-to-wait-until-1994",
            vec![answer("503 Busy", &format!("Retry-After: Sun Nov  6 08:49:37 1994\r\n{empty}"), b"")],
            failed(&["503"]),
        ),
    ]
}

fn handler() -> Vec<Partner> {
    let handler = |name, answers, outcome| Partner::new(name, Requester::Handler, answers, outcome);
    vec![
        handler("tells-a-handler-nothing", vec![], logged(&["ErrorCode::"])),
        handler(
            "tells-a-handler-garbage",
            vec![Bytes(b"\0\xff\x16\x03".repeat(100))],
            logged(&["ErrorCode::"]),
        ),
        handler("keeps-a-handler-waiting", vec![Hang], logged(&[])),
        handler(
            "sends-a-handler-a-body-without-end",
            vec![bytes("HTTP/1.1 200 OK\r\n\r\n"), Flood(vec![b'x'; 8192])],
            logged(&["200 then"]),
        ),
        handler(
            "sends-a-handler-half-a-body",
            vec![bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")],
            logged(&["200 then"]),
        ),
        handler(
            "redirects-a-handler-for-ever",
            vec![answer("307 Temporary Redirect", "Location: /\r\nContent-Length: 0\r\n", b"")],
            logged(&["ErrorCode::"]),
        ),
    ]
}

fn email() -> Vec<Partner> {
    let email = |name, answers, outcome| Partner::new(name, Requester::Email, answers, outcome);
    let hello = || vec![bytes("220 test ESMTP\r\n"), Line, bytes("250 test\r\n"), Line];
    let after_hello = |steps: Vec<Reply>| [hello(), steps].concat();
    let after_data = |steps: Vec<Reply>| {
        let ok = || [bytes("250 ok\r\n"), Line];
        [hello(), ok().to_vec(), ok().to_vec(), vec![bytes("354 go on\r\n")], steps].concat()
    };
    vec![
        email("takes-no-connection", vec![], failed(&[])),
        email("greets-with-garbage", vec![Bytes(b"\0\xff\x16\x03\r\n".repeat(100)), Hang], failed(&[])),
        email("greets-for-ever", vec![Flood(b"220-hello\r\n".repeat(100))], failed(&[])),
        email("greets-with-a-line-without-end", vec![Flood(vec![b'2'; 8192])], failed(&[])),
        email("never-greets", vec![Hang], failed(&[])),
        email("refuses-the-host", vec![bytes("554 go away\r\n"), Hang], failed(&["554"])),
        email(
            "refuses-the-sender",
            after_hello(vec![bytes("550 not you\r\n"), Line, bytes("221 bye\r\n")]),
            refused(&["550"]),
        ),
        email(
            "refuses-the-sender-and-hangs",
            after_hello(vec![bytes("550 not you\r\n"), Hang]),
            refused(&["550"]),
        ),
        email(
            "refuses-the-recipient-and-hangs",
            after_hello(vec![bytes("250 ok\r\n"), Line, bytes("550 nobody here\r\n"), Hang]),
            refused(&["550"]),
        ),
        email(
            "has-the-recipient-wait",
            after_hello(vec![bytes("250 ok\r\n"), Line, bytes("451 later\r\n"), Hang]),
            failed(&["451"]),
        ),
        email(
            "answers-the-sender-twice",
            after_hello(vec![bytes("250 ok\r\n250 ok\r\n"), Line, bytes("250 ok\r\n"), Line, Hang]),
            failed(&["said 250 where 354 is due"]),
        ),
        email(
            "answers-with-controls",
            after_hello(vec![bytes("550 \u{1b}[31m\u{0}\r\n"), Line, bytes("221 bye\r\n")]),
            refused(&["550"]),
        ),
        email(
            "offers-extensions-for-ever",
            vec![bytes("220 test ESMTP\r\n"), Line, Flood(b"250-X-MORE\r\n".repeat(100))],
            failed(&[]),
        ),
        email("vanishes-after-data", after_data(vec![]), failed(&[])),
        email("never-takes-the-text", after_data(vec![Hang]), failed(&[])),
    ]
}

async fn check(rows: Vec<Partner>) {
    let servers = Servers { http: serve(true).await, smtp: serve(false).await };
    let dir = bystander::host_dir(&format!(
        "[effects]\nattempts_max = 1\n[http]\ntimeout_ms = 1000\nanswer_max_bytes = 65536\n\
         [email]\nsmtp = \"smtp://{}\"\nfrom = \"host@example.gn\"\ntimeout_ms = 1000\n\
         [plugin.outbox]\nevents = [\"ask\"]\nhttp = [\"http://{}\"]\nemail = [\"*\"]\n\
         [plugin.http-client]\nattempts_max = 1\nhttp = [\"http://{}\"]\ncall_timeout_ms = 10_000\n",
        servers.smtp.address, servers.http.address, servers.http.address
    ));
    dir.install("outbox", &guest("outbox"));
    dir.install("http-client", &guest("http-client"));
    let undisturbed = bystander::host_dir("");
    let (host, undisturbed) = tokio::join!(dir.start(), undisturbed.start());
    let bystander = Bystander::measure(&host, &undisturbed).await;
    bystander.check_rows(rows.iter().map(|row| (row.name, row.check(&host, &servers)))).await;
}

#[tokio::test]
async fn a_hostile_response_to_an_effect_ends_its_attempt() {
    check(http()).await;
}

#[tokio::test]
async fn a_response_to_another_request_is_not_taken_for_the_effects() {
    check(misleading()).await;
}

#[tokio::test]
async fn a_hostile_response_to_a_handler_ends_its_request() {
    check(handler()).await;
}

#[tokio::test]
async fn a_hostile_mail_server_ends_an_attempt() {
    check(email()).await;
}
