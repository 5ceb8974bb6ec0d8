//! The tables in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::db::types::{Hold, StoreSummary};
use crate::delivery::{Attempt, Delivery, DeliveryId, Order, Settled, State};
use crate::effect::{Asked, EffectId, Performing, Progress, Try};
use crate::event::{Digest, Event, PluginName, SourceName};
use crate::keyvalue::{Entry, EntryKey};
use crate::replay;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Tables {
    pub(super) last_seq: i64,
    pub(super) events: BTreeMap<i64, Arc<Event>>,
    /// By the number of their event, which may be gone.
    pub(super) keys: BTreeMap<i64, Key>,
    pub(super) conflicts: Vec<Arc<Event>>,
    pub(super) deliveries: BTreeMap<DeliveryId, StoredDelivery>,
    pub(super) effects: BTreeMap<EffectId, StoredEffect>,
    pub(super) entries: BTreeMap<(PluginName, EntryKey), Entry>,
    pub(super) stores: HashMap<PluginName, StoreSummary>,
    pub(super) store_version: u64,
    /// Plugins that are held, and since when.
    pub(super) held: BTreeMap<(PluginName, Paused), u64>,
    pub(super) replays: BTreeMap<i64, StoredReplay>,
    /// Events that were emitted because of a received one.
    pub(super) emitted: HashMap<i64, u64>,
}

/// Whether a hold is a pause; otherwise the plugin is absent.
pub(super) type Paused = bool;

pub(super) fn is_pause(why: Hold) -> Paused {
    why == Hold::Paused
}

/// A taken idempotency key.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) source: SourceName,
    pub(super) id: String,
    pub(super) digest: Digest,
    pub(super) received_at: u64,
}

/// Where a delivery or an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Pending,
    /// An earlier delivery of its ordering key is open.
    Blocked,
    /// Until then.
    Waiting(u64),
    Done,
    /// And how it was resolved.
    Dead(Option<Settled>),
}

impl Standing {
    pub(super) fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Dead(_))
    }

    pub(super) fn is_unresolved(self) -> bool {
        self == Self::Dead(None)
    }

    /// Whether it is due, as [`DueTimes`](crate::db::types::DueTimes) says.
    pub(super) fn is_due(self, by: u64, beyond: u64) -> bool {
        match self {
            Self::Pending => true,
            Self::Waiting(until) => until <= by || until > beyond,
            Self::Blocked | Self::Done | Self::Dead(_) => false,
        }
    }

    /// As it is shown, but for what holds it.
    pub(super) fn state(self) -> State {
        match self {
            Self::Pending | Self::Blocked => State::Pending,
            Self::Waiting(_) => State::Waiting,
            Self::Done => State::Done,
            Self::Dead(_) => State::Dead,
        }
    }

    pub(super) fn settled(self) -> Option<Settled> {
        match self {
            Self::Dead(settled) => settled,
            _ => None,
        }
    }
}

#[derive(Clone)]
pub(super) struct StoredDelivery {
    pub(super) plugin: PluginName,
    pub(super) order: Option<Order>,
    pub(super) standing: Standing,
    pub(super) since: u64,
    pub(super) failures: u32,
    pub(super) attempts: Vec<Attempt>,
    /// The replay that made it, and the number of the delivery that it runs again.
    pub(super) replayed: Option<(i64, Option<i64>)>,
}

#[derive(Clone)]
pub(super) struct StoredEffect {
    pub(super) plugin: PluginName,
    pub(super) asked: Asked,
    pub(super) depth: u32,
    pub(super) root: i64,
    pub(super) standing: Standing,
    pub(super) tries: Vec<Try>,
    pub(super) tries_before: u32,
    pub(super) progress: Progress,
}

impl StoredEffect {
    pub(super) fn performing(&self, id: EffectId) -> Performing {
        let Self { plugin, asked, depth, root, tries, tries_before, progress, .. } = self.clone();
        let tries = u32::try_from(tries.len()).unwrap_or(u32::MAX);
        Performing { id, plugin, asked, depth, root, tries, tries_before, progress }
    }
}

#[derive(Clone)]
pub(super) struct StoredReplay {
    pub(super) progress: replay::Progress,
    pub(super) after: DeliveryId,
    pub(super) last_event: i64,
}

impl Tables {
    pub(super) fn is_held(&self, plugin: &PluginName) -> bool {
        [true, false].iter().any(|paused| self.held.contains_key(&(plugin.clone(), *paused)))
    }

    /// A delivery as it is leased.
    pub(super) fn delivery(&self, id: DeliveryId) -> Option<Delivery> {
        let stored = self.deliveries.get(&id)?;
        Some(Delivery {
            id,
            event: Arc::clone(self.events.get(&id.event)?),
            plugin: stored.plugin.clone(),
            attempts: u32::try_from(stored.attempts.len()).unwrap_or(u32::MAX),
            failures: stored.failures,
            since: stored.since,
            order: stored.order,
        })
    }

    /// The first open delivery of an ordering key.
    pub(super) fn first_open(&self, order: Order) -> Option<DeliveryId> {
        let mut of_order = self.deliveries.iter().filter(|(_, stored)| stored.order == Some(order));
        of_order.find(|(_, stored)| stored.standing.is_open()).map(|(id, _)| *id)
    }

    /// Makes the first open delivery of an ordering key one that can be leased, if it is not.
    pub(super) fn unblock(&mut self, order: Order) -> Option<DeliveryId> {
        let first = self.first_open(order)?;
        let stored = self.deliveries.get_mut(&first)?;
        (stored.standing == Standing::Blocked).then(|| {
            stored.standing = Standing::Pending;
            first
        })
    }

    /// The deliveries of an event.
    pub(super) fn of_event(&self, seq: i64) -> impl Iterator<Item = (DeliveryId, &StoredDelivery)> {
        let range = DeliveryId { event: seq, number: i64::MIN }..=DeliveryId { event: seq, number: i64::MAX };
        self.deliveries.range(range).map(|(id, stored)| (*id, stored))
    }

    /// The effects of an event's deliveries.
    pub(super) fn effects_of(&self, seq: i64) -> impl Iterator<Item = (EffectId, &StoredEffect)> {
        let effects = self.effects.iter().filter(move |(id, _)| id.delivery.event == seq);
        effects.map(|(id, stored)| (*id, stored))
    }
}
