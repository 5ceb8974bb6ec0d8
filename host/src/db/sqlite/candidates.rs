//! The columns that every candidate of a replay has.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::values::{name_of, unsigned};
use crate::db::types::DbError;
use crate::replay::Candidate;

/// The beginning of a query for candidates, from events `e`. Further columns follow.
pub(super) const CANDIDATE: &str = "SELECT e.seq, e.source, e.id, e.type, e.received_at, e.ordering_key,
    EXISTS (SELECT 1 FROM erased_event x WHERE x.event_seq = e.seq)";

/// A candidate from the columns of [`CANDIDATE`].
pub(super) fn candidate_of(row: &SqliteRow) -> Result<Candidate, DbError> {
    Ok(Candidate {
        event: row.try_get(0)?,
        source: name_of(row.try_get(1)?)?,
        id: row.try_get(2)?,
        event_type: row.try_get(3)?,
        received_at: unsigned(row.try_get(4)?),
        ordering_key: row.try_get(5)?,
        deliveries: Vec::new(),
        effect: None,
        reason: None,
        is_erased: row.try_get(6)?,
    })
}
