//! Loads single files: several at a time, and so that one that takes long holds up no other.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::scan::Stamp;
use crate::config::Config;
use crate::event::{Digest, PluginName};
use crate::plugins::snapshot::settings;
use crate::runtime::{LoadedRevision, Runtime};

/// Loads files; cheap to clone.
#[derive(Clone)]
pub(super) struct Loader {
    runtime: Runtime,
    file_max_bytes: u64,
    /// A load that takes longer gives its place to others, and goes on in one of as many places for long
    /// ones.
    quick_time: Duration,
    quick: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// A file to load.
#[derive(Clone)]
pub(super) struct File {
    pub(super) name: PluginName,
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// What runs now.
    pub(super) running: Option<Digest>,
}

/// The result of loading a file.
pub(super) enum LoadResult {
    Loaded(LoadedRevision),
    /// It is what runs already.
    Same,
    /// It changed while it was read: to be read again.
    Changing,
    Refused(FileRefusal),
}

/// Why a file is refused.
pub(super) struct FileRefusal {
    pub(super) revision: Option<Digest>,
    pub(super) reason: String,
    /// Whether the same file may be taken a moment later.
    pub(super) is_temporary: bool,
}

impl Loader {
    pub(super) fn new(runtime: Runtime, config: &Config) -> Self {
        let places = || Arc::new(Semaphore::new(config.runtime.compile_concurrency));
        let quick_time = Duration::from_millis(config.runtime.compile_quick_ms);
        let file_max_bytes = config.plugins.file_max_bytes;
        Self { runtime, file_max_bytes, quick_time, quick: places(), long: places() }
    }

    /// Lets the compiler try a file again that it died of.
    pub(super) fn try_again(&self, revision: &Digest) {
        self.runtime.forget_compiler_failure(revision);
    }

    /// Loads a file. Dropping the future ends what it began.
    pub(super) async fn load(&self, file: &File, config: &Config) -> LoadResult {
        // Semaphores are never closed, so there always is a place.
        let quick = self.quick.acquire().await;
        let mut load = Box::pin(self.read_and_load(file, config));
        if let Ok(result) = timeout(self.quick_time, &mut load).await {
            return result;
        }
        if let Ok(_long) = self.long.try_acquire() {
            drop(quick);
            return load.await;
        }
        // Begun again later: kept, it would hold memory, and there may be many.
        drop(load);
        drop(quick);
        let _long = self.long.acquire().await;
        self.read_and_load(file, config).await
    }

    async fn read_and_load(&self, file: &File, config: &Config) -> LoadResult {
        let name = &file.name;
        let refused = |reason, revision, is_temporary| {
            LoadResult::Refused(FileRefusal { revision, reason, is_temporary })
        };
        let (path, stamp, max) = (file.path.clone(), file.stamp, self.file_max_bytes);
        let read = tokio::task::spawn_blocking(move || read(&path, stamp, max)).await;
        let (bytes, digest) = match read.unwrap_or_else(|error| ReadResult::Refused(error.to_string())) {
            ReadResult::Read(bytes, digest) => (bytes, digest),
            ReadResult::Changing => return LoadResult::Changing,
            ReadResult::Refused(reason) => {
                return refused(format!("plugin {name} is refused: {reason}"), None, false);
            }
        };
        if file.running == Some(digest) {
            return LoadResult::Same;
        }
        match self.runtime.load(name, bytes, &settings(config, name)).await {
            Ok(loaded) => LoadResult::Loaded(loaded),
            Err(refusal) => refused(refusal.to_string(), Some(digest), refusal.is_temporary),
        }
    }
}

enum ReadResult {
    Read(Vec<u8>, Digest),
    Changing,
    Refused(String),
}

/// Reads a file whole, if it stays what its stamp says meanwhile.
fn read(path: &Path, stamp: Stamp, max_bytes: u64) -> ReadResult {
    let size = stamp.size_bytes();
    if size > max_bytes {
        return ReadResult::Refused(format!(
            "{} has {size} bytes, plugins.file_max_bytes is {max_bytes}",
            path.display()
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    let read = std::fs::File::open(path).and_then(|file| file.take(max_bytes).read_to_end(&mut bytes));
    match read {
        _ if Stamp::of(path) != Some(stamp) => ReadResult::Changing,
        Ok(_) => {
            let digest = Digest::of(&bytes);
            ReadResult::Read(bytes, digest)
        }
        Err(error) => ReadResult::Refused(format!("{} cannot be read: {error}", path.display())),
    }
}
