//! The handle by which other rooms use the database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use super::entries::Entries;
use super::search::SearchState;
use super::shared::Shared;
use super::sqlite;
use super::storage::{NewEvent, Opened, Reads, Storage};
use super::types::{Accept, Conflict, DbError, EffectShare, Handoff, HoldChange, Limits, emitted_events};
use super::view::{EventFilter, EventPage, EventView, StoredBody};
use super::writer::inbox::{AcceptReply, Accepting, Inbox, Operation, Reply, Request};
use super::writer::{Writer, WriterLimits};
use crate::audit::Decision;
use crate::clock;
use crate::completion::FinishedAttempt;
use crate::config;
use crate::delivery::Recipient;
use crate::effect::CompletedEffect;
use crate::event::{Event, Origin, PluginName};
use crate::keyvalue::{Entry, EntryKey, Keys, Peeked};

/// The database. Clones are the same one.
#[derive(Clone)]
pub struct Db {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) accepts: mpsc::Sender<Accepting>,
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) shared: Arc<Shared>,
    pub(super) reads: Box<dyn Reads>,
    pub(super) entries: Arc<Entries>,
    pub(super) search: SearchState,
    /// See [`Limits::backlog_max`].
    pub(super) backlog_max: AtomicU64,
    /// The time when the database was made, ms since the Unix epoch.
    pub(super) made_at: u64,
    /// Ids of events that were received before may have been pruned by this process.
    pub(super) ids_pruned_before: AtomicU64,
    /// Starts the writer; `None` once it has been.
    idle: Mutex<Option<StartWriter>>,
}

type StartWriter = Box<dyn FnOnce(Arc<dyn Handoff>) + Send>;

impl Db {
    /// Opens the database, creates it if it does not exist, and brings its tables up to date.
    /// Nothing is written before [`Db::start`].
    ///
    /// # Errors
    /// [`DbError::Url`], [`DbError::InUse`] when another host has it, [`DbError::Open`].
    pub async fn open(settings: &config::Database, limits: Limits) -> Result<Self, DbError> {
        let opened = sqlite::open(settings).await?;
        let writer_limits =
            WriterLimits { batch_max: settings.batch_max.max(1), crashes_max: limits.crashes_max };
        Self::over(opened, writer_limits, limits).await
    }

    /// A database over any storage.
    pub(super) async fn over<S: Storage>(
        opened: Opened<S>,
        writer_limits: WriterLimits,
        limits: Limits,
    ) -> Result<Self, DbError> {
        let Opened { storage, reads, store_version, running } = opened;
        let shared = Arc::new(Shared::new(running));
        let entries = Arc::new(Entries::new(limits.cache_max_bytes, store_version));
        let (accepts, accepts_in) = mpsc::channel(limits.queue_max.max(1));
        let (requests, requests_in) = mpsc::unbounded_channel();
        let inbox = Inbox { accepts: accepts_in, requests: requests_in };
        let writer = Writer::new(storage, inbox, Arc::clone(&shared), Arc::clone(&entries), writer_limits);
        let start: StartWriter = Box::new(|handoff| drop(tokio::spawn(writer.run(handoff))));
        let made_at = reads.made_at().await?;
        Ok(Self {
            inner: Arc::new(Inner {
                accepts,
                requests,
                shared,
                reads,
                entries,
                search: SearchState::default(),
                backlog_max: AtomicU64::new(limits.backlog_max),
                made_at,
                ids_pruned_before: AtomicU64::new(0),
                idle: Mutex::new(Some(start)),
            }),
        })
    }

    /// Starts the writer. Deliveries are offered to `handoff` as soon as they are committed.
    /// Earlier requests wait until then; a second start does nothing.
    pub fn start(&self, handoff: Arc<dyn Handoff>) {
        let idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(start) = idle {
            start(handoff);
            tokio::spawn(watch_clock(self.inner.requests.downgrade()));
        }
    }

    /// Stores an event, its idempotency key and a delivery for each of `recipients` in one transaction;
    /// answers after its commit.
    ///
    /// # Errors
    /// [`DbError::Full`] above a limit, [`DbError::Unavailable`] when it could not be committed.
    pub async fn accept(&self, event: Event, recipients: Vec<Recipient>) -> Result<Accept, DbError> {
        self.check_room()?;
        let (reply, answer) = oneshot::channel();
        let (new, reply) = (NewEvent { event, recipients }, AcceptReply::One(reply));
        self.submit_events(Accepting { new, more: Vec::new(), reply })?;
        answer.await.unwrap_or_else(|_| Err(DbError::closed()))
    }

    /// As [`Db::accept`], for several events in one transaction: all are stored, or none. The results are in their order.
    ///
    /// # Errors
    /// As [`Db::accept`].
    pub async fn accept_all(&self, events: Vec<(Event, Vec<Recipient>)>) -> Result<Vec<Accept>, DbError> {
        self.check_room()?;
        let mut events = events.into_iter().map(|(event, recipients)| NewEvent { event, recipients });
        let Some(new) = events.next() else { return Ok(Vec::new()) };
        let (reply, answer) = oneshot::channel();
        self.submit_events(Accepting { new, more: events.collect(), reply: AcceptReply::All(reply) })?;
        answer.await.unwrap_or_else(|_| Err(DbError::closed()))
    }

    fn submit_events(&self, accepting: Accepting) -> Result<(), DbError> {
        self.inner.accepts.try_send(accepting).map_err(|error| match error {
            TrySendError::Full(_) => DbError::Full("events waiting for their commit"),
            TrySendError::Closed(_) => DbError::closed(),
        })
    }

    /// Refuses a new event while the database does not work, or too many deliveries are open.
    pub(super) fn check_room(&self) -> Result<(), DbError> {
        if let Some(fault) = self.fault() {
            return Err(DbError::Unavailable(fault));
        }
        if self.backlog() >= self.inner.backlog_max.load(Ordering::Relaxed) {
            return Err(DbError::Full("open deliveries"));
        }
        Ok(())
    }

    /// Submits an attempt. It is kept until it is committed with its consequences, whatever errors the database has.
    /// The lease ends with the commit.
    ///
    /// # Errors
    /// [`Conflict`] when another call changed an entry that this one had read: it is not recorded, still
    /// leased, and has to run again.
    pub fn finish(&self, finished: FinishedAttempt) -> Result<(), Conflict> {
        self.submit(finished, None)
    }

    /// As [`Db::finish`], and waits for the commit.
    ///
    /// # Errors
    /// [`DbError::Conflict`], [`DbError::NotLeased`], or [`DbError::Unavailable`] when the database was
    /// closed before.
    #[cfg(test)]
    pub(super) async fn finished(&self, finished: FinishedAttempt) -> Result<(), DbError> {
        let (reply, answer) = oneshot::channel();
        self.submit(finished, Some(reply)).map_err(|Conflict| DbError::Conflict)?;
        answer.await.unwrap_or_else(|_| Err(DbError::closed()))
    }

    fn submit(&self, mut finished: FinishedAttempt, reply: Option<Reply<()>>) -> Result<(), Conflict> {
        let Some(mut changes) = finished.work.store.take() else {
            self.request(Request::Finish { finished, reply });
            return Ok(());
        };
        let (plugin, root) = (finished.plugin.clone(), finished.root);
        let effects = &finished.work.effects;
        let (share, events) = (EffectShare::of(effects), emitted_events(effects));
        let submitted = self.inner.entries.submit(&plugin, &mut changes, |changes| {
            finished.work.store = Some(std::mem::take(changes));
            self.request(Request::Finish { finished, reply });
        });
        submitted.inspect_err(|Conflict| {
            self.inner.shared.quotas.release(&plugin, share);
            self.inner.shared.quotas.not_emitted(root, events);
        })
    }

    /// Submits an attempt at a leased effect, as [`Db::finish`] does an attempt.
    pub fn complete_effect(&self, performed: CompletedEffect) {
        self.request(Request::CompletedEffect(performed));
    }

    /// Plugins with effects that are neither done nor dead.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn effect_plugins(&self) -> Result<Vec<PluginName>, DbError> {
        self.inner.reads.effect_plugins().await
    }

    /// Returns an entry of a plugin's store, if it is known without reading the database.
    #[must_use]
    pub fn peek_entry(&self, plugin: &PluginName, key: &EntryKey) -> Peeked {
        self.inner.entries.peek(plugin, key)
    }

    /// An entry of a plugin's store, committed or submitted.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn entry(&self, plugin: &PluginName, key: &EntryKey) -> Result<Option<Entry>, DbError> {
        self.inner.entries.get(&*self.inner.reads, plugin, key).await
    }

    /// Up to `limit` keys of a bucket after `after`, in order.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn keys(
        &self,
        plugin: &PluginName,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Keys, DbError> {
        self.inner.entries.keys(&*self.inner.reads, plugin, (bucket, after), limit).await
    }

    /// Returns the number of keys in a plugin's store, once an entry of it was read.
    #[must_use]
    pub fn key_count(&self, plugin: &PluginName) -> u64 {
        self.inner.entries.count(plugin)
    }

    /// Returns the bytes of a plugin's store, once an entry of it was read.
    #[must_use]
    pub fn store_bytes(&self, plugin: &PluginName) -> u64 {
        self.inner.entries.bytes(plugin)
    }

    /// Sets until when (the host's time) a plugin's breaker pauses it; `None` ends the pause. It is
    /// shown and not stored: after a restart, attempts for the plugin begin at once.
    pub fn breaker(&self, plugin: &PluginName, until: Option<u64>) {
        let mut broken = self.inner.shared.broken();
        match until {
            Some(until) => broken.insert(plugin.clone(), until),
            None => broken.remove(plugin),
        };
    }

    /// Plugins that their breakers pause: the end of the pause, or the start of the tests with
    /// single deliveries.
    #[must_use]
    pub fn broken(&self) -> BTreeMap<PluginName, u64> {
        let broken = self.inner.shared.broken();
        broken.iter().map(|(plugin, until)| (plugin.clone(), clock::shown(*until))).collect()
    }

    /// Holds the open and future deliveries of an absent plugin. Leased ones are held once they are
    /// released.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn hold(&self, plugin: &PluginName) -> Result<(), DbError> {
        self.change_hold(HoldChange { plugin: plugin.clone(), held: true }).await
    }

    /// Ends the hold of an absent plugin: its deliveries can be leased, unless it is paused.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn end_hold(&self, plugin: &PluginName) -> Result<(), DbError> {
        self.change_hold(HoldChange { plugin: plugin.clone(), held: false }).await
    }

    async fn change_hold(&self, change: HoldChange) -> Result<(), DbError> {
        self.ask(|reply| Request::PluginHold(change, reply)).await
    }

    /// Pauses a plugin: its deliveries are held until [`Db::resume`].
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn pause(&self, plugin: &PluginName, by: Decision) -> Result<(), DbError> {
        self.change_pause(plugin.clone(), true, by).await
    }

    /// Resumes a paused plugin: its deliveries can be leased, unless it is absent.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Revoked`].
    pub async fn resume(&self, plugin: &PluginName, by: Decision) -> Result<(), DbError> {
        self.change_pause(plugin.clone(), false, by).await
    }

    async fn change_pause(&self, plugin: PluginName, paused: bool, by: Decision) -> Result<(), DbError> {
        self.ask(|reply| Request::Operate(Operation::Pause { plugin, paused, by, reply })).await
    }

    /// Plugins that an operator paused, and since when (ms since the Unix epoch).
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn paused(&self) -> Result<Vec<(PluginName, u64)>, DbError> {
        self.inner.reads.paused().await
    }

    /// Plugins with open deliveries, held ones included.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn open_plugins(&self) -> Result<Vec<PluginName>, DbError> {
        self.inner.reads.open_plugins().await
    }

    /// Open deliveries: neither done nor dead.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        self.inner.reads.backlog()
    }

    /// Takes another [`Limits::backlog_max`].
    pub fn limit_backlog(&self, backlog_max: u64) {
        self.inner.backlog_max.store(backlog_max, Ordering::Relaxed);
    }

    /// Whether writing works, found out by writing.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn ping(&self) -> Result<(), DbError> {
        self.ask(Request::Ping).await
    }

    /// Commits all waiting work, takes no more, and closes. The file is then complete without its
    /// log, and another host may open it.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn close(&self) -> Result<(), DbError> {
        self.inner.reads.close().await;
        let idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        if idle.is_some() {
            return Ok(());
        }
        self.ask(Request::Close).await
    }

    /// A page of events, the newest first. `cursor` is the last page's `next`.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn events(
        &self,
        filter: &EventFilter,
        cursor: Option<i64>,
        limit: u32,
    ) -> Result<EventPage, DbError> {
        let memory = self.inner.shared.snapshot();
        self.inner.reads.events(filter, cursor, limit, &memory).await
    }

    /// Everything about the events with this id: one per source that has it.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn event(&self, source: Option<&str>, id: &str) -> Result<Vec<EventView>, DbError> {
        let memory = self.inner.shared.snapshot();
        self.inner.reads.event(source, id, &memory).await
    }

    /// The body of the event with this number.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn body(&self, number: i64) -> Result<Option<StoredBody>, DbError> {
        self.inner.reads.body(number).await
    }

    /// The origin of an event; of a received one itself.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn origin(&self, number: i64) -> Result<Origin, DbError> {
        self.inner.reads.origin(number).await
    }

    /// Whether [`Db::start`] is still to come.
    pub(super) fn is_idle(&self) -> bool {
        self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn request(&self, request: Request) {
        if self.inner.requests.send(request).is_err() {
            tracing::debug!("the database is closed");
        }
    }

    pub(super) async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, DbError> {
        let (reply, answer) = oneshot::channel();
        self.request(request(reply));
        answer.await.unwrap_or_else(|_| Err(DbError::closed()))
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("backlog", &self.backlog()).finish_non_exhaustive()
    }
}

/// Interval at which the system clock is compared to the host's.
const CLOCK_TICK: Duration = Duration::from_secs(1);

/// Lets the writer notice a jump of the system clock even while nothing else is written.
async fn watch_clock(requests: mpsc::WeakUnboundedSender<Request>) {
    loop {
        tokio::time::sleep(CLOCK_TICK).await;
        let Some(requests) = requests.upgrade() else { return };
        if clock::jumped().is_some() && requests.send(Request::Clock).is_err() {
            return;
        }
    }
}
