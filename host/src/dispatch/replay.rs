//! Carries out what operators asked to be run again, page by page.
//!
//! Each page commits with how far it is, so a restart goes on where this process was. What follows from a
//! candidate is decided here, by the plugins of now, and is pure.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::TICK;
use crate::config::Config;
use crate::db::{Db, DbError};
use crate::delivery::{DeliveryId, Order, Recipient, State};
use crate::failpoint::{self, Point};
use crate::plugins::{Plugins, Snapshot};
use crate::replay::{Action, Again, Candidate, Example, Made, Of, Request, Running, Step};

/// Candidates of one step: a few milliseconds of the writer's time.
const PAGE: u32 = 200;
/// How long a replay waits for room.
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

    /// Goes on with what an earlier process left, and then with whatever is asked for.
    pub(super) async fn run(self) {
        loop {
            match self.db.running_replays().await {
                Ok(running) if !running.is_empty() => {
                    for running in running {
                        self.advance(running).await;
                    }
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::error!("replays could not be read, trying again: {error}"),
            }
            let _ = tokio::time::timeout(TICK, self.asked.notified()).await;
        }
    }

    /// One page of each, so that a short one need not wait for a long one.
    async fn advance(&self, running: Running) {
        let limit = if running.request.dry_run { PAGE } else { self.room() };
        if limit == 0 {
            return tokio::time::sleep(PAUSE).await;
        }
        if let Err(error) = self.page(&running, limit).await {
            tracing::error!(replay = running.id, "a replay could not go on, trying again: {error}");
            tokio::time::sleep(TICK).await;
        }
    }

    /// How many there is room for: half of the backlog's room is left to senders.
    fn room(&self) -> u32 {
        let half = self.config.borrow().dispatch.backlog_max.div_ceil(2);
        u32::try_from(half.saturating_sub(self.db.backlog())).unwrap_or(u32::MAX).min(PAGE)
    }

    async fn page(&self, running: &Running, limit: u32) -> Result<(), DbError> {
        let found = self.db.replay_candidates(running, limit).await?;
        let more = found.len() >= limit as usize;
        let step = step(running, &found, more, &self.plugins.snapshot());
        failpoint::pass(Point::ReplayStep);
        self.db.replay_step(step).await
    }
}

/// What is to be done with a page of candidates, after which there may be more.
fn step(running: &Running, found: &[Candidate], more: bool, plugins: &Snapshot) -> Step {
    let request = &running.request;
    let mut step = Step { replay: running.id, dry_run: request.dry_run, ..Step::default() };
    for candidate in found {
        let again = match request.action {
            Action::Replay => again(candidate, request, &recipients(candidate, request, plugins)),
            Action::Discard => dealt_with(candidate),
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
    step.after = last.map(|candidate| DeliveryId {
        event: candidate.event,
        number: candidate.deliveries.last().map_or(0, |made| made.number),
    });
    step
}

/// The plugins that a candidate goes to, if all else allows it.
fn recipients(candidate: &Candidate, request: &Request, plugins: &Snapshot) -> Vec<Recipient> {
    if request.of == Of::Deliveries {
        let ordered = |made: &Made| plugins.get(&made.plugin).is_none_or(|live| live.ordered);
        let to = |made: &Made| Recipient { plugin: made.plugin.clone(), ordered: ordered(made) };
        return candidate.deliveries.iter().map(to).collect();
    }
    let mut wanted = plugins.route(&candidate.source, &candidate.event_type);
    if let Some(to) = &request.to {
        wanted.retain(|recipient| recipient.plugin == *to);
    }
    wanted
}

/// The deliveries that a candidate gets. An event that a plugin has done is not given to it again unless it
/// is asked for, and never while it is open.
fn again(candidate: &Candidate, request: &Request, recipients: &[Recipient]) -> Vec<Again> {
    let again = |recipient: &Recipient| {
        let of_plugin = candidate.deliveries.iter().filter(|made| made.plugin == recipient.plugin);
        let last = of_plugin.max_by_key(|made| made.number);
        let named = request.of == Of::Deliveries;
        let wanted = last.is_none_or(|last| match last.state {
            State::Dead if !last.settled => true,
            State::Done | State::Dead => named || request.again,
            State::Pending | State::Running | State::Waiting | State::Held => false,
        });
        let key = candidate.ordering_key.as_deref().filter(|_| recipient.ordered);
        wanted.then(|| Again {
            event: candidate.event,
            plugin: recipient.plugin.clone(),
            order: key.map(|key| Order::of(&candidate.source, key, &recipient.plugin)),
            of: last.map(|last| last.number),
            dead: last.is_some_and(|last| last.state == State::Dead && !last.settled),
        })
    };
    recipients.iter().filter_map(again).collect()
}

/// A dead letter that counts as dealt with.
fn dealt_with(candidate: &Candidate) -> Vec<Again> {
    let dead = candidate.deliveries.iter().filter(|made| made.state == State::Dead && !made.settled);
    let of = |made: &Made| Again {
        event: candidate.event,
        plugin: made.plugin.clone(),
        order: None,
        of: Some(made.number),
        dead: true,
    };
    dead.map(of).collect()
}

fn example(candidate: &Candidate, again: &Again) -> Example {
    Example {
        source: candidate.source.to_string(),
        event: candidate.id.clone(),
        event_type: candidate.event_type.clone(),
        received_at: candidate.received_at,
        plugin: again.plugin.clone(),
        of: again.of.map(|number| DeliveryId { event: candidate.event, number }),
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
        let made = (1..).zip(deliveries).map(|(number, (plugin, state, settled))| Made {
            number,
            plugin: name(plugin),
            state: *state,
            settled: *settled,
        });
        Candidate {
            event: 7,
            source: name("moncreneau"),
            id: "evt".into(),
            event_type: "appointment.created".into(),
            received_at: 0,
            ordering_key: Some("12".into()),
            deliveries: made.collect(),
            reason: None,
        }
    }

    fn request(of: Of, again: bool) -> Request {
        let (action, selection) = (Action::Replay, Selection::default());
        Request { of, action, selection, to: None, again, dry_run: false }
    }

    #[test]
    fn an_event_goes_to_those_that_have_not_done_it() {
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
            let to = [Recipient { plugin: name("p"), ordered: true }];
            let found = again(&candidate(deliveries), &request(Of::Events, again_too), &to);
            assert_eq!(found.first().map(|again| again.of), expected, "{deliveries:?} {again_too}");
            assert!(found.iter().all(|again| again.order.is_some()));
        }
    }

    #[test]
    fn a_delivery_that_is_named_runs_again_even_if_it_is_done() {
        let to = [Recipient { plugin: name("p"), ordered: false }];
        let found = again(&candidate(&[("p", State::Done, false)]), &request(Of::Deliveries, false), &to);
        let expected = Again { event: 7, plugin: name("p"), order: None, of: Some(1), dead: false };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn only_dead_letters_are_dealt_with() {
        let deliveries = [("p", State::Done, false), ("q", State::Dead, true), ("r", State::Dead, false)];
        let found = dealt_with(&candidate(&deliveries));
        assert_eq!(found.iter().map(|again| again.of).collect::<Vec<_>>(), [Some(3)]);
    }

    #[test]
    fn a_page_says_where_it_ended_unless_it_is_the_last() {
        let running = Running {
            id: 3,
            request: Request { action: Action::Discard, ..request(Of::Deliveries, false) },
            after: DeliveryId { event: 0, number: 0 },
            last_event: 9,
            examples: 2,
        };
        let page = vec![candidate(&[("p", State::Dead, false)]); 5];
        let next = step(&running, &page, true, &Snapshot::default());
        assert_eq!((next.after, next.first.len()), (Some(DeliveryId { event: 7, number: 1 }), 2));
        assert_eq!(next.discard.len(), 5);
        assert_eq!(step(&running, &page, false, &Snapshot::default()).after, None);
    }
}
