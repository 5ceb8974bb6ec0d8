//! Which deliveries and effects this process has in hand. In memory only: after a crash there are none,
//! and what was open simply runs again.

use std::collections::HashMap;
use std::hash::Hash;

use crate::event::PluginName;

#[derive(Debug)]
struct Lease {
    plugin: PluginName,
    /// An attempt was submitted and waits for its commit: a second one is not taken.
    finishing: bool,
}

/// The writer's leases of deliveries, or of effects.
#[derive(Debug)]
pub(super) struct Leases<Id> {
    by_id: HashMap<Id, Lease>,
    per_plugin: HashMap<PluginName, usize>,
}

impl<Id> Default for Leases<Id> {
    fn default() -> Self {
        Self { by_id: HashMap::new(), per_plugin: HashMap::new() }
    }
}

impl<Id: Copy + Eq + Hash> Leases<Id> {
    pub(super) fn take(&mut self, id: Id, plugin: &PluginName) {
        let lease = Lease { plugin: plugin.clone(), finishing: false };
        if self.by_id.insert(id, lease).is_none() {
            *self.per_plugin.entry(plugin.clone()).or_default() += 1;
        }
    }

    pub(super) fn has(&self, id: Id) -> bool {
        self.by_id.contains_key(&id)
    }

    /// How many of `plugin` are in hand.
    pub(super) fn count(&self, plugin: &PluginName) -> usize {
        self.per_plugin.get(plugin).copied().unwrap_or(0)
    }

    /// Whether an attempt at `id` may be recorded: it is leased, and no other attempt was submitted.
    pub(super) fn finish(&mut self, id: Id) -> bool {
        let lease = self.by_id.get_mut(&id).filter(|lease| !lease.finishing);
        lease.map(|lease| lease.finishing = true).is_some()
    }

    /// Releases it, unless an attempt waits for its commit.
    pub(super) fn release_idle(&mut self, id: Id) -> bool {
        let idle = self.by_id.get(&id).is_some_and(|lease| !lease.finishing);
        if idle {
            self.release(id);
        }
        idle
    }

    pub(super) fn release(&mut self, id: Id) {
        let Some(lease) = self.by_id.remove(&id) else { return };
        if let Some(count) = self.per_plugin.get_mut(&lease.plugin) {
            *count -= 1;
            if *count == 0 {
                self.per_plugin.remove(&lease.plugin);
            }
        }
    }
}
