//! Effects over HTTP.

use std::time::{Duration, Instant};

use hookyard::effect::TryOutcome;
use hookyard::outbound::Sent;

use super::{grants, nobody, outbound, request};
use crate::support::{Asked, Partner, Reply};

/// One try at a `POST` of `body` to this partner.
async fn sent(partner: &Partner, path: &str) -> Sent {
    let out = outbound(&[], |_| {});
    out.send(
        &grants(&[&partner.origin()], &[]),
        "00ff.1",
        &request("POST", &format!("{}{path}", partner.origin()), "body"),
    )
    .await
}

#[tokio::test]
async fn a_request_arrives_as_it_was_asked_for_with_its_key() {
    let partner = Partner::start(|_, _| Reply::of(204, "")).await;
    let mut asked = request("put", &format!("{}/a%20b?q=1#top", partner.origin()), "été");
    asked.headers = vec![("Authorization".into(), "Bearer x".into()), ("X-Twice".into(), "1".into())];
    asked.headers.push(("x-twice".into(), "2".into()));
    let out = outbound(&[], |_| {});
    let sent = out.send(&grants(&[&partner.origin()], &[]), "00ff.1", &asked).await;
    assert_eq!(sent, Sent { outcome: TryOutcome::Done, detail: "204 No Content".into(), after: None });
    let [got]: [Asked; 1] = partner.asked().try_into().unwrap();
    assert_eq!((got.method.as_str(), got.path.as_str(), got.text()), ("PUT", "/a%20b?q=1", "été"));
    for (name, value) in [
        ("idempotency-key", "00ff.1"),
        ("authorization", "Bearer x"),
        ("content-length", "5"),
        ("user-agent", concat!("hookyard/", env!("CARGO_PKG_VERSION"))),
        ("accept-encoding", ""),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    assert_eq!(got.headers.get_all("x-twice").iter().count(), 2);
}

#[tokio::test]
async fn the_answers_status_says_what_becomes_of_the_effect() {
    use TryOutcome::{Done, Refused, Retry};
    for (status, outcome, detail) in [
        (201, Done, "201 Created"),
        (400, Refused, "400 Bad Request: no such number"),
        (429, Retry, "429 Too Many Requests: no such number"),
        (500, Retry, "500 Internal Server Error: no such number"),
    ] {
        let partner = Partner::start(move |_, _| Reply::of(status, " no such\r\n\tnumber\0 ")).await;
        let sent = sent(&partner, "/send?key=s3cret").await;
        assert_eq!((sent.outcome, sent.detail.as_str()), (outcome, detail));
    }
}

#[tokio::test]
async fn of_a_long_answer_the_beginning_is_kept() {
    let partner = Partner::start(|_, _| Reply::of(400, &"né".repeat(1_000_000))).await;
    let sent = sent(&partner, "/").await;
    assert!(sent.detail.starts_with("400 Bad Request: nén") && sent.detail.len() < 540, "{sent:?}");
    assert!(sent.detail.ends_with('…'), "{sent:?}");
}

#[tokio::test]
async fn retry_after_is_passed_on_where_the_effect_is_tried_again() {
    for (status, header, after) in [(503, "7", Some(7)), (429, "120", Some(120)), (404, "7", None)] {
        let partner = Partner::start(move |_, _| Reply::of(status, "").with("retry-after", header)).await;
        assert_eq!(sent(&partner, "/").await.after, after.map(Duration::from_secs), "{status}");
    }
}

#[tokio::test]
async fn what_never_answers_is_tried_again() {
    let hanging = Partner::start(|_, _| Reply::Hang).await;
    let closing = Partner::start(|_, _| Reply::Close).await;
    let nobody = format!("http://{}", nobody());
    let out = outbound(&[], |config| config.http.timeout_ms = 300);
    let unknown = "http://unknown.example";
    let grants = grants(&[&hanging.origin(), &closing.origin(), &nobody, unknown], &[]);
    for (origin, part) in [
        (hanging.origin(), "within 300 ms (http.timeout_ms)"),
        (closing.origin(), "the connection to http://127.0.0.1:"),
        (nobody, "refused"),
        (unknown.into(), "http://unknown.example has no address"),
    ] {
        let (asked, started) = (request("POST", &format!("{origin}/path?key=s3cret"), "x"), Instant::now());
        let sent = out.send(&grants, "00ff.1", &asked).await;
        assert_eq!(sent.outcome, TryOutcome::Retry, "{sent:?}");
        assert!(sent.detail.contains(part) && sent.detail.contains(&origin), "{part}: {sent:?}");
        assert!(!sent.detail.contains("s3cret") && started.elapsed() < Duration::from_secs(30), "{sent:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_an_answer_all_the_same() {
    // The head says more than ever comes.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _request = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
        tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.unwrap();
        std::future::pending::<()>().await;
    });
    let out = outbound(&[], |_| {});
    let sent = out.send(&grants(&[&origin], &[]), "00ff.1", &request("POST", &origin, "x")).await;
    assert_eq!((sent.outcome, sent.detail.as_str()), (TryOutcome::Done, "200 OK"));
    server.abort();
}

#[tokio::test]
async fn redirects_are_followed_as_browsers_do() {
    let second = Partner::start(|_, _| Reply::of(200, "ok")).await;
    let other = second.origin();
    let first = Partner::start(move |_, asked| match asked.path.as_str() {
        "/302" => Reply::to(302, "/after"),
        "/307" => Reply::to(307, "/after"),
        "/308" => Reply::to(308, &other),
        "/loop" => Reply::to(302, "/loop"),
        _ => Reply::of(200, "ok"),
    })
    .await;
    let out = outbound(&[], |config| config.http.redirects_max = 3);
    let grants = grants(&[&first.origin(), &second.origin()], &[]);
    let post = async |path: &str| {
        let mut asked = request("POST", &format!("{}{path}", first.origin()), "body");
        asked.headers.push(("authorization".into(), "Bearer x".into()));
        out.send(&grants, "00ff.1", &asked).await
    };
    let last = |partner: &Partner| partner.asked().pop().unwrap();

    assert_eq!(post("/302").await.detail, format!("200 OK from {}", first.origin()));
    let got = last(&first);
    assert_eq!((got.method.as_str(), got.text(), got.header("authorization")), ("GET", "", "Bearer x"));

    assert_eq!(post("/307").await.outcome, TryOutcome::Done);
    let got = last(&first);
    assert_eq!((got.method.as_str(), got.text(), got.header("authorization")), ("POST", "body", "Bearer x"));

    assert_eq!(post("/308").await.outcome, TryOutcome::Done);
    let got = last(&second);
    assert_eq!((got.method.as_str(), got.text(), got.header("authorization")), ("POST", "body", ""));
    assert_eq!(got.header("idempotency-key"), "00ff.1");

    let before = first.asked().len();
    let sent = post("/loop").await;
    assert_eq!((sent.outcome, first.asked().len() - before), (TryOutcome::Refused, 4));
    assert!(sent.detail.contains("http.redirects_max"), "{sent:?}");
}

#[tokio::test]
async fn without_redirects_the_redirect_is_the_answer() {
    let partner = Partner::start(|_, _| Reply::to(302, "/after")).await;
    let out = outbound(&[], |config| config.http.redirects_max = 0);
    let sent =
        out.send(&grants(&[&partner.origin()], &[]), "00ff.1", &request("POST", &partner.origin(), "")).await;
    assert_eq!((sent.outcome, sent.detail.as_str()), (TryOutcome::Refused, "302 Found"));
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_tried_again() {
    // Whoever speaks no TLS proves nothing.
    let partner = Partner::start(|_, _| Reply::of(200, "")).await;
    let origin = partner.origin().replace("http:", "https:");
    let out = outbound(&[], |_| {});
    let sent = out.send(&grants(&[&origin], &[]), "00ff.1", &request("POST", &origin, "")).await;
    assert_eq!(sent.outcome, TryOutcome::Retry, "{sent:?}");
    assert!(sent.detail.contains(&origin) && partner.asked().is_empty(), "{sent:?}");
}

#[tokio::test]
async fn a_changed_configuration_holds_for_what_begins_then() {
    let partner = Partner::start(|_, _| Reply::Hang).await;
    let out = outbound(&[], |_| {});
    let mut config = hookyard::config::Config::default();
    config.http.timeout_ms = 50;
    out.configure(&config.http, &config.email);
    let sent =
        out.send(&grants(&[&partner.origin()], &[]), "00ff.1", &request("POST", &partner.origin(), "")).await;
    assert!(sent.detail.contains("within 50 ms"), "{sent:?}");
}
