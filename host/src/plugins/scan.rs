//! Reads which files are in the plugins directory: names and stamps, no content.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::event::PluginName;

/// Distinguishes one state of a file from the next without reading it, however it was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a path's target, through symbolic links; `None` if there is no file.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }

    /// The file's size.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size
    }
}

/// The content of the directory at one moment.
#[derive(Debug, Default)]
pub struct Scan {
    /// `NAME.wasm` files.
    pub files: BTreeMap<PluginName, PluginFile>,
    /// `.wasm` files that cannot be plugins, with the reason.
    pub misnamed: Vec<(PathBuf, String)>,
}

/// A file that has a plugin's revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFile {
    /// Its path.
    pub path: PathBuf,
    /// Its stamp when it was found.
    pub stamp: Stamp,
}

/// Scans the directory.
///
/// # Errors
/// When the directory cannot be read; then nothing is known about its plugins.
pub fn scan(dir: &Path) -> io::Result<Scan> {
    let mut scan = Scan::default();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let Some(stamp) = Stamp::of(&path) else {
            // A link's target may still appear; a directory or a named pipe does not become a file.
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                scan.misnamed.push((path, "it is not a regular file".into()));
            }
            continue;
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // Editors and copy tools put a dot before the names of unfinished files.
        if stem.starts_with('.') {
            continue;
        }
        match PluginName::new(&stem) {
            Ok(name) => drop(scan.files.insert(name, PluginFile { path, stamp })),
            Err(error) => scan.misnamed.push((path, error.to_string())),
        }
    }
    Ok(scan)
}
