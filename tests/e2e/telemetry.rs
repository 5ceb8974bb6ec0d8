//! Spans and metrics for an OpenTelemetry collector: one event from its sender's trace to the requests of its plugins, and
//! what a collector that does not work costs.

mod collector;
mod failing;

use serde_json::{Value, json};

use crate::support::{Event, HostDir, Partner, Reply, RunningHost, SECRET, guest, sign, wait_until};
use collector::{Collector, Trace};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENDER: &str = "b7ad6b7169203331";

/// A directory whose hosts send to this collector. `source` are more keys of the source, `telemetry` of its section.
fn host_dir(endpoint: &str, source: &str, telemetry: &str, more: &str) -> HostDir {
    // The last spans leave at the host's end.
    let flush = if telemetry.contains("flush_timeout_ms") { "" } else { "flush_timeout_ms = 60000" };
    HostDir::new(&format!(
        "{source}\n[telemetry]\nendpoint = \"{endpoint}\"\nbatch_wait_ms = 10\n{flush}\n{telemetry}\n\
         [effects]\nbackoff_base_ms = 1\nbackoff_max_ms = 1000\n{more}"
    ))
}

/// Sends an event with a `traceparent` header.
async fn send_traced(host: &RunningHost<'_>, event: &Event, traceparent: &str) {
    let signature = sign(SECRET, &event.body);
    let headers = [("X-Moncreneau-Signature", signature.as_str()), ("traceparent", traceparent)];
    let response = host.post("moncreneau", &event.body, &headers).await;
    assert_eq!(response.status(), "accepted", "{response:?}");
}

/// Waits until all effects of an event are done.
async fn effects_done(host: &RunningHost<'_>, id: &str) -> Value {
    host.wait_event(id, "its effects are done", |event| {
        let deliveries = event["deliveries"].as_array().unwrap();
        deliveries.iter().all(|delivery| delivery["state"] == "done")
            && deliveries
                .iter()
                .flat_map(|delivery| delivery["effects"].as_array().unwrap())
                .all(|effect| effect["state"] == "done")
    })
    .await
}

#[tokio::test]
async fn an_event_is_one_trace_from_its_sender_to_the_requests_of_its_plugins() {
    let (partner, collector) =
        (Partner::start(|_, _| Reply::text(200, "ok")).await, Collector::start().await);
    let plugins = format!(
        "[plugin.outbox]\nhttp = [\"{0}\"]\n[plugin.http-client]\nhttp = [\"{0}\"]\n\
         [plugin.actor]\nbackoff_base_ms = 1\n",
        partner.origin()
    );
    let telemetry =
        "sample_ratio = 0\nservice_name = \"passports\"\nheaders = { authorization = \"Bearer t0ken\" }";
    let dir = host_dir(&collector.endpoint(), "traceparent = \"parent\"", telemetry, &plugins);
    dir.install("outbox", &guest("outbox"));
    dir.install("http-client", &guest("http-client"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let authority = partner.origin().replace("http://", "");
    let payload = json!({
        "do": "http", "url": format!("{}/effect", partner.origin()), "text": "x",
        "requests": [{ "host": authority, "path": "/fetched" }], "act": "retry-until 2",
    });
    let event = Event::with_payload("fetch.one", "evt_1", &payload);
    send_traced(&host, &event, &format!("00-{TRACE}-{SENDER}-01")).await;
    effects_done(&host, "evt_1").await;
    host.stop().await;

    let (spans, _) = collector.decoded();
    let trace = Trace::of(spans, TRACE);
    let receipt = trace.only("POST /webhooks/{source}");
    assert_eq!((&receipt["parent"], &receipt["kind"]), (&json!(SENDER), &json!("server")));
    assert_eq!(receipt["resource"]["service.name"], "passports");
    assert_eq!(receipt["attributes"]["hookyard.event.id"], "evt_1");
    assert_eq!(receipt["attributes"]["http.response.status_code"], 202);
    assert_eq!(
        trace.children(receipt),
        ["commit", "deliver to actor", "deliver to http-client", "deliver to outbox", "verify"],
        "{trace:#?}"
    );
    let delivery = trace.only("deliver to outbox");
    assert_eq!((&delivery["kind"], &delivery["error"]), (&json!("consumer"), &Value::Null));
    assert_eq!(trace.children(delivery), ["attempt", "effect http", "finish", "wait"]);
    let attempt = trace.child(delivery, "attempt");
    assert_eq!(trace.children(attempt), ["call", "instantiate"]);
    assert_eq!(attempt["attributes"]["hookyard.outcome"], "done");
    assert_eq!(trace.children(trace.child(attempt, "call")), ["outbox http"]);
    let fetching = trace.child(trace.only("deliver to http-client"), "attempt");
    let fetched = trace.child(trace.child(fetching, "call"), "HTTP GET");
    assert_eq!(fetched["attributes"]["http.response.status_code"], 200);
    assert_eq!(fetched["attributes"]["server.address"], partner.origin());
    // Each request carries the span that it belongs to.
    for (path, span) in [("/effect", trace.child(delivery, "effect http")), ("/fetched", fetched)] {
        let requests = partner.requests();
        let request = requests.iter().find(|request| request.path == path).unwrap();
        let expected = format!("00-{TRACE}-{}-01", span["id"].as_str().unwrap());
        assert_eq!((request.header("traceparent"), &span["kind"]), (expected.as_str(), &json!("client")));
    }
    for request in collector.requests() {
        assert_eq!(request.header("authorization"), "Bearer t0ken");
        assert_eq!(request.header("content-type"), "application/x-protobuf");
    }
    let log = dir.log();
    assert!(!log.contains("t0ken"));
    // So do the lines of an attempt that failed and of its plugin.
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for message in ["attempt failed: ", "evt_1 attempt 1: retry-until 2"] {
        let is_it = |line: &&Value| line["message"].as_str().is_some_and(|text| text.starts_with(message));
        let line = lines.iter().find(is_it).unwrap_or_else(|| panic!("{message}: {log}"));
        assert_eq!((&line["plugin"], &line["trace"]), (&json!("actor"), &json!(TRACE)), "{line}");
    }
}

#[tokio::test]
async fn a_trace_continues_in_the_process_after_a_kill() {
    let partner = Partner::start(|number, _| Reply::text(if number == 0 { 503 } else { 200 }, "")).await;
    let collector = Collector::start().await;
    let plugins = format!(
        "backoff_base_ms = 600000\nbackoff_max_ms = 600000\n[plugin.outbox]\nhttp = [\"{}\"]\n",
        partner.origin()
    );
    let dir = HostDir::new(&format!(
        "traceparent = \"parent\"\n[telemetry]\nendpoint = \"{}\"\nbatch_wait_ms = 10\nflush_timeout_ms = 60000\n\
         [effects]\n{plugins}",
        collector.endpoint()
    ));
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    let payload = json!({ "do": "http", "url": format!("{}/effect", partner.origin()), "text": "x" });
    let event = Event::with_payload("told", "evt_1", &payload);
    send_traced(&host, &event, &format!("00-{TRACE}-{SENDER}-01")).await;
    host.wait_event("evt_1", "its effect waits", |event| {
        event["deliveries"][0]["effects"][0]["state"] == "waiting"
    })
    .await;
    collector.wait_span("effect http").await;
    collector.wait_span("deliver to outbox").await;
    host.kill();
    // Less than what is left of the wait, which ends then.
    let plugins = plugins.replace("600000", "1");
    dir.configure(&format!(
        "traceparent = \"parent\"\n[telemetry]\nendpoint = \"{}\"\nbatch_wait_ms = 10\nflush_timeout_ms = 60000\n\
         [effects]\n{plugins}",
        collector.endpoint()
    ));
    let host = dir.start().await;
    effects_done(&host, "evt_1").await;
    host.stop().await;
    let (spans, _) = collector.decoded();
    let trace = Trace::of(spans, TRACE);
    let delivery = trace.only("deliver to outbox");
    let effects: Vec<_> = trace.named("effect http").collect();
    let attempts: Vec<_> = effects.iter().map(|span| &span["attributes"]["hookyard.attempt"]).collect();
    assert_eq!(attempts, [&json!(1), &json!(2)]);
    assert!(effects.iter().all(|span| span["parent"] == delivery["id"]), "{effects:#?}");
    let instances: Vec<_> = effects.iter().map(|span| &span["resource"]["service.instance.id"]).collect();
    assert_ne!(instances[0], instances[1], "two processes");
    let last = partner.requests().pop().unwrap();
    assert_eq!(last.header("traceparent"), format!("00-{TRACE}-{}-01", effects[1]["id"].as_str().unwrap()));
}

#[tokio::test]
async fn a_sender_that_is_not_trusted_decides_nothing_about_the_trace() {
    let header = format!("00-{TRACE}-{SENDER}-01");
    let two = format!("{header}, {header}");
    for (source, ratio, header, recorded, linked) in [
        ("", "0", header.as_str(), false, false),
        ("", "1", header.as_str(), true, true),
        ("traceparent = \"link\"", "1", "00-nonsense", true, false),
        ("traceparent = \"ignore\"", "1", header.as_str(), true, false),
        ("traceparent = \"parent\"", "0", two.as_str(), false, false),
    ] {
        let (partner, collector) =
            (Partner::start(|_, _| Reply::text(200, "ok")).await, Collector::start().await);
        let plugins = format!("[plugin.outbox]\nhttp = [\"{}\"]\n", partner.origin());
        let dir = host_dir(&collector.endpoint(), source, &format!("sample_ratio = {ratio}"), &plugins);
        dir.install("outbox", &guest("outbox"));
        let host = dir.start().await;
        let payload = json!({ "do": "http", "url": partner.origin(), "text": "x" });
        send_traced(&host, &Event::with_payload("told", "evt_1", &payload), header).await;
        effects_done(&host, "evt_1").await;
        host.stop().await;
        let (spans, _) = collector.decoded();
        let receipt = spans.iter().find(|span| span["name"] == "POST /webhooks/{source}");
        assert_eq!(receipt.is_some(), recorded, "{source} {ratio} {header}");
        let sent = partner.requests()[0].header("traceparent").to_owned();
        assert_eq!(sent.is_empty(), !recorded, "{sent}");
        let Some(receipt) = receipt else { continue };
        assert_eq!(receipt["parent"], "", "{receipt}");
        assert!(receipt["trace"] != TRACE && sent.contains(receipt["trace"].as_str().unwrap()));
        let links = if linked { json!([{ "trace": TRACE, "id": SENDER }]) } else { json!([]) };
        assert_eq!(receipt["links"], links);
    }
}

#[tokio::test]
async fn a_trusted_sender_that_does_not_sample_is_followed_and_named_to_partners() {
    let (partner, collector) =
        (Partner::start(|_, _| Reply::text(200, "ok")).await, Collector::start().await);
    let plugins = format!("[plugin.outbox]\nhttp = [\"{}\"]\n", partner.origin());
    let dir = host_dir(&collector.endpoint(), "traceparent = \"parent\"", "sample_ratio = 1", &plugins);
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    let header = format!("00-{TRACE}-{SENDER}-00");
    let payload = json!({ "do": "http", "url": partner.origin(), "text": "x" });
    send_traced(&host, &Event::with_payload("told", "evt_1", &payload), &header).await;
    effects_done(&host, "evt_1").await;
    host.stop().await;
    assert!(collector.decoded().0.is_empty());
    assert_eq!(partner.requests()[0].header("traceparent"), header);
}

#[tokio::test]
async fn the_collector_gets_the_metrics_that_prometheus_gets() {
    let collector = Collector::start().await;
    let dir = host_dir(&collector.endpoint(), "", "metrics_interval_ms = 50", "");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.opened", "evt_1", &json!({ "act": "well" }))).await;
    host.wait_finished("evt_1").await;
    let labels = json!({ "plugin": "actor", "outcome": "done" });
    wait_until("the collector has the attempt", async || {
        let (_, metrics) = collector.decoded();
        let is_it = |of: &&Value| of["name"] == "hookyard_attempts_total" && of["attributes"] == labels;
        let attempts = metrics.iter().rfind(is_it)?;
        assert_eq!(attempts["kind"], "sum");
        (attempts["value"] == 1.0).then_some(())
    })
    .await;
    let page = host.admin_get("/metrics", None).await.text().await.unwrap();
    let (_, metrics) = collector.decoded();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let kind = if kind == "counter" { "sum" } else { kind };
        let sent = metrics.iter().find(|metric| metric["name"] == name);
        // Some begin with the first request for the page, or with the first failure.
        if let Some(sent) = sent {
            assert_eq!(sent["kind"], kind, "{name}");
        }
    }
    let calls = metrics.iter().rfind(|metric| metric["name"] == "hookyard_call_seconds").unwrap();
    assert_eq!((&calls["count"], &calls["attributes"]), (&json!(1), &json!({ "plugin": "actor" })));
    host.stop().await;
}
