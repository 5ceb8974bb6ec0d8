//! Collectors that do not work: they cost a counter, and neither an event nor the end of the host waits for them.

use serde_json::json;

use super::host_dir;
use crate::support::{Event, HostDir, Partner, Reply, RunningHost, free_address, guest, wait_until};

/// The reply of a collector that answers wrongly.
type WrongReply = dyn Fn() -> Reply + Send + Sync;

/// Events of each host: more spans than its queue has room for.
const EVENTS: usize = 20;

/// A sample on the page of metrics; 0 if it is not there.
async fn sample(host: &RunningHost<'_>, name: &str) -> f64 {
    let page = host.admin_get("/metrics", None).await.text().await.unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0.0)
}

/// Runs events through a host whose collector does not work, and checks what it costs.
async fn costs_only_a_counter(dir: &HostDir, logged: Option<&str>) {
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..EVENTS {
        let id = format!("evt_{number}");
        let event = Event::with_payload("shop.opened", &id, &json!({ "act": "well" }));
        assert_eq!(host.send(&event).await.status(), "accepted");
    }
    host.wait_drained().await;
    wait_until("dropped spans are counted", async || {
        let dropped = sample(&host, "hookyard_telemetry_spans_total{outcome=\"dropped\"}").await;
        (dropped > 0.0).then_some(())
    })
    .await;
    assert!(sample(&host, "hookyard_telemetry_spans_total{outcome=\"exported\"}").await == 0.0);
    if let Some(logged) = logged {
        host.wait_log(&["the OpenTelemetry collector does not take a request", logged]).await;
    }
    host.stop().await;
    let told = dir.log().matches("does not take a request").count();
    assert!(told <= 2, "once for each signal: {told}");
}

#[tokio::test]
async fn a_collector_that_is_down_costs_only_a_counter() {
    let dir = host_dir(&format!("http://{}", free_address()), "", "sample_ratio = 1", "");
    costs_only_a_counter(&dir, Some("refused")).await;
}

#[tokio::test]
async fn a_collector_that_hangs_costs_only_a_counter_and_no_time_at_the_end() {
    let collector = Partner::start(|_, _| Reply::Hang).await;
    // A host that waited for the collector would not end in time.
    let telemetry =
        "sample_ratio = 1\nqueue_max = 4\nbatch_max = 2\ntimeout_ms = 60000\nflush_timeout_ms = 100";
    let dir = host_dir(&collector.origin(), "", telemetry, "");
    costs_only_a_counter(&dir, None).await;
}

#[tokio::test]
async fn a_collector_that_answers_wrongly_costs_only_a_counter() {
    let garbage = |bytes: Vec<u8>| move || Reply::Answer(200, Vec::new(), bytes.clone());
    let large = || Reply::Answer(200, Vec::new(), vec![b'x'; 10 * 1024 * 1024]);
    let cases: [(&str, Box<WrongReply>); 6] = [
        ("status 500", Box::new(|| Reply::text(500, "\u{1b}[31m not well"))),
        ("status 302", Box::new(|| Reply::redirect(302, "http://127.0.0.1:9/"))),
        ("no OTLP message", Box::new(garbage(b"<html>\xff\xff\xff\xff\xff".to_vec()))),
        ("no OTLP message", Box::new(garbage(vec![0x0a, 0xff, 0xff, 0xff, 0x7f]))),
        ("more than", Box::new(large)),
        ("closed", Box::new(|| Reply::Close)),
    ];
    for (logged, reply) in cases {
        let collector = Partner::start(move |_, _| reply()).await;
        let dir = host_dir(&collector.origin(), "", "sample_ratio = 1\nmetrics_interval_ms = 0", "");
        costs_only_a_counter(&dir, Some(logged)).await;
    }
}

#[tokio::test]
async fn a_collector_that_works_again_gets_the_later_spans() {
    let collector = Partner::start(|number, _| Reply::text(if number == 0 { 503 } else { 200 }, "")).await;
    let dir = host_dir(&collector.origin(), "", "sample_ratio = 1\nmetrics_interval_ms = 0", "");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let mut number = 0;
    wait_until("spans are exported", async || {
        number += 1;
        let event = Event::with_payload("shop.opened", &format!("evt_{number}"), &json!({ "act": "well" }));
        host.send(&event).await;
        let exported = sample(&host, "hookyard_telemetry_spans_total{outcome=\"exported\"}").await;
        (exported > 0.0).then_some(())
    })
    .await;
    host.wait_log(&["takes requests again"]).await;
    host.stop().await;
}
