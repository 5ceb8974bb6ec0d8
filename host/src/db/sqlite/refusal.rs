//! Errors of a file that does not open: the file, the error and a remedy.

use std::io::{Error, ErrorKind};
use std::path::Path;

use sqlx::migrate::MigrateError;

use super::schema::{Misfit, newer};
use crate::db::types::DbError;

const DAMAGED: &str = "restore a backup of it, or move it away to begin with an empty one";

/// The system denies the host the use of a file.
pub(super) fn of_system(path: &Path, error: &Error) -> DbError {
    let what_to_do = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            ": the host's user must be able to write this file and its directory"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => ": make room on this disk",
        _ => "",
    };
    DbError::Open(format!("{}: {error}{what_to_do}", path.display()))
}

/// `SQLite` does not open it.
pub(super) fn of_file(path: &Path, error: &sqlx::Error) -> DbError {
    let path = path.display();
    // The lower byte of its extended codes is the kind of error.
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    DbError::Open(match code.map(|code| code & 0xff) {
        Some(libsqlite::BUSY) => format!(
            "{path} is locked: another process has had it for longer than database.busy_timeout_ms; find that \
             process and end it, or wait longer"
        ),
        Some(libsqlite::CORRUPT) => format!("{path} is damaged ({error}): {DAMAGED}"),
        Some(libsqlite::NOTADB) => format!("{path} is no SQLite database: {DAMAGED}"),
        Some(libsqlite::FULL) => format!("{path}: the disk is full: make room on it"),
        Some(libsqlite::READONLY | libsqlite::CANTOPEN) => {
            format!("{path}: {error}: the host's user must be able to write this file and its directory")
        }
        _ => format!("{path}: {error}"),
    })
}

/// Its schema is not one of this program.
pub(super) fn of_schema(path: &Path, misfit: &Misfit) -> DbError {
    match misfit {
        Misfit::Unreadable(error) => of_file(path, error),
        Misfit::Foreign(what) => DbError::Open(format!(
            "{}: {what}; name another file in database.url, or {DAMAGED}",
            path.display()
        )),
    }
}

/// Its tables cannot be brought up to date.
pub(super) fn of_tables(path: &Path, error: &MigrateError) -> DbError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => of_file(path, error),
        MigrateError::VersionMissing(version) => {
            let newer = newer(*version, None).unwrap_or_else(|| error.to_string());
            DbError::Open(format!("{}: {newer}, or restore a backup from before", path.display()))
        }
        _ => DbError::Open(format!("{}: {error}", path.display())),
    }
}

/// Kinds of errors: <https://www.sqlite.org/rescode.html>.
mod libsqlite {
    pub(super) const BUSY: u32 = 5;
    pub(super) const READONLY: u32 = 8;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const NOTADB: u32 = 26;
}
