//! Switches, and the deliveries that they hold.

use super::handle::Db;
use super::switch_change::{
    HeldPage, OpenScope, RecentType, SwitchChange, SwitchResult, SwitchedOffDelivery,
};
use super::types::DbError;
use super::writer::inbox::{Operation, Request};
use crate::delivery::DeliveryId;
use crate::event::PluginName;
use crate::switch::{HeldRelease, Switches, TypePattern};

impl Db {
    /// Changes a switch. It is in force for each event that is committed after this returns. If it is turned on, the
    /// dispatch room releases the held deliveries.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn switch(&self, change: SwitchChange) -> Result<SwitchResult, DbError> {
        self.ask(|reply| Request::Operate(Operation::Switch { change, reply })).await
    }

    /// Releases a page of held deliveries in one transaction. Returns how many were released. It can be repeated.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn release_held(&self, page: HeldPage) -> Result<u64, DbError> {
        self.ask(|reply| Request::Operate(Operation::ReleaseHeld { page, reply })).await
    }

    /// All switches.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn switches(&self) -> Result<Switches, DbError> {
        self.inner.reads.switches().await
    }

    /// Up to `limit` deliveries of a plugin after `after` that a switch holds, in order of acceptance.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn switched_off(
        &self,
        plugin: &PluginName,
        after: DeliveryId,
        limit: u32,
    ) -> Result<Vec<SwitchedOffDelivery>, DbError> {
        self.inner.reads.switched_off(plugin, after, limit).await
    }

    /// Counts open deliveries of a plugin with events of these types, up to `max`.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn count_open_of(
        &self,
        plugin: &PluginName,
        types: &TypePattern,
        scope: OpenScope,
        max: u32,
    ) -> Result<u64, DbError> {
        self.inner.reads.count_open_of(plugin, types, scope, max).await
    }

    /// Returns releases of held deliveries in progress, the oldest first.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn running_releases(&self) -> Result<Vec<HeldRelease>, DbError> {
        self.inner.reads.running_releases().await
    }

    /// The release of held deliveries that the instruction with this number began.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn held_release(&self, number: i64) -> Result<Option<HeldRelease>, DbError> {
        self.inner.reads.held_release(number).await
    }

    /// The types of the newest `newest` events, by type and source.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn recent_types(&self, newest: u32) -> Result<Vec<RecentType>, DbError> {
        self.inner.reads.recent_types(newest).await
    }
}
