//! Instances: made within limits, given a deadline for each call, and kept for later calls where the
//! operator says so.
//!
//! An instance holds its places in the pool until it is dropped. A kept one makes way as soon as an
//! attempt of any plugin waits for a place: idle instances are never the reason that one cannot run.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{ComponentExportIndex, Instance as Handle, Val};
use wasmtime::{AsContextMut as _, Error, Store, UpdateDeadline};

use super::attempt::Settings;
use super::budget::MemoryBudget;
use super::guest::{Guest, limit_lifting};
use super::limits::Limits;
use super::load::Revision;
use super::logs::Logs;
use super::trap::Deadline;
use super::work::Working;
use crate::delivery::Delivery;

/// How long after the guest's deadline a call that does not come back is dropped: a bound of its
/// own beside the epoch's, for a host function that does not return.
const GRACE: Duration = Duration::from_millis(250);

/// Handles of all of an instance's components at once, which wasmtime keeps some 30 bytes for each.
const HANDLES_MAX: usize = 20_000;

/// Places for instances, and those kept for later calls.
pub(super) struct Pool {
    /// One permit for each memory in the pool; see `engine::places`.
    places: Arc<Semaphore>,
    /// The one kept for longest is first.
    kept: Mutex<VecDeque<Kept>>,
    /// Attempts that wait for a place.
    waiting: AtomicUsize,
}

/// An instance that waits for its next call.
struct Kept {
    /// Which revision it is of.
    revision: RevisionId,
    settings: Settings,
    instance: Instance,
}

/// Tells revisions apart while they live, without keeping them alive.
pub(super) type RevisionId = u64;

impl Pool {
    pub(super) fn new(places: u32) -> Self {
        let places = Arc::new(Semaphore::new(places as usize));
        Self { places, kept: Mutex::default(), waiting: AtomicUsize::new(0) }
    }

    /// Takes places for an instance; drops kept ones where too few are free, and then waits.
    async fn places(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        let take = || Arc::clone(&self.places).try_acquire_many_owned(count).ok();
        if let Some(places) = take() {
            return Some(places);
        }
        // Whoever would keep an instance from now on sees that somebody waits, and drops it.
        let _waiting = Waiting::new(&self.waiting);
        while let Some(oldest) = { self.kept().pop_front() } {
            drop(oldest);
            if let Some(places) = take() {
                return Some(places);
            }
        }
        // A pool is never closed, so this is always there.
        Arc::clone(&self.places).acquire_many_owned(count).await.ok()
    }

    /// An instance that was kept of this revision, under the same settings.
    fn take(&self, revision: RevisionId, settings: &Settings) -> Option<Instance> {
        let mut kept = self.kept();
        // The last one kept is the warmest.
        let at = kept.iter().rposition(|kept| kept.revision == revision && kept.settings == *settings)?;
        kept.remove(at).map(|kept| kept.instance)
    }

    fn keep(&self, revision: RevisionId, settings: &Settings, instance: Instance) {
        let mut kept = self.kept();
        if self.waiting.load(Ordering::SeqCst) == 0 {
            // Those of settings that hold no longer would wait for ever.
            kept.retain(|kept| kept.revision != revision || kept.settings == *settings);
            kept.push_back(Kept { revision, settings: settings.clone(), instance });
        }
    }

    /// Drops what was kept of a revision that is gone.
    pub(super) fn forget(&self, revision: RevisionId) {
        self.kept().retain(|kept| kept.revision != revision);
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one that waits, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An instance with its store, or a store that has none yet.
pub(super) struct Instance {
    store: Store<Guest>,
    handle: Option<Handle>,
    calls: u32,
    /// Free for another once the store is dropped: after it, so it stands last.
    _places: Option<OwnedSemaphorePermit>,
}

impl Instance {
    /// One for a call of this revision: kept, where the settings allow it, or made anew.
    pub(super) async fn of(revision: &Revision, settings: &Settings, delivery: Option<&Delivery>) -> Self {
        let event = delivery.map_or("(load)", |delivery| &delivery.event.id);
        let runtime = &revision.runtime.0;
        let kept = settings.reuse_max.and_then(|_| runtime.pool.take(revision.id, settings));
        if let Some(mut kept) = kept {
            kept.store.data_mut().begin(event);
            kept.store.data_mut().work.begin(delivery);
            kept.store.set_epoch_deadline(1);
            fill(&mut kept.store);
            return kept;
        }
        let places = runtime.pool.places(revision.places).await;
        let limits = Limits::new(settings.memory_max_bytes, &runtime.limits);
        let budget = MemoryBudget::new(settings.host_memory_max_bytes);
        let names = (revision.plugin.as_str(), event);
        let logs = Logs::new(settings.log_max_bytes, &budget, names, &settings.mask);
        let (stores, outbound) = (Arc::clone(&runtime.stores), runtime.outbound.clone());
        let mut work = Working::new(revision.plugin.clone(), stores, outbound.clone(), settings, &budget);
        work.begin(delivery);
        let random_max_bytes = runtime.limits.random_max_bytes;
        let guest = Guest::new((limits, budget), logs, work, settings, outbound, random_max_bytes);
        let mut store = Store::new(&runtime.engine, guest);
        store.set_max_component_handles(HANDLES_MAX);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            let guest = context.data();
            if Instant::now() >= guest.deadline {
                return Err(Error::new(Deadline(guest.call_timeout)));
            }
            // Others run between two ticks of a guest that does not stop by itself.
            Ok(UpdateDeadline::Yield(1))
        });
        limit_lifting(&mut store.as_context_mut());
        fill(&mut store);
        Self { store, handle: None, calls: 0, _places: places }
    }

    /// Instantiates, if that was not done.
    pub(super) async fn instantiate(&mut self, revision: &Revision) -> Result<(), Error> {
        self.within(async |instance| instance.handle(revision).await.map(drop)).await
    }

    /// Calls an export that returns one value. `params_bytes`: what the parameters take in memory.
    pub(super) async fn call(
        &mut self,
        revision: &Revision,
        func: ComponentExportIndex,
        params: &[Val],
        params_bytes: usize,
    ) -> Result<Val, Error> {
        let held = self.guest().budget.reserve(params_bytes);
        let _held = held.map_err(|over| over.asked_for("its parameters"))?;
        self.within(async |instance| {
            limit_lifting(&mut instance.store.as_context_mut());
            let handle = instance.handle(revision).await?;
            let func = handle.get_func(&mut instance.store, func);
            let func = func.ok_or_else(|| Error::msg("the export is gone"))?;
            let mut results = [Val::Bool(false)];
            instance.calls += 1;
            func.call_async(&mut instance.store, params, &mut results).await?;
            let [result] = results;
            Ok(result)
        })
        .await
    }

    async fn handle(&mut self, revision: &Revision) -> Result<Handle, Error> {
        match self.handle {
            Some(handle) => Ok(handle),
            None => Ok(*self.handle.insert(revision.pre.instantiate_async(&mut self.store).await?)),
        }
    }

    async fn within<T>(&mut self, body: impl AsyncFnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let left = self.guest().deadline.saturating_duration_since(Instant::now());
        let result = tokio::time::timeout(left + GRACE, body(self)).await;
        result.unwrap_or_else(|_| Err(Error::new(Deadline(self.guest().call_timeout))))
    }

    /// What the host keeps for it.
    pub(super) fn guest(&self) -> &Guest {
        self.store.data()
    }

    /// As [`Instance::guest`], to take from it what the call left.
    pub(super) fn guest_mut(&mut self) -> &mut Guest {
        self.store.data_mut()
    }

    /// Instructions since its call began, in an engine that counts them.
    pub(super) fn fuel(&self) -> Option<u64> {
        self.store.get_fuel().ok().map(|left| u64::MAX - left)
    }

    /// Keeps it for later calls if it has some left. Only for one whose last call went well: after a
    /// failure nobody knows what it left in memory. Requests that it did not wait for end with it.
    pub(super) fn keep(self, revision: &Revision, settings: &Settings) {
        if !self.guest().is_requesting() && settings.reuse_max.is_some_and(|most| self.calls < most) {
            revision.runtime.0.pool.keep(revision.id, settings, self);
        }
    }
}

/// Gives a call all the fuel there is, in an engine that counts it: time is what limits calls.
fn fill(store: &mut Store<Guest>) {
    // Any other engine refuses, and counts nothing.
    let _ = store.set_fuel(u64::MAX);
}
