//! What an event with an edited payload asks of a storage.

use std::future::Future;

use super::batch::{NewEvent, Ready};
use super::types::{Accept, DbError};
use crate::audit::Record;
use crate::event::Event;

/// An event with an edited payload, and the record of the decision.
#[derive(Debug)]
pub struct Edit {
    /// The number of the edited event.
    pub of: i64,
    /// The new event.
    pub event: Event,
    /// The record of the decision.
    pub record: Record,
}

/// The result for an event with an edited payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditResult {
    /// The new event is stored with the entry of the decision, or its id was taken and nothing is stored.
    Judged(Accept),
    /// The edited event was erased: nothing is stored.
    Erased,
    /// An erasure in progress includes the edited event: nothing is stored.
    BeingErased,
    /// The edited event was pruned: nothing is stored.
    Pruned,
}

/// An edit with the recipients of its new event.
#[derive(Debug)]
pub(super) struct NewEdit {
    pub(super) of: i64,
    pub(super) new: NewEvent,
    pub(super) record: Record,
}

/// Stores events with edited payloads.
pub(super) trait EditStorage: Send {
    /// Stores the new event with its deliveries, the entry of the decision and its idempotency key in one transaction,
    /// unless the edited event was erased or pruned since it was read, or an erasure in progress includes it. A new
    /// event would keep the values that are to be erased.
    fn store_edit(
        &mut self,
        edit: NewEdit,
    ) -> impl Future<Output = Result<(EditResult, Ready), DbError>> + Send;
}
