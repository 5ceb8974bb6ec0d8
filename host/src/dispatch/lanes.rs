//! What runs next: a bounded window of deliveries, or of effects, for each plugin, and turns between
//! plugins. Pure bookkeeping, no IO.
//!
//! The plugin with the fewest under way goes first, and may have as many as there are places left for the
//! others; its first one always has a place. So whatever some plugins do with their places, another finds
//! some, and nobody ever waits for others to begin at all.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::breaker::{Breaker, Says, Turned};
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{EffectId, Performing};
use crate::event::PluginName;
use crate::plugins::Breaking;

/// Something that waits for its turn in its plugin's window.
pub(super) trait Waits {
    /// In whose order they run.
    type Id: Copy + Ord;
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

/// How many attempts a plugin has under way, whose turn it is among equals, and which plugin.
type Turn = (usize, u64, PluginName);

/// All plugins' windows.
pub(super) struct Lanes<T: Waits> {
    lanes: HashMap<PluginName, Lane<T>>,
    /// Attempts under way of plugins that are gone: they count when the plugin is back.
    leaving: HashMap<PluginName, usize>,
    /// Plugins that could start an attempt, in turn.
    waiting: BTreeSet<Turn>,
    turns: u64,
    running: usize,
    concurrency: usize,
    window: usize,
    /// Nothing new starts.
    stopped: bool,
}

/// One plugin's window.
struct Lane<T: Waits> {
    queue: VecDeque<T>,
    running: usize,
    concurrency: usize,
    breaker: Breaker<T::Id>,
    /// Where it is in the line.
    place: Option<(usize, u64)>,
    /// The database has, or may have, more that could run now.
    more: bool,
    /// A lease is under way.
    leasing: bool,
    /// When the next delivery that waits is due, ms since the Unix epoch.
    due: Option<u64>,
}

impl<T: Waits> Lane<T> {
    /// The database may have something for it.
    fn new(running: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            running,
            concurrency: 0,
            breaker: Breaker::new(Breaking::NEVER),
            place: None,
            more: true,
            leasing: false,
            due: None,
        }
    }

    /// How many its breaker lets wait.
    fn most(&self) -> usize {
        self.breaker.most().saturating_sub(self.breaker.begun())
    }

    /// How many more may wait.
    fn room(&self, window: usize) -> usize {
        self.most().min(window).saturating_sub(self.queue.len())
    }
}

/// What a lease brought.
pub(super) struct Leased<T> {
    pub(super) waiting: Vec<T>,
    pub(super) more: bool,
}

/// What ended, and how.
pub(super) struct End<I> {
    pub(super) id: I,
    /// When it is due again, if it waits.
    pub(super) due: Option<u64>,
    pub(super) says: Says,
}

/// What follows for the plugin whose attempt ended.
pub(super) struct After<T> {
    pub(super) turned: Option<Turned>,
    /// What its window no longer takes, to be given back.
    pub(super) unwanted: Vec<T>,
}

impl<T: Waits> Lanes<T> {
    pub(super) fn new(concurrency: usize, window: usize) -> Self {
        let (lanes, leaving, waiting) = (HashMap::new(), HashMap::new(), BTreeSet::new());
        Self { lanes, leaving, waiting, turns: 0, running: 0, concurrency, window, stopped: false }
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

    /// A plugin is another than before: what its breaker knew is forgotten.
    pub(super) fn renew(&mut self, plugin: &PluginName, rules: Breaking) {
        let Some(lane) = self.lanes.get_mut(plugin) else { return };
        lane.breaker = Breaker::new(rules);
        lane.more = true;
    }

    /// Plugins that take deliveries.
    pub(super) fn names(&self) -> Vec<PluginName> {
        self.lanes.keys().cloned().collect()
    }

    /// A plugin is gone: gives back what had not started.
    pub(super) fn close(&mut self, plugin: &PluginName) -> Vec<T> {
        let Some(mut lane) = self.lanes.remove(plugin) else { return Vec::new() };
        leave(&mut self.waiting, plugin, &mut lane);
        if lane.running > 0 {
            self.leaving.insert(plugin.clone(), lane.running);
        }
        lane.queue.into()
    }

    /// Gives back what a plugin's window has.
    pub(super) fn empty(&mut self, plugin: &PluginName) -> Vec<T> {
        let Some(lane) = self.lanes.get_mut(plugin) else { return Vec::new() };
        leave(&mut self.waiting, plugin, lane);
        std::mem::take(&mut lane.queue).into()
    }

    /// Takes a committed delivery if there is room; else it stays in the database.
    pub(super) fn offer(&mut self, waits: T) -> bool {
        let Some(lane) = self.lanes.get_mut(waits.plugin()) else { return false };
        // Behind others that wait in the database it has to wait there too, to keep their order.
        if lane.more || self.stopped || lane.room(self.window) == 0 {
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
        let (fewest, _, plugin) = self.waiting.first()?;
        let free = self.concurrency.saturating_sub(self.running);
        if self.stopped || *fewest >= free.max(1) {
            return None;
        }
        let plugin = plugin.clone();
        let lane = self.lanes.get_mut(&plugin)?;
        let next = lane.queue.pop_front()?;
        lane.running += 1;
        lane.breaker.begin(next.id());
        self.running += 1;
        // To the end of the line.
        leave(&mut self.waiting, &plugin, lane);
        self.turn(&plugin);
        Some(next)
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, plugin: &PluginName, end: &End<T::Id>, now_ms: u64) -> After<T> {
        let mut after = After { turned: None, unwanted: Vec::new() };
        self.running -= 1;
        if let Some(lane) = self.lanes.get_mut(plugin) {
            lane.running -= 1;
            lane.due = lane.due.into_iter().chain(end.due).min();
            after.turned = lane.breaker.end(end.id, end.says, now_ms);
            if after.turned.is_some() {
                lane.more = true;
                after.unwanted = lane.queue.split_off(lane.queue.len().min(lane.most())).into();
            }
        } else if let Some(running) = self.leaving.get_mut(plugin) {
            *running -= 1;
            if *running == 0 {
                self.leaving.remove(plugin);
            }
        }
        self.turn(plugin);
        after
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
            lane.more |= lane.breaker.look(now_ms);
            let room = lane.room(window);
            let wants = lane.more && !lane.leasing && room > 0 && lane.queue.len() <= window / 2;
            wants.then(|| {
                // What is refused from now on is newer than what the lease will see.
                (lane.more, lane.leasing) = (false, true);
                (plugin.clone(), room)
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
        // Its breaker may have opened meanwhile.
        let unwanted: Vec<T> = lane.queue.split_off(lane.queue.len().min(lane.most())).into();
        lane.more |= !unwanted.is_empty();
        self.turn(plugin);
        unwanted
    }

    /// Something came due in the database: every plugin may have more.
    pub(super) fn look_again(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.more = true);
    }

    /// When the earliest waiting delivery that was tried here is due, or a pause ends.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.lanes.values().filter_map(|lane| lane.breaker.until().or(lane.due)).min()
    }

    /// Starts nothing more.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Attempts under way.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// Puts a plugin in line if it could start an attempt. One that is in line keeps its turn.
    fn turn(&mut self, plugin: &PluginName) {
        let Some(lane) = self.lanes.get_mut(plugin) else { return };
        let turn = leave(&mut self.waiting, plugin, lane);
        if lane.queue.is_empty() || lane.running >= lane.concurrency {
            return;
        }
        let turn = turn.unwrap_or_else(|| {
            self.turns += 1;
            self.turns
        });
        lane.place = Some((lane.running, turn));
        self.waiting.insert((lane.running, turn, plugin.clone()));
    }
}

/// Takes a plugin out of the line; which turn it had.
fn leave<T: Waits>(waiting: &mut BTreeSet<Turn>, plugin: &PluginName, lane: &mut Lane<T>) -> Option<u64> {
    let (running, turn) = lane.place.take()?;
    waiting.remove(&(running, turn, plugin.clone()));
    Some(turn)
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
