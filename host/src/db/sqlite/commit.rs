//! Commits a batch as one transaction, and then updates memory.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::event_changes;
use super::storage::SqliteStorage;
use super::write::{Matched, Statements, Unblocked};
use crate::clock;
use crate::completion::FinishedAttempt;
use crate::db::revision_types::RevisionRecord;
use crate::db::storage::{Batch, Committed, NewEvent, Ready, Verdict};
use crate::db::types::{Accept, DbError, HoldChange, MatchCount, PluginMatch};
use crate::db::writer::batch::{self, Keyed, NewDelivery, NumberedEvent, NumberedRecipient};
use crate::delivery::{Delivery, DeliveryId, NextStep, ReadySince};
use crate::effect::{CompletedEffect, EffectId};
use crate::failpoint::{self, Point};

/// A numbered batch without the work that this host has not leased.
struct Writing<'a> {
    events: &'a [NumberedEvent],
    finished: &'a [&'a FinishedAttempt],
    performed: &'a [&'a CompletedEffect],
    holds: &'a [HoldChange],
    revisions: &'a [RevisionRecord],
    probe: bool,
    /// The offset of the host's time from the system clock's, from this event on.
    clock: Option<(i64, i64)>,
    /// Whether any delivery may be open.
    any_open: bool,
    /// Whether any delivery may be blocked.
    any_blocked: bool,
}

/// The results of a written batch.
struct Written {
    /// The result of each event, in order.
    accepts: Vec<Accept>,
    /// For each attempt at a delivery: whether it is recorded. It is not if another call has changed an entry
    /// that its call read.
    recorded: Vec<bool>,
    new: NewlyOpen,
    /// Deliveries that are not blocked any more.
    unblocked: Unblocked,
}

/// The deliveries of new events that cannot be leased.
#[derive(Default)]
pub(super) struct NewlyOpen {
    /// They are blocked or unmatched.
    pub(super) not_due: HashSet<DeliveryId>,
    /// The number of blocked ones.
    pub(super) blocked: u64,
}

impl NewlyOpen {
    pub(super) fn of(deliveries: &[NewDelivery<'_>]) -> Self {
        let not_due = deliveries.iter().filter(|new| !new.placement.is_due()).map(|new| new.id);
        let blocked = deliveries.iter().filter(|new| new.placement.blocked).count() as u64;
        Self { not_due: not_due.collect(), blocked }
    }
}

impl SqliteStorage {
    pub(super) async fn commit_batch(&mut self, batch: Batch<'_>) -> Result<Committed, DbError> {
        self.reload_switches().await?;
        let Batch { events, finished, performed, holds, revisions, probe, offset_ms } = batch;
        let clock = offset_ms.map(|offset_ms| (self.last_seq + 1, offset_ms));
        let events = self.number(events);
        let leased: Vec<_> = finished.iter().filter(|finished| self.leases.has(finished.id)).collect();
        let performing: Vec<_> =
            performed.iter().filter(|performed| self.effect_leases.has(performed.id)).collect();
        let writing = Writing {
            events: &events,
            finished: &leased,
            performed: &performing,
            holds,
            revisions,
            probe,
            clock,
            any_open: self.any_open(),
            any_blocked: self.blocked != Some(0),
        };
        let written = write(&mut self.statements, &writing).await;
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                self.statements.rollback().await;
                self.blocked = None;
                return Err(error);
            }
        };
        let Written { accepts, recorded, new: newly_open, unblocked } = written;
        let finished = self.finish(finished, &recorded);
        let performed = self.perform(performed);
        for change in holds {
            self.note_hold(change);
        }
        let mut ready = Ready::default();
        for (new, accept) in events.into_iter().zip(&accepts) {
            self.note_accepted(new, *accept, &newly_open.not_due, &mut ready);
        }
        self.blocked = self.blocked.map(|before| before + newly_open.blocked - unblocked.count);
        self.recount().await;
        Ok(Committed { accepts, finished, performed, ready, unblocked: unblocked.due })
    }

    /// Gives events their numbers.
    pub(super) fn number(&mut self, events: Vec<NewEvent>) -> Vec<NumberedEvent> {
        let numbered = events.into_iter().map(|NewEvent { event, recipients }| {
            self.last_seq += 1;
            NumberedEvent::new(self.last_seq, event, recipients, &self.switches)
        });
        numbered.collect()
    }

    /// Attempts at deliveries are committed: their leases end, and their effects are leased.
    fn finish(&mut self, finished: &[FinishedAttempt], recorded: &[bool]) -> Vec<Verdict> {
        let (mut verdicts, mut recorded) = (Vec::with_capacity(finished.len()), recorded.iter());
        let mut closed = 0;
        for finished in finished {
            if !self.leases.has(finished.id) {
                verdicts.push(Verdict::NotLeased);
                continue;
            }
            self.leases.release(finished.id);
            if recorded.next() == Some(&false) {
                verdicts.push(Verdict::Stale);
                continue;
            }
            closed += u64::from(!matches!(finished.next, NextStep::Wait(_)));
            for (number, _) in (1..).zip(&finished.work.effects) {
                self.effect_leases.take(EffectId { delivery: finished.id, number }, &finished.plugin);
            }
            verdicts.push(Verdict::Recorded);
        }
        self.backlog.fetch_sub(closed, Ordering::Relaxed);
        let recorded =
            finished.iter().zip(&verdicts).filter(|(_, verdict)| matches!(verdict, Verdict::Recorded));
        let ended = recorded.filter(|(finished, _)| !matches!(finished.next, NextStep::Wait(_)));
        self.chosen.remove(ended.map(|(finished, _)| finished.id));
        verdicts
    }

    /// Attempts at effects are committed: their leases end.
    fn perform(&mut self, performed: &[CompletedEffect]) -> Vec<Verdict> {
        let verdict = |performed: &CompletedEffect| {
            if !self.effect_leases.has(performed.id) {
                return Verdict::NotLeased;
            }
            self.effect_leases.release(performed.id);
            Verdict::Recorded
        };
        performed.iter().map(verdict).collect()
    }

    /// A new event is committed: its deliveries are open, and those that are due are leased.
    pub(super) fn note_accepted(
        &mut self,
        new: NumberedEvent,
        accept: Accept,
        not_due: &HashSet<DeliveryId>,
        ready: &mut Ready,
    ) {
        let Accept::Accepted { deliveries, unmatched } = accept else { return };
        self.backlog.fetch_add((deliveries + unmatched) as u64, Ordering::Relaxed);
        for (number, NumberedRecipient { plugin, order, .. }) in (1..).zip(new.to) {
            let id = DeliveryId { event: new.seq, number };
            if !not_due.contains(&id) {
                let event = Arc::clone(&new.event);
                let since = clock::measured(event.received_at, clock::offset_ms());
                self.make_ready(
                    Delivery {
                        id,
                        event,
                        plugin,
                        attempts: 0,
                        failures: 0,
                        since,
                        order,
                        revision: None,
                        ready: ReadySince::Committed(Instant::now()),
                    },
                    ready,
                );
            }
        }
    }

    pub(super) async fn match_of_plugin(&mut self, of_plugin: &PluginMatch) -> Result<MatchCount, DbError> {
        self.statements.begin().await?;
        let matched = self.statements.match_deliveries(of_plugin).await;
        let Matched { handled, withdrawn, unblocked } = self.end(matched).await?;
        let count = MatchCount { handled, withdrawn: withdrawn.len() as u64 };
        self.backlog.fetch_sub(count.withdrawn, Ordering::Relaxed);
        let were_blocked = withdrawn.iter().filter(|withdrawn| withdrawn.blocked).count() as u64;
        let fewer = were_blocked + unblocked.count;
        self.blocked = self.blocked.map(|before| before.saturating_sub(fewer));
        Ok(count)
    }
}

/// Writes a batch and commits it. On an error the transaction is open.
async fn write(statements: &mut Statements, writing: &Writing<'_>) -> Result<Written, DbError> {
    statements.begin().await?;
    // Finished deliveries come first: neither the deliveries that they unblock nor new ones then
    // wait for them.
    let (recorded, unblocked) = finish(statements, writing).await?;
    let (accepts, new) = accept(statements, writing).await?;
    if !writing.performed.is_empty() {
        statements.record_effect_attempts(writing.performed).await?;
    }
    for change in writing.holds {
        statements.hold(change).await?;
    }
    if !writing.revisions.is_empty() {
        statements.record_revisions(writing.revisions).await?;
    }
    if writing.probe {
        statements.probe().await?;
    }
    if let Some((from_seq, offset_ms)) = writing.clock {
        statements.record_offset(from_seq, offset_ms).await?;
    }
    failpoint::pass(Point::BeforeCommit);
    statements.commit().await?;
    failpoint::pass(Point::AfterCommit);
    Ok(Written { accepts, recorded, new, unblocked })
}

/// Writes the store writes, effects and outcomes of calls whose reads are still current. Returns which attempts are
/// recorded, and the deliveries that they unblock.
async fn finish(
    statements: &mut Statements,
    writing: &Writing<'_>,
) -> Result<(Vec<bool>, Unblocked), DbError> {
    let finished = writing.finished;
    let calls: Vec<_> = finished
        .iter()
        .filter_map(|finished| Some((&finished.plugin, finished.work.store.as_ref()?)))
        .collect();
    let mut recorded = vec![true; finished.len()];
    if !calls.is_empty() {
        let mut current = statements.change(&calls).await?.into_iter();
        for (recorded, finished) in recorded.iter_mut().zip(finished) {
            if finished.work.store.is_some() {
                *recorded = current.next().unwrap_or(true);
            }
        }
    }
    let ended = finished.iter().zip(&recorded).filter(|(_, recorded)| **recorded);
    let ended: Vec<_> = ended.map(|(ended, _)| *ended).collect();
    if !ended.is_empty() {
        statements.record(&ended).await?;
        event_changes::note_failures(statements.conn.get().await?, &ended).await?;
    }
    let mut unblocked = Unblocked::default();
    if writing.any_blocked {
        let closed: Vec<_> = batch::closed(&ended).map(|(order, _)| order).collect();
        unblocked = statements.unblock(&closed).await?;
    }
    Ok((recorded, unblocked))
}

/// Stores new events. Returns the result of each, and the deliveries that cannot be leased.
async fn accept(
    statements: &mut Statements,
    writing: &Writing<'_>,
) -> Result<(Vec<Accept>, NewlyOpen), DbError> {
    let events = writing.events;
    if events.is_empty() {
        return Ok(Default::default());
    }
    let keyed = Keyed::of(events);
    let owners = statements.take_keys(&keyed.firsts).await?;
    let accepts = keyed.judge(events, &owners);
    let judged = |wanted: fn(&Accept) -> bool| {
        events.iter().zip(&accepts).filter(move |(_, accept)| wanted(accept)).map(|(new, _)| new)
    };
    let accepted: Vec<_> = judged(|accept| matches!(accept, Accept::Accepted { .. })).collect();
    let mut newly_open = NewlyOpen::default();
    if !accepted.is_empty() {
        let deliveries = deliveries(statements, &accepted, writing.any_open).await?;
        statements.insert_events(&accepted, &deliveries).await?;
        newly_open = NewlyOpen::of(&deliveries);
    }
    let conflicts: Vec<_> = judged(|accept| *accept == Accept::Conflict).map(|new| &*new.event).collect();
    if !conflicts.is_empty() {
        statements.keep_conflicts(&conflicts).await?;
    }
    Ok((accepts, newly_open))
}

/// The deliveries of new events. Without `any_open`, no delivery was open before.
pub(super) async fn deliveries<'a>(
    statements: &mut Statements,
    events: &[&'a NumberedEvent],
    any_open: bool,
) -> Result<Vec<NewDelivery<'a>>, DbError> {
    let mut new: Vec<_> = events.iter().flat_map(|new| new.deliveries()).collect();
    let orders: Vec<_> = new.iter().filter_map(|delivery| delivery.order).collect();
    let open = match orders[..] {
        [] => return Ok(new),
        _ if any_open => statements.open_orders(&orders).await?,
        _ => HashSet::new(),
    };
    batch::mark_blocked(&mut new, open);
    Ok(new)
}
