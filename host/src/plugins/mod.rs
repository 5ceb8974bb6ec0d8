//! Which plugins exist: watches their directory, loads files into revisions, and publishes one
//! snapshot. Never calls a handler; knows no database and no HTTP.
//!
//! Start is a reload from empty: [`Plugins::start`] makes the first look at the directory through
//! the same path as every later change, and returns when it is done.

mod load;
mod pace;
mod scan;
mod snapshot;
mod subscriptions;
mod swap;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch as channel};

use crate::config::Config;
use crate::event::PluginName;
use crate::runtime::Runtime;

pub use pace::Pace;
pub use scan::Stamp;
pub use snapshot::{Backoff, Breaking, Entry, Live, Retry, Snapshot, mask, settings};
pub use subscriptions::{Subscriptions, Wants};
pub use watch::Watch;

/// A plugin as operators see it.
#[derive(Debug, Clone)]
pub struct PluginView {
    /// Its name.
    pub name: String,
    /// `running`, `refused` when its file was never good, or `loading` while its first one is compiled.
    pub state: PluginState,
    /// SHA-256 of the file that runs, hexadecimal.
    pub revision: Option<String>,
    /// Size of that file.
    pub size_bytes: u64,
    /// When that revision went live, ms since the Unix epoch.
    pub since: u64,
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub handles: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// Why the file that is on disk now is not what runs.
    pub refusal: Option<String>,
}

/// See [`PluginView::state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PluginState {
    /// Its revision takes events.
    Running,
    /// No revision of it could be loaded.
    Refused,
    /// Its first revision is being loaded.
    Loading,
}

/// Is told which plugin is loaded next.
pub type OnLoad = Arc<dyn Fn(&PluginName) + Send + Sync>;

/// The plugins of this host, now.
#[derive(Clone)]
pub struct Plugins(Arc<Inner>);

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// Counts swaps: a hint that there is another snapshot.
    version: channel::Sender<u64>,
    views: Mutex<Vec<PluginView>>,
    retries: mpsc::UnboundedSender<PluginName>,
}

impl Plugins {
    /// Loads what is in `dir`, then follows its changes and those of the configuration in one task,
    /// until the last [`channel::Sender`] of `config` is dropped. `fixed` are entries that no file
    /// stands for.
    pub async fn start(
        dir: PathBuf,
        runtime: Runtime,
        config: channel::Receiver<Arc<Config>>,
        fixed: Vec<Entry>,
        on_load: OnLoad,
    ) -> Self {
        let (retries, asked) = mpsc::unbounded_channel();
        let plugins = Self(Arc::new(Inner {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            version: channel::Sender::new(0),
            views: Mutex::default(),
            retries,
        }));
        let mut task = swap::Swap::new(dir, runtime.clone(), config, fixed, plugins.clone(), asked, on_load);
        task.first_look().await;
        runtime.start_compiler_ahead();
        tokio::spawn(task.run());
        plugins
    }

    /// The routing table now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// Tells when there is another snapshot.
    #[must_use]
    pub fn swaps(&self) -> channel::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// What operators see, by name.
    #[must_use]
    pub fn list(&self) -> Vec<PluginView> {
        self.0.views.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Loads a plugin's file again that was refused, even if the compiler died of it. Does not wait for that.
    pub fn retry(&self, plugin: &PluginName) {
        // Without a task that takes it, the host is ending.
        let _ = self.0.retries.send(plugin.clone());
    }

    fn publish(&self, snapshot: Snapshot) {
        self.0.snapshot.store(Arc::new(snapshot));
        self.0.version.send_modify(|version| *version += 1);
    }

    fn show(&self, views: Vec<PluginView>) {
        *self.0.views.lock().unwrap_or_else(PoisonError::into_inner) = views;
    }
}
