//! Tests requests against sources for operators.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admin::TestSource;
use crate::admin::api::{HeaderView, SourceTestRequest, SourceTestResult, SourceTestStep, TestedEvent};
use crate::dispatch::Acceptance;
use crate::event::now_ms;
use crate::ingress::{Probe, ProbeRequest, ProbeStep, Sources};

/// Tests against the sources that are in force.
pub(super) fn function(sources: Arc<ArcSwap<Sources>>, acceptance: Arc<Acceptance>) -> TestSource {
    Arc::new(move |name: &str, request: SourceTestRequest, body: Vec<u8>| {
        let header = |HeaderView { name, value }| (name, value);
        let probe = ProbeRequest {
            method: request.method,
            target: request.target.unwrap_or_else(|| format!("/webhooks/{name}")),
            headers: request.headers.into_iter().map(header).collect(),
            body: body.into(),
            at_ms: request.at.unwrap_or_else(now_ms),
        };
        let (sources, name, acceptance) = (sources.load_full(), name.to_owned(), Arc::clone(&acceptance));
        Box::pin(async move {
            let known_since = |now, keys_days| acceptance.ids_known_since(now, keys_days);
            sources.probe(&name, &probe, known_since).await.map(describe)
        })
    })
}

fn describe(probe: Probe) -> SourceTestResult {
    let Probe { step, secret, reason, events } = probe;
    let step = match step {
        ProbeStep::Request => SourceTestStep::Request,
        ProbeStep::Handshake => SourceTestStep::Handshake,
        ProbeStep::Verification => SourceTestStep::Verification,
        ProbeStep::Verifier => SourceTestStep::Verifier,
        ProbeStep::Body => SourceTestStep::Body,
        ProbeStep::Accepted => SourceTestStep::Accepted,
    };
    let event = |[id, event_type, created]: [String; 3]| TestedEvent { id, event_type, created };
    SourceTestResult { step, secret, reason, events: events.into_iter().map(event).collect() }
}
