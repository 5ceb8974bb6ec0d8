//! Verifiers that are plugins: which are admitted, what their sources answer, and what a bad one cannot do.

mod author;
mod copies;
mod equivalence;
mod failures;
mod files;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    CoreVerifier, HostDir, RunningHost, VECTORS, WebhookResponse, example_verifier, wait_until,
};

/// The configuration of a source `billing` with the verifier of the same name.
const BILLING: &str = "[sources.billing]\nverifier = \"billing\"\nsecrets = [\"first secret\"]\n";

/// A directory with the verifier `billing` and its vectors.
fn with(component: &[u8], vectors: &str, more: &str) -> HostDir {
    let dir = HostDir::new(&format!("{BILLING}{more}"));
    std::fs::create_dir(dir.path("verifiers")).unwrap();
    put(&dir, component, vectors);
    dir
}

/// Puts both files in place, the vectors first.
fn put(dir: &HostDir, component: &[u8], vectors: &str) {
    dir.replace("verifiers/billing.vectors.json", vectors.as_bytes());
    dir.replace("verifiers/billing.wasm", component);
}

/// A verifier in the list of the API.
async fn verifier(host: &RunningHost<'_>, name: &str) -> Option<Value> {
    let (_, list) = host.api_get("/api/v1/verifiers").await;
    list["items"].as_array()?.iter().find(|item| item["name"] == name).cloned()
}

/// Waits until the verifier `billing` meets a condition.
async fn wait_verifier(host: &RunningHost<'_>, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_until(&format!("verifier billing: {what}"), async || {
        verifier(host, "billing").await.filter(|item| wanted(item))
    })
    .await
}

/// Waits until the verifier `billing` runs this file.
async fn wait_running(host: &RunningHost<'_>, component: &[u8]) -> Value {
    let digest = hookyard::event::Digest::of(component).to_string();
    wait_verifier(host, "it runs the file", |item| item["revision"] == digest.as_str()).await
}

async fn post(host: &RunningHost<'_>, body: &str) -> WebhookResponse {
    host.post("billing", body, &[("Content-Type", "application/json")]).await
}

/// An event with this id.
fn event(id: &str) -> String {
    json!({ "id": id, "type": "invoice.paid", "data": { "object": { "n": 1 } } }).to_string()
}

#[tokio::test]
async fn a_source_with_a_verifier_accepts_what_it_verifies_and_refuses_the_rest() {
    let component = CoreVerifier::default().module();
    let dir = with(&component, VECTORS, "");
    let host = dir.start().await;
    let running = wait_running(&host, &component).await;
    assert_eq!((&running["state"], &running["vectors"]), (&json!("running"), &json!(2)));
    assert_eq!(running["sources"], json!(["billing"]));
    let accepted = post(&host, &event("in_1")).await;
    assert_eq!((accepted.code, accepted.json["event"].as_str()), (StatusCode::ACCEPTED, Some("in_1")));
    assert_eq!(post(&host, &event("in_1")).await.status(), "duplicate");
    let refused = post(&host, "no").await;
    assert_eq!((refused.code, refused.status()), (StatusCode::UNAUTHORIZED, "unauthorized"));
    assert_eq!(refused.reason(), "the source's verifier refused the request");
    host.wait_log(&["the verifier refused a request", "the body begins with n"]).await;
    let (_, stored) = host.api_get("/api/v1/events/billing/in_1").await;
    assert_eq!(stored["type"], "invoice.paid", "{stored}");
}

#[tokio::test]
async fn the_fields_that_a_verifier_names_go_before_the_places_of_the_source() {
    let verifier = CoreVerifier { id: "of the verifier", payload: "/data/object", ..CoreVerifier::default() };
    let vectors = VECTORS
        .replace("\"verified\": {}", r#""verified": {"id": "of the verifier", "payload": "/data/object"}"#);
    let dir = with(&verifier.module(), &vectors, "");
    let host = dir.start().await;
    wait_running(&host, &verifier.module()).await;
    assert_eq!(post(&host, &event("in_1")).await.json["event"], "of the verifier");
    let (_, exported) = host.api_get("/api/v1/events/billing/of%20the%20verifier/export").await;
    assert_eq!(exported["payload"], json!({ "n": 1 }), "{exported}");
}

#[tokio::test]
async fn what_a_verifier_names_is_checked_like_a_senders_fields() {
    let long = "x".repeat(300);
    for (id, payload, secret, code) in [
        (long.as_str(), "", 0, StatusCode::BAD_REQUEST),
        ("", "no pointer", 0, StatusCode::SERVICE_UNAVAILABLE),
        ("", "", 7, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        // The wrong answer comes for bodies of another kind than those of the vectors.
        let wrong = CoreVerifier { secret, id, payload, ..CoreVerifier::default() };
        let before = "(if (i32.eq (local.get $body-len) (i32.const 2)) (then
            (i32.store (i32.const 20) (i32.const 0))
            (if (i32.eq (local.get $first) (i32.const 110)) (then
              (i32.store8 (i32.const 16) (i32.const 1))
              (i32.store (i32.const 20) (i32.const 4096))
              (i32.store (i32.const 24) (i32.const 22))))
            (return (i32.const 16))))";
        let component = CoreVerifier { before, ..wrong }.module();
        let dir = with(&component, VECTORS, "");
        let host = dir.start().await;
        wait_running(&host, &component).await;
        let answer = post(&host, &event("in_1")).await;
        assert_eq!(answer.code, code, "{answer:?}");
        assert!(host.event("in_1").await.is_none());
    }
}

#[tokio::test]
async fn a_request_of_the_largest_size_has_room_in_the_verifier() {
    let dir = with(&CoreVerifier::default().module(), VECTORS, "");
    let host = dir.start().await;
    wait_running(&host, &CoreVerifier::default().module()).await;
    let (start, end) = (r#"{"id":"in_1","type":"a","x":""#, r#""}"#);
    let body = format!("{start}{}{end}", "x".repeat(1024 * 1024 - start.len() - end.len()));
    assert_eq!(body.len(), 1024 * 1024);
    assert_eq!(post(&host, &body).await.code, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_example_verifier_verifies_real_signatures() {
    let name = "standard-webhooks";
    let vectors =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../verifiers/standard-webhooks/standard-webhooks.vectors.json");
    let vectors = std::fs::read_to_string(vectors).unwrap();
    let dir = with(&example_verifier(name), &vectors, "");
    let host = dir.start().await;
    let running = wait_running(&host, &example_verifier(name)).await;
    assert_eq!(running["vectors"], 5);
    let refused = post(&host, &event("in_1")).await;
    assert_eq!(refused.code, StatusCode::UNAUTHORIZED, "{refused:?}");
    host.wait_log(&["the verifier refused a request", "webhook-timestamp is missing"]).await;
}

#[tokio::test]
async fn requests_are_tested_against_a_source_with_a_verifier() {
    let dir = with(&CoreVerifier::default().module(), VECTORS, "");
    let host = dir.start().await;
    wait_running(&host, &CoreVerifier::default().module()).await;
    let test = |body: &str| {
        let request = format!("POST /webhooks/billing HTTP/1.1\nA: 1\n\n{body}");
        dir.replace("request.http", request.as_bytes());
        dir.run(&["source", "test", "billing", "--file", "request.http"])
    };
    let accepted = test(&event("in_1"));
    assert_eq!((accepted.code, accepted.out.as_str()), (0, accepted.out.as_str()), "{accepted:?}");
    assert!(accepted.out.contains("secret 1 verified it\nevent in_1, invoice.paid"), "{accepted:?}");
    let refused = test("no");
    assert_eq!(refused.code, 1);
    assert!(refused.out.contains("401: the verifier refused it: the body begins with n"), "{refused:?}");
    assert!(host.event("in_1").await.is_none());
    let listed = dir.run(&["source", "list"]);
    assert!(listed.out.contains("verifier billing"), "{listed:?}");
    let sent = dir.run(&["event", "send", "appointment.created", "--source", "billing"]);
    assert_eq!(sent.code, 1);
    assert!(
        sent.err.contains("only the sender can sign for a source with a verifier (`billing`)"),
        "{sent:?}"
    );
}
