//! Which plugins exist: watches their directory, loads files into revisions, and publishes one
//! snapshot. Never calls a handler.

use serde::Serialize;

/// A plugin as operators see it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct PluginView {
    /// Its name.
    pub name: String,
    /// `running`, or `refused` when its file was never good.
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
}

/// See [`PluginView::state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PluginState {
    /// Its revision takes events.
    Running,
    /// No revision of it could be loaded.
    Refused,
}
