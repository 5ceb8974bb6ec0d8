//! The last hour of this host in samples of a minute, for the pages. It begins anew with the process.
//!
//! The numbers are those of `/metrics`, read from there, so that both say the same.

mod totals;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics_exporter_prometheus::PrometheusHandle;

use crate::clock;
use crate::db::Db;

pub(super) use totals::Totals;

/// Time between two samples, in ms.
const INTERVAL_MS: u64 = 60_000;
/// Samples that are kept: both ends of an hour.
const SAMPLES_MAX: usize = 61;

/// The numbers at one moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// By the host's clock, in ms.
    pub(super) at: u64,
    /// Counts since the host started.
    pub(super) totals: Arc<Totals>,
    /// Deliveries that are neither done nor dead.
    pub(super) backlog: u64,
    /// Unresolved dead letters.
    pub(super) dead: u64,
}

/// What a count has become over samples, the oldest first: in the last hour, or since a start that is not so long ago.
pub(super) fn increase(samples: &[Sample], count: impl Fn(&Sample) -> u64) -> u64 {
    let last = samples.last().map_or(0, &count);
    // A host that runs for less than an hour counts from its start.
    let first = samples.first().filter(|_| samples.len() >= SAMPLES_MAX).map_or(0, &count);
    last.saturating_sub(first)
}

/// See the module. Clones share the samples.
#[derive(Clone)]
pub struct RecentHour {
    samples: Arc<Mutex<VecDeque<Sample>>>,
    metrics: PrometheusHandle,
}

impl RecentHour {
    /// No samples yet.
    #[must_use]
    pub fn new(metrics: PrometheusHandle) -> Self {
        Self { samples: Arc::default(), metrics }
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a sample if a minute has passed since the last one.
    pub async fn sample(&self, db: &Db) {
        let now = clock::now_ms();
        if self.samples().back().is_some_and(|last| now.saturating_sub(last.at) < INTERVAL_MS) {
            return;
        }
        // A count that cannot be had is shown as it was.
        let stock = db.stock().await.ok();
        let known = self.samples().back().map_or(0, |last| last.dead);
        let dead = stock.map_or(known, |stock| stock.dead_deliveries + stock.dead_effects);
        let sample = self.take(db.backlog(), dead);
        let mut samples = self.samples();
        while samples.len() >= SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// The numbers of now.
    pub(super) fn take(&self, backlog: u64, dead: u64) -> Sample {
        let totals = Arc::new(Totals::parse(&self.metrics.render()));
        Sample { at: clock::now_ms(), totals, backlog, dead }
    }

    /// The samples, the oldest first, and `now` as the last one.
    pub(super) fn until(&self, now: Sample) -> Vec<Sample> {
        let samples = self.samples();
        let mut all: Vec<_> = samples.iter().cloned().collect();
        drop(samples);
        // Of a few seconds there is no rate to draw.
        if all.len() > 1 && all.last().is_some_and(|last| now.at.saturating_sub(last.at) < INTERVAL_MS / 2) {
            all.pop();
        }
        all.push(now);
        all
    }
}
