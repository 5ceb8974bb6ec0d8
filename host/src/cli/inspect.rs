//! The one call from the command line into loading a plugin's file.

use super::settings::Settings;
use crate::event::PluginName;

/// What a file that the host takes has in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub(super) handles: Vec<String>,
    /// What it imports.
    pub(super) imports: Vec<String>,
}

/// Loads the file as a host with this config would, and says what is in it or why it is refused.
///
/// # Errors
/// The refusal.
pub(super) async fn inspect(
    settings: &Settings,
    plugin: &PluginName,
    bytes: Vec<u8>,
) -> Result<Found, String> {
    let (handles, imports) = crate::inspect(settings.config(), plugin, bytes).await?;
    Ok(Found { handles, imports })
}
