//! Deliveries on revisions that replays chose, as work of its own: with its own windows and places, and without a breaker.
//! So they take nothing from the revision in force, do not wait with its breaker, and do not open it. Each revision has a
//! window, so one that loads for long keeps no other.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::db::DbError;
use crate::delivery::{Delivery, DeliveryId};
use crate::event::{Digest, PluginName};
use crate::plugins::ReplayedRevision;

use super::breaker::AttemptSignal;
use super::deliveries::Deliveries;
use super::dispatcher::WorkKind;
use super::lanes::{Completion, LeasedItems, QueueItem};

/// Deliveries of a revision that wait in memory.
pub(super) const WINDOW: usize = 64;
/// Open deliveries of a plugin on chosen revisions above which its replays wait.
pub(super) const OPEN_MAX: u64 = 1000;
/// When a delivery is tried again whose revision is not loaded yet, in ms.
const LOADING_PAUSE_MS: u64 = 200;

/// A plugin, and a revision that replays chose for deliveries of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ChosenLane {
    pub(super) plugin: PluginName,
    pub(super) revision: Digest,
}

impl fmt::Display for ChosenLane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on revision {}", self.plugin, self.revision.short())
    }
}

/// A delivery on a revision that its replay chose.
pub(super) struct ChosenDelivery {
    delivery: Delivery,
    lane: ChosenLane,
}

impl ChosenDelivery {
    pub(super) fn new(delivery: Delivery, revision: Digest) -> Self {
        let lane = ChosenLane { plugin: delivery.plugin.clone(), revision };
        Self { delivery, lane }
    }
}

impl QueueItem for ChosenDelivery {
    type Id = DeliveryId;
    type Lane = ChosenLane;

    fn id(&self) -> DeliveryId {
        self.delivery.id
    }

    fn lane(&self) -> &ChosenLane {
        &self.lane
    }
}

/// See the module.
pub(super) struct ChosenDeliveries(pub(super) Arc<Deliveries>);

impl ChosenDeliveries {
    /// Gives a delivery back, to be leased again at this time.
    fn postpone(&self, id: DeliveryId, due: u64) -> Completion<DeliveryId> {
        self.0.db.release_deliveries(vec![id]);
        Completion { id, due: Some(due), signal: AttemptSignal::Neutral }
    }
}

impl WorkKind for ChosenDeliveries {
    type Item = ChosenDelivery;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.workers.spawn(task);
    }

    async fn run(
        self: &Arc<Self>,
        ChosenDelivery { delivery, lane }: ChosenDelivery,
    ) -> Completion<DeliveryId> {
        let snapshot = self.0.plugins.snapshot();
        let Some(now) = snapshot.get(&lane.plugin).cloned() else {
            return self.postpone(delivery.id, clock::now_ms() + LOADING_PAUSE_MS);
        };
        let active = match self.0.plugins.replayed_revision(&snapshot, &lane.plugin, lane.revision) {
            ReplayedRevision::InForce => now,
            ReplayedRevision::Loaded(chosen) => chosen.active(&now),
            ReplayedRevision::Loading => {
                return self.postpone(delivery.id, clock::now_ms() + LOADING_PAUSE_MS);
            }
        };
        Arc::clone(&self.0).run_on(delivery, snapshot, active).await
    }

    async fn lease(&self, lane: ChosenLane, limit: usize) -> Result<LeasedItems<ChosenDelivery>, DbError> {
        let snapshot = self.0.plugins.snapshot();
        let wait_max = snapshot.get(&lane.plugin).map_or(Duration::MAX, |active| active.retry.backoff.max);
        let revision = lane.revision;
        let lease = self.0.db.lease_on((lane.plugin, revision), limit, wait_max).await?;
        let items = lease.deliveries.into_iter().map(|delivery| ChosenDelivery::new(delivery, revision));
        Ok(LeasedItems { items: items.collect(), more: lease.more })
    }

    fn release(&self, items: Vec<ChosenDelivery>) {
        self.0.db.release_deliveries(items.iter().map(QueueItem::id).collect());
    }

    async fn has_due(&self) -> Result<bool, DbError> {
        // There are few, and a lease reads them all.
        Ok(self.0.db.count_chosen() > 0)
    }
}
