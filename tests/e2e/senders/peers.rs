//! Connections: how many, how long, and who gives way.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::{answer, connect, head, is_read, request, starts, until_closed, with, with_more};
use crate::support::{Event, LIMIT, RunningHost, wait_until};

/// Well below every timeout that the tests leave at its default.
const PROMPT: Duration = Duration::from_secs(8);

/// A connection from this address of the loopback, with a small receive buffer.
async fn connect_from(local: &str, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.bind(format!("{local}:0").parse().unwrap()).unwrap();
    socket.connect(address.strip_prefix("http://").unwrap().parse().unwrap()).await.unwrap()
}

/// Sends requests and reads no answer, until the host takes no more.
async fn clog(stream: &mut TcpStream, request: &str) {
    let requests = request.repeat(500);
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), stream.write_all(requests.as_bytes())).await
    {
        written.expect("the host does not close a connection that it can still write to");
    }
}

/// Waits until the host has closed a connection that its peer does not read from.
async fn is_closed(stream: &TcpStream) {
    wait_until("the connection is closed", async || match stream.try_write(b"x") {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(_) => Some(()),
        Ok(_) => None,
    })
    .await;
}

async fn is_accepted_promptly(host: &RunningHost<'_>, id: &str) {
    let began = Instant::now();
    assert_eq!(host.send(&Event::created(id)).await.code, 202);
    assert!(began.elapsed() < PROMPT, "{id} took {:?}", began.elapsed());
}

#[tokio::test]
async fn peers_that_never_read_do_not_block_others() {
    let dir = with("connections_max = 4\n");
    let host = dir.start().await;
    let get = "GET /webhooks/moncreneau HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut stuck = Vec::new();
    for _ in 0..4 {
        let mut stream = connect_from("127.0.0.1", host.webhooks()).await;
        clog(&mut stream, get).await;
        stuck.push(stream);
    }
    for number in 0..3 {
        is_accepted_promptly(&host, &format!("evt_{number}")).await;
    }
    is_closed(&stuck[0]).await;
    for number in 0..4 {
        let mut stream = connect_from("127.0.0.1", host.admin()).await;
        clog(&mut stream, &get.replace("webhooks/moncreneau", "healthz")).await;
        stuck.push(stream);
        assert_eq!(host.admin_get("/healthz", None).await.status(), 200, "{number}");
    }
}

#[tokio::test]
async fn a_peer_that_reads_no_response_is_closed_in_time() {
    let dir = with("write_timeout_ms = 300\n");
    let host = dir.start().await;
    for (address, path) in [(host.webhooks(), "/webhooks/moncreneau"), (host.admin(), "/healthz")] {
        let mut stream = connect_from("127.0.0.1", address).await;
        let get = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").repeat(1000);
        // Whether it takes the last of these depends on what the system buffers.
        while let Ok(Ok(())) =
            tokio::time::timeout(Duration::from_millis(100), stream.write_all(get.as_bytes())).await
        {}
        is_closed(&stream).await;
    }
}

#[tokio::test]
async fn the_last_response_of_a_connection_announces_its_end() {
    let dir = with("requests_per_connection_max = 3\n");
    let host = dir.start().await;
    let mut stream = connect(&host).await;
    let request = request(&Event::created("evt_1"));
    for code in [202, 200] {
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        starts(&answer, code);
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    stream.write_all(request.as_bytes()).await.unwrap();
    let last = until_closed(&mut stream).await;
    starts(&last, 200);
    assert!(last.contains("connection: close"), "{last}");
}

#[tokio::test]
async fn the_header_timeout_begins_with_the_request() {
    let dir = with("header_timeout_ms = 1000\nidle_timeout_ms = 60000\n");
    let host = dir.start().await;
    let event = Event::created("evt_1");
    let mut idle = connect(&host).await;
    idle.write_all(request(&event).as_bytes()).await.unwrap();
    starts(&answer(&mut idle).await, 202);
    // Others come and go in their time for a head.
    for _ in 0..2 {
        let mut slow = connect(&host).await;
        slow.write_all(b"POST /webhooks/moncreneau HTTP/1.1\r\n").await.unwrap();
        assert_eq!(until_closed(&mut slow).await, "");
    }
    idle.write_all(request(&event).as_bytes()).await.unwrap();
    starts(&answer(&mut idle).await, 200);
    // A later head has as much time as the first, from its first byte on.
    idle.write_all(b"POST ").await.unwrap();
    assert_eq!(until_closed(&mut idle).await, "");
}

#[tokio::test]
async fn a_head_sent_byte_by_byte_has_the_same_timeout() {
    let dir = with("header_timeout_ms = 300\n");
    let host = dir.start().await;
    let mut slow = connect(&host).await;
    let began = Instant::now();
    for byte in "POST /webhooks/moncreneau HTTP/1.1\r\nX: ".bytes().chain(std::iter::repeat(b'x')) {
        if slow.write_all(&[byte]).await.is_err() {
            break;
        }
        assert!(began.elapsed() < LIMIT, "it is closed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_for_a_new_one() {
    let dir = with("connections_max = 2\n");
    let host = dir.start().await;
    let request = request(&Event::created("evt_1"));
    let (mut first, mut second) = (connect(&host).await, connect(&host).await);
    for stream in [&mut first, &mut second] {
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(answer(stream).await.starts_with("HTTP/1.1 20"));
    }
    let mut third = connect(&host).await;
    third.write_all(request.as_bytes()).await.unwrap();
    starts(&answer(&mut third).await, 200);
    assert_eq!(until_closed(&mut first).await, "", "it has waited longest");
    second.write_all(request.as_bytes()).await.unwrap();
    starts(&answer(&mut second).await, 200);
}

#[tokio::test]
async fn busy_connections_are_not_closed_for_new_ones() {
    let dir = with_more("connections_max = 2\n", "[database]\nbusy_timeout_ms = 3600000\n");
    let host = dir.start().await;
    let mut locked = dir.lock_writes().await;
    let (mut first, mut second) = (connect(&host).await, connect(&host).await);
    for (number, stream) in [&mut first, &mut second].into_iter().enumerate() {
        stream.write_all(request(&Event::created(&format!("evt_{number}"))).as_bytes()).await.unwrap();
        is_read(stream).await;
    }
    let mut third = connect(&host).await;
    third.write_all(request(&Event::created("evt_2")).as_bytes()).await.unwrap();
    assert_eq!(host.admin_get("/healthz", None).await.status(), 200, "operators have places of their own");
    let nothing = third.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    sqlx::query("ROLLBACK").execute(&mut locked).await.unwrap();
    for stream in [&mut first, &mut second, &mut third] {
        starts(&answer(stream).await, 202);
    }
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let dir = with_more("connections_per_peer_max = 2\n", "[database]\nbusy_timeout_ms = 3600000\n");
    let host = dir.start().await;
    let mut locked = dir.lock_writes().await;
    let (mut first, mut second) = (connect(&host).await, connect(&host).await);
    for (number, stream) in [&mut first, &mut second].into_iter().enumerate() {
        stream.write_all(request(&Event::created(&format!("evt_{number}"))).as_bytes()).await.unwrap();
        is_read(stream).await;
    }
    // While the host works for both there is no place for a third one of this address, but for others.
    let refusal = wait_until("a third one is refused", async || {
        let text = until_closed(&mut connect(&host).await).await;
        text.starts_with("HTTP/1.1 429 ").then_some(text)
    })
    .await;
    assert!(refusal.contains("retry-after: 1") && refusal.ends_with('}'), "{refusal}");
    let mut other = connect_from("127.0.0.2", host.webhooks()).await;
    other.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    starts(&answer(&mut other).await, 404);
    sqlx::query("ROLLBACK").execute(&mut locked).await.unwrap();
    for stream in [&mut first, &mut second] {
        starts(&answer(stream).await, 202);
    }
    // Now they are idle, and the older one gives way.
    let mut third = connect(&host).await;
    third.write_all(request(&Event::created("evt_2")).as_bytes()).await.unwrap();
    let third = wait_until("the third one has a place", async || {
        let text = answer_or_end(&mut third).await;
        if !text.starts_with("HTTP/1.1 202 ") {
            third = connect(&host).await;
            third.write_all(request(&Event::created("evt_2")).as_bytes()).await.unwrap();
        }
        text.starts_with("HTTP/1.1 20").then_some(text)
    })
    .await;
    assert!(third.contains("evt_2"), "{third}");
}

/// An answer, or what came before the host closed the connection.
async fn answer_or_end(stream: &mut TcpStream) -> String {
    use tokio::io::AsyncReadExt as _;
    let mut text = String::new();
    while !text.ends_with('}') {
        let mut bytes = [0; 1024];
        match tokio::time::timeout(LIMIT, stream.read(&mut bytes)).await.expect("an answer or the end") {
            Ok(0) | Err(_) => break,
            Ok(read) => text.push_str(std::str::from_utf8(&bytes[..read]).unwrap()),
        }
    }
    text
}

#[tokio::test]
async fn unfinished_bodies_do_not_block_others() {
    let dir = with("connections_max = 4\n");
    let host = dir.start().await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&host).await;
        stream.write_all(head("", "Content-Length: 1000\r\n").as_bytes()).await.unwrap();
        stream.write_all(b"{").await.unwrap();
        slow.push(stream);
    }
    for number in 0..3 {
        is_accepted_promptly(&host, &format!("evt_{number}")).await;
    }
}
