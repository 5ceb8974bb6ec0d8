//! Sources, and tests of requests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::api::formats::read_time;
use crate::config::Source;

/// The scheme of a source with a verifier.
const VERIFIER: &str = "verifier";

/// The configured sources.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SourceList {
    /// The sources by name.
    pub items: Vec<SourceView>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}

/// A configured source.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SourceView {
    /// Its name: the last part of its path, `/webhooks/NAME`.
    pub name: String,
    /// Its scheme's preset, or `verifier`.
    pub scheme: String,
    /// The verifier that it has in place of a scheme.
    #[serde(default)]
    pub verifier: Option<String>,
    /// The provider of the preset; empty with a verifier.
    pub provider: String,
    /// What makes its signatures; `verifier` if the verifier decides.
    pub algorithm: String,
    /// Whether the signature covers the body. False with a verifier, of which the host does not know.
    pub covers_body: bool,
    /// The largest difference between the signed time and the host's clock, in seconds. Null: no limit, or no time is
    /// signed.
    pub tolerance_seconds: Option<u64>,
    /// Its secrets, in the order of the configuration.
    pub secrets: Vec<SourceSecretView>,
}

/// A secret of a source, without its value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SourceSecretView {
    /// The time from which it verifies nothing, ms since the Unix epoch. Null: it has no end.
    pub not_after: Option<u64>,
}

/// A request to test against a source.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceTestRequest {
    /// Its method.
    #[serde(default = "post")]
    #[schema(default = "POST")]
    pub method: String,
    /// Its path and query. Null: the path of the source.
    #[serde(default)]
    pub target: Option<String>,
    /// Its headers, in order.
    #[serde(default)]
    pub headers: Vec<HeaderView>,
    /// Its body in base64.
    #[serde(default)]
    pub body_base64: String,
    /// The time of its receipt, ms since the Unix epoch. Null: now.
    #[serde(default, deserialize_with = "read_time")]
    #[schema(minimum = 0)]
    pub at: Option<u64>,
}

fn post() -> String {
    "POST".into()
}

/// A header.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderView {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The step at which the answer to a request is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceTestStep {
    /// It is no request, or not one for webhooks.
    Request,
    /// The provider checks the address: the host answers itself.
    Handshake,
    /// It is answered 401.
    Verification,
    /// It is answered 503: the source's verifier does not run, or failed.
    Verifier,
    /// It is answered 400.
    Body,
    /// Its events would be stored.
    Accepted,
}

/// What would become of a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SourceTestResult {
    /// The step that decides.
    pub step: SourceTestStep,
    /// The number of the secret that verified it, from 1.
    pub secret: Option<u32>,
    /// Why it is not accepted, or which handshake it is.
    pub reason: Option<String>,
    /// The events in it.
    pub events: Vec<TestedEvent>,
}

/// An event of a tested request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TestedEvent {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The sender's timestamp, or the time of the test.
    pub created: String,
}

impl SourceView {
    pub(in crate::admin) fn new(name: &str, source: &Source) -> Self {
        let verification = &source.verification;
        let tolerance = Some(verification.tolerance_seconds);
        let secrets = source.secrets.iter().map(|of| SourceSecretView { not_after: of.not_after }).collect();
        if let Some(verifier) = &source.verifier {
            return Self {
                name: name.into(),
                scheme: VERIFIER.into(),
                verifier: Some(verifier.to_string()),
                provider: String::new(),
                algorithm: VERIFIER.into(),
                covers_body: false,
                tolerance_seconds: None,
                secrets,
            };
        }
        Self {
            name: name.into(),
            scheme: source.scheme.name().into(),
            verifier: None,
            provider: source.scheme.title().into(),
            algorithm: verification.algorithm.name().into(),
            covers_body: verification.covers_body(),
            tolerance_seconds: tolerance.filter(|seconds| *seconds > 0 && verification.timestamp.is_some()),
            secrets,
        }
    }
}

impl SourceTestResult {
    pub(in crate::admin) fn without_body() -> Self {
        let reason = Some("body_base64 is no base64".into());
        Self { step: SourceTestStep::Request, secret: None, reason, events: Vec::new() }
    }
}
