//! Checks the audit log in a file that no host has open, and adds an entry to it.

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::audit::{append, entries_after, head};
use super::copy::{check_schema, open_alone};
use super::lock::HostLock;
use crate::audit::{ChainError, Head, Record, Verifier};
use crate::db::types::{BackupError, DbError};

/// Entries that are read at once.
const PAGE: u32 = 500;
/// The first version with an audit log.
const FIRST_VERSION: i64 = 12;

/// Checks all entries. With `expected`, that head must be one of them.
///
/// # Errors
/// If the file cannot be read. The result is an error if the log is not whole.
pub async fn verify_audit(
    file: &Path,
    expected: Option<Head>,
) -> Result<Result<Head, ChainError>, BackupError> {
    if !file.exists() {
        return Err(BackupError::Missing(file.to_owned()));
    }
    // A backup has no lock, and gets none.
    let lock = PathBuf::from(format!("{}.lock", file.display()));
    let _lock = if lock.exists() { Some(HostLock::take(file).map_err(in_use)?) } else { None };
    let log = PathBuf::from(format!("{}-wal", file.display()));
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        return Err(BackupError::Unfit(format!(
            "{} has changes that are not in the database yet: a host runs with it, or was killed. Ask the running \
             host (leave out --database), or start and stop one",
            log.display()
        )));
    }
    let mut conn = open_alone(file).await?;
    let checked = check(&mut conn, expected).await;
    conn.close().await.map_err(|error| BackupError::Unfit(error.to_string()))?;
    checked
}

fn in_use(error: DbError) -> BackupError {
    BackupError::Unfit(match error {
        DbError::InUse(_) => {
            "a host runs with it: ask the running host (leave out --database), or stop it".into()
        }
        other => other.to_string(),
    })
}

async fn check(
    conn: &mut SqliteConnection,
    expected: Option<Head>,
) -> Result<Result<Head, ChainError>, BackupError> {
    if check_schema(&mut *conn).await? < FIRST_VERSION {
        return Err(BackupError::Unfit("it is of a version without an audit log".into()));
    }
    let stored = head(&mut *conn).await?;
    let mut verifier = Verifier::new(expected);
    loop {
        let page = entries_after(&mut *conn, verifier.head().number, PAGE).await?;
        if page.is_empty() {
            return Ok(verifier.finish(stored));
        }
        for entry in &page {
            if let Err(error) = verifier.check(entry) {
                return Ok(Err(error));
            }
        }
    }
}

/// Appends an entry to the log in a file that nothing else has open and that a crash may damage. A file of a version
/// without an audit log stays as it is.
pub(super) async fn append_to_file(file: &Path, record: &Record) -> Result<(), DbError> {
    let options = SqliteConnectOptions::new().filename(file).journal_mode(SqliteJournalMode::Memory);
    let options = options.pragma("trusted_schema", "OFF").pragma("cell_size_check", "ON");
    let mut conn = options.disable_statement_logging().connect().await?;
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'audit_head')";
    if sqlx::query_scalar(sql).fetch_one(&mut conn).await? {
        let mut change = conn.begin().await?;
        append(&mut change, record).await?;
        change.commit().await?;
    }
    Ok(conn.close().await?)
}
