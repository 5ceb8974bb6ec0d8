//! Switches during the rounds: which plugin was surely off, and when.

use hookyard::event::now_ms;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::ledger::Span;
use super::rounds::PLUGINS;
use crate::support::{RunningHost, put_switch};

/// Patterns of types that match the events of the senders.
const TYPES: [&str; 3] = ["*", "appointment.*", "appointment.updated"];

/// A time during which a plugin was off for the senders' events.
#[derive(Debug)]
struct OffTime {
    plugin: &'static str,
    /// The answer to the request that turned it off.
    from: u64,
    /// The first request that may have turned it on; `None` while there was none.
    until: Option<u64>,
}

/// The switches over all rounds.
#[derive(Debug, Default)]
pub(super) struct Switching {
    off: Vec<OffTime>,
}

impl Switching {
    /// Turns a plugin off, unless the host ends meanwhile.
    pub(super) async fn turn_off(&mut self, host: &RunningHost<'_>, round: usize) {
        let plugin = PLUGINS[round % PLUGINS.len()];
        let body = json!({ "type": TYPES[round / 2 % TYPES.len()], "on": false });
        if is_done(put_switch(host, plugin, &body, None).await) {
            self.off.push(OffTime { plugin, from: now_ms(), until: None });
        }
    }

    /// Turns all plugins on, unless the host ends meanwhile. Returns whether it answered.
    pub(super) async fn turn_on(&mut self, host: &RunningHost<'_>) -> bool {
        let requested = now_ms();
        for open in self.off.iter_mut().filter(|off| off.until.is_none()) {
            open.until = Some(requested);
        }
        for plugin in PLUGINS {
            // A request without an answer may have turned it off.
            if !is_done(put_switch(host, plugin, &json!({ "on": true }), None).await) {
                return false;
            }
        }
        true
    }

    /// The end of the time in which a plugin was off, if an event was sent and answered in it.
    pub(super) fn off_until(&self, plugin: &str, (sent, answered): Span) -> Option<u64> {
        let ends = |off: &OffTime| off.until.unwrap_or(u64::MAX);
        let off = self.off.iter().find(|off| off.plugin == plugin && off.from < sent && answered < ends(off));
        off.map(ends)
    }

    /// How often a plugin was off.
    pub(super) fn count(&self) -> usize {
        self.off.len()
    }
}

fn is_done(answer: Option<(StatusCode, Value)>) -> bool {
    answer.is_some_and(|(code, _)| code == StatusCode::OK)
}
