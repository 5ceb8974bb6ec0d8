//! Releases the deliveries that a switch held, after it was turned on: page by page, so that other writes go on between.
//!
//! A release is a row. Each page commits with its progress, so a restart continues there. New events are not affected:
//! the switch is on, and those with the ordering key of a held delivery are blocked by it.

use std::sync::Arc;

use tokio::sync::Notify;

use super::TICK;
use crate::db::{Db, DbError, HeldPage};
use crate::failpoint::{self, Point};
use crate::switch::{HeldAction, HeldRelease};

/// Deliveries that one transaction releases: a few milliseconds of the writer's time.
const PAGE: u32 = 500;

/// See the module.
pub(super) struct HeldReleases {
    db: Db,
    requested: Arc<Notify>,
}

impl HeldReleases {
    pub(super) fn new(db: Db, requested: Arc<Notify>) -> Self {
        Self { db, requested }
    }

    /// Continues the releases that an earlier process left, and then carries out new ones.
    pub(super) async fn run(self) {
        loop {
            if let Err(error) = self.release_all().await {
                tracing::error!("deliveries that a switch held could not be released, trying again: {error}");
            }
            let _ = tokio::time::timeout(TICK, self.requested.notified()).await;
        }
    }

    /// Takes the releases in turn, a page of each, so that a short one need not wait for a long one.
    async fn release_all(&self) -> Result<(), DbError> {
        loop {
            let running = self.db.running_releases().await?;
            if running.is_empty() {
                return Ok(());
            }
            for release in running {
                self.advance(&release).await?;
            }
        }
    }

    async fn advance(&self, release: &HeldRelease) -> Result<(), DbError> {
        let HeldRelease { number, plugin, types, action, .. } = release;
        let deliveries = self.db.switched_off(plugin, release.after, PAGE).await?;
        let is_last = deliveries.len() < PAGE as usize;
        let after = deliveries.last().filter(|_| !is_last).map(|held| held.id);
        failpoint::pass(Point::HeldStep);
        let released = self.db.release_held(HeldPage { release: *number, deliveries, after }).await?;
        let total = release.released + released;
        if is_last && total > 0 {
            let done = match action {
                HeldAction::Run => "run",
                HeldAction::Discard => "are discarded",
            };
            tracing::info!(
                %plugin, %types, deliveries = total,
                "the plugin is switched on: {total} deliveries that were held {done}"
            );
        }
        Ok(())
    }
}
