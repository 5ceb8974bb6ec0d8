//! Which deliveries and effects this process has in hand. In memory only: after a crash there are none,
//! and what was open simply runs again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;

use super::crashes::Suspects;
use super::health::Turns;
use super::quota::Quotas;
use super::running::Running;
use crate::delivery::DeliveryId;
use crate::event::PluginName;

/// What the writer shares with everybody else.
pub(super) struct Shared {
    /// Open deliveries.
    pub(super) backlog: AtomicU64,
    /// Attempts that began and are not recorded yet.
    pub(super) running: Running,
    /// What may have ended an earlier process.
    pub(super) suspects: Suspects,
    /// What effects wait.
    pub(super) quotas: Quotas,
    broken: Mutex<BTreeMap<PluginName, u64>>,
    /// Why nothing is accepted, where the database cannot be relied on.
    pub(super) fault: ArcSwapOption<String>,
    pub(super) turns: Turns,
}

/// What is known of deliveries beside the database, at a moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside {
    /// Those whose attempt began and is not recorded yet.
    pub(super) running: HashSet<DeliveryId>,
    /// Plugins that their breakers pause.
    pub(super) broken: Vec<PluginName>,
}

impl Shared {
    pub(super) fn new(running: Running, backlog: u64) -> Self {
        Self {
            backlog: AtomicU64::new(backlog),
            running,
            suspects: Suspects::default(),
            quotas: Quotas::default(),
            broken: Mutex::default(),
            fault: ArcSwapOption::empty(),
            turns: Turns::default(),
        }
    }

    pub(super) fn beside(&self) -> Beside {
        Beside { running: self.running.deliveries(), broken: self.broken().keys().cloned().collect() }
    }

    /// Plugins that their breakers pause, and until when.
    pub(super) fn broken(&self) -> MutexGuard<'_, BTreeMap<PluginName, u64>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
struct Lease {
    plugin: PluginName,
    /// An attempt was handed in and waits for its commit: a second one is not taken.
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

    /// Whether an attempt at `id` may be recorded: it is leased, and no other attempt was handed in.
    pub(super) fn finish(&mut self, id: Id) -> bool {
        let lease = self.by_id.get_mut(&id).filter(|lease| !lease.finishing);
        lease.map(|lease| lease.finishing = true).is_some()
    }

    /// Gives back, unless an attempt waits for its commit.
    pub(super) fn give_back(&mut self, id: Id) -> bool {
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
