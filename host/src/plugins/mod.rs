//! Compares the plugins that should run with those that do, loads files into revisions, and publishes one
//! snapshot. It decides which revision is in force. It never calls a handler, and knows no database and no HTTP.
//!
//! | For | Files |
//! |---|---|
//! | the desired state | `desired`, `directory`, `scan`, `watch` |
//! | the actual state | `actual`, `expected` (before the first revision is loaded) |
//! | instructions about revisions | `instruct`, `compare`, `ledger`, `choices`, `records` |
//! | revisions that replays run on | `chosen` |
//! | the steps between them | `reconciler`, `outcome`, `load`, `read` |
//! | the routing table | `snapshot`, `subscriptions`, `active`, `settings`, `cpu_class` |
//! | what operators see of it | `matrix` |
//!
//! Start is a reload from empty: [`Plugins::start`] takes the same path as every later change. It returns
//! when the plugins' handlers are known, which may be before they are loaded.

mod active;
mod actual;
mod choices;
mod chosen;
mod compare;
mod cpu_class;
mod desired;
mod directory;
mod expected;
mod instruct;
mod ledger;
mod load;
mod matrix;
mod outcome;
mod read;
mod reconciler;
mod records;
mod scan;
mod settings;
mod snapshot;
mod subscriptions;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch as channel};

use crate::config::Config;
use crate::event::PluginName;
use crate::revision::{Origin, RevisionChoice, WaitingRevision};
use crate::runtime::Runtime;

use choices::Choices;
use chosen::ChosenRevisions;
use instruct::Desk;
use ledger::Ledger;
use load::Loader;
use reconciler::{Reconciler, Requests};

pub use active::{ActivePlugin, Backoff, Breaking, Retry, RunningEntry, Turn};
pub use chosen::{ChosenRevision, ReplayedRevision};
pub use compare::Comparison;
pub use cpu_class::CpuClass;
pub use instruct::{Instructed, InstructionError, Instructor};
pub use matrix::{MatrixRow, PluginMatrix, matrix};
pub use read::{ReadResult, read_file};
pub use records::{FileChange, RecordError, RecordFuture, RevisionFile, RevisionRecords};
pub use scan::{PluginFile, Scan, Stamp, scan};
pub use settings::{mask, settings};
pub use snapshot::Snapshot;
pub use watch::Watch;

/// A plugin as operators see it.
#[derive(Debug, Clone)]
pub struct PluginView {
    /// Its name.
    pub name: String,
    /// `running`; `refused` if no revision of it could be loaded; or `loading` while its first one is.
    pub state: PluginState,
    /// SHA-256 of the file that runs, hexadecimal.
    pub revision: Option<String>,
    /// Size of that file.
    pub size_bytes: u64,
    /// The time when that revision went live, ms since the Unix epoch.
    pub since: u64,
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub handles: Vec<String>,
    /// Its imports.
    pub imports: Vec<String>,
    /// The reason why the file on disk is not the running revision.
    pub refusal: Option<String>,
    /// The kind of the instruction that put the revision in force.
    pub origin: Option<Origin>,
    /// Whether that revision stays until the pin is lifted.
    pub is_pinned: bool,
    /// The revision that waits.
    pub waiting: Option<WaitingRevision>,
    /// Counts the instructions.
    pub version: u64,
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
    /// Its first revision waits for approval.
    Waiting,
}

/// The resources of a host's plugins.
pub struct PluginSetup {
    /// Loads files.
    pub runtime: Runtime,
    /// The configuration, with the directory of the files. Its changes are followed until the last
    /// [`channel::Sender`] is dropped.
    pub config: channel::Receiver<Arc<Config>>,
    /// Plugins without files.
    pub fixed: Vec<RunningEntry>,
    /// The stored records of revisions.
    pub records: Arc<dyn RevisionRecords>,
    /// The stored revisions in force, and those that wait.
    pub choices: Vec<(PluginName, RevisionChoice)>,
}

/// The plugins of this host, now.
#[derive(Clone)]
pub struct Plugins(Arc<Inner>);

struct Inner {
    snapshot: ArcSwap<Snapshot>,
    /// Counts swaps: a hint that there is another snapshot.
    version: channel::Sender<u64>,
    views: Mutex<Vec<PluginView>>,
    retries: mpsc::UnboundedSender<PluginName>,
    desk: Desk,
    chosen: ChosenRevisions,
}

impl Plugins {
    /// Starts loading the files in the plugins directory, and follows its changes in one task. Returns when
    /// the plugins' handlers are known, or after `plugins.start_wait_ms`.
    pub async fn start(setup: PluginSetup) -> Self {
        let PluginSetup { runtime, config, fixed, records, choices } = setup;
        let (retries, requested) = mpsc::unbounded_channel();
        let (takeovers, to_publish) = mpsc::unbounded_channel();
        let now = config.borrow().clone();
        let ledger = Ledger::new(records, Arc::new(Choices::new(choices)), &now);
        let loader = Loader::new(runtime.clone(), ledger.clone(), &now);
        let plugins = Self(Arc::new(Inner {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            version: channel::Sender::new(0),
            views: Mutex::default(),
            retries,
            desk: Desk::new(ledger.clone(), loader.clone(), config.clone(), takeovers),
            chosen: ChosenRevisions::new(now.plugins.replay_revisions_max),
        }));
        let parts = (runtime.clone(), loader, ledger);
        let requests = Requests { retries: requested, takeovers: to_publish };
        let mut reconciler = Reconciler::new(parts, config, fixed, plugins.clone(), requests);
        let has_unread_files = reconciler.start().await;
        runtime.start_compiler_ahead();
        tokio::spawn(reconciler.run(has_unread_files));
        plugins
    }

    /// The routing table now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// Notifies of each further snapshot.
    #[must_use]
    pub fn swaps(&self) -> channel::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// Lists the plugins for operators, by name.
    #[must_use]
    pub fn list(&self) -> Vec<PluginView> {
        self.0.views.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests a new load of a plugin's refused file, even if the compiler crashed on it. Does not wait for
    /// the load.
    pub fn retry(&self, plugin: &PluginName) {
        // If the task has ended, the host is ending.
        let _ = self.0.retries.send(plugin.clone());
    }

    /// The desk for instructions about revisions.
    fn desk(&self) -> &Desk {
        &self.0.desk
    }

    fn publish(&self, snapshot: Snapshot) {
        self.0.snapshot.store(Arc::new(snapshot));
        self.0.version.send_modify(|version| *version += 1);
    }

    fn show(&self, views: Vec<PluginView>) {
        *self.0.views.lock().unwrap_or_else(PoisonError::into_inner) = views;
    }
}
