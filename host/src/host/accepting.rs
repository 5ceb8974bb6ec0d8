//! Accepts what the webhook endpoint verified.

use crate::confirmation::{ConfirmationReceipt, NewConfirmation};
use crate::db::{Accept, DbError};
use crate::dispatch::Acceptance;
use crate::event::Event;
use crate::ingress;

impl ingress::EventAcceptor for Acceptance {
    async fn accept_all(&self, events: Vec<Event>) -> Result<Vec<Accept>, DbError> {
        Self::accept_all(self, events).await
    }

    async fn accept(&self, event: Event) -> Result<Accept, DbError> {
        Self::accept(self, event).await
    }

    async fn store_confirmation(&self, new: NewConfirmation) -> Result<ConfirmationReceipt, DbError> {
        Self::store_confirmation(self, new).await
    }

    fn ids_known_since(&self, now: u64, keys_days: u64) -> u64 {
        Self::ids_known_since(self, now, keys_days)
    }
}
