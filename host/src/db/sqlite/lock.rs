//! The host's lock on the database: only one host has it.

use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::refusal;
use crate::db::types::DbError;

/// Held while this process may write: a second host on the same file would hand out the same
/// deliveries. Readers do not need it.
#[derive(Debug)]
pub(in crate::db) struct HostLock {
    database: PathBuf,
    path: PathBuf,
    held: Mutex<File>,
}

impl HostLock {
    /// Takes the lock of the database at `path`.
    pub(in crate::db) fn take(path: &Path) -> Result<Self, DbError> {
        let (database, path) = (path.to_owned(), PathBuf::from(format!("{}.lock", path.display())));
        let held = Mutex::new(lock(&path, &database)?);
        Ok(Self { database, path, held })
    }

    /// Takes it again if its file was removed, before another host does.
    pub(in crate::db) fn keep(&self) -> Result<(), DbError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let id = |found: Metadata| (found.dev(), found.ino());
        let own = held.metadata().map(id).map_err(|error| refusal::of_system(&self.path, &error))?;
        if self.path.metadata().is_ok_and(|found| id(found) == own) {
            return Ok(());
        }
        // If the directory is gone too, the error says so.
        let taken = lock(&self.path, &self.database);
        *held = taken?;
        tracing::warn!("{} was removed while the host runs, and was created again", self.path.display());
        Ok(())
    }
}

fn lock(path: &Path, database: &Path) -> Result<File, DbError> {
    let failed = |error: std::io::Error| refusal::of_system(path, &error);
    // Opening a named pipe would wait for its reader.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(DbError::Open(format!("{} is not a regular file: move it away", path.display())));
    }
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DbError::InUse(database.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
