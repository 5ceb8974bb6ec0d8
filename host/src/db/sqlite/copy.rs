//! Copies of an `SQLite` file: made while others write, and checked before use.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::open;
use super::schema::{self, Misfit};
use super::values::unsigned;
use crate::config;
use crate::db::types::{BackupContent, BackupError, DbError};

/// Copies the committed state into the empty file `to`. Others can read and write meanwhile; their writes
/// stay in the log beside the database until the copy is done.
pub(super) async fn copy(from: &Path, settings: &config::Database, to: &Path) -> Result<(), DbError> {
    let mut conn = open::read_options(from, settings).connect().await?;
    let copied = sqlx::query("VACUUM INTO ?").bind(to.to_string_lossy()).execute(&mut conn).await;
    let closed = conn.close().await;
    copied?;
    Ok(closed?)
}

/// Checks whether a file that no process has open is a database that this program can use.
pub(super) async fn inspect(file: &Path) -> Result<BackupContent, BackupError> {
    let mut conn = open_alone(file).await?;
    let content = read(&mut conn).await;
    conn.close().await.map_err(|error| BackupError::Unfit(error.to_string()))?;
    content
}

/// Opens the file alone: no lock, no log. The file's own schema is not trusted.
pub(super) async fn open_alone(file: &Path) -> Result<SqliteConnection, BackupError> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
    let options = options.pragma("trusted_schema", "OFF").pragma("cell_size_check", "ON");
    let conn = options.disable_statement_logging().connect().await;
    conn.map_err(|error| BackupError::Unfit(error.to_string()))
}

/// Checks that a file has only the objects of a version, and returns that; 0 if it has no tables.
pub(super) async fn check_schema(conn: &mut SqliteConnection) -> Result<i64, BackupError> {
    match schema::check(conn).await {
        Ok(version) => Ok(version.unwrap_or(0)),
        Err(Misfit::Unreadable(error)) => Err(BackupError::Unfit(error.to_string())),
        Err(Misfit::Foreign(what)) => Err(BackupError::Unfit(what)),
    }
}

async fn read(conn: &mut SqliteConnection) -> Result<BackupContent, BackupError> {
    let unfit = |error: sqlx::Error| BackupError::Unfit(error.to_string());
    let nothing = || BackupError::Unfit("it has not the tables of a hookyard database".into());
    if check_schema(&mut *conn).await? == 0 {
        return Err(nothing());
    }
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check").fetch_all(&mut *conn).await.map_err(unfit)?;
    if found != ["ok"] {
        let first = found.first().map_or("", String::as_str);
        return Err(BackupError::Unfit(format!("it is damaged: {first}")));
    }
    let sql = "SELECT (SELECT count(*) FROM delivery WHERE due_at IS NOT NULL),
        (SELECT received_at FROM event ORDER BY seq DESC LIMIT 1)";
    let (open, newest): (i64, Option<i64>) = sqlx::query_as(sql).fetch_one(conn).await.map_err(unfit)?;
    Ok(BackupContent { open_deliveries: unsigned(open), newest_at: newest.map(unsigned) })
}
