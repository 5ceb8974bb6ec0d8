//! What a sender may not do: send too much, too slowly, or over too many connections; and what it is told
//! while nothing can be stored.

mod bodies;
mod forms;
mod peers;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Event, HostDir, LIMIT, RunningHost, SECRET, sign, wait_until};

/// The standard configuration with these keys in `[server]`.
fn with(server: &str) -> HostDir {
    with_more(server, "")
}

/// Likewise, with other sections after it.
fn with_more(server: &str, more: &str) -> HostDir {
    let dir = HostDir::new(more);
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    dir.replace("hookyard.toml", text.replacen("[server]\n", &format!("[server]\n{server}"), 1).as_bytes());
    dir
}

async fn connect(host: &RunningHost<'_>) -> TcpStream {
    TcpStream::connect(host.webhooks().strip_prefix("http://").unwrap()).await.unwrap()
}

/// Waits until the host has read all that was written to a connection (proc(5), `/proc/net/tcp`).
async fn is_read(stream: &TcpStream) {
    // `IP:PORT IP:PORT STATE SENT:UNREAD` in hexadecimal, after a number; the first address is the host's.
    let ports =
        [stream.peer_addr(), stream.local_addr()].map(|address| format!(":{:04X}", address.unwrap().port()));
    wait_until("the host has read it", async || {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let mut lines = sockets.lines().map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>());
        let socket = lines.find(|line| line[0].ends_with(&ports[0]) && line[1].ends_with(&ports[1]))?;
        socket[3].ends_with(":00000000").then_some(())
    })
    .await;
}

/// The head of a request with this body, signed.
fn head(body: &str, more: &str) -> String {
    format!(
        "POST /webhooks/moncreneau HTTP/1.1\r\nHost: test\r\nX-Moncreneau-Signature: {}\r\n{more}\r\n",
        sign(SECRET, body)
    )
}

/// Reads until the host closes the connection, and fails if it does not.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(LIMIT, stream.read_to_end(&mut bytes)).await;
    // A reset is an end as well.
    let _ = read.expect("the host closes the connection");
    String::from_utf8(bytes).unwrap()
}

/// One answer, of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with('}') {
        let mut bytes = [0; 4096];
        let read =
            tokio::time::timeout(LIMIT, stream.read(&mut bytes)).await.expect("an answer comes").unwrap();
        assert!(read > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    text
}

/// A signed request with this event.
fn request(event: &Event) -> String {
    format!("{}{}", head(&event.body, &format!("Content-Length: {}\r\n", event.body.len())), event.body)
}

fn starts(answer: &str, code: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{answer}");
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_accepted_and_one_byte_more_is_413_however_it_is_sent() {
    let event = Event::created("evt_1");
    let dir = with(&format!("body_max_bytes = {}\n", event.body.len()));
    let host = dir.start().await;
    let longer = format!("{} ", event.body);
    for (body, code) in [(&event.body, 202), (&longer, 413)] {
        let mut stream = connect(&host).await;
        let head = head(body, &format!("Content-Length: {}\r\nConnection: close\r\n", body.len()));
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        starts(&until_closed(&mut stream).await, code);
    }
    for (body, code) in [(&event.body, 200), (&longer, 413)] {
        let mut stream = connect(&host).await;
        let (first, second) = body.split_at(body.len() / 2);
        let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
        let head = head(body, "Transfer-Encoding: chunked\r\nConnection: close\r\n");
        stream.write_all(format!("{head}{chunks}").as_bytes()).await.unwrap();
        starts(&until_closed(&mut stream).await, code);
    }
}

#[tokio::test]
async fn a_body_announced_as_too_large_is_413_before_it_is_sent() {
    let dir = with("");
    let host = dir.start().await;
    let mut stream = connect(&host).await;
    stream.write_all(head("", "Content-Length: 99999999999\r\n").as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    starts(&answer, 413);
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn headers_above_their_limit_are_431() {
    let dir = with("header_max_bytes = 1024\n");
    let host = dir.start().await;
    let event = Event::created("evt_1");
    for (padding, code) in [(500, 202), (1024, 431), (200_000, 431)] {
        let mut stream = connect(&host).await;
        let padding = format!(
            "X-Padding: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
            "x".repeat(padding),
            event.body.len()
        );
        // Of what is far too long the host reads no more than it needs to know that.
        let _ = stream.write_all(format!("{}{}", head(&event.body, &padding), event.body).as_bytes()).await;
        let answer = until_closed(&mut stream).await;
        if padding.len() < 100_000 || !answer.is_empty() {
            starts(&answer, code);
        }
    }
    assert_eq!(host.send(&Event::created("evt_2")).await.code, 202);
}

#[tokio::test]
async fn unfinished_headers_end_with_a_closed_connection() {
    let dir = with("header_timeout_ms = 1000\nidle_timeout_ms = 1000\n");
    let host = dir.start().await;
    let mut silent = connect(&host).await;
    let mut slow = connect(&host).await;
    slow.write_all(b"POST /webhooks/moncreneau HTTP/1.1\r\nHost: te").await.unwrap();
    let mut between = connect(&host).await;
    let event = Event::created("evt_1");
    between.write_all(request(&event).as_bytes()).await.unwrap();
    starts(&answer(&mut between).await, 202);
    for stream in [&mut silent, &mut slow, &mut between] {
        let rest = until_closed(stream).await;
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 408"), "{rest}");
    }
    assert_eq!(host.send(&event).await.code, 200, "others are served");
}

#[tokio::test]
async fn an_unfinished_body_is_408_and_a_closed_connection() {
    let dir = with("body_timeout_ms = 1000\n");
    let host = dir.start().await;
    let event = Event::created("evt_1");
    for more in
        [format!("Content-Length: {}\r\n", event.body.len()), "Transfer-Encoding: chunked\r\n".to_owned()]
    {
        let mut slow = connect(&host).await;
        slow.write_all(head(&event.body, &more).as_bytes()).await.unwrap();
        let answer = until_closed(&mut slow).await;
        starts(&answer, 408);
        assert!(answer.contains(r#""status":"timeout""#), "{answer}");
    }
    assert!(host.event("evt_1").await.is_none());
    // One that goes away in the middle of its body leaves nothing behind.
    let mut gone = connect(&host).await;
    gone.write_all(head(&event.body, "Content-Length: 1000\r\n").as_bytes()).await.unwrap();
    gone.write_all(&event.body.as_bytes()[..10]).await.unwrap();
    drop(gone);
    assert_eq!(host.send(&event).await.code, 202);
}

#[tokio::test]
async fn a_database_that_cannot_write_is_503_and_not_ready_until_it_can() {
    let dir = HostDir::new("[database]\nbusy_timeout_ms = 100\n");
    let host = dir.start().await;
    let mut other = dir.lock_writes().await;
    let answer = host.send(&Event::created("evt_1")).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    // The answer of the database may be a second old.
    let not_ready = wait_until("it is not ready", async || {
        let ready = host.admin_get("/readyz", None).await;
        (ready.status() == 503).then_some(ready)
    })
    .await;
    assert_eq!(not_ready.headers()["content-type"], "application/problem+json");
    assert_eq!(host.admin_get("/healthz", None).await.status(), 200, "a restart would not help");
    assert!(host.event("evt_1").await.is_none(), "reading goes on, and nothing was stored");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(host.send(&Event::created("evt_1")).await.code, 202);
    wait_until("it is ready again", async || {
        (host.admin_get("/readyz", None).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn writes_above_their_queue_are_429_while_the_database_is_locked_and_none_is_lost() {
    let dir = HostDir::new("[database]\nbusy_timeout_ms = 3600000\n[dispatch]\nqueue_max = 2\n");
    let host = dir.start().await;
    let mut other = dir.lock_writes().await;
    // The writer has some in hand, two more wait behind it, and whoever comes then is told so at once:
    // nobody else can have an answer yet.
    let mut sends = Vec::new();
    wait_until("what finds no room is answered", async || {
        let (sender, event) = (host.sender(), Event::created(&format!("evt_{}", sends.len())));
        sends.push(tokio::spawn(async move { sender.try_send(&event).await.unwrap() }));
        sends.iter().any(tokio::task::JoinHandle::is_finished).then_some(())
    })
    .await;
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let (mut accepted, all) = (0, sends.len());
    for (number, send) in sends.into_iter().enumerate() {
        let answer = send.await.unwrap();
        let stored = host.event(&format!("evt_{number}")).await.is_some();
        match answer.code.as_u16() {
            202 => assert!(stored, "{answer:?}"),
            429 => assert!(!stored && answer.headers.contains_key("retry-after"), "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
        accepted += usize::from(stored);
    }
    assert!((2..all).contains(&accepted), "{accepted} of {all} were accepted");
    assert_eq!(host.send(&Event::created("evt_later")).await.code, 202);
}
