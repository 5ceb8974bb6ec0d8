//! The tables in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::audit::{Entry as AuditEntry, KeyedRequest};
use crate::confirmation::StoredConfirmation;
use crate::db::open_chosen::OpenChosen;
use crate::db::types::StoreSummary;
use crate::db::writer::batch::Placement;
use bytes::Bytes;

use crate::delivery::{Attempt, Delivery, DeliveryId, OrderingHash, ReadySince, Resolution, State};
use crate::effect::{EffectAttempt, EffectId, LeasedEffect, Progress, QueuedEffect};
use crate::erasure;
use crate::event::{Digest, Event, PluginName, SourceName};
use crate::keyvalue::{Entry, EntryKey};
use crate::replay;
use crate::revision::{HistoryEntry, KnownHandlers, RevisionChoice, RevisionFacts};
use crate::switch::{HeldRelease, Switches};
use crate::token::{StoredSession, StoredToken};
use crate::trace::TraceContext;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Tables {
    pub(super) last_seq: i64,
    pub(super) events: BTreeMap<i64, Arc<Event>>,
    /// Keys by the number of their event, which may be pruned.
    pub(super) keys: BTreeMap<i64, Key>,
    pub(super) conflicts: Vec<Arc<Event>>,
    pub(super) deliveries: BTreeMap<DeliveryId, StoredDelivery>,
    pub(super) effects: BTreeMap<EffectId, StoredEffect>,
    pub(super) entries: BTreeMap<(PluginName, EntryKey), Entry>,
    pub(super) stores: HashMap<PluginName, StoreSummary>,
    pub(super) store_version: u64,
    /// Plugins that are held, and since when.
    pub(super) held: BTreeMap<(PluginName, Paused), u64>,
    pub(super) switches: Switches,
    pub(super) releases: BTreeMap<i64, HeldRelease>,
    pub(super) replays: BTreeMap<i64, StoredReplay>,
    pub(super) erasures: BTreeMap<i64, StoredErasure>,
    /// Erased events, and when they were.
    pub(super) erased: BTreeMap<i64, u64>,
    /// Records by digest, each with the number of records before it.
    pub(super) revisions: HashMap<Digest, (u64, KnownHandlers)>,
    pub(super) revisions_recorded: u64,
    pub(super) revision_files: BTreeMap<Digest, StoredRevision>,
    /// Instructions by plugin and number.
    pub(super) history: BTreeMap<(PluginName, u64), HistoryEntry>,
    pub(super) choices: BTreeMap<PluginName, RevisionChoice>,
    /// The last revision of each plugin for which all waiting deliveries were made due.
    pub(super) retried: BTreeMap<PluginName, Digest>,
    /// The states of alerts.
    pub(super) alerts: BTreeMap<String, String>,
    /// Changes of stored events: the first and the last one.
    pub(super) changes: BTreeMap<i64, (i64, i64)>,
    /// Events that were emitted because of a received one.
    pub(super) emitted: HashMap<i64, u64>,
    pub(super) tokens: Vec<StoredToken>,
    pub(super) sessions: Vec<StoredSession>,
    pub(super) confirmations: Vec<StoredConfirmation>,
    pub(super) audit: Vec<AuditEntry>,
    /// Requests with an idempotency key, by token and key.
    pub(super) keyed: BTreeMap<(i64, String), KeyedRequest>,
}

/// A file of a revision.
#[derive(Clone)]
pub(super) struct StoredRevision {
    pub(super) size_bytes: u64,
    pub(super) parts: Vec<Bytes>,
    /// `None` until all parts are there.
    pub(super) facts: Option<RevisionFacts>,
}

/// Whether a hold is a pause; otherwise the plugin is absent.
pub(super) type Paused = bool;

pub(super) const PAUSED: Paused = true;
pub(super) const ABSENT: Paused = false;

/// A taken idempotency key.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) source: SourceName,
    pub(super) id: String,
    pub(super) digest: Digest,
    pub(super) received_at: u64,
}

/// The stored state of a delivery or an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredState {
    Pending,
    /// It cannot be leased yet.
    Held(Placement),
    /// Until this time.
    Waiting(u64),
    Done,
    /// And how it was resolved.
    Dead(Option<Resolution>),
}

impl StoredState {
    /// The state of a new delivery.
    pub(super) fn open(placement: Placement) -> Self {
        if placement.is_due() { Self::Pending } else { Self::Held(placement) }
    }

    /// Whether an earlier delivery of its ordering key is open.
    pub(super) fn is_blocked(self) -> bool {
        matches!(self, Self::Held(Placement { blocked: true, .. }))
    }

    pub(super) fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Dead(_))
    }

    pub(super) fn is_unresolved(self) -> bool {
        self == Self::Dead(None)
    }

    /// Returns whether it is due by [`DueTimes`](crate::db::types::DueTimes).
    pub(super) fn is_due(self, by: u64, beyond: u64) -> bool {
        match self {
            Self::Pending => true,
            Self::Waiting(until) => until <= by || until > beyond,
            Self::Held(_) | Self::Done | Self::Dead(_) => false,
        }
    }

    /// Returns the shown state, without holds.
    pub(super) fn state(self) -> State {
        match self {
            Self::Pending | Self::Held(_) => State::Pending,
            Self::Waiting(_) => State::Waiting,
            Self::Done => State::Done,
            Self::Dead(_) => State::Dead,
        }
    }

    pub(super) fn resolution(self) -> Option<Resolution> {
        match self {
            Self::Dead(resolution) => resolution,
            _ => None,
        }
    }
}

#[derive(Clone)]
pub(super) struct StoredDelivery {
    pub(super) plugin: PluginName,
    pub(super) order: Option<OrderingHash>,
    pub(super) standing: StoredState,
    pub(super) since: u64,
    pub(super) failures: u32,
    pub(super) attempts: Vec<Attempt>,
    pub(super) replayed: Option<StoredCause>,
}

/// The replay that made a delivery.
#[derive(Clone, Copy)]
pub(super) struct StoredCause {
    pub(super) replay: i64,
    /// The number of the delivery that it runs again.
    pub(super) of: Option<i64>,
    /// The revision that it runs on.
    pub(super) revision: Option<Digest>,
}

#[derive(Clone)]
pub(super) struct StoredEffect {
    pub(super) plugin: PluginName,
    pub(super) queued: QueuedEffect,
    pub(super) depth: u32,
    pub(super) root: i64,
    pub(super) standing: StoredState,
    pub(super) attempts: Vec<EffectAttempt>,
    pub(super) attempts_before: u32,
    pub(super) progress: Progress,
    pub(super) trace: Option<TraceContext>,
    /// The last replay that made it due again.
    pub(super) replay: Option<i64>,
}

impl StoredEffect {
    pub(super) fn to_leased(&self, id: EffectId) -> LeasedEffect {
        let Self { plugin, queued, depth, root, attempts, attempts_before, progress, trace, .. } =
            self.clone();
        let attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        LeasedEffect { id, plugin, queued, depth, root, attempts, attempts_before, progress, trace }
    }
}

#[derive(Clone)]
pub(super) struct StoredReplay {
    pub(super) progress: replay::Progress,
    pub(super) after: replay::ReplayCursor,
    pub(super) last_event: i64,
}

#[derive(Clone)]
pub(super) struct StoredErasure {
    pub(super) progress: erasure::Progress,
    pub(super) after: i64,
    pub(super) last_event: i64,
}

impl Tables {
    pub(super) fn is_held(&self, plugin: &PluginName) -> bool {
        [true, false].iter().any(|paused| self.held.contains_key(&(plugin.clone(), *paused)))
    }

    /// Open deliveries on revisions that replays chose.
    pub(super) fn open_chosen(&self) -> OpenChosen {
        let open = OpenChosen::default();
        for (id, stored) in self.deliveries.iter().filter(|(_, stored)| stored.standing.is_open()) {
            if let Some(revision) = stored.replayed.and_then(|cause| cause.revision) {
                open.add(&stored.plugin, revision, *id);
            }
        }
        open
    }

    /// Returns a delivery for its lease.
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
            revision: stored.replayed.and_then(|cause| cause.revision),
            ready: ReadySince::Due(stored.since),
        })
    }

    /// The first open delivery of an ordering key.
    pub(super) fn first_open(&self, order: OrderingHash) -> Option<DeliveryId> {
        let mut of_order = self.deliveries.iter().filter(|(_, stored)| stored.order == Some(order));
        of_order.find(|(_, stored)| stored.standing.is_open()).map(|(id, _)| *id)
    }

    /// Unblocks the first open delivery of an ordering key, if it is blocked. Which, if it can be leased then.
    pub(super) fn unblock(&mut self, order: OrderingHash) -> Option<DeliveryId> {
        let first = self.first_open(order)?;
        let stored = self.deliveries.get_mut(&first)?;
        let StoredState::Held(placement) = stored.standing else { return None };
        stored.standing = StoredState::open(Placement { blocked: false, ..placement });
        (stored.standing == StoredState::Pending).then_some(first)
    }

    /// Notes that the terms of the events between two changed.
    pub(super) fn note_change(&mut self, first: i64, last: i64) {
        let number = self.changes.keys().next_back().map_or(1, |newest| newest + 1);
        self.changes.insert(number, (first, last));
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
