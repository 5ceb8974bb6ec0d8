//! Requests within a handler's call, `wasi:http/outgoing-handler`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Event, HostDir, Partner, Reply, RunningHost, guest};

/// A host whose plugin `http-client` has these grants, settings after them, and other sections.
fn host_dir(http: &[&str], more: &str) -> HostDir {
    let dir = HostDir::new(&format!("[plugin.http-client]\nattempts_max = 1\nhttp = {http:?}\n{more}"));
    dir.install("http-client", &guest("http-client"));
    dir
}

/// Sends an event with these requests, and returns the attempt.
async fn attempt(host: &RunningHost<'_>, id: &str, requests: Value) -> Value {
    host.send(&Event::with_payload("fetch.now", id, &json!({ "requests": requests }))).await;
    host.wait_finished(id).await["deliveries"][0]["attempts"][0].clone()
}

/// Likewise, the lines it logged.
async fn lines(host: &RunningHost<'_>, id: &str, requests: Value) -> Vec<String> {
    let attempt = attempt(host, id, requests).await;
    assert_eq!(attempt["outcome"], "done", "{attempt}");
    let lines = attempt["logs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
    lines.filter(|line| !line.starts_with("DEBUG ")).collect()
}

fn to(partner: &Partner) -> String {
    partner.origin().replace("http://", "")
}

#[tokio::test]
async fn a_handler_receives_responses_within_its_call() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        "/old" => Reply::redirect(307, "/new"),
        "/gone" => Reply::redirect(302, "/new"),
        _ => Reply::text(201, &format!("{} {}", asked.method, asked.text())),
    })
    .await;
    let dir = host_dir(&[&partner.origin()], "");
    let host = dir.start().await;
    let requests = json!([
        { "method": "POST", "host": to(&partner), "path": "/a?b=1", "body": "été", "headers": { "x-own": "1" } },
        { "method": "POST", "host": to(&partner), "path": "/old", "body": "again" },
        { "method": "POST", "host": to(&partner), "path": "/gone", "body": "once" },
        { "host": to(&partner), "path": "/gone" },
        { "host": to(&partner), "headers": { "host": "other.example" } },
        { "host": to(&partner), "headers": { "proxy-authorization": "x" } },
    ]);
    let told = lines(&host, "evt", requests).await;
    let refused = |name| format!("INFO {name}: HeaderError::Forbidden");
    let expected = [
        "INFO 201 POST été",
        "INFO 201 POST again",
        // The redirect would become a GET, so the handler decides.
        "INFO 302 ",
        "INFO 201 GET ",
        &refused("host"),
        &refused("proxy-authorization"),
    ];
    assert_eq!(told, expected);
    let asked = partner.requests();
    let first = asked.iter().find(|asked| asked.path == "/a?b=1").unwrap();
    assert_eq!((first.header("x-own"), first.header("host")), ("1", to(&partner).as_str()));
    assert!(first.header("user-agent").starts_with("hookyard/"), "{first:?}");
    assert_eq!(first.header("idempotency-key"), "");
}

#[tokio::test]
async fn a_request_without_a_grant_is_an_error_and_a_line_that_names_the_grant() {
    let partner = Partner::start(|_, _| Reply::text(200, "reached")).await;
    let name = format!("http://localhost:{}", partner.port());
    let dir = host_dir(&[&name], "");
    let host = dir.start().await;
    let named = name.replace("http://", "");
    let told = lines(&host, "evt_a", json!([{ "host": to(&partner) }])).await;
    let missing =
        format!("WARN http: {} is not granted: add it to `http` in [plugin.http-client]", partner.origin());
    assert_eq!(told, [missing.as_str(), "INFO ErrorCode::HttpRequestDenied"]);
    let told = lines(&host, "evt_b", json!([{ "host": named }])).await;
    assert!(
        told[0].contains("resolves to an internal address") && told[0].contains("[plugin.http-client]"),
        "{told:?}"
    );
    assert_eq!(told[1], "INFO ErrorCode::DestinationIpProhibited");
    assert!(partner.requests().is_empty());
}

#[tokio::test]
async fn a_failure_after_a_granted_request_is_retried_though_an_earlier_one_was_denied() {
    let partner = Partner::start(|_, _| Reply::text(503, "busy")).await;
    let dir = host_dir(&[&partner.origin()], "");
    let host = dir.start().await;
    let (denied, granted) = (json!({ "host": "169.254.169.254" }), json!({ "host": to(&partner) }));
    for (id, requests, outcome) in
        [("evt_past", json!([denied, granted]), "retry"), ("evt_last", json!([denied]), "rejected")]
    {
        host.send(&Event::with_payload("fetch.retry", id, &json!({ "requests": requests }))).await;
        let attempt = host.wait_finished(id).await["deliveries"][0]["attempts"][0].clone();
        assert_eq!(attempt["outcome"], outcome, "{attempt}");
    }
}

#[tokio::test]
async fn request_and_response_sizes_are_limited() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        // With its length in front, and without.
        "/large" => Reply::text(200, &"x".repeat(20_000)),
        _ => Reply::text(200, "small"),
    })
    .await;
    let limits = "[http]\nrequest_max_bytes = 10000\nanswer_max_bytes = 10000\n";
    let dir = host_dir(&[&partner.origin()], limits);
    let host = dir.start().await;
    let post = |path: &str, fill: usize| json!([{ "method": "POST", "host": to(&partner), "path": path, "fill": fill }]);
    assert_eq!(lines(&host, "evt_fits", post("/", 10_000)).await, ["INFO 200 small"]);
    let told = lines(&host, "evt_request", post("/", 10_001)).await;
    assert!(told[0].contains("10000 bytes (http.request_max_bytes)"), "{told:?}");
    assert_eq!(told[1], "INFO ErrorCode::HttpRequestBodySize(None)");
    let told = lines(&host, "evt_answer", post("/large", 0)).await;
    assert!(told[0].contains("10000 bytes (http.answer_max_bytes)"), "{told:?}");
    assert_eq!(told[1], "INFO ErrorCode::HttpResponseBodySize(None)");
}

#[tokio::test]
async fn a_request_ends_at_the_calls_deadline_and_their_number_is_limited() {
    let partner = Partner::start(|_, _| Reply::Hang).await;
    let dir = host_dir(&[&partner.origin()], "call_timeout_ms = 2000\n");
    let host = dir.start().await;
    let started = Instant::now();
    let hanging = attempt(&host, "evt_hang", json!([{ "host": to(&partner) }])).await;
    assert_eq!(hanging["cause"], "timeout", "{hanging}");
    assert!(started.elapsed() < Duration::from_secs(20));
    let many: Vec<Value> = (0..40).map(|_| json!({ "host": to(&partner) })).collect();
    let many = attempt(&host, "evt_many", json!(many)).await;
    assert!(many["logs"].to_string().contains("32 requests under way"), "{many}");
}

#[tokio::test]
async fn requests_left_open_by_a_reused_instance_end_with_it() {
    let partner = Partner::start(|_, _| Reply::Hang).await;
    let dir = host_dir(&[&partner.origin()], "instances = \"reused\"\n");
    let host = dir.start().await;
    for (event_type, id, call) in [
        ("fetch.now", "evt_a", "DEBUG call 1"),
        ("fetch.now", "evt_b", "DEBUG call 2"),
        ("fetch.leave", "evt_c", "DEBUG call 3"),
        ("fetch.now", "evt_d", "DEBUG call 1"),
    ] {
        let asks = event_type == "fetch.leave";
        let requests = if asks { json!([{ "host": to(&partner) }]) } else { json!([]) };
        host.send(&Event::with_payload(event_type, id, &json!({ "requests": requests }))).await;
        let event = host.wait_finished(id).await;
        assert_eq!(event["deliveries"][0]["attempts"][0]["logs"], json!([call]), "{id}: {event}");
    }
}

#[tokio::test]
async fn a_machine_without_certificates_starts_with_a_warning() {
    let partner = Partner::start(|_, _| Reply::text(200, "ok")).await;
    let secure = format!("https://{}", to(&partner));
    let email = "[email]\nsmtp = \"smtps://mail.example\"\nfrom = \"a@example.gn\"\n";
    let dir = host_dir(&[&partner.origin(), &secure], email);
    let mut command = dir.command(&["serve"]);
    command.env("SSL_CERT_FILE", dir.path("none.pem")).env("SSL_CERT_DIR", dir.path("none"));
    let host = dir.start_with(command).await;
    let told = lines(&host, "evt", json!([{ "host": to(&partner) }])).await;
    assert_eq!(told, ["INFO 200 ok"]);
    let told = lines(&host, "evt_tls", json!([{ "scheme": "https", "host": to(&partner) }])).await;
    assert!(
        told[0].contains(&secure)
            && told[0].contains("TLS on this machine")
            && told[0].contains("No CA certificates"),
        "{told:?}"
    );
    assert_eq!(told[1], "INFO ErrorCode::ConfigurationError");
}
