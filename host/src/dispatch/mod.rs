//! After the answer: runs each committed delivery on the revision that is current when it starts,
//! and commits what came of it.
//!
//! Reads: deliveries handed over by the commit, and leases from the database for what did not fit
//! into a plugin's window, came due, or was there before this process. Writes: finished attempts, and
//! tries at the effects that their handlers asked for.
//! The database is the truth: a hand-over, a tick and a restart end in the same lease. No wasm
//! but through [`crate::runtime::Runner`].

mod bounds;
mod breaker;
mod effects;
mod gate;
mod lanes;
mod pauses;
mod queue;
mod replay;
mod retry;
#[cfg(test)]
mod testing;
mod under_way;
mod workers;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use crate::clock;
use crate::config::{self, Config};
use crate::db::{Db, DbError, Handoff, Hold};
use crate::delivery::{Attempt, Cause, Delivery, DeliveryId, Failure, Finished, Next, Outcome};
use crate::effect::{Performing, Work};
use crate::event::PluginName;
use crate::failpoint::{self, Point};
use crate::outbound::Outbound;
use crate::plugins::{Live, Plugins, Snapshot};
use crate::runtime::{Call, Tried};

use breaker::Says;
use effects::Effects;
use gate::Gate;
use lanes::{End, Lanes, Leased};
use queue::Queue;
use replay::Replays;
use workers::Workers;

/// How often the database is looked at, whatever hints there were.
const TICK: Duration = Duration::from_secs(1);

/// A look that takes longer than this is stuck.
const STALLED_AFTER: Duration = Duration::from_secs(15);

/// Runs deliveries.
#[derive(Clone)]
pub struct Dispatch(Arc<Inner>);

struct Inner {
    db: Db,
    plugins: Plugins,
    queue: Queue<Delivery>,
    workers: Workers,
    effects: Effects,
    gate: Arc<Gate>,
    /// A replay was asked for.
    replay: Arc<Notify>,
    /// When the database was last looked at for what is to run.
    looked_at: Mutex<Instant>,
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
        let limits = config.borrow().dispatch.clone();
        let places_max = config.borrow().runtime.instances_max as usize;
        let tick = Duration::from_millis(config.borrow().runtime.tick_ms);
        let replay = Arc::new(Notify::new());
        let replays = Replays::new(db.clone(), plugins.clone(), config.clone(), Arc::clone(&replay));
        let gate = Arc::new(Gate::new(Duration::from_millis(limits.alone_max_ms)));
        let effects = Effects::new(db.clone(), plugins.clone(), outbound, config, Arc::clone(&gate));
        let queue = Queue::new(Lanes::new(limits.concurrency, limits.window).with_places(places_max));
        let inner = Inner {
            db,
            plugins,
            queue,
            workers: Workers::start(tick)?,
            effects,
            gate,
            replay,
            looked_at: Mutex::new(Instant::now()),
        };
        let dispatch = Self(Arc::new(inner));
        dispatch.0.db.start(Arc::new(dispatch.clone()));
        dispatch.0.effects.start();
        tokio::spawn(dispatch.clone().follow_plugins());
        tokio::spawn(dispatch.clone().lease_all());
        tokio::spawn(replays.run());
        Ok(dispatch)
    }

    /// Takes the limits of a new configuration.
    pub fn limit(&self, limits: &config::Dispatch, effects: &config::Effects) {
        self.lanes().limit(limits.concurrency, limits.window);
        self.run_ready();
        self.0.effects.limit(effects);
    }

    /// Starts nothing more, and waits for attempts and effects under way up to `timeout`. What has not ended
    /// by then runs again after the next start. Returns how many those are.
    pub async fn stop(&self, timeout: Duration) -> usize {
        let (attempts, effects) = tokio::join!(self.0.queue.stop(timeout), self.0.effects.stop(timeout));
        attempts + effects
    }

    /// What is wrong, if deliveries are not looked at any more.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let looked_at = *self.0.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let stalled = looked_at.elapsed();
        (stalled > STALLED_AFTER)
            .then(|| format!("deliveries have not been looked at for {} s", stalled.as_secs()))
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<Delivery>> {
        self.0.queue.lanes()
    }

    /// Starts as many attempts as may run at once.
    fn run_ready(&self) {
        while let Some(delivery) = { self.lanes().start() } {
            self.0.workers.spawn(self.clone().work(delivery));
        }
    }

    /// Runs a delivery, then whatever is next in turn, until nothing is.
    async fn work(self, first: Delivery) {
        let mut next = Some(first);
        while let Some(delivery) = next {
            let (plugin, snapshot) = (delivery.plugin.clone(), self.0.plugins.snapshot());
            let end = if let Some(live) = snapshot.get(&plugin).cloned() {
                let pace = Arc::clone(&live.pace);
                self.0.workers.run(&pace, self.clone().run(delivery, snapshot, live)).await
            } else {
                self.0.db.release_deliveries(vec![delivery.id]);
                // Due now, should the plugin be back meanwhile.
                End { id: delivery.id, due: Some(0), says: Says::Nothing }
            };
            let after;
            (next, after) = self.0.queue.next_after(&plugin, &end);
            self.follow(&plugin, after);
        }
    }

    /// One attempt, recorded.
    async fn run(self, delivery: Delivery, snapshot: Arc<Snapshot>, live: Arc<Live>) -> End<DeliveryId> {
        let inner = Arc::clone(&self.0);
        let (id, company) = (delivery.id, inner.db.company(&delivery));
        inner.gate.run(company, self.attempt(delivery, snapshot, live), || inner.db.is_over(id)).await
    }

    async fn attempt(self, delivery: Delivery, snapshot: Arc<Snapshot>, live: Arc<Live>) -> End<DeliveryId> {
        self.0.db.started(&delivery, live.revision);
        failpoint::pass_for(Point::InAttempt, &delivery.event.id);
        let package = snapshot.package(&delivery.event.source);
        let call = Call { delivery: &delivery, package, settings: &live.settings };
        let mut reruns = 0;
        loop {
            let _turn = live.turn(reruns >= RERUNS_AMONG_OTHERS).await;
            let Tried { attempt, work, .. } = live.runner.attempt(call).await;
            failpoint::pass(Point::AfterHandler);
            let ended = within(live.settings.store.reruns_max, reruns, attempt, work);
            let (mut attempt, work) = self.reserve(&delivery, &live, ended).await;
            let retry::Decision { next, failures, given_up } =
                retry::next(&delivery, &attempt, &live.retry, clock::now_ms());
            if let (Some(failure), Some(why)) = (&mut attempt.failure, given_up) {
                failure.reason = format!("{}; {why}", failure.reason);
            }
            let (plugin, depth) = (delivery.plugin.clone(), delivery.event.depth());
            let told = Told::of(&attempt);
            let (root, order) = (delivery.root(), delivery.order);
            let id = delivery.id;
            let finished = Finished { id, attempt, next, failures, plugin, work, depth, root, order };
            if self.0.db.finish(finished).is_ok() {
                report(&delivery, &told, next, &live);
                let due = if let Next::Wait(due) = next { Some(due) } else { None };
                return End { id: delivery.id, due, says: told.says() };
            }
            metrics::counter!("hookyard_reruns_total", "plugin" => delivery.plugin.to_string()).increment(1);
            reruns += 1;
        }
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
            self.show_pause(&plugin, None);
            self.0.db.release_deliveries(queued.iter().map(|delivery| delivery.id).collect());
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
                self.show_pause(plugin, None);
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
        self.0.queue.look();
        self.run_ready();
    }

    /// Leases for windows that have room, when hinted, due, or at the tick.
    async fn lease_all(self) {
        let mut tick = Instant::now() + TICK;
        loop {
            *self.0.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            match self.0.queue.next_lease(&mut tick).await {
                Some((plugin, limit)) => self.lease(plugin, limit).await,
                None => self.look_again().await,
            }
        }
    }

    /// Whatever the database has to run is leased, whoever tried it before and whatever became of the
    /// hint that told of it.
    async fn look_again(&self) {
        let snapshot = self.0.plugins.snapshot();
        let wait_max: Vec<_> =
            snapshot.plugins().map(|(plugin, live)| (plugin, live.retry.backoff.max)).collect();
        match self.0.db.anything_due(clock::now_ms(), &wait_max).await {
            Ok(true) => self.lanes().look_again(),
            Ok(false) => {}
            Err(error) => tracing::error!("what is due could not be read, trying again: {error}"),
        }
    }

    async fn lease(&self, plugin: PluginName, limit: usize) {
        let snapshot = self.0.plugins.snapshot();
        let wait_max = snapshot.get(&plugin).map_or(Duration::MAX, |live| live.retry.backoff.max);
        let leased = match self.0.db.lease(plugin.clone(), limit, wait_max).await {
            Ok(lease) => Leased { waiting: lease.deliveries, more: lease.more },
            Err(error) => {
                tracing::error!(%plugin, "deliveries could not be leased, trying again: {error}");
                tokio::time::sleep(TICK).await;
                Leased { waiting: Vec::new(), more: true }
            }
        };
        let unwanted = { self.lanes().leased(&plugin, leased) };
        if !unwanted.is_empty() {
            self.0.db.release_deliveries(unwanted.iter().map(|delivery| delivery.id).collect());
        }
        self.run_ready();
    }
}

impl Handoff for Dispatch {
    fn offer(&self, delivery: Delivery) -> bool {
        let mut lanes = self.lanes();
        let taken = lanes.offer(delivery);
        let next = lanes.start();
        drop(lanes);
        if let Some(delivery) = next {
            self.0.workers.spawn(self.clone().work(delivery));
        }
        if !taken {
            self.0.queue.look();
        }
        taken
    }

    fn offer_effect(&self, effect: Performing) -> bool {
        self.0.effects.offer(effect)
    }

    fn rescan(&self) {
        self.lanes().look_again();
        self.0.queue.look();
    }

    fn replay_requested(&self) {
        self.0.replay.notify_one();
    }

    fn rescan_effects(&self) {
        self.0.effects.look_again();
    }

    fn plugin_paused(&self, plugin: &PluginName) {
        let queued = self.lanes().empty(plugin);
        self.0.db.release_deliveries(queued.iter().map(|delivery| delivery.id).collect());
    }
}

/// After so many reruns a call runs alone: no other call of its plugin in this host can be the one that
/// changes what it reads.
const RERUNS_AMONG_OTHERS: u32 = 3;

/// A call that lost too often waits, as after a failure of the host.
fn within(reruns_max: u32, reruns: u32, mut attempt: Attempt, mut work: Work) -> (Attempt, Work) {
    if reruns < reruns_max {
        return (attempt, work);
    }
    work = Work::default();
    let reason = format!("what it read was changed by other calls each of {reruns} times (store.reruns_max)");
    let (outcome, cause) = (Outcome::Retry, Cause::Host);
    attempt.failure = Some(Failure { outcome, cause, reason, after_ms: None });
    (attempt, work)
}

/// What is told of an attempt once it is handed in.
struct Told {
    number: u32,
    duration_us: u64,
    failure: Option<Failure>,
}

impl Told {
    fn of(attempt: &Attempt) -> Self {
        let Attempt { number, duration_us, failure, .. } = attempt;
        Self { number: *number, duration_us: *duration_us, failure: failure.clone() }
    }

    /// What it says of its plugin: a rejection is about one event.
    fn says(&self) -> Says {
        match &self.failure {
            None => Says::Works,
            Some(failure) if failure.outcome == Outcome::Retry && failure.cause != Cause::Host => Says::Fails,
            Some(_) => Says::Nothing,
        }
    }
}

/// Counts an attempt and tells operators of one that failed.
fn report(delivery: &Delivery, told: &Told, next: Next, live: &Live) {
    let outcome = told.failure.as_ref().map_or(Outcome::Done, |failure| failure.outcome);
    live.count(outcome, told.duration_us, delivery.since);
    let Some(failure) = &told.failure else { return };
    let (number, reason) = (told.number, &failure.reason);
    let (plugin, event) = (delivery.plugin.as_str(), delivery.event.id.as_str());
    match next {
        Next::Wait(due) => {
            let again_in_ms = due.saturating_sub(clock::now_ms());
            tracing::warn!(plugin, event, number, again_in_ms, "attempt failed: {reason}");
        }
        _ if failure.outcome == Outcome::Rejected => {
            tracing::warn!(plugin, event, number, "rejected, now a dead letter: {reason}");
        }
        _ => tracing::error!(plugin, event, number, "now a dead letter: {reason}"),
    }
}
