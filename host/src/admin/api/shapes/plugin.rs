//! Plugins.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PluginSwitch;
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
    /// `running`, `refused` when its file was never good, or `loading` while its first one is compiled.
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
}

impl Plugin {
    /// A plugin, paused by an operator or its breaker or not.
    pub(in crate::admin) fn new(
        plugin: PluginView,
        paused_at: Option<u64>,
        breaker_until: Option<u64>,
        switches: Vec<PluginSwitch>,
    ) -> Self {
        let PluginView { name, state, revision, size_bytes, since, handles, imports, refusal } = plugin;
        let state = state.into();
        Self {
            name,
            state,
            revision,
            size_bytes,
            since,
            handles,
            imports,
            refusal,
            paused_at,
            breaker_until,
            switches,
        }
    }
}

impl From<plugins::PluginState> for PluginState {
    fn from(state: plugins::PluginState) -> Self {
        match state {
            plugins::PluginState::Running => Self::Running,
            plugins::PluginState::Refused => Self::Refused,
            plugins::PluginState::Loading => Self::Loading,
        }
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Refused => "refused",
            Self::Loading => "loading",
        })
    }
}
