//! The events that a plugin will handle, found before its first revision is loaded. So a host accepts events
//! at once, and none is routed without the plugin.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::desired::Target;
use super::ledger::Ledger;
use super::read::{ReadResult, read_file};
use super::scan::PluginFile;
use super::settings::config_digest;
use crate::config::Config;
use crate::event::{Digest, PluginName};
use crate::revision::KnownHandlers;
use crate::runtime::{Runtime, interface_of};

/// Files that are read at once.
const READERS: usize = 4;

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

/// Finds the handlers of revisions without compiling them. Cheap to clone.
#[derive(Clone)]
pub(super) struct HandlerLookup {
    runtime: Runtime,
    ledger: Ledger,
    /// Places for reading files, and for the processes that read exports.
    readers: Arc<Semaphore>,
    processes: Arc<Semaphore>,
}

/// The revision that is to be loaded.
enum ExpectedRevision {
    /// None is in force, or it cannot be read now: the load reports the reason.
    None { is_known: bool },
    /// A file with this digest.
    File(Digest, Vec<u8>),
    /// A stored one.
    Stored(Digest),
}

impl HandlerLookup {
    pub(super) fn new(runtime: Runtime, ledger: Ledger, config: &Config) -> Self {
        let processes = Arc::new(Semaphore::new(config.runtime.compile_concurrency));
        Self { runtime, ledger, readers: Arc::new(Semaphore::new(READERS)), processes }
    }

    /// Returns the handlers of the revision that a target gives: from the record of its digest, or else from its
    /// exports.
    pub(super) async fn find(&self, name: &PluginName, target: &Target, config: &Config) -> ExpectedHandlers {
        match self.recorded(name, target, config).await {
            Some(known) => known,
            None => self.exported(name, target, config).await,
        }
    }

    /// Finds which revision a target gives. A changed file may turn out to be refused, or to wait.
    async fn revision(&self, name: &PluginName, target: &Target, config: &Config) -> ExpectedRevision {
        let file = match target {
            Target::Stored(digest) => return ExpectedRevision::Stored(*digest),
            Target::File(file) => file,
        };
        let Some((bytes, digest)) = read(file, config).await else {
            return ExpectedRevision::None { is_known: false };
        };
        let choice = self.ledger.choices.of(name).get();
        match choice.in_force().map(|of| of.digest) {
            in_force if in_force == Some(digest) || !choice.is_unchanged_file(digest) => {
                ExpectedRevision::File(digest, bytes)
            }
            Some(in_force) => ExpectedRevision::Stored(in_force),
            None => ExpectedRevision::None { is_known: true },
        }
    }

    async fn recorded(
        &self,
        name: &PluginName,
        target: &Target,
        config: &Config,
    ) -> Option<ExpectedHandlers> {
        // Semaphores are never closed, so there always is a place.
        let _place = self.readers.acquire().await;
        let digest = match self.revision(name, target, config).await {
            ExpectedRevision::None { is_known: true } => {
                return Some(ExpectedHandlers::All(KnownHandlers::default()));
            }
            ExpectedRevision::None { is_known: false } => return None,
            ExpectedRevision::File(digest, _) | ExpectedRevision::Stored(digest) => digest,
        };
        let known = self.ledger.records.handlers(&digest).await?;
        Some(under_config(known, &config_digest(config, name)))
    }

    async fn exported(&self, name: &PluginName, target: &Target, config: &Config) -> ExpectedHandlers {
        let _place = self.processes.acquire().await;
        // The file is read again: its bytes would take memory while it waits for a place.
        let bytes = match self.revision(name, target, config).await {
            ExpectedRevision::None { .. } => None,
            ExpectedRevision::File(_, bytes) => Some(bytes),
            ExpectedRevision::Stored(digest) => self.ledger.records.file(&digest).await.ok().flatten(),
        };
        let Some(bytes) = bytes else { return ExpectedHandlers::Unknown };
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
