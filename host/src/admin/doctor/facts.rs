//! What the host knows at one moment, for the checks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, DiskSpace};
use crate::admin::AdminState;
use crate::admin::auth::{AllowedFor, need};
use crate::clock;
use crate::config::{Config, ConfigState};
use crate::db::{DbError, DeadLetters, PruningState};
use crate::event::{self, PluginName};
use crate::plugins::PluginView;
use crate::verifiers::VerifierView;

/// The directory of compiled plugins in the data directory.
const CACHE: &str = "cache";

/// The facts. Times are of the host's clock, in ms.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) now: u64,
    /// The system clock.
    pub(super) system_now: u64,
    pub(super) clock_offset: i64,
    /// Why no event is accepted or run.
    pub(super) fault: Option<String>,
    /// Why the database does not answer.
    pub(super) database: Result<(), String>,
    pub(super) database_path: PathBuf,
    pub(super) disks: Vec<DiskSpace>,
    /// The size of the compiled plugins, if the directory can be read.
    pub(super) cache_bytes: Option<u64>,
    /// Whether the caller's token is for all plugins.
    pub(super) sees_all: bool,
    pub(super) plugins: Vec<PluginView>,
    pub(super) loading: Vec<String>,
    /// The paused plugins, and since when.
    pub(super) paused: Vec<(String, u64)>,
    pub(super) broken: Vec<String>,
    pub(super) dead_letters: Vec<DeadLetters>,
    pub(super) backlog: u64,
    /// When each source's last event was received, ms since the Unix epoch by the system clock.
    pub(super) heard: Vec<(String, u64)>,
    /// The numbers of confirmations that wait, by source.
    pub(super) confirmations: Vec<(String, u64)>,
    pub(super) pruning: PruningState,
    pub(super) alerts_failing: Vec<String>,
    pub(super) verifiers: Vec<VerifierView>,
    /// The verifiers that sources have and of which there is no file.
    pub(super) verifiers_missing: Vec<String>,
    pub(super) config: Arc<Config>,
    pub(super) config_state: ConfigState,
}

impl Facts {
    /// Reads them. Plugins that the caller does not see are left out.
    pub(super) async fn read(admin: &AdminState, reader: &AllowedFor<need::Read>) -> Self {
        let sees = |plugin: &str| reader.sees(plugin);
        let config = Arc::clone(&admin.config.borrow());
        let files = Arc::clone(&config);
        let read_files = move || (disk::read_all(&files), directory_bytes(&files.data_dir().join(CACHE)));
        let (disks, cache_bytes) = tokio::task::spawn_blocking(read_files).await.unwrap_or_default();
        let db = &admin.db;
        let paused = db.paused().await;
        let dead_letters = db.dead_letters().await;
        let heard = db.last_received().await;
        let confirmations = db.waiting_confirmations().await;
        let answers = [
            paused.as_ref().err(),
            dead_letters.as_ref().err(),
            heard.as_ref().err(),
            confirmations.as_ref().err(),
        ];
        let failed = answers.into_iter().flatten().next().map(DbError::to_string);
        let mut plugins = (admin.plugins)();
        plugins.retain(|plugin| sees(&plugin.name));
        let names = |names: Vec<String>| names.into_iter().filter(|name| sees(name)).collect();
        let with_text = |(name, since): (PluginName, u64)| (name.to_string(), since);
        let mut dead_letters = dead_letters.unwrap_or_default();
        dead_letters.retain(|dead| sees(&dead.plugin));
        Self {
            now: clock::now_ms(),
            system_now: event::now_ms(),
            clock_offset: clock::offset_ms(),
            fault: admin.readiness.reason().or_else(|| (admin.fault)()),
            database: db.fault().or(failed).map_or(Ok(()), Err),
            database_path: config.database.path().to_owned(),
            disks,
            cache_bytes,
            sees_all: reader.sees_all(),
            plugins,
            loading: names((admin.loading_plugins)().iter().map(ToString::to_string).collect()),
            paused: paused
                .unwrap_or_default()
                .into_iter()
                .map(with_text)
                .filter(|(name, _)| sees(name))
                .collect(),
            broken: names(db.broken().keys().map(ToString::to_string).collect()),
            dead_letters,
            backlog: db.backlog(),
            heard: heard.unwrap_or_default(),
            confirmations: confirmations.unwrap_or_default(),
            pruning: db.pruning_state(),
            alerts_failing: (admin.alerts.failing)(),
            verifiers: (admin.verifiers)(),
            verifiers_missing: admin.absent_verifiers().iter().map(ToString::to_string).collect(),
            config,
            config_state: admin.config_state.load().as_ref().clone(),
        }
    }
}

/// The size of all files in a directory and those below it.
fn directory_bytes(dir: &Path) -> Option<u64> {
    let mut bytes = 0_u64;
    for entry in std::fs::read_dir(dir).ok()? {
        let found = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)));
        match found {
            Ok((path, metadata)) if metadata.is_dir() => bytes += directory_bytes(&path).unwrap_or(0),
            Ok((_, metadata)) => bytes += metadata.len(),
            // It was removed meanwhile.
            Err(_) => {}
        }
    }
    Some(bytes)
}
