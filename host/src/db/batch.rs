//! One transaction of the writer: what is in it, and which copy of an event wins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::backend::{Backend, NewEvent};
use super::{Accept, DbError};
use crate::delivery::Finished;
use crate::event::PluginName;

/// What is committed together.
#[derive(Default)]
pub(super) struct Batch<'a> {
    pub(super) events: &'a [NewEvent],
    pub(super) finished: &'a [Finished],
    pub(super) holds: &'a [(PluginName, bool)],
    pub(super) probe: bool,
}

/// Writes a batch: all of it or, on an error, nothing. What became of each event, in their order.
pub(super) async fn write(backend: &mut impl Backend, batch: &Batch<'_>) -> Result<Vec<Accept>, DbError> {
    let written = write_all(backend, batch).await;
    if written.is_err() {
        backend.rollback().await;
    }
    written
}

async fn write_all(backend: &mut impl Backend, batch: &Batch<'_>) -> Result<Vec<Accept>, DbError> {
    backend.begin().await?;
    let accepts = accept(backend, batch.events).await?;
    if !batch.finished.is_empty() {
        backend.record(batch.finished).await?;
    }
    for (plugin, held) in batch.holds {
        backend.hold(plugin, *held).await?;
    }
    if batch.probe {
        backend.probe().await?;
    }
    backend.commit().await?;
    Ok(accepts)
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
