//! After the answer: runs committed deliveries and performs effects, each leased from the database.
//!
//! Owns: acceptance (`acceptance.rs`), the loop that leases and runs (`dispatcher.rs`), the two kinds of work in
//! it (`deliveries.rs`, `effects.rs`), turns between plugins (`lanes.rs`), pauses (`breaker.rs`), what follows
//! an attempt (`retry.rs`), replays (`replay.rs`). Answers no HTTP, and knows no SQL and no wasm.

mod acceptance;
mod bounds;
mod breaker;
mod deliveries;
mod dispatcher;
mod effects;
mod gate;
mod lanes;
mod pauses;
mod replay;
mod retry;
#[cfg(test)]
mod testing;
mod under_way;
mod workers;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::config::{self, Config};
use crate::db::{Db, DbError, Handoff, Hold, Notices};
use crate::delivery::Delivery;
use crate::effect::Performing;
use crate::event::PluginName;
use crate::outbound::Outbound;
use crate::plugins::{Live, Plugins};

pub use acceptance::Acceptance;
use deliveries::Deliveries;
use dispatcher::{Dispatcher, WorkKind as _};
use effects::Effects;
use gate::Gate;
use lanes::Lanes;
use replay::Replays;
use workers::Workers;

/// How often the database is looked at, whatever hints there were.
const TICK: Duration = Duration::from_secs(1);

/// A loop that has not looked for work for so long hangs.
const STALLED_AFTER: Duration = Duration::from_secs(15);

/// Runs deliveries and effects.
#[derive(Clone)]
pub struct Dispatch(Arc<Inner>);

struct Inner {
    db: Db,
    plugins: Plugins,
    deliveries: Dispatcher<Deliveries>,
    effects: Dispatcher<Effects>,
    /// A replay was asked for.
    replay: Arc<Notify>,
}

impl Dispatch {
    /// Begins: takes over what an earlier process left, then everything that is committed.
    ///
    /// # Errors
    /// When the system has no threads for the workers.
    pub fn start(
        config: watch::Receiver<Arc<Config>>,
        db: Db,
        plugins: Plugins,
        outbound: Outbound,
    ) -> std::io::Result<Self> {
        let (limits, runtime) = (config.borrow().dispatch.clone(), config.borrow().runtime.clone());
        let replay = Arc::new(Notify::new());
        let replays = Replays::new(db.clone(), plugins.clone(), config.clone(), Arc::clone(&replay));
        let gate = Arc::new(Gate::new(Duration::from_millis(limits.alone_max_ms)));
        let workers = Workers::start(Duration::from_millis(runtime.tick_ms))?;
        let places = runtime.instances_max as usize;
        let deliveries = Dispatcher::new(
            Deliveries { db: db.clone(), plugins: plugins.clone(), workers, gate: Arc::clone(&gate) },
            Lanes::new(limits.concurrency, limits.window).with_places(places),
        );
        let limits = config.borrow().effects.clone();
        let acceptance = Acceptance::new(db.clone(), plugins.clone());
        let effects = Dispatcher::new(
            Effects::new(db.clone(), acceptance, outbound, config, gate),
            Lanes::new(limits.concurrency, limits.window),
        );
        let dispatch = Self(Arc::new(Inner { db, plugins, deliveries, effects, replay }));
        dispatch.0.db.start(Arc::new(dispatch.clone()));
        tokio::spawn(dispatch.clone().take_over_effects());
        tokio::spawn(dispatch.clone().follow_plugins());
        tokio::spawn(dispatch.0.deliveries.clone().lease_loop());
        tokio::spawn(replays.run());
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
        let (attempts, effects) = tokio::join!(self.0.deliveries.stop(timeout), self.0.effects.stop(timeout));
        attempts + effects
    }

    /// Why nothing is run any more, if that is so.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let stalled = |idle: Duration, work: &str| {
            (idle > STALLED_AFTER).then(|| format!("{work} have not been looked at for {} s", idle.as_secs()))
        };
        let deliveries = stalled(self.0.deliveries.idle_time(), "deliveries");
        deliveries.or_else(|| stalled(self.0.effects.idle_time(), "effects"))
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<Delivery>> {
        self.0.deliveries.lanes()
    }

    /// Leases effects of all plugins that have some, then whatever comes due.
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
    async fn follow_plugins(self) {
        let mut swaps = self.0.plugins.swaps();
        // They came or went, and that is not written yet.
        let mut changed = BTreeSet::new();
        if let Err(error) = self.hold_absent().await {
            tracing::error!("deliveries of absent plugins could not be held: {error}");
        }
        let mut known = HashMap::new();
        let mut places_needed = None;
        loop {
            swaps.borrow_and_update();
            self.open_and_close(&mut known, &mut changed);
            let needed = self.lanes().places_needed();
            if let Some(needed) = needed.filter(|_| places_needed != needed) {
                tracing::warn!(
                    "one attempt of each plugin takes {needed} places in all, more than runtime.instances_max: \
                     attempts may wait for those of other plugins to end"
                );
            }
            places_needed = needed;
            self.hold_and_release(&mut changed).await;
            let swap = swaps.changed();
            let next = if changed.is_empty() {
                swap.await
            } else {
                tokio::time::timeout(TICK, swap).await.unwrap_or(Ok(()))
            };
            if next.is_err() {
                return;
            }
        }
    }

    /// Deliveries left by an earlier process whose plugins are not here now.
    async fn hold_absent(&self) -> Result<(), DbError> {
        let snapshot = self.0.plugins.snapshot();
        for plugin in self.0.db.open_plugins().await? {
            if snapshot.get(&plugin).is_none() {
                tracing::warn!(%plugin, "deliveries are held: their plugin is not here");
                self.0.db.hold(&plugin, Hold::Absent).await?;
            }
        }
        Ok(())
    }

    /// Windows as the plugins of now want them. `known`: the plugins as they were the last time. Adds those
    /// that came or went to `changed`.
    fn open_and_close(&self, known: &mut HashMap<PluginName, Arc<Live>>, changed: &mut BTreeSet<PluginName>) {
        let snapshot = self.0.plugins.snapshot();
        let mut lanes = self.lanes();
        for plugin in lanes.names().into_iter().filter(|plugin| snapshot.get(plugin).is_none()) {
            let queued = lanes.close(&plugin);
            known.remove(&plugin);
            pauses::show_pause(&self.0.db, &plugin, None);
            self.0.deliveries.kind().release(queued);
            changed.insert(plugin);
        }
        for (plugin, live) in snapshot.plugins() {
            if lanes.open(plugin, live.concurrency) {
                changed.insert(plugin.clone());
            }
            lanes.cost(plugin, live.runner.places());
            let before = known.insert(plugin.clone(), Arc::clone(live));
            if before.is_none_or(|before| !before.is_as(live)) {
                lanes.renew(plugin, live.breaking);
                pauses::show_pause(&self.0.db, plugin, None);
            }
        }
    }

    /// Holds what is open of plugins that went, and lets go of it where they came back. Where that cannot be
    /// written it is still to be.
    async fn hold_and_release(&self, changed: &mut BTreeSet<PluginName>) {
        let snapshot = self.0.plugins.snapshot();
        for plugin in std::mem::take(changed) {
            let written = match snapshot.get(&plugin) {
                Some(_) => self.0.db.end_hold(&plugin, Hold::Absent).await,
                None => self.0.db.hold(&plugin, Hold::Absent).await,
            };
            if let Err(error) = written {
                tracing::error!(%plugin, "its held deliveries could not be changed, trying again: {error}");
                changed.insert(plugin);
            }
        }
        self.0.deliveries.hint();
        self.0.deliveries.run_ready();
    }
}

impl Notices for Dispatch {
    fn rescan(&self) {
        self.0.deliveries.rescan();
    }

    fn replay_requested(&self) {
        self.0.replay.notify_one();
    }

    /// Dead effects are to be tried again, perhaps of a plugin that had none here.
    fn rescan_effects(&self) {
        let dispatch = self.clone();
        tokio::spawn(async move {
            if let Err(error) = dispatch.open_effects().await {
                tracing::error!("effects to be tried again could not be read: {error}");
            }
            dispatch.0.effects.rescan();
        });
    }

    fn plugin_paused(&self, plugin: &PluginName) {
        let queued = self.lanes().empty(plugin);
        self.0.deliveries.kind().release(queued);
    }
}

impl Handoff for Dispatch {
    fn offer(&self, delivery: Delivery) -> bool {
        self.0.deliveries.offer(delivery)
    }

    fn offer_effect(&self, effect: Performing) -> bool {
        let concurrency = self.0.effects.kind().plugin_concurrency();
        self.0.effects.lanes().open(&effect.plugin, concurrency);
        self.0.effects.offer(effect)
    }
}
