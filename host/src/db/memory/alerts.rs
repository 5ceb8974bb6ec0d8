//! Alerts in memory.

use std::collections::BTreeMap;

use super::tables::Tables;
use crate::db::alert_types::{DeadLetters, SavedAlert};

impl Tables {
    pub(super) fn save_alert(&mut self, saved: &SavedAlert) {
        match &saved.state {
            Some(state) => self.alerts.insert(saved.name.clone(), state.clone()),
            None => self.alerts.remove(&saved.name),
        };
    }

    pub(super) fn last_received(&self, newest: usize) -> Vec<(String, u64)> {
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for event in self.events.values().rev().take(newest) {
            let at = last.entry(event.source.to_string()).or_default();
            *at = event.received_at.max(*at);
        }
        last.into_iter().collect()
    }

    pub(super) fn dead_letters(&self) -> Vec<DeadLetters> {
        let deliveries = self.deliveries.iter().filter(|(_, stored)| stored.standing.is_unresolved());
        let effects = self.effects.iter().filter(|(_, stored)| stored.standing.is_unresolved());
        let each = deliveries.map(|(id, stored)| (&stored.plugin, 1, 0, id.event));
        let each = each.chain(effects.map(|(id, stored)| (&stored.plugin, 0, 1, id.delivery.event)));
        let mut counts: BTreeMap<&str, (u64, u64, i64)> = BTreeMap::new();
        for (plugin, delivery, effect, event) in each {
            let count = counts.entry(plugin.as_str()).or_insert((0, 0, i64::MAX));
            *count = (count.0 + delivery, count.1 + effect, count.2.min(event));
        }
        let dead = counts.into_iter().map(|(plugin, (deliveries, effects, oldest))| DeadLetters {
            plugin: plugin.to_owned(),
            deliveries,
            effects,
            oldest_at: self.events.get(&oldest).map(|event| event.received_at),
        });
        dead.collect()
    }
}
