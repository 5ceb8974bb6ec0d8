//! The path of the `SQLite` file, and the options for opening it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use super::schema::MIGRATOR;
use crate::config;
use crate::db::types::DbError;
#[cfg(debug_assertions)]
use crate::failpoint::{self, Point};

/// The path in `sqlite:PATH`.
pub(super) fn path_of(url: &str) -> Result<PathBuf, DbError> {
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    match path {
        Some(path) if !path.is_empty() && !path.starts_with(":memory:") => Ok(path.into()),
        _ => Err(DbError::Url(scheme_of(url))),
    }
}

/// Returns the part of a URL that may be shown: the rest may contain a password.
fn scheme_of(url: &str) -> String {
    url.split_once("://").map_or_else(|| url.into(), |(scheme, _)| format!("{scheme}://…"))
}

/// The writer's options.
pub(super) fn write_options(path: &Path, settings: &config::Database) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        // Measured: a tenth less work per event than with 4 KiB; 16 KiB gain nothing more.
        .page_size(8192)
        .journal_mode(SqliteJournalMode::Wal)
        // Accepted means on disk: after a power cut too.
        .synchronous(SqliteSynchronous::Full)
        // Pruning removes events in steps, before the rows that refer to them.
        .foreign_keys(false)
        .busy_timeout(Duration::from_millis(settings.busy_timeout_ms))
        .statement_cache_capacity(256)
        // 64 MiB: enough for the upper levels of the key index of any size.
        .pragma("cache_size", "-65536")
        // 32 MiB of log before it is copied into the file: a page that changes often is copied once.
        .pragma("wal_autocheckpoint", "4096")
        // The log shrinks to this after a long reader, such as a backup, has made it grow.
        .pragma("journal_size_limit", "67108864")
        // What is erased or pruned leaves no copy in free space.
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "memory")
        // The file's own schema is not trusted.
        .pragma("trusted_schema", "OFF")
        .thread_name(|_| "db-writer".into())
        .disable_statement_logging()
}

/// Brings the tables up to date.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), MigrateError> {
    #[cfg(debug_assertions)]
    conn.lock_handle().await?.set_commit_hook(|| {
        failpoint::pass(Point::Migration);
        true
    });
    let migrated = MIGRATOR.run(&mut *conn).await;
    #[cfg(debug_assertions)]
    conn.lock_handle().await?.remove_commit_hook();
    migrated
}

/// The readers' options.
pub(super) fn read_options(path: &Path, settings: &config::Database) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .pragma("trusted_schema", "OFF")
        .busy_timeout(Duration::from_millis(settings.busy_timeout_ms))
        .thread_name(|number| format!("db-reader-{number}"))
        .disable_statement_logging()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(path_of("sqlite:a/b.db").unwrap(), Path::new("a/b.db"));
        assert_eq!(path_of("sqlite:///a/b.db").unwrap(), Path::new("/a/b.db"));
        assert_eq!(path_of("postgres://u:secret@h/d"), Err(DbError::Url("postgres://…".into())));
        assert_eq!(path_of("sqlite:"), Err(DbError::Url("sqlite:".into())));
    }
}
