//! The one way from the command line into the runtime: looking at a plugin's file, and running it.

pub(super) mod case;
mod memory;
pub(super) mod packages;
pub(super) mod trial;

use std::sync::Arc;
use std::time::Duration;

use super::settings::Settings;
use crate::config::{self, Config};
use crate::event::PluginName;
use crate::outbound::Outbound;
use crate::plugins;
use crate::runtime::{
    CompileOptions, CompilerMode, EmptyStores, LoadedRevision, PluginSettings, Revision, Runtime,
};
use crate::verifiers;

pub(super) use crate::runtime::{COMPILE_COMMAND, DecodedForTools, compile_from_stdin as compile};

/// The content of a file that the host accepts.
#[derive(Debug, Clone, Default)]
pub(super) struct Inspection {
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub(super) handles: Vec<String>,
    /// Its imports.
    pub(super) imports: Vec<String>,
    /// The time to compile it and to instantiate it once.
    pub(super) took: Duration,
}

/// Loads the file as a host with this config would, and returns its content or the refusal. With
/// `cached`, compiled code is kept for the next run of the same file, or taken from the last one.
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
    let loaded = load(config, plugin, bytes, cached).await?;
    let revision = loaded.revision;
    Ok(Inspection { handles: revision.handles(), imports: revision.imports.clone(), took: loaded.took })
}

/// Admits a verifier by its file and its vectors as a host with this config would, and returns the number of vectors.
///
/// # Errors
/// The refusal.
pub(super) async fn admit_verifier(
    settings: &Settings,
    file: Vec<u8>,
    vectors: &[u8],
    cached: bool,
) -> Result<usize, String> {
    let config = settings.config();
    let runtime = runtime(config, cached)?;
    let admitted = verifiers::check(&runtime, config, file, vectors).await;
    admitted.map(|admitted| admitted.vectors).map_err(|refusal| refusal.reason)
}

/// A runtime that runs no handler, with the limits of a config.
fn runtime(config: &Config, cached: bool) -> Result<Runtime, String> {
    let outbound = Outbound::new(&config.http, &config.email).map_err(|error| error.to_string())?;
    let cache_home = cached.then(config::user_cache_dir).flatten().map(|dir| dir.join("plugins"));
    let compilation = CompileOptions { compiler: CompilerMode::Child, cache_home, count_fuel: false };
    let runtime = Runtime::new(&config.runtime, compilation, Arc::new(EmptyStores), outbound);
    runtime.map_err(|error| error.to_string())
}

async fn load(
    config: &Config,
    plugin: &PluginName,
    bytes: Vec<u8>,
    cached: bool,
) -> Result<LoadedRevision, String> {
    let runtime = runtime(config, cached)?;
    let loaded = runtime.load(plugin, bytes, &plugins::settings(config, plugin)).await;
    loaded.map_err(|refusal| refusal.reason)
}

/// A module whose handlers are never called: their types decode payloads.
pub(super) struct HandlersOnly {
    revision: Arc<Revision>,
    settings: PluginSettings,
}

impl HandlersOnly {
    /// Loads the module as a host with this config would.
    ///
    /// # Errors
    /// The refusal.
    pub(super) async fn load(settings: &Settings, module: Vec<u8>) -> Result<Self, String> {
        let plugin = PluginName::new("handlers").map_err(|error| error.to_string())?;
        let revision = load(settings.config(), &plugin, module, true).await?.revision;
        Ok(Self { revision, settings: plugins::settings(settings.config(), &plugin) })
    }

    /// Decodes a payload.
    ///
    /// # Errors
    /// The first place that does not fit.
    pub(super) fn decode(
        &self,
        package: &str,
        event: &str,
        payload: &str,
    ) -> Result<DecodedForTools, String> {
        self.revision.decode_payload(package, event, payload, &self.settings)
    }
}
