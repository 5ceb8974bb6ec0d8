//! The configured sources, made ready for requests: keys mixed in, pointers taken apart, counters
//! registered. Replaced as a whole when the configuration changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;

use crate::config::Config;
use crate::event::SourceName;

use super::envelope::Envelope;
use super::throttle::Throttle;
use super::verify::Signing;

/// All sources, and the limits of the endpoint that may change while it runs.
#[derive(Debug)]
pub struct Sources {
    by_name: HashMap<SourceName, Arc<Ready>>,
    pub(super) bodies: BodyLimits,
}

/// How old an event may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct AgeLimit {
    /// As configured: 0 = as old as it likes, `None` = as long as ids are known.
    pub(super) max_days: Option<u64>,
    /// How long ids are known.
    pub(super) keys_days: u64,
}

/// Limits of requests' bodies.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Largest body taken.
    pub(super) max_bytes: usize,
    /// Time a sender has for its body.
    pub(super) timeout: Duration,
    /// What all bodies together may hold in memory.
    pub(super) all_max_bytes: usize,
}

/// A source, ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) name: SourceName,
    pub(super) signing: Signing,
    pub(super) envelope: Envelope,
    pub(super) age: AgeLimit,
    pub(super) counters: Counters,
    /// For log lines about rejected signatures: strangers write these, and may not hide the others.
    pub(super) rejected: Throttle,
    /// For log lines about verified requests that are no new event.
    pub(super) invalid: Throttle,
    /// For log lines about events that could not be stored.
    pub(super) failed: Throttle,
    /// For log lines about events that no plugin wants.
    pub(super) unhandled: Throttle,
}

/// `hookyard_requests_total` of a source, by status.
#[derive(Debug)]
pub(super) struct Counters(Vec<(&'static str, Counter)>);

impl Counters {
    fn of(source: &SourceName) -> Self {
        let counter = |status: &'static str| metrics::counter!("hookyard_requests_total", "source" => source.to_string(), "status" => status);
        Self(super::answer::STATUSES.iter().map(|&status| (status, counter(status))).collect())
    }

    /// One more answered with this status.
    pub(super) fn count(&self, status: &'static str) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == status) {
            counter.increment(1);
        }
    }
}

impl Sources {
    /// Prepares the sources of a configuration. Counters go to the recorder installed at this time.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let ready = config.sources.iter().map(|(name, source)| {
            let ready = Ready {
                name: name.clone(),
                signing: Signing::of(source),
                envelope: Envelope::of(source),
                age: AgeLimit {
                    max_days: source.created_age_max_days,
                    keys_days: config.retention.keys_days,
                },
                counters: Counters::of(name),
                rejected: Throttle::default(),
                invalid: Throttle::default(),
                failed: Throttle::default(),
                unhandled: Throttle::default(),
            };
            (name.clone(), Arc::new(ready))
        });
        Self {
            by_name: ready.collect(),
            bodies: BodyLimits {
                max_bytes: config.server.body_max_bytes,
                timeout: Duration::from_millis(config.server.body_timeout_ms),
                all_max_bytes: config.server.bodies_max_bytes,
            },
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Ready>> {
        self.by_name.get(name)
    }
}
