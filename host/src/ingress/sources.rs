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
    /// Largest body taken.
    pub(super) body_max_bytes: usize,
    /// Time a sender has for its body.
    pub(super) body_timeout: Duration,
}

/// A source, ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) name: SourceName,
    pub(super) signing: Signing,
    pub(super) envelope: Envelope,
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
            body_max_bytes: config.server.body_max_bytes,
            body_timeout: Duration::from_millis(config.server.body_timeout_ms),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Ready>> {
        self.by_name.get(name)
    }
}
