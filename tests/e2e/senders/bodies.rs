//! What bodies hold in memory while they are on their way.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{answer, connect, head, request, starts, with};
use crate::support::{Event, RunningHost, wait_until};

const MIB: usize = 1024 * 1024;

/// The most memory that a host has had so far, in bytes.
fn peak_bytes(host: &RunningHost<'_>) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A connection with a body that lacks its last byte, and no valid signature.
async fn unfinished(host: &RunningHost<'_>, bytes: usize) -> TcpStream {
    let mut stream = connect(host).await;
    let head = head("", &format!("Content-Length: {}\r\n", bytes + 1));
    // It may be refused before all of it is sent.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.write_all(&vec![b' '; bytes])).await;
    stream
}

/// An event whose body has about this size.
fn large_event(id: &str, bytes: usize) -> Event {
    Event::with_payload("large.event", id, &serde_json::json!({ "text": "x".repeat(bytes) }))
}

#[tokio::test]
async fn unfinished_bodies_stay_within_their_budget() {
    let budget = 4 * MIB;
    let dir = with(&format!("bodies_max_bytes = {budget}\nconnections_per_peer_max = 0\n"));
    let host = dir.start().await;
    assert_eq!(host.send(&large_event("evt_before", 900_000)).await.code, 202);
    let before = peak_bytes(&host);
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(unfinished(&host, 900_000).await);
    }
    let grown = peak_bytes(&host).saturating_sub(before);
    // Beside the budget, each connection has a buffer of up to 64 KiB, and the allocator keeps what threads freed.
    let allowed = budget + 100 * 64 * 1024 + 32 * MIB;
    assert!(grown < allowed, "{grown} bytes for 90 MB of unfinished bodies");
    // Small events are taken at any moment, and large ones as soon as others have been on their way for long.
    assert_eq!(host.send(&Event::created("evt_small")).await.code, 202);
    wait_until("a large event is taken", async || {
        let answer = host.send(&large_event("evt_large", 900_000)).await;
        assert!(matches!(answer.code.as_u16(), 202 | 429), "{answer:?}");
        (answer.code == 202).then_some(())
    })
    .await;
    drop(slow);
    assert_eq!(host.send(&large_event("evt_after", 900_000)).await.code, 202);
}

#[tokio::test]
async fn an_evicted_body_is_answered_with_retry_after() {
    let dir = with("body_max_bytes = 1000000\nbodies_max_bytes = 2000000\n");
    let host = dir.start().await;
    let mut first = unfinished(&host, 900_000).await;
    let _second = unfinished(&host, 500_000).await;
    let taken = wait_until("there is room for a third", async || {
        let answer = host.send(&large_event("evt_1", 900_000)).await;
        (answer.code == 202).then_some(answer)
    })
    .await;
    assert_eq!(taken.status(), "accepted");
    let text = answer(&mut first).await;
    starts(&text, 429);
    assert!(text.contains("retry-after: 1") && text.contains(r#""status":"overloaded""#), "{text}");
}

#[tokio::test]
async fn a_large_announced_length_without_data_takes_no_memory() {
    let dir = with("bodies_max_bytes = 2097152\nconnections_per_peer_max = 0\n");
    let host = dir.start().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut stream = connect(&host).await;
        stream.write_all(head("", "Content-Length: 1000000\r\n").as_bytes()).await.unwrap();
        silent.push(stream);
    }
    assert_eq!(host.send(&large_event("evt_1", 900_000)).await.code, 202);
    // What is stored is no longer a body.
    for number in 2..6 {
        assert_eq!(host.send(&large_event(&format!("evt_{number}"), 900_000)).await.code, 202);
    }
    let mut last = connect(&host).await;
    last.write_all(request(&large_event("evt_last", 900_000)).as_bytes()).await.unwrap();
    starts(&answer(&mut last).await, 202);
    drop(silent);
}
