//! The connections that read: they never wait for the writer, and it never waits for them.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, Weak};

use sqlx::sqlite::SqlitePool;

use super::file::DatabaseFile;
use super::key_place::KeyPlace;
use super::late_index::LateIndex;
use super::lock::HostLock;
use super::log_watch::LogWatch;

/// The read connections, and what else is known of the database without the writer.
pub(in crate::db) struct Reader {
    pool: SqlitePool,
    keys: Arc<LateIndex<KeyPlace>>,
    log: PathBuf,
    pub(super) log_watch: Mutex<LogWatch>,
    pub(super) file: Arc<DatabaseFile>,
    /// The writer holds it, and ends it.
    pub(super) lock: Weak<HostLock>,
    /// Open deliveries, which the writer counts.
    pub(super) backlog: Arc<AtomicU64>,
}

impl Reader {
    pub(super) fn new(
        pool: SqlitePool,
        keys: Arc<LateIndex<KeyPlace>>,
        path: &Path,
        file: Arc<DatabaseFile>,
        lock: &Arc<HostLock>,
        backlog: Arc<AtomicU64>,
    ) -> Self {
        let log = format!("{}-wal", path.display()).into();
        Self { pool, keys, log, log_watch: Mutex::default(), file, lock: Arc::downgrade(lock), backlog }
    }

    /// Where `SQLite` keeps the database's log.
    pub(super) fn log_path(&self) -> &Path {
        &self.log
    }

    /// Where idempotency keys are.
    pub(super) fn key_index(&self) -> &LateIndex<KeyPlace> {
        &self.keys
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }
}
