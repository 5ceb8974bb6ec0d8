//! Leases of due work: held until the attempt is recorded or the lease is released.

use std::time::Duration;

use super::handle::Db;
use super::types::{DbError, DueTimes, EffectLease, Lease, LeaseRequest, RunningId};
use super::writer::inbox::Request;
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::event::{Digest, PluginName};

impl Db {
    /// Leases up to `limit` due deliveries of `plugin` on the revision in force, in order of acceptance. None is leased
    /// twice, and none whose attempt still waits for its commit.
    ///
    /// `wait_max` is the longest possible wait: a delivery with a longer one is due, because the clock was
    /// set back.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn lease(
        &self,
        plugin: PluginName,
        limit: usize,
        wait_max: Duration,
    ) -> Result<Lease, DbError> {
        let request = LeaseRequest { plugin, revision: None, limit, wait_max };
        self.ask(|reply| Request::Lease(request, reply)).await
    }

    /// Leases up to `limit` due deliveries of `plugin` on a revision that replays chose. Otherwise as [`Db::lease`].
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn lease_on(
        &self,
        (plugin, revision): (PluginName, Digest),
        limit: usize,
        wait_max: Duration,
    ) -> Result<Lease, DbError> {
        let request = LeaseRequest { plugin, revision: Some(revision), limit, wait_max };
        self.ask(|reply| Request::Lease(request, reply)).await
    }

    /// The plugins and revisions with open deliveries on revisions that replays chose.
    #[must_use]
    pub fn chosen_revisions(&self) -> Vec<(PluginName, Digest)> {
        self.inner.reads.open_chosen().revisions()
    }

    /// Open deliveries on revisions that replays chose; some may have been closed since.
    #[must_use]
    pub fn count_chosen(&self) -> u64 {
        self.inner.reads.open_chosen().count()
    }

    /// Those of a plugin.
    #[must_use]
    pub fn count_chosen_of(&self, plugin: &str) -> u64 {
        self.inner.reads.open_chosen().count_of(plugin)
    }

    /// Ends leases without an attempt: the deliveries stay as they were.
    pub fn release_deliveries(&self, ids: Vec<DeliveryId>) {
        self.request(Request::Release(ids.into_iter().map(RunningId::Delivery).collect()));
    }

    /// Leases up to `limit` effects of `plugin` that are due, in order. `wait_max` is as in [`Db::lease`].
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn lease_effects(
        &self,
        plugin: PluginName,
        limit: usize,
        wait_max: Duration,
    ) -> Result<EffectLease, DbError> {
        let request = LeaseRequest { plugin, revision: None, limit, wait_max };
        self.ask(|reply| Request::LeaseEffects(request, reply)).await
    }

    /// Ends leases of effects without an attempt.
    pub fn release_effects(&self, ids: Vec<EffectId>) {
        self.request(Request::Release(ids.into_iter().map(RunningId::Effect).collect()));
    }

    /// Returns whether any delivery, leased or not, is due at `now`, of a plugin that is not held.
    /// `wait_max` is of each plugin, as in [`Db::lease`].
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn anything_due(
        &self,
        now: u64,
        wait_max: &[(&PluginName, Duration)],
    ) -> Result<bool, DbError> {
        let due = wait_max.iter().map(|(plugin, wait_max)| (plugin.as_str(), DueTimes::at(now, *wait_max)));
        self.inner.reads.anything_due(now, due.collect()).await
    }
}
