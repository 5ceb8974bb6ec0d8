//! Loads single revisions, several at a time, so that a slow load delays no other.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::ledger::Ledger;
use super::read::{ReadResult, read_file};
use super::scan::PluginFile;
use super::settings::settings;
use crate::config::Config;
use crate::event::{Digest, PluginName};
use crate::revision::RevisionFacts;
use crate::runtime::{LoadedRevision, Refusal, Runtime, origins_in, tools_of};

/// Loads files; cheap to clone.
#[derive(Clone)]
pub(super) struct Loader {
    runtime: Runtime,
    ledger: Ledger,
    file_max_bytes: u64,
    /// A load that takes longer gives its place to others, and continues in one of as many places for
    /// long loads.
    quick_time: Duration,
    quick: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// A loaded revision, and its facts.
pub(super) struct Loaded {
    pub(super) revision: LoadedRevision,
    pub(super) facts: RevisionFacts,
}

/// The result of loading a file.
pub(super) enum LoadResult {
    /// The revision in force.
    Loaded(LoadedRevision),
    /// The file is as it was when it was last read, and the revision in force runs, or none is in force.
    Unchanged,
    /// It has changed.
    Changed(Box<Loaded>, Bytes),
    /// The file changed while it was read, and has to be read again.
    Changing,
    /// The revision in force, or the changed file with this digest, cannot be loaded.
    Refused(FileRefusal, Option<Digest>),
}

/// The reason why a file is refused.
#[derive(Debug)]
pub(super) struct FileRefusal {
    pub(super) revision: Option<Digest>,
    pub(super) reason: String,
    /// Whether the same file may be taken a moment later.
    pub(super) is_temporary: bool,
}

impl Loader {
    pub(super) fn new(runtime: Runtime, ledger: Ledger, config: &Config) -> Self {
        let places = || Arc::new(Semaphore::new(config.runtime.compile_concurrency));
        let quick_time = Duration::from_millis(config.runtime.compile_quick_ms);
        let file_max_bytes = config.plugins.file_max_bytes;
        Self { runtime, ledger, file_max_bytes, quick_time, quick: places(), long: places() }
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

    /// A loader of revisions with places of their own, apart from those in force.
    pub(super) fn for_replays(&self) -> Self {
        Self { runtime: self.runtime.for_replays(), ..self.clone() }
    }

    /// Runs a load at its turn. One that takes long leaves its place to others. Dropping the future ends the load.
    async fn in_place<T, F: Future<Output = T>>(
        &self,
        turn: impl Future<Output = Option<OwnedSemaphorePermit>>,
        load: impl Fn() -> F,
    ) -> T {
        let quick = turn.await;
        let mut loading = Box::pin(load());
        if let Ok(result) = timeout(self.quick_time, &mut loading).await {
            return result;
        }
        if let Ok(_long) = self.long.try_acquire() {
            drop(quick);
            return loading.await;
        }
        // The load begins again later: kept, it would hold memory, and there may be many.
        drop(loading);
        drop(quick);
        let _long = self.long.acquire().await;
        load().await
    }

    /// Loads what a plugin's file means at its turn: the changed file, or the revision in force, unless it runs.
    pub(super) async fn load_file(
        &self,
        turn: impl Future<Output = Option<OwnedSemaphorePermit>>,
        name: &PluginName,
        file: &PluginFile,
        running: Option<Digest>,
        config: &Config,
    ) -> LoadResult {
        self.in_place(turn, || self.read_and_load(name, file, running, config)).await
    }

    /// Loads the revision in force of a plugin without a changed file, at its turn.
    pub(super) async fn load_in_force(
        &self,
        turn: impl Future<Output = Option<OwnedSemaphorePermit>>,
        name: &PluginName,
        digest: Digest,
        config: &Config,
    ) -> LoadResult {
        match self.in_place(turn, || self.read_stored(name, digest, config)).await {
            Ok(loaded) => LoadResult::Loaded(loaded),
            Err(refusal) => LoadResult::Refused(refusal, None),
        }
    }

    /// Loads a pushed file at the next turn.
    pub(super) async fn load_bytes(
        &self,
        name: &PluginName,
        bytes: Bytes,
        config: &Config,
    ) -> Result<Loaded, FileRefusal> {
        self.in_place(self.take_turn(), || self.load(name, bytes.clone(), config)).await
    }

    /// Loads a stored revision at the next turn.
    pub(super) async fn load_stored(
        &self,
        name: &PluginName,
        digest: Digest,
        config: &Config,
    ) -> Result<LoadedRevision, FileRefusal> {
        self.in_place(self.take_turn(), || self.read_stored(name, digest, config)).await
    }

    async fn read_and_load(
        &self,
        name: &PluginName,
        file: &PluginFile,
        running: Option<Digest>,
        config: &Config,
    ) -> LoadResult {
        let (file, max) = (file.clone(), self.file_max_bytes);
        let read = tokio::task::spawn_blocking(move || read_file(&file, max)).await;
        let (bytes, digest) = match read.unwrap_or_else(|error| ReadResult::Refused(error.to_string())) {
            ReadResult::Read(bytes, digest) => (bytes, digest),
            ReadResult::Changing => return LoadResult::Changing,
            ReadResult::Refused(reason) => {
                let reason = format!("plugin {name} is refused: {reason}");
                return LoadResult::Refused(
                    FileRefusal { revision: None, reason, is_temporary: false },
                    None,
                );
            }
        };
        let of_plugin = self.ledger.choices.of(name);
        let choice = of_plugin.get();
        if choice.is_unchanged_file(digest) {
            let loaded = match choice.in_force().map(|of| of.digest) {
                target if target.is_none() || target == running => return LoadResult::Unchanged,
                Some(target) if target != digest => self.read_stored(name, target, config).await,
                _ => {
                    let loaded = self.runtime.load(name, bytes, &settings(config, name)).await;
                    loaded.map_err(|refusal| refused(&refusal))
                }
            };
            return match loaded {
                Ok(loaded) => LoadResult::Loaded(loaded),
                Err(refusal) => LoadResult::Refused(refusal, None),
            };
        }
        of_plugin.note_changed_file(Some(digest));
        let bytes = Bytes::from(bytes);
        match self.load(name, bytes.clone(), config).await {
            Ok(loaded) => LoadResult::Changed(Box::new(loaded), bytes),
            Err(refusal) => LoadResult::Refused(refusal, Some(digest)),
        }
    }

    async fn read_stored(
        &self,
        name: &PluginName,
        digest: Digest,
        config: &Config,
    ) -> Result<LoadedRevision, FileRefusal> {
        let failed = |reason, is_temporary| FileRefusal { revision: Some(digest), reason, is_temporary };
        let about = format!("plugin {name} revision {}", digest.short());
        let bytes = self.ledger.records.file(&digest).await;
        let bytes = bytes.map_err(|error| failed(format!("{about} cannot be read: {error}"), true))?;
        let Some(bytes) = bytes else {
            return Err(failed(format!("{about} is refused: its file is not in the database"), false));
        };
        let loaded = self.runtime.load(name, bytes, &settings(config, name)).await;
        loaded.map_err(|refusal| refused(&refusal))
    }

    async fn load(&self, name: &PluginName, bytes: Bytes, config: &Config) -> Result<Loaded, FileRefusal> {
        let loaded = self.runtime.load(name, bytes.to_vec(), &settings(config, name)).await;
        let loaded = loaded.map_err(|refusal| refused(&refusal))?;
        let described = tokio::task::spawn_blocking(move || (origins_in(&bytes), tools_of(&bytes))).await;
        let (origins, build) = described.unwrap_or_default();
        let revision = &loaded.revision;
        let facts = RevisionFacts {
            size_bytes: revision.size_bytes,
            interfaces: revision.interfaces().map(ToOwned::to_owned).collect(),
            patterns: revision.subscriptions.clone(),
            imports: revision.imports.clone(),
            origins,
            build,
        };
        Ok(Loaded { revision: loaded, facts })
    }
}

fn refused(refusal: &Refusal) -> FileRefusal {
    FileRefusal {
        revision: Some(refusal.revision),
        reason: refusal.to_string(),
        is_temporary: refusal.is_temporary,
    }
}
