//! An operator's settings of a plugin, as the runtime takes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Config};
use crate::event::{Digest, PluginName};
use crate::outbound::Grants;
use crate::runtime::{self, Redaction};
use crate::secrets::Mask;

/// Returns the mask that finds a plugin's secrets in text.
#[must_use]
pub fn mask(config: &Config, plugin: &PluginName) -> Mask {
    Mask::new(&exposed(&config.plugin(plugin.as_str())))
}

fn exposed(plugin: &config::Plugin) -> BTreeMap<String, String> {
    plugin.secrets.iter().map(|(key, secret)| (key.clone(), secret.expose().to_owned())).collect()
}

/// Returns an operator's settings of a plugin, as the runtime takes them.
#[must_use]
pub fn settings(config: &Config, name: &PluginName) -> runtime::PluginSettings {
    let plugin = config.plugin(name.as_str());
    let redaction = redaction(config, name);
    let (store, effects) = (config.store.clone(), config.effects.clone());
    let secrets = exposed(&plugin);
    let mask = Arc::new(Mask::new(&secrets));
    let config = plugin.config.iter().map(|(key, value)| (key.clone(), value.clone()));
    runtime::PluginSettings {
        config: Arc::new(config.chain(secrets).collect()),
        mask,
        redaction,
        grants: Arc::new(Grants::of(name, &plugin)),
        store,
        effects,
        call_timeout: Duration::from_millis(plugin.call_timeout_ms),
        memory_max_bytes: usize::try_from(plugin.memory_max_bytes).unwrap_or(usize::MAX),
        host_memory_max_bytes: usize::try_from(plugin.host_memory_max_bytes).unwrap_or(usize::MAX),
        log_max_bytes: plugin.log_max_bytes,
        reuse_max: match plugin.instances {
            config::Instances::Fresh => None,
            config::Instances::Reused => Some(plugin.reuse_max),
        },
    }
}

/// The fields of events that the operator keeps from a plugin.
pub(super) fn redaction(config: &Config, name: &PluginName) -> Option<Arc<Redaction>> {
    let plugin = config.plugin(name.as_str());
    (!plugin.redact.is_empty()).then(|| Arc::new(Redaction::new(&plugin.redact, &config.sources)))
}

/// The digest of the config that an operator gives a plugin, without its secrets. A generic handler may derive its
/// subscriptions from this config.
pub(super) fn config_digest(config: &Config, name: &PluginName) -> Digest {
    let values = serde_json::to_vec(&config.plugin(name.as_str()).config).unwrap_or_default();
    Digest::of(&values)
}
