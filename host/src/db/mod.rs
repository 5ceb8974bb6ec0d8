//! The database: the only SQL. No HTTP and no wasm here.
//!
//! Every write goes through one group-commit writer: many operations, one `fsync`.

use std::sync::Arc;

use crate::delivery::{Delivery, Finished};
use crate::event::{Event, PluginName};

/// What became of an event offered for acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// New, and committed.
    Accepted {
        /// How many deliveries were committed with it.
        deliveries: usize,
    },
    /// Its id was taken by the same payload.
    Duplicate,
    /// Its id was taken by another payload; this one is kept apart.
    Conflict,
}

/// Why nothing could be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// Too much is waiting: come back later.
    #[error("the queue is full ({0})")]
    Full(&'static str),
    /// The database does not do its work.
    #[error("database: {0}")]
    Unavailable(String),
}

/// Takes deliveries straight from the commit. Returns false when its window is full: the delivery
/// then stays in the database, to be leased later.
pub trait Handoff: Send + Sync + 'static {
    /// Offers a committed delivery.
    fn offer(&self, delivery: Delivery) -> bool;
}
