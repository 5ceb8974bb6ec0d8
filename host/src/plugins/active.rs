//! A plugin that takes events: its revision, its settings, and its history of calls.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::cpu_class::CpuClass;
use super::settings::settings;
use crate::clock;
use crate::config::Config;
use crate::delivery::Outcome;
use crate::event::{Digest, PluginName};
use crate::runtime::{self, Revision, Runner, Stages};

/// A revision that can run, and its handlers.
#[derive(Clone)]
pub struct RunningEntry {
    /// The plugin.
    pub plugin: PluginName,
    /// Runs its attempts.
    pub runner: Arc<dyn Runner>,
    /// The file's digest.
    pub revision: Digest,
    /// Interfaces of typed handlers, without versions.
    pub typed: Vec<String>,
    /// The generic handler's patterns.
    pub patterns: Vec<String>,
}

impl From<&Arc<Revision>> for RunningEntry {
    fn from(revision: &Arc<Revision>) -> Self {
        Self {
            plugin: revision.plugin.clone(),
            runner: Arc::clone(revision) as Arc<dyn Runner>,
            revision: revision.digest,
            typed: revision.typed_interfaces().map(ToOwned::to_owned).collect(),
            patterns: revision.subscriptions.clone(),
        }
    }
}

/// A plugin that takes events, with the operator's settings for it.
pub struct ActivePlugin {
    /// Runs its attempts.
    pub runner: Arc<dyn Runner>,
    /// The digest of its revision.
    pub revision: Digest,
    /// The settings and limits of an attempt.
    pub settings: runtime::PluginSettings,
    /// Attempts at once.
    pub concurrency: usize,
    /// Whether events with the same ordering key are handled one at a time.
    pub ordered: bool,
    /// The rules for retries of failed attempts.
    pub retry: Retry,
    /// The rules for pauses after many failures.
    pub breaking: Breaking,
    /// The class of its calls by computing time.
    pub cpu_class: Arc<CpuClass>,
    attempts: Attempts,
    /// Shared by all revisions of the plugin: they share its store.
    turns: Arc<RwLock<()>>,
}

/// This plugin's metrics, looked up once.
#[derive(Clone)]
struct Attempts {
    done: metrics::Counter,
    retry: metrics::Counter,
    rejected: metrics::Counter,
    seconds: metrics::Histogram,
    since_accepted: metrics::Histogram,
    wait_seconds: metrics::Histogram,
    instantiate_seconds: metrics::Histogram,
    call_seconds: metrics::Histogram,
}

impl Attempts {
    fn new(plugin: &PluginName) -> Self {
        let counter = |outcome| metrics::counter!("hookyard_attempts_total", "plugin" => plugin.to_string(), "outcome" => outcome);
        Self {
            done: counter("done"),
            retry: counter("retry"),
            rejected: counter("rejected"),
            seconds: metrics::histogram!("hookyard_attempt_seconds", "plugin" => plugin.to_string()),
            wait_seconds: metrics::histogram!("hookyard_wait_seconds", "plugin" => plugin.to_string()),
            instantiate_seconds: metrics::histogram!("hookyard_instantiate_seconds", "plugin" => plugin.to_string()),
            call_seconds: metrics::histogram!("hookyard_call_seconds", "plugin" => plugin.to_string()),
            since_accepted: metrics::histogram!("hookyard_accept_to_done_seconds", "plugin" => plugin.to_string()),
        }
    }
}

/// The operator's rules for retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Failed attempts after which a delivery is a dead letter.
    pub attempts_max: u32,
    /// Time after which a failed attempt makes a dead letter, even if few have failed.
    pub age_max: Duration,
    /// The wait before the next attempt.
    pub backoff: Backoff,
}

/// The conditions for a plugin's pause, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaking {
    /// The percentage of its latest deliveries that must have failed; 0 = never.
    pub failures_percent: usize,
    /// The number of its latest deliveries that count.
    pub deliveries: usize,
    /// The first pause, ms; doubles with each.
    pub pause_ms: u64,
    /// The longest pause, ms.
    pub pause_max_ms: u64,
}

impl Breaking {
    /// A breaker that never pauses.
    pub const NEVER: Self = Self { failures_percent: 0, deliveries: 1, pause_ms: 1, pause_max_ms: 1 };
}

/// Waits that double up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest wait after the first failure; doubles with each.
    pub base: Duration,
    /// Longest wait.
    pub max: Duration,
}

impl ActivePlugin {
    /// Makes the plugin for the next snapshot. `before` is the same plugin in this one. `same_config` tells
    /// whether the configuration is unchanged.
    ///
    /// A plugin whose revision and settings are the same keeps its breaker, turns and CPU class. With other
    /// settings it keeps its CPU class, and with another revision its turns.
    pub(super) fn next(
        before: Option<&Arc<Self>>,
        entry: &RunningEntry,
        config: &Config,
        same_config: bool,
    ) -> Arc<Self> {
        let unchanged = |before: &&Arc<Self>| same_config && is_same_runner(&before.runner, &entry.runner);
        if let Some(before) = before.filter(unchanged) {
            return Arc::clone(before);
        }
        let mut active = Self::new(entry, config);
        if let Some(before) = before {
            if active.is_as(before) && active.ordered == before.ordered {
                return Arc::clone(before);
            }
            active.turns = Arc::clone(&before.turns);
            if active.revision == before.revision {
                active.cpu_class = Arc::clone(&before.cpu_class);
            }
        }
        Arc::new(active)
    }

    /// Makes the plugin with another revision, under the same settings. Both share the turns, because they share the
    /// plugin's store.
    pub(super) fn on(&self, entry: &RunningEntry) -> Self {
        Self {
            runner: Arc::clone(&entry.runner),
            revision: entry.revision,
            settings: self.settings.clone(),
            concurrency: self.concurrency,
            ordered: self.ordered,
            retry: self.retry,
            breaking: self.breaking,
            cpu_class: Arc::default(),
            attempts: self.attempts.clone(),
            turns: Arc::clone(&self.turns),
        }
    }

    /// Whether both share the same turns: of any two calls that are to run alone, one waits for the other.
    #[cfg(test)]
    pub(super) fn shares_turns(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.turns, &other.turns)
    }

    fn new(entry: &RunningEntry, config: &Config) -> Self {
        let plugin = config.plugin(entry.plugin.as_str());
        Self {
            runner: Arc::clone(&entry.runner),
            revision: entry.revision,
            settings: settings(config, &entry.plugin),
            concurrency: plugin.concurrency,
            ordered: plugin.ordered,
            retry: Retry {
                attempts_max: plugin.attempts_max,
                age_max: Duration::from_millis(plugin.age_max_ms),
                backoff: Backoff {
                    base: Duration::from_millis(plugin.backoff_base_ms),
                    max: Duration::from_millis(plugin.backoff_max_ms),
                },
            },
            breaking: Breaking {
                failures_percent: plugin.breaker_failures_percent,
                deliveries: plugin.breaker_deliveries,
                pause_ms: plugin.breaker_pause_ms,
                pause_max_ms: plugin.breaker_pause_max_ms,
            },
            cpu_class: Arc::default(),
            attempts: Attempts::new(&entry.plugin),
            turns: Arc::default(),
        }
    }

    /// Whether it is the same revision under the same settings.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let all = |plugin: &Self| (plugin.revision, plugin.concurrency, plugin.retry, plugin.breaking);
        all(self) == all(other) && self.settings == other.settings
    }

    /// Waits until a call may begin, among others of its plugin or alone. A call that waits to run alone
    /// goes before later calls.
    pub async fn turn(&self, alone: bool) -> Turn<'_> {
        if alone { Turn::Alone(self.turns.write().await) } else { Turn::Among(self.turns.read().await) }
    }

    /// Counts the wait of a delivery for an attempt.
    pub fn count_wait(&self, waited: Duration) {
        self.attempts.wait_seconds.record(waited);
    }

    /// Counts the steps of one run of an attempt.
    pub fn count_stages(&self, stages: &Stages) {
        if let Some(step) = stages.instantiate {
            self.attempts.instantiate_seconds.record(step.took);
        }
        if let Some(step) = stages.call {
            self.attempts.call_seconds.record(step.took);
        }
    }

    /// Counts an attempt of a delivery whose time began at `since`, by the host's clock.
    pub fn count(&self, outcome: Outcome, duration_us: u64, since: u64) {
        self.attempts.seconds.record(Duration::from_micros(duration_us));
        match outcome {
            Outcome::Done => {
                self.attempts.done.increment(1);
                self.attempts
                    .since_accepted
                    .record(Duration::from_millis(clock::now_ms().saturating_sub(since)));
            }
            Outcome::Retry => self.attempts.retry.increment(1),
            Outcome::Rejected => self.attempts.rejected.increment(1),
        }
    }
}

/// A call's turn, until it is dropped.
pub enum Turn<'a> {
    /// Others may run.
    Among(RwLockReadGuard<'a, ()>),
    /// No other runs.
    Alone(RwLockWriteGuard<'a, ()>),
}

fn is_same_runner(one: &Arc<dyn Runner>, other: &Arc<dyn Runner>) -> bool {
    std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
}
