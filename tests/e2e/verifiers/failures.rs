//! Verifiers that loop, trap and take memory, on their sources and on others.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::json;

use super::{event, post, wait_running, wait_verifier, with};
use crate::support::{CoreVerifier, Event, VECTORS};

/// Code for bodies that begin with `l`, `t` and `m`: loops, traps, and takes all memory.
const BAD: &str = "
    (if (i32.eq (local.get $first) (i32.const 108)) (then (loop $for-ever (br $for-ever))))
    (if (i32.eq (local.get $first) (i32.const 116)) (then unreachable))
    (if (i32.eq (local.get $first) (i32.const 109)) (then
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      unreachable))";

/// The lines of `/metrics` that count failures of the source `billing`.
async fn failures(host: &crate::support::RunningHost<'_>, kind: &str) -> f64 {
    let metrics = host.admin_get("/metrics", None).await.text().await.unwrap();
    let line = metrics.lines().find(|line| {
        line.starts_with("hookyard_verifier_failures_total") && line.contains(&format!("kind=\"{kind}\""))
    });
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(-1.0)
}

#[tokio::test]
async fn a_verifier_that_loops_traps_or_takes_memory_is_answered_503_and_goes_on() {
    let component = CoreVerifier { before: BAD, ..CoreVerifier::default() }.module();
    let dir = with(&component, VECTORS, "");
    let host = dir.start().await;
    wait_running(&host, &component).await;
    for (body, kind, reason) in [
        ("loop", "timeout", "still running after verifiers.timeout_ms (50 ms)"),
        ("trap", "trap", "trap: "),
        ("memory", "memory", "memory_max_bytes is 16777216 (verifiers.memory_max_bytes)"),
    ] {
        let began = Instant::now();
        let answer = post(&host, body).await;
        let took = began.elapsed();
        assert_eq!(
            (answer.code, answer.status()),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            "{body}"
        );
        assert_eq!(answer.reason(), "the source's verifier failed: send it again later");
        assert_eq!(answer.headers["retry-after"], "5");
        assert!(took.as_millis() < 5000, "{body}: {took:?}");
        assert!(failures(&host, kind).await >= 1.0, "{kind}");
        // Each of these lines comes once a second at most.
        if kind == "timeout" {
            host.wait_log(&["a request could not be verified", reason]).await;
        }
        assert_eq!(post(&host, &event(kind)).await.code, StatusCode::ACCEPTED, "{body}");
    }
}

#[tokio::test]
async fn a_slow_verifier_delays_no_other_source() {
    let component = CoreVerifier { before: BAD, ..CoreVerifier::default() }.module();
    let more = "[sources.second]\nverifier = \"second\"\nsecrets = [\"s\"]\n[verifiers]\nconcurrency = 2\ntimeout_ms = 500\nwait_max_ms = 60000\n";
    let dir = with(&component, VECTORS, more);
    dir.replace("verifiers/second.vectors.json", VECTORS.as_bytes());
    dir.replace("verifiers/second.wasm", &CoreVerifier { secret: 0, ..CoreVerifier::default() }.module());
    let host = dir.start().await;
    wait_running(&host, &component).await;
    // 20 requests take 500 ms each, one after the other: 10 s.
    let slow = std::iter::repeat_with(|| post(&host, "loop")).take(20);
    let slow = futures(StatusCode::SERVICE_UNAVAILABLE, slow);
    let others = async {
        for number in 0..5 {
            let began = Instant::now();
            let id = format!("evt_{number}");
            assert_eq!(host.send(&Event::created(&id)).await.code, StatusCode::ACCEPTED);
            let by_scheme = began.elapsed();
            let second = host.post("second", &event(&format!("second {number}")), &[]).await;
            assert_eq!(second.code, StatusCode::ACCEPTED);
            let took = began.elapsed();
            assert!(took.as_millis() < 5000, "{by_scheme:?} {took:?}");
        }
        Instant::now()
    };
    let (slow_ended, others_ended) = tokio::join!(slow, others);
    assert!(others_ended < slow_ended, "the others waited for the slow one");
}

/// Waits for all, which are answered so, and returns the time of the end.
async fn futures(
    expected: StatusCode,
    all: impl Iterator<Item = impl Future<Output = crate::support::WebhookResponse>>,
) -> Instant {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        all.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(answer) => {
                assert_eq!(answer.code, expected, "{answer:?}");
                false
            }
        });
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    Instant::now()
}

#[tokio::test]
async fn more_requests_than_turns_in_time_are_answered_503() {
    let component = CoreVerifier { before: BAD, ..CoreVerifier::default() }.module();
    let dir = with(&component, VECTORS, "[verifiers]\nconcurrency = 1\nwait_max_ms = 20\ntimeout_ms = 500\n");
    let host = dir.start().await;
    wait_running(&host, &component).await;
    let looping = std::iter::repeat_with(|| post(&host, "loop")).take(8);
    futures(StatusCode::SERVICE_UNAVAILABLE, looping).await;
    assert!(failures(&host, "busy").await >= 1.0);
    assert!(failures(&host, "timeout").await >= 1.0);
    assert_eq!(post(&host, &event("in_1")).await.code, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_source_without_a_running_verifier_is_answered_503_and_health_says_so() {
    let dir = with(b"no component", VECTORS, "");
    let host = dir.start().await;
    wait_verifier(&host, "it is refused", |item| item["state"] == "refused").await;
    let answer = post(&host, &event("in_1")).await;
    assert_eq!(answer.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.reason(), "the source has no running verifier: send it again later");
    let ready: serde_json::Value = host.admin_get("/readyz", None).await.json().await.unwrap();
    assert_eq!(ready["verifiers_missing"], json!(["billing"]), "{ready}");
    assert_eq!(ready["verifiers_refused"], json!(["billing"]), "{ready}");
    let doctor = dir.run(&["doctor"]);
    assert!(
        doctor.out.contains("the latest files of billing are refused, and no revision runs"),
        "{doctor:?}"
    );
    let listed = dir.run(&["verifier", "list"]);
    assert!(listed.out.contains("refused") && listed.out.contains("not a WebAssembly file"), "{listed:?}");
    assert!(failures(&host, "absent").await >= 1.0);
}

#[tokio::test]
async fn a_burst_of_requests_waits_for_its_turns() {
    let component = CoreVerifier::default().module();
    let dir = with(&component, VECTORS, "[verifiers]\nconcurrency = 1\nwait_max_ms = 60000\n");
    let host = dir.start().await;
    wait_running(&host, &component).await;
    let small: Vec<_> = (0..200).map(|number| event(&format!("in_{number}"))).collect();
    futures(StatusCode::ACCEPTED, small.iter().map(|body| post(&host, body))).await;
}
