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
use super::orders::Open;
use crate::db::open_chosen::OpenChosen;
use crate::db::search::reads::ReadLane;

/// The read connections, and the other state of the database that needs no writer.
pub(in crate::db) struct Reader {
    pool: SqlitePool,
    /// The connection of the search index's follower.
    follower: SqlitePool,
    keys: Arc<LateIndex<KeyPlace>>,
    orders: Arc<LateIndex<Open>>,
    log: PathBuf,
    pub(super) log_watch: Mutex<LogWatch>,
    pub(super) file: Arc<DatabaseFile>,
    /// The writer holds it, and ends it.
    pub(super) lock: Weak<HostLock>,
    /// Open deliveries, which the writer counts.
    pub(super) backlog: Arc<AtomicU64>,
    /// Open deliveries on revisions that replays chose, which the writer knows.
    pub(super) chosen: Arc<OpenChosen>,
}

impl Reader {
    pub(super) fn new(
        (pool, follower): (SqlitePool, SqlitePool),
        (keys, orders): (Arc<LateIndex<KeyPlace>>, Arc<LateIndex<Open>>),
        path: &Path,
        file: Arc<DatabaseFile>,
        lock: &Arc<HostLock>,
        (backlog, chosen): (Arc<AtomicU64>, Arc<OpenChosen>),
    ) -> Self {
        let log = format!("{}-wal", path.display()).into();
        Self {
            pool,
            follower,
            keys,
            orders,
            log,
            log_watch: Mutex::default(),
            file,
            lock: Arc::downgrade(lock),
            backlog,
            chosen,
        }
    }

    /// The path of the database's log.
    pub(super) fn log_path(&self) -> &Path {
        &self.log
    }

    /// The index of idempotency keys.
    pub(super) fn key_index(&self) -> &LateIndex<KeyPlace> {
        &self.keys
    }

    /// The index of open deliveries by their ordering key.
    pub(super) fn order_index(&self) -> &LateIndex<Open> {
        &self.orders
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// The connections for a reader of this kind.
    pub(super) fn pool_of(&self, lane: ReadLane) -> &SqlitePool {
        match lane {
            ReadLane::Answer => &self.pool,
            ReadLane::Follower => &self.follower,
        }
    }

    /// Ends reading.
    pub(super) async fn close_pools(&self) {
        self.follower.close().await;
        self.pool.close().await;
    }
}
