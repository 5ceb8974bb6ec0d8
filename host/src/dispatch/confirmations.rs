//! Opens the URLs of confirmations that operators approve.

use std::sync::Arc;

use tokio::sync::watch;

use crate::audit::Decision;
use crate::clock;
use crate::config::Config;
use crate::confirmation::{ConfirmationDecision, StoredConfirmation};
use crate::db::{Db, DbError, OpenedConfirmation};
use crate::outbound::{ConfirmationToOpen, Outbound};

/// Carries out approvals. Cheap to clone.
#[derive(Clone)]
pub struct Confirmations {
    db: Db,
    outbound: Outbound,
    config: watch::Receiver<Arc<Config>>,
}

impl Confirmations {
    /// Approvals that are stored here, and whose URLs are opened so.
    #[must_use]
    pub fn new(db: Db, outbound: Outbound, config: watch::Receiver<Arc<Config>>) -> Self {
        Self { db, outbound, config }
    }

    /// Stores an approval, opens the URL, and stores what came of it. A confirmation that the provider did not confirm
    /// still waits, with the reason. It goes on if the caller does not wait for it: the URL may be open by then.
    ///
    /// # Errors
    /// [`DbError`]: nothing was opened, or it is not stored what came of it.
    pub async fn approve(
        &self,
        source: String,
        id: i64,
        by: Decision,
    ) -> Result<ConfirmationDecision, DbError> {
        let own = self.clone();
        let approving = tokio::spawn(async move { own.carry_out(&source, id, by).await });
        let stopped = |_| Err(DbError::Unavailable("the host stops".into()));
        approving.await.unwrap_or_else(stopped)
    }

    async fn carry_out(&self, source: &str, id: i64, by: Decision) -> Result<ConfirmationDecision, DbError> {
        let name = by.actor.name.clone();
        let approved = match self.db.approve_confirmation(source, id, by).await? {
            ConfirmationDecision::Decided(approved) => approved,
            other => return Ok(other),
        };
        let result = self.open(&approved).await;
        let StoredConfirmation { request, .. } = *approved;
        match &result {
            Ok(subscription) => {
                let subscription = subscription.as_deref().unwrap_or_default();
                tracing::info!(source, topic = request.topic, subscription, "the provider confirmed");
            }
            Err(failure) => tracing::warn!(
                source,
                topic = request.topic,
                failure,
                "approved, but the provider did not confirm"
            ),
        }
        let opened = OpenedConfirmation { id, url: request.url, at: clock::now_ms(), by: name, result };
        let stored = self.db.end_confirmation(opened).await?;
        Ok(stored
            .map_or(ConfirmationDecision::Unknown, |stored| ConfirmationDecision::Decided(Box::new(stored))))
    }

    /// Opens the URL of an approved confirmation.
    async fn open(&self, approved: &StoredConfirmation) -> Result<Option<String>, String> {
        let source = approved.request.source.as_str();
        let origins = match self.config.borrow().sources.get(source) {
            Some(configured) => configured.confirm_origins.clone(),
            None => return Err(format!("the source {source} is not configured any more")),
        };
        let section = if source.contains('.') {
            format!("[sources.\"{source}\"]")
        } else {
            format!("[sources.{source}]")
        };
        let (topic, url) = (approved.request.topic.as_str(), approved.request.url.as_str());
        let to_open = ConfirmationToOpen { section: &section, topic, url, origins: &origins };
        self.outbound.confirm(&to_open).await.map_err(|failure| failure.detail)
    }
}
