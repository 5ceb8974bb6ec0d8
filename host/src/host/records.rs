//! Gives the plugins room the database's records of revisions, without a dependency on the
//! database.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{RwLock, watch as channel};

use super::observed::Observations;
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::event::{Digest, PluginName};
use crate::plugins::{FileChange, RecordError, RecordFuture, RevisionFile, RevisionRecords};
use crate::revision::{HistoryPage, InstructionRecord, KnownHandlers, RevisionFacts};

/// Entries of a plugin's history that are read: all that are kept.
const HISTORY_MAX: u32 = 1000;

/// The wait before old files are removed: one look for many instructions.
const PRUNE_WAIT: Duration = Duration::from_secs(1);

/// The records of revisions in the database.
pub(super) struct StoredRevisions {
    db: Db,
    observations: Observations,
    config: channel::Receiver<Arc<Config>>,
    /// The records that were read before their files are loaded: most revisions need no other.
    read: Mutex<HashMap<Digest, KnownHandlers>>,
    /// Files that no instruction names yet are not pruned while they are stored.
    storing: Arc<RwLock<()>>,
    /// Whether files will be pruned in a moment.
    prunes: Arc<AtomicBool>,
}

impl StoredRevisions {
    pub(super) fn new(db: Db, observations: Observations, config: channel::Receiver<Arc<Config>>) -> Self {
        let (storing, prunes) = (Arc::default(), Arc::default());
        Self { db, observations, config, read: Mutex::default(), storing, prunes }
    }

    fn read(&self) -> MutexGuard<'_, HashMap<Digest, KnownHandlers>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes files beyond the limits, after this and other instructions of the next moment.
    fn prune(&self) {
        if self.prunes.swap(true, Ordering::Relaxed) {
            return;
        }
        let (db, config) = (self.db.clone(), self.config.clone());
        let (storing, prunes) = (Arc::clone(&self.storing), Arc::clone(&self.prunes));
        tokio::spawn(async move {
            tokio::time::sleep(PRUNE_WAIT).await;
            prunes.store(false, Ordering::Relaxed);
            let alone = storing.write_owned().await;
            let limits = config.borrow().revisions.clone();
            if let Err(error) = db.prune_revisions(limits.keep, limits.max_bytes).await {
                tracing::warn!("old files of revisions are not removed: {error}");
            }
            drop(alone);
        });
    }
}

impl RevisionRecords for StoredRevisions {
    fn handlers<'a>(&'a self, revision: &'a Digest) -> RecordFuture<'a, Option<KnownHandlers>> {
        Box::pin(async move {
            let known = self.db.known_handlers(revision).await.unwrap_or_else(|error| {
                tracing::warn!(revision = %revision.short(), "the handlers of a revision could not be read: {error}");
                None
            });
            if let Some(known) = &known {
                self.read().insert(*revision, known.clone());
            }
            known
        })
    }

    fn record(&self, revision: Digest, handlers: KnownHandlers) {
        if self.read().remove(&revision).is_some_and(|known| known == handlers) {
            return;
        }
        let db = self.db.clone();
        tokio::spawn(async move {
            if let Err(error) = db.record_handlers(revision, handlers).await {
                tracing::warn!(revision = %revision.short(), "the handlers of a revision are not recorded: {error}");
            }
        });
    }

    fn note_file(&self, plugin: &PluginName, change: FileChange) {
        self.observations.plugin_file(plugin, change);
    }

    fn facts<'a>(&'a self, revision: &'a Digest) -> RecordFuture<'a, Result<Option<RevisionFacts>, String>> {
        Box::pin(async move { self.db.revision_facts(revision).await.map_err(|error| error.to_string()) })
    }

    fn file<'a>(&'a self, revision: &'a Digest) -> RecordFuture<'a, Result<Option<Vec<u8>>, String>> {
        Box::pin(async move { self.db.revision_file(revision).await.map_err(|error| error.to_string()) })
    }

    fn history<'a>(
        &'a self,
        plugin: &'a PluginName,
    ) -> RecordFuture<'a, Result<Option<HistoryPage>, String>> {
        Box::pin(async move {
            self.db.plugin_history(plugin, HISTORY_MAX).await.map_err(|error| error.to_string())
        })
    }

    fn instruct(
        &self,
        file: Option<RevisionFile>,
        record: InstructionRecord,
    ) -> RecordFuture<'_, Result<(), RecordError>> {
        Box::pin(async move {
            let stored = self.storing.read().await;
            if let Some(RevisionFile { digest, bytes, facts }) = file {
                let kept = self.db.keep_revision(digest, bytes, facts).await;
                kept.map_err(|error| failed(&error))?;
            }
            self.db.instruct(record).await.map_err(|error| failed(&error))?;
            drop(stored);
            self.prune();
            Ok(())
        })
    }
}

fn failed(error: &DbError) -> RecordError {
    match error {
        DbError::Revoked(_) => RecordError::Revoked(error.to_string()),
        _ => RecordError::Unavailable(error.to_string()),
    }
}
