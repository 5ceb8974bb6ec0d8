//! The types that the database room's files and its callers pass to each other. It imports no sibling.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use crate::audit::BulkDecision;
use crate::completion::FinishedAttempt;
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{self, Effect, EffectId, LeasedEffect, QueuedEffect};
use crate::event::{Digest, PluginName, SourceName};
use crate::replay;
use crate::token::StoredToken;

/// The future result of a read.
pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, DbError>> + Send + 'a>>;

/// The result for an event offered for acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// New, and committed.
    Accepted {
        /// The number of matched deliveries that were committed with it.
        deliveries: usize,
        /// The number of unmatched deliveries that were committed with it.
        unmatched: usize,
    },
    /// Its id was taken by the same payload.
    Duplicate,
    /// Its id was taken by another payload; this one is kept apart.
    Conflict,
}

/// The reason why nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// Too much is waiting: come back later.
    #[error("the queue is full ({0})")]
    Full(&'static str),
    /// The database does not do its work.
    #[error("database: {0}")]
    Unavailable(String),
    /// An attempt at a delivery that this process has not leased, or that has an attempt already.
    #[error("delivery {0} is not leased")]
    NotLeased(DeliveryId),
    /// The token that decides was revoked.
    #[error("the token `{0}` was revoked")]
    Revoked(String),
    /// Another call has changed an entry that this one read.
    #[error("another call changed an entry that this one had read")]
    Conflict,
    /// It cannot be opened.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// Another process has it.
    #[error("the database {0} is in use by another hookyard host")]
    InUse(PathBuf),
    /// `database.url` means nothing to this host.
    #[error("database.url `{0}`: this host knows `sqlite:PATH` only")]
    Url(String),
}

impl DbError {
    pub(super) fn closed() -> Self {
        Self::Unavailable("it is closed".into())
    }
}

/// Another call changed an entry that this one had read: it has to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict;

/// The reason why a plugin's deliveries are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PluginHold {
    /// The plugin is absent.
    Absent,
    /// An operator paused it.
    Paused,
}

/// Whether a plugin's deliveries are held because it is absent.
#[derive(Debug, Clone)]
pub(super) struct HoldChange {
    pub(super) plugin: PluginName,
    pub(super) held: bool,
}

/// Rows of revoked tokens that are kept.
pub(super) const REVOKED_TOKENS_MAX: u32 = 1000;

/// The tokens that are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredTokens {
    /// Those that can be used, and revoked ones.
    pub tokens: Vec<StoredToken>,
    /// Rows that are no tokens, since the database was changed by another program: their names, and what is wrong.
    pub damaged: Vec<(String, String)>,
}

/// The result for a token that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenCreation {
    /// It is stored.
    Created(Box<StoredToken>),
    /// This token has its name.
    NameTaken(Box<StoredToken>),
    /// There are as many as there may be.
    Full,
}

/// Hints that there may be something to do. The tick finds it too, should one be lost.
pub trait Notices: Send + Sync + 'static {
    /// There may be deliveries to lease that were not offered.
    fn rescan(&self);

    /// There may be effects to lease that were not offered.
    fn rescan_effects(&self);

    /// An operator requested a replay.
    fn replay_requested(&self);

    /// An operator requested an erasure.
    fn erasure_requested(&self);

    /// A switch was turned on: the deliveries that it held are to be released.
    fn release_requested(&self);

    /// A plugin was paused: its deliveries and effects in memory are to be released.
    fn plugin_paused(&self, plugin: &PluginName);
}

/// Takes leased deliveries and effects straight from the commit. The writer calls it, so it must not wait. It
/// returns false if the window is full: the offered work stays in the database, to be leased later.
pub trait Handoff: Notices {
    /// Offers a committed delivery.
    fn offer(&self, delivery: Delivery) -> bool;

    /// Offers a committed effect.
    fn offer_effect(&self, effect: LeasedEffect) -> bool;

    /// Takes note that an attempt was committed.
    fn recorded(&self, _finished: &FinishedAttempt) {}
}

/// The limits on waiting work and on memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The maximum of events that wait for their commit; above it, senders must come back later.
    pub queue_max: usize,
    /// The maximum of open deliveries.
    pub backlog_max: u64,
    /// The maximum of bytes in memory for entries of plugins' stores.
    pub cache_max_bytes: u64,
    /// Deaths of the process during attempts at one delivery or effect after which it is dead.
    pub crashes_max: u32,
}

/// Deliveries leased to this process.
#[derive(Debug, Default)]
pub struct Lease {
    /// In order of acceptance.
    pub deliveries: Vec<Delivery>,
    /// Whether more of the same plugin are due.
    pub more: bool,
    /// Whether deliveries on revisions that replays chose were found. They are leased by revision.
    pub has_chosen: bool,
}

/// Effects leased to this process.
#[derive(Debug, Default)]
pub struct EffectLease {
    /// In order.
    pub effects: Vec<LeasedEffect>,
    /// Whether more of the same plugin are due.
    pub more: bool,
}

/// A delivery whose plugin's handlers are not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event's source.
    pub source: SourceName,
    /// The event's type.
    pub event_type: String,
}

/// Whether an unmatched delivery's plugin handles the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchDecision {
    /// The delivery.
    pub id: DeliveryId,
    /// If so, the delivery becomes due in its turn. Otherwise it is withdrawn.
    pub handled: bool,
}

/// The numbers of matched deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatchCount {
    /// Their plugin handles the event: they are due, or blocked.
    pub handled: u64,
    /// Deliveries that were removed, because the plugin does not handle their event.
    pub withdrawn: u64,
}

/// Decisions about unmatched deliveries of a plugin.
#[derive(Debug)]
pub(super) struct PluginMatch {
    pub(super) plugin: PluginName,
    pub(super) decisions: Vec<MatchDecision>,
}

/// Most revisions of which something is recorded.
pub(super) const REVISIONS_MAX: u32 = 10_000;

/// A request to lease a plugin's due work.
#[derive(Debug)]
pub(super) struct LeaseRequest {
    pub(super) plugin: PluginName,
    /// For deliveries: the revision that a replay chose for them; `None` for the one in force.
    pub(super) revision: Option<Digest>,
    pub(super) limit: usize,
    /// The longest possible wait: work with a longer one is due, because the clock was set back.
    pub(super) wait_max: Duration,
}

/// The due times that count at a moment of the host's clock, in ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueTimes {
    /// Work with a time up to this is due.
    pub(super) by: u64,
    /// Work with a time after this is due too: nothing waits that long, so its time comes from a clock that
    /// was set back since.
    pub(super) beyond: u64,
}

impl DueTimes {
    /// Returns the due times at `now`, if no work waits longer than `wait_max`.
    pub(super) fn at(now: u64, wait_max: Duration) -> Self {
        let wait_max = u64::try_from(wait_max.as_millis()).unwrap_or(u64::MAX);
        Self { by: now, beyond: now.saturating_add(wait_max) }
    }
}

/// The result for a delivery that is not to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// It was open, and is a resolved dead letter.
    Skipped,
    /// It was a dead letter, and is resolved.
    Resolved,
    /// It is done, or was resolved before.
    Closed,
    /// An attempt at it is under way, or about to begin.
    Busy,
    /// There is no such delivery.
    Unknown,
}

/// An attempt under way, at a delivery or at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RunningId {
    Delivery(DeliveryId),
    Effect(EffectId),
}

/// An attempt that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunningAttempt {
    pub(super) id: RunningId,
    /// The attempt's number, from 1.
    pub(super) number: u32,
    /// ms since the Unix epoch.
    pub(super) started_at: u64,
    /// The revision of a delivery's plugin; zeros for an effect.
    pub(super) revision: Digest,
}

/// An attempt that ended with an earlier process.
#[derive(Debug)]
pub(super) struct Interrupted {
    pub(super) attempt: RunningAttempt,
    pub(super) work: InterruptedWork,
    /// Attempts at the same delivery or effect that had ended so before.
    pub(super) crashes: u32,
}

/// The delivery or effect of an attempt that ended with an earlier process.
#[derive(Debug)]
pub(super) enum InterruptedWork {
    Delivery(Delivery),
    Effect(EffectId, PluginName),
}

/// The state of deliveries that is in memory only, at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct InMemoryState {
    /// Deliveries whose attempt began and is not recorded yet.
    pub(super) running: HashSet<DeliveryId>,
    /// Plugins that their breakers pause.
    pub(super) broken: Vec<PluginName>,
}

/// Effects of a plugin, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct EffectShare {
    /// Their number.
    pub(super) count: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

impl EffectShare {
    /// Counts these effects.
    pub(super) fn of(effects: &[QueuedEffect]) -> Self {
        let bytes = effects.iter().map(|queued| queued.size).sum();
        Self { count: effects.len() as u64, bytes }
    }
}

/// Counts the events among these effects.
pub(super) fn emitted_events(effects: &[QueuedEffect]) -> u64 {
    effects.iter().filter(|queued| matches!(queued.effect, Effect::Event(_))).count() as u64
}

/// The totals of a plugin's store.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoreSummary {
    pub(super) keys: i64,
    /// Counted as by [`crate::keyvalue::entry_bytes`].
    pub(super) bytes: i64,
    /// The write that last added or removed a key.
    pub(super) keys_version: u64,
    /// Whether all its entries are known, so that an unknown one does not exist. A store is complete from
    /// empty until an entry is evicted.
    pub(super) complete: bool,
}

/// The counts of stored rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// Deliveries that are dead letters and not resolved.
    pub dead_deliveries: u64,
    /// Dead effects.
    pub dead_effects: u64,
    /// Switches that are off.
    pub switches_off: u64,
    /// The time when the oldest event with one of these was received, ms since the Unix epoch.
    pub oldest_dead_at: Option<u64>,
    /// The database's size on disk.
    pub size: Size,
}

/// The database's size on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// In use.
    pub used_bytes: u64,
    /// Free within the file: used again before it grows.
    pub free_bytes: u64,
    /// The log beside it, which is copied into the file from time to time.
    pub log_bytes: u64,
}

/// An event, to be judged by its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventAge {
    pub(super) seq: i64,
    /// Whether it was received before the requested moment.
    pub(super) old: bool,
    /// It is old and has no open work.
    pub(super) over: bool,
    /// Its approximate size, if it is over.
    pub(super) bytes: u64,
}

/// Idempotency keys of a page that may be removed, and the start of the next page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OldKeys {
    pub(super) keys: Vec<i64>,
    pub(super) last: Option<i64>,
}

/// Old rows, removed if they are still old and nothing else keeps them.
#[derive(Debug)]
pub(super) enum Removal {
    /// Events, with all that belongs to them but their idempotency keys.
    Events(Vec<i64>),
    /// Idempotency keys of these events, which are pruned.
    Keys(Vec<i64>),
    /// Changes of events up to this number, but the newest.
    Changes(i64),
    /// Files of these revisions, unless they are in force or wait.
    Revisions(Vec<Digest>),
}

impl Removal {
    /// Whether there are no rows to remove.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Events(events) => events.is_empty(),
            Self::Keys(keys) => keys.is_empty(),
            Self::Changes(up_to) => *up_to <= 0,
            Self::Revisions(digests) => digests.is_empty(),
        }
    }
}

/// The reason why a backup or a restore failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no database at {} (`database.url`)", .0.display())]
    Missing(PathBuf),
    /// Something is in its place.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// One cannot be made of itself.
    #[error("{} is the database itself", .0.display())]
    Same(PathBuf),
    /// It is not a database that this program can use.
    #[error("{0}")]
    Unfit(String),
    /// An operation on a file or directory failed.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The database does not.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The contents of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupContent {
    /// Deliveries that run once a host starts with it.
    pub open_deliveries: u64,
    /// The time when its newest event was received, ms since the Unix epoch.
    pub newest_at: Option<u64>,
}

/// Deliveries that wait for their next attempt.
#[derive(Debug)]
pub(super) struct WaitingFilter {
    /// Those of these.
    pub(super) selection: replay::Selection,
    /// Only those whose last attempt ran another revision than this one.
    pub(super) failed_before: Option<Digest>,
    /// Only those due after this time of the host.
    pub(super) due_after: u64,
}

/// Waiting deliveries that become due.
#[derive(Debug)]
pub(super) struct DueChange {
    /// Those of them that wait beyond `at`.
    pub(super) ids: Vec<DeliveryId>,
    /// Their new time, by the host's clock.
    pub(super) at: u64,
    pub(super) cause: DueCause,
}

/// The reason why waiting deliveries become due.
#[derive(Debug)]
pub(super) enum DueCause {
    /// Their plugin has a new revision. With `retried`, all are due now that failed on another one.
    NewRevision { retried: Option<(PluginName, Digest)> },
    /// An operator's decision.
    Operator { by: Box<BulkDecision>, is_last: bool },
}

/// A page of dead effects, and the action on them.
#[derive(Debug)]
pub(super) struct EffectResolution {
    pub(super) selection: effect::Selection,
    pub(super) action: replay::Action,
    pub(super) after: EffectId,
    pub(super) limit: u32,
    pub(super) by: BulkDecision,
}

/// A dead effect that was resolved.
#[derive(Debug)]
pub(super) struct ResolvedEffect {
    pub(super) id: EffectId,
    pub(super) plugin: PluginName,
    pub(super) size: u64,
}
