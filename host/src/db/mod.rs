//! The database: the only SQL. No HTTP and no wasm here.
//!
//! Every write goes through one group-commit writer: many operations, one `fsync`.

#[cfg(test)]
mod contract;
mod crashes;
mod entries;
mod handle;
mod health;
mod lease;
#[cfg(test)]
mod memory;
mod quota;
mod replays;
mod reserve;
mod retention;
mod running;
mod shared;
mod sqlite;
mod storage;
#[cfg(test)]
mod tests;
mod types;
mod view;
mod writer;

pub use crashes::Company;
pub use handle::Db;
pub use health::Judgement;
pub use quota::{Bounds, Crossed};
pub use retention::Pruning;
pub use sqlite::{backup, restore};
pub use types::{
    Accept, BackupContent, BackupError, Conflict, DbError, Discard, EffectLease, Handoff, Hold, Lease,
    Limits, Notices, Size, Stock,
};
pub use view::{
    AttemptView, CauseView, ConflictView, DeliveryFilter, DeliveryPage, DeliverySummary, DeliveryView,
    EffectFilter, EffectPage, EffectView, EventFilter, EventPage, EventState, EventSummary, EventView,
    ListedDelivery, ListedEffect, ReplayedView, TryView,
};
