//! The promises of every storage, tested over each of them.

mod alerts;
mod confirmations;
mod dead;
mod decisions;
mod edits;
mod erasure;
mod keyed;
mod lists;
mod matching;
mod model;
mod order;
mod plugin_revisions;
mod recent_attempts;
mod replay;
mod retry;
mod revisions;
mod search;
mod sessions;
mod switches;
mod transaction;

use super::memory::MemoryDatabase;
use super::running::RunningAttempts;
use super::storage::Opened;
use super::tests::{LIMITS, Window, as_killed, settings};
use super::writer::WriterLimits;
use super::{Db, Limits};
use std::sync::Arc;

/// A database that is opened again and again.
pub(super) enum Fixture {
    Sqlite(tempfile::TempDir),
    Memory(MemoryDatabase),
}

impl Fixture {
    /// An empty database of each kind.
    pub(super) fn each() -> [Self; 2] {
        [Self::Sqlite(tempfile::tempdir().unwrap()), Self::Memory(MemoryDatabase::default())]
    }

    /// Opens and starts it.
    pub(super) async fn open(&self, window: &Arc<Window>) -> Db {
        self.open_with(LIMITS, window).await
    }

    pub(super) async fn open_with(&self, limits: Limits, window: &Arc<Window>) -> Db {
        let db = self.open_idle(limits).await;
        db.start(Arc::clone(window) as _);
        db
    }

    /// Opens it.
    pub(super) async fn open_idle(&self, limits: Limits) -> Db {
        match self {
            Self::Sqlite(dir) => Db::open(&settings(dir), limits).await.unwrap(),
            Self::Memory(database) => {
                let (storage, reads) = database.open();
                let (reads, store_version) = (Box::new(reads) as _, database.store_version());
                let running = RunningAttempts::in_memory();
                let writer_limits = WriterLimits { batch_max: 1000, crashes_max: limits.crashes_max };
                let opened = Opened { storage, reads, store_version, running };
                Db::over(opened, writer_limits, limits).await.unwrap()
            }
        }
    }

    /// Returns the state that a kill at this moment leaves.
    pub(super) fn as_killed(&self) -> Self {
        match self {
            Self::Sqlite(dir) => Self::Sqlite(as_killed(dir)),
            Self::Memory(database) => Self::Memory(database.as_killed()),
        }
    }
}
