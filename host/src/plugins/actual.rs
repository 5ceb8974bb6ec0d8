//! The actual state of one plugin: the source that was read last, the running revision, the one being loaded,
//! the refused one.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::desired::LoadSource;
use super::expected::{ExpectedHandlers, ExpectedPlugin};
use super::settings::{config_digest, redaction};
use super::{PluginState, PluginView};
use crate::config::Config;
use crate::event::{Digest, PluginName, now_ms};
use crate::revision::RevisionChoice;
use crate::runtime::{Redaction, Revision};

/// See the module.
#[derive(Default)]
pub(super) struct ActualPlugin {
    /// What was read last.
    pub(super) source: Option<LoadSource>,
    pub(super) loading: Option<Loading>,
    pub(super) running: Option<RunningRevision>,
    /// The expected handlers of its first revision, until it runs or is refused. Only for a plugin that was there
    /// when the host started.
    pub(super) expected: Option<Expectation>,
    pub(super) refusal: Option<String>,
    /// The digest of the revision that was refused.
    pub(super) refused: Option<Digest>,
    /// The fields that were kept from it when it was loaded last.
    pub(super) redaction: Option<Arc<Redaction>>,
    /// The revision in force, if it was refused.
    pub(super) refused_in_force: Option<Digest>,
}

/// The handlers that are expected of a file. Dropped, it ends the task that finds them out.
pub(super) struct Expectation {
    pub(super) source: LoadSource,
    pub(super) handlers: ExpectedHandlers,
    pub(super) task: AbortHandle,
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A load under way. Dropped, it is given up.
pub(super) struct Loading {
    pub(super) source: LoadSource,
    pub(super) task: AbortHandle,
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A revision that takes events.
pub(super) struct RunningRevision {
    pub(super) revision: Arc<Revision>,
    /// ms since the Unix epoch.
    pub(super) since: u64,
    /// The reason why it cannot run under the current `redact`. It takes events, and its deliveries wait.
    pub(super) misfit: Option<String>,
}

impl RunningRevision {
    /// Starts to run now.
    pub(super) fn new(revision: Arc<Revision>) -> Self {
        Self { revision, since: now_ms(), misfit: None }
    }

    /// Checks whether it can do without the fields that the config keeps from it.
    fn check_redaction(&mut self, name: &PluginName, redaction: Option<&Arc<Redaction>>) {
        let checked = redaction.map_or(Ok(()), |redaction| self.revision.check_redaction(redaction));
        let misfit = checked.err();
        if let Some(reason) = misfit.as_ref().filter(|_| misfit != self.misfit) {
            tracing::error!(plugin = %name, "the running revision does not fit the config, its deliveries wait: {reason}");
        }
        self.misfit = misfit;
    }
}

impl ActualPlugin {
    /// Follows a config. Returns whether the plugin was refused under another `redact`, so that it is to be loaded again.
    pub(super) fn follow_config(&mut self, name: &PluginName, config: &Config) -> bool {
        if let Some(expected) = &mut self.expected {
            let handlers = std::mem::take(&mut expected.handlers);
            expected.handlers = handlers.under_config(&config_digest(config, name));
        }
        let redaction = redaction(config, name);
        if let Some(running) = &mut self.running {
            running.check_redaction(name, redaction.as_ref());
        }
        self.refusal.is_some() && self.redaction != redaction
    }

    /// Notes the config under which it is loaded.
    pub(super) fn note_config(&mut self, name: &PluginName, config: &Config) {
        self.redaction = redaction(config, name);
    }

    /// The source that was read, or is being read. The revision in force may be loaded instead of a file that was
    /// read and is refused or waits.
    pub(super) fn source(&self) -> Option<LoadSource> {
        match self.loading.as_ref().map(|loading| loading.source) {
            Some(LoadSource::Stored(digest)) => self.source.or(Some(LoadSource::Stored(digest))),
            Some(file) => Some(file),
            None => self.source,
        }
    }

    /// Notes that a source was read. A file stays the plugin's source when the revision in force is loaded beside it.
    pub(super) fn note_source(&mut self, source: LoadSource) {
        let keeps_file = matches!((self.source, source), (Some(LoadSource::File(_)), LoadSource::Stored(_)));
        if !keeps_file {
            self.source = Some(source);
        }
    }

    /// The digest of the revision that runs.
    pub(super) fn running_digest(&self) -> Option<Digest> {
        Some(self.running.as_ref()?.revision.digest)
    }

    /// The plugin for a snapshot, while its first revision is being loaded.
    pub(super) fn expected(&self, name: &PluginName) -> Option<ExpectedPlugin> {
        let expected = self.expected.as_ref().filter(|_| self.running.is_none())?;
        Some(ExpectedPlugin { name: name.clone(), handlers: expected.handlers.clone() })
    }

    /// The plugin as operators see it.
    pub(super) fn view(&self, name: &PluginName, choice: &RevisionChoice) -> PluginView {
        let running = self.running.as_ref();
        let expected = self.expected.as_ref().filter(|_| running.is_none());
        let handles = expected.map(|of| [of.handlers.interfaces(), of.handlers.patterns()].concat());
        PluginView {
            name: name.to_string(),
            state: match (running, &self.refusal) {
                (Some(_), _) => PluginState::Running,
                (None, Some(_)) => PluginState::Refused,
                (None, None) if self.loading.is_some() || choice.waiting().is_none() => PluginState::Loading,
                (None, None) => PluginState::Waiting,
            },
            revision: running.map(|running| running.revision.digest.to_string()),
            size_bytes: running.map_or(0, |running| running.revision.size_bytes),
            since: running.map_or(0, |running| running.since),
            handles: running.map(|running| running.revision.handles()).or(handles).unwrap_or_default(),
            imports: running.map(|running| running.revision.imports.clone()).unwrap_or_default(),
            refusal: self.refusal.clone().or_else(|| running.and_then(|running| running.misfit.clone())),
            origin: choice.in_force().map(|of| of.origin),
            is_pinned: choice.is_pinned(),
            waiting: choice.waiting(),
            version: choice.version,
        }
    }
}
