//! Copies of the files that run: what a host does that starts with files that it refuses.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{event, post, put, wait_running, wait_verifier, with};
use crate::support::{CoreVerifier, HostDir, VECTORS, distinct_copy, wait_until};

const COPY: &str = "hookyard-data/kept-verifiers/billing";

/// A directory in which a host ran with this verifier.
async fn used(component: &[u8], more: &str) -> HostDir {
    let dir = with(component, VECTORS, more);
    let host = dir.start().await;
    wait_running(&host, component).await;
    drop(host);
    dir
}

#[tokio::test]
async fn a_host_that_starts_with_files_that_it_refuses_goes_on_with_those_that_ran_last() {
    let first = CoreVerifier::default().module();
    let second = distinct_copy(&first, 1);
    let dir = used(&first, "").await;
    let host = dir.start().await;
    put(&dir, &second, VECTORS);
    wait_running(&host, &second).await;
    drop(host);
    let lenient = CoreVerifier { refuses: 'z', ..CoreVerifier::default() }.module();
    let all: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    for (number, (component, vectors, reason)) in [
        (&b"garbage"[..], VECTORS, "not a WebAssembly file"),
        (&lenient, VECTORS, "vector 2 `bad`: it was verified, expected `refused`"),
        (&second, &json!([all[0]]).to_string(), "its vectors: it has no vector with `refused`"),
        (&first, "no vectors", "its vectors: it is no JSON list of vectors"),
    ]
    .into_iter()
    .enumerate()
    {
        put(&dir, component, vectors);
        let host = dir.start().await;
        let item = wait_running(&host, &second).await;
        assert_eq!(item["state"], "running", "{item}");
        assert!(item["refusal"].as_str().is_some_and(|text| text.contains(reason)), "{item}");
        let id = format!("in_{number}");
        assert_eq!(post(&host, &event(&id)).await.code, StatusCode::ACCEPTED);
        assert_eq!(post(&host, "no").await.code, StatusCode::UNAUTHORIZED);
        host.wait_log(&["runs as before this host started"]).await;
        host.wait_log(&[reason, "stays"]).await;
        let ready: Value = host.admin_get("/readyz", None).await.json().await.unwrap();
        assert_eq!(ready["verifiers_refused"], json!(["billing"]), "{ready}");
        assert!(ready.get("verifiers_missing").is_none(), "{ready}");
    }
    put(&dir, &first, VECTORS);
    let host = dir.start().await;
    assert!(wait_running(&host, &first).await["refusal"].is_null());
}

#[tokio::test]
async fn a_copy_that_is_damaged_or_out_of_the_limits_is_not_used_and_the_log_says_why() {
    let good = CoreVerifier::default().module();
    let dir = used(&good, "").await;
    put(&dir, b"garbage", VECTORS);
    let whole = std::fs::read(dir.path(COPY)).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for (copy, why) in
        [(&damaged[..], "it is damaged"), (&whole[..40], "it is damaged"), (b"", "it is damaged")]
    {
        std::fs::write(dir.path(COPY), copy).unwrap();
        let host = dir.start().await;
        wait_verifier(&host, "it is refused", |item| item["state"] == "refused").await;
        assert_eq!(post(&host, &event("in_1")).await.code, StatusCode::SERVICE_UNAVAILABLE);
        host.wait_log(&["the copy of the files that verifier billing ran before is of no use", why]).await;
    }
}

#[tokio::test]
async fn a_copy_of_a_removed_verifier_never_runs_again() {
    let good = CoreVerifier::default().module();
    let dir = used(&good, "[plugins]\nremoval_grace_ms = 10\nrescan_interval_ms = 50\n").await;
    assert!(dir.path(COPY).exists());
    // Removed while no host ran, and while one ran.
    for _ in 0..2 {
        std::fs::remove_file(dir.path("verifiers/billing.wasm")).unwrap();
        let host = dir.start().await;
        wait_until("the copy is removed", async || (!dir.path(COPY).exists()).then_some(())).await;
        put(&dir, b"garbage", VECTORS);
        wait_verifier(&host, "it is refused", |item| item["state"] == "refused").await;
        assert_eq!(post(&host, &event("in_1")).await.code, StatusCode::SERVICE_UNAVAILABLE);
        put(&dir, &good, VECTORS);
        wait_running(&host, &good).await;
        std::fs::remove_file(dir.path("verifiers/billing.wasm")).unwrap();
        wait_until("the copy is removed", async || (!dir.path(COPY).exists()).then_some(())).await;
        put(&dir, &good, VECTORS);
        wait_running(&host, &good).await;
    }
}
