//! Deliveries of plugins that were not loaded yet when their events came in: found, and matched.

use super::handle::Db;
use super::types::{DbError, MatchCount, MatchDecision, PluginMatch, UnmatchedDelivery};
use super::writer::inbox::{Operation, Request};
use crate::delivery::DeliveryId;
use crate::event::PluginName;

impl Db {
    /// Plugins with unmatched deliveries.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn unmatched_plugins(&self) -> Result<Vec<PluginName>, DbError> {
        self.inner.reads.unmatched_plugins().await
    }

    /// Up to `limit` unmatched deliveries of a plugin after `after`, in order of acceptance.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn unmatched(
        &self,
        plugin: &PluginName,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Result<Vec<UnmatchedDelivery>, DbError> {
        self.inner.reads.unmatched(plugin, after, limit).await
    }

    /// Matches deliveries of a plugin in one transaction; the caller passes a page of them. Those that the plugin
    /// handles become due or blocked, and the others are withdrawn. Deliveries that are no longer unmatched are
    /// skipped, so it can be repeated.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn match_deliveries(
        &self,
        plugin: PluginName,
        decisions: Vec<MatchDecision>,
    ) -> Result<MatchCount, DbError> {
        let of_plugin = PluginMatch { plugin, decisions };
        self.ask(|reply| Request::Operate(Operation::Match { of_plugin, reply })).await
    }
}
