//! A batch in memory.

use std::collections::HashSet;
use std::sync::Arc;

use super::storage::MemoryStorage;
use super::tables::{ABSENT, Key, StoredDelivery, StoredEffect, StoredState, Tables};
use crate::clock;
use crate::completion::FinishedAttempt;
use crate::db::revision_types::RevisionRecord;
use crate::db::storage::{Batch, Committed, Verdict};
use crate::db::types::{Accept, HoldChange, REVISIONS_MAX, Removal, RunningId, emitted_events};
use crate::db::writer::batch::{self, Keyed, NumberedEvent};
use crate::delivery::{DeliveryId, NextStep};
use crate::effect::{CompletedEffect, EffectId, EffectOutcome, Progress};
use crate::event::now_ms;

/// Payloads kept of one id beside the one that has it.
const CONFLICTS_MAX: usize = 10;

impl MemoryStorage {
    pub(super) fn commit_batch(&mut self, batch: Batch<'_>) -> Committed {
        let Batch { events, finished, performed, holds, revisions, .. } = batch;
        let mut unblocked = Vec::new();
        let mut verdicts = Vec::with_capacity(finished.len());
        for finished in finished {
            verdicts.push(self.finish(finished, &mut unblocked));
        }
        let performed = performed.iter().map(|performed| self.perform(performed)).collect();
        let (accepts, opened) = self.database.tables().accept(events);
        for HoldChange { plugin, held } in holds {
            let mut tables = self.database.tables();
            let hold = (plugin.clone(), ABSENT);
            if *held {
                tables.held.entry(hold).or_insert_with(now_ms);
            } else {
                tables.held.remove(&hold);
            }
        }
        self.database.tables().record_revisions(revisions);
        let ready = self.make_ready(opened);
        Committed { accepts, finished: verdicts, performed, ready, unblocked }
    }

    fn finish(&mut self, finished: &FinishedAttempt, unblocked: &mut Vec<DeliveryId>) -> Verdict {
        if !self.leased.remove(&RunningId::Delivery(finished.id)) {
            return Verdict::NotLeased;
        }
        let mut tables = self.database.tables();
        if let Some(changes) = &finished.work.store
            && !tables.change(&finished.plugin, changes)
        {
            return Verdict::Stale;
        }
        tables.record(finished);
        if finished.attempt.failure.is_some() {
            tables.note_change(finished.id.event, finished.id.event);
        }
        for (number, _) in (1..).zip(&finished.work.effects) {
            self.leased.insert(RunningId::Effect(EffectId { delivery: finished.id, number }));
        }
        if !matches!(finished.next, NextStep::Wait(_)) {
            unblocked.extend(finished.order.and_then(|order| tables.unblock(order)));
        }
        Verdict::Recorded
    }

    fn perform(&mut self, performed: &CompletedEffect) -> Verdict {
        if !self.leased.remove(&RunningId::Effect(performed.id)) {
            return Verdict::NotLeased;
        }
        if let Some(stored) = self.database.tables().effects.get_mut(&performed.id) {
            stored.standing = match (performed.due, performed.attempt.outcome) {
                (Some(until), _) => StoredState::Waiting(until.max(1)),
                (None, EffectOutcome::Done) => StoredState::Done,
                (None, _) => StoredState::Dead(None),
            };
            stored.attempts.push(performed.attempt.clone());
            if let Some(progress) = &performed.progress {
                stored.progress = progress.clone();
            }
        }
        Verdict::Recorded
    }
}

impl Tables {
    /// Stores new events. Returns the result of each, and the deliveries that can be leased.
    pub(super) fn accept(
        &mut self,
        events: Vec<crate::db::storage::NewEvent>,
    ) -> (Vec<Accept>, Vec<DeliveryId>) {
        let numbered = events.into_iter().map(|new| {
            self.last_seq += 1;
            NumberedEvent::new(self.last_seq, new.event, new.recipients, &self.switches)
        });
        let events: Vec<_> = numbered.collect();
        let keyed = Keyed::of(&events);
        let owner = |new: &&NumberedEvent| {
            let has_key = |key: &&Key| key.source == new.event.source && key.id == new.event.id;
            self.keys.values().find(has_key).map(|key| key.digest)
        };
        let owners: Vec<_> = keyed.firsts.iter().map(owner).collect();
        let accepts = keyed.judge(&events, &owners);
        let mut opened = Vec::new();
        for (new, accept) in events.iter().zip(&accepts) {
            match accept {
                Accept::Accepted { .. } => opened.extend(self.insert(new)),
                Accept::Conflict => self.keep_conflict(new),
                Accept::Duplicate => {}
            }
        }
        (accepts, opened)
    }

    /// Stores an event. Which of its deliveries can be leased.
    fn insert(&mut self, new: &NumberedEvent) -> Vec<DeliveryId> {
        let event = &new.event;
        let (source, id) = (event.source.clone(), event.id.clone());
        let key = Key { source, id, digest: event.digest, received_at: event.received_at };
        self.keys.insert(new.seq, key);
        self.events.insert(new.seq, Arc::clone(event));
        let mut deliveries: Vec<_> = new.deliveries().collect();
        let orders = deliveries.iter().filter_map(|delivery| delivery.order);
        let open: HashSet<_> = orders.filter(|order| self.first_open(*order).is_some()).collect();
        batch::mark_blocked(&mut deliveries, open);
        let since = clock::measured(event.received_at, clock::offset_ms());
        for delivery in &deliveries {
            let stored = StoredDelivery {
                plugin: delivery.plugin.clone(),
                order: delivery.order,
                standing: StoredState::open(delivery.placement),
                since,
                failures: 0,
                attempts: Vec::new(),
                replayed: None,
            };
            self.deliveries.insert(delivery.id, stored);
        }
        deliveries.iter().filter(|delivery| delivery.placement.is_due()).map(|delivery| delivery.id).collect()
    }

    fn record_revisions(&mut self, records: &[RevisionRecord]) {
        for RevisionRecord { digest, handlers } in records {
            self.revisions_recorded += 1;
            self.revisions.insert(*digest, (self.revisions_recorded, handlers.clone()));
        }
        while self.revisions.len() > REVISIONS_MAX as usize {
            let oldest = self.revisions.iter().min_by_key(|(_, (recorded, _))| *recorded);
            let Some(oldest) = oldest.map(|(digest, _)| *digest) else { return };
            self.revisions.remove(&oldest);
        }
    }

    fn keep_conflict(&mut self, new: &NumberedEvent) {
        let event = &new.event;
        let of_id = |kept: &&Arc<_>| {
            let kept: &crate::event::Event = kept;
            kept.source == event.source && kept.id == event.id
        };
        let is_known = self.conflicts.iter().filter(of_id).any(|kept| kept.digest == event.digest);
        if !is_known && self.conflicts.iter().filter(of_id).count() < CONFLICTS_MAX {
            self.conflicts.push(Arc::clone(event));
        }
    }

    /// Records an attempt, its delivery's next state, and the effects its call asked for.
    fn record(&mut self, finished: &FinishedAttempt) {
        let Some(stored) = self.deliveries.get_mut(&finished.id) else { return };
        stored.standing = match finished.next {
            NextStep::Done => StoredState::Done,
            NextStep::Dead => StoredState::Dead(None),
            NextStep::Wait(until) => StoredState::Waiting(until.max(1)),
        };
        stored.failures = finished.failures;
        stored.attempts.push(finished.attempt.clone());
        let emitted = emitted_events(&finished.work.effects);
        if emitted > 0 {
            *self.emitted.entry(finished.root).or_default() += emitted;
        }
        for (number, queued) in (1..).zip(&finished.work.effects) {
            let effect = StoredEffect {
                plugin: finished.plugin.clone(),
                queued: queued.clone(),
                depth: finished.depth,
                root: finished.root,
                standing: StoredState::Pending,
                attempts: Vec::new(),
                attempts_before: 0,
                progress: Progress::default(),
                trace: finished.trace.as_ref().map(|trace| trace.event),
                replay: None,
            };
            self.effects.insert(EffectId { delivery: finished.id, number }, effect);
        }
    }

    /// Returns whether an event has no open work and no replay will reach it.
    pub(super) fn is_over(&self, seq: i64) -> bool {
        let is_over = |standing: StoredState| !standing.is_open() && !standing.is_unresolved();
        self.of_event(seq).all(|(_, stored)| is_over(stored.standing))
            && self.effects_of(seq).all(|(_, stored)| is_over(stored.standing))
            && !self.running_replays().any(|replay| (replay.after.event..=replay.last_event).contains(&seq))
    }

    pub(super) fn remove(&mut self, removal: &Removal) -> u64 {
        let mut removed = 0;
        match removal {
            Removal::Events(seqs) => {
                if let (Some(first), Some(last)) = (seqs.iter().min(), seqs.iter().max()) {
                    self.note_change(*first, *last);
                }
                for seq in seqs {
                    if self.is_over(*seq) && self.events.remove(seq).is_some() {
                        removed += 1;
                        self.deliveries.retain(|id, _| id.event != *seq);
                        self.effects.retain(|id, _| id.delivery.event != *seq);
                        self.emitted.remove(seq);
                        self.erased.remove(seq);
                    }
                }
            }
            Removal::Keys(seqs) => {
                for seq in seqs.iter().filter(|seq| !self.events.contains_key(*seq)) {
                    if let Some(key) = self.keys.remove(seq) {
                        removed += 1;
                        self.conflicts.retain(|kept| (&kept.source, &kept.id) != (&key.source, &key.id));
                    }
                }
            }
            Removal::Changes(up_to) => {
                let newest = self.changes.keys().next_back().copied().unwrap_or(0);
                self.changes.retain(|number, _| number > up_to || *number == newest);
            }
            Removal::Revisions(digests) => removed += self.remove_revisions(digests),
        }
        removed
    }
}
