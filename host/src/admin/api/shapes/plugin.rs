//! Plugins.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PluginSwitch, WaitsFor};
use crate::plugins::{self, PluginView};

/// All plugins. There are as many as files in a directory, so there are no pages.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginList {
    /// By name.
    pub items: Vec<Plugin>,
    /// Always null: the list is whole.
    pub next_cursor: Option<String>,
}

/// A plugin, and whether its deliveries run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// `running`, `refused` when its file was never good, `loading` while its first one is compiled, or `waiting` when
    /// its first one has to be approved.
    pub state: PluginState,
    /// SHA-256 of the file that runs, hexadecimal.
    pub revision: Option<String>,
    /// Size of that file.
    pub size_bytes: u64,
    /// When that revision went live, ms since the Unix epoch.
    pub since: u64,
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub handles: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// Why the file that is on disk now is not what runs.
    pub refusal: Option<String>,
    /// Since when an operator has paused it, ms since the Unix epoch; null when it is not paused.
    pub paused_at: Option<u64>,
    /// Until when its breaker pauses it, ms since the Unix epoch; after that, one delivery at a time is tried until
    /// one is done. Null when its breaker does not pause it.
    pub breaker_until: Option<u64>,
    /// Its switches: a type of events without one is on.
    #[serde(default)]
    pub switches: Vec<PluginSwitch>,
    /// What put the revision in force: `file`, `push` or `rollback`.
    pub origin: Option<String>,
    /// Whether the revision in force stays until the pin is lifted.
    pub pinned: bool,
    /// The revision that waits.
    pub waiting: Option<WaitingRevision>,
    /// Counts the instructions about its revisions.
    pub version: u64,
}

/// A revision that waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WaitingRevision {
    /// SHA-256 of its file, hexadecimal.
    pub digest: String,
    /// What it waits for.
    pub waits_for: WaitsFor,
}

/// See [`Plugin::state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PluginState {
    /// Its revision takes events.
    Running,
    /// No revision of it could be loaded.
    Refused,
    /// Its first revision is being loaded.
    Loading,
    /// Its first revision waits for approval.
    Waiting,
}

impl Plugin {
    /// A plugin, paused by an operator or its breaker or not.
    pub(in crate::admin) fn new(
        plugin: PluginView,
        paused_at: Option<u64>,
        breaker_until: Option<u64>,
        switches: Vec<PluginSwitch>,
    ) -> Self {
        let waiting = plugin.waiting.map(|waiting| WaitingRevision {
            digest: waiting.choice.digest.to_string(),
            waits_for: if waiting.needs_approval { WaitsFor::Approval } else { WaitsFor::Unpin },
        });
        Self {
            name: plugin.name,
            state: plugin.state.into(),
            revision: plugin.revision,
            size_bytes: plugin.size_bytes,
            since: plugin.since,
            handles: plugin.handles,
            imports: plugin.imports,
            refusal: plugin.refusal,
            paused_at,
            breaker_until,
            switches,
            origin: plugin.origin.map(|origin| origin.as_str().to_owned()),
            pinned: plugin.is_pinned,
            waiting,
            version: plugin.version,
        }
    }
}

impl From<plugins::PluginState> for PluginState {
    fn from(state: plugins::PluginState) -> Self {
        match state {
            plugins::PluginState::Running => Self::Running,
            plugins::PluginState::Refused => Self::Refused,
            plugins::PluginState::Loading => Self::Loading,
            plugins::PluginState::Waiting => Self::Waiting,
        }
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Refused => "refused",
            Self::Loading => "loading",
            Self::Waiting => "waiting",
        })
    }
}
