//! Replays in memory.

use super::tables::{StoredCause, StoredDelivery, StoredEffect, StoredReplay, StoredState, Tables};
use crate::audit::Record;
use crate::clock;
use crate::db::decisions;
use crate::db::types::{Discard, ResolvedEffect};
use crate::db::writer::batch::Placement;
use crate::delivery::{DeliveryId, Resolution, State, reason_without_names};
use crate::effect::EffectId;
use crate::erasure::ERASED;
use crate::event::{Digest, Event, now_ms};
use crate::replay::{
    Action, Candidate, EXAMPLES, EventDelivery, Progress, ReplayCursor, ReplayInProgress, ReplayPage,
    ReplayState, ReplayTarget, ReplayedDelivery, Request, Selection,
};

impl Tables {
    pub(super) fn begin_replay(&mut self, request: &Request, found: u64, last_event: i64) -> i64 {
        let id = self.replays.keys().next_back().map_or(1, |newest| newest + 1);
        let (state, request) = (ReplayState::Running, request.clone());
        let (made, skipped, first) = (0, 0, Vec::new());
        let progress = Progress { id, asked_at: now_ms(), request, state, found, made, skipped, first };
        let after = ReplayCursor::default();
        self.replays.insert(id, StoredReplay { progress, after, last_event });
        id
    }

    /// Carries out a page. Returns the effects that are due again, and the record of the end after the last page.
    pub(super) fn advance_replay(&mut self, step: &ReplayPage) -> (Vec<ResolvedEffect>, Option<Record>) {
        let is_running = |stored: &StoredReplay| stored.progress.state == ReplayState::Running;
        if !self.replays.get(&step.replay).is_some_and(is_running) {
            return (Vec::new(), None);
        }
        let (mut made, mut skipped) = (0, step.skipped);
        let mut effects = Vec::new();
        if step.dry_run {
            let of_effects = step.effects_again.len() + step.effects_discard.len();
            made = (step.again.len() + step.discard.len() + of_effects) as u64;
        } else {
            for again in &step.again {
                let is_made = self.make(step, again);
                self.note_change(again.event, again.event);
                made += u64::from(is_made);
                skipped += u64::from(!is_made);
            }
            for id in &step.discard {
                let resolved = self.resolve(*id, Resolution::Discarded);
                made += u64::from(resolved);
                skipped += u64::from(!resolved);
            }
            for (ids, action) in
                [(&step.effects_again, Action::Replay), (&step.effects_discard, Action::Discard)]
            {
                for id in ids {
                    let resolved = self.resolve_effect(*id, action, Some(step.replay));
                    made += u64::from(resolved.is_some());
                    skipped += u64::from(resolved.is_none());
                    effects.extend(resolved.filter(|_| action == Action::Replay));
                }
            }
        }
        (effects, self.note_progress(step, made, skipped))
    }

    /// Makes a dead effect due again, or resolves it. `None` when it is not dead, or was resolved.
    pub(super) fn resolve_effect(
        &mut self,
        id: EffectId,
        action: Action,
        replay: Option<i64>,
    ) -> Option<ResolvedEffect> {
        let stored = self.effects.get_mut(&id).filter(|stored| stored.standing.is_unresolved())?;
        match action {
            Action::Replay => {
                stored.standing = StoredState::Pending;
                stored.attempts_before = u32::try_from(stored.attempts.len()).unwrap_or(u32::MAX);
                stored.replay = replay.or(stored.replay);
            }
            Action::Discard => stored.standing = StoredState::Dead(Some(Resolution::Discarded)),
        }
        Some(ResolvedEffect { id, plugin: stored.plugin.clone(), size: stored.queued.size })
    }

    /// Takes up the counts and the examples of a page. Returns the record of the end, after the last one.
    fn note_progress(&mut self, step: &ReplayPage, made: u64, skipped: u64) -> Option<Record> {
        let erased = &self.erased;
        let is_erased = |of: Option<DeliveryId>| of.is_some_and(|of| erased.contains_key(&of.event));
        let first = step.first.iter().cloned().map(|mut example| {
            if is_erased(example.of) {
                example.reason = example.reason.map(|_| ERASED.into());
            }
            example
        });
        let first: Vec<_> = first.collect();
        let stored = self.replays.get_mut(&step.replay)?;
        stored.progress.made += made;
        stored.progress.skipped += skipped;
        stored.progress.first.extend(first);
        let Some(after) = step.after else {
            stored.progress.state = ReplayState::Done;
            return Some(decisions::end_replay(step.replay, stored.progress.made, stored.progress.skipped));
        };
        stored.after = after;
        None
    }

    /// One delivery, unless one to this plugin is open or the dead letter was resolved meanwhile. Whether it is
    /// made.
    fn make(&mut self, step: &ReplayPage, again: &ReplayedDelivery) -> bool {
        let is_open =
            self.of_event(again.event).any(|(_, of)| of.plugin == again.plugin && of.standing.is_open());
        if is_open || self.erased.contains_key(&again.event) {
            return false;
        }
        if let Some(number) = again.of {
            let id = DeliveryId { event: again.event, number };
            if !self.resolve(id, Resolution::Replayed) && again.dead {
                return false;
            }
        }
        let is_blocked = again.order.is_some_and(|order| self.first_open(order).is_some());
        let event = self.events.get(&again.event);
        let switched_on = event.is_none_or(|event| self.switches.is_on(&again.plugin, &event.event_type));
        let placement = Placement { matched: again.matched, switched_on, blocked: is_blocked };
        let number = self.of_event(again.event).map(|(id, _)| id.number).max().unwrap_or(0) + 1;
        let stored = StoredDelivery {
            plugin: again.plugin.clone(),
            order: again.order,
            standing: StoredState::open(placement),
            since: clock::now_ms(),
            failures: 0,
            attempts: Vec::new(),
            replayed: Some(StoredCause { replay: step.replay, of: again.of, revision: step.revision }),
        };
        self.deliveries.insert(DeliveryId { event: again.event, number }, stored);
        true
    }

    /// Resolves a dead letter. False when it is none, or was resolved.
    fn resolve(&mut self, id: DeliveryId, how: Resolution) -> bool {
        match self.deliveries.get_mut(&id) {
            Some(stored) if stored.standing.is_unresolved() => {
                stored.standing = StoredState::Dead(Some(how));
                true
            }
            _ => false,
        }
    }

    /// Closes a delivery that is not to run again. Returns the result, and the delivery that it
    /// unblocks.
    pub(super) fn discard(&mut self, id: DeliveryId) -> (Discard, Option<DeliveryId>) {
        let Some(stored) = self.deliveries.get_mut(&id) else { return (Discard::Unknown, None) };
        if !stored.standing.is_open() {
            let resolved = self.resolve(id, Resolution::Discarded);
            return (if resolved { Discard::Resolved } else { Discard::Closed }, None);
        }
        let was_blocked = stored.standing.is_blocked();
        let order = stored.order.filter(|_| !was_blocked);
        stored.standing = StoredState::Dead(Some(Resolution::Discarded));
        (Discard::Skipped, order.and_then(|order| self.unblock(order)))
    }

    /// Stops a replay, and returns its progress. `None` when it does not run.
    pub(super) fn stop_replay(&mut self, replay: i64) -> Option<&Progress> {
        let progress = &mut self.replays.get_mut(&replay)?.progress;
        let is_running = progress.state == ReplayState::Running;
        if is_running {
            progress.state = ReplayState::Stopped;
        }
        is_running.then_some(&*progress)
    }

    pub(super) fn running_replays(&self) -> impl Iterator<Item = &StoredReplay> {
        self.replays.values().filter(|stored| stored.progress.state == ReplayState::Running)
    }

    /// The revisions that open deliveries of replays run on.
    pub(super) fn replayed_revisions(&self) -> Vec<Digest> {
        let open = self.deliveries.values().filter(|stored| stored.standing.is_open());
        open.filter_map(|stored| stored.replayed?.revision).collect()
    }

    /// Everything that a request finds, in order.
    pub(super) fn candidates(&self, request: &Request) -> Vec<(ReplayCursor, Candidate)> {
        let selection = &request.selection;
        let events = self.events.iter().filter(|(seq, event)| self.fits_event(selection, **seq, event));
        let mut found = Vec::new();
        for (seq, event) in events {
            let is_erased = self.erased.contains_key(seq);
            if request.of == ReplayTarget::Effects {
                found.extend(self.effect_candidates(selection, *seq, event));
                continue;
            }
            if request.of == ReplayTarget::Events {
                let deliveries = self.of_event(*seq).map(|(id, stored)| made_of(id, stored)).collect();
                let at = ReplayCursor { event: *seq, ..ReplayCursor::default() };
                found.push((at, Candidate { is_erased, ..candidate_of(*seq, event, deliveries, None) }));
                continue;
            }
            for (id, stored) in
                self.of_event(*seq).filter(|delivery| fits_delivery(selection, event, *delivery))
            {
                let failure = stored.attempts.last().and_then(|attempt| attempt.failure.as_ref());
                let reason = failure.map(|failure| failure.reason.clone());
                let found_one = candidate_of(*seq, event, vec![made_of(id, stored)], reason);
                found.push((id.into(), Candidate { is_erased, ..found_one }));
            }
        }
        found
    }

    /// The dead effects of an event that a selection means.
    fn effect_candidates(
        &self,
        selection: &Selection,
        seq: i64,
        event: &Event,
    ) -> Vec<(ReplayCursor, Candidate)> {
        let found = self.effects_of(seq).filter(|(id, stored)| fits_effect(selection, *id, stored));
        let candidate = |(id, stored): (EffectId, &StoredEffect)| {
            let EffectId { delivery, number } = id;
            let (plugin, state) = (stored.plugin.clone(), State::Done);
            let requested_by = EventDelivery { number: delivery.number, plugin, state, is_resolved: false };
            let reason = stored.attempts.last().map(|attempt| attempt.detail.clone());
            let of = candidate_of(seq, event, vec![requested_by], reason);
            let at = ReplayCursor { event: seq, delivery: delivery.number, effect: number };
            let is_erased = self.erased.contains_key(&seq);
            (at, Candidate { effect: Some(number), is_erased, ..of })
        };
        found.map(candidate).collect()
    }

    pub(super) fn fits_event(&self, selection: &Selection, seq: i64, event: &Event) -> bool {
        let Selection { events, event_type, source, since, until, unhandled, .. } = selection;
        events.as_ref().is_none_or(|events| events.contains(&seq))
            && event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type)
            && source.as_deref().is_none_or(|wanted| wanted == event.source.as_str())
            && since.is_none_or(|since| event.received_at >= since)
            && until.is_none_or(|until| event.received_at < until)
            && !(*unhandled && self.of_event(seq).next().is_some())
    }
}

/// Whether a selection, which may name a closed delivery, means this one.
fn fits_delivery(selection: &Selection, event: &Event, (id, stored): (DeliveryId, &StoredDelivery)) -> bool {
    let is_wanted = match &selection.deliveries {
        Some(ids) => ids.contains(&id) && !stored.standing.is_open(),
        None => stored.standing.is_unresolved(),
    };
    is_wanted && fits(selection, &event.id, stored)
}

/// Whether a selection means a dead effect.
pub(super) fn fits_effect(selection: &Selection, id: EffectId, stored: &StoredEffect) -> bool {
    let Selection { deliveries, plugin, replay, keys, .. } = selection;
    let last = stored.attempts.last();
    stored.standing.is_unresolved()
        && deliveries.as_ref().is_none_or(|ids| ids.contains(&id.delivery))
        && plugin.as_deref().is_none_or(|wanted| wanted == stored.plugin.as_str())
        && keys.as_ref().is_none_or(|keys| keys.contains(&stored.queued.key))
        && replay.is_none_or(|wanted| stored.replay == Some(wanted))
        && fits_reason(selection, last.map(|last| last.detail.as_str()), |detail| detail)
}

/// Whether a delivery of the event with this id is of the plugin and has failed for the reason that a selection names.
pub(super) fn fits(selection: &Selection, event: &str, stored: &StoredDelivery) -> bool {
    let Selection { plugin, replay, failed_on, .. } = selection;
    let last = stored.attempts.last();
    let failure = last.and_then(|attempt| attempt.failure.as_ref());
    let ran_on = |digits: &String| last.is_some_and(|last| last.revision.to_string().starts_with(digits));
    plugin.as_deref().is_none_or(|wanted| wanted == stored.plugin.as_str())
        && failed_on.as_ref().is_none_or(ran_on)
        && replay.is_none_or(|wanted| stored.replayed.is_some_and(|cause| cause.replay == wanted))
        && fits_reason(selection, failure.map(|failure| failure.reason.as_str()), |reason| {
            reason_without_names(reason, stored.plugin.as_str(), event)
        })
}

/// Whether a selection means this reason, whose part without names `shorten` finds.
fn fits_reason<'r>(
    selection: &Selection,
    reason: Option<&'r str>,
    shorten: impl FnOnce(&'r str) -> &'r str,
) -> bool {
    match &selection.reason {
        None => true,
        Some(wanted) if selection.whole_reason => reason.map_or("", shorten) == wanted,
        Some(wanted) => reason.is_some_and(|reason| reason.contains(wanted.as_str())),
    }
}

fn made_of(id: DeliveryId, stored: &StoredDelivery) -> EventDelivery {
    EventDelivery {
        number: id.number,
        plugin: stored.plugin.clone(),
        state: stored.standing.state(),
        is_resolved: stored.standing.resolution().is_some(),
    }
}

fn candidate_of(
    seq: i64,
    event: &Event,
    deliveries: Vec<EventDelivery>,
    reason: Option<String>,
) -> Candidate {
    Candidate {
        event: seq,
        source: event.source.clone(),
        id: event.id.clone(),
        event_type: event.event_type.clone(),
        received_at: event.received_at,
        ordering_key: event.ordering_key.clone(),
        deliveries,
        effect: None,
        reason,
        is_erased: false,
    }
}

impl StoredReplay {
    pub(super) fn running(&self) -> ReplayInProgress {
        let Progress { id, request, first, .. } = &self.progress;
        ReplayInProgress {
            id: *id,
            request: request.clone(),
            after: self.after,
            last_event: self.last_event,
            examples: EXAMPLES.saturating_sub(first.len()),
        }
    }
}
