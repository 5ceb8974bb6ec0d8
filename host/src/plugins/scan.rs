//! What is in the plugins directory now: names and stamps, nothing read.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::event::PluginName;

/// Tells one state of a file from the next without reading it, whatever way it was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of what a path leads to, through symbolic links; `None` where there is no file.
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
    pub(super) fn size_bytes(&self) -> u64 {
        self.size
    }
}

/// A look at the directory.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// `NAME.wasm` files.
    pub(super) files: BTreeMap<PluginName, (PathBuf, Stamp)>,
    /// `.wasm` files that cannot be plugins, with the reason.
    pub(super) misnamed: Vec<(PathBuf, String)>,
}

/// Looks.
///
/// # Errors
/// When the directory cannot be read; then nothing is known about its plugins.
pub(super) fn scan(dir: &Path) -> io::Result<Scan> {
    let mut scan = Scan::default();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let Some(stamp) = Stamp::of(&path) else {
            // What a link leads to may still come; a directory or a named pipe does not become a file.
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                scan.misnamed.push((path, "it is not a regular file".into()));
            }
            continue;
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // A dot in front is how editors and copy tools name what they have not finished.
        if stem.starts_with('.') {
            continue;
        }
        match PluginName::new(&stem) {
            Ok(name) => drop(scan.files.insert(name, (path, stamp))),
            Err(error) => scan.misnamed.push((path, error.to_string())),
        }
    }
    Ok(scan)
}
