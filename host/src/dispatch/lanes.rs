//! Chooses the next items to run: a bounded window of deliveries, or of effects, for each plugin, and a line
//! of plugins. Pure bookkeeping, no IO.
//!
//! An attempt takes as many places as an instance of its plugin does. The plugin with the fewest places in
//! use goes first. It may use at most half of the free places, and leaves the places free that other plugins'
//! first attempts need. Its own first attempt always starts. So no plugin waits for another one to begin its
//! first attempt.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::hash::Hash;

use super::breaker::{AttemptSignal, Breaker, Transition};
use super::under_way::UnderWay;
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{EffectId, LeasedEffect};
use crate::event::PluginName;
use crate::plugins::Breaking;

/// A delivery or an effect in the window of its lane.
pub(super) trait QueueItem {
    /// Items of a lane run in the order of their ids.
    type Id: Copy + Ord + Send + Sync;
    /// What has a window of its own: a plugin, or a part of its work.
    type Lane: Clone + Ord + Hash + fmt::Display + Send + Sync;
    fn id(&self) -> Self::Id;
    fn lane(&self) -> &Self::Lane;
}

impl QueueItem for Delivery {
    type Id = DeliveryId;
    type Lane = PluginName;

    fn id(&self) -> DeliveryId {
        self.id
    }

    fn lane(&self) -> &PluginName {
        &self.plugin
    }
}

impl QueueItem for LeasedEffect {
    type Id = EffectId;
    type Lane = PluginName;

    fn id(&self) -> EffectId {
        self.id
    }

    fn lane(&self) -> &PluginName {
        &self.plugin
    }
}

/// A plugin's position in the line: its places in use, its ticket among equals, its name.
type LinePosition<L> = (usize, u64, L);

/// All plugins' windows.
pub(super) struct Lanes<T: QueueItem> {
    lanes: HashMap<T::Lane, Lane<T>>,
    /// Attempts under way of removed plugins: they count when the plugin is back.
    leaving: HashMap<T::Lane, UnderWay<T::Id>>,
    /// Plugins that could start an attempt, in turn.
    waiting: BTreeSet<LinePosition<T::Lane>>,
    turns: u64,
    running: usize,
    /// Places that attempts under way take.
    taken: usize,
    /// Places that the first attempts of plugins with none under way will take.
    first: usize,
    /// Places that attempts beyond each plugin's first one may take.
    concurrency: usize,
    /// The number of all places.
    places_max: usize,
    window: usize,
    /// Whether nothing new starts.
    stopped: bool,
}

/// One plugin's window.
struct Lane<T: QueueItem> {
    queue: VecDeque<T>,
    under_way: UnderWay<T::Id>,
    concurrency: usize,
    /// Places that an attempt takes.
    cost: usize,
    breaker: Breaker<T::Id>,
    /// Its position in the line.
    place: Option<(usize, u64)>,
    /// The database has, or may have, more that could run now.
    more: bool,
    /// A lease is under way.
    leasing: bool,
    /// The due time of the next waiting delivery, ms since the Unix epoch.
    due: Option<u64>,
}

impl<T: QueueItem> Lane<T> {
    /// A lane for which the database may have work.
    fn new(under_way: UnderWay<T::Id>) -> Self {
        Self {
            queue: VecDeque::new(),
            under_way,
            concurrency: 0,
            cost: 1,
            breaker: Breaker::new(Breaking::NEVER),
            place: None,
            more: true,
            leasing: false,
            due: None,
        }
    }

    /// Places to be left free for its first attempt.
    fn first(&self) -> usize {
        if self.under_way.is_empty() { self.cost } else { 0 }
    }

    /// The maximum of items that its breaker lets wait.
    fn max_in_flight(&self) -> usize {
        self.breaker.max_in_flight().saturating_sub(self.breaker.in_flight())
    }

    /// The number of further items that may wait.
    fn room(&self, window: usize) -> usize {
        self.max_in_flight().min(window).saturating_sub(self.queue.len())
    }
}

/// The result of a lease.
pub(super) struct LeasedItems<T> {
    pub(super) items: Vec<T>,
    /// Whether the database has more for the plugin.
    pub(super) more: bool,
}

/// The end of an attempt.
pub(super) struct Completion<I> {
    pub(super) id: I,
    /// The time of its next attempt, if it waits.
    pub(super) due: Option<u64>,
    pub(super) signal: AttemptSignal,
}

/// The changes to its plugin at the end of an attempt.
pub(super) struct LaneChange<T> {
    pub(super) transition: Option<Transition>,
    /// Items that the window no longer takes; their leases are to be released.
    pub(super) surplus: Vec<T>,
}

impl<T: QueueItem> Lanes<T> {
    pub(super) fn new(concurrency: usize, window: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            leaving: HashMap::new(),
            waiting: BTreeSet::new(),
            turns: 0,
            running: 0,
            taken: 0,
            first: 0,
            concurrency,
            places_max: usize::MAX,
            window,
            stopped: false,
        }
    }

    /// Limits the places; without this there is no limit.
    pub(super) fn with_places(mut self, places_max: usize) -> Self {
        self.places_max = places_max;
        self
    }

    /// Takes the limits of a new configuration.
    pub(super) fn limit(&mut self, concurrency: usize, window: usize) {
        (self.concurrency, self.window) = (concurrency, window);
    }

    /// A plugin takes deliveries, or takes them with another concurrency. True when it is new here.
    pub(super) fn open(&mut self, plugin: &T::Lane, concurrency: usize) -> bool {
        let new = !self.lanes.contains_key(plugin);
        let lane = self.lanes.entry(plugin.clone()).or_insert_with(|| {
            let lane = Lane::new(self.leaving.remove(plugin).unwrap_or_else(UnderWay::new));
            self.first += lane.first();
            lane
        });
        lane.concurrency = concurrency;
        self.turn(plugin);
        new
    }

    /// Sets the number of places for each of a plugin's next attempts.
    pub(super) fn cost(&mut self, plugin: &T::Lane, places: usize) {
        let Some(lane) = self.lanes.get_mut(plugin) else { return };
        self.first -= lane.first();
        lane.cost = places;
        self.first += lane.first();
    }

    /// The places of all plugins' first attempts together, if there are too few.
    pub(super) fn places_needed(&self) -> Option<usize> {
        let needed = self.lanes.values().map(|lane| lane.cost).sum();
        (needed > self.places_max).then_some(needed)
    }

    /// Resets a plugin's breaker when the plugin was replaced.
    pub(super) fn renew(&mut self, plugin: &T::Lane, rules: Breaking) {
        let Some(lane) = self.lanes.get_mut(plugin) else { return };
        lane.breaker = Breaker::new(rules);
        lane.more = true;
    }

    /// Plugins that take deliveries.
    pub(super) fn names(&self) -> Vec<T::Lane> {
        self.lanes.keys().cloned().collect()
    }

    /// Closes the lane of a removed plugin. Returns the items that had not started.
    pub(super) fn close(&mut self, plugin: &T::Lane) -> Vec<T> {
        let Some(mut lane) = self.lanes.remove(plugin) else { return Vec::new() };
        leave(&mut self.waiting, plugin, &mut lane);
        self.first -= lane.first();
        if !lane.under_way.is_empty() {
            self.leaving.insert(plugin.clone(), lane.under_way);
        }
        lane.queue.into()
    }

    /// Empties a plugin's window, and returns its items.
    pub(super) fn empty(&mut self, plugin: &T::Lane) -> Vec<T> {
        let Some(lane) = self.lanes.get_mut(plugin) else { return Vec::new() };
        leave(&mut self.waiting, plugin, lane);
        std::mem::take(&mut lane.queue).into()
    }

    /// Takes a committed delivery if there is room; else it stays in the database.
    pub(super) fn offer(&mut self, waits: T) -> bool {
        let Some(lane) = self.lanes.get_mut(waits.lane()) else { return false };
        // Behind others that wait in the database it has to wait there too, to keep their order.
        if lane.more || self.stopped || lane.room(self.window) == 0 {
            lane.more = true;
            return false;
        }
        let plugin = waits.lane().clone();
        lane.queue.push_back(waits);
        self.turn(&plugin);
        true
    }

    /// The next delivery to run, if one may start now.
    pub(super) fn start(&mut self) -> Option<T> {
        let plugin = self.next()?.clone();
        let lane = self.lanes.get_mut(&plugin)?;
        let next = lane.queue.pop_front()?;
        self.first -= lane.first();
        lane.under_way.begin(next.id(), lane.cost);
        lane.breaker.begin(next.id());
        self.running += 1;
        self.taken += lane.cost;
        // To the end of the line.
        leave(&mut self.waiting, &plugin, lane);
        self.turn(&plugin);
        Some(next)
    }

    /// The first plugin in line that may start an attempt.
    fn next(&self) -> Option<&T::Lane> {
        if self.stopped {
            return None;
        }
        let free = self.concurrency.saturating_sub(self.taken);
        // Plugins further back have as many places, or more.
        let mut in_line = self.waiting.iter().take_while(|(has, ..)| *has == 0 || *has < free);
        in_line.find_map(|(has, _, plugin)| {
            let cost = self.lanes.get(plugin)?.cost;
            (*has == 0 || has + cost <= free && self.leaves_first_attempts(cost)).then_some(plugin)
        })
    }

    /// Whether the places for first attempts stay free with this many more in use. Half of all places may
    /// always be used: if there are too few for all plugins, most plugins have no work.
    fn leaves_first_attempts(&self, cost: usize) -> bool {
        self.taken + cost <= self.places_max - self.first.min(self.places_max / 2)
    }

    /// An attempt ended.
    pub(super) fn complete(
        &mut self,
        plugin: &T::Lane,
        end: &Completion<T::Id>,
        now_ms: u64,
    ) -> LaneChange<T> {
        let mut after = LaneChange { transition: None, surplus: Vec::new() };
        self.running -= 1;
        if let Some(lane) = self.lanes.get_mut(plugin) {
            self.taken -= lane.under_way.end(&end.id);
            self.first += lane.first();
            lane.due = lane.due.into_iter().chain(end.due).min();
            after.transition = lane.breaker.end(end.id, end.signal, now_ms);
            if after.transition.is_some() {
                lane.more = true;
                after.surplus = lane.queue.split_off(lane.queue.len().min(lane.max_in_flight())).into();
            }
        } else if let Some(under_way) = self.leaving.get_mut(plugin) {
            self.taken -= under_way.end(&end.id);
            if under_way.is_empty() {
                self.leaving.remove(plugin);
            }
        }
        self.turn(plugin);
        after
    }

    /// Returns a plugin whose window has run half empty and that may have more in the database, and
    /// the number to lease. Counts as under way until [`Lanes::add_leased`].
    pub(super) fn next_lease(&mut self, now_ms: u64) -> Option<(T::Lane, usize)> {
        if self.stopped {
            return None;
        }
        let window = self.window;
        self.lanes.iter_mut().find_map(|(plugin, lane)| {
            if lane.due.is_some_and(|due| due <= now_ms) {
                (lane.more, lane.due) = (true, None);
            }
            lane.more |= lane.breaker.try_half_open(now_ms);
            let room = lane.room(window);
            let wants = lane.more && !lane.leasing && room > 0 && lane.queue.len() <= window / 2;
            wants.then(|| {
                // Offers refused from now on are newer than the result of the lease.
                (lane.more, lane.leasing) = (false, true);
                (plugin.clone(), room)
            })
        })
    }

    /// Adds the result of a lease. Returns the items that its plugin no longer takes.
    pub(super) fn add_leased(&mut self, plugin: &T::Lane, leased: LeasedItems<T>) -> Vec<T> {
        let Some(lane) = self.lanes.get_mut(plugin).filter(|_| !self.stopped) else {
            return leased.items;
        };
        lane.leasing = false;
        lane.more |= leased.more;
        // Items accepted while the lease was under way may be earlier in the queue.
        lane.queue.extend(leased.items);
        lane.queue.make_contiguous().sort_by_key(QueueItem::id);
        // Its breaker may have opened meanwhile.
        let surplus: Vec<T> = lane.queue.split_off(lane.queue.len().min(lane.max_in_flight())).into();
        lane.more |= !surplus.is_empty();
        self.turn(plugin);
        surplus
    }

    /// Something came due in the database: every plugin may have more.
    pub(super) fn rescan(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.more = true);
    }

    /// The earliest due time of a delivery that waits for a retry, or the earliest end of a pause.
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
    fn turn(&mut self, plugin: &T::Lane) {
        let Some(lane) = self.lanes.get_mut(plugin) else { return };
        let turn = leave(&mut self.waiting, plugin, lane);
        if lane.queue.is_empty() || lane.under_way.attempts() >= lane.concurrency {
            return;
        }
        let turn = turn.unwrap_or_else(|| {
            self.turns += 1;
            self.turns
        });
        let has = lane.under_way.places();
        lane.place = Some((has, turn));
        self.waiting.insert((has, turn, plugin.clone()));
    }
}

/// Takes a plugin out of the line; which turn it had.
fn leave<T: QueueItem>(
    waiting: &mut BTreeSet<LinePosition<T::Lane>>,
    plugin: &T::Lane,
    lane: &mut Lane<T>,
) -> Option<u64> {
    let (running, turn) = lane.place.take()?;
    waiting.remove(&(running, turn, plugin.clone()));
    Some(turn)
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
