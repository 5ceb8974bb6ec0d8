//! The events that a plugin will handle, found before its first revision is loaded. So a host accepts events
//! at once, and none is routed without the plugin.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::load::{ReadResult, read_file};
use super::scan::PluginFile;
use super::settings::config_digest;
use crate::config::Config;
use crate::event::{Digest, PluginName};
use crate::revision::KnownHandlers;
use crate::runtime::{Runtime, interface_of};

/// Files that are read at once.
const READERS: usize = 4;

/// The stored records of revisions, which outlive the host's process.
pub trait RevisionRecords: Send + Sync {
    /// The handlers of a revision that was loaded before, if they are known.
    fn handlers<'a>(
        &'a self,
        revision: &'a Digest,
    ) -> Pin<Box<dyn Future<Output = Option<KnownHandlers>> + Send + 'a>>;

    /// Records the handlers of a revision. Does not wait: without the record, the next start reads the file.
    fn record(&self, revision: Digest, handlers: KnownHandlers);

    /// Notes a change of a plugin's file. Does not wait.
    fn note_file(&self, plugin: &PluginName, change: FileChange);
}

/// A change of a plugin's file, with its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// It was loaded, and runs.
    Loaded(Digest),
    /// It was refused; the digest is not known if it could not be read.
    Refused(Option<Digest>),
    /// It is gone.
    Removed,
}

/// A plugin whose first revision is being loaded.
#[derive(Debug, Clone)]
pub(super) struct ExpectedPlugin {
    /// Its name.
    pub(super) name: PluginName,
    pub(super) handlers: ExpectedHandlers,
}

/// The handlers of a plugin's file, as far as they are known before it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum ExpectedHandlers {
    /// No handlers are known: any event may be for it.
    #[default]
    Unknown,
    /// The interfaces of its typed handlers. It also has a generic handler, whose subscriptions are known
    /// once it is loaded.
    Typed(Vec<String>),
    /// All are known.
    All(KnownHandlers),
}

impl ExpectedHandlers {
    /// All handlers of a plugin: interfaces of typed ones and patterns of the generic one.
    #[cfg(test)]
    pub(super) fn all(interfaces: Vec<String>, patterns: Vec<String>) -> Self {
        Self::All(KnownHandlers { interfaces, patterns, config_digest: None })
    }

    /// Returns the same under the current config, which may have changed since the handlers were
    /// found.
    pub(super) fn under_config(self, config: &Digest) -> Self {
        match self {
            Self::All(known) => under_config(known, config),
            other => other,
        }
    }

    /// Whether all handlers are known.
    pub(super) fn are_complete(&self) -> bool {
        matches!(self, Self::All(_))
    }

    /// The interfaces of typed handlers, with versions, as far as they are known.
    pub(super) fn interfaces(&self) -> &[String] {
        match self {
            Self::Unknown => &[],
            Self::Typed(interfaces) => interfaces,
            Self::All(known) => &known.interfaces,
        }
    }

    /// The same without versions.
    pub(super) fn typed(&self) -> Vec<String> {
        self.interfaces().iter().map(|interface| interface_of(interface).to_owned()).collect()
    }

    /// The event type patterns of the generic handler, as far as they are known.
    pub(super) fn patterns(&self) -> &[String] {
        match self {
            Self::All(known) => &known.patterns,
            Self::Unknown | Self::Typed(_) => &[],
        }
    }
}

/// Finds the handlers of files without compiling them. Cheap to clone.
#[derive(Clone)]
pub(super) struct HandlerLookup {
    runtime: Runtime,
    records: Arc<dyn RevisionRecords>,
    /// Places for reading files, and for the processes that read exports.
    readers: Arc<Semaphore>,
    processes: Arc<Semaphore>,
}

impl HandlerLookup {
    pub(super) fn new(runtime: Runtime, records: Arc<dyn RevisionRecords>, config: &Config) -> Self {
        let processes = Arc::new(Semaphore::new(config.runtime.compile_concurrency));
        Self { runtime, records, readers: Arc::new(Semaphore::new(READERS)), processes }
    }

    /// Returns a file's handlers: from the record of its digest, or else from its exports.
    pub(super) async fn find(
        &self,
        name: &PluginName,
        file: &PluginFile,
        config: &Config,
    ) -> ExpectedHandlers {
        match self.recorded(name, file, config).await {
            Some(known) => known,
            None => self.exported(file, config).await,
        }
    }

    async fn recorded(
        &self,
        name: &PluginName,
        file: &PluginFile,
        config: &Config,
    ) -> Option<ExpectedHandlers> {
        // Semaphores are never closed, so there always is a place.
        let _place = self.readers.acquire().await;
        let (_, digest) = read(file, config).await?;
        let known = self.records.handlers(&digest).await?;
        Some(under_config(known, &config_digest(config, name)))
    }

    async fn exported(&self, file: &PluginFile, config: &Config) -> ExpectedHandlers {
        let _place = self.processes.acquire().await;
        // The file is read again: its bytes would take memory while it waits for a place.
        let Some((bytes, _)) = read(file, config).await else { return ExpectedHandlers::Unknown };
        match self.runtime.read_exports(bytes).await {
            // The load reports the error in the file.
            Err(_) => ExpectedHandlers::Unknown,
            Ok(exports) if exports.has_generic => ExpectedHandlers::Typed(exports.interfaces),
            Ok(exports) => ExpectedHandlers::All(KnownHandlers {
                interfaces: exports.interfaces,
                patterns: Vec::new(),
                config_digest: None,
            }),
        }
    }
}

/// Reads a file; `None` if that fails now. The load reports the reason.
async fn read(file: &PluginFile, config: &Config) -> Option<(Vec<u8>, Digest)> {
    let (file, max) = (file.clone(), config.plugins.file_max_bytes);
    let read = tokio::task::spawn_blocking(move || read_file(&file, max)).await;
    if let Ok(ReadResult::Read(bytes, digest)) = read { Some((bytes, digest)) } else { None }
}

/// Removes subscriptions that a generic handler returned under another config: they may differ now.
fn under_config(known: KnownHandlers, config: &Digest) -> ExpectedHandlers {
    match &known.config_digest {
        Some(before) if before != config => ExpectedHandlers::Typed(known.interfaces),
        _ => ExpectedHandlers::All(known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_that_were_given_under_another_config_are_not_expected() {
        let interfaces = || vec!["a:b/c@1.0.0".to_owned()];
        let known = |config_digest| KnownHandlers {
            interfaces: interfaces(),
            patterns: vec!["x".into()],
            config_digest,
        };
        let (now, other) = (Digest([1; 32]), Digest([2; 32]));
        for (digest, expected) in [
            (None, ExpectedHandlers::All(known(None))),
            (Some(now), ExpectedHandlers::All(known(Some(now)))),
            (Some(other), ExpectedHandlers::Typed(interfaces())),
        ] {
            assert_eq!(ExpectedHandlers::All(known(digest)).under_config(&now), expected);
            assert_eq!(expected.typed(), ["a:b/c"]);
        }
    }
}
