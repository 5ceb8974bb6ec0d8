//! A handler's own requests, `wasi:http/outgoing-handler`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Bed, Event, Host, Partner, Reply, guest};

/// A host whose plugin `fetcher` has these grants, settings after them, and other sections.
fn bed(http: &[&str], more: &str) -> Bed {
    let bed = Bed::new(&format!("[plugin.fetcher]\nattempts_max = 1\nhttp = {http:?}\n{more}"));
    bed.install("fetcher", &guest("fetcher"));
    bed
}

/// Has the plugin make these requests, and tells how the attempt went.
async fn attempt(host: &Host<'_>, id: &str, requests: Value) -> Value {
    host.send(&Event::of("fetch.now", id, &json!({ "requests": requests }))).await;
    host.settled(id).await["deliveries"][0]["attempts"][0].clone()
}

/// Likewise, the lines it logged.
async fn lines(host: &Host<'_>, id: &str, requests: Value) -> Vec<String> {
    let attempt = attempt(host, id, requests).await;
    assert_eq!(attempt["outcome"], "done", "{attempt}");
    let lines = attempt["logs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
    lines.filter(|line| !line.starts_with("DEBUG ")).collect()
}

fn to(partner: &Partner) -> String {
    partner.origin().replace("http://", "")
}

#[tokio::test]
async fn a_handler_gets_answers_that_it_needs_now() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        "/old" => Reply::to(307, "/new"),
        "/gone" => Reply::to(302, "/new"),
        _ => Reply::of(201, &format!("{} {}", asked.method, asked.text())),
    })
    .await;
    let bed = bed(&[&partner.origin()], "");
    let host = bed.start().await;
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
        // It would be a GET: whoever asked decides.
        "INFO 302 ",
        "INFO 201 GET ",
        &refused("host"),
        &refused("proxy-authorization"),
    ];
    assert_eq!(told, expected);
    let asked = partner.asked();
    let first = asked.iter().find(|asked| asked.path == "/a?b=1").unwrap();
    assert_eq!((first.header("x-own"), first.header("host")), ("1", to(&partner).as_str()));
    assert!(first.header("user-agent").starts_with("hookyard/"), "{first:?}");
    assert_eq!(first.header("idempotency-key"), "");
}

#[tokio::test]
async fn what_is_not_granted_is_an_error_and_a_line_that_names_the_grant() {
    let partner = Partner::start(|_, _| Reply::of(200, "reached")).await;
    let name = format!("http://localhost:{}", partner.port());
    let bed = bed(&[&name], "");
    let host = bed.start().await;
    let named = name.replace("http://", "");
    let told = lines(&host, "evt_a", json!([{ "host": to(&partner) }])).await;
    let missing =
        format!("WARN http: {} is not granted: add it to `http` in [plugin.fetcher]", partner.origin());
    assert_eq!(told, [missing.as_str(), "INFO ErrorCode::HttpRequestDenied"]);
    let told = lines(&host, "evt_b", json!([{ "host": named }])).await;
    assert!(
        told[0].contains("leads to an address inside") && told[0].contains("[plugin.fetcher]"),
        "{told:?}"
    );
    assert_eq!(told[1], "INFO ErrorCode::DestinationIpProhibited");
    assert!(partner.asked().is_empty());
}

#[tokio::test]
async fn sizes_are_limited_both_ways() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        // With its length in front, and without.
        "/large" => Reply::of(200, &"x".repeat(20_000)),
        _ => Reply::of(200, "small"),
    })
    .await;
    let limits = "[http]\nrequest_max_bytes = 10000\nanswer_max_bytes = 10000\n";
    let bed = bed(&[&partner.origin()], limits);
    let host = bed.start().await;
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
async fn the_calls_deadline_ends_a_request_and_a_limit_ends_many() {
    let partner = Partner::start(|_, _| Reply::Hang).await;
    let bed = bed(&[&partner.origin()], "call_timeout_ms = 500\n");
    let host = bed.start().await;
    let started = Instant::now();
    let hanging = attempt(&host, "evt_hang", json!([{ "host": to(&partner) }])).await;
    assert_eq!(hanging["cause"], "timeout", "{hanging}");
    assert!(started.elapsed() < Duration::from_secs(20));
    let many: Vec<Value> = (0..40).map(|_| json!({ "host": to(&partner) })).collect();
    let many = attempt(&host, "evt_many", json!(many)).await;
    assert!(many["logs"].to_string().contains("32 requests under way"), "{many}");
}

#[tokio::test]
async fn requests_that_a_reused_instance_leaves_behind_end_with_it() {
    let partner = Partner::start(|_, _| Reply::Hang).await;
    let bed = bed(&[&partner.origin()], "instances = \"reused\"\n");
    let host = bed.start().await;
    for (event_type, id, call) in [
        ("fetch.now", "evt_a", "DEBUG call 1"),
        ("fetch.now", "evt_b", "DEBUG call 2"),
        ("fetch.leave", "evt_c", "DEBUG call 3"),
        ("fetch.now", "evt_d", "DEBUG call 1"),
    ] {
        let asks = event_type == "fetch.leave";
        let requests = if asks { json!([{ "host": to(&partner) }]) } else { json!([]) };
        host.send(&Event::of(event_type, id, &json!({ "requests": requests }))).await;
        let event = host.settled(id).await;
        assert_eq!(event["deliveries"][0]["attempts"][0]["logs"], json!([call]), "{id}: {event}");
    }
}

#[tokio::test]
async fn a_machine_without_certificates_starts_and_says_what_it_lacks() {
    let partner = Partner::start(|_, _| Reply::of(200, "ok")).await;
    let secure = format!("https://{}", to(&partner));
    let email = "[email]\nsmtp = \"smtps://mail.example\"\nfrom = \"a@example.gn\"\n";
    let bed = bed(&[&partner.origin(), &secure], email);
    let mut command = bed.command(&["serve"]);
    command.env("SSL_CERT_FILE", bed.path("none.pem")).env("SSL_CERT_DIR", bed.path("none"));
    let host = bed.start_with(command).await;
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
