//! Breakers that open and close: told to operators, and shown.

use super::Dispatch;
use super::breaker::Turned;
use super::lanes::After;
use crate::delivery::Delivery;
use crate::event::PluginName;

impl Dispatch {
    /// Follows the end of an attempt.
    pub(super) fn follow(&self, plugin: &PluginName, after: After<Delivery>) {
        let After { turned, unwanted } = after;
        if !unwanted.is_empty() {
            self.0.db.release_deliveries(unwanted.iter().map(|delivery| delivery.id).collect());
        }
        match turned {
            None => {}
            Some(Turned::Paused { failed, of, pause_ms, until }) => {
                let percent = failed * 100 / of;
                tracing::warn!(%plugin, percent, pause_ms,
                    "plugin paused for {pause_ms} ms: {failed} of its latest {of} deliveries failed; they \
                    wait, and single ones are tried after it (breaker_failures_percent)");
                self.show_pause(plugin, Some(until));
            }
            Some(Turned::PausedAgain { pause_ms, until }) => {
                tracing::warn!(%plugin, pause_ms,
                    "plugin paused for {pause_ms} ms more: the delivery that was tried failed too");
                self.show_pause(plugin, Some(until));
            }
            Some(Turned::Resumed) => {
                tracing::info!(%plugin, "plugin resumed: the delivery that was tried is done");
                self.show_pause(plugin, None);
            }
        }
    }

    /// Shows until when a plugin is paused, if it is.
    pub(super) fn show_pause(&self, plugin: &PluginName, until: Option<u64>) {
        self.0.db.breaker(plugin, until);
        let paused = if until.is_some() { 1.0 } else { 0.0 };
        metrics::gauge!("hookyard_plugin_paused", "plugin" => plugin.to_string()).set(paused);
    }
}
