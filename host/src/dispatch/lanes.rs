//! What runs next: a bounded window of deliveries, or of effects, for each plugin, and turns between
//! plugins. Pure bookkeeping, no IO.

use std::collections::{HashMap, VecDeque};

use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{EffectId, Performing};
use crate::event::PluginName;

/// Something that waits for its turn in its plugin's window.
pub(super) trait Waits {
    /// In whose order they run.
    type Id: Ord;
    fn id(&self) -> Self::Id;
    fn plugin(&self) -> &PluginName;
}

impl Waits for Delivery {
    type Id = DeliveryId;

    fn id(&self) -> DeliveryId {
        self.id
    }

    fn plugin(&self) -> &PluginName {
        &self.plugin
    }
}

impl Waits for Performing {
    type Id = EffectId;

    fn id(&self) -> EffectId {
        self.id
    }

    fn plugin(&self) -> &PluginName {
        &self.plugin
    }
}

/// All plugins' windows.
pub(super) struct Lanes<T> {
    lanes: HashMap<PluginName, Lane<T>>,
    /// Attempts under way of plugins that are gone: they count when the plugin is back.
    leaving: HashMap<PluginName, usize>,
    /// Plugins that can start an attempt now, in turn.
    ready: VecDeque<PluginName>,
    running: usize,
    concurrency: usize,
    window: usize,
    /// Nothing new starts.
    stopped: bool,
}

/// One plugin's window.
struct Lane<T> {
    queue: VecDeque<T>,
    running: usize,
    concurrency: usize,
    /// Is it in `ready`?
    in_turn: bool,
    /// The database has, or may have, more that could run now.
    more: bool,
    /// A lease is under way.
    leasing: bool,
    /// When the next delivery that waits is due, ms since the Unix epoch.
    due: Option<u64>,
}

impl<T> Lane<T> {
    /// The database may have something for it.
    fn new(running: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            running,
            concurrency: 0,
            in_turn: false,
            more: true,
            leasing: false,
            due: None,
        }
    }
}

/// What a lease brought.
pub(super) struct Leased<T> {
    pub(super) waiting: Vec<T>,
    pub(super) more: bool,
}

impl<T: Waits> Lanes<T> {
    pub(super) fn new(concurrency: usize, window: usize) -> Self {
        let (lanes, leaving, ready) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Self { lanes, leaving, ready, running: 0, concurrency, window, stopped: false }
    }

    /// Takes the limits of a new configuration.
    pub(super) fn limit(&mut self, concurrency: usize, window: usize) {
        (self.concurrency, self.window) = (concurrency, window);
    }

    /// A plugin takes deliveries, or takes them with another concurrency. True when it is new here.
    pub(super) fn open(&mut self, plugin: &PluginName, concurrency: usize) -> bool {
        let new = !self.lanes.contains_key(plugin);
        let lane = self.lanes.entry(plugin.clone()).or_insert_with(|| {
            let running = self.leaving.remove(plugin).unwrap_or(0);
            Lane::new(running)
        });
        lane.concurrency = concurrency;
        self.turn(plugin);
        new
    }

    /// Plugins that take deliveries.
    pub(super) fn names(&self) -> Vec<PluginName> {
        self.lanes.keys().cloned().collect()
    }

    /// A plugin is gone: gives back what had not started.
    pub(super) fn close(&mut self, plugin: &PluginName) -> Vec<T> {
        let Some(lane) = self.lanes.remove(plugin) else { return Vec::new() };
        if lane.running > 0 {
            self.leaving.insert(plugin.clone(), lane.running);
        }
        lane.queue.into()
    }

    /// Gives back what a plugin's window has.
    pub(super) fn empty(&mut self, plugin: &PluginName) -> Vec<T> {
        self.lanes.get_mut(plugin).map(|lane| std::mem::take(&mut lane.queue).into()).unwrap_or_default()
    }

    /// Takes a committed delivery if there is room; else it stays in the database.
    pub(super) fn offer(&mut self, waits: T) -> bool {
        let Some(lane) = self.lanes.get_mut(waits.plugin()) else { return false };
        // Behind others that wait in the database it has to wait there too, to keep their order.
        if lane.more || self.stopped || lane.queue.len() >= self.window {
            lane.more = true;
            return false;
        }
        let plugin = waits.plugin().clone();
        lane.queue.push_back(waits);
        self.turn(&plugin);
        true
    }

    /// The next delivery to run, if one may start now.
    pub(super) fn start(&mut self) -> Option<T> {
        if self.stopped || self.running >= self.concurrency {
            return None;
        }
        loop {
            let plugin = self.ready.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&plugin) else { continue };
            lane.in_turn = false;
            if lane.running >= lane.concurrency {
                continue;
            }
            let Some(next) = lane.queue.pop_front() else { continue };
            lane.running += 1;
            self.running += 1;
            self.turn(&plugin);
            return Some(next);
        }
    }

    /// An attempt ended; its delivery is due again at `due` if it waits.
    pub(super) fn ended(&mut self, plugin: &PluginName, due: Option<u64>) {
        self.running -= 1;
        if let Some(lane) = self.lanes.get_mut(plugin) {
            lane.running -= 1;
            lane.due = lane.due.into_iter().chain(due).min();
        } else if let Some(running) = self.leaving.get_mut(plugin) {
            *running -= 1;
            if *running == 0 {
                self.leaving.remove(plugin);
            }
        }
        self.turn(plugin);
    }

    /// A plugin whose window has run half empty and that may have more in the database, and how many
    /// to lease. Counts as under way until [`Lanes::leased`].
    pub(super) fn next_lease(&mut self, now_ms: u64) -> Option<(PluginName, usize)> {
        if self.stopped {
            return None;
        }
        let window = self.window;
        self.lanes.iter_mut().find_map(|(plugin, lane)| {
            if lane.due.is_some_and(|due| due <= now_ms) {
                (lane.more, lane.due) = (true, None);
            }
            let wants = lane.more && !lane.leasing && lane.queue.len() <= window / 2;
            wants.then(|| {
                // What is refused from now on is newer than what the lease will see.
                (lane.more, lane.leasing) = (false, true);
                (plugin.clone(), window - lane.queue.len())
            })
        })
    }

    /// A lease came back. Gives back what its plugin no longer takes.
    pub(super) fn leased(&mut self, plugin: &PluginName, leased: Leased<T>) -> Vec<T> {
        let Some(lane) = self.lanes.get_mut(plugin).filter(|_| !self.stopped) else {
            return leased.waiting;
        };
        lane.leasing = false;
        lane.more |= leased.more;
        // What was accepted while the lease was under way may have come in first.
        lane.queue.extend(leased.waiting);
        lane.queue.make_contiguous().sort_by_key(Waits::id);
        self.turn(plugin);
        Vec::new()
    }

    /// Something came due in the database: every plugin may have more.
    pub(super) fn look_again(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.more = true);
    }

    /// When the earliest waiting delivery that was tried here is due.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.lanes.values().filter_map(|lane| lane.due).min()
    }

    /// Starts nothing more.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Attempts under way.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    fn turn(&mut self, plugin: &PluginName) {
        let Some(lane) = self.lanes.get_mut(plugin) else { return };
        if !lane.in_turn && !lane.queue.is_empty() && lane.running < lane.concurrency {
            lane.in_turn = true;
            self.ready.push_back(plugin.clone());
        }
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
