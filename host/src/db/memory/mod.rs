//! A plain storage in memory: the same promises as the others without their means, for tests.
//!
//! It does not outlive the process, but its tables outlive its storage: who opens them again finds what was
//! committed, and no leases.

mod commit;
mod entries;
mod reads;
mod replay;
mod shown;
mod storage;
mod tables;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use reads::MemoryReads;
pub(super) use storage::MemoryStorage;

use tables::Tables;

/// What is committed.
#[derive(Clone, Default)]
pub(super) struct MemoryDatabase(Arc<Mutex<Tables>>);

impl MemoryDatabase {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a process that is killed now leaves.
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
