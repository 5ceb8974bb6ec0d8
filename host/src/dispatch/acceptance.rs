//! The one place where an event is accepted: routed by the current snapshot, and committed with its
//! deliveries.
//!
//! The webhook endpoint accepts received events here. An effect that emits an event accepts it here.

use crate::db::{Accept, Db, DbError};
use crate::event::{Event, PluginName};
use crate::plugins::Plugins;

/// Accepts events. Cheap to clone.
#[derive(Clone)]
pub struct Acceptance {
    db: Db,
    plugins: Plugins,
}

impl Acceptance {
    /// Accepts into this database, for the plugins that run.
    #[must_use]
    pub fn new(db: Db, plugins: Plugins) -> Self {
        Self { db, plugins }
    }

    /// Stores an event with one delivery for each plugin that handles its type. Returns after the commit.
    ///
    /// # Errors
    /// [`DbError`]: nothing was stored, or the result is unknown. The sender tries again.
    pub async fn accept(&self, event: Event) -> Result<Accept, DbError> {
        self.accept_for(event, None).await
    }

    /// As [`Self::accept`], only for the plugin `to`, if it is named.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub async fn accept_for(&self, event: Event, to: Option<&PluginName>) -> Result<Accept, DbError> {
        let mut recipients = self.plugins.snapshot().route(&event.source, &event.event_type);
        if let Some(to) = to {
            recipients.retain(|recipient| recipient.plugin == *to);
        }
        self.db.accept(event, recipients).await
    }

    /// The time since which ids of received events are known, in ms since the Unix epoch; 0: all ids
    /// are known.
    #[must_use]
    pub fn ids_known_since(&self, now_ms: u64, keys_days: u64) -> u64 {
        self.db.ids_known_since(now_ms, keys_days)
    }
}
