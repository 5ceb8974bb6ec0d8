//! Forms that real senders use: paths, headers, JSON.

use tokio::io::AsyncWriteExt as _;

use super::{connect, head, starts, until_closed};
use crate::support::{Event, HostDir, RunningHost, SECRET, sign};

/// Sends a body, signed, and reads the answer.
async fn send(host: &RunningHost<'_>, body: &[u8], more: &str) -> String {
    let text = String::from_utf8_lossy(body);
    assert_eq!(text.as_bytes(), body, "bodies of these tests are UTF-8");
    let mut stream = connect(host).await;
    let head = head(&text, &format!("Content-Length: {}\r\nConnection: close\r\n{more}", body.len()));
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    until_closed(&mut stream).await
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_path_changes_nothing() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for (path, code) in
        [("moncreneau/", 202), ("moncreneau", 202), ("moncreneau//", 404), ("moncreneau/x", 404)]
    {
        let event = Event::created(&format!("evt_{}", path.len()));
        let signature = sign(SECRET, &event.body);
        let answer = host.post(path, &event.body, &[("X-Moncreneau-Signature", &signature)]).await;
        assert_eq!(answer.code, code, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_content_coding_that_is_not_supported_is_named() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let body = Event::created("evt_1").body;
    for coding in ["gzip", "br", "identity, deflate", "x\"y"] {
        let answer = send(&host, body.as_bytes(), &format!("Content-Encoding: {coding}\r\n")).await;
        starts(&answer, 415);
        let named = coding.rsplit(' ').next().unwrap().replace('"', "\\\"");
        assert!(answer.contains(&format!("Content-Encoding `{named}`")), "{answer}");
        assert!(answer.contains("accept-encoding: identity"), "{answer}");
    }
    starts(&send(&host, body.as_bytes(), "Content-Encoding: Identity\r\n").await, 202);
}

#[tokio::test]
async fn no_request_follows_one_with_chunks_on_the_same_connection() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let body = Event::created("evt_1").body;
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for lengths in ["", "Content-Length: 4\r\n"] {
        for head in [
            format!("{lengths}Transfer-Encoding: chunked\r\n"),
            format!("Transfer-Encoding: chunked\r\n{lengths}"),
        ] {
            let mut stream = connect(&host).await;
            let smuggled = "GET /webhooks/moncreneau HTTP/1.1\r\nHost: test\r\n\r\n";
            stream
                .write_all(format!("{}{chunks}{smuggled}", super::head(&body, &head)).as_bytes())
                .await
                .unwrap();
            let text = until_closed(&mut stream).await;
            assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
            assert!(text.starts_with("HTTP/1.1 20") && text.contains("connection: close"), "{text}");
        }
    }
}

#[tokio::test]
async fn bodies_in_unusual_encodings_are_events() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let with = |id: &str, rest: &str| format!(r#"{{"id":"{id}","type":"a.b"{rest}}}"#);
    for (id, body) in [
        ("mark", format!("\u{feff}{}", with("mark", ""))),
        ("spaces", format!("\r\n\t {} \n", with("spaces", ""))),
        ("zeros", format!("{}\0\0", with("zeros", ""))),
        ("value", with("value", r#","data":{"object":{"name":"Jean \ud83d"}}"#)),
        ("key", with("key", r#","\udfff":{},"data":{"\ud800":1}"#)),
        ("twice", with("once", r#","id":"twice""#)),
        ("7", r#"{"id":7,"type":"a.b"}"#.to_owned()),
        ("7.0", r#"{"id":7.0,"type":"a.b"}"#.to_owned()),
        ("deep", with("deep", &format!(r#","x":{}{}"#, "[".repeat(50_000), "]".repeat(50_000)))),
        ("huge", with("huge", &format!(r#","x":1{}"#, "0".repeat(100_000)))),
    ] {
        starts(&send(&host, body.as_bytes(), "").await, 202);
        let (code, event) = host.api_get(&format!("/api/v1/events/moncreneau/{id}")).await;
        assert_eq!(code, 200, "{id}: {event}");
        // It is known by the bytes that were signed.
        starts(&send(&host, body.as_bytes(), "").await, 200);
    }
}

#[tokio::test]
async fn a_timestamp_in_any_form_becomes_rfc_3339() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for (id, created, expected) in [
        ("text", r#""2026-01-21T14:30:00+01:00""#, Some("2026-01-21T14:30:00+01:00")),
        ("seconds", "1769005800", Some("2026-01-21T14:30:00Z")),
        ("milliseconds", "1769005800250", Some("2026-01-21T14:30:00.25Z")),
        ("local", r#""2026-01-21 14:30:00""#, Some("2026-01-21T14:30:00Z")),
        ("mail", r#""Wed, 21 Jan 2026 14:30:00 GMT""#, Some("2026-01-21T14:30:00Z")),
        ("word", r#""yesterday""#, None),
        ("zero", "0", None),
        ("object", "{}", None),
        ("surrogate", r#""\ud83d""#, None),
    ] {
        let body = format!(r#"{{"id":"{id}","type":"a.b","created":{created}}}"#);
        starts(&send(&host, body.as_bytes(), "").await, 202);
        let event = host.event(id).await.unwrap();
        let shown = event["created"].as_str().unwrap();
        let received = hookyard::event::rfc3339(event["received_at"].as_u64().unwrap());
        assert_eq!(shown, expected.unwrap_or(&received), "{id}");
    }
}

#[tokio::test]
async fn a_captured_request_does_not_run_again_after_its_id_is_pruned() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let captured = Event::created("evt_1");
    assert_eq!(host.send(&captured).await.code, 202);
    host.terminate();
    assert!(host.wait_exit().await.success());
    // Sixty days later both are pruned. The newest ids would stay: there are none that are newer here.
    dir.alter(
        "UPDATE _sqlx_migrations SET installed_on = datetime(installed_on, '-60 days');
         DELETE FROM event; DELETE FROM idempotency_key",
    )
    .await;
    let host = dir.start().await;
    for _ in 0..2 {
        let answer = host.send(&captured).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (401, "unauthorized"), "{answer:?}");
        assert!(answer.reason().contains("2026-01-21T14:30:00Z, which is too old"), "{answer:?}");
        host.wait_log(&["rejected: the signature is valid, but the event is too old"]).await;
    }
    assert!(host.event("evt_1").await.is_none());
    let sent = dir.run(&["event", "send", "appointment.created"]);
    assert_eq!(sent.code, 0, "{sent:?}");
}
