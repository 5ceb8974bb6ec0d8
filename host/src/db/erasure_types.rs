//! What an erasure asks of a storage.

use std::future::Future;

use super::types::{Answer, DbError};
use crate::audit::Decision;
use crate::erasure::{Candidate, ErasureInProgress, ErasurePage, PersonalSources, Progress, Request};

/// An erasure to be stored.
#[derive(Debug, Clone)]
pub(super) struct NewErasure {
    pub(super) request: Request,
    pub(super) sources: PersonalSources,
    /// The number of events that the selection matches.
    pub(super) found: u64,
    /// The newest event.
    pub(super) last_event: i64,
}

/// The write side. Each call is one transaction.
pub(super) trait ErasureStorage {
    /// Stores a requested erasure, and returns its number.
    fn begin_erasure(
        &mut self,
        new: &NewErasure,
        by: &Decision,
    ) -> impl Future<Output = Result<i64, DbError>> + Send;

    /// Overwrites the values of a page of events. An event that is open is skipped, and one that was
    /// pruned meanwhile is left out. One that was erased before is erased again.
    fn advance_erasure(&mut self, page: &ErasurePage) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Moves commits to their final place, so that no old value remains in the database's log. An error if a reader
    /// prevents it.
    fn empty_log(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// The read side.
pub(super) trait ErasureReads: Send + Sync {
    /// Up to `limit` events that an erasure finds, in order, with bodies of up to `max_bytes` together, but at least one.
    fn erasure_candidates<'a>(
        &'a self,
        running: &'a ErasureInProgress,
        limit: u32,
        max_bytes: u64,
    ) -> Answer<'a, Vec<Candidate>>;

    /// Erasures in progress, the oldest first.
    fn running_erasures(&self) -> Answer<'_, Vec<ErasureInProgress>>;

    /// An erasure.
    fn erasure(&self, id: i64) -> Answer<'_, Option<Progress>>;

    /// Those of these events that were erased, in order.
    fn erased_among<'a>(&'a self, events: &'a [i64]) -> Answer<'a, Vec<i64>>;
}

/// The number of bodies of these lengths that have up to `max_bytes` together; one at least.
pub(super) fn count_within(lengths: impl Iterator<Item = u64>, max_bytes: u64) -> u32 {
    let mut bytes = 0_u64;
    let fits = |length: &u64| {
        let is_first = bytes == 0;
        bytes = bytes.saturating_add((*length).max(1));
        is_first || bytes <= max_bytes
    };
    u32::try_from(lengths.take_while(fits).count()).unwrap_or(u32::MAX)
}
