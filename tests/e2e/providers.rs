//! Sources with the presets of providers: requests that the providers' own libraries sign or verify, and the answers.

mod bodies;
mod handshakes;
mod ids;
mod operators;
mod replies;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

use crate::support::{HostDir, RunningHost, WebhookResponse, sign, test_python};

/// The presets with requests of the providers' own libraries; docs/providers.md has the same list.
const VERIFIED_BY_LIBRARIES: [&str; 17] = [
    "adyen",
    "aws-sns",
    "discord",
    "github",
    "hubspot",
    "linear",
    "mailgun",
    "moncreneau",
    "paddle",
    "paypal",
    "sendgrid",
    "shopify",
    "slack",
    "square",
    "standard-webhooks",
    "stripe",
    "twilio",
];

/// The standard configuration, with the address that senders know and these sources.
fn with_sources(sources: &str) -> HostDir {
    let dir = HostDir::new(sources);
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let public = "[server]\npublic_url = \"https://hooks.example.gn\"\n";
    dir.replace("hookyard.toml", text.replacen("[server]\n", public, 1).as_bytes());
    dir
}

/// A line that widens the short windows of these schemes: the computer may be busy.
fn widened(scheme: &str) -> &'static str {
    if ["linear", "paddle"].contains(&scheme) { "tolerance_seconds = 300\n" } else { "" }
}

/// A request that a library of a provider signed or verified.
#[derive(Deserialize)]
struct SignedRequest {
    source: String,
    scheme: String,
    secrets: Vec<String>,
    /// More lines of the source's configuration.
    settings: String,
    headers: BTreeMap<String, String>,
    body: String,
    /// Another body, which the signature does not fit.
    tampered: String,
    query: String,
    /// Of its event.
    id: String,
    #[serde(rename = "type")]
    event_type: String,
}

impl SignedRequest {
    fn to_config(&self) -> String {
        let Self { source, scheme, secrets, settings, .. } = self;
        let widened = widened(scheme);
        format!("[sources.{source}]\nscheme = {scheme:?}\nsecrets = {secrets:?}\n{settings}\n{widened}")
    }

    async fn send(&self, host: &RunningHost<'_>, body: &str) -> WebhookResponse {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        host.post(&format!("{}{}", self.source, self.query), body, &headers).await
    }
}

/// Requests that libraries of providers signed or verified now.
fn signed_by_libraries() -> Vec<SignedRequest> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/e2e/providers");
    let modules = folder.join("npm/node_modules");
    assert!(modules.exists(), "{}: `scripts/test-npm` makes it", modules.display());
    let scripts = [(test_python(), folder.join("sign.py")), ("node".into(), folder.join("npm/sign.mjs"))];
    let start = |(program, script): (PathBuf, PathBuf)| {
        Command::new(program).arg(script).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let read = |script: Child| {
        let output = script.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Vec<SignedRequest>>(&output.stdout).unwrap()
    };
    // Both run at once.
    scripts.map(start).into_iter().flat_map(read).collect()
}

#[tokio::test]
async fn requests_that_the_providers_own_libraries_sign_or_verify_are_accepted_and_tampered_ones_are_not() {
    let requests = signed_by_libraries();
    let schemes: BTreeSet<_> = requests.iter().map(|request| request.scheme.as_str()).collect();
    assert_eq!(schemes.into_iter().collect::<Vec<_>>(), VERIFIED_BY_LIBRARIES);
    let sources: Vec<_> = requests.iter().map(SignedRequest::to_config).collect();
    let dir = with_sources(&sources.join("\n"));
    let host = dir.start().await;
    for request in &requests {
        let SignedRequest { source, body, tampered, id, event_type, .. } = request;
        let answer = request.send(&host, tampered).await;
        assert_eq!(answer.code, 401, "{source}: {answer:?}");
        let is_mismatch = answer.reason() == "signature does not match: no secret matched";
        // The digest of a body in the URL is compared before the signature, and some answers have no body.
        assert!(is_mismatch || source == "twilio-json" || answer.reason().is_empty(), "{source}: {answer:?}");
        let answer = request.send(&host, body).await;
        assert!(answer.code.is_success(), "{source}: {answer:?}");
        let again = request.send(&host, body).await;
        assert!(again.code.is_success() && again.status() != "accepted", "{source}: {again:?}");
        let (code, event) = host.api_get(&format!("/api/v1/events/{source}/{id}")).await;
        assert_eq!(code, 200, "{source}: {event}");
        assert_eq!(event["type"], event_type.as_str(), "{source}: {event}");
    }
    assert_eq!(host.events("").await.len(), requests.len(), "no tampered request is stored");
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
