//! A directory that only the host's user may write. It is checked once and then held by its
//! descriptor, so replacing the directory at its path has no effect on the host. Files in it are
//! opened without following links, and checked by their descriptor.

use std::ffi::{CStr, OsStr};
use std::fs::{DirBuilder, File, Metadata};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};

/// The prefix of files while they are written.
const TEMPORARY: &str = ".tmp-";
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// See the module.
#[derive(Debug)]
pub struct PrivateDir {
    dir: File,
    path: PathBuf,
    owner: u32,
}

/// A listed file of a [`PrivateDir`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEntry {
    /// Its name.
    pub name: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// The time when it was written or last used, in nanoseconds since the Unix epoch.
    pub used: i128,
    /// Whether it is a directory.
    pub is_dir: bool,
}

impl PrivateDir {
    /// Opens a host's directory, and makes it, with mode 0700, if it is missing.
    ///
    /// # Errors
    /// When it cannot be made, belongs to another user, or may be written by others.
    pub fn make(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::open_owned_by(path, |owner| owner == me())
    }

    /// Opens the directory of a host that may run as another user than this process: one that belongs to
    /// this user or root, or anybody's for root.
    ///
    /// # Errors
    /// When there is none, it belongs to yet another user, or others may write there.
    pub fn open_as_client(path: &Path) -> io::Result<Self> {
        Self::open_owned_by(path, |owner| owner == me() || owner == ROOT || me() == ROOT)
    }

    fn open_owned_by(path: &Path, trusted: impl Fn(u32) -> bool) -> io::Result<Self> {
        let link = std::fs::symlink_metadata(path)?;
        if link.is_symlink() && !trusted(link.uid()) && link.uid() != ROOT {
            return Err(denied(format!("it is a symbolic link of {}", other(link.uid()))));
        }
        let path = std::fs::canonicalize(path)?;
        let dir = File::from(rustix::fs::open(&path, DIRECTORY, Mode::empty())?);
        let metadata = dir.metadata()?;
        check(&metadata, &trusted, &path)?;
        Ok(Self { dir, owner: metadata.uid(), path })
    }

    /// Opens a directory directly in this one, and makes it if it is missing.
    ///
    /// # Errors
    /// As [`PrivateDir::make`].
    pub fn subdir(&self, name: &str) -> io::Result<Self> {
        match rustix::fs::mkdirat(&self.dir, name, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let path = self.path.join(name);
        let dir = match rustix::fs::openat(&self.dir, name, DIRECTORY, Mode::empty()) {
            Ok(dir) => File::from(dir),
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                let text = format!("{} is a link or no directory; remove it", path.display());
                return Err(denied(text));
            }
            Err(error) => return Err(error.into()),
        };
        check(&dir.metadata()?, |owner| owner == self.owner, &path)?;
        Ok(Self { dir, owner: self.owner, path })
    }

    /// Its path when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Directories above it in which others may exchange it. While it is held that changes nothing; the
    /// next start could find another.
    #[must_use]
    pub fn exposed_ancestors(&self) -> Vec<PathBuf> {
        let exposed = |dir: &&Path| {
            let Ok(metadata) = std::fs::metadata(dir) else { return false };
            let others_own = ![self.owner, ROOT].contains(&metadata.uid());
            others_own || (metadata.mode() & 0o002 != 0 && metadata.mode() & STICKY == 0)
        };
        self.path.ancestors().skip(1).filter(exposed).map(Path::to_owned).collect()
    }

    /// Opens a file in it; `None` if there is none.
    ///
    /// # Errors
    /// When it is no regular file, belongs to another user, or may be written by others.
    pub fn open(&self, name: &str) -> io::Result<Option<File>> {
        // A pipe in its place must not be waited for.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(denied("it is a symbolic link; remove it".into())),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(denied("it is not a regular file; remove it".into()));
        }
        check(&metadata, |owner| owner == self.owner, &self.path.join(name))?;
        Ok(Some(file))
    }

    /// Reads a file in it, of up to `max` bytes; `None` if there is none.
    ///
    /// # Errors
    /// As [`PrivateDir::open`], and when the file is larger.
    pub fn read(&self, name: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open(name)? else { return Ok(None) };
        let size = file.metadata()?.len();
        if size > max {
            let text = format!("it has {size} bytes, at most {max} are read");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.take(max).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Writes a file that only its owner may read. A reader finds the old or the new one, whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let (temporary, _) = self.temporary(parts)?;
        self.put(&temporary, name)
    }

    /// As [`PrivateDir::write`], and on disk when it returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_durably(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let temporary = self.durable_temporary(parts)?;
        self.put(&temporary, name)?;
        self.dir.sync_all()
    }

    /// As [`PrivateDir::write_durably`], but returns false if the file exists already, and keeps it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_new(&self, name: &str, parts: &[&[u8]]) -> io::Result<bool> {
        let temporary = self.durable_temporary(parts)?;
        let (dir, from) = (&self.dir, temporary.as_str());
        let mut moved = rustix::fs::renameat_with(dir, from, dir, name, RenameFlags::NOREPLACE);
        // Some file systems do not know that flag.
        if matches!(moved, Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS)) {
            moved = rustix::fs::linkat(dir, from, dir, name, AtFlags::empty());
        }
        // It is there where it was linked, or where moving it failed.
        let _ = self.remove(&temporary);
        match moved {
            Ok(()) => self.dir.sync_all().map(|()| true),
            Err(rustix::io::Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file, if it exists.
    ///
    /// # Errors
    /// When it exists and cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a directory in it with the files in that one.
    ///
    /// # Errors
    /// When others may write there, or there is more in it than files.
    pub fn remove_subdir(&self, name: &str) -> io::Result<()> {
        let inner = self.subdir(name)?;
        for entry in inner.entries()? {
            inner.remove(&entry.name)?;
        }
        Ok(rustix::fs::unlinkat(&self.dir, name, AtFlags::REMOVEDIR)?)
    }

    /// Lists its entries of any kind.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn entries(&self) -> io::Result<Vec<PrivateEntry>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.dir)? {
            let entry = entry?;
            let name: &CStr = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            entries.push(PrivateEntry {
                name: OsStr::from_bytes(name.to_bytes()).to_string_lossy().into_owned(),
                bytes: u64::try_from(stat.st_size).unwrap_or_default(),
                used: i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec),
                is_dir: rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir(),
            });
        }
        Ok(entries)
    }

    /// Gives a temporary file its name.
    fn put(&self, temporary: &str, name: &str) -> io::Result<()> {
        let renamed = rustix::fs::renameat(&self.dir, temporary, &self.dir, name);
        if renamed.is_err() {
            let _ = self.remove(temporary);
        }
        Ok(renamed?)
    }

    /// Writes a file under an unused name. Its content is on disk.
    fn durable_temporary(&self, parts: &[&[u8]]) -> io::Result<String> {
        let (name, file) = self.temporary(parts)?;
        let synced = file.sync_all();
        if synced.is_err() {
            let _ = self.remove(&name);
        }
        synced.map(|()| name)
    }

    /// Writes a file under an unused name.
    fn temporary(&self, parts: &[&[u8]]) -> io::Result<(String, File)> {
        let name = format!("{TEMPORARY}{}", hex::encode(rand::random::<[u8; 16]>()));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, &name, flags, Mode::RUSR | Mode::WUSR)?;
        let mut file = File::from(file);
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        if written.is_err() {
            let _ = self.remove(&name);
        }
        written.map(|()| (name, file))
    }
}

impl PrivateEntry {
    /// Whether it is the temporary file of a write: one under way, or one cut off by the end of its
    /// process.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.name.starts_with(TEMPORARY)
    }
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The user that this process acts as.
fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn check(metadata: &Metadata, trusted: impl Fn(u32) -> bool, path: &Path) -> io::Result<()> {
    let (owner, mode) = (metadata.uid(), metadata.mode());
    if !trusted(owner) {
        let me = me();
        return Err(denied(format!(
            "it belongs to {}, and this process runs as user {me}: run it as its owner,              `chown` it, or choose another directory (server.data_dir)",
            other(owner)
        )));
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        let (mode, path) = (mode & 0o7777, path.display());
        return Err(denied(format!(
            "it may be written by others (mode {mode:o}): `chmod go-w {path}`, once what is in it is yours"
        )));
    }
    Ok(())
}

fn other(owner: u32) -> String {
    format!("another user ({owner})")
}

fn denied(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn made() -> (tempfile::TempDir, PrivateDir) {
        let dir = tempfile::tempdir().unwrap();
        let private = PrivateDir::make(&dir.path().join("a/b")).unwrap();
        (dir, private)
    }

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_made_directory_and_its_files_are_the_owners_alone() {
        let (_dir, private) = made();
        private.write("x", &[b"1", b"2"]).unwrap();
        assert!(private.write_new("y", &[b"3"]).unwrap());
        assert!(!private.write_new("y", &[b"4"]).unwrap());
        private.subdir("z").unwrap();
        let mode = |name: &str| std::fs::metadata(private.path().join(name)).unwrap().mode() & 0o777;
        assert_eq!((mode(""), mode("x"), mode("y"), mode("z")), (0o700, 0o600, 0o600, 0o700));
        assert_eq!(private.read("x", 2).unwrap().unwrap(), b"12");
        assert_eq!(private.read("y", 9).unwrap().unwrap(), b"3");
        assert_eq!(private.read("none", 9).unwrap(), None);
        assert_eq!(private.read("x", 1).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let mut names: Vec<_> = private.entries().unwrap().into_iter().map(|entry| entry.name).collect();
        names.sort();
        assert_eq!(names, ["x", "y", "z"]);
    }

    #[test]
    fn files_writable_by_others_are_refused() {
        let (dir, private) = made();
        for writable in [0o720, 0o702, 0o777, 0o1777] {
            mode(private.path(), writable);
            let error = PrivateDir::make(private.path()).unwrap_err();
            assert!(error.to_string().contains("chmod go-w"), "{error}");
        }
        mode(private.path(), 0o755);
        PrivateDir::make(private.path()).unwrap();
        private.write("x", &[b"1"]).unwrap();
        mode(&private.path().join("x"), 0o622);
        assert!(private.read("x", 9).unwrap_err().to_string().contains("chmod go-w"));
        private.subdir("z").unwrap();
        mode(&private.path().join("z"), 0o777);
        private.subdir("z").unwrap_err();
        assert_eq!(private.exposed_ancestors(), Vec::<PathBuf>::new());
        mode(&dir.path().join("a"), 0o777);
        assert_eq!(private.exposed_ancestors(), [std::fs::canonicalize(dir.path().join("a")).unwrap()]);
    }

    #[test]
    fn links_and_what_is_no_file_are_refused() {
        let (dir, private) = made();
        let outside = dir.path().join("outside");
        std::fs::write(&outside, "1").unwrap();
        symlink(&outside, private.path().join("link")).unwrap();
        assert!(private.read("link", 9).unwrap_err().to_string().contains("symbolic link"));
        private.subdir("z").unwrap();
        assert!(private.read("z", 9).unwrap_err().to_string().contains("not a regular file"));
        symlink(dir.path(), private.path().join("linked-dir")).unwrap();
        private.subdir("linked-dir").unwrap_err();
        private.write("link", &[b"2"]).unwrap();
        assert_eq!(private.read("link", 9).unwrap().unwrap(), b"2");
        assert_eq!(std::fs::read(&outside).unwrap(), b"1");
    }

    #[test]
    fn another_users_directory_and_file_are_refused() {
        if me() != ROOT {
            return;
        }
        let (_dir, private) = made();
        private.write("x", &[b"1"]).unwrap();
        std::os::unix::fs::chown(private.path().join("x"), Some(4711), None).unwrap();
        assert!(private.read("x", 9).unwrap_err().to_string().contains("another user (4711)"));
        std::os::unix::fs::chown(private.path(), Some(4711), None).unwrap();
        assert!(PrivateDir::make(private.path()).unwrap_err().to_string().contains("server.data_dir"));
        let client = PrivateDir::open_as_client(private.path()).unwrap();
        assert_eq!(client.read("x", 9).unwrap().unwrap(), b"1");
    }

    #[test]
    fn a_held_directory_stays_what_it_was() {
        let (dir, private) = made();
        private.write("x", &[b"1"]).unwrap();
        std::fs::rename(private.path(), dir.path().join("a/moved")).unwrap();
        std::fs::create_dir(private.path()).unwrap();
        std::fs::write(private.path().join("x"), "exchanged").unwrap();
        assert_eq!(private.read("x", 9).unwrap().unwrap(), b"1");
        private.write("y", &[b"2"]).unwrap();
        assert!(dir.path().join("a/moved/y").exists());
    }
}
