//! Checks whether the database is still the file that was opened. `SQLite` continues with a file that was
//! removed, moved or replaced, and all data would be lost at the next start.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::refusal;
use crate::db::types::DbError;

/// <https://www.sqlite.org/fileformat2.html#the_database_header>
const HEADER_BYTES: usize = 100;
pub(in crate::db) const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The bytes of the file change counter in the header.
const CHANGES: std::ops::Range<usize> = 24..28;

/// The files of an open database.
#[derive(Debug)]
pub(in crate::db) struct DatabaseFile {
    path: PathBuf,
    /// Closing it would end the locks that `SQLite` has on the file, so it is held as long as the database.
    file: File,
    id: FileId,
    /// The log and its index, once they exist.
    beside: OnceLock<[(PathBuf, FileId); 2]>,
    seen: Mutex<Seen>,
    /// Damage that was found once and cannot be repaired while the host runs.
    damage: OnceLock<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino() }
    }
}

/// The file's state at the last check.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Seen {
    modified: (i64, i64),
    size: u64,
    changes: u32,
}

impl DatabaseFile {
    /// Opens the file, and makes it if it is not there, for its owner's eyes only: the directory may be open to
    /// others, and `SQLite` gives its log the permissions of the file. Does so before `SQLite` opens it.
    pub(super) fn open(path: &Path) -> Result<Self, DbError> {
        let failed = |error: std::io::Error| refusal::of_system(path, &error);
        // A file is not waited for, as a named pipe would be.
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(DbError::Open(format!(
                "{} is not a regular file: name another one in database.url, or move it away",
                path.display()
            )));
        }
        let mut options = File::options();
        let file = options.create(true).read(true).append(true).mode(0o600).open(path).map_err(failed)?;
        let id = FileId::of(&file.metadata().map_err(failed)?);
        let (beside, seen, damage) = (OnceLock::new(), Mutex::default(), OnceLock::new());
        Ok(Self { path: path.to_owned(), file, id, beside, seen, damage })
    }

    /// Notes the log and its index, once `SQLite` has made them.
    pub(super) fn note_log(&self) -> Result<(), DbError> {
        let note = |end: &str| {
            let path = PathBuf::from(format!("{}{end}", self.path.display()));
            let found = path.metadata().map_err(|error| refusal::of_system(&path, &error))?;
            Ok::<_, DbError>((path, FileId::of(&found)))
        };
        let both = [note("-wal")?, note("-shm")?];
        self.beside.get_or_init(|| both);
        Ok(())
    }

    /// Checks whether the files are in their places, which takes microseconds.
    pub(in crate::db) fn check(&self) -> Result<(), DbError> {
        if let Some(damage) = self.damage.get() {
            return Err(DbError::Unavailable(damage.clone()));
        }
        let found = in_place(&self.path, self.id)
            .map_err(|what| DbError::Unavailable(format!("{what}; put it back, or restart the host")))?;
        let log = self.beside.get().into_iter().flatten();
        for (path, id) in log {
            in_place(path, *id).map_err(|what| {
                DbError::Unavailable(format!(
                    "{what}; restart the host with SIGTERM: it then saves what it has in the database"
                ))
            })?;
        }
        self.check_content(&found)
    }

    /// Whether another program wrote over the file.
    pub(super) fn is_damaged(&self) -> bool {
        self.damage.get().is_some()
    }

    /// The counter in the header only grows: one that is less, or no header, is of other content in the same
    /// file.
    fn check_content(&self, found: &Metadata) -> Result<(), DbError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (modified, size) = ((found.mtime(), found.mtime_nsec()), found.len());
        if (modified, size) == (seen.modified, seen.size) {
            return Ok(());
        }
        let is_new = *seen == Seen::default();
        // Another look, should a checkpoint be under way.
        let changes = [self.changes(), self.changes()].into_iter().flatten().max();
        match changes {
            Some(changes) if is_new || changes.wrapping_sub(seen.changes) < u32::MAX / 2 => {
                *seen = Seen { modified, size, changes };
                Ok(())
            }
            // Its first page is not written yet.
            None if is_new => Ok(()),
            _ => {
                let damage = self.damage.get_or_init(|| {
                    format!(
                        "another program wrote over the file {} while the host runs; stop the host, and restore a \
                         backup with `hookyard restore`",
                        self.path.display()
                    )
                });
                Err(DbError::Unavailable(damage.clone()))
            }
        }
    }

    /// The file change counter; `None` without a header.
    fn changes(&self) -> Option<u32> {
        let mut header = [0; HEADER_BYTES];
        self.file.read_exact_at(&mut header, 0).ok()?;
        let changes = header.get(CHANGES)?.first_chunk()?;
        header.starts_with(MAGIC).then(|| u32::from_be_bytes(*changes))
    }
}

/// Returns the metadata of a file that must be in its place, or the reason why it is not.
fn in_place(path: &Path, id: FileId) -> Result<Metadata, String> {
    let path_name = path.display();
    match path.metadata() {
        Ok(found) if FileId::of(&found) == id => Ok(found),
        Ok(_) => Err(format!("the file {path_name} was replaced while the host runs")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(format!("the file {path_name} was removed or moved while the host runs"))
        }
        Err(error) => Err(format!("the file {path_name} cannot be reached: {error}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::fs;

    use super::*;

    fn header(changes: u32) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.resize(8192, 0);
        bytes[CHANGES].copy_from_slice(&changes.to_be_bytes());
        bytes
    }

    struct Fixture {
        dir: tempfile::TempDir,
        file: DatabaseFile,
    }

    impl Fixture {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let at = |name: &str| dir.path().join(name);
            fs::write(at("x.db"), header(7)).unwrap();
            fs::write(at("x.db-wal"), "").unwrap();
            fs::write(at("x.db-shm"), "").unwrap();
            let file = DatabaseFile::open(&at("x.db")).unwrap();
            file.note_log().unwrap();
            file.check().unwrap();
            Self { dir, file }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn fails_with(&self, part: &str) {
            let error = self.file.check().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn each_file_has_to_be_in_its_place_and_is_taken_again_when_it_is_back() {
        let fixture = Fixture::new();
        for name in ["x.db", "x.db-wal", "x.db-shm"] {
            let (place, away) = (fixture.at(name), fixture.at("away"));
            fs::rename(&place, &away).unwrap();
            fixture.fails_with(&format!("{name} was removed or moved"));
            fs::write(&place, header(8)).unwrap();
            fixture.fails_with(&format!("{name} was replaced"));
            fs::rename(&away, &place).unwrap();
            fixture.file.check().unwrap();
        }
        let (dir, away) = (fixture.dir.path().to_owned(), fixture.dir.path().with_extension("away"));
        fs::rename(&dir, &away).unwrap();
        fixture.fails_with("x.db was removed or moved");
        fs::rename(&away, &dir).unwrap();
        fixture.file.check().unwrap();
    }

    #[test]
    fn other_content_in_the_same_file_is_found_and_stays_found() {
        for content in [Vec::new(), b"text".to_vec(), vec![0; 8192], header(6)] {
            let fixture = Fixture::new();
            // In place, and with a later time even where the clock is coarse.
            fs::write(fixture.at("x.db"), &content).unwrap();
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
            File::open(fixture.at("x.db")).unwrap().set_modified(later).unwrap();
            fixture.fails_with("wrote over the file");
            fs::write(fixture.at("x.db"), header(9)).unwrap();
            fixture.fails_with("wrote over the file");
        }
    }

    #[test]
    fn a_checkpoint_is_no_other_content() {
        let fixture = Fixture::new();
        for changes in [7, 8, 1000] {
            let bytes = [header(changes), vec![0; changes as usize]].concat();
            fs::write(fixture.at("x.db"), bytes).unwrap();
            fixture.file.check().unwrap();
        }
    }
}
