//! Search in stored events: a derived index in a file of its own, and a scan of what is newer.
//!
//! A follower task reads committed events and changes of events, a page at a time, and writes their terms into the
//! index. It is never on the way of a write. The index only proposes events: each of them is read from the database
//! and compared again before it is in an answer. So an answer never shows a removed or erased value, and an index that
//! is damaged or missing costs time and no truth.

mod answer;
mod follower;
mod lookup;
mod query;
pub(super) mod reads;
mod settings;
mod state;
pub(super) mod terms;
#[cfg(test)]
mod tests;

pub use answer::SearchPage;
pub use follower::Following;
pub use query::SearchFilter;
pub use state::IndexStatus;
pub use terms::IndexedField;

pub(super) use lookup::{Candidates, IndexPosition, IsVisible, Lookup, LookupRange, ReceivedRange};
pub(super) use settings::SearchSettings;
pub(super) use state::SearchState;
