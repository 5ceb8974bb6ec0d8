//! The `SQLite` storage of one host: one file, one connection that writes, a few that read.

mod alerts;
mod audit;
mod audit_file;
mod backup;
mod blocked;
mod bulk;
mod candidates;
mod clock;
mod commit;
mod confirmations;
mod conn;
mod copy;
mod crashes;
mod dead_effects;
mod decisions;
mod deliveries;
mod documents;
mod due;
mod edits;
mod effects;
mod entries;
mod erasures;
mod event_changes;
mod events;
mod file;
mod groups;
mod key_place;
mod keyed;
mod keys;
mod late_index;
mod leases;
mod lock;
mod log_watch;
mod matching;
mod oldest_open;
mod open;
mod orders;
mod plugin_revisions;
mod prune;
mod reader;
mod reads;
mod recent_attempts;
mod refusal;
mod replay;
mod replayed_effects;
mod retries;
mod revisions;
mod rows;
mod schema;
pub(super) mod search_index;
mod search_reads;
mod sessions;
mod storage;
mod stored_entries;
mod switches;
mod switching;
mod tokens;
mod values;
mod write;

use std::sync::Arc;

use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::running::RunningAttempts;
use super::storage::Opened;
use super::types::DbError;
use crate::config;

pub use audit_file::verify_audit;
pub use backup::{backup, restore};

use file::DatabaseFile;
use keys::Keys;
use lock::HostLock;
use orders::Orders;
use reader::Reader;
use storage::SqliteStorage;
use write::Statements;

/// Connections that read.
const READERS: u32 = 2;

/// Opens the file of `settings.url`, creates it if it does not exist, and brings its tables up to
/// date.
pub(super) async fn open(settings: &config::Database) -> Result<Opened<SqliteStorage>, DbError> {
    let path = open::path_of(&settings.url)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        std::fs::create_dir_all(parent).map_err(|error| refusal::of_system(parent, &error))?;
    }
    let lock = Arc::new(HostLock::take(&path)?);
    let file = Arc::new(DatabaseFile::open(&path)?);
    let (running, left) = RunningAttempts::open(&path).map_err(|error| refusal::of_system(&path, &error))?;

    let options = open::write_options(&path, settings);
    let refused = |error: sqlx::Error| refusal::of_file(&path, &error);
    let mut conn = SqliteConnection::connect_with(&options).await.map_err(refused)?;
    schema::check(&mut conn).await.map_err(|misfit| refusal::of_schema(&path, &misfit))?;
    open::migrate(&mut conn).await.map_err(|error| refusal::of_tables(&path, &error))?;
    schema::note_program(&mut conn).await.map_err(|error| refusal::of_file(&path, &error))?;
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
    let follower = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
    let follower = follower.connect_lazy_with(open::read_options(&path, settings));

    file.note_log()?;
    clock::resume(&mut conn).await?;
    // Should the file vanish, opening it again must not make an empty one in its place.
    let keys = Keys::open(&mut conn, settings.recent_ids_max).await?;
    let key_index = Arc::clone(keys.index());
    let mut orders = Orders::new(settings.open_orders_max);
    orders.begin(&mut conn).await?;
    let order_index = Arc::clone(orders.index());
    let mut statements =
        Statements::new(conn, options.create_if_missing(false), Arc::clone(&file), keys, orders);
    let store_version = statements.store_version().await?;
    let storage = SqliteStorage::new(statements, left, Arc::clone(&lock)).await?;
    let open = (storage.backlog(), Arc::clone(&storage.chosen));
    let reader = Reader::new((readers, follower), (key_index, order_index), &path, file, &lock, open);
    Ok(Opened { storage, reads: Box::new(reader), store_version, running })
}
