//! Runs a plugin on events without a host: its store is in memory, and its effects are only shown.

use std::path::Path;
use std::sync::Arc;

use super::memory::Memory;
use crate::cli::author::report::{EffectReport, EffectResult, Report, StoreWrite, WrittenValue};
use crate::cli::settings::Settings;
use crate::config::{self, Config};
use crate::delivery::{Delivery, DeliveryId, ReadySince};
use crate::effect::{Effect, Progress, QueuedEffect};
use crate::event::{Event, EventPattern, PluginName, interface_name};
use crate::outbound::{EffectContext, InvalidEmailConfig, Outbound, TrialRules};
use crate::plugins;
use crate::runtime::{self, AttemptReport, Call, CompileOptions, CompilerMode, Revision, Runtime};

/// Options of the command line beside the config.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct TrialOptions<'a> {
    /// Keys of the plugin's config.
    pub(in crate::cli) set: &'a [(String, String)],
    /// The file of its store.
    pub(in crate::cli) state: Option<&'a Path>,
    /// Whether to count instructions.
    pub(in crate::cli) count_fuel: bool,
}

/// What stands in for a host.
pub(in crate::cli) struct TrialHost {
    /// Its config.
    pub(in crate::cli) config: Config,
    /// What is different from a host.
    pub(in crate::cli) rules: TrialRules,
    /// The plugin's store.
    pub(in crate::cli) store: Memory,
    /// Whether to count instructions.
    pub(in crate::cli) count_fuel: bool,
}

/// A plugin that was loaded to be run.
pub(in crate::cli) struct Trial {
    settings: runtime::PluginSettings,
    revision: Arc<Revision>,
    store: Arc<Memory>,
    outbound: Outbound,
}

/// The delivery that a run is told to be.
#[derive(Debug, Clone)]
pub(in crate::cli) struct TrialDelivery {
    /// The event.
    pub(in crate::cli) event: Event,
    /// The WIT package of its source.
    pub(in crate::cli) package: Option<String>,
    /// The delivery's number among those of the event, from 1.
    pub(in crate::cli) number: i64,
    /// The attempt's number, from 1.
    pub(in crate::cli) attempt: u32,
}

/// A run, and its effects with the values needed to perform them.
pub(in crate::cli) struct TrialRun {
    /// The report for people.
    pub(in crate::cli) report: Report,
    effects: Vec<QueuedEffect>,
}

impl Trial {
    /// Loads a plugin, as a host with this config would.
    ///
    /// # Errors
    /// The refusal, or the error in the store's file.
    pub(in crate::cli) async fn new(
        settings: &Settings,
        plugin: &PluginName,
        bytes: Vec<u8>,
        options: TrialOptions<'_>,
    ) -> Result<Self, String> {
        let mut config = settings.config().clone();
        // If the operator configured the plugin, its section alone grants its effects.
        let grants_all = !config.plugin.contains_key(plugin);
        let own = config.plugin(plugin.as_str()).into_owned();
        let own = config.plugin.entry(plugin.clone()).or_insert(own);
        for (key, value) in options.set {
            own.secrets.remove(key);
            own.config.insert(key.clone(), value.clone());
        }
        let rules = TrialRules { grants_all, ..TrialRules::default() };
        let store = options.state.map_or_else(|| Ok(Memory::default()), Memory::read)?;
        Self::load(TrialHost { config, rules, store, count_fuel: options.count_fuel }, plugin, bytes).await
    }

    /// Loads a plugin into such a host.
    ///
    /// # Errors
    /// The refusal.
    pub(in crate::cli) async fn load(
        host: TrialHost,
        plugin: &PluginName,
        bytes: Vec<u8>,
    ) -> Result<Self, String> {
        let TrialHost { config, rules, store, count_fuel } = host;
        let unusable = |error: InvalidEmailConfig| error.to_string();
        let outbound = Outbound::new(&config.http, &config.email).map_err(unusable)?;
        let gate = Outbound::for_trial(&config.http, &config.email, rules).map_err(unusable)?;
        let store = Arc::new(store);
        let stores = Arc::clone(&store);
        // Compiled once for all runs of the same file, where there is a place to keep that.
        // Code that counts is other code, and a cache keeps that of one engine.
        let kind = if count_fuel { "counting" } else { "plugins" };
        let cache_home = config::user_cache_dir().map(|dir| dir.join(kind));
        let compilation = CompileOptions { compiler: CompilerMode::Child, cache_home, count_fuel };
        let runtime = Runtime::new(&config.runtime, compilation, stores, gate);
        let runtime = runtime.map_err(|error| error.to_string())?;
        let settings = plugins::settings(&config, plugin);
        let loaded = runtime.load(plugin, bytes, &settings).await.map_err(|refusal| refusal.reason)?;
        Ok(Self { settings, revision: loaded.revision, store, outbound })
    }

    /// Runs it on an event. If it is done, its writes are there for the next event.
    ///
    /// # Errors
    /// When a host would not give it that event.
    pub(in crate::cli) async fn run(&self, delivery: TrialDelivery) -> Result<TrialRun, String> {
        let TrialDelivery { event, package, number, attempt } = delivery;
        let package = package.as_deref();
        if !self.handles(&event.event_type, package) {
            let handles = self.revision.handles().join(", ");
            return Err(format!("{} would not come to it; it handles {handles}", event.event_type));
        }
        let delivery = Delivery {
            id: DeliveryId { event: 1, number },
            since: event.received_at,
            event: Arc::new(event),
            plugin: self.revision.plugin.clone(),
            attempts: attempt - 1,
            failures: attempt - 1,
            order: None,
            revision: None,
            ready: ReadySince::Due(0),
        };
        let call = Call { delivery: &delivery, package, settings: &self.settings, trace: None };
        let tried = self.revision.attempt(call).await;
        if let Some(changes) = &tried.work.store {
            self.store.commit(changes);
        }
        let report = self.report(&delivery.event, package, &tried);
        Ok(TrialRun { report, effects: tried.work.effects })
    }

    fn handles(&self, event_type: &str, package: Option<&str>) -> bool {
        let interface = package.map(|package| interface_name(package, event_type));
        let typed = self.revision.typed_interfaces().any(|typed| Some(typed) == interface.as_deref());
        typed
            || self
                .revision
                .subscriptions
                .iter()
                .any(|pattern| EventPattern::new(pattern).matches(event_type))
    }

    fn report(&self, event: &Event, package: Option<&str>, tried: &AttemptReport) -> Report {
        let AttemptReport { attempt, work, .. } = tried;
        let failure = attempt.failure.as_ref();
        let writes = work.store.iter().flat_map(|changes| &changes.writes);
        let hidden = |text: &str| self.settings.mask.hide(text).into_owned();
        Report {
            plugin: self.revision.plugin.to_string(),
            revision: self.revision.digest.to_string(),
            source: event.source.to_string(),
            event: event.id.clone(),
            event_type: event.event_type.clone(),
            attempt: attempt.number,
            handler: self.revision.handler(package, &event.event_type).map(str::to_owned),
            outcome: attempt.outcome(),
            cause: failure.map(|failure| failure.cause),
            reason: failure.map(|failure| failure.reason.clone()),
            after_ms: failure.and_then(|failure| failure.after_ms),
            duration_us: attempt.duration_us,
            peak_memory_bytes: attempt.peak_memory_bytes,
            fuel: tried.fuel,
            logs: attempt.logs.clone(),
            writes: writes
                .map(|(entry, value)| StoreWrite {
                    bucket: hidden(&entry.bucket),
                    key: hidden(&entry.key),
                    value: WrittenValue::from_write(value.as_deref()).map_text(hidden),
                })
                .collect(),
            effects: work.effects.iter().map(|queued| self.report_effect(queued)).collect(),
        }
    }

    /// An effect without secrets, even if some could not be restored.
    fn report_effect(&self, queued: &QueuedEffect) -> EffectReport {
        let (outbound, grants) = (&self.outbound, &self.settings.grants);
        let checked = match self.restore_secrets(queued) {
            Effect::Http(request) => outbound.check_request(grants, &request),
            Effect::Email(email) => outbound.check_email(grants, &email),
            Effect::Event(event) => outbound.check_event(grants, &event),
        };
        let mut effect = queued.effect.clone();
        self.settings.mask.hide_in(&mut effect);
        EffectReport { key: queued.key.clone(), effect, refused: checked.err(), performed: None }
    }

    /// An effect with its secrets.
    fn restore_secrets(&self, queued: &QueuedEffect) -> Effect {
        let mut effect = queued.effect.clone();
        if queued.masked {
            // No secret is missing: the same mask redacted them.
            let _restored = self.settings.mask.restore(&mut effect);
        }
        effect
    }

    /// Performs a run's effects, once each. Events are not routed anywhere.
    pub(in crate::cli) async fn perform(&self, run: &mut TrialRun) {
        let (grants, mask, progress) = (&*self.settings.grants, &*self.settings.mask, Progress::default());
        for (queued, shown) in run.effects.iter().zip(&mut run.report.effects) {
            let context = EffectContext { grants, mask, key: &queued.key, progress: &progress, trace: None };
            let sent = match self.restore_secrets(queued) {
                Effect::Http(request) => self.outbound.send(&context, &request).await,
                Effect::Email(email) => self.outbound.mail(&context, &email).await,
                Effect::Event(_) => continue,
            };
            let detail = self.settings.mask.hide(&sent.detail).into_owned();
            shown.performed = Some(EffectResult { outcome: sent.outcome, detail });
        }
    }

    /// Keeps the store in a file.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(in crate::cli) fn save(&self, file: &Path) -> Result<(), String> {
        self.store.write(file)
    }
}
