//! The database: the only SQL. No HTTP and no wasm here.
//!
//! Every write goes through one group-commit writer: many operations, one `fsync`.

mod alert_types;
mod alerts;
mod audit;
mod batch;
mod confirmation_types;
mod confirmations;
#[cfg(test)]
mod contract;
mod crashes;
mod decisions;
mod edit_types;
mod edits;
mod entries;
mod erasure_types;
mod erasures;
mod following;
mod group_types;
mod groups;
mod handle;
mod health;
mod keyed_requests;
mod keyed_types;
mod lease;
mod matching;
#[cfg(test)]
mod memory;
mod oldest_open;
mod open_chosen;
mod outcomes;
mod page_types;
mod plugin_revisions;
mod quota;
mod recent_attempts;
mod replays;
mod reserve;
mod retention;
mod retries;
mod revision_types;
mod revisions;
mod running;
mod search;
mod sessions;
mod shared;
mod sqlite;
mod storage;
mod stored_entries;
mod switch_change;
mod switches;
#[cfg(test)]
mod tests;
mod tokens;
mod types;
mod view;
mod writer;

pub use alert_types::{DeadLetters, PruningState};
pub use confirmation_types::OpenedConfirmation;
pub use crashes::Isolation;
pub use edit_types::{Edit, EditResult};
pub use group_types::{DeadFilter, DeadGroup, DeadGroups, GROUPED_MAX, NewestDead};
pub use handle::Db;
pub use health::WatchLimits;
pub use keyed_types::AnsweredRequest;
pub use outcomes::{AttemptedId, Outcomes};
pub use page_types::{RecentAttempt, Rotation, SessionCreation};
pub use quota::{Bounds, ExceededBound};
pub use retention::Pruning;
pub use search::{Following, IndexStatus, IndexedField, SearchFilter, SearchPage};
pub use sqlite::{backup, restore, verify_audit};
pub use switch_change::{HeldPage, OpenScope, RecentType, SwitchChange, SwitchResult, SwitchedOffDelivery};
pub use types::{
    Accept, BackupContent, BackupError, Conflict, DbError, Discard, EffectLease, Handoff, Lease, Limits,
    MatchCount, MatchDecision, Notices, Size, Stock, StoredTokens, TokenCreation, UnmatchedDelivery,
};
pub use view::{
    AcceptedEvent, AttemptView, CauseView, ConflictView, DeliveryFilter, DeliveryPage, DeliverySummary,
    DeliveryView, EffectAttemptView, EffectFilter, EffectPage, EffectView, EventFilter, EventPage,
    EventState, EventSummary, EventView, ListedDelivery, ListedEffect, ReplayedView, StoreFilter, StoredBody,
    StoredKey,
};
