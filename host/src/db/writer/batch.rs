//! One transaction of the writer: what is in it, and which copy of an event wins.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::completion::Finished;
use crate::db::order;
use crate::db::storage::{Backend, NewEvent};
use crate::db::types::{Accept, DbError, HoldChange};
use crate::delivery::DeliveryId;
use crate::effect::Performed;
use crate::failpoint::{self, Point};

/// What is committed together.
#[derive(Default)]
pub(in crate::db) struct Batch<'a> {
    pub(in crate::db) events: &'a [NewEvent],
    pub(in crate::db) finished: &'a [Finished],
    pub(in crate::db) performed: &'a [Performed],
    pub(in crate::db) holds: &'a [HoldChange],
    pub(in crate::db) probe: bool,
    /// From this event on, the host's time differs from the system clock's by this.
    pub(in crate::db) clock: Option<(i64, i64)>,
    /// Whether any delivery may be open.
    pub(in crate::db) any_open: bool,
    /// Whether any delivery may be behind another.
    pub(in crate::db) any_behind: bool,
}

/// What became of a batch.
pub(in crate::db) struct Written {
    /// Of each event, in their order.
    pub(in crate::db) accepts: Vec<Accept>,
    /// Of each attempt, in their order: whether it was recorded. One is not where its call read what another
    /// has changed since.
    pub(in crate::db) recorded: Vec<bool>,
    /// New deliveries that wait for an earlier one of their order.
    pub(in crate::db) behind: HashSet<DeliveryId>,
    /// Deliveries that do so no longer.
    pub(in crate::db) promoted: Vec<DeliveryId>,
}

/// Writes a batch: all of it or, on an error, nothing.
pub(in crate::db) async fn write(backend: &mut impl Backend, batch: &Batch<'_>) -> Result<Written, DbError> {
    let written = write_all(backend, batch).await;
    if written.is_err() {
        backend.rollback().await;
    }
    written
}

async fn write_all(backend: &mut impl Backend, batch: &Batch<'_>) -> Result<Written, DbError> {
    backend.begin().await?;
    // What ends comes first: what it held back, and what comes in now, need not wait for it.
    let (recorded, promoted) = finish(backend, batch).await?;
    let (accepts, behind) = accept(backend, batch).await?;
    if !batch.performed.is_empty() {
        backend.record_tries(batch.performed).await?;
    }
    for change in batch.holds {
        backend.hold(change).await?;
    }
    if batch.probe {
        backend.probe().await?;
    }
    if let Some((from_seq, offset_ms)) = batch.clock {
        backend.record_offset(from_seq, offset_ms).await?;
    }
    failpoint::pass(Point::BeforeCommit);
    backend.commit().await?;
    failpoint::pass(Point::AfterCommit);
    Ok(Written { accepts, recorded, behind, promoted })
}

/// Commits what calls wrote, asked for and came to, of those that read what is still so. Which these are,
/// and which deliveries come after them.
async fn finish(
    backend: &mut impl Backend,
    batch: &Batch<'_>,
) -> Result<(Vec<bool>, Vec<DeliveryId>), DbError> {
    let finished = batch.finished;
    let calls: Vec<_> = finished
        .iter()
        .filter_map(|finished| Some((&finished.plugin, finished.work.store.as_ref()?)))
        .collect();
    let mut recorded = vec![true; finished.len()];
    if !calls.is_empty() {
        let mut fit = backend.change(&calls).await?.into_iter();
        for (recorded, finished) in recorded.iter_mut().zip(finished) {
            if finished.work.store.is_some() {
                *recorded = fit.next().unwrap_or(true);
            }
        }
    }
    let ended: Vec<_> =
        finished.iter().zip(&recorded).filter(|(_, recorded)| **recorded).map(|(ended, _)| ended).collect();
    if !ended.is_empty() {
        backend.record(&ended).await?;
    }
    let mut promoted = Vec::new();
    if batch.any_behind {
        let closed: Vec<_> = order::closed(&ended).map(|(order, _)| order).collect();
        promoted = backend.promote(&closed).await?;
    }
    Ok((recorded, promoted))
}

/// Stores new events. What became of each, and which deliveries are behind others.
async fn accept(
    backend: &mut impl Backend,
    batch: &Batch<'_>,
) -> Result<(Vec<Accept>, HashSet<DeliveryId>), DbError> {
    let events = batch.events;
    if events.is_empty() {
        return Ok(Default::default());
    }
    let (firsts, first_of) = firsts(events);
    let owners = backend.take_keys(&firsts).await?;

    let mut verdicts = Vec::with_capacity(events.len());
    let mut accepted = Vec::with_capacity(firsts.len());
    let mut conflicts = Vec::new();
    for (new, first) in events.iter().zip(first_of) {
        let owner = owners.get(first).copied().flatten();
        let winner = firsts.get(first).filter(|_| owner.is_none());
        let verdict = match (owner, winner) {
            (None, Some(winner)) if winner.seq == new.seq => {
                accepted.push(new);
                Accept::Accepted { deliveries: new.to.len() }
            }
            (owner, winner) => {
                let digest = owner.or_else(|| winner.map(|winner| winner.event.digest));
                if digest == Some(new.event.digest) {
                    Accept::Duplicate
                } else {
                    conflicts.push(&*new.event);
                    Accept::Conflict
                }
            }
        };
        verdicts.push(verdict);
    }
    let mut behind = HashSet::new();
    if !accepted.is_empty() {
        let deliveries = order::deliveries(backend, &accepted, batch.any_open).await?;
        backend.insert_events(&accepted, &deliveries).await?;
        behind.extend(deliveries.iter().filter(|new| new.behind).map(|new| new.id));
    }
    if !conflicts.is_empty() {
        backend.keep_conflicts(&conflicts).await?;
    }
    Ok((verdicts, behind))
}

/// The first event of each key, and for every event where its key's first one is.
fn firsts(events: &[NewEvent]) -> (Vec<&NewEvent>, Vec<usize>) {
    let mut index = HashMap::with_capacity(events.len());
    let mut firsts = Vec::with_capacity(events.len());
    let first_of =
        events.iter().map(|new| match index.entry((new.event.source.as_str(), new.event.id.as_str())) {
            Entry::Occupied(first) => *first.get(),
            Entry::Vacant(entry) => {
                firsts.push(new);
                *entry.insert(firsts.len() - 1)
            }
        });
    let first_of = first_of.collect();
    (firsts, first_of)
}
