//! The one way from the command line into the runtime: looking at a plugin's file, and running it.

mod memory;
pub(super) mod trial;

use std::sync::Arc;
use std::time::Duration;

use super::settings::Settings;
use crate::config;
use crate::event::PluginName;
use crate::outbound::Outbound;
use crate::plugins;
use crate::runtime::{CompileOptions, CompilerMode, EmptyStores, Runtime};

pub(super) use crate::runtime::{COMPILE_COMMAND, compile_from_stdin as compile};

/// What a file that the host takes has in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Inspection {
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub(super) handles: Vec<String>,
    /// What it imports.
    pub(super) imports: Vec<String>,
    /// How long it took to compile it, and to instantiate it once.
    pub(super) took: Duration,
}

/// Loads the file as a host with this config would, and says what is in it or why it is refused. With
/// `cached`, what is compiled is kept for the next run of the same file, or taken from the last one.
///
/// # Errors
/// The refusal.
pub(super) async fn inspect(
    settings: &Settings,
    plugin: &PluginName,
    bytes: Vec<u8>,
    cached: bool,
) -> Result<Inspection, String> {
    let config = settings.config();
    let outbound = Outbound::new(&config.http, &config.email).map_err(|error| error.to_string())?;
    let cache_home = cached.then(config::user_cache_dir).flatten().map(|dir| dir.join("plugins"));
    let compilation = CompileOptions { compiler: CompilerMode::Child, cache_home, count_fuel: false };
    let runtime = Runtime::new(&config.runtime, compilation, Arc::new(EmptyStores), outbound)
        .map_err(|error| error.to_string())?;
    let loaded = runtime.load(plugin, bytes, &plugins::settings(config, plugin)).await;
    let loaded = loaded.map_err(|refusal| refusal.reason)?;
    let revision = loaded.revision;
    Ok(Inspection { handles: revision.handles(), imports: revision.imports.clone(), took: loaded.took })
}
