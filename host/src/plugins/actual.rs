//! The actual state of one plugin: the file that was read last, the running revision, the file being loaded,
//! the refused file.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::expected::{ExpectedHandlers, ExpectedPlugin};
use super::scan::Stamp;
use super::{PluginState, PluginView};
use crate::event::{Digest, PluginName};
use crate::runtime::Revision;

/// See the module.
#[derive(Default)]
pub(super) struct ActualPlugin {
    /// The file's stamp when it was last read.
    pub(super) stamp: Option<Stamp>,
    pub(super) loading: Option<Loading>,
    pub(super) running: Option<RunningRevision>,
    /// The expected handlers of its first revision, until it runs or is refused. Only for a plugin whose file
    /// was there when the host started.
    pub(super) expected: Option<Expectation>,
    pub(super) refusal: Option<String>,
    /// The digest of the file that was refused.
    pub(super) refused: Option<Digest>,
}

/// The handlers that are expected of a file. Dropped, it ends the task that finds them out.
pub(super) struct Expectation {
    pub(super) stamp: Stamp,
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
    pub(super) stamp: Stamp,
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
}

impl ActualPlugin {
    /// The file that was loaded, or is being loaded.
    pub(super) fn file(&self) -> Option<Stamp> {
        self.loading.as_ref().map(|loading| loading.stamp).or(self.stamp)
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
    pub(super) fn view(&self, name: &PluginName) -> PluginView {
        let running = self.running.as_ref();
        let expected = self.expected.as_ref().filter(|_| running.is_none());
        let handles = expected.map(|of| [of.handlers.interfaces(), of.handlers.patterns()].concat());
        PluginView {
            name: name.to_string(),
            state: match (running, &self.refusal) {
                (Some(_), _) => PluginState::Running,
                (None, Some(_)) => PluginState::Refused,
                (None, None) => PluginState::Loading,
            },
            revision: running.map(|running| running.revision.digest.to_string()),
            size_bytes: running.map_or(0, |running| running.revision.size_bytes),
            since: running.map_or(0, |running| running.since),
            handles: running.map(|running| running.revision.handles()).or(handles).unwrap_or_default(),
            imports: running.map(|running| running.revision.imports.clone()).unwrap_or_default(),
            refusal: self.refusal.clone(),
        }
    }
}
