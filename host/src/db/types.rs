//! The vocabulary of the database room: what its files and its callers pass to each other. It imports no sibling.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{self, Asked, Effect, EffectId, Performing};
use crate::event::{Digest, PluginName};
use crate::replay;

/// What became of an event offered for acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// New, and committed.
    Accepted {
        /// How many deliveries were committed with it.
        deliveries: usize,
    },
    /// Its id was taken by the same payload.
    Duplicate,
    /// Its id was taken by another payload; this one is kept apart.
    Conflict,
}

/// Why nothing could be stored.
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
    /// The call read what another has changed since.
    #[error("another call changed what this one had read")]
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

/// Another call changed what this one had read: it has to run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict;

/// Why a plugin's deliveries are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// It is not there.
    Absent,
    /// An operator paused it.
    Paused,
}

/// Whether a plugin's deliveries are held for a reason.
#[derive(Debug, Clone)]
pub(super) struct HoldChange {
    pub(super) plugin: PluginName,
    pub(super) why: Hold,
    pub(super) held: bool,
}

/// Hints that there may be something to do. The tick finds it too, should one be lost.
pub trait Notices: Send + Sync + 'static {
    /// There may be deliveries to lease that were not offered.
    fn rescan(&self);

    /// There may be effects to lease that were not offered.
    fn rescan_effects(&self);

    /// A replay was asked for.
    fn replay_requested(&self);

    /// A plugin was paused: what waits for it in memory is to be released.
    fn plugin_paused(&self, plugin: &PluginName);
}

/// Takes deliveries and effects straight from the commit, leased. The writer calls it: it must not wait. Where it
/// returns false, its window is full: what it was offered stays in the database, to be leased later.
pub trait Handoff: Notices {
    /// Offers a committed delivery.
    fn offer(&self, delivery: Delivery) -> bool;

    /// Offers a committed effect.
    fn offer_effect(&self, effect: Performing) -> bool;
}

/// How much may wait, and be kept in memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Events waiting for their commit, above which senders are asked to come back later.
    pub queue_max: usize,
    /// Open deliveries, likewise.
    pub backlog_max: u64,
    /// What is kept in memory of plugins' stores.
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
}

/// Effects leased to this process.
#[derive(Debug, Default)]
pub struct EffectLease {
    /// In order.
    pub effects: Vec<Performing>,
    /// Whether more of the same plugin are due.
    pub more: bool,
}

/// Asks for a lease of what is due of a plugin.
#[derive(Debug)]
pub(super) struct LeaseRequest {
    pub(super) plugin: PluginName,
    pub(super) limit: usize,
    /// The longest wait there is: what is to wait longer is due, for the clock was set back.
    pub(super) wait_max: Duration,
}

/// What is due at a moment of the host's clock, in ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueTimes {
    /// What is to run by then is due.
    pub(super) by: u64,
    /// So is what is to run after this: nothing waits that long, so its time was worked out by a clock that
    /// was set back since.
    pub(super) beyond: u64,
}

impl DueTimes {
    /// What is due at `now` of what waits no longer than `wait_max`.
    pub(super) fn at(now: u64, wait_max: Duration) -> Self {
        let wait_max = u64::try_from(wait_max.as_millis()).unwrap_or(u64::MAX);
        Self { by: now, beyond: now.saturating_add(wait_max) }
    }
}

/// What became of a delivery that is to be run no more.
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

/// What runs: an attempt at a delivery or at an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RunningId {
    Delivery(DeliveryId),
    Effect(EffectId),
}

/// An attempt that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunningAttempt {
    pub(super) id: RunningId,
    /// From 1.
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

/// What an attempt was at that ended with an earlier process.
#[derive(Debug)]
pub(super) enum InterruptedWork {
    Delivery(Delivery),
    Effect(EffectId, PluginName),
}

/// What is known of deliveries in memory only, at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct InMemoryState {
    /// Those whose attempt began and is not recorded yet.
    pub(super) running: HashSet<DeliveryId>,
    /// Plugins that their breakers pause.
    pub(super) broken: Vec<PluginName>,
}

/// Effects of a plugin, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct EffectShare {
    /// How many.
    pub(super) count: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

impl EffectShare {
    /// Counts these effects.
    pub(super) fn of(effects: &[Asked]) -> Self {
        let bytes = effects.iter().map(|asked| asked.size).sum();
        Self { count: effects.len() as u64, bytes }
    }
}

/// How many of these effects are events.
pub(super) fn emitted_events(effects: &[Asked]) -> u64 {
    effects.iter().filter(|asked| matches!(asked.effect, Effect::Event(_))).count() as u64
}

/// What is known of a plugin's store as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoreSummary {
    pub(super) keys: i64,
    /// As [`crate::keyvalue::entry_bytes`] counts them.
    pub(super) bytes: i64,
    /// The write that last added or removed a key.
    pub(super) keys_version: u64,
    /// All its entries are known: one that is not known does not exist. So it is from an empty store on, until
    /// an entry is evicted.
    pub(super) complete: bool,
}

/// How much there is of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// Deliveries that are dead letters and not resolved.
    pub dead_deliveries: u64,
    /// Effects likewise.
    pub dead_effects: u64,
    /// When the oldest event with one of these was received, ms since the Unix epoch.
    pub oldest_dead_at: Option<u64>,
    /// What the database has on disk.
    pub size: Size,
}

/// What the database has on disk.
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
    /// Received before the moment asked for.
    pub(super) old: bool,
    /// Old, and nothing is left to do with it.
    pub(super) over: bool,
    /// About what it takes, where it is over.
    pub(super) bytes: u64,
}

/// Idempotency keys of a page that may be removed, and where the next page begins.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OldKeys {
    pub(super) keys: Vec<i64>,
    pub(super) last: Option<i64>,
}

/// What is old, and is removed if that is still so and nothing else is against it.
#[derive(Debug)]
pub(super) enum Removal {
    /// Events, with all that belongs to them but their idempotency keys.
    Events(Vec<i64>),
    /// Idempotency keys of these events, which are gone.
    Keys(Vec<i64>),
}

impl Removal {
    /// Whether nothing is to be removed.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Events(events) => events.is_empty(),
            Self::Keys(keys) => keys.is_empty(),
        }
    }
}

/// Why there is no backup, or nothing was restored.
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
    /// It is no database that this program can go on with.
    #[error("{0}")]
    Unfit(String),
    /// A file or directory does not do what is needed.
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

/// What a backup contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupContent {
    /// Deliveries that run once a host starts with it.
    pub open_deliveries: u64,
    /// When its newest event was received, ms since the Unix epoch.
    pub newest_at: Option<u64>,
}

/// A page of dead effects, and what is to be done with them.
#[derive(Debug)]
pub(super) struct EffectResolution {
    pub(super) selection: effect::Selection,
    pub(super) action: replay::Action,
    pub(super) after: EffectId,
    pub(super) limit: u32,
}
