//! The one task that changes which plugins run.
//!
//! It compares the desired state (`desired.rs`) with the actual one (`actual.rs`), and loads the files
//! that differ, several at a time. It publishes a snapshot as each is loaded. A file that cannot be
//! loaded is refused, and the error names it and the reason; the running revision stays. Calls in flight
//! hold their revision and finish on it; it is freed with the last of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as channel};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::Plugins;
use super::active::RunningEntry;
use super::actual::{ActualPlugin, Expectation, Loading, RunningRevision};
use super::desired::{DesiredState, LoadSource, Step, Target, add_stored, delay_files, steps};
use super::directory::Directory;
use super::expected::{ExpectedHandlers, ExpectedPlugin, HandlerLookup};
use super::instruct::Takeover;
use super::ledger::Ledger;
use super::load::{FileRefusal, Loader};
use super::outcome::{LoadOutcome, known_handlers, load};
use super::records::FileChange;
use super::settings::config_digest;
use crate::config::{Approval, Config};
use crate::event::{Digest, PluginName};
use crate::failpoint::{self, Point};
use crate::revision::RevisionChoice;
use crate::runtime::{LoadedRevision, Runtime};

/// Time for which a finished load waits for others, so that one snapshot has all of them.
const GATHER_TIME: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Reconciler {
    directory: Directory,
    lookup: HandlerLookup,
    expectations: JoinSet<FoundHandlers>,
    loader: Loader,
    loads: JoinSet<FinishedLoad>,
    requests: Requests,
    config: channel::Receiver<Arc<Config>>,
    fixed: Vec<RunningEntry>,
    ledger: Ledger,
    plugins: Plugins,
    actual: BTreeMap<PluginName, ActualPlugin>,
}

/// Requests of operators.
pub(super) struct Requests {
    /// Plugins whose file is to be loaded again.
    pub(super) retries: mpsc::UnboundedReceiver<PluginName>,
    /// Instructions that were carried out, and are to be published.
    pub(super) takeovers: mpsc::UnboundedReceiver<Takeover>,
}

/// The handlers of a plugin that is being loaded for the first time.
struct FoundHandlers {
    plugin: PluginName,
    source: LoadSource,
    handlers: ExpectedHandlers,
}

/// A load that has ended.
struct FinishedLoad {
    plugin: PluginName,
    source: LoadSource,
    /// The digest of the plugin's config when the load began.
    config_digest: Digest,
    outcome: LoadOutcome,
}

impl Reconciler {
    pub(super) fn new(
        (runtime, loader, ledger): (Runtime, Loader, Ledger),
        config: channel::Receiver<Arc<Config>>,
        fixed: Vec<RunningEntry>,
        plugins: Plugins,
        requests: Requests,
    ) -> Self {
        let now = config.borrow().clone();
        Self {
            directory: Directory::new(now.plugins.dir.clone()),
            lookup: HandlerLookup::new(runtime, ledger.clone(), &now),
            expectations: JoinSet::new(),
            loader,
            loads: JoinSet::new(),
            requests,
            config,
            fixed,
            ledger,
            plugins,
            actual: BTreeMap::new(),
        }
    }

    /// Starts all loads, and publishes the first snapshot when the plugins' handlers are known, or after
    /// `plugins.start_wait_ms`. Returns whether files are to be read after that.
    pub(super) async fn start(&mut self) -> bool {
        let config = self.config.borrow().clone();
        let deadline = Instant::now() + Duration::from_millis(config.plugins.start_wait_ms);
        let mut desired = match self.directory.scan(&config.plugins) {
            Some(desired) => self.with_stored(desired),
            // Nothing is known of the files, so what was in force runs.
            None => self.all_stored(DesiredState::new()),
        };
        let choices = self.ledger.choices.list();
        let is_delayed = delay_files(&mut desired, &choices, config.plugins.approval != Approval::None);
        self.expect_all(&desired);
        // This comes before any load, because compilers take all processors.
        while let Ok(Some(found)) = timeout_at(deadline, self.expectations.join_next()).await {
            self.take_handlers(found);
        }
        self.reconcile(&desired);
        while !self.knows_all_handlers() {
            match timeout_at(deadline, self.loads.join_next()).await {
                Ok(Some(finished)) => drop(self.take(finished)),
                Ok(None) | Err(_) => break,
            }
        }
        self.publish();
        is_delayed
    }

    /// Notes the files that are gone, and adds the plugins that run without one.
    fn with_stored(&self, desired: DesiredState) -> DesiredState {
        for (name, choice) in self.ledger.choices.list() {
            if choice.file().is_some() && !desired.contains_key(&name) {
                // While an instruction is under way, the plugin stays: the next scan looks again.
                self.ledger.remove_file(&name);
            }
        }
        self.all_stored(desired)
    }

    fn all_stored(&self, mut desired: DesiredState) -> DesiredState {
        add_stored(&mut desired, &self.ledger.choices.list());
        desired
    }

    /// Starts finding the handlers of all plugins, those with small files first.
    fn expect_all(&mut self, desired: &DesiredState) {
        let mut targets: Vec<_> =
            desired.iter().filter_map(|(name, plugin)| Some((name, plugin.target()?))).collect();
        targets.sort_by_key(|(_, target)| target.size_bytes());
        for (name, target) in targets {
            self.expect(name, target);
        }
    }

    /// Starts finding the handlers of a plugin.
    fn expect(&mut self, name: &PluginName, target: &Target) {
        let source = target.source();
        let (lookup, config) = (self.lookup.clone(), self.config.borrow().clone());
        let (plugin, target) = (name.clone(), target.clone());
        let task = self.expectations.spawn(async move {
            let handlers = lookup.find(&plugin, &target, &config).await;
            FoundHandlers { plugin, source, handlers }
        });
        let unknown = Expectation { source, handlers: ExpectedHandlers::Unknown, task };
        self.actual.entry(name.clone()).or_default().expected = Some(unknown);
    }

    /// Takes all handlers that have been found out.
    fn take_all_handlers(&mut self, first: Result<FoundHandlers, JoinError>) {
        let mut is_changed = self.take_handlers(first);
        while let Some(found) = self.expectations.try_join_next() {
            is_changed |= self.take_handlers(found);
        }
        if is_changed {
            self.publish();
        }
    }

    /// Takes the handlers of a file, unless it has been replaced or loaded meanwhile. Returns true if
    /// this changes the snapshot.
    fn take_handlers(&mut self, found: Result<FoundHandlers, JoinError>) -> bool {
        // After a panic the file's handlers are unknown; the load reports its error.
        let Ok(FoundHandlers { plugin: name, source, handlers }) = found else { return false };
        let config = config_digest(&self.config.borrow(), &name);
        let expected = self.actual.get_mut(&name).and_then(|plugin| plugin.expected.as_mut());
        let Some(expected) = expected.filter(|expected| expected.source == source) else { return false };
        tracing::debug!(plugin = %name, "handlers known before the plugin is loaded: {handlers:?}");
        expected.handlers = handlers.under_config(&config);
        expected.handlers != ExpectedHandlers::Unknown
    }

    /// Follows changes.
    pub(super) async fn run(mut self, has_unread_files: bool) {
        if has_unread_files {
            self.follow_directory();
        }
        loop {
            // The config is not marked as seen: a change during a scan has yet to be published.
            let config = self.config.borrow().clone();
            tokio::select! {
                () = self.directory.changed(&config.plugins) => self.follow_directory(),
                Some(finished) = self.loads.join_next() => self.take_all(finished).await,
                Some(found) = self.expectations.join_next() => self.take_all_handlers(found),
                Some(name) = self.requests.retries.recv() => self.retry(&name),
                Some(takeover) = self.requests.takeovers.recv() => self.take_over(takeover),
                changed = self.config.changed() => match changed {
                    Ok(()) => self.follow_config(),
                    Err(_) => return,
                },
            }
        }
    }

    fn follow_directory(&mut self) {
        let config = self.config.borrow().clone();
        if let Some(desired) = self.directory.scan(&config.plugins) {
            let desired = self.with_stored(desired);
            self.reconcile(&desired);
        }
    }

    /// Updates expected subscriptions, which may differ under another config, and what is refused under `redact`.
    fn follow_config(&mut self) {
        let config = self.config.borrow().clone();
        let follow = |(name, plugin): (&PluginName, &mut ActualPlugin)| {
            plugin.follow_config(name, &config).then(|| name.clone())
        };
        let refused: Vec<_> = self.actual.iter_mut().filter_map(follow).collect();
        self.publish();
        for name in &refused {
            self.retry(name);
        }
    }

    /// Takes the steps to the desired state.
    fn reconcile(&mut self, desired: &DesiredState) {
        let actual = self.actual.iter().map(|(name, plugin)| (name, plugin.source())).collect();
        let mut steps = steps(desired, &actual);
        // Plugins that events wait for to be matched are loaded first, and small files before large ones.
        steps.sort_by_key(|step| match step {
            Step::Load(name, target) => (!self.is_incomplete(name), target.size_bytes()),
            Step::Forget(_) | Step::Remove(_) => (false, 0),
        });
        let mut is_changed = false;
        for step in steps {
            match step {
                Step::Load(name, target) => {
                    let plugin = self.actual.entry(name.clone()).or_default();
                    if matches!(target, Target::Stored(_)) {
                        // Its file is gone.
                        plugin.source = None;
                    }
                    is_changed |= self.begin(name, target);
                }
                Step::Forget(name) => {
                    let plugin = self.actual.entry(name).or_default();
                    (plugin.source, plugin.loading) = (None, None);
                }
                Step::Remove(name) => is_changed |= self.remove(&name),
            }
        }
        if is_changed {
            self.publish();
        } else {
            self.show();
        }
    }

    fn remove(&mut self, name: &PluginName) -> bool {
        tracing::info!(plugin = %name, "plugin removed with its file; calls in flight finish");
        self.actual.remove(name).is_some()
    }

    /// Starts a load, and gives up an earlier one of the same plugin. Returns true if this changes the snapshot: the
    /// handlers of another revision were expected.
    fn begin(&mut self, name: PluginName, target: Target) -> bool {
        let source = target.source();
        let plugin = self.actual.entry(name.clone()).or_default();
        let running = plugin.running_digest();
        if let LoadSource::Stored(digest) = source
            && running == Some(digest)
        {
            plugin.loading = None;
            plugin.note_source(source);
            return false;
        }
        let is_other = plugin.expected.as_ref().is_some_and(|expected| expected.source != source);
        if is_other {
            self.expect(&name, &target);
        }
        let (loader, ledger) = (self.loader.clone(), self.ledger.clone());
        let (config, turn, plugin) = (self.config.borrow().clone(), loader.take_turn(), name.clone());
        let task = self.loads.spawn(async move {
            let outcome = load((&loader, &ledger), turn, &plugin, &target, running, &config).await;
            FinishedLoad { config_digest: config_digest(&config, &plugin), plugin, source, outcome }
        });
        let plugin = self.actual.entry(name.clone()).or_default();
        plugin.loading = Some(Loading { source, task });
        plugin.note_config(&name, &self.config.borrow());
        is_other
    }

    /// Loads the revision in force if it does not run: a file that was read is refused or waits. Returns true if this
    /// changes the snapshot.
    fn run_in_force(&mut self, name: &PluginName) -> bool {
        let in_force = self.ledger.choices.in_force(name);
        let plugin = self.actual.entry(name.clone()).or_default();
        let Some(digest) = in_force.filter(|digest| plugin.refused_in_force != Some(*digest)) else {
            return plugin.running.is_none() && plugin.expected.take().is_some();
        };
        if plugin.running_digest() == Some(digest) || plugin.loading.is_some() {
            return false;
        }
        let target = Target::Stored(digest);
        if plugin.running.is_none() && plugin.expected.is_none() {
            self.expect(name, &target);
        }
        self.begin(name.clone(), target);
        true
    }

    /// Publishes what an instruction put in force.
    fn take_over(&mut self, takeover: Takeover) {
        let Takeover { plugin: name, loaded, reply } = takeover;
        match (self.ledger.choices.in_force(&name), loaded) {
            (Some(digest), Some(loaded)) if loaded.revision.digest == digest => {
                let config = config_digest(&self.config.borrow(), &name);
                self.replace(&name, loaded, config);
            }
            (Some(_), _) => drop(self.run_in_force(&name)),
            (None, _) if self.actual.get(&name).is_some_and(|plugin| plugin.running.is_some()) => {
                self.remove(&name);
            }
            (None, _) => {}
        }
        self.publish();
        // The caller may have gone.
        let _ = reply.send(());
    }

    /// Takes the loads that have ended or end soon. A snapshot for each of very many plugins would cost more
    /// than loading them from the cache.
    async fn take_all(&mut self, first: Result<FinishedLoad, JoinError>) {
        let mut is_changed = self.take(first);
        let end = Instant::now() + GATHER_TIME;
        while let Ok(Some(finished)) = timeout_at(end, self.loads.join_next()).await {
            is_changed |= self.take(finished);
        }
        if is_changed {
            self.publish();
        } else {
            self.show();
        }
    }

    /// Takes a load's result. Returns true if this changes the snapshot.
    fn take(&mut self, finished: Result<FinishedLoad, JoinError>) -> bool {
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => return self.take_panic(&error),
        };
        let FinishedLoad { plugin: name, source, config_digest, outcome } = finished;
        let in_force = self.ledger.choices.in_force(&name);
        let Some(plugin) = self.actual.get_mut(&name) else { return false };
        // It may have ended at the moment in which it was given up.
        let is_current = plugin.loading.take_if(|loading| loading.source == source).is_some();
        if is_current && !matches!(outcome, LoadOutcome::Changing) {
            plugin.note_source(source);
        }
        match outcome {
            LoadOutcome::Loaded(loaded) if in_force == Some(loaded.revision.digest) => {
                self.replace(&name, loaded, config_digest);
                true
            }
            _ if !is_current => false,
            // Another revision took force meanwhile.
            LoadOutcome::Loaded(_) => self.run_in_force(&name),
            LoadOutcome::Unchanged => {
                if plugin.running_digest() == in_force {
                    (plugin.refusal, plugin.refused) = (None, None);
                }
                self.run_in_force(&name)
            }
            LoadOutcome::Waits => {
                (plugin.refusal, plugin.refused) = (None, None);
                self.run_in_force(&name)
            }
            // The source stays unknown, so the next scan reads it again; a change hints at one.
            LoadOutcome::Changing => false,
            LoadOutcome::Refused(refusal) => self.refuse(&name, source, refusal),
        }
    }

    /// A load that panicked is a refusal. One that was given up has no result.
    fn take_panic(&mut self, error: &JoinError) -> bool {
        let is_it =
            |plugin: &ActualPlugin| plugin.loading.as_ref().is_some_and(|of| of.task.id() == error.id());
        let found = self.actual.iter_mut().find(|(_, plugin)| is_it(plugin));
        let Some((name, plugin)) = found.filter(|_| error.is_panic()) else { return false };
        let (name, Some(loading)) = (name.clone(), plugin.loading.take()) else { return false };
        let reason = format!("plugin {name} is refused: loading it stopped: {error}");
        self.refuse(&name, loading.source, FileRefusal { revision: None, reason, is_temporary: false })
    }

    fn replace(&mut self, name: &PluginName, loaded: LoadedRevision, config_digest: Digest) {
        let LoadedRevision { revision, from_cache, took } = loaded;
        let from = if from_cache { "cache" } else { "compile" };
        metrics::histogram!("hookyard_plugin_load_seconds", "from" => from).record(took);
        metrics::counter!("hookyard_swaps_total", "plugin" => name.to_string()).increment(1);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let handles = revision.handles().join(", ");
        let digest = revision.digest.short();
        let plugin = self.actual.entry(name.clone()).or_default();
        let what = if plugin.running.is_some() {
            failpoint::pass(Point::Swap);
            "swapped"
        } else {
            "loaded"
        };
        tracing::info!(plugin = %name, revision = %digest, from, ms, "plugin {what}: handles {handles}");
        self.ledger.records.record(revision.digest, known_handlers(&revision, config_digest));
        let running = Some(RunningRevision::new(revision));
        let (source, loading) = (plugin.source, plugin.loading.take());
        *plugin = ActualPlugin { source, loading, running, ..ActualPlugin::default() };
        // The config may have changed since the load began.
        plugin.follow_config(name, &self.config.borrow());
    }

    /// Refuses a revision. Returns true if this changes the snapshot: the plugin was expected to run.
    fn refuse(&mut self, name: &PluginName, source: LoadSource, refusal: FileRefusal) -> bool {
        let FileRefusal { revision, reason, is_temporary } = refusal;
        let in_force = self.ledger.choices.in_force(name);
        let plugin = self.actual.entry(name.clone()).or_default();
        if is_temporary {
            // After a failure of the host, the next scan tries again.
            plugin.source = None;
        } else if revision.is_some() && revision == in_force {
            plugin.refused_in_force = revision;
        }
        // The revision in force is loaded because a file is refused: that file's reason is shown.
        let is_fallback =
            matches!((plugin.source, source), (Some(LoadSource::File(_)), LoadSource::Stored(_)));
        let stays = plugin.running_digest().map(|running| format!("; revision {} stays", running.short()));
        let stays = stays.unwrap_or_default();
        if plugin.refusal.as_ref() != Some(&reason) || !is_temporary {
            metrics::counter!("hookyard_refusals_total", "plugin" => name.to_string()).increment(1);
            tracing::error!(plugin = %name, "{reason}{stays}");
            if revision.is_none() && !is_temporary {
                self.ledger.records.note_file(name, FileChange::Refused(None));
            }
        }
        if !(is_fallback && plugin.refusal.is_some()) {
            (plugin.refused, plugin.refusal) = (revision, Some(reason));
        }
        !is_temporary && self.run_in_force(name)
    }

    /// Loads a plugin's file again, even if the compiler crashed on it.
    fn retry(&mut self, name: &PluginName) {
        let Some(plugin) = self.actual.get_mut(name) else { return };
        if plugin.loading.is_some() {
            return;
        }
        if let Some(refused) = &plugin.refused {
            self.loader.try_again(refused);
        }
        (plugin.source, plugin.refused_in_force) = (None, None);
        self.follow_directory();
    }

    fn is_incomplete(&self, name: &PluginName) -> bool {
        let expected = self.actual.get(name).and_then(|plugin| plugin.expected.as_ref());
        expected.is_some_and(|expected| !expected.handlers.are_complete())
    }

    fn knows_all_handlers(&self) -> bool {
        !self.actual.keys().any(|name| self.is_incomplete(name))
    }

    fn publish(&self) {
        let running = self.actual.values().filter_map(|plugin| plugin.running.as_ref());
        let mut entries: Vec<_> = running.map(|running| RunningEntry::from(&running.revision)).collect();
        entries.extend(self.fixed.iter().cloned());
        let expected = self.actual.iter().filter_map(|(name, plugin)| plugin.expected(name));
        let expected: Vec<ExpectedPlugin> = expected.collect();
        self.plugins.publish(self.plugins.snapshot().next(&entries, &expected, &self.config.borrow()));
        self.show();
    }

    fn show(&self) {
        let choices: BTreeMap<_, _> = self.ledger.choices.list().into_iter().collect();
        let none = (ActualPlugin::default(), RevisionChoice::default());
        let waiting = choices.iter().filter(|(_, choice)| choice.waiting().is_some()).map(|(name, _)| name);
        let names: BTreeSet<_> = self.actual.keys().chain(waiting).collect();
        let view = |name: &PluginName| {
            let plugin = self.actual.get(name).unwrap_or(&none.0);
            plugin.view(name, choices.get(name).unwrap_or(&none.1))
        };
        self.plugins.show(names.into_iter().map(view).collect());
    }
}
