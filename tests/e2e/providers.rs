//! Sources with the presets of providers: requests that the providers' own libraries sign, and what becomes of them.

mod bodies;
mod handshakes;
mod ids;
mod operators;
mod replies;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{HostDir, RunningHost, WebhookResponse, sign, test_python};

/// The standard configuration, with the address that senders know and these sources.
fn with_sources(sources: &str) -> HostDir {
    let dir = HostDir::new(sources);
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let public = "[server]\npublic_url = \"https://hooks.example.gn\"\n";
    dir.replace("hookyard.toml", text.replacen("[server]\n", public, 1).as_bytes());
    dir
}

async fn send(host: &RunningHost<'_>, source: &str, request: &Value, body: &str) -> WebhookResponse {
    let headers = request["headers"].as_object().unwrap();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let path = format!("{source}{}", request["query"].as_str().unwrap_or_default());
    host.post(&path, body, &headers).await
}

/// A line that widens the short windows of these schemes: the computer may be busy.
fn widened(scheme: &str) -> &'static str {
    if ["linear", "paddle"].contains(&scheme) { "tolerance_seconds = 300\n" } else { "" }
}

/// Requests that libraries of providers signed now.
fn signed_by_libraries() -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/providers/sign.py");
    let output = Command::new(test_python()).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn requests_signed_by_the_providers_own_libraries_are_accepted_and_tampered_ones_are_not() {
    let requests = signed_by_libraries();
    let mut sources = String::new();
    for (number, request) in requests.iter().enumerate() {
        let (scheme, secret) = (request["scheme"].as_str().unwrap(), request["secret"].as_str().unwrap());
        writeln!(sources, "[sources.s{number}]\nscheme = {scheme:?}\nsecrets = [\"other\", {secret:?}]")
            .unwrap();
        if ["standard-webhooks", "adyen"].contains(&scheme) {
            // `other` is no key of these.
            sources = sources.replace("\"other\", ", "");
        }
        sources.push_str(widened(scheme));
    }
    let dir = with_sources(&sources);
    let host = dir.start().await;
    for (number, request) in requests.iter().enumerate() {
        let source = format!("s{number}");
        let (scheme, body) = (request["scheme"].as_str().unwrap(), request["body"].as_str().unwrap());
        let changed = match scheme {
            "adyen" => body.replace("1130", "1131"),
            _ => format!("{body} "),
        };
        let answer = send(&host, &source, request, &changed).await;
        assert_eq!(answer.code, 401, "{scheme}: {answer:?}");
        if scheme != "slack" {
            // Slack's answers have no body.
            assert_eq!(answer.json["reason"], "signature does not match: no secret matched", "{scheme}");
        }
        let answer = send(&host, &source, request, body).await;
        // Where the provider wants an answer of its own, that one has no JSON.
        let (code, own_id) = match scheme {
            "adyen" => (200, Some("psp-1.AUTHORISATION")),
            "slack" => (200, Some("Ev1")),
            "paddle" => (200, None),
            _ => (202, None),
        };
        assert_eq!(answer.code, code, "{scheme}: {answer:?}");
        let id = own_id.or_else(|| answer.json["event"].as_str()).unwrap().to_owned();
        let again = send(&host, &source, request, body).await;
        let status = if own_id.is_none() { "duplicate" } else { "" };
        assert_eq!((again.code.as_u16(), again.status()), (200, status), "{scheme}: {again:?}");
        let (code, event) = host.api_get(&format!("/api/v1/events/{source}/{id}")).await;
        assert_eq!(code, 200, "{scheme}: {event}");
    }
    assert_eq!(requests.len(), 6);
}

#[tokio::test]
async fn a_github_delivery_has_the_id_of_its_header_and_the_type_of_header_and_body() {
    let dir = with_sources(
        "[sources.github]\nscheme = \"github\"\nsecrets = [\"s\"]\nordering_key = \"/repository/id\"",
    );
    let host = dir.start().await;
    for (number, (kind, body, expected)) in [
        ("pull_request", r#"{"action":"opened","repository":{"id":7}}"#, "pull_request.opened"),
        ("push", r#"{"ref":"main","repository":{"id":7}}"#, "push"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("72d3162e-{number}");
        let signature = sign("s", body);
        let headers = [
            ("X-Hub-Signature-256", signature.as_str()),
            ("X-GitHub-Event", kind),
            ("X-GitHub-Delivery", &id),
        ];
        let answer = host.post("github", body, &headers).await;
        assert_eq!(
            (answer.code.as_u16(), answer.json["event"].as_str()),
            (202, Some(id.as_str())),
            "{answer:?}"
        );
        let (_, event) = host.api_get(&format!("/api/v1/events/github/{id}")).await;
        assert_eq!((&event["type"], &event["ordering_key"]), (&expected.into(), &"7".into()), "{event}");
    }
    let answer = host.post("github", "{}", &[("X-Hub-Signature-256", &sign("s", "{}"))]).await;
    assert_eq!(answer.code, 400, "{answer:?}");
}

#[tokio::test]
async fn a_rejected_request_names_the_step_in_the_answer_and_the_log() {
    let dir = with_sources("[sources.pay]\nscheme = \"stripe\"\nsecrets = [\"whsec_secret\"]");
    let host = dir.start().await;
    let digest = "0".repeat(64);
    for (signature, part) in [
        (None, "signed item `t=` of header stripe-signature is missing"),
        (Some("t=1700000000".to_owned()), "timestamp is too old by "),
        (Some(format!("t=99999999999,v1={digest}")), "timestamp is too far in the future by "),
        (Some(format!("v1={digest}")), "signed item `t=` of header stripe-signature is missing"),
    ] {
        let headers: Vec<_> = signature.iter().map(|value| ("Stripe-Signature", value.as_str())).collect();
        let answer = host.post("pay", "{}", &headers).await;
        assert_eq!(answer.code, 401, "{answer:?}");
        assert!(answer.json["reason"].as_str().unwrap().starts_with(part), "{answer:?}");
    }
    let line = host.wait_log(&["signature rejected", "pay"]).await;
    assert!(line.contains("stripe-signature is missing"), "{line}");
}

#[tokio::test]
async fn a_secret_that_is_no_key_of_the_scheme_is_refused_with_its_name() {
    let dir = with_sources("[sources.chat]\nscheme = \"discord\"\nsecrets = [\"not a key\"]");
    let checked = dir.run(&["config", "check"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    let text = format!("{}{}", checked.out, checked.err);
    assert!(text.contains("`sources.chat.secrets.0`: it is no public key for Ed25519"), "{text}");
    assert!(!text.contains("not a key"), "{text}");
}
