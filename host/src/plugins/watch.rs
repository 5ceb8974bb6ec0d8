//! Hints that something changed on disk. A hint may be missed or come twice. The caller scans the
//! disk after each hint, and from time to time without one.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::Instant;

/// While changes continue, they are reported after this many quiet times.
const DEBOUNCE_MAX: u32 = 10;

/// Watches paths, whether or not they exist yet.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// Directories under watch, with their device and inode: a directory made anew is another one.
    watched: BTreeMap<PathBuf, (u64, u64)>,
    wanted: Arc<Mutex<Wanted>>,
    hint: Arc<Notify>,
}

/// The paths whose changes count. All have their directory's real name: the kernel reports a
/// directory under the name that it was last asked for.
#[derive(Default)]
struct Wanted {
    /// Anything directly in these directories.
    inside: BTreeSet<PathBuf>,
    /// Exactly these paths.
    exact: BTreeSet<PathBuf>,
    /// Exact paths that were removed or renamed: that ends a watch, even if the next file at the path
    /// looks the same.
    lost: BTreeSet<PathBuf>,
}

impl Wanted {
    /// Adds a path with its ancestors and, through symbolic links, its target with the target's.
    fn add(&mut self, path: &Path) {
        // Changes are reported with absolute paths, even for relative watches.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.exact.extend(absolute.ancestors().filter_map(real_parent));
        if let Ok(real) = std::fs::canonicalize(&absolute) {
            self.exact.extend(real.ancestors().map(Path::to_owned));
        }
    }

    /// Directories in which these changes happen.
    fn places(&self) -> BTreeSet<PathBuf> {
        let parents = self.exact.iter().filter_map(|path| Some(path.parent()?.to_owned()));
        self.inside.iter().cloned().chain(parents).collect()
    }

    /// Records an event. Returns true if it is a change.
    fn note(&mut self, event: &notify::Event) -> bool {
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
            let lost = event.paths.iter().filter(|path| self.exact.contains(*path));
            self.lost.extend(lost.cloned());
        }
        event.need_rescan() || is_change(event.kind) && event.paths.iter().any(|path| self.has(path))
    }

    fn has(&self, path: &Path) -> bool {
        self.exact.contains(path) || path.parent().is_some_and(|parent| self.inside.contains(parent))
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// A watch without paths. Without the kernel's support it only reports at intervals.
    #[must_use]
    pub fn new() -> Self {
        let (wanted, hint) = (Arc::new(Mutex::new(Wanted::default())), Arc::new(Notify::new()));
        let (in_callback, hinted) = (Arc::clone(&wanted), Arc::clone(&hint));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let mut wanted = in_callback.lock().unwrap_or_else(PoisonError::into_inner);
            // An error or a queue that overflowed may hide a change.
            if event.map_or(true, |event| wanted.note(&event)) {
                hinted.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(
                    "file notifications are unavailable, so changes are found by periodic scans only: {error}"
                );
            })
            .ok();
        Self { watcher, watched: BTreeMap::new(), wanted, hint }
    }

    /// Replaces all watches: watches everything directly in `dirs`, and `files` themselves. A
    /// missing path is watched for in its nearest ancestor; a symbolic link is watched at both
    /// ends.
    pub fn set(&mut self, dirs: &[PathBuf], files: &[PathBuf]) {
        let mut wanted = Wanted::default();
        dirs.iter().chain(files).for_each(|path| wanted.add(path));
        wanted.inside.extend(dirs.iter().filter_map(|dir| std::fs::canonicalize(dir).ok()));
        let places = wanted.places();
        let before = {
            let mut shared = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *shared, wanted)
        };
        self.watch_only(&places, &before.lost);
    }

    fn watch_only(&mut self, places: &BTreeSet<PathBuf>, lost: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        let identity = |path: &Path| {
            std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir).map(|m| (m.dev(), m.ino()))
        };
        self.watched.retain(|path, was| {
            let keep = places.contains(path) && !lost.contains(path) && identity(path) == Some(*was);
            if !keep {
                let _ = watcher.unwatch(path);
            }
            keep
        });
        for place in places {
            let Some(id) = identity(place) else { continue };
            if self.watched.contains_key(place) {
                continue;
            }
            match watcher.watch(place, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(place.clone(), id)),
                Err(error) => tracing::debug!(path = %place.display(), "not watched: {error}"),
            }
        }
    }

    /// Waits for a hint and then for `quiet` without another, or for `interval` to pass. Dropped before it
    /// returns, it leaves the hint to the next call.
    pub async fn changed(&self, quiet: Duration, interval: Duration) {
        if tokio::time::timeout(interval, self.hint.notified()).await.is_err() {
            return;
        }
        let hinted = Hinted(&self.hint);
        self.calm(quiet).await;
        std::mem::forget(hinted);
    }

    /// Waits for `quiet` without a hint, or until hints have not ended for long.
    async fn calm(&self, quiet: Duration) {
        let last = Instant::now() + quiet * DEBOUNCE_MAX;
        while Instant::now() < last {
            if tokio::time::timeout(quiet, self.hint.notified()).await.is_err() {
                return;
            }
        }
    }
}

/// A hint that was taken. Dropped, it is given again.
struct Hinted<'a>(&'a Notify);

impl Drop for Hinted<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// A path under the real name of its directory, if that exists. The path's own target is not
/// resolved: it may be a link.
fn real_parent(path: &Path) -> Option<PathBuf> {
    Some(std::fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?))
}

/// Reading is no change; closing after writing is.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}
