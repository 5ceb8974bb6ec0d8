//! The one task that changes which plugins run.
//!
//! It compares the directory with what it knows, loads what is new one file at a time, and publishes
//! a snapshot. A file that cannot be loaded is refused by name and what runs stays. Calls in flight
//! hold their revision and finish on it; it is freed with the last of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch as channel;

use super::scan::{Scan, Stamp, scan};
use super::snapshot::{Entry, Snapshot, settings};
use super::watch::Watch;
use super::{PluginState, PluginView, Plugins};
use crate::config::Config;
use crate::event::{Digest, PluginName, now_ms};
use crate::failpoint::{self, Point};
use crate::runtime::{Revision, Runtime};

/// See the module.
pub(super) struct Swap {
    dir: PathBuf,
    runtime: Runtime,
    config: channel::Receiver<Arc<Config>>,
    fixed: Vec<Entry>,
    plugins: Plugins,
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
    running: Option<Running>,
    refusal: Option<String>,
}

struct Running {
    revision: Arc<Revision>,
    since: u64,
}

/// What reading a file came to.
enum Read {
    Bytes(Vec<u8>),
    /// It changed meanwhile: to be read again.
    Changing,
    Refused(String),
}

impl Swap {
    pub(super) fn new(
        dir: PathBuf,
        runtime: Runtime,
        config: channel::Receiver<Arc<Config>>,
        fixed: Vec<Entry>,
        plugins: Plugins,
    ) -> Self {
        let (known, complaints) = (BTreeMap::new(), BTreeSet::new());
        Self { dir, runtime, config, fixed, plugins, watch: Watch::new(), known, complaints }
    }

    /// Loads everything, and publishes once.
    pub(super) async fn first_look(&mut self) {
        self.set_watch();
        self.look(false).await;
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
                    // Before the look: what comes while files are loaded is to be noticed.
                    self.set_watch();
                    self.look(true).await;
                }
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

    /// One look at the directory, and what follows from it.
    async fn look(&mut self, publish_each: bool) {
        let found = match scan(&self.dir) {
            Ok(found) => found,
            Err(error) => return self.complain_dir(&error),
        };
        self.complain_names(&found);
        self.remove_missing(&found);
        for (name, (path, stamp)) in &found.files {
            let known = self.known.entry(name.clone()).or_default();
            known.missing = None;
            if known.stamp == Some(*stamp) {
                continue;
            }
            if self.load(name, path, *stamp).await && publish_each {
                failpoint::pass(Point::Swap);
                self.publish();
            }
        }
        self.show();
    }

    /// Reads and loads one file. True when another revision runs now.
    async fn load(&mut self, name: &PluginName, path: &Path, stamp: Stamp) -> bool {
        let config = self.config.borrow().clone();
        let (file, max) = (path.to_owned(), config.plugins.file_max_bytes);
        let read = tokio::task::spawn_blocking(move || read(&file, stamp, max)).await;
        let bytes = match read.unwrap_or_else(|error| Read::Refused(error.to_string())) {
            Read::Bytes(bytes) => bytes,
            // The stamp stays unknown, so the next look reads it again; a change hints at one.
            Read::Changing => return false,
            Read::Refused(reason) => {
                self.refuse(name, stamp, format!("plugin {name} is refused: {reason}"));
                return false;
            }
        };
        let (same, digest) = (self.running(name), Digest::of(&bytes));
        if same == Some(digest) {
            let known = self.known.entry(name.clone()).or_default();
            (known.stamp, known.refusal) = (Some(stamp), None);
            return false;
        }
        let loaded = self.runtime.load(name, bytes, &settings(&config, name)).await;
        match loaded {
            Ok(loaded) => {
                let from = if loaded.from_cache { "cache" } else { "compile" };
                metrics::histogram!("hookyard_plugin_load_seconds", "from" => from).record(loaded.took);
                metrics::counter!("hookyard_swaps_total", "plugin" => name.to_string()).increment(1);
                let (ms, handles) = (
                    u64::try_from(loaded.took.as_millis()).unwrap_or(u64::MAX),
                    loaded.revision.handles().join(", "),
                );
                let (revision, what) = (digest.short(), if same.is_some() { "swapped" } else { "loaded" });
                tracing::info!(plugin = %name, %revision, from, ms, "plugin {what}: handles {handles}");
                let running = Some(Running { revision: loaded.revision, since: now_ms() });
                self.known.insert(
                    name.clone(),
                    Known { stamp: Some(stamp), missing: None, running, refusal: None },
                );
                true
            }
            Err(refusal) => {
                self.refuse(name, stamp, refusal.to_string());
                false
            }
        }
    }

    fn refuse(&mut self, name: &PluginName, stamp: Stamp, reason: String) {
        metrics::counter!("hookyard_refusals_total", "plugin" => name.to_string()).increment(1);
        let known = self.known.entry(name.clone()).or_default();
        known.stamp = Some(stamp);
        let stays = known.running.as_ref().map(|running| running.revision.digest.short());
        let stays = stays.map(|stays| format!("; revision {stays} stays")).unwrap_or_default();
        tracing::error!(plugin = %name, "{reason}{stays}");
        known.refusal = Some(reason);
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
            known.stamp = None;
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
        self.plugins.publish(Snapshot::new(&entries, &self.config.borrow()));
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
            state: if running.is_some() { PluginState::Running } else { PluginState::Refused },
            revision: running.map(|running| running.revision.digest.to_string()),
            size_bytes: running.map_or(0, |running| running.revision.size_bytes),
            since: running.map_or(0, |running| running.since),
            handles: running.map(|running| running.revision.handles()).unwrap_or_default(),
            imports: running.map(|running| running.revision.imports.clone()).unwrap_or_default(),
            refusal: self.refusal.clone(),
        }
    }
}

/// Reads a file whole, if it stays what its stamp says meanwhile.
fn read(path: &Path, stamp: Stamp, max_bytes: u64) -> Read {
    let size = stamp.size_bytes();
    if size > max_bytes {
        return Read::Refused(format!(
            "{} has {size} bytes, plugins.file_max_bytes is {max_bytes}",
            path.display()
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    let read = std::fs::File::open(path).and_then(|file| file.take(max_bytes).read_to_end(&mut bytes));
    match read {
        _ if Stamp::of(path) != Some(stamp) => Read::Changing,
        Ok(_) => Read::Bytes(bytes),
        Err(error) => Read::Refused(format!("{} cannot be read: {error}", path.display())),
    }
}
