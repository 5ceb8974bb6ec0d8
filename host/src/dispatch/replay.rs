//! Carries out operators' replays, page by page.
//!
//! Each page commits with the replay's progress, so a restart continues there. The steps for a candidate
//! are decided here, by the current plugins. The decision is pure.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::{TICK, chosen};
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::delivery::{DeliveryId, OrderingHash, Recipient, State};
use crate::effect::EffectId;
use crate::event::PluginName;
use crate::failpoint::{self, Point};
use crate::plugins::{ChosenRevision, Plugins, Snapshot};
use crate::replay::{
    Action, Candidate, EventDelivery, Example, ReplayCursor, ReplayInProgress, ReplayPage, ReplayTarget,
    ReplayedDelivery, Request,
};

/// Candidates of one step: a few milliseconds of the writer's time.
const PAGE: u32 = 200;
/// Interval at which a replay checks for room.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Replays {
    db: Db,
    plugins: Plugins,
    config: watch::Receiver<Arc<Config>>,
    asked: Arc<Notify>,
}

impl Replays {
    pub(super) fn new(
        db: Db,
        plugins: Plugins,
        config: watch::Receiver<Arc<Config>>,
        asked: Arc<Notify>,
    ) -> Self {
        Self { db, plugins, config, asked }
    }

    /// Continues the replays that an earlier process left, and then runs new ones.
    pub(super) async fn run(self) {
        loop {
            self.plugins.drop_idle_revisions();
            let pause = match self.db.running_replays().await {
                Ok(running) => self.advance_all(running).await,
                Err(error) => {
                    tracing::error!("replays could not be read, trying again: {error}");
                    TICK
                }
            };
            let _ = tokio::time::timeout(pause, self.asked.notified()).await;
        }
    }

    /// Advances each replay by one page, so that a short one need not wait for a long one. Returns the time
    /// until the next pages.
    async fn advance_all(&self, running: Vec<ReplayInProgress>) -> Duration {
        let mut pause = TICK;
        for running in running {
            pause = pause.min(self.advance(running).await);
        }
        pause
    }

    /// One page. Returns the time until the next.
    async fn advance(&self, running: ReplayInProgress) -> Duration {
        let plugins = self.plugins.snapshot();
        if !can_route(&running.request, &plugins) {
            return TICK;
        }
        let limit = if running.request.dry_run { PAGE } else { self.room(&running.request) };
        if limit == 0 {
            return PAUSE;
        }
        let chosen = self.chosen(&running.request, &plugins);
        let Ok(chosen) = tokio::time::timeout(PAUSE, chosen).await else { return PAUSE };
        let routing = Routing { plugins: &plugins, chosen: chosen.as_deref() };
        match self.page(&running, limit, &routing).await {
            Ok(()) => Duration::ZERO,
            Err(error) => {
                tracing::error!(replay = running.id, "a replay could not go on, trying again: {error}");
                tokio::time::sleep(TICK).await;
                Duration::ZERO
            }
        }
    }

    /// The revision that a request chose, when it is loaded or refused; `None` for the one in force.
    async fn chosen(&self, request: &Request, plugins: &Snapshot) -> Option<Arc<ChosenRevision>> {
        let plugin = PluginName::new(request.plugin()?).ok()?;
        self.plugins.chosen_revision(plugins, &plugin, request.revision?).await
    }

    /// The number of deliveries that have room: half of the backlog's room is left to senders, and few may be open on
    /// chosen revisions.
    fn room(&self, request: &Request) -> u32 {
        // Effects are no deliveries, and what is resolved runs no more.
        if request.of == ReplayTarget::Effects {
            return PAGE;
        }
        let half = self.config.borrow().dispatch.backlog_max.div_ceil(2);
        let mut room = half.saturating_sub(self.db.backlog());
        // A plugin that is held keeps no other's replays.
        if let (Some(_), Some(plugin)) = (&request.revision, request.plugin()) {
            room = room.min(chosen::OPEN_MAX.saturating_sub(self.db.count_chosen_of(plugin)));
        }
        u32::try_from(room).unwrap_or(u32::MAX).min(PAGE)
    }

    async fn page(
        &self,
        running: &ReplayInProgress,
        limit: u32,
        routing: &Routing<'_>,
    ) -> Result<(), DbError> {
        let found = self.db.replay_candidates(running, limit).await?;
        let more = found.len() >= limit as usize;
        let step = step(running, &found, more, routing);
        failpoint::pass(Point::ReplayStep);
        self.db.replay_step(step).await
    }
}

/// The plugins for a replay's events.
struct Routing<'a> {
    plugins: &'a Snapshot,
    /// The revision that the request chose, unless it is in force.
    chosen: Option<&'a ChosenRevision>,
}

impl Routing<'_> {
    /// Whether the revision that the request chose would handle an event; `None` if it is in force. One that was refused
    /// takes all events: their dead letters have the reason.
    fn would_handle(&self, candidate: &Candidate) -> Option<bool> {
        let entry = self.chosen?.entry();
        let handles = |entry| self.plugins.would_handle(entry, &candidate.source, &candidate.event_type);
        Some(entry.is_none_or(handles))
    }
}

/// Decides about a page of candidates, after which there may be more.
fn step(running: &ReplayInProgress, found: &[Candidate], more: bool, routing: &Routing<'_>) -> ReplayPage {
    let request = &running.request;
    let (replay, revision, dry_run) = (running.id, request.revision, request.dry_run);
    let mut step = ReplayPage { replay, revision, dry_run, ..ReplayPage::default() };
    for candidate in found {
        if let Some(id) = effect_of(candidate) {
            add_effect(&mut step, running, candidate, id);
            continue;
        }
        let again = match request.action {
            Action::Replay if candidate.is_erased => Vec::new(),
            Action::Replay => again(candidate, request, &recipients(candidate, request, routing)),
            Action::Discard => resolve(candidate),
        };
        step.skipped += u64::from(again.is_empty());
        for again in again {
            if step.first.len() < running.examples {
                step.first.push(example(candidate, &again));
            }
            match (request.action, again.of) {
                (Action::Discard, Some(number)) => {
                    step.discard.push(DeliveryId { event: candidate.event, number });
                }
                _ => step.again.push(again),
            }
        }
    }
    let last = found.last().filter(|_| more);
    step.after = last.map(|candidate| ReplayCursor {
        event: candidate.event,
        delivery: candidate.deliveries.last().map_or(0, |made| made.number),
        effect: candidate.effect.unwrap_or(0),
    });
    step
}

/// The effect that a candidate is, if it is one.
fn effect_of(candidate: &Candidate) -> Option<EffectId> {
    let number = candidate.effect?;
    let delivery = DeliveryId { event: candidate.event, number: candidate.deliveries.first()?.number };
    Some(EffectId { delivery, number })
}

/// Adds a dead effect to a page. The request of an erased one is gone: it can only be resolved.
fn add_effect(step: &mut ReplayPage, running: &ReplayInProgress, candidate: &Candidate, id: EffectId) {
    match running.request.action {
        Action::Replay if candidate.is_erased => {
            step.skipped += 1;
            return;
        }
        Action::Replay => step.effects_again.push(id),
        Action::Discard => step.effects_discard.push(id),
    }
    let requested_by = candidate.deliveries.first().filter(|_| step.first.len() < running.examples);
    step.first.extend(requested_by.map(|requested_by| Example {
        source: candidate.source.to_string(),
        event: candidate.id.clone(),
        event_type: candidate.event_type.clone(),
        received_at: candidate.received_at,
        plugin: requested_by.plugin.clone(),
        of: Some(id.delivery),
        effect: Some(id.number),
        reason: candidate.reason.clone(),
    }));
}

/// Whether the plugins for a request's events are known. They may not be while plugins are loaded for the
/// first time.
fn can_route(request: &Request, plugins: &Snapshot) -> bool {
    match (request.action, request.of, &request.to) {
        (Action::Discard, ..) | (_, ReplayTarget::Deliveries | ReplayTarget::Effects, _) => true,
        (Action::Replay, ReplayTarget::Events, Some(to)) => plugins.knows_handlers(to) || !plugins.has(to),
        (Action::Replay, ReplayTarget::Events, None) => plugins.knows_all_handlers(),
    }
}

/// The plugins that a candidate goes to, if all else allows it.
fn recipients(candidate: &Candidate, request: &Request, routing: &Routing<'_>) -> Vec<Recipient> {
    let plugins = routing.plugins;
    let on_chosen = routing.would_handle(candidate);
    if on_chosen == Some(false) {
        return Vec::new();
    }
    if let (Some(_), Some(to)) = (on_chosen, &request.to) {
        return vec![Recipient { plugin: to.clone(), ordered: plugins.is_ordered(to), matched: true }];
    }
    if request.of == ReplayTarget::Deliveries {
        let ordered = |made: &EventDelivery| plugins.is_ordered(&made.plugin);
        let to = |made: &EventDelivery| Recipient {
            plugin: made.plugin.clone(),
            ordered: ordered(made),
            matched: true,
        };
        return candidate.deliveries.iter().map(to).collect();
    }
    let mut wanted = plugins.route(&candidate.source, &candidate.event_type);
    if let Some(to) = &request.to {
        wanted.retain(|recipient| recipient.plugin == *to);
    }
    wanted
}

/// The deliveries of a candidate. A plugin that has done the event gets it again only on request, and never
/// while a delivery of it is open.
fn again(candidate: &Candidate, request: &Request, recipients: &[Recipient]) -> Vec<ReplayedDelivery> {
    let again = |recipient: &Recipient| {
        let of_plugin = candidate.deliveries.iter().filter(|made| made.plugin == recipient.plugin);
        let last = of_plugin.max_by_key(|made| made.number);
        let named = request.of == ReplayTarget::Deliveries;
        let wanted = last.is_none_or(|last| match last.state {
            State::Dead if !last.is_resolved => true,
            State::Done | State::Dead => named || request.again,
            State::Pending | State::Running | State::Waiting | State::Held => false,
        });
        let key = candidate.ordering_key.as_deref().filter(|_| recipient.ordered);
        wanted.then(|| ReplayedDelivery {
            event: candidate.event,
            plugin: recipient.plugin.clone(),
            order: key.map(|key| OrderingHash::of(&candidate.source, key, &recipient.plugin)),
            matched: recipient.matched,
            of: last.map(|last| last.number),
            dead: last.is_some_and(|last| last.state == State::Dead && !last.is_resolved),
        })
    };
    recipients.iter().filter_map(again).collect()
}

/// The dead letters of a candidate, to be resolved.
fn resolve(candidate: &Candidate) -> Vec<ReplayedDelivery> {
    let dead = candidate.deliveries.iter().filter(|made| made.state == State::Dead && !made.is_resolved);
    let of = |made: &EventDelivery| ReplayedDelivery {
        event: candidate.event,
        plugin: made.plugin.clone(),
        order: None,
        matched: true,
        of: Some(made.number),
        dead: true,
    };
    dead.map(of).collect()
}

fn example(candidate: &Candidate, again: &ReplayedDelivery) -> Example {
    Example {
        source: candidate.source.to_string(),
        event: candidate.id.clone(),
        event_type: candidate.event_type.clone(),
        received_at: candidate.received_at,
        plugin: again.plugin.clone(),
        of: again.of.map(|number| DeliveryId { event: candidate.event, number }),
        effect: None,
        reason: candidate.reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Name;
    use crate::replay::Selection;

    fn name(name: &str) -> Name {
        Name::new(name).unwrap()
    }

    fn candidate(deliveries: &[(&str, State, bool)]) -> Candidate {
        let made = (1..).zip(deliveries).map(|(number, (plugin, state, is_resolved))| EventDelivery {
            number,
            plugin: name(plugin),
            state: *state,
            is_resolved: *is_resolved,
        });
        Candidate {
            event: 7,
            source: name("moncreneau"),
            id: "evt".into(),
            event_type: "appointment.created".into(),
            received_at: 0,
            ordering_key: Some("12".into()),
            deliveries: made.collect(),
            effect: None,
            reason: None,
            is_erased: false,
        }
    }

    fn request(of: ReplayTarget, again: bool) -> Request {
        let (action, selection) = (Action::Replay, Selection::default());
        Request { of, action, selection, to: None, again, revision: None, dry_run: false }
    }

    #[test]
    fn a_replayed_event_skips_plugins_that_have_done_it() {
        use State::{Dead, Done, Waiting};
        for (deliveries, again_too, expected) in [
            (&[][..], false, Some(None)),
            (&[("q", Done, false)][..], false, Some(None)),
            (&[("p", Dead, false)][..], false, Some(Some(1))),
            (&[("p", Dead, true), ("p", Dead, false)][..], false, Some(Some(2))),
            (&[("p", Dead, true)][..], false, None),
            (&[("p", Dead, true)][..], true, Some(Some(1))),
            (&[("p", Dead, true), ("p", Done, false)][..], false, None),
            (&[("p", Done, false)][..], false, None),
            (&[("p", Done, false)][..], true, Some(Some(1))),
            (&[("p", Done, false), ("p", Waiting, false)][..], true, None),
        ] {
            let to = [Recipient { plugin: name("p"), ordered: true, matched: true }];
            let found = again(&candidate(deliveries), &request(ReplayTarget::Events, again_too), &to);
            assert_eq!(found.first().map(|again| again.of), expected, "{deliveries:?} {again_too}");
            assert!(found.iter().all(|again| again.order.is_some()));
        }
    }

    #[test]
    fn a_delivery_that_is_named_runs_again_even_if_it_is_done() {
        let to = [Recipient { plugin: name("p"), ordered: false, matched: true }];
        let found =
            again(&candidate(&[("p", State::Done, false)]), &request(ReplayTarget::Deliveries, false), &to);
        let expected = ReplayedDelivery {
            event: 7,
            plugin: name("p"),
            order: None,
            matched: true,
            of: Some(1),
            dead: false,
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn only_dead_letters_are_resolved() {
        let deliveries = [("p", State::Done, false), ("q", State::Dead, true), ("r", State::Dead, false)];
        let found = resolve(&candidate(&deliveries));
        assert_eq!(found.iter().map(|again| again.of).collect::<Vec<_>>(), [Some(3)]);
    }

    #[test]
    fn a_page_has_a_cursor_unless_it_is_the_last() {
        let running = ReplayInProgress {
            id: 3,
            request: Request { action: Action::Discard, ..request(ReplayTarget::Deliveries, false) },
            after: ReplayCursor::default(),
            last_event: 9,
            examples: 2,
        };
        let page = vec![candidate(&[("p", State::Dead, false)]); 5];
        let snapshot = Snapshot::default();
        let routing = Routing { plugins: &snapshot, chosen: None };
        let next = step(&running, &page, true, &routing);
        let last = ReplayCursor { event: 7, delivery: 1, effect: 0 };
        assert_eq!((next.after, next.first.len()), (Some(last), 2));
        assert_eq!(next.discard.len(), 5);
        assert_eq!(step(&running, &page, false, &routing).after, None);
    }
    #[test]
    fn a_page_of_effects_has_those_that_can_be_repeated_or_resolved() {
        let running = |action| ReplayInProgress {
            id: 3,
            request: Request { action, ..request(ReplayTarget::Effects, false) },
            after: ReplayCursor::default(),
            last_event: 9,
            examples: 1,
        };
        let effect = |number, is_erased| Candidate {
            effect: Some(number),
            is_erased,
            ..candidate(&[("p", State::Done, false)])
        };
        let page = [effect(1, false), effect(2, true), effect(3, false)];
        let id = |number| EffectId { delivery: DeliveryId { event: 7, number: 1 }, number };
        let snapshot = Snapshot::default();
        let routing = Routing { plugins: &snapshot, chosen: None };
        let again = step(&running(Action::Replay), &page, true, &routing);
        assert_eq!((again.effects_again, again.skipped), (vec![id(1), id(3)], 1));
        assert_eq!(again.after, Some(ReplayCursor { event: 7, delivery: 1, effect: 3 }));
        assert_eq!((again.first.len(), again.first[0].effect), (1, Some(1)));
        let discard = step(&running(Action::Discard), &page, false, &routing);
        assert_eq!((discard.effects_discard.len(), discard.skipped, discard.after), (3, 0, None));
        assert!(discard.again.is_empty() && discard.discard.is_empty() && discard.effects_again.is_empty());
    }
}
