//! The one place where an event is accepted: routed by the current snapshot, and committed with its
//! deliveries.
//!
//! The webhook endpoint accepts received events here. An effect that emits an event accepts it here.

use crate::confirmation::{ConfirmationReceipt, NewConfirmation};
use crate::db::{Accept, Db, DbError, Edit, EditResult};
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
        let recipients = self.plugins.snapshot().route(&event.source, &event.event_type);
        self.db.accept(event, recipients).await
    }

    /// Stores several events with their deliveries in one transaction. Returns after the commit.
    ///
    /// # Errors
    /// [`DbError`]: nothing was stored, or the result is unknown. The sender tries again.
    pub async fn accept_all(&self, events: Vec<Event>) -> Result<Vec<Accept>, DbError> {
        let snapshot = self.plugins.snapshot();
        let routed = events.into_iter().map(|event| {
            let recipients = snapshot.route(&event.source, &event.event_type);
            (event, recipients)
        });
        self.db.accept_all(routed.collect()).await
    }

    /// Stores an event with an edited payload, for the plugins that handle its type or only for `to`, with the entry of
    /// the decision.
    ///
    /// # Errors
    /// [`DbError`]: nothing was stored, or the result is unknown.
    pub async fn store_edit(&self, edit: Edit, to: Option<&PluginName>) -> Result<EditResult, DbError> {
        let mut recipients = self.plugins.snapshot().route(&edit.event.source, &edit.event.event_type);
        if let Some(to) = to {
            recipients.retain(|recipient| recipient.plugin == *to);
        }
        self.db.store_edit(edit, recipients).await
    }

    /// Stores a confirmation that an operator decides about. Returns after the commit.
    ///
    /// # Errors
    /// [`DbError`]: nothing was stored, or the result is unknown. The sender tries again.
    pub async fn store_confirmation(&self, new: NewConfirmation) -> Result<ConfirmationReceipt, DbError> {
        self.db.store_confirmation(new).await
    }

    /// The time since which ids of received events are known, in ms since the Unix epoch; 0: all ids
    /// are known.
    #[must_use]
    pub fn ids_known_since(&self, now_ms: u64, keys_days: u64) -> u64 {
        self.db.ids_known_since(now_ms, keys_days)
    }
}
