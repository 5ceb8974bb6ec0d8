//! The places for instances, and the idle instances that are kept for a later call.
//!
//! An instance holds its places until it is dropped. Idle instances are dropped as soon as an attempt of any plugin
//! waits for a place, so they never delay one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Component;

use super::calls::PluginSettings;
use super::engine_config::TABLES_PER_PLACE;
use super::instance::Instance;

/// See the module.
pub(super) struct InstancePool {
    /// One permit for each place; see [`places_of`].
    places: Arc<Semaphore>,
    /// The number of all of them.
    size: u32,
    /// Oldest first.
    idle: Mutex<VecDeque<IdleInstance>>,
    /// Attempts that wait for a place.
    waiting: AtomicUsize,
}

struct IdleInstance {
    revision: RevisionId,
    settings: PluginSettings,
    instance: Instance,
}

/// Identifies a revision of this process, without keeping it alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RevisionId(u64);

impl RevisionId {
    /// One that no other revision has.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl InstancePool {
    pub(super) fn new(size: u32) -> Self {
        let places = Arc::new(Semaphore::new(size as usize));
        Self { places, size, idle: Mutex::default(), waiting: AtomicUsize::new(0) }
    }

    /// The number of all places.
    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// Takes places for an instance. Where too few are free, drops idle instances, and then waits.
    pub(super) async fn acquire(&self, count: u32) -> Option<OwnedSemaphorePermit> {
        let try_acquire = || Arc::clone(&self.places).try_acquire_many_owned(count).ok();
        if let Some(places) = try_acquire() {
            return Some(places);
        }
        // From now on `keep` drops instances.
        let _waiting = WaitingGuard::new(&self.waiting);
        while let Some(oldest) = { self.idle().pop_front() } {
            drop(oldest);
            if let Some(places) = try_acquire() {
                return Some(places);
            }
        }
        // The semaphore is never closed, so this never fails.
        Arc::clone(&self.places).acquire_many_owned(count).await.ok()
    }

    /// Takes an idle instance of this revision that was kept under the same settings.
    pub(super) fn take(&self, revision: RevisionId, settings: &PluginSettings) -> Option<Instance> {
        let mut idle = self.idle();
        // The last one kept is the warmest.
        let at = idle.iter().rposition(|kept| kept.revision == revision && kept.settings == *settings)?;
        idle.remove(at).map(|kept| kept.instance)
    }

    /// Keeps an instance for a later call, unless an attempt waits for its places.
    pub(super) fn keep(&self, revision: RevisionId, settings: &PluginSettings, instance: Instance) {
        let mut idle = self.idle();
        if self.waiting.load(Ordering::SeqCst) == 0 {
            // Instances of earlier settings would never be taken.
            idle.retain(|kept| kept.revision != revision || kept.settings == *settings);
            idle.push_back(IdleInstance { revision, settings: settings.clone(), instance });
        }
    }

    /// Drops the idle instances of a revision.
    pub(super) fn forget(&self, revision: RevisionId) {
        self.idle().retain(|kept| kept.revision != revision);
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<IdleInstance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an attempt that waits for a place until it is dropped.
struct WaitingGuard<'a>(&'a AtomicUsize);

impl<'a> WaitingGuard<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Places that one instance of a component takes. With them, the pool has the memories and tables that it
/// needs.
pub(super) fn places_of(component: &Component) -> u32 {
    let needs = component.resources_required();
    let memories = needs.as_ref().map_or(1, |needs| needs.num_memories);
    let tables = needs.as_ref().map_or(1, |needs| needs.num_tables);
    memories.max(tables.div_ceil(TABLES_PER_PLACE)).max(1)
}
