//! Sources, and tests of requests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

impl SourceTestRequest {
    /// Reads a request as it came over the wire: the request line, the headers, an empty line, and the body byte by byte.
    /// Lines before the body may end with a line feed alone.
    ///
    /// # Errors
    /// What is no request, in words.
    pub(crate) fn parse(bytes: &[u8], at: Option<u64>) -> Result<Self, String> {
        let mut rest = bytes;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let (line, after) =
                end.map_or((rest, &rest[rest.len()..]), |end| (&rest[..end], &rest[end + 1..]));
            rest = after;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            std::str::from_utf8(line).map_err(|_| "a header is not text".to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (method, target) = words.next().zip(words.next()).ok_or_else(|| {
            format!(
                "it does not begin with a request line such as `POST /webhooks/NAME HTTP/1.1`, but with `{first}`"
            )
        })?;
        let (method, target) = (method.to_owned(), Some(target.to_owned()));
        let mut headers = Vec::new();
        loop {
            let text = line()?;
            if text.is_empty() {
                break;
            }
            let (name, value) =
                text.split_once(':').ok_or_else(|| format!("`{text}` is no header: write NAME: VALUE"))?;
            headers.push(HeaderView { name: name.trim().to_owned(), value: value.trim().to_owned() });
        }
        Ok(Self { method, target, headers, body_base64: STANDARD.encode(rest), at })
    }
}

impl SourceTestResult {
    pub(in crate::admin) fn without_body() -> Self {
        let reason = Some("body_base64 is no base64".into());
        Self { step: SourceTestStep::Request, secret: None, reason, events: Vec::new() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_came() {
        for text in [
            "POST /webhooks/a?x=1 HTTP/1.1\r\nA: 1\r\nb:  two: 2 \r\n\r\n{\r\n}\n",
            "POST /webhooks/a?x=1 HTTP/1.1\nA: 1\nb: two: 2\n\n{\r\n}\n",
        ] {
            let request = SourceTestRequest::parse(text.as_bytes(), Some(7)).unwrap();
            assert_eq!(
                (request.method.as_str(), request.target.as_deref()),
                ("POST", Some("/webhooks/a?x=1"))
            );
            let headers: Vec<_> =
                request.headers.iter().map(|of| format!("{}={}", of.name, of.value)).collect();
            assert_eq!(headers, ["A=1", "b=two: 2"]);
            assert_eq!(STANDARD.decode(request.body_base64).unwrap(), b"{\r\n}\n");
            assert_eq!(request.at, Some(7));
        }
        let bare = SourceTestRequest::parse(b"GET /x", None).unwrap();
        assert_eq!((bare.headers.len(), bare.body_base64.as_str()), (0, ""));
        for (wrong, part) in
            [("", "request line"), ("{}", "request line"), ("POST / x\nno header\n", "NAME: VALUE")]
        {
            let why = SourceTestRequest::parse(wrong.as_bytes(), None).unwrap_err();
            assert!(why.contains(part), "{wrong}: {why}");
        }
        assert!(SourceTestRequest::parse(b"POST / x\n\xff: 1\n\n", None).is_err());
    }
}
