//! The one task that changes which plugins run.
//!
//! It compares the directory with what it knows, has what is new loaded, several files at a time, and
//! publishes a snapshot as each is. A file that cannot be loaded is refused by name and what runs stays.
//! Calls in flight hold their revision and finish on it; it is freed with the last of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch as channel};
use tokio::task::{AbortHandle, JoinSet};

use super::load::{File, FileRefusal, LoadResult, Loader};
use super::scan::{Scan, Stamp, scan};
use super::snapshot::Entry;
use super::watch::Watch;
use super::{OnLoad, PluginState, PluginView, Plugins};
use crate::config::Config;
use crate::event::{Digest, PluginName, now_ms};
use crate::failpoint::{self, Point};
use crate::runtime::{LoadedRevision, Revision, Runtime};

/// See the module.
pub(super) struct Swap {
    dir: PathBuf,
    loader: Loader,
    loads: JoinSet<(PluginName, Stamp, LoadResult)>,
    /// Plugins whose file an operator wants loaded again.
    retries: mpsc::UnboundedReceiver<PluginName>,
    config: channel::Receiver<Arc<Config>>,
    fixed: Vec<Entry>,
    plugins: Plugins,
    on_load: OnLoad,
    watch: Watch,
    known: BTreeMap<PluginName, Known>,
    /// Complaints already made about files and the directory itself, so that each is made once.
    complaints: BTreeSet<String>,
}

/// What is known of one plugin's file.
#[derive(Default)]
struct Known {
    /// As it was when it was last read.
    stamp: Option<Stamp>,
    /// Since when it is not there.
    missing: Option<Instant>,
    loading: Option<Loading>,
    running: Option<Running>,
    refusal: Option<String>,
    /// The digest of the file that was refused.
    refused: Option<Digest>,
}

/// A load under way. Dropped, it is given up.
struct Loading {
    stamp: Stamp,
    task: AbortHandle,
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Running {
    revision: Arc<Revision>,
    since: u64,
}

impl Swap {
    pub(super) fn new(
        dir: PathBuf,
        runtime: Runtime,
        config: channel::Receiver<Arc<Config>>,
        fixed: Vec<Entry>,
        plugins: Plugins,
        retries: mpsc::UnboundedReceiver<PluginName>,
        on_load: OnLoad,
    ) -> Self {
        let (known, complaints) = (BTreeMap::new(), BTreeSet::new());
        let loader = Loader::new(runtime, &config.borrow());
        let (loads, watch) = (JoinSet::new(), Watch::new());
        Self { dir, loader, loads, retries, config, fixed, plugins, on_load, watch, known, complaints }
    }

    /// Loads everything, and publishes once.
    pub(super) async fn first_look(&mut self) {
        self.set_watch();
        self.look();
        while let Some(loaded) = self.loads.join_next().await {
            // What was given up has no result.
            if let Ok((name, stamp, result)) = loaded {
                self.take(&name, stamp, result);
            }
        }
        self.publish();
    }

    /// Follows changes.
    pub(super) async fn run(mut self) {
        loop {
            // Not marked as seen: a change during a look has yet to be published.
            let config = self.config.borrow().clone();
            let quiet = Duration::from_millis(config.plugins.debounce_ms);
            tokio::select! {
                () = self.watch.changed(quiet, self.interval(&config)) => {
                    // Before the look: what comes while it looks is to be noticed.
                    self.set_watch();
                    self.look();
                }
                Some(loaded) = self.loads.join_next() => {
                    if let Ok((name, stamp, result)) = loaded && self.take(&name, stamp, result) {
                        failpoint::pass(Point::Swap);
                        self.publish();
                    }
                    self.show();
                }
                Some(name) = self.retries.recv() => self.retry(&name),
                changed = self.config.changed() => match changed {
                    Ok(()) => self.publish(),
                    Err(_) => return,
                },
            }
        }
    }

    /// Sooner than the next rescan where a missing file's grace ends before it.
    fn interval(&self, config: &Config) -> Duration {
        let grace = Duration::from_millis(config.plugins.removal_grace_ms);
        let rescan = Duration::from_millis(config.plugins.rescan_interval_ms);
        let ends = self
            .known
            .values()
            .filter_map(|known| Some((known.missing? + grace).saturating_duration_since(Instant::now())));
        ends.min().map_or(rescan, |end| end.min(rescan).max(Duration::from_millis(1)))
    }

    /// One look at the directory. Files that changed begin to load.
    fn look(&mut self) {
        let found = match scan(&self.dir) {
            Ok(found) => found,
            Err(error) => return self.complain_dir(&error),
        };
        self.complain_names(&found);
        self.remove_missing(&found);
        for (name, (path, stamp)) in found.files {
            let known = self.known.entry(name.clone()).or_default();
            known.missing = None;
            let loading = known.loading.as_ref().map(|loading| loading.stamp);
            if loading.or(known.stamp) != Some(stamp) {
                self.begin(File { running: self.running(&name), name, path, stamp });
            }
        }
        self.show();
    }

    /// Begins to load a file; an earlier load of the same plugin is given up.
    fn begin(&mut self, file: File) {
        (self.on_load)(&file.name);
        let (loader, config) = (self.loader.clone(), self.config.borrow().clone());
        let (name, stamp) = (file.name.clone(), file.stamp);
        let load = async move {
            let result = loader.load(&file, &config).await;
            (file.name, file.stamp, result)
        };
        let task = self.loads.spawn(load);
        self.known.entry(name).or_default().loading = Some(Loading { stamp, task });
    }

    /// Takes a load's result. True when another revision runs now.
    fn take(&mut self, name: &PluginName, stamp: Stamp, result: LoadResult) -> bool {
        let Some(known) = self.known.get_mut(name) else { return false };
        // It may have ended in the moment in which it was given up.
        if known.loading.take_if(|loading| loading.stamp == stamp).is_none() {
            return false;
        }
        match result {
            LoadResult::Loaded(loaded) => {
                self.replace(name, stamp, loaded);
                return true;
            }
            LoadResult::Same => (known.stamp, known.refusal, known.refused) = (Some(stamp), None, None),
            // The stamp stays unknown, so the next look reads it again; a change hints at one.
            LoadResult::Changing => {}
            LoadResult::Refused(refusal) => self.refuse(name, stamp, refusal),
        }
        false
    }

    fn replace(&mut self, name: &PluginName, stamp: Stamp, loaded: LoadedRevision) {
        let from = if loaded.from_cache { "cache" } else { "compile" };
        metrics::histogram!("hookyard_plugin_load_seconds", "from" => from).record(loaded.took);
        metrics::counter!("hookyard_swaps_total", "plugin" => name.to_string()).increment(1);
        let ms = u64::try_from(loaded.took.as_millis()).unwrap_or(u64::MAX);
        let handles = loaded.revision.handles().join(", ");
        let revision = loaded.revision.digest.short();
        let what = if self.running(name).is_some() { "swapped" } else { "loaded" };
        tracing::info!(plugin = %name, %revision, from, ms, "plugin {what}: handles {handles}");
        let running = Some(Running { revision: loaded.revision, since: now_ms() });
        self.known.insert(name.clone(), Known { stamp: Some(stamp), running, ..Known::default() });
    }

    fn refuse(&mut self, name: &PluginName, stamp: Stamp, refusal: FileRefusal) {
        let FileRefusal { revision, reason, is_temporary } = refusal;
        let known = self.known.entry(name.clone()).or_default();
        // Where the host is at fault, the next look tries again.
        known.stamp = (!is_temporary).then_some(stamp);
        known.refused = revision;
        let stays = known.running.as_ref().map(|running| running.revision.digest.short());
        let stays = stays.map(|stays| format!("; revision {stays} stays")).unwrap_or_default();
        if known.refusal.as_ref() != Some(&reason) || !is_temporary {
            metrics::counter!("hookyard_refusals_total", "plugin" => name.to_string()).increment(1);
            tracing::error!(plugin = %name, "{reason}{stays}");
        }
        known.refusal = Some(reason);
    }

    /// Loads a plugin's file again, even if the compiler died of it.
    fn retry(&mut self, name: &PluginName) {
        let Some(known) = self.known.get_mut(name) else { return };
        if known.loading.is_some() {
            return;
        }
        if let Some(refused) = &known.refused {
            self.loader.try_again(refused);
        }
        known.stamp = None;
        self.look();
    }

    /// A file that is gone takes its plugin with it, but not at once: editors and copy tools unlink
    /// a file before they create the next.
    fn remove_missing(&mut self, found: &Scan) {
        let grace = Duration::from_millis(self.config.borrow().plugins.removal_grace_ms);
        let before = self.known.len();
        self.known.retain(|name, known| {
            if found.files.contains_key(name) {
                return true;
            }
            // What comes back is read again, even where it looks the same.
            (known.stamp, known.loading) = (None, None);
            let since = *known.missing.get_or_insert_with(Instant::now);
            let keep = since.elapsed() < grace;
            if !keep {
                tracing::info!(plugin = %name, "plugin removed: its file is gone; calls in flight finish");
            }
            keep
        });
        if self.known.len() != before {
            self.publish();
        }
    }

    fn running(&self, name: &PluginName) -> Option<Digest> {
        Some(self.known.get(name)?.running.as_ref()?.revision.digest)
    }

    fn publish(&self) {
        let running = self.known.values().filter_map(|known| known.running.as_ref());
        let mut entries: Vec<Entry> = running.map(|running| Entry::from(&running.revision)).collect();
        entries.extend(self.fixed.iter().cloned());
        self.plugins.publish(self.plugins.snapshot().next(&entries, &self.config.borrow()));
        self.show();
    }

    fn show(&self) {
        self.plugins.show(self.known.iter().map(|(name, known)| known.view(name)).collect());
    }

    fn set_watch(&mut self) {
        let links = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let links = links.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        let files: Vec<PathBuf> = links.map(|entry| entry.path()).collect();
        self.watch.set(std::slice::from_ref(&self.dir), &files);
    }

    fn complain_dir(&mut self, error: &std::io::Error) {
        let dir = self.dir.display();
        let complaint = if error.kind() == std::io::ErrorKind::NotFound && self.known.is_empty() {
            format!(
                "the plugins directory {dir} cannot be read, it is not there yet; what comes is taken at once"
            )
        } else {
            format!("the plugins directory {dir} cannot be read ({error}); plugins that run stay")
        };
        self.complain(complaint);
    }

    fn complain_names(&mut self, found: &Scan) {
        for (path, problem) in &found.misnamed {
            self.complain(format!("{} is no plugin: {problem}", path.display()));
        }
    }

    fn complain(&mut self, complaint: String) {
        if !self.complaints.contains(&complaint) {
            tracing::warn!("{complaint}");
            self.complaints.insert(complaint);
        }
    }
}

impl Known {
    fn view(&self, name: &PluginName) -> PluginView {
        let running = self.running.as_ref();
        PluginView {
            name: name.to_string(),
            state: match (running, &self.refusal) {
                (Some(_), _) => PluginState::Running,
                (None, Some(_)) => PluginState::Refused,
                (None, None) => PluginState::Loading,
            },
            revision: running.map(|running| running.revision.digest.to_string()),
            size_bytes: running.map_or(0, |running| running.revision.size_bytes),
            since: running.map_or(0, |running| running.since),
            handles: running.map(|running| running.revision.handles()).unwrap_or_default(),
            imports: running.map(|running| running.revision.imports.clone()).unwrap_or_default(),
            refusal: self.refusal.clone(),
        }
    }
}
