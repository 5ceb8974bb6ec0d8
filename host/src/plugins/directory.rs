//! The plugins directory as the source of desired state: each file in it is a plugin that should run.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::desired::{DesiredPlugin, DesiredState, Target};
use super::scan::{Scan, scan};
use super::watch::Watch;
use crate::config;
use crate::event::PluginName;

/// See the module.
pub(super) struct Directory {
    path: PathBuf,
    watch: Watch,
    /// The plugins that had a file, and since when it is missing.
    seen: BTreeMap<PluginName, Option<Instant>>,
    /// Complaints already made about files and the directory itself, so that each is made once.
    complaints: BTreeSet<String>,
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, watch: Watch::new(), seen: BTreeMap::new(), complaints: BTreeSet::new() }
    }

    /// Waits until the directory may have changed, or has to be scanned all the same. Dropped before it returns, it
    /// leaves a hint to the next call.
    pub(super) async fn changed(&self, config: &config::Plugins) {
        let quiet = Duration::from_millis(config.debounce_ms);
        self.watch.changed(quiet, self.interval(config)).await;
    }

    /// The wait until the next rescan, or until a missing file's grace ends.
    fn interval(&self, config: &config::Plugins) -> Duration {
        let grace = Duration::from_millis(config.removal_grace_ms);
        let rescan = Duration::from_millis(config.rescan_interval_ms);
        let missing = self.seen.values().flatten();
        let ends = missing.map(|since| (*since + grace).saturating_duration_since(Instant::now()));
        ends.min().map_or(rescan, |end| end.min(rescan).max(Duration::from_millis(1)))
    }

    /// Scans the directory. `None`: it cannot be read, so nothing changes.
    pub(super) fn scan(&mut self, config: &config::Plugins) -> Option<DesiredState> {
        // Before the scan: a change during the scan is to be noticed.
        self.set_watch();
        match scan(&self.path) {
            Ok(found) => {
                self.complain_of_names(&found);
                Some(self.desired(found, Duration::from_millis(config.removal_grace_ms)))
            }
            Err(error) => {
                self.complain_of_directory(&error);
                None
            }
        }
    }

    /// Removing a file removes its plugin, but not at once: editors and copy tools unlink a file before they
    /// create the next.
    fn desired(&mut self, found: Scan, grace: Duration) -> DesiredState {
        self.seen.retain(|name, missing| {
            if found.files.contains_key(name) {
                return true;
            }
            missing.get_or_insert_with(Instant::now).elapsed() < grace
        });
        let missing = self.seen.keys().map(|name| (name.clone(), DesiredPlugin::Unchanged));
        let mut desired: DesiredState = missing.collect();
        for (name, file) in found.files {
            self.seen.insert(name.clone(), None);
            desired.insert(name, DesiredPlugin::Target(Target::File(file)));
        }
        desired
    }

    fn set_watch(&mut self) {
        let links = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let links = links.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        let files: Vec<PathBuf> = links.map(|entry| entry.path()).collect();
        self.watch.set(std::slice::from_ref(&self.path), &files);
    }

    fn complain_of_directory(&mut self, error: &io::Error) {
        let dir = self.path.display();
        let complaint = if error.kind() == io::ErrorKind::NotFound && self.seen.is_empty() {
            format!(
                "the plugins directory {dir} cannot be read, it is not there yet; what comes is taken at once"
            )
        } else {
            format!("the plugins directory {dir} cannot be read ({error}); plugins that run stay")
        };
        self.complain(complaint);
    }

    fn complain_of_names(&mut self, found: &Scan) {
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
