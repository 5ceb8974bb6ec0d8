//! Opens the index's file, checks that it is one, and makes a new one.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::{IndexWriter, Memory, OpenedIndex, SearchIndex};
use crate::db::search::IndexPosition;
use crate::db::search::terms::IndexedField;
use crate::db::sqlite::values::digest_of;
use crate::db::types::DbError;
use crate::event::Digest;

/// Marks the file, in `PRAGMA application_id`: "hySx".
const APPLICATION_ID: u32 = 0x6879_5378;
/// The layout of its tables. Another one is another file.
const LAYOUT: i64 = 1;
/// Connections that read.
const READERS: u32 = 2;

// The field stands before the text, so that a search reads nothing of fields that its caller may not search.
// `reversed`: 0 = the text of a term, 1 = its letters from the end, by which suffixes are found.
const TABLES: [&str; 5] = [
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), settings TEXT NOT NULL, through INTEGER NOT NULL, changes INTEGER NOT NULL, digest BLOB, received_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE field (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
    "CREATE TABLE term (part INTEGER NOT NULL, reversed INTEGER NOT NULL, field INTEGER NOT NULL, text TEXT NOT NULL, event INTEGER NOT NULL, PRIMARY KEY (part, reversed, field, text, event)) STRICT, WITHOUT ROWID",
    "CREATE TABLE document (event INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, terms TEXT NOT NULL) STRICT",
    "CREATE TABLE part (part INTEGER PRIMARY KEY, received_first INTEGER NOT NULL, received_last INTEGER NOT NULL) STRICT",
];

/// The path of the index of a database.
pub(in crate::db) fn index_path(database: &Path) -> PathBuf {
    PathBuf::from(format!("{}.search", database.display()))
}

/// What an index is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::db) struct IndexState {
    pub(in crate::db) position: IndexPosition,
    /// What determines the terms of events.
    pub(in crate::db) settings: String,
    /// The digest and the time of receipt of the last indexed event, by which another database is recognised.
    pub(in crate::db) last: Option<(Digest, u64)>,
}

/// The result of opening a file.
pub(in crate::db) enum Opening {
    /// It is an index.
    Opened(Box<OpenedIndex>, IndexState),
    /// There is none.
    Missing,
    /// It is none, for this reason.
    Unfit(String),
}

/// Whether an error says that the file is damaged.
pub(in crate::db) fn is_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // https://www.sqlite.org/rescode.html: the lower byte is the kind. CORRUPT and NOTADB.
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .pragma("trusted_schema", "OFF")
        .busy_timeout(Duration::from_secs(5))
        .disable_statement_logging()
}

fn write_options(path: &Path) -> SqliteConnectOptions {
    options(path)
        .create_if_missing(false)
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        // It is derived: after a power cut it may be older, but whole.
        .synchronous(SqliteSynchronous::Normal)
        .statement_cache_capacity(64)
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", "2048")
        .pragma("journal_size_limit", "33554432")
        .pragma("temp_store", "memory")
        // Removed and erased values leave the file.
        .pragma("secure_delete", "ON")
        .thread_name(|_| "db-index".into())
}

/// Opens an index.
///
/// # Errors
/// [`DbError::Open`] when the system denies it.
pub(in crate::db) async fn open(path: &Path) -> Result<Opening, DbError> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Opening::Missing),
        Err(error) => return Err(DbError::Open(format!("{}: {error}", path.display()))),
        Ok(found) => found,
    };
    if !found.is_file() {
        return Ok(Opening::Unfit("it is not a regular file".into()));
    }
    if !has_application_id(path) {
        return Ok(Opening::Unfit("it is no search index of hookyard".into()));
    }
    match connect(path).await {
        Ok(Ok((opened, state))) => Ok(Opening::Opened(Box::new(opened), state)),
        Ok(Err(why)) => Ok(Opening::Unfit(why)),
        Err(error) if is_damage(&error) => Ok(Opening::Unfit(error.to_string())),
        Err(error) => Err(DbError::Open(format!("{}: {error}", path.display()))),
    }
}

/// Makes an empty index. There must be no file of this name.
///
/// # Errors
/// [`DbError::Open`].
pub(in crate::db) async fn create(path: &Path, settings: &str) -> Result<OpenedIndex, DbError> {
    let failed = |error: &dyn std::fmt::Display| DbError::Open(format!("{}: {error}", path.display()));
    let mut file = File::options();
    // A new file follows no link.
    file.write(true).create_new(true).mode(0o600);
    file.open(path).map_err(|error| failed(&error))?;
    let made = async {
        let mut conn = SqliteConnection::connect_with(&write_options(path)).await?;
        let mut made = conn.begin().await?;
        for table in TABLES {
            sqlx::query(table).execute(&mut *made).await?;
        }
        sqlx::query("INSERT INTO state VALUES (1, ?, 0, 0, NULL, 0)")
            .bind(settings)
            .execute(&mut *made)
            .await?;
        sqlx::query("PRAGMA application_id = 1752781688").execute(&mut *made).await?;
        sqlx::query("PRAGMA user_version = 1").execute(&mut *made).await?;
        made.commit().await?;
        conn.close().await
    };
    made.await.map_err(|error: sqlx::Error| failed(&error))?;
    match open(path).await? {
        Opening::Opened(opened, _) => Ok(*opened),
        Opening::Missing => Err(failed(&"it was removed at once")),
        Opening::Unfit(why) => Err(failed(&why)),
    }
}

/// Opens the connections, and checks that the file is an index; otherwise the reason.
async fn connect(path: &Path) -> Result<Result<(OpenedIndex, IndexState), String>, sqlx::Error> {
    let mut conn = SqliteConnection::connect_with(&write_options(path)).await?;
    if let Some(why) = find_misfit(&mut conn).await? {
        conn.close().await?;
        return Ok(Err(why));
    }
    let state = read_state(&mut conn).await?;
    let rows: Vec<(i64, String)> = sqlx::query_as("SELECT id, name FROM field").fetch_all(&mut conn).await?;
    let fields = rows.into_iter().filter_map(|(id, name)| Some((IndexedField::from_name(&name)?, id)));
    let memory = Memory { position: state.position, fields: fields.collect() };
    let readers = SqlitePoolOptions::new().min_connections(READERS).max_connections(READERS);
    let readers = readers.idle_timeout(None).max_lifetime(None);
    let read = options(path).read_only(true).thread_name(|number| format!("index-read-{number}"));
    let pool = readers.connect_with(read).await?;
    let (memory, is_damaged) = (Mutex::new(memory), AtomicBool::new(false));
    let index = Arc::new(SearchIndex { pool, memory, is_damaged });
    let writer = IndexWriter::new(conn, Arc::clone(&index));
    Ok(Ok((OpenedIndex { index, writer }, state)))
}

/// Whether the file's header has the mark. `SQLite` would change a database of another program when it opens it.
fn has_application_id(path: &Path) -> bool {
    // https://www.sqlite.org/fileformat2.html#the_database_header
    let mut header = [0; 72];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header.ends_with(&APPLICATION_ID.to_be_bytes())
}

/// A file may come from anywhere: one with other tables, triggers or views is none.
async fn find_misfit(conn: &mut SqliteConnection) -> Result<Option<String>, sqlx::Error> {
    let layout: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *conn).await?;
    if layout != LAYOUT {
        return Ok(Some(format!("its layout is {layout}, and this hookyard uses {LAYOUT}")));
    }
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
    let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *conn).await?;
    Ok((found != TABLES).then(|| "its tables are not those of a search index".into()))
}

async fn read_state(conn: &mut SqliteConnection) -> Result<IndexState, sqlx::Error> {
    let sql = "SELECT through, changes, settings, digest, received_at FROM state";
    let row = sqlx::query(sql).fetch_one(conn).await?;
    let position = IndexPosition { through: row.try_get(0)?, changes: row.try_get(1)? };
    let received_at: i64 = row.try_get(4)?;
    let digest = digest_of(&row, 3).ok();
    let last = digest.map(|digest| (digest, received_at.unsigned_abs()));
    Ok(IndexState { position, settings: row.try_get(2)?, last })
}

/// Removes the index with its log, or gives it another name.
///
/// # Errors
/// [`DbError::Open`].
pub(in crate::db) fn remove(path: &Path, aside: Option<&Path>) -> Result<(), DbError> {
    for end in ["", "-wal", "-shm"] {
        let from = PathBuf::from(format!("{}{end}", path.display()));
        let done = match aside {
            Some(aside) => std::fs::rename(&from, format!("{}{end}", aside.display())),
            None => std::fs::remove_file(&from),
        };
        match done {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(DbError::Open(format!("{}: {error}", from.display())));
            }
            _ => {}
        }
    }
    Ok(())
}
