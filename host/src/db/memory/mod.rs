//! A plain storage in memory for tests: it keeps the promises of the others by simpler means.
//!
//! It does not outlive the process, but its tables outlive the storage: a storage that opens them again has
//! all commits, and no leases.

mod alerts;
mod audit;
mod commit;
mod confirmations;
mod edits;
mod entries;
mod erasures;
mod groups;
mod keyed;
mod matching;
mod plugin_revisions;
mod reads;
mod replay;
mod retries;
mod search;
mod sessions;
mod shown;
mod storage;
mod switches;
mod tables;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use reads::MemoryReads;
pub(super) use storage::MemoryStorage;

use tables::Tables;

/// The committed tables.
#[derive(Clone, Default)]
pub(super) struct MemoryDatabase(Arc<Mutex<Tables>>);

impl MemoryDatabase {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the state that a kill at this moment leaves.
    pub(super) fn as_killed(&self) -> Self {
        Self(Arc::new(Mutex::new(self.tables().clone())))
    }

    /// The highest version that any entry of a store ever had.
    pub(super) fn store_version(&self) -> u64 {
        self.tables().store_version
    }

    /// Both sides of it.
    pub(super) fn open(&self) -> (MemoryStorage, MemoryReads) {
        (MemoryStorage::new(self.clone()), MemoryReads::new(self.clone()))
    }
}
