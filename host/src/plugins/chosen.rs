//! Kept revisions that replays run on, beside those in force: loaded when one is needed, and at most
//! `plugins.replay_revisions_max` of them. Their instances have places of their own.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch as channel};

use super::Plugins;
use super::active::{ActivePlugin, RunningEntry};
use super::instruct::{Desk, InstructionError, find_revision};
use super::load::FileRefusal;
use super::snapshot::Snapshot;
use crate::completion::CallWork;
use crate::delivery::{Attempt, Cause, Failure, Outcome};
use crate::event::{Digest, PluginName, now_ms};
use crate::runtime::{AttemptReport, Call, Runner, Stages};

/// A revision stays for so long before another one may take its place, so that many do not only load each other away.
const STAY_MIN: Duration = Duration::from_secs(2);
/// How often a revision for which there is no place is asked for again.
const PLACE_PAUSE: Duration = Duration::from_millis(50);
/// A revision that no delivery has needed for so long is dropped.
const IDLE_MAX: Duration = Duration::from_mins(1);
/// A refused revision is loaded again after this time, if a delivery needs it.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct ChosenRevisions {
    revisions_max: usize,
    slots: Mutex<Vec<Slot>>,
    /// Held by each loaded revision until its last attempt has ended.
    places: Arc<Semaphore>,
    /// Loads run here, and not on the threads of the deliveries that wait for them.
    runtime: Handle,
}

/// A revision that is loaded or being loaded.
struct Slot {
    plugin: PluginName,
    digest: Digest,
    used_at: Instant,
    chosen: Loading,
}

/// A revision, when it is loaded or refused.
type Loading = channel::Receiver<Option<Arc<ChosenRevision>>>;

/// The revision of a replayed delivery.
pub enum ReplayedRevision {
    /// It is in force.
    InForce,
    /// It is loaded, or refused.
    Loaded(Arc<ChosenRevision>),
    /// It is being loaded, or waits for that.
    Loading,
}

/// A kept revision that a replay chose: loaded, or refused.
pub struct ChosenRevision {
    entry: RunningEntry,
    refusal: Option<FileRefusal>,
    loaded_at: Instant,
    /// The plugin with this revision, and the plugin whose settings it has.
    active: Mutex<Option<(Weak<ActivePlugin>, Arc<ActivePlugin>)>>,
}

impl ChosenRevision {
    fn new(entry: RunningEntry, refusal: Option<FileRefusal>) -> Self {
        Self { entry, refusal, loaded_at: Instant::now(), active: Mutex::default() }
    }

    fn refused(plugin: PluginName, revision: Digest, refusal: FileRefusal) -> Self {
        let reason =
            format!("the revision {} that the replay chose cannot run: {}", revision.short(), refusal.reason);
        let runner = Arc::new(RefusedRunner { revision, reason, is_temporary: refusal.is_temporary });
        let (typed, patterns) = (Vec::new(), Vec::new());
        Self::new(RunningEntry { plugin, runner, revision, typed, patterns }, Some(refusal))
    }

    /// Its handlers; `None` if it was refused.
    #[must_use]
    pub fn entry(&self) -> Option<&RunningEntry> {
        self.refusal.is_none().then_some(&self.entry)
    }

    /// The plugin with this revision and its present settings. If the revision was refused, each attempt fails with
    /// the reason.
    #[must_use]
    pub fn active(&self, now: &Arc<ActivePlugin>) -> Arc<ActivePlugin> {
        let mut known = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, active)) = &*known
            && before.as_ptr() == Arc::as_ptr(now)
        {
            return Arc::clone(active);
        }
        let active = Arc::new(now.on(&self.entry));
        *known = Some((Arc::downgrade(now), Arc::clone(&active)));
        active
    }

    /// Whether the refusal is old enough for another try.
    fn is_stale(&self) -> bool {
        self.refusal.is_some() && self.loaded_at.elapsed() >= RETRY_AFTER
    }
}

impl ChosenRevisions {
    /// Loads run on the calling task's runtime.
    pub(super) fn new(revisions_max: usize) -> Self {
        let places = Arc::new(Semaphore::new(revisions_max));
        Self { revisions_max, slots: Mutex::default(), places, runtime: Handle::current() }
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops revisions that no delivery has needed for a while.
    fn drop_idle(&self) {
        let mut slots = self.slots();
        let (kept, idle) = std::mem::take(&mut *slots).into_iter().partition(|slot| !slot.is_idle());
        *slots = kept;
        drop(slots);
        // Dropping a revision frees its code, which takes a while.
        drop::<Vec<Slot>>(idle);
    }

    /// The revision, when it is loaded or refused.
    async fn wait(&self, plugins: &Plugins, plugin: &PluginName, digest: Digest) -> Arc<ChosenRevision> {
        let mut chosen = loop {
            if let Some(chosen) = self.get(plugins, plugin, digest) {
                break chosen;
            }
            tokio::time::sleep(PLACE_PAUSE).await;
        };
        let loaded = chosen.wait_for(Option::is_some).await.ok().and_then(|chosen| chosen.clone());
        loaded.unwrap_or_else(|| {
            // The task that loads it has panicked, or the host is ending.
            let reason = "loading it stopped".to_owned();
            let refusal = FileRefusal { revision: Some(digest), reason, is_temporary: true };
            Arc::new(ChosenRevision::refused(plugin.clone(), digest, refusal))
        })
    }

    /// The revision, which may still be loading. If there are too many, of those that have stayed for a while the one that
    /// was not needed for the longest time makes room: it is dropped when its attempts have ended. `None` if there is none.
    fn get(&self, plugins: &Plugins, plugin: &PluginName, digest: Digest) -> Option<Loading> {
        let mut removed = Vec::new();
        let mut slots = self.slots();
        let place = slots.iter().position(|slot| slot.plugin == *plugin && slot.digest == digest);
        if let Some(place) = place {
            if slots[place].is_usable() {
                slots[place].used_at = Instant::now();
                return Some(slots[place].chosen.clone());
            }
            removed.push(slots.swap_remove(place));
        }
        if slots.len() >= self.revisions_max {
            let movable = slots.iter().enumerate().filter(|(_, slot)| slot.may_be_removed());
            let (oldest, _) = movable.min_by_key(|(_, slot)| slot.used_at)?;
            removed.push(slots.swap_remove(oldest));
        }
        let (loaded, chosen) = channel::channel(None);
        let (plugins, places, name) = (plugins.clone(), Arc::clone(&self.places), plugin.clone());
        self.runtime.spawn(async move {
            let chosen = load(plugins.desk(), places, name, digest).await;
            // If nobody waits any more, it is dropped.
            let _ = loaded.send(Some(Arc::new(chosen)));
        });
        let used_at = Instant::now();
        slots.push(Slot { plugin: plugin.clone(), digest, used_at, chosen: chosen.clone() });
        drop(slots);
        drop(removed);
        Some(chosen)
    }
}

impl Slot {
    fn is_usable(&self) -> bool {
        let is_stale = self.chosen.borrow().as_ref().is_some_and(|chosen| chosen.is_stale());
        // Without a result, the task that loaded it has panicked.
        let has_failed = self.chosen.borrow().is_none() && self.chosen.has_changed().is_err();
        !is_stale && !has_failed
    }

    fn may_be_removed(&self) -> bool {
        self.chosen.borrow().as_ref().is_some_and(|chosen| chosen.loaded_at.elapsed() >= STAY_MIN)
    }

    fn is_idle(&self) -> bool {
        self.used_at.elapsed() >= IDLE_MAX && self.chosen.borrow().is_some()
    }
}

async fn load(desk: &Desk, places: Arc<Semaphore>, plugin: PluginName, digest: Digest) -> ChosenRevision {
    let config = desk.config.borrow().clone();
    // Semaphores are never closed, so there always is a place.
    let place = places.acquire_owned().await.ok();
    match desk.loader.for_replays().load_stored(&plugin, digest, &config).await {
        Ok(loaded) => {
            let mut entry = RunningEntry::from(&loaded.revision);
            entry.runner = Arc::new(PlacedRunner { runner: entry.runner, _place: place });
            ChosenRevision::new(entry, None)
        }
        Err(refusal) => ChosenRevision::refused(plugin, digest, refusal),
    }
}

/// A loaded revision, which keeps its place until it is dropped.
struct PlacedRunner {
    runner: Arc<dyn Runner>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Runner for PlacedRunner {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>> {
        self.runner.attempt(call)
    }

    fn places(&self) -> usize {
        self.runner.places()
    }
}

/// A revision that was refused: its attempts fail.
struct RefusedRunner {
    revision: Digest,
    reason: String,
    is_temporary: bool,
}

impl Runner for RefusedRunner {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>> {
        let outcome = if self.is_temporary { Outcome::Retry } else { Outcome::Rejected };
        let reason = self.reason.clone();
        let attempt = Attempt {
            number: call.delivery.attempts + 1,
            started_at: now_ms(),
            duration_us: 0,
            revision: self.revision,
            peak_memory_bytes: 0,
            logs: Vec::new(),
            failure: Some(Failure { outcome, cause: Cause::Host, reason, after_ms: None }),
        };
        Box::pin(std::future::ready(AttemptReport {
            attempt,
            work: CallWork::default(),
            fuel: None,
            stages: Stages::default(),
        }))
    }
}

impl Plugins {
    /// Finds the kept revision whose digest begins with these digits, for a replay. It must have been in force once,
    /// and it is loaded, so that a replay on a revision that cannot run does not begin.
    ///
    /// # Errors
    /// [`InstructionError::UnknownPlugin`], [`InstructionError::NoRevision`], [`InstructionError::Refused`],
    /// [`InstructionError::Unavailable`].
    pub async fn choose_revision(
        &self,
        plugin: &PluginName,
        digits: &str,
    ) -> Result<Digest, InstructionError> {
        let digest = find_revision(&self.history(plugin).await?, Some(digits))?;
        let Some(chosen) = self.chosen_revision(&self.snapshot(), plugin, digest).await else {
            return Ok(digest);
        };
        match &chosen.refusal {
            None => Ok(digest),
            Some(refusal) if refusal.is_temporary => {
                Err(InstructionError::Unavailable(refusal.reason.clone()))
            }
            Some(refusal) => Err(InstructionError::Refused(refusal.reason.clone())),
        }
    }

    /// The revision that a replay chose, when it is loaded or refused; `None` if it is in force in this snapshot.
    pub async fn chosen_revision(
        &self,
        snapshot: &Snapshot,
        plugin: &PluginName,
        digest: Digest,
    ) -> Option<Arc<ChosenRevision>> {
        let is_in_force = snapshot.get(plugin).is_some_and(|active| active.revision == digest);
        if is_in_force { None } else { Some(self.0.chosen.wait(self, plugin, digest).await) }
    }

    /// The revision of a replayed delivery, without waiting for it: if it is not loaded, its load begins.
    #[must_use]
    pub fn replayed_revision(
        &self,
        snapshot: &Snapshot,
        plugin: &PluginName,
        digest: Digest,
    ) -> ReplayedRevision {
        if snapshot.get(plugin).is_some_and(|active| active.revision == digest) {
            return ReplayedRevision::InForce;
        }
        let loading = self.0.chosen.get(self, plugin, digest);
        let loaded = loading.and_then(|loading| loading.borrow().clone());
        loaded.map_or(ReplayedRevision::Loading, ReplayedRevision::Loaded)
    }

    /// Drops the revisions of replays that were not needed for a while.
    pub fn drop_idle_revisions(&self) {
        self.0.chosen.drop_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revision::{HistoryEntry, HistoryPage, Origin, RevisionFacts};

    fn entry(number: u64, digest: Digest, was_in_force: bool, is_kept: bool) -> HistoryEntry {
        HistoryEntry {
            number,
            digest,
            origin: Origin::Push,
            by: "ann".into(),
            at: number,
            note: None,
            refusal: None,
            decision: None,
            in_force_at: was_in_force.then_some(number),
            facts: is_kept.then(RevisionFacts::default),
        }
    }

    #[test]
    fn a_replay_runs_on_kept_revisions_that_were_in_force_once() {
        let digest = |first: u8, last: u8| {
            let mut digest = [first; 32];
            digest[31] = last;
            Digest(digest)
        };
        let entries = vec![
            entry(6, digest(0xaa, 1), true, true),
            // It waits, or was rejected.
            entry(5, digest(0xbb, 1), false, true),
            entry(4, digest(0xcc, 1), true, false),
            entry(3, digest(0xdd, 1), true, true),
            entry(2, digest(0xdd, 2), true, true),
            entry(1, digest(0xaa, 1), true, true),
        ];
        let history = HistoryPage { entries, ..HistoryPage::default() };
        for (digits, expected) in [
            ("aaaa", Ok(digest(0xaa, 1))),
            ("bbbb", Err("was never in force")),
            ("cccc", Err("is no longer kept")),
            ("dddd", Err("2 of its revisions begin with")),
            ("eeee", Err("no revision of it has a digest that begins with")),
        ] {
            match (find_revision(&history, Some(digits)), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
                (found, expected) => panic!("{digits}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
