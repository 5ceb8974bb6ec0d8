//! Makes deliveries due that failed on another revision of their plugin than the one in force.
//!
//! A fixed plugin would otherwise seem to do nothing until the backoff ends. A swap is a hint. The tick compares each
//! plugin's revision with the last one for which this was done, which the database has: so a crash between two pages,
//! or a file that changed while no host ran, leaves nothing behind. Blocked deliveries keep their place in their
//! ordering key, for only waiting ones are made due.

use std::collections::HashMap;

use super::TICK;
use crate::clock;
use crate::db::{Db, DbError};
use crate::delivery::{Cause, Failure, NextStep};
use crate::event::{Digest, PluginName};
use crate::plugins::Plugins;

/// See the module.
pub(super) struct NewRevisions {
    db: Db,
    plugins: Plugins,
}

impl NewRevisions {
    pub(super) fn new(db: Db, plugins: Plugins) -> Self {
        Self { db, plugins }
    }

    /// Follows the plugins' revisions until the host ends.
    pub(super) async fn run(self) {
        let mut swaps = self.plugins.swaps();
        let mut retried = None;
        loop {
            swaps.borrow_and_update();
            if let Err(error) = self.follow(&mut retried).await {
                tracing::error!(
                    "deliveries that failed on earlier revisions could not be made due, trying again: {error}"
                );
            }
            if let Ok(Err(_)) = tokio::time::timeout(TICK, swaps.changed()).await {
                return;
            }
        }
    }

    /// `retried` has the revisions for which it was done, once they are read.
    async fn follow(&self, retried: &mut Option<HashMap<PluginName, Digest>>) -> Result<(), DbError> {
        let retried = match retried {
            Some(retried) => retried,
            None => retried.insert(self.db.retried_revisions().await?.into_iter().collect()),
        };
        let snapshot = self.plugins.snapshot();
        for (plugin, active) in snapshot.plugins() {
            let revision = active.revision;
            if retried.get(plugin) == Some(&revision) {
                continue;
            }
            let made = self.db.retry_on_revision(plugin, revision).await?;
            if made > 0 {
                tracing::info!(
                    %plugin, revision = revision.short(), deliveries = made,
                    "the plugin has another revision: {made} deliveries that failed on earlier ones are due"
                );
            }
            retried.insert(plugin.clone(), revision);
        }
        Ok(())
    }
}

/// The next step of a delivery whose attempt failed on a revision that is no longer in force: it waits for nothing.
pub(super) fn step_after_swap(
    next: NextStep,
    failure: Option<&Failure>,
    was_swapped: impl FnOnce() -> bool,
) -> NextStep {
    let by_host = failure.is_some_and(|failure| failure.cause == Cause::Host);
    match next {
        NextStep::Wait(due) if !by_host && was_swapped() => NextStep::Wait(due.min(clock::now_ms())),
        next => next,
    }
}
