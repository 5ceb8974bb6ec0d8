//! The connections that read: they never wait for the writer, and it never waits for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::sqlite::SqlitePool;

use super::keys::SharedRecent;

/// The read connections, and what they need beside the file.
pub(in crate::db) struct Reader {
    pool: SqlitePool,
    recent: Arc<SharedRecent>,
    log: PathBuf,
}

impl Reader {
    pub(super) fn new(pool: SqlitePool, recent: Arc<SharedRecent>, path: &Path) -> Self {
        Self { pool, recent, log: format!("{}-wal", path.display()).into() }
    }

    /// Where `SQLite` keeps the database's log.
    pub(in crate::db) fn log_path(&self) -> &Path {
        &self.log
    }

    /// Ids that are not in the index yet.
    pub(super) fn recent(&self) -> &SharedRecent {
        &self.recent
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    pub(in crate::db) async fn close(&self) {
        self.pool.close().await;
    }
}
