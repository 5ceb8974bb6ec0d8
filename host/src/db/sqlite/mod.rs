//! The `SQLite` dialect: one file, one connection that writes, a few that read.

mod backup;
mod bulk;
mod clock;
mod conn;
mod copy;
mod crashes;
mod dead_effects;
mod deliveries;
mod effects;
mod entries;
mod events;
mod file;
mod keys;
mod lock;
mod open;
mod orders;
mod prune;
mod reader;
mod recent;
mod refusal;
mod replay;
mod rows;
mod schema;
mod values;
mod write;

use std::sync::Arc;

use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::running::Running;
use super::storage::{Backend as _, Open};
use super::types::{DbError, Hold, RunningAttempt};
use crate::config;
use crate::event::PluginName;

pub use backup::{backup, restore};
pub(super) use file::DatabaseFile;
pub(super) use lock::HostLock;
pub(super) use reader::Reader;
pub(super) use write::Sqlite;

use keys::Keys;
use orders::Orders;

/// Connections that read.
const READERS: u32 = 2;

/// A database that was opened, and what the writer must know of what it has.
pub(super) struct Opened {
    pub(super) backend: Sqlite,
    pub(super) reader: Reader,
    pub(super) lock: Arc<HostLock>,
    pub(super) file: Arc<DatabaseFile>,
    pub(super) last_seq: i64,
    pub(super) open: Open,
    pub(super) held: Vec<(PluginName, Hold)>,
    pub(super) store_version: u64,
    pub(super) running: Running,
    /// What ran when an earlier process died.
    pub(super) left: Vec<RunningAttempt>,
}

/// Opens the file of `settings.url`: makes it where there is none, and brings its tables up to date.
pub(super) async fn open(settings: &config::Database) -> Result<Opened, DbError> {
    let path = open::path_of(&settings.url)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        std::fs::create_dir_all(parent).map_err(|error| refusal::of_system(parent, &error))?;
    }
    let lock = Arc::new(HostLock::take(&path)?);
    let file = Arc::new(DatabaseFile::open(&path)?);
    let (running, left) = Running::open(&path).map_err(|error| refusal::of_system(&path, &error))?;

    let options = open::write_options(&path, settings);
    let refused = |error: sqlx::Error| refusal::of_file(&path, &error);
    let mut conn = SqliteConnection::connect_with(&options).await.map_err(refused)?;
    schema::check(&mut conn).await.map_err(|misfit| refusal::of_schema(&path, &misfit))?;
    open::migrate(&mut conn).await.map_err(|error| refusal::of_tables(&path, &error))?;
    // Made here and kept, so that no guest's thread makes one later: it would have that thread's priority.
    let readers = SqlitePoolOptions::new().min_connections(READERS).max_connections(READERS);
    let readers = readers.idle_timeout(None).max_lifetime(None);
    // One that has read holds the file, so that `SQLite` does not remove the log while the writer reconnects.
    let readers = readers.after_connect(|conn, _| {
        Box::pin(
            async move { sqlx::query("SELECT count(*) FROM sqlite_schema").execute(conn).await.map(drop) },
        )
    });
    let readers = readers.connect_with(open::read_options(&path, settings)).await.map_err(refused)?;

    file.note_log()?;
    clock::resume(&mut conn).await?;
    // Should the file vanish, opening it again must not make an empty one in its place.
    let keys = Keys::open(&mut conn, settings.recent_ids_max).await?;
    let recent = keys.recent();
    let mut orders = Orders::new(settings.open_orders_max);
    orders.begin(&mut conn).await?;
    let mut backend = Sqlite::new(
        conn,
        options.create_if_missing(false),
        Arc::clone(&file),
        Arc::clone(&lock),
        keys,
        orders,
    );
    Ok(Opened {
        last_seq: backend.last_seq().await?,
        open: backend.count_open().await?,
        held: backend.held().await?,
        store_version: backend.store_version().await?,
        backend,
        reader: Reader::new(readers, recent, &path),
        running,
        left,
        lock,
        file,
    })
}
