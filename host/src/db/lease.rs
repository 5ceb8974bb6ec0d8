//! Leases as they are asked for: of what is due, and in hand until it is recorded or given back.

use std::time::Duration;

use super::writer::Request;
use super::{Db, DbError};
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::{EffectId, Performing};
use crate::event::PluginName;

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

/// What is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) plugin: PluginName,
    pub(super) limit: usize,
    pub(super) wait_max: Duration,
}

/// What is due at a moment of the host's clock, in ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    /// What is to run by then is due.
    pub(super) by: u64,
    /// So is what is to run after this: nothing waits that long, so its time was worked out by a clock that
    /// was set back since.
    pub(super) beyond: u64,
}

impl Due {
    /// What is due at `now` of what waits no longer than `wait_max`.
    pub(super) fn at(now: u64, wait_max: Duration) -> Self {
        let wait_max = u64::try_from(wait_max.as_millis()).unwrap_or(u64::MAX);
        Self { by: now, beyond: now.saturating_add(wait_max) }
    }
}

impl Db {
    /// Leases up to `limit` deliveries of `plugin` that are due, in order of acceptance. None is
    /// leased twice, and none whose attempt still waits for its commit.
    ///
    /// `wait_max` is the longest wait there is: what is to wait longer is due, for the clock was set back.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn lease(
        &self,
        plugin: PluginName,
        limit: usize,
        wait_max: Duration,
    ) -> Result<Lease, DbError> {
        self.ask(|reply| Request::Lease(Wanted { plugin, limit, wait_max }, reply)).await
    }

    /// Ends leases without an attempt: the deliveries stay as they were.
    pub fn give_back(&self, ids: Vec<DeliveryId>) {
        self.request(Request::GiveBack(ids));
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
        self.ask(|reply| Request::LeaseEffects(Wanted { plugin, limit, wait_max }, reply)).await
    }

    /// Ends leases of effects without a try.
    pub fn give_back_effects(&self, ids: Vec<EffectId>) {
        self.request(Request::GiveBackEffects(ids));
    }

    /// Whether any delivery is due at `now`, in hand or not, of a plugin that is not held. `wait_max` is of
    /// each plugin, as in [`Db::lease`].
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn anything_due(
        &self,
        now: u64,
        wait_max: &[(&PluginName, Duration)],
    ) -> Result<bool, DbError> {
        let due = wait_max.iter().map(|(plugin, wait_max)| (plugin.as_str(), Due::at(now, *wait_max)));
        self.inner.reader.anything_due(now, due.collect()).await
    }
}
