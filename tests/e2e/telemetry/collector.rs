//! A collector: it records requests, and OpenTelemetry's own messages for Python decode them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::{Partner, ReceivedRequest, Reply, test_python, wait_until};

const DECODE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/telemetry/decode.py");

/// A collector that takes everything.
pub(super) struct Collector(Partner);

impl Collector {
    pub(super) async fn start() -> Self {
        let answer = |_: usize, _: &ReceivedRequest| {
            Reply::text(200, "").with("content-type", "application/x-protobuf")
        };
        Self(Partner::start(answer).await)
    }

    /// The base URL.
    pub(super) fn endpoint(&self) -> String {
        self.0.origin()
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<ReceivedRequest> {
        self.0.requests()
    }

    /// The spans and the metrics so far.
    pub(super) fn decoded(&self) -> (Vec<Value>, Vec<Value>) {
        let mut lines = String::new();
        for request in self.requests() {
            assert_eq!(request.method, "POST");
            let signal = request.path.strip_prefix("/v1/").unwrap();
            writeln!(lines, "{signal} {}", STANDARD.encode(&request.body)).unwrap();
        }
        let mut python = Command::new(test_python());
        let mut python = python.arg(DECODE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        python.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success(), "the requests are no OTLP messages");
        let mut decoded: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut take = |key: &str| match decoded[key].take() {
            Value::Array(items) => items,
            other => panic!("{other}"),
        };
        (take("spans"), take("metrics"))
    }

    /// Waits until a span with this name has come.
    pub(super) async fn wait_span(&self, name: &str) {
        wait_until(&format!("the collector has a span {name}"), async || {
            self.decoded().0.iter().any(|span| span["name"] == name).then_some(())
        })
        .await;
    }
}

/// The spans of one trace.
#[derive(Debug)]
pub(super) struct Trace(Vec<Value>);

impl Trace {
    /// Of these spans, which must all be of this trace.
    pub(super) fn of(spans: Vec<Value>, trace: &str) -> Self {
        assert!(!spans.is_empty());
        for span in &spans {
            assert_eq!(span["trace"], trace, "{span}");
            assert_eq!(spans.iter().filter(|other| other["id"] == span["id"]).count(), 1, "{span}");
        }
        Self(spans)
    }

    /// The spans with this name, in the order in which they came.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |span| span["name"] == name)
    }

    /// The only span with this name.
    pub(super) fn only(&self, name: &str) -> &Value {
        let mut named = self.named(name);
        let span = named.next().unwrap_or_else(|| panic!("{name} is not in {self:#?}"));
        assert!(named.next().is_none(), "{name} is twice in {self:#?}");
        span
    }

    /// The names of the spans below another.
    pub(super) fn children(&self, of: &Value) -> Vec<&str> {
        let below = self.0.iter().filter(|span| span["parent"] == of["id"]);
        let mut names: Vec<_> = below.map(|span| span["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    }

    /// The only span with this name below another.
    pub(super) fn child(&self, of: &Value, name: &str) -> &Value {
        let mut found = self.named(name).filter(|span| span["parent"] == of["id"]);
        let span = found.next().unwrap_or_else(|| panic!("{name} is not below {of}: {self:#?}"));
        assert!(found.next().is_none(), "{name} is twice below {of}");
        span
    }
}
