//! Runs a plugin on events without a host: its store is in memory, and its effects are only shown.

use std::path::Path;
use std::sync::Arc;

use super::memory::Memory;
use crate::cli::author::report::{EffectReport, EffectResult, Report, StoreWrite, WrittenValue};
use crate::cli::settings::Settings;
use crate::config;
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{Asked, Effect, Progress};
use crate::event::{Event, EventPattern, PluginName};
use crate::outbound::{EffectContext, Outbound, Unusable};
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

/// A plugin that was loaded to be run.
pub(in crate::cli) struct Trial {
    settings: runtime::PluginSettings,
    revision: Arc<Revision>,
    store: Arc<Memory>,
    outbound: Outbound,
}

/// A run, and its effects with what is needed to perform them.
pub(in crate::cli) struct TrialRun {
    /// For people.
    pub(in crate::cli) report: Report,
    effects: Vec<Asked>,
}

impl Trial {
    /// Loads a plugin, as a host with this config would.
    ///
    /// # Errors
    /// The refusal, or what is wrong with the store's file.
    pub(in crate::cli) async fn new(
        settings: &Settings,
        plugin: &PluginName,
        bytes: Vec<u8>,
        options: TrialOptions<'_>,
    ) -> Result<Self, String> {
        let mut config = settings.config().clone();
        // Where an operator says something about the plugin, it may ask for what that grants and no more.
        let is_configured = config.plugin.contains_key(plugin);
        let own = config.plugin(plugin.as_str()).into_owned();
        let own = config.plugin.entry(plugin.clone()).or_insert(own);
        for (key, value) in options.set {
            own.secrets.remove(key);
            own.config.insert(key.clone(), value.clone());
        }
        let (http, email) = (&config.http, &config.email);
        let unusable = |error: Unusable| error.to_string();
        let outbound = Outbound::new(http, email).map_err(unusable)?;
        let gate = if is_configured {
            outbound.clone()
        } else {
            Outbound::on_trial(http, email).map_err(unusable)?
        };
        let store = Arc::new(options.state.map_or_else(|| Ok(Memory::default()), Memory::read)?);
        let stores = Arc::clone(&store);
        // Compiled once for all runs of the same file, where there is a place to keep that.
        // Code that counts is other code, and a cache keeps that of one engine.
        let kind = if options.count_fuel { "counting" } else { "plugins" };
        let cache_home = config::user_cache_dir().map(|dir| dir.join(kind));
        let count_fuel = options.count_fuel;
        let compilation = CompileOptions { compiler: CompilerMode::Child, cache_home, count_fuel };
        let runtime = Runtime::new(&config.runtime, compilation, stores, gate);
        let runtime = runtime.map_err(|error| error.to_string())?;
        let settings = plugins::settings(&config, plugin);
        let loaded = runtime.load(plugin, bytes, &settings).await.map_err(|refusal| refusal.reason)?;
        Ok(Self { settings, revision: loaded.revision, store, outbound })
    }

    /// Runs it on an event. What it wrote is there for the next one if it is done.
    ///
    /// # Errors
    /// When a host would not give it that event.
    pub(in crate::cli) async fn run(
        &self,
        event: Event,
        package: Option<&str>,
        attempt: u32,
    ) -> Result<TrialRun, String> {
        if !self.handles(&event.event_type, package) {
            let handles = self.revision.handles().join(", ");
            return Err(format!("{} would not come to it; it handles {handles}", event.event_type));
        }
        let delivery = Delivery {
            id: DeliveryId { event: 1, number: 1 },
            since: event.received_at,
            event: Arc::new(event),
            plugin: self.revision.plugin.clone(),
            attempts: attempt - 1,
            failures: attempt - 1,
            order: None,
        };
        let call = Call { delivery: &delivery, package, settings: &self.settings };
        let tried = self.revision.attempt(call).await;
        if let Some(changes) = &tried.work.store {
            self.store.commit(changes);
        }
        let report = self.report(&delivery.event, package, &tried);
        Ok(TrialRun { report, effects: tried.work.effects })
    }

    fn handles(&self, event_type: &str, package: Option<&str>) -> bool {
        let interface = package.map(|package| runtime::interface_name(package, event_type));
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
            effects: work.effects.iter().map(|asked| self.report_effect(asked)).collect(),
        }
    }

    /// An effect without secrets, also where they were left in it because they could not be put back.
    fn report_effect(&self, asked: &Asked) -> EffectReport {
        let (outbound, grants) = (&self.outbound, &self.settings.grants);
        let checked = match self.restore_secrets(asked) {
            Effect::Http(request) => outbound.check_request(grants, &request),
            Effect::Email(email) => outbound.check_email(grants, &email),
            Effect::Event(event) => outbound.check_event(grants, &event),
        };
        let mut effect = asked.effect.clone();
        self.settings.mask.hide_in(&mut effect);
        EffectReport { key: asked.key.clone(), effect, refused: checked.err(), performed: None }
    }

    /// An effect with its secrets.
    fn restore_secrets(&self, asked: &Asked) -> Effect {
        let mut effect = asked.effect.clone();
        if asked.masked {
            // None is missing: this is the mask that took them out.
            let _restored = self.settings.mask.restore(&mut effect);
        }
        effect
    }

    /// Performs a run's effects, once each. Events are not routed anywhere.
    pub(in crate::cli) async fn perform(&self, run: &mut TrialRun) {
        let (grants, mask, progress) = (&*self.settings.grants, &*self.settings.mask, Progress::default());
        for (asked, shown) in run.effects.iter().zip(&mut run.report.effects) {
            let context = EffectContext { grants, mask, key: &asked.key, progress: &progress };
            let sent = match self.restore_secrets(asked) {
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
