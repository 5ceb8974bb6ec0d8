//! The deliveries or effects that this process has leased. They are in memory only: a crash ends all
//! leases, and open deliveries simply run again.

use std::collections::HashMap;
use std::hash::Hash;

use crate::event::PluginName;

/// The leases of deliveries, or of effects.
#[derive(Debug)]
pub(super) struct Leases<Id> {
    by_id: HashMap<Id, PluginName>,
    per_plugin: HashMap<PluginName, usize>,
}

impl<Id> Default for Leases<Id> {
    fn default() -> Self {
        Self { by_id: HashMap::new(), per_plugin: HashMap::new() }
    }
}

impl<Id: Copy + Eq + Hash> Leases<Id> {
    pub(super) fn take(&mut self, id: Id, plugin: &PluginName) {
        if self.by_id.insert(id, plugin.clone()).is_none() {
            *self.per_plugin.entry(plugin.clone()).or_default() += 1;
        }
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Counts the leases of `plugin`.
    pub(super) fn count(&self, plugin: &PluginName) -> usize {
        self.per_plugin.get(plugin).copied().unwrap_or(0)
    }

    pub(super) fn release(&mut self, id: Id) {
        let Some(plugin) = self.by_id.remove(&id) else { return };
        if let Some(count) = self.per_plugin.get_mut(&plugin) {
            *count -= 1;
            if *count == 0 {
                self.per_plugin.remove(&plugin);
            }
        }
    }
}
