//! Backups: made while a host runs or not, and put in the database's place.
//!
//! A file has its name only when it is whole, checked and on disk.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde_json::json;

use super::audit_file::append_to_file;
use super::copy::{copy, inspect};
use super::file::MAGIC;
use super::lock::HostLock;
use crate::audit::{ActorKind, Decision};
use crate::config;
use crate::db::types::{BackupContent, BackupError};

/// Copies the committed state into a file and returns the file's size. A host may run meanwhile.
///
/// # Errors
/// [`BackupError`]; no file of that name exists then, or the earlier one is unchanged.
pub async fn backup(database: &config::Database, to: &Path, replace: bool) -> Result<u64, BackupError> {
    let from = database.path();
    if !from.exists() {
        return Err(BackupError::Missing(from.to_owned()));
    }
    free(to, replace, from)?;
    let dir = parent(to);
    // A directory, because SQLite may put other files beside its copy.
    let beside = tempfile::Builder::new().prefix(".hookyard-backup-").tempdir_in(dir).map_err(at(dir))?;
    let part = beside.path().join("part");
    let file = private(&part)?;
    copy(from, database, &part).await.map_err(|error| about(to)(error.into()))?;
    file.sync_all().map_err(at(to))?;
    // The path may have been taken during the copy.
    free(to, replace, from)?;
    put(&part, to)?;
    Ok(file.metadata().map_err(at(to))?.len())
}

/// Puts a copy in the database's place once it proves to be whole. No host may run meanwhile.
///
/// # Errors
/// [`BackupError`]; the database is as it was then.
pub async fn restore(
    database: &config::Database,
    from: &Path,
    replace: bool,
) -> Result<BackupContent, BackupError> {
    let to = database.path();
    let mut source = regular(from)?;
    let log = beside(from, "-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        let (from, log) = (from.display(), log.display());
        return Err(BackupError::Unfit(format!(
            "{from} is a database in use, with {log} beside it, and no backup: make one with `hookyard backup`"
        )));
    }
    let dir = parent(to);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
    let _lock = HostLock::take(to)?;
    free(to, replace, from)?;
    let mut part = tempfile::Builder::new().prefix(".hookyard-restore-").tempfile_in(dir).map_err(at(dir))?;
    io::copy(&mut source, part.as_file_mut()).map_err(at(to))?;
    part.as_file().sync_all().map_err(at(to))?;
    let content = inspect(part.path()).await.map_err(about(from))?;
    let after = json!({
        "backup": from.display().to_string(), "newest_at": content.newest_at,
        "open_deliveries": content.open_deliveries,
    });
    let by = Decision::of_kind(ActorKind::Command, "hookyard restore");
    let record = by.record("database.restore", to.display().to_string()).after(after);
    append_to_file(part.path(), &record).await.map_err(|error| about(to)(error.into()))?;
    part.as_file().sync_all().map_err(at(to))?;
    // These belong to the replaced database: the new one must not be opened with another one's log.
    // And the search index is one of the replaced database.
    for end in ["-wal", "-shm", ".search", ".search-wal", ".search-shm"] {
        removed(&beside(to, end))?;
    }
    put(part.path(), to)?;
    Ok(content)
}

/// Whether a file of this name may be made.
fn free(path: &Path, replace: bool, other: &Path) -> Result<(), BackupError> {
    let Ok(found) = path.metadata() else { return Ok(()) };
    if other.metadata().is_ok_and(|other| (other.dev(), other.ino()) == (found.dev(), found.ino())) {
        return Err(BackupError::Same(path.to_owned()));
    }
    if !replace {
        return Err(BackupError::Exists(path.to_owned()));
    }
    if !found.is_file() {
        return Err(BackupError::Unfit(format!("{} is no file, and is not replaced", path.display())));
    }
    Ok(())
}

/// Opens a regular file that begins like a database. The path may change between the check and the opening, so
/// symbolic links are not followed and named pipes are not waited for.
fn regular(path: &Path) -> Result<File, BackupError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let unfit = |what: &str| BackupError::Unfit(format!("{} is {what}", path.display()));
    let kind = path.symlink_metadata().map_err(at(path))?.file_type();
    if kind.is_symlink() {
        return Err(unfit("a symbolic link: name the file that it leads to"));
    }
    if !kind.is_file() {
        return Err(unfit("no regular file"));
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(at(path))?;
    if !file.metadata().map_err(at(path))?.is_file() {
        return Err(unfit("no regular file"));
    }
    let mut begin = [0; MAGIC.len()];
    let begins = file.read_exact_at(&mut begin, 0).is_ok() && begin == *MAGIC;
    if !begins {
        return Err(BackupError::Unfit(format!("{}: file is not a database", path.display())));
    }
    Ok(file)
}

/// Makes a file for its owner's eyes only.
fn private(path: &Path) -> Result<File, BackupError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create_new(true).mode(0o600).open(path).map_err(at(path))
}

/// Gives a whole file its name, for good.
fn put(part: &Path, to: &Path) -> Result<(), BackupError> {
    fs::rename(part, to).map_err(at(to))?;
    let dir = parent(to);
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at(dir))
}

fn removed(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |error| BackupError::File { path: path.clone(), error }
}

/// Adds the file's path to an error that lacks it.
fn about(path: &Path) -> impl Fn(BackupError) -> BackupError {
    move |error| BackupError::Unfit(format!("{}: {error}", path.display()))
}
