//! One transaction of the writer: what is in it, and which copy of an event wins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Instant;

use super::backend::{Backend, NewEvent, Removal};
use super::keeping::Removed;
use super::{Accept, DbError};
use crate::delivery::Finished;
use crate::effect::Performed;
use crate::event::PluginName;

/// What is committed together.
#[derive(Default)]
pub(super) struct Batch<'a> {
    pub(super) events: &'a [NewEvent],
    pub(super) finished: &'a [Finished],
    pub(super) performed: &'a [Performed],
    pub(super) holds: &'a [(PluginName, bool)],
    pub(super) probe: bool,
}

/// What became of a batch.
pub(super) struct Written {
    /// Of each event, in their order.
    pub(super) accepts: Vec<Accept>,
    /// Of each attempt, in their order: whether it was recorded. One is not where its call read what another
    /// has changed since.
    pub(super) recorded: Vec<bool>,
}

/// Writes a batch: all of it or, on an error, nothing.
pub(super) async fn write(backend: &mut impl Backend, batch: &Batch<'_>) -> Result<Written, DbError> {
    let written = write_all(backend, batch).await;
    if written.is_err() {
        backend.rollback().await;
    }
    written
}

/// Removes what is old: all of it or, on an error, nothing.
pub(super) async fn remove(backend: &mut impl Backend, removal: &Removal) -> Result<Removed, DbError> {
    let began = Instant::now();
    let removed = backend.remove(removal).await;
    if removed.is_err() {
        backend.rollback().await;
    }
    Ok(Removed { count: removed?, held: began.elapsed() })
}

async fn write_all(backend: &mut impl Backend, batch: &Batch<'_>) -> Result<Written, DbError> {
    backend.begin().await?;
    let accepts = accept(backend, batch.events).await?;
    let recorded = finish(backend, batch.finished).await?;
    if !batch.performed.is_empty() {
        backend.record_tries(batch.performed).await?;
    }
    for (plugin, held) in batch.holds {
        backend.hold(plugin, *held).await?;
    }
    if batch.probe {
        backend.probe().await?;
    }
    backend.commit().await?;
    Ok(Written { accepts, recorded })
}

/// Commits what calls wrote, asked for and came to, of those that read what is still so.
async fn finish(backend: &mut impl Backend, finished: &[Finished]) -> Result<Vec<bool>, DbError> {
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
    Ok(recorded)
}

async fn accept(backend: &mut impl Backend, events: &[NewEvent]) -> Result<Vec<Accept>, DbError> {
    if events.is_empty() {
        return Ok(Vec::new());
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
                Accept::Accepted { deliveries: new.plugins.len() }
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
    if !accepted.is_empty() {
        backend.insert_events(&accepted).await?;
    }
    if !conflicts.is_empty() {
        backend.keep_conflicts(&conflicts).await?;
    }
    Ok(verdicts)
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
