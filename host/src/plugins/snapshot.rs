//! The routing table: which revision of which plugin takes which events. It is never changed; a
//! swap puts another in its place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::pace::Pace;
use super::subscriptions::{Subscriptions, Wants};
use crate::clock;
use crate::config::{self, Config};
use crate::delivery::{Outcome, Recipient};
use crate::event::{Digest, EventPattern, PluginName, SourceName};
use crate::outbound::Grants;
use crate::runtime::{self, Revision, Runner};
use crate::secrets::Mask;

/// See the module.
#[derive(Default)]
pub struct Snapshot {
    plugins: BTreeMap<PluginName, Arc<Live>>,
    packages: HashMap<SourceName, String>,
    subscriptions: Subscriptions,
}

/// A plugin that takes events, with the operator's settings for it.
pub struct Live {
    /// Runs its attempts.
    pub runner: Arc<dyn Runner>,
    /// Which revision that is.
    pub revision: Digest,
    /// What an attempt gets and may take.
    pub settings: runtime::PluginSettings,
    /// Attempts at once.
    pub concurrency: usize,
    /// Whether events with the same ordering key are handled one at a time.
    pub ordered: bool,
    /// What follows a failed attempt.
    pub retry: Retry,
    /// What follows many of them.
    pub breaking: Breaking,
    /// How long its calls compute.
    pub pace: Arc<Pace>,
    attempts: Attempts,
    /// Shared by all revisions of the plugin: they share its store.
    turns: Arc<RwLock<()>>,
}

/// This plugin's metrics, looked up once.
struct Attempts {
    done: metrics::Counter,
    retry: metrics::Counter,
    rejected: metrics::Counter,
    seconds: metrics::Histogram,
    since_accepted: metrics::Histogram,
}

impl Attempts {
    fn new(plugin: &PluginName) -> Self {
        let counter = |outcome| metrics::counter!("hookyard_attempts_total", "plugin" => plugin.to_string(), "outcome" => outcome);
        Self {
            done: counter("done"),
            retry: counter("retry"),
            rejected: counter("rejected"),
            seconds: metrics::histogram!("hookyard_attempt_seconds", "plugin" => plugin.to_string()),
            since_accepted: metrics::histogram!("hookyard_accept_to_done_seconds", "plugin" => plugin.to_string()),
        }
    }
}

/// An operator's wishes for retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Failed attempts after which a delivery is a dead letter.
    pub attempts_max: u32,
    /// Time after which a failed attempt makes it one, however few there were.
    pub age_max: Duration,
    /// How long to wait before the next.
    pub backoff: Backoff,
}

/// When a plugin is paused, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaking {
    /// So many percent of its latest deliveries must have failed; 0 = never.
    pub failures_percent: usize,
    /// Which are the latest: so many.
    pub deliveries: usize,
    /// The first pause, ms; doubles with each.
    pub pause_ms: u64,
    /// The longest pause, ms.
    pub pause_max_ms: u64,
}

impl Breaking {
    /// For what is never paused.
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

/// What a plugin's file became: what a snapshot is made of.
#[derive(Clone)]
pub struct Entry {
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

impl From<&Arc<Revision>> for Entry {
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

impl Snapshot {
    /// Puts plugins and configuration together.
    #[must_use]
    pub fn new(entries: &[Entry], config: &Config) -> Self {
        Self::default().next(entries, config)
    }

    /// The snapshot after this one. A plugin whose revision and settings are the same keeps all that was learned
    /// of it; one with other settings keeps its pace, and one with another revision its turns.
    #[must_use]
    pub fn next(&self, entries: &[Entry], config: &Config) -> Self {
        let patterns = |all: &[String]| all.iter().map(|p| EventPattern::new(p)).collect::<Vec<_>>();
        let wants = entries.iter().map(|entry| Wants {
            plugin: entry.plugin.clone(),
            typed: entry.typed.clone(),
            generic: patterns(&entry.patterns),
            allowed: config.plugin(entry.plugin.as_str()).events.as_deref().map(patterns),
        });
        let subscriptions = Subscriptions::new(wants);
        let live = |entry: &Entry| (entry.plugin.clone(), Live::next(self.get(&entry.plugin), entry, config));
        let packages =
            config.sources.iter().filter_map(|(name, source)| Some((name.clone(), source.package.clone()?)));
        Self { plugins: entries.iter().map(live).collect(), packages: packages.collect(), subscriptions }
    }

    /// The plugins that get a delivery of such an event.
    #[must_use]
    pub fn route(&self, source: &SourceName, event_type: &str) -> Vec<Recipient> {
        let interface = self.package(source).map(|package| runtime::interface_name(package, event_type));
        let plugins = self.subscriptions.matching(interface.as_deref(), event_type).into_iter();
        let ordered = |plugin: &PluginName| self.get(plugin).is_none_or(|live| live.ordered);
        plugins.map(|plugin| Recipient { ordered: ordered(&plugin), plugin }).collect()
    }

    /// A plugin that takes events.
    #[must_use]
    pub fn get(&self, plugin: &PluginName) -> Option<&Arc<Live>> {
        self.plugins.get(plugin)
    }

    /// All of them.
    pub fn plugins(&self) -> impl Iterator<Item = (&PluginName, &Arc<Live>)> {
        self.plugins.iter()
    }

    /// The WIT package of a source's typed handlers.
    #[must_use]
    pub fn package(&self, source: &SourceName) -> Option<&str> {
        self.packages.get(source).map(String::as_str)
    }
}

impl Live {
    /// A plugin in the next snapshot. `before`: the same plugin in this one.
    fn next(before: Option<&Arc<Self>>, entry: &Entry, config: &Config) -> Arc<Self> {
        let mut live = Self::new(entry, config);
        if let Some(before) = before {
            if live.is_as(before) && live.ordered == before.ordered {
                return Arc::clone(before);
            }
            live.turns = Arc::clone(&before.turns);
            if live.revision == before.revision {
                live.pace = Arc::clone(&before.pace);
            }
        }
        Arc::new(live)
    }

    fn new(entry: &Entry, config: &Config) -> Self {
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
            pace: Arc::default(),
            attempts: Attempts::new(&entry.plugin),
            turns: Arc::default(),
        }
    }

    /// Whether it is the same revision under the same settings.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let all = |live: &Self| (live.revision, live.concurrency, live.retry, live.breaking);
        all(self) == all(other) && self.settings == other.settings
    }

    /// Lets a call begin: among others of its plugin, or alone. Whoever waits to be alone goes before those
    /// that come later.
    pub async fn turn(&self, alone: bool) -> Turn<'_> {
        if alone { Turn::Alone(self.turns.write().await) } else { Turn::Among(self.turns.read().await) }
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

/// What finds a plugin's secrets in text.
#[must_use]
pub fn mask(config: &Config, plugin: &PluginName) -> Mask {
    Mask::new(&exposed(&config.plugin(plugin.as_str())))
}

fn exposed(plugin: &config::Plugin) -> BTreeMap<String, String> {
    plugin.secrets.iter().map(|(key, secret)| (key.clone(), secret.expose().to_owned())).collect()
}

/// An operator's words about a plugin, as the runtime takes them.
#[must_use]
pub fn settings(config: &Config, name: &PluginName) -> runtime::PluginSettings {
    let plugin = config.plugin(name.as_str());
    let (store, effects) = (config.store.clone(), config.effects.clone());
    let secrets = exposed(&plugin);
    let mask = Arc::new(Mask::new(&secrets));
    let config = plugin.config.iter().map(|(key, value)| (key.clone(), value.clone()));
    runtime::PluginSettings {
        config: Arc::new(config.chain(secrets).collect()),
        mask,
        grants: Arc::new(Grants::of(name, &plugin)),
        store,
        effects,
        call_timeout: Duration::from_millis(plugin.call_timeout_ms),
        memory_max_bytes: usize::try_from(plugin.memory_max_bytes).unwrap_or(usize::MAX),
        host_memory_max_bytes: usize::try_from(plugin.host_memory_max_bytes).unwrap_or(usize::MAX),
        log_max_bytes: plugin.log_max_bytes,
        reuse_max: match plugin.instances {
            config::Instances::Fresh => None,
            config::Instances::Reused => Some(plugin.reuse_max),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;
    use crate::runtime::{AttemptReport, Call};

    struct Idle;

    impl Runner for Idle {
        fn attempt<'a>(
            &'a self,
            _call: Call<'a>,
        ) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>> {
            Box::pin(std::future::pending())
        }
    }

    fn entry(plugin: &str, revision: u8) -> Entry {
        Entry {
            plugin: PluginName::new(plugin).unwrap(),
            runner: Arc::new(Idle),
            revision: Digest([revision; 32]),
            typed: Vec::new(),
            patterns: vec!["*".into()],
        }
    }

    /// What stays of the plugin `a`: all of it, its pace, its turns.
    fn kept(before: &Snapshot, after: &Snapshot) -> (bool, bool, bool) {
        let of = |snapshot: &Snapshot| Arc::clone(snapshot.get(&PluginName::new("a").unwrap()).unwrap());
        let (before, after) = (of(before), of(after));
        (
            Arc::ptr_eq(&before, &after),
            Arc::ptr_eq(&before.pace, &after.pace),
            Arc::ptr_eq(&before.turns, &after.turns),
        )
    }

    #[test]
    fn a_plugin_that_did_not_change_keeps_what_was_learned_of_it() {
        let config = Config::default();
        let before = Snapshot::new(&[entry("a", 1), entry("b", 1)], &config);
        let after = before.next(&[entry("a", 1), entry("b", 2), entry("c", 1)], &config);
        assert_eq!(kept(&before, &after), (true, true, true), "another plugin changed");
        let after = before.next(&[entry("a", 2), entry("b", 1)], &config);
        assert_eq!(kept(&before, &after), (false, false, true), "its revision changed");
        let mut other = Config::default();
        let limited = config::Plugin { concurrency: 1, ..config::Plugin::default() };
        other.plugin.insert(PluginName::new("a").unwrap(), limited);
        let after = before.next(&[entry("a", 1)], &other);
        assert_eq!(kept(&before, &after), (false, true, true), "its settings changed");
    }
}
