//! The path of a verifier's author, from the template to a source that has the verifier.

use std::process::Command;

use reqwest::StatusCode;

use super::event;
use crate::support::{CommandOutput, HostDir, wait_until};

/// What the templates verify, made with the secret `new secret` at 2027-01-31T00:00:00Z.
const BODY: &str = r#"{"id":"in_1","type":"invoice.paid"}"#;

/// Makes a verifier, builds it, runs its own tests, and has a source with it answer.
async fn author(language: &str, tests: &[&str]) {
    let dir = HostDir::new("[sources.billing]\nverifier = \"billing\"\nsecrets = [\"new secret\"]\n");
    let run = |arguments: &[&str]| {
        let output = dir.run(arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
        output.out
    };
    let made = run(&["plugin", "new", "billing", "--lang", language, "--verifier"]);
    assert!(
        made.contains("billing/billing.vectors.json") && made.contains("verifier = \"billing\""),
        "{made}"
    );
    let built = run(&["plugin", "build", "billing", "--out", "verifiers"]);
    assert!(built.contains("vectors   4, all as they say\nok: the host takes it"), "{built}");
    assert!(run(&["verifier", "check", "billing"]).contains("ok: the host takes it"));
    assert!(run(&["plugin", "check", "billing"]).contains("verifier  billing"));
    let [program, arguments @ ..] = tests else { panic!("no command") };
    let own = CommandOutput::run(Command::new(program).args(arguments).current_dir(dir.path("billing")));
    assert_eq!(own.code, 0, "{own:?}");

    let host = dir.start().await;
    let vectors = std::fs::read_to_string(dir.path("verifiers/billing.vectors.json")).unwrap();
    let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
    let signature = vectors[0]["request"]["headers"][0][1].as_str().unwrap();
    let request = format!("POST /webhooks/billing HTTP/1.1\nX-Signature: {signature}\n\n{BODY}");
    dir.replace("request.http", request.as_bytes());
    let test = ["source", "test", "billing", "--file", "request.http", "--at", "1801353600000"];
    wait_until("the verifier answers", async || {
        let output = dir.run(&test);
        output.out.contains("secret 1 verified it\nevent in_1, invoice.paid").then_some(())
    })
    .await;
    let refused = host.post("billing", &event("in_2"), &[]).await;
    assert_eq!(refused.code, StatusCode::UNAUTHORIZED, "{refused:?}");
}

#[tokio::test]
async fn a_verifier_in_rust_is_made_built_and_answers() {
    author("rust", &["cargo", "test", "--quiet"]).await;
}

#[tokio::test]
async fn a_verifier_in_typescript_is_made_built_and_answers() {
    author("typescript", &["npm", "test", "--silent"]).await;
}
