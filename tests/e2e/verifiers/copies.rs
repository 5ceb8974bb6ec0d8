//! Copies of admitted files: what a host does that starts with files that it refuses.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{BILLING, event, post, put, wait_running, wait_verifier, with};
use crate::support::{CoreVerifier, HostDir, RunningHost, VECTORS, distinct_copy, wait_until};

const COPY: &str = "hookyard-data/kept-verifiers/billing";
const TIMEOUT: &str = "[verifiers]\ntimeout_ms = 10000\n";

/// A directory in which a host ran with this verifier.
async fn used(component: &[u8], more: &str) -> HostDir {
    let dir = with(component, VECTORS, &format!("{TIMEOUT}{more}"));
    let host = dir.start().await;
    wait_copied(&dir, &host, component).await;
    drop(host);
    dir
}

/// Waits until the verifier `billing` runs this component, and the copy is of it.
async fn wait_copied(dir: &HostDir, host: &RunningHost<'_>, component: &[u8]) {
    wait_running(host, component).await;
    wait_until("it is copied", async || {
        std::fs::read(dir.path(COPY)).is_ok_and(|copy| copy.ends_with(component)).then_some(())
    })
    .await;
}

/// Waits until the log has all of this after its first bytes.
async fn wait_logged(dir: &HostDir, after: usize, parts: &[&str]) {
    wait_until(&format!("the log has {parts:?}"), async || {
        let log = dir.log();
        let has = |line: &str| parts.iter().all(|part| line.contains(part));
        log[after..].lines().any(has).then_some(())
    })
    .await;
}

/// The source of `billing` is answered 503.
async fn is_unavailable(host: &RunningHost<'_>) {
    wait_verifier(host, "it is refused", |item| item["state"] == "refused").await;
    assert_eq!(post(host, &event("in_1")).await.code, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_host_that_starts_with_files_that_it_refuses_runs_those_that_were_admitted_last() {
    let first = CoreVerifier::default().module();
    let second = distinct_copy(&first, 1);
    let dir = used(&first, "").await;
    let host = dir.start().await;
    put(&dir, &second, VECTORS);
    wait_copied(&dir, &host, &second).await;
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
        let logged = dir.log().len();
        let host = dir.start().await;
        let item = wait_running(&host, &second).await;
        assert_eq!(item["state"], "running", "{item}");
        assert!(item["refusal"].as_str().is_some_and(|text| text.contains(reason)), "{item}");
        let id = format!("in_{number}");
        assert_eq!(post(&host, &event(&id)).await.code, StatusCode::ACCEPTED);
        assert_eq!(post(&host, "no").await.code, StatusCode::UNAUTHORIZED);
        wait_logged(&dir, logged, &["billing", "runs from its copy"]).await;
        wait_logged(&dir, logged, &[reason, "stays"]).await;
        let ready: Value = host.admin_get("/readyz", None).await.json().await.unwrap();
        assert_eq!(ready["verifiers_refused"], json!(["billing"]), "{ready}");
        assert!(ready.get("verifiers_missing").is_none(), "{ready}");
    }
    put(&dir, &first, VECTORS);
    let host = dir.start().await;
    assert!(wait_running(&host, &first).await["refusal"].is_null());
}

#[tokio::test]
async fn a_copy_that_is_damaged_or_out_of_the_limits_does_not_run_and_the_log_says_why() {
    // 2.5 MiB of memory, and a file of more than 1 KiB.
    let fields = format!("(data (i32.const 2000000) \"{}\")", "x".repeat(1024));
    let good = CoreVerifier { memory: "40", fields: &fields, ..CoreVerifier::default() }.module();
    let dir = used(&good, "").await;
    put(&dir, b"garbage", VECTORS);
    let whole = std::fs::read(dir.path(COPY)).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (copy, limits, why) in [
        (&changed[..], "", "it is damaged"),
        (&whole[..40], "", "it is damaged"),
        (b"", "", "it is damaged"),
        (&whole, "[plugins]\nfile_max_bytes = 1024\n", "plugins.file_max_bytes is 1024"),
        (&whole, "memory_max_bytes = 2097152\n", "instantiating it: memory: 2621440 bytes asked"),
    ] {
        std::fs::write(dir.path(COPY), copy).unwrap();
        dir.configure(&format!("{BILLING}{TIMEOUT}{limits}"));
        let logged = dir.log().len();
        let host = dir.start().await;
        is_unavailable(&host).await;
        wait_logged(&dir, logged, &["the copy of verifier billing is of no use", why]).await;
    }
    // It is not tried a second time if it is what is on disk.
    put(&dir, &good, VECTORS);
    let logged = dir.log().len();
    let host = dir.start().await;
    is_unavailable(&host).await;
    assert!(!dir.log()[logged..].contains("is of no use"), "{}", dir.log());
}

#[tokio::test]
async fn a_copy_of_a_removed_verifier_never_runs_again() {
    let good = CoreVerifier::default().module();
    let dir = used(&good, "[plugins]\nremoval_grace_ms = 10\n").await;
    std::fs::remove_file(dir.path("verifiers/billing.wasm")).unwrap();
    // It was removed while no host ran, and then while one ran.
    let host = dir.start().await;
    for _ in 0..2 {
        wait_until("the copy is removed", async || (!dir.path(COPY).exists()).then_some(())).await;
        put(&dir, b"garbage", VECTORS);
        is_unavailable(&host).await;
        put(&dir, &good, VECTORS);
        wait_copied(&dir, &host, &good).await;
        std::fs::remove_file(dir.path("verifiers/billing.wasm")).unwrap();
    }
}

#[tokio::test]
async fn a_copy_that_cannot_be_removed_does_not_run_after_its_verifier_was_removed() {
    let good = CoreVerifier::default().module();
    let dir = used(&good, "[plugins]\nremoval_grace_ms = 10\n").await;
    let whole = std::fs::read(dir.path(COPY)).unwrap();
    let host = dir.start().await;
    wait_copied(&dir, &host, &good).await;
    std::fs::remove_file(dir.path("verifiers/billing.wasm")).unwrap();
    wait_until("the copy is removed", async || (!dir.path(COPY).exists()).then_some(())).await;
    // As if it were still there.
    std::fs::write(dir.path(COPY), whole).unwrap();
    put(&dir, b"garbage", VECTORS);
    is_unavailable(&host).await;
}
