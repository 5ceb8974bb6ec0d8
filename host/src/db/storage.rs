//! What the room asks of a database: whole transactions for the writer ([`Storage`]), and reads ([`Reads`]).
//!
//! What only one host may assume stands behind these traits: numbers and leases in memory, order in memory, a
//! complete cache of a store, counters. Above them nothing knows how many hosts share the database.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::running::Running;
use super::types::{
    Accept, DbError, Discard, DueTimes, EffectLease, EffectResolution, EffectShare, EventAge, HoldChange,
    InMemoryState, Interrupted, Lease, LeaseRequest, OldKeys, Removal, RunningId, Size, Stock, StoreSummary,
};
use super::view::{
    DeliveryFilter, DeliveryPage, EffectFilter, EffectPage, EventFilter, EventPage, EventView,
};
use crate::completion::Finished;
use crate::delivery::{Delivery, DeliveryId, Recipient};
use crate::effect::{EffectId, Performed};
use crate::event::{Event, PluginName};
use crate::keyvalue::{Entry, EntryKey};
use crate::replay::{self, Candidate, Progress, Step};

/// An event to be stored.
#[derive(Debug)]
pub(super) struct NewEvent {
    pub(super) event: Event,
    /// Who gets it.
    pub(super) recipients: Vec<Recipient>,
}

/// What is committed together.
#[derive(Default)]
pub(super) struct Batch<'a> {
    /// In the order in which they came.
    pub(super) events: Vec<NewEvent>,
    /// Attempts at deliveries, at most one at each.
    pub(super) finished: &'a [Finished],
    /// Attempts at effects, at most one at each.
    pub(super) performed: &'a [Performed],
    pub(super) holds: &'a [HoldChange],
    /// Something is to be written that nobody reads.
    pub(super) probe: bool,
    /// From the first event of this batch on, the host's time differs from the system clock's by so many ms.
    pub(super) offset_ms: Option<i64>,
}

/// What became of a batch that is committed.
#[derive(Default)]
pub(super) struct Committed {
    /// Of each event, in their order.
    pub(super) accepts: Vec<Accept>,
    /// Of each attempt at a delivery, in their order. The effects of those that are recorded are leased to this
    /// host.
    pub(super) finished: Vec<Verdict>,
    /// Of each attempt at an effect, in their order.
    pub(super) performed: Vec<Verdict>,
    /// New deliveries.
    pub(super) ready: Ready,
    /// Deliveries whose predecessor is closed. They are due, and not leased yet.
    pub(super) unblocked: Vec<DeliveryId>,
}

/// What became of an attempt that was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is committed, with what follows from it. The lease has ended.
    Recorded,
    /// Its call read what another has changed since: it is not recorded. The lease has ended.
    Stale,
    /// This host has no lease: it is not recorded.
    NotLeased,
}

/// Deliveries that a transaction made due, leased to this host: they are run, or released.
#[derive(Debug, Default)]
pub(super) struct Ready {
    pub(super) deliveries: Vec<Delivery>,
    /// There may be more, for a lease to find.
    pub(super) rescan: bool,
}

/// A dead effect that was resolved.
#[derive(Debug)]
pub(super) struct ResolvedEffect {
    pub(super) id: EffectId,
    pub(super) plugin: PluginName,
    pub(super) size: u64,
}

/// The write side of a database. Each call is one transaction: all of it is durable when the call returns, or on an
/// error nothing of it.
pub(super) trait Storage: Send + 'static {
    /// Attempts that ended with an earlier process and were not recorded. They are leased to this host by this.
    fn interrupted(&mut self) -> impl Future<Output = Result<Vec<Interrupted>, DbError>> + Send;

    /// Open deliveries and effects of which at least so many attempts ended with the process.
    fn suspects(&mut self, crashes: u32) -> impl Future<Output = Result<HashSet<RunningId>, DbError>> + Send;

    /// Each plugin's effects that are neither done nor dead.
    fn waiting_effects(
        &mut self,
    ) -> impl Future<Output = Result<HashMap<PluginName, EffectShare>, DbError>> + Send;

    /// Commits a batch. Attempts are recorded before events are stored: what an attempt unblocks need not wait for
    /// what comes in with it.
    fn commit(&mut self, batch: Batch<'_>) -> impl Future<Output = Result<Committed, DbError>> + Send;

    /// Leases deliveries that a commit has unblocked, unless they are held.
    fn lease_unblocked(&mut self, unblocked: &[DeliveryId]) -> impl Future<Output = Ready> + Send;

    /// Leases deliveries of a plugin that are due and not held, in order of acceptance. None is leased twice.
    fn lease(&mut self, request: &LeaseRequest) -> impl Future<Output = Result<Lease, DbError>> + Send;

    /// Leases effects, likewise.
    fn lease_effects(
        &mut self,
        request: &LeaseRequest,
    ) -> impl Future<Output = Result<EffectLease, DbError>> + Send;

    /// Ends leases without an attempt. What is not leased is passed over.
    fn release(&mut self, leased: &[RunningId]) -> impl Future<Output = ()> + Send;

    /// Stores a replay that was asked for. Its number.
    fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
    ) -> impl Future<Output = Result<i64, DbError>> + Send;

    /// A part of a replay, unless it was stopped.
    fn advance_replay(&mut self, step: &Step) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Stops a replay. False when it does not run.
    fn stop_replay(&mut self, replay: i64) -> impl Future<Output = Result<bool, DbError>> + Send;

    /// Sees to it that a delivery is not run any more, unless it is leased.
    fn discard(&mut self, id: DeliveryId) -> impl Future<Output = Result<(Discard, Ready), DbError>> + Send;

    /// Has a page of dead effects tried again, or resolves them. Which.
    fn resolve_effects(
        &mut self,
        resolution: &EffectResolution,
    ) -> impl Future<Output = Result<Vec<ResolvedEffect>, DbError>> + Send;

    /// Removes what is old. How many events or keys were removed. It costs no `fsync`: a power cut may bring back
    /// what was removed, and all of it as it was.
    fn remove(&mut self, removal: &Removal) -> impl Future<Output = Result<u64, DbError>> + Send;

    /// Brings what is committed into its final place, without waiting for readers.
    fn save(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Brings everything into its final place and closes. No other host may begin before the storage is dropped.
    fn close(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// A database that was opened.
pub(super) struct Opened<S> {
    pub(super) storage: S,
    pub(super) reads: Box<dyn Reads>,
    /// The highest version that any entry of a store ever had.
    pub(super) store_version: u64,
    pub(super) running: Running,
}

/// What a read answers.
pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DbError>> + Send + 'a>>;

/// Reads entries of plugins' stores: what is committed.
pub(super) trait EntryReads: Send + Sync {
    /// An entry.
    fn entry<'a>(&'a self, plugin: &'a PluginName, key: &'a EntryKey) -> Answer<'a, Option<Entry>>;

    /// Up to `limit` keys of a bucket after `after`, in order.
    fn keys<'a>(
        &'a self,
        plugin: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Vec<Arc<str>>>;

    /// What a store has.
    fn store_summary<'a>(&'a self, plugin: &'a PluginName) -> Answer<'a, StoreSummary>;
}

/// The read side of a database: what is committed. It does not wait for the writer.
pub(super) trait Reads: EntryReads {
    /// Open deliveries, as far as this host knows.
    fn backlog(&self) -> u64;

    /// Whether the database can be relied on, found out without waiting.
    fn check(&self) -> Result<(), DbError>;

    /// Says it in the log when the database's own log has grown to so many bytes, and who keeps it from being
    /// emptied.
    fn check_log(&self, warn_bytes: u64);

    /// When this database was made, ms since the Unix epoch.
    fn made_at(&self) -> Answer<'_, u64>;

    /// Ends reading.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// A page of events, the newest first, before the one with the number `cursor`.
    fn events<'a>(
        &'a self,
        filter: &'a EventFilter,
        cursor: Option<i64>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, EventPage>;

    /// Everything about the events with this id.
    fn event<'a>(
        &'a self,
        source: Option<&'a str>,
        id: &'a str,
        memory: &'a InMemoryState,
    ) -> Answer<'a, Vec<EventView>>;

    /// A page of deliveries, the newest event's first.
    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        before: Option<DeliveryId>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, DeliveryPage>;

    /// The source and id of a delivery's event.
    fn event_of(&self, id: DeliveryId) -> Answer<'_, Option<(String, String)>>;

    /// A page of effects, the newest event's first.
    fn effects<'a>(
        &'a self,
        filter: &'a EffectFilter,
        before: Option<EffectId>,
        limit: u32,
    ) -> Answer<'a, EffectPage>;

    /// Plugins with open deliveries, held ones included.
    fn open_plugins(&self) -> Answer<'_, Vec<PluginName>>;

    /// Plugins with effects that are neither done nor dead.
    fn effect_plugins(&self) -> Answer<'_, Vec<PluginName>>;

    /// Plugins that an operator paused, and since when.
    fn paused(&self) -> Answer<'_, Vec<(PluginName, u64)>>;

    /// Whether any delivery is due, of a plugin that is not held. `due` is of each plugin.
    fn anything_due<'a>(&'a self, now: u64, due: HashMap<&'a str, DueTimes>) -> Answer<'a, bool>;

    /// Events that handlers asked to emit because of this received event.
    fn emitted(&self, root: i64) -> Answer<'_, u64>;

    /// An event's source and id, for messages.
    fn name_of_event(&self, seq: i64) -> Answer<'_, Option<String>>;

    /// How many a replay's request finds, and the newest event now.
    fn count<'a>(&'a self, request: &'a replay::Request) -> Answer<'a, (u64, i64)>;

    /// The next up to `limit` that a replay finds.
    fn candidates<'a>(&'a self, running: &'a replay::Running, limit: u32) -> Answer<'a, Vec<Candidate>>;

    /// Replays that are to go on, the oldest first.
    fn running_replays(&self) -> Answer<'_, Vec<replay::Running>>;

    /// A replay.
    fn replay(&self, id: i64) -> Answer<'_, Option<Progress>>;

    /// Replays, the newest first, before the one with this number.
    fn replays(&self, before: i64, limit: u32) -> Answer<'_, Vec<Progress>>;

    /// How many replays have ended so far.
    fn replays_ended(&self) -> Answer<'_, i64>;

    /// Events after `after`, in order, each with whether it was received before `before` by both clocks. That of
    /// the host is `ahead` of the system's.
    fn ages(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, Vec<EventAge>>;

    /// An event far after `after` that was received before `before`, or 0.
    fn old_beyond(&self, after: i64, before: u64) -> Answer<'_, i64>;

    /// Of the keys after that of `after`, in order, those that were taken before `before` and whose events are
    /// gone. The clocks are as in [`Reads::ages`].
    fn old_keys(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, OldKeys>;

    /// The number of the newest event.
    fn newest_seq(&self) -> Answer<'_, i64>;

    /// What the database has on disk.
    fn size(&self) -> Answer<'_, Size>;

    /// What is stored, counted.
    fn stock(&self) -> Answer<'_, Stock>;

    /// When an event was received that is gone, and whose key is not.
    fn pruned<'a>(&'a self, source: Option<&'a str>, id: &'a str) -> Answer<'a, Option<u64>>;
}
