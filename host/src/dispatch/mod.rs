//! Runs committed deliveries and performs effects after the answer, each leased from the database.
//!
//! Owns: acceptance (`acceptance.rs`), the loop that leases and runs (`dispatcher.rs`), the kinds of work
//! in it (`deliveries.rs`, `chosen.rs` for those on revisions that replays chose, `effects.rs`), turns between plugins (`lanes.rs`), pauses (`breaker.rs`), the next
//! step after an attempt (`retry.rs`), replays (`replay.rs`), erasures of personal values (`erasures.rs`), deliveries
//! that a switch held (`held_releases.rs`), events accepted before their plugins were
//! loaded (`matching.rs`), deliveries that failed on earlier revisions (`new_revisions.rs`), confirmations that operators approve
//! (`confirmations.rs`). It answers no HTTP, and knows no SQL and no wasm.

mod acceptance;
mod bounds;
mod breaker;
mod chosen;
mod confirmations;
mod deliveries;
mod dispatcher;
mod effects;
mod erasures;
mod gate;
mod held_releases;
mod lanes;
mod matching;
mod new_revisions;
mod pauses;
mod replay;
mod retry;
mod spans;
#[cfg(test)]
mod testing;
mod under_way;
mod workers;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::completion::FinishedAttempt;
use crate::config::{self, Config};
use crate::db::{Db, DbError, Handoff, Notices};
use crate::delivery::Delivery;
use crate::effect::LeasedEffect;
use crate::event::PluginName;
use crate::outbound::Outbound;
use crate::plugins::{ActivePlugin, Plugins, Snapshot};
use crate::runtime::replay_places;
use crate::telemetry::Telemetry;

pub use acceptance::Acceptance;
use chosen::{ChosenDeliveries, ChosenDelivery, ChosenLane};
pub use confirmations::Confirmations;
use deliveries::Deliveries;
use dispatcher::{Dispatcher, WorkKind as _};
use effects::Effects;
use erasures::Erasures;
use gate::Gate;
use held_releases::HeldReleases;
use lanes::{Lanes, QueueItem as _};
use matching::Matching;
use new_revisions::NewRevisions;
use replay::Replays;
use workers::Workers;

/// The interval at which the database is read, independent of hints.
const TICK: Duration = Duration::from_secs(1);

/// A loop that has not scanned for work for this long hangs.
const STALLED_AFTER: Duration = Duration::from_secs(15);

/// Runs deliveries and effects.
#[derive(Clone)]
pub struct Dispatch(Arc<Inner>);

struct Inner {
    db: Db,
    plugins: Plugins,
    deliveries: Dispatcher<Deliveries>,
    chosen: Dispatcher<ChosenDeliveries>,
    effects: Dispatcher<Effects>,
    /// Notified when an operator requests a replay.
    replay: Arc<Notify>,
    /// Notified when an operator requests an erasure.
    erase: Arc<Notify>,
    /// Notified when an operator turns a switch on.
    release: Arc<Notify>,
    telemetry: Telemetry,
}

impl Dispatch {
    /// Starts with the work that an earlier process left, then takes all committed work.
    ///
    /// # Errors
    /// When the system has no threads for the workers.
    pub fn start(
        config: watch::Receiver<Arc<Config>>,
        db: Db,
        plugins: Plugins,
        outbound: Outbound,
        telemetry: Telemetry,
    ) -> std::io::Result<Self> {
        let (limits, runtime) = (config.borrow().dispatch.clone(), config.borrow().runtime.clone());
        let replay = Arc::new(Notify::new());
        let replays = Replays::new(db.clone(), plugins.clone(), config.clone(), Arc::clone(&replay));
        let erase = Arc::new(Notify::new());
        tokio::spawn(Erasures::new(db.clone(), Arc::clone(&erase)).run());
        let release = Arc::new(Notify::new());
        let releases = HeldReleases::new(db.clone(), Arc::clone(&release));
        let gate = Arc::new(Gate::new(Duration::from_millis(limits.alone_max_ms)));
        let workers = Workers::start(Duration::from_millis(runtime.tick_ms))?;
        let places = runtime.instances_max as usize;
        let found_chosen = Arc::new(Notify::new());
        let deliveries = Dispatcher::new(
            Deliveries {
                db: db.clone(),
                plugins: plugins.clone(),
                workers,
                gate: Arc::clone(&gate),
                telemetry: telemetry.clone(),
                chosen: Arc::clone(&found_chosen),
            },
            Lanes::new(limits.concurrency, limits.window).with_places(places),
        );
        let chosen_places = replay_places(&runtime) as usize;
        let chosen = Dispatcher::new(
            ChosenDeliveries(Arc::clone(deliveries.kind())),
            Lanes::new(chosen_places, chosen::WINDOW),
        );
        let limits = config.borrow().effects.clone();
        let acceptance = Acceptance::new(db.clone(), plugins.clone());
        let effects = Dispatcher::new(
            Effects::new(db.clone(), acceptance, outbound, config, gate, telemetry.clone()),
            Lanes::new(limits.concurrency, limits.window),
        );
        let inner = Inner { db, plugins, deliveries, chosen, effects, replay, erase, release, telemetry };
        let dispatch = Self(Arc::new(inner));
        dispatch.0.db.start(Arc::new(dispatch.clone()));
        tokio::spawn(dispatch.clone().take_over_effects());
        let snapshot = dispatch.0.plugins.snapshot();
        tokio::spawn(dispatch.clone().follow_plugins(snapshot));
        tokio::spawn(dispatch.0.deliveries.clone().lease_loop());
        tokio::spawn(dispatch.0.chosen.clone().lease_loop());
        tokio::spawn(dispatch.clone().follow_chosen(found_chosen));
        tokio::spawn(replays.run());
        tokio::spawn(releases.run());
        tokio::spawn(Matching::new(dispatch.0.db.clone(), dispatch.0.plugins.clone()).run());
        tokio::spawn(NewRevisions::new(dispatch.0.db.clone(), dispatch.0.plugins.clone()).run());
        Ok(dispatch)
    }

    /// Takes the limits of a new configuration.
    pub fn limit(&self, limits: &config::Dispatch, effects: &config::Effects) {
        self.lanes().limit(limits.concurrency, limits.window);
        self.0.deliveries.run_ready();
        let mut lanes = self.0.effects.lanes();
        lanes.limit(effects.concurrency, effects.window);
        for plugin in lanes.names() {
            lanes.open(&plugin, effects.plugin_concurrency);
        }
        drop(lanes);
        self.0.effects.run_ready();
    }

    /// Starts nothing more, and waits up to `timeout` for attempts and effects that run. An attempt that has not
    /// ended by then runs again after the next start. Returns how many had not ended.
    pub async fn stop(&self, timeout: Duration) -> usize {
        let (attempts, chosen, effects) = tokio::join!(
            self.0.deliveries.stop(timeout),
            self.0.chosen.stop(timeout),
            self.0.effects.stop(timeout)
        );
        attempts + chosen + effects
    }

    /// The reason why no work runs any more, if it has stopped.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let stalled = |idle: Duration, work: &str| {
            (idle > STALLED_AFTER).then(|| format!("{work} have not been looked at for {} s", idle.as_secs()))
        };
        let deliveries = stalled(self.0.deliveries.idle_time(), "deliveries");
        let chosen = || stalled(self.0.chosen.idle_time(), "deliveries on chosen revisions");
        deliveries.or_else(chosen).or_else(|| stalled(self.0.effects.idle_time(), "effects"))
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<Delivery>> {
        self.0.deliveries.lanes()
    }

    /// Opens windows for deliveries on chosen revisions when some are found.
    async fn follow_chosen(self, found: Arc<Notify>) {
        loop {
            self.rescan_chosen();
            found.notified().await;
        }
    }

    /// Opens and closes the windows of revisions that replays chose, and scans for their deliveries.
    fn rescan_chosen(&self) {
        let snapshot = self.0.plugins.snapshot();
        // Held before the revisions are read: a window that is opened meanwhile must not be closed.
        let mut lanes = self.0.chosen.lanes();
        let revisions = self.0.db.chosen_revisions().into_iter();
        let open: BTreeSet<_> = revisions.map(|(plugin, revision)| ChosenLane { plugin, revision }).collect();
        let mut unused = Vec::new();
        for lane in lanes.names().into_iter().filter(|lane| !open.contains(lane)) {
            unused.extend(lanes.close(&lane));
        }
        for lane in &open {
            lanes.open(lane, snapshot.get(&lane.plugin).map_or(1, |active| active.concurrency));
        }
        drop(lanes);
        if !unused.is_empty() {
            self.0.chosen.kind().release(unused);
        }
        if !open.is_empty() {
            self.0.chosen.rescan();
        }
    }

    /// Leases the effects of all plugins that have some, then those that become due.
    async fn take_over_effects(self) {
        while let Err(error) = self.open_effects().await {
            tracing::error!("effects of an earlier process could not be read, trying again: {error}");
            tokio::time::sleep(TICK).await;
        }
        self.0.effects.clone().lease_loop().await;
    }

    async fn open_effects(&self) -> Result<(), DbError> {
        for plugin in self.0.db.effect_plugins().await? {
            let concurrency = self.0.effects.kind().plugin_concurrency();
            self.0.effects.lanes().open(&plugin, concurrency);
        }
        Ok(())
    }

    /// Opens and closes windows as plugins come and go.
    async fn follow_plugins(self, snapshot: Arc<Snapshot>) {
        let mut swaps = self.0.plugins.swaps();
        let mut known =
            KnownPlugins { expected: snapshot.expected().cloned().collect(), ..KnownPlugins::default() };
        if let Err(error) = self.hold_absent(&snapshot).await {
            tracing::error!("deliveries of absent plugins could not be held: {error}");
        }
        let mut places_needed = None;
        loop {
            swaps.borrow_and_update();
            self.open_and_close(&mut known);
            let needed = self.lanes().places_needed();
            if let Some(needed) = needed.filter(|_| places_needed != needed) {
                tracing::warn!(
                    "one attempt of each plugin takes {needed} places in all, more than runtime.instances_max: \
                     attempts may wait for those of other plugins to end"
                );
            }
            places_needed = needed;
            self.hold_and_release(&mut known.changed).await;
            let swap = swaps.changed();
            let next = if known.changed.is_empty() {
                swap.await
            } else {
                tokio::time::timeout(TICK, swap).await.unwrap_or(Ok(()))
            };
            if next.is_err() {
                return;
            }
        }
    }

    /// Holds deliveries that an earlier process left for plugins that are now absent.
    async fn hold_absent(&self, snapshot: &Snapshot) -> Result<(), DbError> {
        for plugin in self.0.db.open_plugins().await? {
            if !snapshot.has(&plugin) {
                tracing::warn!(%plugin, "deliveries are held: their plugin is absent");
                self.0.db.hold(&plugin).await?;
            }
        }
        Ok(())
    }

    /// Opens and closes windows for the current plugins.
    fn open_and_close(&self, known: &mut KnownPlugins) {
        let snapshot = self.0.plugins.snapshot();
        let mut lanes = self.lanes();
        for plugin in lanes.names().into_iter().filter(|plugin| snapshot.get(plugin).is_none()) {
            let queued = lanes.close(&plugin);
            known.active.remove(&plugin);
            pauses::show_pause(&self.0.db, &plugin, None);
            self.0.deliveries.kind().release(queued);
            known.changed.insert(plugin);
        }
        // Plugins that were refused or removed before their first revision was loaded have no
        // window.
        let expected = snapshot.expected().cloned().collect();
        let before = std::mem::replace(&mut known.expected, expected);
        known.changed.extend(before.into_iter().filter(|plugin| !snapshot.has(plugin)));
        for (plugin, active) in snapshot.plugins() {
            if lanes.open(plugin, active.concurrency) {
                known.changed.insert(plugin.clone());
            }
            lanes.cost(plugin, active.runner.places());
            let before = known.active.insert(plugin.clone(), Arc::clone(active));
            if before.is_none_or(|before| !before.is_as(active)) {
                lanes.renew(plugin, active.breaking);
                pauses::show_pause(&self.0.db, plugin, None);
            }
        }
    }

    /// Holds the open deliveries of removed plugins, and ends the holds of plugins that came back. A hold
    /// that cannot be written is tried again.
    async fn hold_and_release(&self, changed: &mut BTreeSet<PluginName>) {
        let snapshot = self.0.plugins.snapshot();
        for plugin in std::mem::take(changed) {
            let written = if snapshot.has(&plugin) {
                self.0.db.end_hold(&plugin).await
            } else {
                self.0.db.hold(&plugin).await
            };
            if let Err(error) = written {
                tracing::error!(%plugin, "its held deliveries could not be changed, trying again: {error}");
                changed.insert(plugin);
            }
        }
        self.0.deliveries.hint();
        self.0.deliveries.run_ready();
        self.rescan_chosen();
    }
}

/// The plugins at the last scan.
#[derive(Default)]
struct KnownPlugins {
    active: HashMap<PluginName, Arc<ActivePlugin>>,
    expected: BTreeSet<PluginName>,
    /// They came or went, and that is not written yet.
    changed: BTreeSet<PluginName>,
}

impl Notices for Dispatch {
    fn rescan(&self) {
        self.0.deliveries.rescan();
        self.rescan_chosen();
    }

    fn replay_requested(&self) {
        self.0.replay.notify_one();
    }

    fn erasure_requested(&self) {
        self.0.erase.notify_one();
    }

    fn release_requested(&self) {
        self.0.release.notify_one();
    }

    /// Scans again: dead effects are due again, perhaps of a plugin that had none here.
    fn rescan_effects(&self) {
        let dispatch = self.clone();
        tokio::spawn(async move {
            if let Err(error) = dispatch.open_effects().await {
                tracing::error!("effects due for a retry could not be read: {error}");
            }
            dispatch.0.effects.rescan();
        });
    }

    fn plugin_paused(&self, plugin: &PluginName) {
        let queued = self.lanes().empty(plugin);
        self.0.deliveries.kind().release(queued);
        let mut chosen = self.0.chosen.lanes();
        let names = chosen.names().into_iter().filter(|lane| lane.plugin == *plugin);
        let queued: Vec<_> = names.flat_map(|lane| chosen.empty(&lane)).collect();
        drop(chosen);
        self.0.chosen.kind().release(queued);
    }
}

impl Handoff for Dispatch {
    fn offer(&self, delivery: Delivery) -> bool {
        let Some(revision) = delivery.revision else { return self.0.deliveries.offer(delivery) };
        let chosen = ChosenDelivery::new(delivery, revision);
        let snapshot = self.0.plugins.snapshot();
        let concurrency = snapshot.get(&chosen.lane().plugin).map_or(1, |active| active.concurrency);
        self.0.chosen.lanes().open(chosen.lane(), concurrency);
        self.0.chosen.offer(chosen)
    }

    fn offer_effect(&self, effect: LeasedEffect) -> bool {
        let concurrency = self.0.effects.kind().plugin_concurrency();
        self.0.effects.lanes().open(&effect.plugin, concurrency);
        self.0.effects.offer(effect)
    }

    fn recorded(&self, finished: &FinishedAttempt) {
        spans::record_finish(&self.0.telemetry, finished);
    }
}
