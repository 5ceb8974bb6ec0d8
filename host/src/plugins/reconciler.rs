//! The one task that changes which plugins run.
//!
//! It compares the desired state (`desired.rs`) with the actual one (`actual.rs`), and loads the files
//! that differ, several at a time. It publishes a snapshot as each is loaded. A file that cannot be
//! loaded is refused, and the error names it and the reason; the running revision stays. Calls in flight
//! hold their revision and finish on it; it is freed with the last of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch as channel};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::active::RunningEntry;
use super::actual::{ActualPlugin, Expectation, Loading, RunningRevision};
use super::desired::{DesiredState, Step, steps};
use super::directory::Directory;
use super::expected::{ExpectedHandlers, ExpectedPlugin, FileChange, HandlerLookup, RevisionRecords};
use super::load::{FileRefusal, LoadResult, Loader};
use super::scan::{PluginFile, Stamp};
use super::settings::config_digest;
use super::{PluginSetup, Plugins};
use crate::config::Config;
use crate::event::{Digest, PluginName, now_ms};
use crate::failpoint::{self, Point};
use crate::revision::KnownHandlers;
use crate::runtime::{LoadedRevision, Revision};

/// Time for which a finished load waits for others, so that one snapshot has all of them.
const GATHER_TIME: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Reconciler {
    directory: Directory,
    lookup: HandlerLookup,
    expectations: JoinSet<FoundHandlers>,
    loader: Loader,
    loads: JoinSet<FinishedLoad>,
    /// Plugins whose file an operator wants loaded again.
    retries: mpsc::UnboundedReceiver<PluginName>,
    config: channel::Receiver<Arc<Config>>,
    fixed: Vec<RunningEntry>,
    records: Arc<dyn RevisionRecords>,
    plugins: Plugins,
    actual: BTreeMap<PluginName, ActualPlugin>,
}

/// The handlers of a file that is being loaded for the first time.
struct FoundHandlers {
    plugin: PluginName,
    stamp: Stamp,
    handlers: ExpectedHandlers,
}

/// A load that has ended.
struct FinishedLoad {
    plugin: PluginName,
    stamp: Stamp,
    /// The digest of the plugin's config when the load began.
    config_digest: Digest,
    result: LoadResult,
}

impl Reconciler {
    pub(super) fn new(
        setup: PluginSetup,
        plugins: Plugins,
        retries: mpsc::UnboundedReceiver<PluginName>,
    ) -> Self {
        let PluginSetup { runtime, config, fixed, records } = setup;
        let now = config.borrow().clone();
        Self {
            directory: Directory::new(now.plugins.dir.clone()),
            lookup: HandlerLookup::new(runtime.clone(), Arc::clone(&records), &now),
            expectations: JoinSet::new(),
            loader: Loader::new(runtime, &now),
            loads: JoinSet::new(),
            retries,
            config,
            fixed,
            records,
            plugins,
            actual: BTreeMap::new(),
        }
    }

    /// Starts all loads, and publishes the first snapshot when the plugins' handlers are known, or after
    /// `plugins.start_wait_ms`.
    pub(super) async fn start(&mut self) {
        let config = self.config.borrow().clone();
        let deadline = Instant::now() + Duration::from_millis(config.plugins.start_wait_ms);
        let desired = self.directory.scan(&config.plugins).unwrap_or_default();
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
    }

    /// Starts finding the handlers of all plugins, those with small files first.
    fn expect_all(&mut self, desired: &DesiredState) {
        let mut files: Vec<_> =
            desired.iter().filter_map(|(name, plugin)| Some((name, plugin.file()?))).collect();
        files.sort_by_key(|(_, file)| file.stamp.size_bytes());
        for (name, file) in files {
            self.expect(name, file);
        }
    }

    /// Starts finding the handlers of a plugin.
    fn expect(&mut self, name: &PluginName, file: &PluginFile) {
        let stamp = file.stamp;
        let (lookup, config) = (self.lookup.clone(), self.config.borrow().clone());
        let (plugin, file) = (name.clone(), file.clone());
        let task = self.expectations.spawn(async move {
            let handlers = lookup.find(&plugin, &file, &config).await;
            FoundHandlers { plugin, stamp, handlers }
        });
        let unknown = Expectation { stamp, handlers: ExpectedHandlers::Unknown, task };
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
        let Ok(FoundHandlers { plugin: name, stamp, handlers }) = found else { return false };
        let config = config_digest(&self.config.borrow(), &name);
        let expected = self.actual.get_mut(&name).and_then(|plugin| plugin.expected.as_mut());
        let Some(expected) = expected.filter(|expected| expected.stamp == stamp) else { return false };
        tracing::debug!(plugin = %name, "handlers known before the plugin is loaded: {handlers:?}");
        expected.handlers = handlers.under_config(&config);
        expected.handlers != ExpectedHandlers::Unknown
    }

    /// Follows changes.
    pub(super) async fn run(mut self) {
        loop {
            // The config is not marked as seen: a change during a scan has yet to be published.
            let config = self.config.borrow().clone();
            tokio::select! {
                () = self.directory.changed(&config.plugins) => self.follow_directory(),
                Some(finished) = self.loads.join_next() => self.take_all(finished).await,
                Some(found) = self.expectations.join_next() => self.take_all_handlers(found),
                Some(name) = self.retries.recv() => self.retry(&name),
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
            self.reconcile(&desired);
        }
    }

    /// Updates expected subscriptions: those of a generic handler may differ under another config.
    fn follow_config(&mut self) {
        let config = self.config.borrow().clone();
        for (name, plugin) in &mut self.actual {
            if let Some(expected) = &mut plugin.expected {
                let handlers = std::mem::take(&mut expected.handlers);
                expected.handlers = handlers.under_config(&config_digest(&config, name));
            }
        }
        self.publish();
    }

    /// Takes the steps to the desired state.
    fn reconcile(&mut self, desired: &DesiredState) {
        let actual = self.actual.iter().map(|(name, plugin)| (name, plugin.file())).collect();
        let mut steps = steps(desired, &actual);
        // Plugins that events wait for to be matched are loaded first, and small files before large ones.
        steps.sort_by_key(|step| match step {
            Step::Load(name, file) => (!self.is_incomplete(name), file.stamp.size_bytes()),
            Step::Forget(_) | Step::Remove(_) => (false, 0),
        });
        let mut is_changed = false;
        for step in steps {
            match step {
                Step::Load(name, file) => is_changed |= self.begin(name, file),
                Step::Forget(name) => {
                    let plugin = self.actual.entry(name).or_default();
                    (plugin.stamp, plugin.loading) = (None, None);
                }
                Step::Remove(name) => {
                    tracing::info!(plugin = %name, "plugin removed with its file; calls in flight finish");
                    self.actual.remove(&name);
                    self.records.note_file(&name, FileChange::Removed);
                    is_changed = true;
                }
            }
        }
        if is_changed {
            self.publish();
        } else {
            self.show();
        }
    }

    /// Starts the load of a file, and gives up an earlier load of the same plugin. Returns true if this
    /// changes the snapshot: the handlers of another file were expected.
    fn begin(&mut self, name: PluginName, file: PluginFile) -> bool {
        let expected = self.actual.get(&name).and_then(|plugin| plugin.expected.as_ref());
        let is_other_file = expected.is_some_and(|expected| expected.stamp != file.stamp);
        if is_other_file {
            self.expect(&name, &file);
        }
        let (loader, config, stamp) = (self.loader.clone(), self.config.borrow().clone(), file.stamp);
        let plugin = self.actual.entry(name.clone()).or_default();
        let (running, turn) = (plugin.running_digest(), loader.take_turn());
        let load = async move {
            let result = loader.load(turn, &name, &file, running, &config).await;
            FinishedLoad { config_digest: config_digest(&config, &name), plugin: name, stamp, result }
        };
        plugin.loading = Some(Loading { stamp, task: self.loads.spawn(load) });
        is_other_file
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
        let FinishedLoad { plugin: name, stamp, config_digest, result } = finished;
        let Some(plugin) = self.actual.get_mut(&name) else { return false };
        // It may have ended at the moment in which it was given up.
        if plugin.loading.take_if(|loading| loading.stamp == stamp).is_none() {
            return false;
        }
        match result {
            LoadResult::Loaded(loaded) => {
                self.replace(&name, stamp, loaded, config_digest);
                true
            }
            LoadResult::Same => {
                (plugin.stamp, plugin.refusal, plugin.refused) = (Some(stamp), None, None);
                false
            }
            // The stamp stays unknown, so the next scan reads it again; a change hints at one.
            LoadResult::Changing => false,
            LoadResult::Refused(refusal) => self.refuse(&name, stamp, refusal),
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
        self.refuse(&name, loading.stamp, FileRefusal { revision: None, reason, is_temporary: false })
    }

    fn replace(&mut self, name: &PluginName, stamp: Stamp, loaded: LoadedRevision, config_digest: Digest) {
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
        self.records.record(revision.digest, known_handlers(&revision, config_digest));
        self.records.note_file(name, FileChange::Loaded(revision.digest));
        let running = Some(RunningRevision { revision, since: now_ms() });
        *plugin = ActualPlugin { stamp: Some(stamp), running, ..ActualPlugin::default() };
    }

    /// Refuses a file. Returns true if this changes the snapshot: the plugin was expected to run.
    fn refuse(&mut self, name: &PluginName, stamp: Stamp, refusal: FileRefusal) -> bool {
        let FileRefusal { revision, reason, is_temporary } = refusal;
        let plugin = self.actual.entry(name.clone()).or_default();
        // After a failure of the host, the next scan tries again.
        plugin.stamp = (!is_temporary).then_some(stamp);
        plugin.refused = revision;
        let stays = plugin.running_digest().map(|running| format!("; revision {} stays", running.short()));
        let stays = stays.unwrap_or_default();
        if plugin.refusal.as_ref() != Some(&reason) || !is_temporary {
            metrics::counter!("hookyard_refusals_total", "plugin" => name.to_string()).increment(1);
            tracing::error!(plugin = %name, "{reason}{stays}");
            if !is_temporary {
                self.records.note_file(name, FileChange::Refused(revision));
            }
        }
        plugin.refusal = Some(reason);
        !is_temporary && plugin.expected.take().is_some()
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
        plugin.stamp = None;
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
        self.plugins.show(self.actual.iter().map(|(name, plugin)| plugin.view(name)).collect());
    }
}

/// The handlers of a revision that was loaded under this config, for the next start.
fn known_handlers(revision: &Revision, config_digest: Digest) -> KnownHandlers {
    KnownHandlers {
        interfaces: revision.interfaces().map(ToOwned::to_owned).collect(),
        patterns: revision.subscriptions.clone(),
        config_digest: revision.has_generic_handler().then_some(config_digest),
    }
}
