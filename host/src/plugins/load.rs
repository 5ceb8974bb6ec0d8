//! Loads single files, several at a time, so that a slow load delays no other.

use std::future::Future;
use std::io::Read as _;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::scan::{PluginFile, Stamp};
use super::settings::settings;
use crate::config::Config;
use crate::event::{Digest, PluginName};
use crate::runtime::{LoadedRevision, Runtime};

/// Loads files; cheap to clone.
#[derive(Clone)]
pub(super) struct Loader {
    runtime: Runtime,
    file_max_bytes: u64,
    /// A load that takes longer gives its place to others, and continues in one of as many places for
    /// long loads.
    quick_time: Duration,
    quick: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// The result of loading a file.
pub(super) enum LoadResult {
    Loaded(LoadedRevision),
    /// The file is the running revision.
    Same,
    /// It changed while it was read, and has to be read again.
    Changing,
    Refused(FileRefusal),
}

/// The reason why a file is refused.
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

    /// Lets the compiler try again a file that crashed it.
    pub(super) fn try_again(&self, revision: &Digest) {
        self.runtime.forget_compiler_failure(revision);
    }

    /// Takes the next turn in the line for loads. It does so at once, because tasks that were spawned begin in no
    /// certain order.
    pub(super) fn take_turn(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + Send + use<> {
        let mut turn = Box::pin(Arc::clone(&self.quick).acquire_owned());
        // The first poll of the future puts it into the semaphore's queue.
        let first = turn.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        async move {
            // Semaphores are never closed, so there always is a place.
            match first {
                Poll::Ready(place) => place.ok(),
                Poll::Pending => turn.await.ok(),
            }
        }
    }

    /// Loads a plugin's file at its turn, unless it is the running revision. Dropping the future ends the load.
    pub(super) async fn load(
        &self,
        turn: impl Future<Output = Option<OwnedSemaphorePermit>>,
        name: &PluginName,
        file: &PluginFile,
        running: Option<Digest>,
        config: &Config,
    ) -> LoadResult {
        let quick = turn.await;
        let mut load = Box::pin(self.read_and_load(name, file, running, config));
        if let Ok(result) = timeout(self.quick_time, &mut load).await {
            return result;
        }
        if let Ok(_long) = self.long.try_acquire() {
            drop(quick);
            return load.await;
        }
        // The load begins again later: kept, it would hold memory, and there may be many.
        drop(load);
        drop(quick);
        let _long = self.long.acquire().await;
        self.read_and_load(name, file, running, config).await
    }

    async fn read_and_load(
        &self,
        name: &PluginName,
        file: &PluginFile,
        running: Option<Digest>,
        config: &Config,
    ) -> LoadResult {
        let refused = |reason, revision, is_temporary| {
            LoadResult::Refused(FileRefusal { revision, reason, is_temporary })
        };
        let (file, max) = (file.clone(), self.file_max_bytes);
        let read = tokio::task::spawn_blocking(move || read_file(&file, max)).await;
        let (bytes, digest) = match read.unwrap_or_else(|error| ReadResult::Refused(error.to_string())) {
            ReadResult::Read(bytes, digest) => (bytes, digest),
            ReadResult::Changing => return LoadResult::Changing,
            ReadResult::Refused(reason) => {
                return refused(format!("plugin {name} is refused: {reason}"), None, false);
            }
        };
        if running == Some(digest) {
            return LoadResult::Same;
        }
        match self.runtime.load(name, bytes, &settings(config, name)).await {
            Ok(loaded) => LoadResult::Loaded(loaded),
            Err(refusal) => refused(refusal.to_string(), Some(digest), refusal.is_temporary),
        }
    }
}

/// The result of reading a file.
pub(super) enum ReadResult {
    Read(Vec<u8>, Digest),
    /// It changed while it was read.
    Changing,
    Refused(String),
}

/// Reads a whole file. It must still match its stamp after the read.
pub(super) fn read_file(PluginFile { path, stamp }: &PluginFile, max_bytes: u64) -> ReadResult {
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
        _ if Stamp::of(path) != Some(*stamp) => ReadResult::Changing,
        Ok(_) => {
            let digest = Digest::of(&bytes);
            ReadResult::Read(bytes, digest)
        }
        Err(error) => ReadResult::Refused(format!("{} cannot be read: {error}", path.display())),
    }
}
