//! Matches deliveries of events that were accepted before their plugin's handlers were known.
//!
//! Such a delivery keeps its place in its ordering key, and no lease finds it. Only a loaded plugin decides:
//! the delivery becomes due if the plugin handles its event, and is withdrawn if not. A file that is only
//! expected may be refused, and another take its place. While the plugin is refused or gone, the delivery is
//! held like others of an absent plugin. The tick finds the deliveries to match; a new snapshot is a hint.

use super::TICK;
use crate::db::{Db, DbError, MatchCount, MatchDecision, UnmatchedDelivery};
use crate::event::PluginName;
use crate::failpoint::{self, Point};
use crate::plugins::Plugins;

/// Deliveries that one transaction matches: a few milliseconds of the writer's time.
const PAGE: u32 = 500;

/// See the module.
pub(super) struct Matching {
    db: Db,
    plugins: Plugins,
}

impl Matching {
    pub(super) fn new(db: Db, plugins: Plugins) -> Self {
        Self { db, plugins }
    }

    /// Matches deliveries until the host ends.
    pub(super) async fn run(self) {
        let mut swaps = self.plugins.swaps();
        loop {
            swaps.borrow_and_update();
            if let Err(error) = self.match_all().await {
                tracing::error!(
                    "deliveries could not be matched with their plugins' handlers, trying again: {error}"
                );
            }
            if let Ok(Err(_)) = tokio::time::timeout(TICK, swaps.changed()).await {
                return;
            }
        }
    }

    async fn match_all(&self) -> Result<(), DbError> {
        for plugin in self.db.unmatched_plugins().await? {
            let MatchCount { handled, withdrawn } = self.match_plugin(&plugin).await?;
            let accepted = handled + withdrawn;
            if accepted > 0 {
                tracing::info!(
                    %plugin, handled, withdrawn,
                    "the plugin is loaded: of {accepted} events accepted before, it handles {handled}"
                );
            }
        }
        Ok(())
    }

    /// Matches all deliveries of a plugin, page by page, if it is loaded.
    async fn match_plugin(&self, plugin: &PluginName) -> Result<MatchCount, DbError> {
        let (mut total, mut last) = (MatchCount::default(), None);
        loop {
            // Each page has its own snapshot: the plugin may be swapped or removed meanwhile.
            let snapshot = self.plugins.snapshot();
            if snapshot.get(plugin).is_none() {
                return Ok(total);
            }
            let page = self.db.unmatched(plugin, last, PAGE).await?;
            if page.is_empty() {
                return Ok(total);
            }
            last = page.last().map(|found| found.id);
            let decision = |found: &UnmatchedDelivery| MatchDecision {
                id: found.id,
                handled: snapshot.handles(plugin, &found.source, &found.event_type),
            };
            let decisions = page.iter().map(decision).collect();
            failpoint::pass(Point::MatchStep);
            let count = self.db.match_deliveries(plugin.clone(), decisions).await?;
            total.handled += count.handled;
            total.withdrawn += count.withdrawn;
        }
    }
}
