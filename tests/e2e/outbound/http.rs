//! Effects over HTTP.

use std::time::{Duration, Instant};

use hookyard::config::Secret;
use hookyard::effect::{EffectOutcome, Progress};
use hookyard::outbound::{EffectContext, EffectResult};
use hookyard::secrets::Mask;

use super::{grants, nobody, outbound, request, send};
use crate::support::{HostDir, Partner, ReceivedRequest, Reply};

/// One attempt at a `POST` of `body` to this partner.
async fn sent(partner: &Partner, path: &str) -> EffectResult {
    let out = outbound(&[], |_| {});
    send(
        &out,
        &grants(&[&partner.origin()], &[]),
        "00ff.1",
        &request("POST", &format!("{}{path}", partner.origin()), "body"),
    )
    .await
}

#[tokio::test]
async fn a_request_arrives_unchanged_with_its_key() {
    let partner = Partner::start(|_, _| Reply::text(204, "")).await;
    let mut asked = request("put", &format!("{}/a%20b?q=1#top", partner.origin()), "été");
    asked.headers = vec![("Authorization".into(), "Bearer x".into()), ("X-Twice".into(), "1".into())];
    asked.headers.push(("x-twice".into(), "2".into()));
    let out = outbound(&[], |_| {});
    let sent = send(&out, &grants(&[&partner.origin()], &[]), "00ff.1", &asked).await;
    let detail = "204 No Content".into();
    assert_eq!(sent, EffectResult { outcome: EffectOutcome::Done, detail, after: None, progress: None });
    let [got]: [ReceivedRequest; 1] = partner.requests().try_into().unwrap();
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
async fn the_response_status_decides_the_outcome() {
    use EffectOutcome::{Done, Refused, Retry};
    for (status, outcome, detail) in [
        (201, Done, "201 Created"),
        (400, Refused, "400 Bad Request: no such number"),
        (429, Retry, "429 Too Many Requests: no such number"),
        (500, Retry, "500 Internal Server Error: no such number"),
    ] {
        let partner = Partner::start(move |_, _| Reply::text(status, " no such\r\n\tnumber\0 ")).await;
        let sent = sent(&partner, "/send?key=s3cret").await;
        assert_eq!((sent.outcome, sent.detail.as_str()), (outcome, detail));
    }
}

#[tokio::test]
async fn the_beginning_of_a_long_response_is_recorded() {
    let partner = Partner::start(|_, _| Reply::text(400, &"né".repeat(1_000_000))).await;
    let sent = sent(&partner, "/").await;
    assert!(sent.detail.starts_with("400 Bad Request: nén") && sent.detail.len() < 540, "{sent:?}");
    assert!(sent.detail.ends_with('…'), "{sent:?}");
}

#[tokio::test]
async fn retry_after_is_returned_when_the_effect_is_retried() {
    let past = "Sunday, 06-Nov-94 08:49:37 GMT";
    for (status, header, after) in
        [(503, "7", Some(7)), (429, "120", Some(120)), (503, past, Some(0)), (404, "7", None)]
    {
        let partner = Partner::start(move |_, _| Reply::text(status, "").with("retry-after", header)).await;
        assert_eq!(sent(&partner, "/").await.after, after.map(Duration::from_secs), "{status}");
    }
}

#[tokio::test]
async fn a_request_without_a_response_is_retried() {
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
        let sent = send(&out, &grants, "00ff.1", &asked).await;
        assert_eq!(sent.outcome, EffectOutcome::Retry, "{sent:?}");
        assert!(sent.detail.contains(part) && sent.detail.contains(&origin), "{part}: {sent:?}");
        assert!(!sent.detail.contains("s3cret") && started.elapsed() < Duration::from_secs(30), "{sent:?}");
    }
}

#[tokio::test]
async fn an_endless_response_counts_as_a_response() {
    // The head announces more bytes than follow.
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
    let sent = send(&out, &grants(&[&origin], &[]), "00ff.1", &request("POST", &origin, "x")).await;
    assert_eq!((sent.outcome, sent.detail.as_str()), (EffectOutcome::Done, "200 OK"));
    server.abort();
}

/// Two partners, of whom the first one redirects: `/302/PATH`, to the same path there or here.
async fn redirecting() -> (Partner, Partner) {
    let second = Partner::start(|_, _| Reply::text(200, "ok")).await;
    let other = second.origin();
    let first = Partner::start(move |_, asked| {
        let mut parts = asked.path.split('/').skip(1);
        let status = parts.next().and_then(|part| part.parse().ok()).unwrap_or(200);
        match parts.next() {
            Some("loop") => Reply::redirect(status, &asked.path),
            Some("there") => Reply::redirect(status, &format!("{other}/there?key=s3cret")),
            Some(here) => Reply::redirect(status, &format!("/{here}")),
            None => Reply::text(200, "ok"),
        }
    })
    .await;
    (first, second)
}

#[tokio::test]
async fn a_redirect_that_would_drop_method_or_body_is_a_failure_with_its_target() {
    let (first, second) = redirecting().await;
    let out = outbound(&[], |_| {});
    let grants = grants(&[&first.origin(), &second.origin()], &[]);
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for (status, path, to) in [
            ("301 Moved Permanently", "/301/there", format!("{}/there", second.origin())),
            ("302 Found", "/302/here", format!("{}/here", first.origin())),
            ("303 See Other", "/303/there", format!("{}/there", second.origin())),
        ] {
            let before = first.request_count();
            let asked = request(method, &format!("{}{path}", first.origin()), "body");
            let sent = send(&out, &grants, "00ff.1", &asked).await;
            let detail = format!("{status}: {method} is not repeated at the redirect's target {to}");
            assert_eq!((sent.outcome, sent.detail), (EffectOutcome::Refused, detail));
            assert_eq!((first.request_count() - before, second.request_count()), (1, 0), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_redirect_that_keeps_the_request_is_followed() {
    let (first, second) = redirecting().await;
    let out = outbound(&[], |config| config.http.redirects_max = 3);
    let grants = grants(&[&first.origin(), &second.origin()], &[]);
    let sent = async |method: &str, path: &str| {
        let body = if matches!(method, "GET" | "HEAD") { "" } else { "body" };
        let mut asked = request(method, &format!("{}{path}", first.origin()), body);
        asked.headers.push(("authorization".into(), "Bearer x".into()));
        asked.headers.push(("x-api-key".into(), "k".into()));
        send(&out, &grants, "00ff.1", &asked).await
    };
    for (method, path, to_other) in [
        ("GET", "/301/here", false),
        ("GET", "/303/there", true),
        ("HEAD", "/302/here", false),
        ("POST", "/307/here", false),
        ("PUT", "/308/there", true),
    ] {
        let by = if to_other { &second } else { &first };
        let made = sent(method, path).await;
        assert_eq!(
            (made.outcome, made.detail),
            (EffectOutcome::Done, format!("200 OK from {}", by.origin()))
        );
        let got = by.requests().pop().unwrap();
        let body = if matches!(method, "GET" | "HEAD") { "" } else { "body" };
        assert_eq!((got.method.as_str(), got.text()), (method, body), "{method} {path}");
        assert_eq!(got.header("idempotency-key"), "00ff.1");
        let credentials = if to_other { ("", "") } else { ("Bearer x", "k") };
        assert_eq!((got.header("authorization"), got.header("x-api-key")), credentials, "{method} {path}");
    }
    let before = first.request_count();
    let made = sent("POST", "/307/loop").await;
    assert_eq!((made.outcome, first.request_count() - before), (EffectOutcome::Refused, 4));
    assert!(made.detail.contains("http.redirects_max"), "{made:?}");
}

#[tokio::test]
async fn credentials_follow_a_redirect_to_an_origin_that_may_have_them() {
    let (first, second) = redirecting().await;
    let out = outbound(&[], |_| {});
    let mut grants = grants(&[&first.origin(), &second.origin()], &[]);
    grants.credentials.push(second.origin());
    let mut asked = request("POST", &format!("{}/307/there", first.origin()), "body");
    asked.headers.push(("x-api-key".into(), "k".into()));
    assert_eq!(send(&out, &grants, "00ff.1", &asked).await.outcome, EffectOutcome::Done);
    assert_eq!(second.requests().pop().unwrap().header("x-api-key"), "k");
}

#[tokio::test]
async fn with_redirects_disabled_the_redirect_is_the_response() {
    let partner = Partner::start(|_, _| Reply::redirect(307, "/after")).await;
    let out = outbound(&[], |config| config.http.redirects_max = 0);
    let asked = request("POST", &partner.origin(), "");
    let sent = send(&out, &grants(&[&partner.origin()], &[]), "00ff.1", &asked).await;
    assert_eq!((sent.outcome, partner.request_count()), (EffectOutcome::Refused, 1));
    assert!(
        sent.detail
            .starts_with("307 Temporary Redirect: POST is not repeated at the redirect's target http://"),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_conflict_is_retried_only_after_a_request_without_a_response() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        "/hang" => Reply::Hang,
        "/close" => Reply::Close,
        "/gateway" => Reply::text(504, ""),
        path => Reply::text(path[1..].parse().unwrap(), "still in progress"),
    })
    .await;
    let out = outbound(&[], |config| config.http.timeout_ms = 2000);
    let grants = grants(&[&partner.origin()], &[]);
    let mask = Mask::default();
    let sent = async |path: &str, progress: &Progress| {
        let asked = request("POST", &format!("{}{path}", partner.origin()), "x");
        out.send(
            &EffectContext { grants: &grants, mask: &mask, key: "00ff.1", progress, trace: None },
            &asked,
        )
        .await
    };
    let nothing = Progress::default();
    for (path, outcome) in
        [("/409", EffectOutcome::Refused), ("/423", EffectOutcome::Refused), ("/425", EffectOutcome::Retry)]
    {
        assert_eq!(sent(path, &nothing).await.outcome, outcome, "{path}");
    }
    for lost in ["/hang", "/close", "/gateway"] {
        let progress = sent(lost, &nothing).await.progress.unwrap();
        assert!(progress.unanswered, "{lost}");
        for (path, outcome) in [
            ("/409", EffectOutcome::Retry),
            ("/423", EffectOutcome::Retry),
            ("/425", EffectOutcome::Retry),
            ("/422", EffectOutcome::Refused),
            ("/200", EffectOutcome::Done),
        ] {
            assert_eq!(sent(path, &progress).await.outcome, outcome, "{lost} {path}");
        }
    }
    // Without a connection, the request cannot be in progress.
    let nobody = format!("http://{}", nobody());
    let asked = request("POST", &nobody, "x");
    assert_eq!(send(&out, &super::grants(&[&nobody], &[]), "00ff.1", &asked).await.progress, None);
}

#[tokio::test]
async fn secrets_are_redacted_in_a_response_before_it_is_truncated() {
    let secret = "a-key-of-some-length-that-nobody-may-see";
    let mask = Mask::new(&[("key".to_owned(), secret.to_owned())].into());
    let progress = Progress::default();
    let shown = async |text: String| {
        let partner = Partner::start(move |_, _| Reply::text(400, &text)).await;
        let grants = grants(&[&partner.origin()], &[]);
        let context =
            EffectContext { grants: &grants, mask: &mask, key: "00ff.1", progress: &progress, trace: None };
        outbound(&[], |_| {}).send(&context, &request("POST", &partner.origin(), "x")).await.detail
    };
    // Around every place at which something could be cut.
    for before in (470..=500).step_by(3).chain(16_340..=16_384).step_by(3) {
        for filler in ["x", " "] {
            let detail = shown(format!("{}{secret}", filler.repeat(before))).await;
            let part = (4..secret.len()).rev().find(|&length| detail.contains(&secret[..length]));
            assert_eq!(part, None, "{before} of {filler:?}: {detail}");
        }
    }
}

#[tokio::test]
async fn an_invalid_certificate_is_retried() {
    // A server without TLS has no certificate.
    let partner = Partner::start(|_, _| Reply::text(200, "")).await;
    let origin = partner.origin().replace("http:", "https:");
    let out = outbound(&[], |_| {});
    let sent = send(&out, &grants(&[&origin], &[]), "00ff.1", &request("POST", &origin, "")).await;
    assert_eq!(sent.outcome, EffectOutcome::Retry, "{sent:?}");
    assert!(sent.detail.contains(&origin) && partner.requests().is_empty(), "{sent:?}");
}

#[tokio::test]
async fn a_changed_configuration_applies_to_later_requests() {
    let partner = Partner::start(|_, _| Reply::Hang).await;
    let out = outbound(&[], |_| {});
    let mut config = hookyard::config::Config::default();
    config.http.timeout_ms = 50;
    out.configure(&config.http, &config.email);
    let sent =
        send(&out, &grants(&[&partner.origin()], &[]), "00ff.1", &request("POST", &partner.origin(), ""))
            .await;
    assert!(sent.detail.contains("within 50 ms"), "{sent:?}");
}

#[tokio::test]
async fn an_effect_that_is_signed_as_a_webhook_is_accepted_by_a_host_with_that_key() {
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let dir =
        HostDir::new(&format!("[sources.partner]\nscheme = \"standard-webhooks\"\nsecrets = [{key:?}]\n"));
    let host = dir.start().await;
    let out = outbound(&[], |_| {});
    let mut grants = grants(&[host.webhooks()], &[]);
    let url = format!("{}/webhooks/partner", host.webhooks());
    let paid = request("POST", &url, r#"{"type":"invoice.paid","data":1}"#);
    let unsigned = send(&out, &grants, "key.1", &paid).await;
    assert!(unsigned.detail.contains("401"), "{unsigned:?}");
    grants.webhooks.keys.push((host.webhooks().into(), Secret::new(key.into())));
    let sent = send(&out, &grants, "key.1", &paid).await;
    assert_eq!((sent.outcome, sent.detail.as_str()), (EffectOutcome::Done, "202 Accepted"));
    let again = send(&out, &grants, "key.1", &paid).await;
    assert_eq!(again.detail, "200 OK", "an attempt that is repeated has the same id, so it is a duplicate");
    let (code, event) = host.api_get("/api/v1/events/partner/key.1").await;
    assert_eq!((code.as_u16(), event["type"].as_str()), (200, Some("invoice.paid")), "{event}");
}
