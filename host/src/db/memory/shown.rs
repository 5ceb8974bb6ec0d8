//! Views of the tables in memory.

use std::sync::Arc;

use super::replay::fits;
use super::tables::{Paused, StoredCause, StoredDelivery, StoredEffect, StoredState, Tables};
use crate::clock;
use crate::db::types::InMemoryState;
use crate::db::view::{
    AttemptView, CauseView, ConflictView, DeliveryFilter, DeliverySummary, DeliveryView, EDITS_MAX,
    EffectAttemptView, EffectView, EventState, EventSummary, EventView, ListedDelivery, ListedEffect,
    ReplayedView,
};
use crate::db::writer::batch::Placement;
use crate::delivery::{Attempt, DeliveryId, HoldReason, State};
use crate::effect::{EffectAttempt, EffectId};
use crate::event::{EDITED, Event};
use crate::token::PluginPattern;

const PAUSED: Paused = true;
const ABSENT: Paused = false;

impl Tables {
    /// Returns the reason for which a held delivery waits.
    fn held_because(
        &self,
        id: DeliveryId,
        stored: &StoredDelivery,
        memory: &InMemoryState,
    ) -> Option<HoldReason> {
        let is_held = |paused| self.held.contains_key(&(stored.plugin.clone(), paused));
        match stored.standing {
            standing if !standing.is_open() || memory.running.contains(&id) => None,
            _ if is_held(ABSENT) => Some(HoldReason::Absent),
            _ if is_held(PAUSED) => Some(HoldReason::Paused),
            StoredState::Held(Placement { switched_on: false, .. }) => Some(HoldReason::SwitchedOff),
            StoredState::Held(Placement { matched: false, .. }) => Some(HoldReason::Unmatched),
            StoredState::Held(_) => Some(HoldReason::Order),
            _ if memory.broken.contains(&stored.plugin) => Some(HoldReason::Breaker),
            _ => None,
        }
    }

    /// Returns the delivery that blocks a held one.
    fn blocked_by(
        &self,
        id: DeliveryId,
        stored: &StoredDelivery,
        memory: &InMemoryState,
    ) -> Option<DeliveryId> {
        let because = self.held_because(id, stored, memory);
        let first = self.first_open(stored.order.filter(|_| because == Some(HoldReason::Order))?);
        first.filter(|first| *first < id)
    }

    fn state(&self, id: DeliveryId, stored: &StoredDelivery, memory: &InMemoryState) -> State {
        if !stored.standing.is_open() {
            stored.standing.state()
        } else if memory.running.contains(&id) {
            State::Running
        } else if self.held_because(id, stored, memory).is_some() {
            State::Held
        } else {
            stored.standing.state()
        }
    }

    fn delivery_summary(
        &self,
        id: DeliveryId,
        stored: &StoredDelivery,
        memory: &InMemoryState,
    ) -> DeliverySummary {
        DeliverySummary {
            id: id.to_string(),
            plugin: stored.plugin.to_string(),
            state: self.state(id, stored, memory),
            held_because: self.held_because(id, stored, memory),
            blocked_by: self.blocked_by(id, stored, memory),
            resolution: stored.standing.resolution(),
            attempts: u32::try_from(stored.attempts.len()).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn event_summary(&self, seq: i64, event: &Event, memory: &InMemoryState) -> EventSummary {
        let deliveries = self.of_event(seq).map(|(id, stored)| self.delivery_summary(id, stored, memory));
        let deliveries: Vec<_> = deliveries.collect();
        EventSummary {
            source: event.source.to_string(),
            id: event.id.clone(),
            event_type: event.event_type.clone(),
            state: EventState::of(deliveries.iter().map(|delivery| (delivery.state, delivery.resolution))),
            created: event.created.clone(),
            received_at: event.received_at,
            deliveries,
        }
    }

    pub(super) fn event_view(&self, seq: i64, event: &Event, memory: &InMemoryState) -> EventView {
        let deliveries = self.of_event(seq).map(|(id, stored)| self.delivery_view(id, stored, memory));
        let deliveries: Vec<_> = deliveries.collect();
        let conflicts =
            self.conflicts.iter().filter(|kept| kept.source == event.source && kept.id == event.id);
        EventView {
            source: event.source.to_string(),
            id: event.id.clone(),
            event_type: event.event_type.clone(),
            state: EventState::of(deliveries.iter().map(|delivery| (delivery.state, delivery.resolution))),
            created: event.created.clone(),
            received_at: event.received_at,
            number: seq,
            body_bytes: event.body.len() as u64,
            ordering_key: event.ordering_key.clone(),
            metadata: event.metadata.clone(),
            cause: self.cause(event),
            edits: self.edits(seq),
            deliveries,
            conflicts: conflicts.map(|kept| conflict_view(kept)).collect(),
            erased_at: self.erased.get(&seq).copied(),
        }
    }

    fn cause(&self, event: &Event) -> Option<CauseView> {
        let origin = event.origin?;
        let by = self.events.get(&origin.event)?;
        let of = self.deliveries.get(&DeliveryId { event: origin.event, number: origin.delivery });
        let (source, plugin) = (by.source.to_string(), of.map(|of| of.plugin.to_string()));
        Some(CauseView { source, id: by.id.clone(), plugin, depth: origin.depth })
    }

    fn edits(&self, seq: i64) -> Vec<String> {
        let is_edit =
            |event: &&Arc<Event>| event.origin.is_some_and(|of| (of.event, of.delivery) == (seq, EDITED));
        let edits = self.events.values().rev().filter(is_edit).take(EDITS_MAX as usize);
        edits.map(|event| event.id.clone()).collect()
    }

    fn delivery_view(&self, id: DeliveryId, stored: &StoredDelivery, memory: &InMemoryState) -> DeliveryView {
        let DeliverySummary { id: name, plugin, state, held_because, blocked_by, resolution, .. } =
            self.delivery_summary(id, stored, memory);
        let effects = self.effects.iter().filter(|(effect, _)| effect.delivery == id);
        DeliveryView {
            id: name,
            plugin,
            state,
            held_because,
            blocked_by,
            resolution,
            cause: stored.replayed.map(|StoredCause { replay, of, revision }| ReplayedView {
                replay,
                revision: revision.map(|revision| revision.to_string()),
                of: of.map(|number| DeliveryId { number, ..id }.to_string()),
            }),
            due_at: waits_until(stored.standing).filter(|_| state == State::Waiting),
            attempts: stored.attempts.iter().map(attempt_view).collect(),
            effects: effects.map(|(_, stored)| effect_view(stored, &stored.attempts)).collect(),
        }
    }

    /// Returns a delivery for a list, if it passes the filter.
    pub(super) fn listed_delivery(
        &self,
        (id, stored): (DeliveryId, &StoredDelivery),
        filter: &DeliveryFilter,
        memory: &InMemoryState,
    ) -> Option<ListedDelivery> {
        let event = self.events.get(&id.event)?;
        let selection = &filter.selection;
        let delivery = self.delivery_summary(id, stored, memory);
        let is_wanted = fits(selection, &event.id, stored)
            && PluginPattern::any_matches(&filter.plugins, &stored.plugin)
            && selection.deliveries.as_ref().is_none_or(|ids| ids.contains(&id))
            && filter.state.is_none_or(|state| state == delivery.state)
            && !(filter.state == Some(State::Dead) && delivery.resolution.is_some())
            && self.fits_event(selection, id.event, event);
        let failure = stored.attempts.last().and_then(|attempt| attempt.failure.as_ref());
        is_wanted.then(|| ListedDelivery {
            source: event.source.to_string(),
            event: event.id.clone(),
            event_type: event.event_type.clone(),
            received_at: event.received_at,
            reason: failure.map(|failure| failure.reason.clone()),
            revision: stored.attempts.last().map(|attempt| attempt.revision.to_string()),
            delivery,
        })
    }

    pub(super) fn listed_effect(&self, id: EffectId, stored: &StoredEffect) -> Option<ListedEffect> {
        let event = self.events.get(&id.delivery.event)?;
        Some(ListedEffect {
            id,
            source: event.source.to_string(),
            event: event.id.clone(),
            delivery: id.delivery.to_string(),
            plugin: stored.plugin.to_string(),
            last: stored.attempts.last().map(|made| made.detail.clone()),
            effect: effect_view(stored, &[]),
        })
    }
}

fn waits_until(standing: StoredState) -> Option<u64> {
    match standing {
        StoredState::Waiting(until) => Some(clock::shown(until)),
        _ => None,
    }
}

fn attempt_view(attempt: &Attempt) -> AttemptView {
    let failure = attempt.failure.as_ref();
    AttemptView {
        number: attempt.number,
        outcome: attempt.outcome(),
        cause: failure.map(|failure| failure.cause),
        reason: failure.map(|failure| failure.reason.clone()),
        revision: attempt.revision.to_string(),
        started_at: attempt.started_at,
        duration_us: attempt.duration_us,
        peak_memory_bytes: attempt.peak_memory_bytes,
        logs: attempt.logs.clone(),
    }
}

fn effect_view(stored: &StoredEffect, attempts: &[EffectAttempt]) -> EffectView {
    let attempts = attempts.iter().map(|made| EffectAttemptView {
        number: made.number,
        outcome: made.outcome,
        started_at: made.started_at,
        duration_us: made.duration_us,
        detail: made.detail.clone(),
    });
    let (state, due_at) = (stored.standing.state(), waits_until(stored.standing));
    EffectView::new(stored.queued.key.clone(), state, due_at, &stored.queued.effect, attempts.collect())
}

fn conflict_view(kept: &Event) -> ConflictView {
    ConflictView {
        digest: kept.digest.to_string(),
        received_at: kept.received_at,
        body: String::from_utf8_lossy(&kept.body).into_owned(),
    }
}
