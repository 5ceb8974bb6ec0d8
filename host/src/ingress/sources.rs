//! The configured sources, prepared for requests: schemes compiled, keys initialised, counters registered.
//! Replaced as a whole when the configuration changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::config::{self, Config, Reply, TraceTrust};
use crate::confirmation::ConfirmationReceipt;
use crate::event::SourceName;
use crate::verifier::FailureKind;

use super::age::AgeLimit;
use super::envelope::{AttributeRules, Envelope};
use super::handshake::Handshake;
use super::throttle::Throttle;
use super::verify::{RequestVerifiers, SourceUrl, Verifier};

/// All sources, and the limits of the endpoint that may change while it runs.
#[derive(Debug)]
pub struct Sources {
    by_name: HashMap<SourceName, Arc<ReadySource>>,
    verifiers: Arc<dyn RequestVerifiers>,
    pub(super) bodies: BodyLimits,
}

/// Limits of request bodies.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Largest body accepted.
    pub(super) max_bytes: usize,
    /// Time in which a body must arrive.
    pub(super) timeout: Duration,
    /// Most events of one body.
    pub(super) events_max: usize,
    /// Those of an event's attributes.
    pub(super) attributes: AttributeRules,
    /// Memory of all bodies together.
    pub(super) all_max_bytes: usize,
}

/// A source, prepared for requests.
#[derive(Debug)]
pub(super) struct ReadySource {
    pub(super) name: SourceName,
    pub(super) verifier: Verifier,
    pub(super) envelope: Envelope,
    pub(super) age: AgeLimit,
    pub(super) counters: Counters,
    /// `hookyard_unauthorized_total`, by reason.
    pub(super) unauthorized: Counters,
    /// `hookyard_verifier_failures_total`, by kind, where the source has a verifier.
    pub(super) verifier_failures: Option<Counters>,
    /// The time to verify requests and to read their events.
    pub(super) verify_seconds: Histogram,
    pub(super) traceparent: TraceTrust,
    pub(super) handshake: Option<Handshake>,
    /// The form of the answer that acknowledges an event, if the provider wants a certain one.
    pub(super) reply: Option<Reply>,
    /// Whether a body may be compressed.
    pub(super) gzip: bool,
    /// Counts verified events since the host started. It is kept when the configuration changes.
    pub(super) verified: Arc<AtomicU64>,
    /// Throttles log lines about rejected signatures: any client can cause them, so they must not hide
    /// the others.
    pub(super) rejected: Throttle,
    /// Throttles log lines about verified requests that are no new event.
    pub(super) invalid: Throttle,
    /// Throttles log lines about handshakes.
    pub(super) handshakes: Throttle,
    /// Throttles log lines about subscriptions that ended.
    pub(super) ended_subscriptions: Throttle,
    /// `hookyard_confirmations_total`, by result, where the provider asks for confirmations.
    pub(super) confirmations: Option<Counters>,
    /// Throttles log lines about events that could not be stored.
    pub(super) failed: Throttle,
    /// Throttles log lines about verifiers that do not answer: any client can cause them.
    pub(super) unanswered: Throttle,
    /// Throttles log lines about events that no plugin handles.
    pub(super) unhandled: Throttle,
}

/// A metric of a source, by a label with few values.
#[derive(Debug)]
pub(super) struct Counters(Vec<(&'static str, Counter)>);

impl Counters {
    /// `hookyard_requests_total`, by status.
    fn of_answers(source: &SourceName) -> Self {
        let counter = |status: &'static str| metrics::counter!("hookyard_requests_total", "source" => source.to_string(), "status" => status);
        Self(super::answer::STATUSES.iter().map(|&status| (status, counter(status))).collect())
    }

    /// `hookyard_unauthorized_total`, by reason.
    fn of_unauthorized(source: &SourceName) -> Self {
        let counter = |reason: &'static str| metrics::counter!("hookyard_unauthorized_total", "source" => source.to_string(), "reason" => reason);
        Self(super::answer::UNAUTHORIZED_REASONS.iter().map(|&reason| (reason, counter(reason))).collect())
    }

    /// `hookyard_verifier_failures_total`, by kind.
    fn of_verifier(source: &SourceName) -> Self {
        let counter = |kind: FailureKind| {
            let counter = metrics::counter!("hookyard_verifier_failures_total", "source" => source.to_string(), "kind" => kind.as_str());
            (kind.as_str(), counter)
        };
        Self(FailureKind::ALL.into_iter().map(counter).collect())
    }

    /// `hookyard_confirmations_total`, by result.
    fn of_confirmations(source: &SourceName) -> Self {
        let counter = |result: ConfirmationReceipt| {
            let counter = metrics::counter!("hookyard_confirmations_total", "source" => source.to_string(), "result" => result.as_str());
            (result.as_str(), counter)
        };
        Self(ConfirmationReceipt::ALL.into_iter().map(counter).collect())
    }

    /// Counts one with this status or reason.
    pub(super) fn count(&self, value: &'static str) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == value) {
            counter.increment(1);
        }
    }
}

impl Sources {
    /// Prepares the sources of a configuration. Counters are registered with the recorder that is installed now.
    #[must_use]
    pub fn from_config(config: &Config, verifiers: Arc<dyn RequestVerifiers>) -> Self {
        Self::build(config, verifiers, |_| Arc::default())
    }

    /// Prepares the sources of a changed configuration. Sources that were there before continue to count.
    #[must_use]
    pub fn from_changed(&self, config: &Config) -> Self {
        Self::build(config, Arc::clone(&self.verifiers), |name| {
            self.by_name.get(name).map(|old| Arc::clone(&old.verified)).unwrap_or_default()
        })
    }

    /// The number of verified events of each source since the host started.
    #[must_use]
    pub fn verified_counts(&self) -> Vec<(SourceName, u64)> {
        let count = |source: &Arc<ReadySource>| source.verified.load(Ordering::Relaxed);
        self.by_name.iter().map(|(name, source)| (name.clone(), count(source))).collect()
    }

    fn build(
        config: &Config,
        verifiers: Arc<dyn RequestVerifiers>,
        verified: impl Fn(&SourceName) -> Arc<AtomicU64>,
    ) -> Self {
        let url = config.server.public_url.clone().map_or(SourceUrl::Unknown, SourceUrl::Host);
        let ready = config.sources.iter().map(|(name, source)| {
            let ready = ReadySource {
                name: name.clone(),
                verifier: Verifier::new(source, url.clone(), &verifiers),
                envelope: Envelope::from_source(source),
                age: AgeLimit {
                    max_days: source.created_age_max_days,
                    keys_days: config.retention.keys_days,
                },
                counters: Counters::of_answers(name),
                unauthorized: Counters::of_unauthorized(name),
                verifier_failures: source.verifier.is_some().then(|| Counters::of_verifier(name)),
                verify_seconds: metrics::histogram!("hookyard_verify_seconds", "source" => name.to_string()),
                traceparent: source.traceparent,
                handshake: Handshake::of(source),
                reply: source.reply.clone(),
                gzip: source.gzip,
                verified: verified(name),
                rejected: Throttle::default(),
                invalid: Throttle::default(),
                handshakes: Throttle::default(),
                ended_subscriptions: Throttle::default(),
                confirmations: (source.handshake == Some(config::Handshake::AwsSns))
                    .then(|| Counters::of_confirmations(name)),
                failed: Throttle::default(),
                unanswered: Throttle::default(),
                unhandled: Throttle::default(),
            };
            (name.clone(), Arc::new(ready))
        });
        let by_name = ready.collect();
        Self {
            by_name,
            verifiers,
            bodies: BodyLimits {
                max_bytes: config.server.body_max_bytes,
                timeout: Duration::from_millis(config.server.body_timeout_ms),
                events_max: config.server.events_per_body_max,
                attributes: AttributeRules {
                    count_max: config.server.attributes_max,
                    bytes_max: config.server.attributes_max_bytes,
                },
                all_max_bytes: config.server.bodies_max_bytes,
            },
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<ReadySource>> {
        self.by_name.get(name)
    }
}
