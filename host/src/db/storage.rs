//! What the writer asks of a database. One implementation per kind of SQL; the writer knows none.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use crate::completion::Finished;
use crate::delivery::{Delivery, DeliveryId, Order};
use crate::effect::{self, EffectId, Performed, Performing};
use crate::event::{Digest, Event, PluginName};
use crate::keyvalue::{Changes, Entry, EntryKey};
use crate::replay;

use super::types::{
    DbError, DueTimes, EffectShare, HoldChange, Removal, RunningAttempt, RunningId, StoreSummary,
};

/// An event to be stored under a sequence number that was never used before.
#[derive(Debug)]
pub(super) struct NewEvent {
    pub(super) seq: i64,
    pub(super) event: Arc<Event>,
    pub(super) to: Vec<NewDeliveryTo>,
}

/// Who gets a new event.
#[derive(Debug)]
pub(super) struct NewDeliveryTo {
    pub(super) plugin: PluginName,
    pub(super) order: Option<Order>,
}

/// A delivery to be stored.
#[derive(Debug)]
pub(super) struct NewDelivery<'a> {
    pub(super) id: DeliveryId,
    pub(super) plugin: &'a PluginName,
    pub(super) order: Option<Order>,
    /// It waits for an earlier one of its order.
    pub(super) behind: bool,
}

/// What a step of a replay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Replayed {
    /// Deliveries made or resolved, or in a dry run those that would be.
    pub(super) made: u64,
    /// Deliveries made.
    pub(super) opened: u64,
    /// Of these, those that wait for an earlier one of their order.
    pub(super) behind: u64,
}

/// What became of a delivery that is to be run no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discarded {
    /// It was open.
    Skipped {
        /// It waited for an earlier one of its order.
        behind: bool,
        order: Option<Order>,
    },
    /// It was a dead letter.
    Resolved,
    /// It is done, or was resolved.
    Closed,
    /// There is no such delivery.
    Unknown,
}

/// A dead effect that was resolved.
#[derive(Debug)]
pub(super) struct ResolvedEffect {
    pub(super) id: EffectId,
    pub(super) plugin: PluginName,
    pub(super) size: u64,
}

/// An attempt that ended with an earlier process.
#[derive(Debug)]
pub(super) struct Interrupted {
    pub(super) attempt: RunningAttempt,
    pub(super) plugin: PluginName,
    /// Attempts at the same delivery or effect that had ended so before.
    pub(super) crashes: u32,
}

/// How many deliveries are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// Neither done nor dead.
    pub(super) all: u64,
    /// Of these, those that wait for an earlier one of their order.
    pub(super) behind: u64,
}

/// The write side of a database. Calls between `begin` and `commit` are one transaction.
pub(super) trait Backend: Send + 'static {
    /// Begins a transaction that can write.
    fn begin(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Makes the transaction durable.
    fn commit(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Undoes the transaction, and leaves the backend such that `begin` may work again.
    fn rollback(&mut self) -> impl Future<Output = ()> + Send;

    /// Takes the idempotency key of each event. In the events' order: `None` where it was free, the
    /// digest that has it where not. No two of `events` have the same key.
    fn take_keys(
        &mut self,
        events: &[&NewEvent],
    ) -> impl Future<Output = Result<Vec<Option<Digest>>, DbError>> + Send;

    /// Which of these orders have an open delivery.
    fn open_orders(
        &mut self,
        orders: &[Order],
    ) -> impl Future<Output = Result<HashSet<Order>, DbError>> + Send;

    /// Stores events and their deliveries, which are pending or behind.
    fn insert_events(
        &mut self,
        events: &[&NewEvent],
        deliveries: &[NewDelivery<'_>],
    ) -> impl Future<Output = Result<(), DbError>> + Send;

    /// In each of these orders, of which nothing can be leased, makes the first open delivery one that can.
    /// Which those are.
    fn promote(&mut self, orders: &[Order]) -> impl Future<Output = Result<Vec<DeliveryId>, DbError>> + Send;

    /// Keeps payloads whose id another one has: each once, and not more than a few per id.
    fn keep_conflicts(&mut self, events: &[&Event]) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Writes what calls changed in their plugins' stores, in their order: of each call all of it or, if
    /// an entry is not as the call saw it, nothing. Which calls' entries were.
    fn change(
        &mut self,
        calls: &[(&PluginName, &Changes)],
    ) -> impl Future<Output = Result<Vec<bool>, DbError>> + Send;

    /// Records attempts, what becomes of their deliveries, and the effects they asked for. Doing it twice
    /// changes nothing.
    fn record(&mut self, finished: &[&Finished]) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Records tries at effects and what becomes of these.
    fn record_tries(&mut self, performed: &[Performed]) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Holds a plugin's open deliveries, or lets go of them.
    fn hold(&mut self, change: &HoldChange) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Stores a replay that was asked for. Its number.
    fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
    ) -> impl Future<Output = Result<i64, DbError>> + Send;

    /// A part of a replay, unless it was stopped.
    fn advance_replay(
        &mut self,
        step: &replay::Step,
    ) -> impl Future<Output = Result<Replayed, DbError>> + Send;

    /// Stops a replay. False when it does not run.
    fn stop_replay(&mut self, replay: i64) -> impl Future<Output = Result<bool, DbError>> + Send;

    /// Sees to it that a delivery is not run any more.
    fn discard(&mut self, id: DeliveryId) -> impl Future<Output = Result<Discarded, DbError>> + Send;

    /// Has up to so many dead effects after this one tried again, or resolves them. Which.
    fn resolve_effects(
        &mut self,
        selection: &effect::Selection,
        action: replay::Action,
        page: (EffectId, u32),
    ) -> impl Future<Output = Result<Vec<ResolvedEffect>, DbError>> + Send;

    /// Removes what is old, in a transaction of its own. How many events or keys went. It costs no `fsync`:
    /// a power cut may bring back what went, and all of it as it was.
    fn remove(&mut self, removal: &Removal) -> impl Future<Output = Result<u64, DbError>> + Send;

    /// From this event on, the host's time differs from the system clock's by `offset_ms`.
    fn record_offset(
        &mut self,
        from_seq: i64,
        offset_ms: i64,
    ) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Writes something that nobody reads.
    fn probe(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Open deliveries of `plugin` that are due, in order of acceptance.
    fn due(
        &mut self,
        plugin: &PluginName,
        due: DueTimes,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<DeliveryId>, DbError>> + Send;

    /// The deliveries with these ids, in order of acceptance.
    fn deliveries(
        &mut self,
        ids: &[DeliveryId],
    ) -> impl Future<Output = Result<Vec<Delivery>, DbError>> + Send;

    /// Open effects of `plugin` that are due, in order.
    fn due_effects(
        &mut self,
        plugin: &PluginName,
        due: DueTimes,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<EffectId>, DbError>> + Send;

    /// The effects with these ids, in order.
    fn performing(
        &mut self,
        plugin: &PluginName,
        ids: &[EffectId],
    ) -> impl Future<Output = Result<Vec<Performing>, DbError>> + Send;

    /// Which of these attempts were not recorded and are of something open.
    fn interrupted(
        &mut self,
        left: &[RunningAttempt],
    ) -> impl Future<Output = Result<Vec<Interrupted>, DbError>> + Send;

    /// Open deliveries and effects of which at least so many attempts ended with the process.
    fn suspects(&mut self, crashes: u32) -> impl Future<Output = Result<HashSet<RunningId>, DbError>> + Send;

    /// Each plugin's effects that are neither done nor dead.
    fn waiting(&mut self) -> impl Future<Output = Result<HashMap<PluginName, EffectShare>, DbError>> + Send;

    /// How many deliveries are open.
    fn count_open(&mut self) -> impl Future<Output = Result<Open, DbError>> + Send;

    /// Copies what is in the log into the database, without waiting for readers.
    fn save_log(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Puts everything where it belongs and closes.
    fn close(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// Reads entries of plugins' stores: what is committed.
pub(super) trait EntryReads: Sync {
    /// An entry.
    fn entry(
        &self,
        plugin: &PluginName,
        key: &EntryKey,
    ) -> impl Future<Output = Result<Option<Entry>, DbError>> + Send;

    /// Up to `limit` keys of a bucket after `after`, in order.
    fn keys(
        &self,
        plugin: &PluginName,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Arc<str>>, DbError>> + Send;

    /// What a store has.
    fn store_summary(
        &self,
        plugin: &PluginName,
    ) -> impl Future<Output = Result<StoreSummary, DbError>> + Send;
}
