//! The one call from the command line into loading a plugin's file.

use std::sync::Arc;

use super::settings::Settings;
use crate::event::PluginName;
use crate::outbound::Outbound;
use crate::plugins;
use crate::runtime::{NoStores, Runtime};

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
    let config = settings.config();
    let outbound = Outbound::new(&config.http, &config.email).map_err(|error| error.to_string())?;
    let runtime = Runtime::new(&config.runtime, None, Arc::new(NoStores), outbound)
        .map_err(|error| error.to_string())?;
    let loaded = runtime.load(plugin, bytes, &plugins::settings(config, plugin)).await;
    let revision = loaded.map_err(|refusal| refusal.reason)?.revision;
    Ok(Found { handles: revision.handles(), imports: revision.imports.clone() })
}
