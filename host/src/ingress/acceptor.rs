//! The trait through which the endpoint stores what it verified.

use crate::confirmation::{ConfirmationReceipt, NewConfirmation};
use crate::db::{Accept, DbError};
use crate::event::Event;

/// Accepts verified events; the sender's answer waits for it.
pub trait EventAcceptor: Send + Sync + 'static {
    /// Stores an event with its deliveries. Returns after the commit.
    fn accept(&self, event: Event) -> impl Future<Output = Result<Accept, DbError>> + Send;

    /// Stores all events with their deliveries, or none. Returns after the commit.
    fn accept_all(&self, events: Vec<Event>) -> impl Future<Output = Result<Vec<Accept>, DbError>> + Send;

    /// Stores a confirmation that an operator decides about. Returns after the commit.
    fn store_confirmation(
        &self,
        new: NewConfirmation,
    ) -> impl Future<Output = Result<ConfirmationReceipt, DbError>> + Send;

    /// The time since which the ids of received events are known, ms since the Unix epoch; 0 = all
    /// are known.
    fn ids_known_since(&self, now: u64, keys_days: u64) -> u64;
}
