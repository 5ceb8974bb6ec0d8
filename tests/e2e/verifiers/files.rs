//! Files of verifiers: which are refused, for which reason, and that the running one stays.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{BILLING, event, post, put, verifier, wait_running, wait_verifier, with};
use crate::support::{
    CoreVerifier, Handwritten, HostDir, RunningHost, VECTORS, distinct_copy, example, wait_until,
};

/// Puts these files in place, and checks that they are refused for this reason and that the running one stays.
async fn refused(dir: &HostDir, host: &RunningHost<'_>, component: &[u8], vectors: &str, reason: &str) {
    let before = verifier(host, "billing").await.unwrap()["revision"].clone();
    put(dir, component, vectors);
    let item = wait_verifier(host, &format!("it is refused: {reason}"), |item| {
        item["refusal"].as_str().is_some_and(|text| text.contains(reason))
    })
    .await;
    assert!(item["refusal"].as_str().unwrap().starts_with("verifier billing is refused: "), "{item}");
    assert_eq!((&item["state"], &item["revision"]), (&json!("running"), &before), "{item}");
    host.wait_log(&[
        "\"verifier\":\"billing\"",
        json!(item["refusal"]).to_string().trim_matches('"'),
        "stays",
    ])
    .await;
    let id = format!("evt_{}", reason.len());
    let answer = post(host, &event(&id)).await;
    assert!(matches!(answer.code, StatusCode::ACCEPTED | StatusCode::OK), "{answer:?}");
}

#[tokio::test]
async fn files_that_are_no_good_verifiers_are_refused_by_name_and_the_running_one_stays() {
    let good = CoreVerifier::default().module();
    let dir = with(&good, VECTORS, "");
    let host = dir.start().await;
    wait_running(&host, &good).await;
    let guest = |before: &str| CoreVerifier { before, ..CoreVerifier::default() }.module();
    let looping = guest("(loop $for-ever (br $for-ever))");
    refused(
        &dir,
        &host,
        &looping,
        VECTORS,
        "vector 1 `good`: still running after verifiers.timeout_ms (50 ms)",
    )
    .await;
    refused(&dir, &host, &guest("unreachable"), VECTORS, "vector 1 `good`: trap: ").await;
    let hog =
        guest("(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable");
    refused(&dir, &host, &hog, VECTORS, "vector 1 `good`: memory: ").await;
    let large = CoreVerifier { memory: "300", ..CoreVerifier::default() }.module();
    refused(&dir, &host, &large, VECTORS, "instantiating it: memory: 19660800 bytes asked").await;
    let lenient = CoreVerifier { refuses: 'z', ..CoreVerifier::default() }.module();
    refused(&dir, &host, &lenient, VECTORS, "vector 2 `bad`: it was verified, expected `refused`").await;
    let strict = CoreVerifier { refuses: '{', ..CoreVerifier::default() }.module();
    refused(&dir, &host, &strict, VECTORS, "vector 1 `good`: it was refused, expected `verified`").await;
    let clock = CoreVerifier {
        fields: r#"(import "tests:verifiers/clock" "now" (func $clock (result i64)))"#,
        before: "(drop (call $clock))",
        world: "import clock;",
        ..CoreVerifier::default()
    };
    refused(
        &dir,
        &host,
        &clock.module(),
        VECTORS,
        "asks for tests:verifiers/clock; a verifier imports nothing",
    )
    .await;
    refused(&dir, &host, &example("event-log"), VECTORS, "does not export hookyard:verifier/verify@0.1.0")
        .await;
    let later = Handwritten { exports: &["hookyard:verifier/verify@0.2.0"], ..Handwritten::default() };
    let known = "exports hookyard:verifier/verify@0.2.0; of hookyard:verifier this host knows version 0.1";
    refused(&dir, &host, &later.component(), VECTORS, known).await;
    let other = Handwritten { exports: &["hookyard:verifier/verify@0.1.0"], ..Handwritten::default() };
    refused(&dir, &host, &other.component(), VECTORS, "has no function `verify`").await;
    let types = Handwritten {
        functions: r#"(export "verify" (func $subscriptions))"#,
        exports: &["hookyard:verifier/verify@0.1.3"],
        ..Handwritten::default()
    };
    let other = "its function `verify` has other types than hookyard:verifier/verify@0.1.0";
    refused(&dir, &host, &types.component(), VECTORS, other).await;
    refused(&dir, &host, b"garbage", VECTORS, "not a WebAssembly file").await;
    let next = distinct_copy(&good, 1);
    put(&dir, &next, VECTORS);
    assert!(wait_running(&host, &next).await["refusal"].is_null());
}

#[tokio::test]
async fn wrong_vectors_refuse_a_verifier_and_the_running_one_stays() {
    let good = CoreVerifier::default().module();
    let dir = with(&good, VECTORS, "");
    let host = dir.start().await;
    wait_running(&host, &good).await;
    let all: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    let only = |index: usize| json!([all[index]]).to_string();
    for (vectors, reason) in [
        ("", "its vectors: it is no JSON list of vectors"),
        (&only(0), "its vectors: it has no vector with `refused`"),
        (&only(1), "its vectors: it has no vector with `verified`"),
        (
            &VECTORS.replace("\"verified\": {}", "\"verified\": {\"id\": \"1\"}"),
            "`id` is none, expected \"1\"",
        ),
        (
            &VECTORS.replace("\"verified\": {}", "\"verified\": {\"secret\": 2}"),
            "`secret` is 2, and there are 1",
        ),
    ] {
        refused(&dir, &host, &good, vectors, reason).await;
    }
    put(&dir, &good, VECTORS);
    wait_verifier(&host, "it is taken again", |item| item["refusal"].is_null()).await;
    std::fs::remove_file(dir.path("verifiers/billing.vectors.json")).unwrap();
    let missing = "it has no vectors: put billing.vectors.json beside it";
    let item = wait_verifier(&host, "its vectors are missed", |item| {
        item["refusal"].as_str().is_some_and(|text| text.contains(missing))
    });
    assert_eq!(item.await["state"], "running");
}

#[tokio::test]
async fn a_removed_verifier_answers_no_more_and_comes_back() {
    let good = CoreVerifier::default().module();
    let dir = with(&good, VECTORS, "");
    let host = dir.start().await;
    wait_running(&host, &good).await;
    std::fs::remove_file(dir.path("verifiers/billing.wasm")).unwrap();
    wait_verifier(&host, "it is missing", |item| item["state"] == "missing").await;
    assert_eq!(post(&host, &event("in_1")).await.code, StatusCode::SERVICE_UNAVAILABLE);
    put(&dir, &good, VECTORS);
    wait_running(&host, &good).await;
    assert_eq!(post(&host, &event("in_1")).await.code, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_verifier_that_comes_later_is_taken_in_a_directory_that_comes_later() {
    let dir = HostDir::new(BILLING);
    let host = dir.start().await;
    assert_eq!(post(&host, &event("in_1")).await.code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(verifier(&host, "billing").await.unwrap()["state"], "missing");
    std::fs::create_dir(dir.path("verifiers")).unwrap();
    let good = CoreVerifier::default().module();
    put(&dir, &good, VECTORS);
    wait_until("the source answers", async || {
        (post(&host, &event("in_1")).await.code == StatusCode::ACCEPTED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_verifier_is_checked_without_a_host() {
    let dir = HostDir::new("");
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path(name), bytes).unwrap();
    write("billing.wasm", &CoreVerifier::default().module());
    write("billing.vectors.json", VECTORS.as_bytes());
    let good = dir.run(&["verifier", "check", "billing.wasm"]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(good.out.contains("vectors   2, all as they say\nok: the host takes it"), "{good:?}");
    write("other.json", VECTORS.replace("\"verified\": {}", "\"verified\": {\"id\": \"1\"}").as_bytes());
    let bad = dir.run(&["verifier", "check", "billing.wasm", "--vectors", "other.json", "--json"]);
    assert_eq!(bad.code, 1);
    let report: Value = serde_json::from_str(&bad.out).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["refusal"], "vector 1 `good`: `id` is none, expected \"1\"");
}
