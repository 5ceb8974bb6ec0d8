//! Gives the plugins room the database's records of revisions, without a dependency on the
//! database.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::observed::Observations;
use crate::db::Db;
use crate::event::{Digest, PluginName};
use crate::plugins::{FileChange, RevisionRecords};
use crate::revision::KnownHandlers;

/// The records of revisions in the database.
pub(super) struct StoredRevisions {
    db: Db,
    observations: Observations,
    /// The records that were read before their files are loaded: most revisions need no other.
    read: Mutex<HashMap<Digest, KnownHandlers>>,
}

impl StoredRevisions {
    pub(super) fn new(db: Db, observations: Observations) -> Self {
        Self { db, observations, read: Mutex::default() }
    }

    fn read(&self) -> MutexGuard<'_, HashMap<Digest, KnownHandlers>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RevisionRecords for StoredRevisions {
    fn handlers<'a>(
        &'a self,
        revision: &'a Digest,
    ) -> Pin<Box<dyn Future<Output = Option<KnownHandlers>> + Send + 'a>> {
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
}
