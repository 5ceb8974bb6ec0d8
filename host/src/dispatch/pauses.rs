//! Announces a breaker's transitions: to the log, to metrics, and to the database's view of plugins.

use super::breaker::Transition;
use crate::db::Db;
use crate::event::PluginName;

/// Announces that a plugin's breaker opened or closed.
pub(super) fn announce(db: &Db, plugin: &PluginName, transition: Transition) {
    match transition {
        Transition::Paused { failed, of, pause_ms, until } => {
            let percent = failed * 100 / of;
            tracing::warn!(%plugin, percent, pause_ms,
                    "plugin paused for {pause_ms} ms: {failed} of its latest {of} deliveries failed; they \
                    wait, and single ones are tried after it (breaker_failures_percent)");
            show_pause(db, plugin, Some(until));
        }
        Transition::PausedAgain { pause_ms, until } => {
            tracing::warn!(%plugin, pause_ms,
                    "plugin paused for {pause_ms} ms more: its trial delivery failed");
            show_pause(db, plugin, Some(until));
        }
        Transition::Resumed => {
            tracing::info!(%plugin, "plugin resumed: its trial delivery is done");
            show_pause(db, plugin, None);
        }
    }
}

/// Shows until when a plugin is paused; `None`: it is not.
pub(super) fn show_pause(db: &Db, plugin: &PluginName, until: Option<u64>) {
    db.breaker(plugin, until);
    let paused = if until.is_some() { 1.0 } else { 0.0 };
    metrics::gauge!("hookyard_plugin_paused", "plugin" => plugin.to_string()).set(paused);
}
