//! Free space of the file systems that a host writes to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::fs::{stat, statvfs};

use super::fact::Place;
use crate::config::Config;

/// The space of a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DiskSpace {
    /// What the host keeps there.
    pub(super) place: Place,
    pub(super) path: PathBuf,
    /// `None` when it cannot be read.
    pub(super) bytes: Option<DiskBytes>,
}

/// Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskBytes {
    /// What a user without privileges can still write.
    pub(super) free: u64,
    pub(super) total: u64,
}

/// The file systems of the database and of the data directory, each once.
pub(super) fn read_all(config: &Config) -> Vec<DiskSpace> {
    let database = config.database.path();
    let beside = database.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut seen = BTreeSet::new();
    let places = [(Place::Database, beside.to_owned()), (Place::DataDirectory, config.data_dir())];
    let mut is_new = |path: &Path| stat(path).map_or(true, |found| seen.insert(found.st_dev));
    places.into_iter().filter(|(_, path)| is_new(path)).map(|(place, path)| read(place, path)).collect()
}

fn read(place: Place, path: PathBuf) -> DiskSpace {
    let bytes = statvfs(&path).ok().map(|found| DiskBytes {
        free: found.f_bavail.saturating_mul(found.f_frsize),
        total: found.f_blocks.saturating_mul(found.f_frsize),
    });
    DiskSpace { place, path, bytes }
}
