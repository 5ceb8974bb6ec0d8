//! Erasures in memory.

use std::sync::Arc;

use bytes::Bytes;

use super::tables::{StoredErasure, Tables};
use super::{MemoryReads, MemoryStorage};
use crate::audit::{Decision, Record};
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::erasure_types::{ErasureReads, ErasureStorage, NewErasure, count_within};
use crate::db::types::{Answer, DbError};
use crate::delivery::{DeliveryId, Resolution};
use crate::effect;
use crate::erasure::{
    Candidate, ERASED, EXAMPLES, ErasedEvent, ErasureInProgress, ErasurePage, ErasureState, Example,
    Progress, Skipped,
};
use crate::event::{Event, now_ms};

impl ErasureStorage for MemoryStorage {
    async fn begin_erasure(&mut self, new: &NewErasure, by: &Decision) -> Result<i64, DbError> {
        self.database.decide(by, |tables| {
            let id = tables.begin_erasure(new);
            DecisionOutcome::new(id, decisions::begin_erasure(by, id, new))
        })
    }

    async fn advance_erasure(&mut self, page: &ErasurePage) -> Result<(), DbError> {
        let mut tables = self.database.tables();
        if let Some(record) = tables.advance_erasure(page) {
            tables.append(&record);
        }
        Ok(())
    }

    async fn empty_log(&mut self) -> Result<(), DbError> {
        Ok(())
    }
}

impl Tables {
    fn begin_erasure(&mut self, new: &NewErasure) -> i64 {
        let id = self.erasures.keys().next_back().map_or(1, |newest| newest + 1);
        let progress = Progress {
            id,
            asked_at: now_ms(),
            request: new.request.clone(),
            sources: new.sources.clone(),
            state: ErasureState::Running,
            found: new.found,
            erased: 0,
            skipped: Skipped::default(),
            first: Vec::new(),
        };
        self.erasures.insert(id, StoredErasure { progress, after: 0, last_event: new.last_event });
        id
    }

    /// Carries out a page. Returns the record of the end, after the last one.
    fn advance_erasure(&mut self, page: &ErasurePage) -> Option<Record> {
        let stored = self.erasures.get(&page.erasure)?;
        if stored.progress.state != ErasureState::Running {
            return None;
        }
        let (mut erased, mut skipped) = (0, page.skipped);
        for event in &page.events {
            if self.is_open(event.event) {
                skipped.open += 1;
            } else if self.events.contains_key(&event.event) {
                erased += 1;
                if !page.dry_run {
                    self.erase(event);
                }
            }
        }
        if !page.dry_run && erased > 0 {
            self.keyed.values_mut().for_each(|request| request.answer = None);
        }
        let stored = self.erasures.get_mut(&page.erasure)?;
        stored.progress.erased += erased;
        stored.progress.skipped += skipped;
        stored.progress.first.extend(page.first.iter().cloned());
        let Some(after) = page.after else {
            stored.progress.state = ErasureState::Done;
            let Progress { erased, skipped, .. } = &stored.progress;
            return Some(decisions::end_erasure(page.erasure, *erased, skipped));
        };
        stored.after = after;
        None
    }

    fn is_open(&self, seq: i64) -> bool {
        self.of_event(seq).any(|(_, stored)| stored.standing.is_open())
            || self.effects_of(seq).any(|(_, stored)| stored.standing.is_open())
    }

    fn erase(&mut self, erased: &ErasedEvent) {
        let seq = erased.event;
        let Some(event) = self.events.get(&seq).cloned() else { return };
        let ordering_key = event.ordering_key.clone();
        let ordering_key = ordering_key.map(|key| if erased.ordering_key { ERASED.to_owned() } else { key });
        let (body, payload) = (erased.body.clone(), erased.payload.clone());
        let metadata = erased.metadata.clone().map(Arc::new);
        let event_without = Event { body, payload, ordering_key, metadata, ..Event::clone(&event) };
        self.events.insert(seq, Arc::new(event_without));
        for kept in
            self.conflicts.iter_mut().filter(|kept| kept.source == event.source && kept.id == event.id)
        {
            let body = Bytes::from(format!("\"{ERASED}\""));
            *kept = Arc::new(Event { body, ..Event::clone(kept) });
        }
        for stored in self.deliveries.iter_mut().filter(|(id, _)| id.event == seq).map(|(_, stored)| stored) {
            if stored.standing.is_unresolved() {
                stored.standing = super::tables::StoredState::Dead(Some(Resolution::Discarded));
            }
            for attempt in &mut stored.attempts {
                if !attempt.logs.is_empty() {
                    attempt.logs = vec![ERASED.into()];
                }
                if let Some(failure) = &mut attempt.failure {
                    failure.reason = ERASED.into();
                }
            }
        }
        let effects = self.effects.iter_mut().filter(|(id, _)| id.delivery.event == seq);
        for stored in effects.map(|(_, stored)| stored) {
            stored.queued.effect = stored.queued.effect.erased(ERASED);
            stored.queued.masked = false;
            stored.progress = effect::Progress::default();
            if stored.standing.is_unresolved() {
                stored.standing = super::tables::StoredState::Dead(Some(Resolution::Discarded));
            }
            stored.attempts.iter_mut().for_each(|attempt| attempt.detail = ERASED.into());
        }
        let examples = self.replays.values_mut().flat_map(|replay| &mut replay.progress.first);
        let of_event = |of: Option<DeliveryId>| of.is_some_and(|of| of.event == seq);
        for example in examples.filter(|example| of_event(example.of)) {
            example.reason = example.reason.take().map(|_| ERASED.into());
        }
        self.erased.insert(seq, now_ms());
        self.note_change(seq, seq);
    }
}

impl ErasureReads for MemoryReads {
    fn erasure_candidates<'a>(
        &'a self,
        running: &'a ErasureInProgress,
        limit: u32,
        max_bytes: u64,
    ) -> Answer<'a, Vec<Candidate>> {
        let tables = self.0.tables();
        let selection = &running.request.selection;
        let found = tables.events.iter().filter(|(seq, event)| {
            **seq > running.after && **seq <= running.last_event && tables.fits_event(selection, **seq, event)
        });
        let candidate = |(seq, event): (&i64, &Arc<Event>)| Candidate {
            event: *seq,
            example: Example {
                source: event.source.to_string(),
                id: event.id.clone(),
                event_type: event.event_type.clone(),
                received_at: event.received_at,
            },
            body: event.body.clone(),
            payload: event.payload.clone(),
            ordering_key: event.ordering_key.clone(),
            metadata: event.metadata.clone(),
            is_open: tables.is_open(*seq),
        };
        let mut found: Vec<_> = found.take(limit as usize).map(candidate).collect();
        let lengths = found.iter().map(|candidate| candidate.body.len() as u64);
        found.truncate(count_within(lengths, max_bytes) as usize);
        Box::pin(std::future::ready(Ok(found)))
    }

    fn running_erasures(&self) -> Answer<'_, Vec<ErasureInProgress>> {
        let tables = self.0.tables();
        let running =
            tables.erasures.values().filter(|stored| stored.progress.state == ErasureState::Running);
        let running = running.map(|StoredErasure { progress, after, last_event }| ErasureInProgress {
            id: progress.id,
            request: progress.request.clone(),
            sources: progress.sources.clone(),
            after: *after,
            last_event: *last_event,
            examples: EXAMPLES.saturating_sub(progress.first.len()),
        });
        Box::pin(std::future::ready(Ok(running.collect())))
    }

    fn erasure(&self, id: i64) -> Answer<'_, Option<Progress>> {
        let found = self.0.tables().erasures.get(&id).map(|stored| stored.progress.clone());
        Box::pin(std::future::ready(Ok(found)))
    }

    fn erased_among<'a>(&'a self, events: &'a [i64]) -> Answer<'a, Vec<i64>> {
        let tables = self.0.tables();
        let erased = tables.erased.keys().copied().filter(|seq| events.contains(seq)).collect();
        Box::pin(std::future::ready(Ok(erased)))
    }
}
