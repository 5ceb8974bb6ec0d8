//! The decisions about a batch: which copy of an event is accepted, and which deliveries are due. Pure: a storage
//! calls these functions within its transaction.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::completion::FinishedAttempt;
use crate::db::types::Accept;
use crate::delivery::{DeliveryId, NextStep, OrderingHash, Recipient};
use crate::event::{Digest, Event, PluginName};
use crate::switch::Switches;

/// A new event under a sequence number that was never used before.
#[derive(Debug)]
pub(in crate::db) struct NumberedEvent {
    pub(in crate::db) seq: i64,
    pub(in crate::db) event: Arc<Event>,
    pub(in crate::db) to: Vec<NumberedRecipient>,
}

/// A plugin that gets a new event, and the order in which it does.
#[derive(Debug)]
pub(in crate::db) struct NumberedRecipient {
    pub(in crate::db) plugin: PluginName,
    pub(in crate::db) order: Option<OrderingHash>,
    pub(in crate::db) matched: bool,
    pub(in crate::db) switched_on: bool,
}

/// A delivery to be stored.
#[derive(Debug)]
pub(in crate::db) struct NewDelivery<'a> {
    pub(in crate::db) id: DeliveryId,
    pub(in crate::db) plugin: &'a PluginName,
    pub(in crate::db) order: Option<OrderingHash>,
    pub(in crate::db) placement: Placement,
}

/// The reasons why an open delivery cannot be leased yet. They are independent: an unmatched or switched-off delivery
/// that is not blocked is the first of its ordering key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::db) struct Placement {
    /// Whether its plugin is known to handle the event.
    pub(in crate::db) matched: bool,
    /// Whether its plugin was switched on for its event's type when it was made, or since.
    pub(in crate::db) switched_on: bool,
    /// Whether it waits for another open delivery of its ordering key.
    pub(in crate::db) blocked: bool,
}

impl Placement {
    pub(in crate::db) fn is_due(self) -> bool {
        self.matched && self.switched_on && !self.blocked
    }
}

impl NumberedEvent {
    pub(in crate::db) fn new(
        seq: i64,
        event: Event,
        recipients: Vec<Recipient>,
        switches: &Switches,
    ) -> Self {
        let key = event.ordering_key.as_deref();
        let to = recipients.into_iter().map(|Recipient { plugin, ordered, matched }| NumberedRecipient {
            order: key.filter(|_| ordered).map(|key| OrderingHash::of(&event.source, key, &plugin)),
            switched_on: switches.is_on(&plugin, &event.event_type),
            plugin,
            matched,
        });
        let to = to.collect();
        Self { seq, event: Arc::new(event), to }
    }

    /// Its deliveries, none of them blocked yet.
    pub(in crate::db) fn deliveries(&self) -> impl Iterator<Item = NewDelivery<'_>> {
        (1..).zip(&self.to).map(|(number, to)| NewDelivery {
            id: DeliveryId { event: self.seq, number },
            plugin: &to.plugin,
            order: to.order,
            placement: Placement { matched: to.matched, switched_on: to.switched_on, blocked: false },
        })
    }

    /// Returns the answer after its commit.
    fn accepted(&self) -> Accept {
        let deliveries = self.to.iter().filter(|to| to.matched).count();
        Accept::Accepted { deliveries, unmatched: self.to.len() - deliveries }
    }
}

/// The events of a batch by their idempotency keys.
pub(in crate::db) struct Keyed<'a> {
    /// The first event of each key.
    pub(in crate::db) firsts: Vec<&'a NumberedEvent>,
    /// For each event of the batch, the index of the first one with its key.
    first_of: Vec<usize>,
}

impl<'a> Keyed<'a> {
    pub(in crate::db) fn of(events: &'a [NumberedEvent]) -> Self {
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
        Self { firsts, first_of }
    }

    /// Decides about each event. `owners` has, for each of `firsts`, the digest that took its key before this
    /// batch.
    pub(in crate::db) fn judge(&self, events: &[NumberedEvent], owners: &[Option<Digest>]) -> Vec<Accept> {
        let verdict = |(new, first): (&NumberedEvent, &usize)| {
            let owner = owners.get(*first).copied().flatten();
            let winner = self.firsts.get(*first).filter(|_| owner.is_none());
            if winner.is_some_and(|winner| winner.seq == new.seq) {
                return new.accepted();
            }
            let digest = owner.or_else(|| winner.map(|winner| winner.event.digest));
            if digest == Some(new.event.digest) { Accept::Duplicate } else { Accept::Conflict }
        };
        events.iter().zip(&self.first_of).map(verdict).collect()
    }
}

/// Blocks each new delivery whose ordering key has an open one: an earlier new one, or one of `open`.
pub(in crate::db) fn mark_blocked(new: &mut [NewDelivery<'_>], mut open: HashSet<OrderingHash>) {
    for delivery in new {
        delivery.placement.blocked = delivery.order.is_some_and(|order| !open.insert(order));
    }
}

/// Returns the deliveries with an ordering key that these attempts close. Each was the first of its key.
pub(in crate::db) fn closed<'a>(
    finished: &'a [&FinishedAttempt],
) -> impl Iterator<Item = (OrderingHash, DeliveryId)> + use<'a> {
    let closed = finished.iter().filter(|finished| !matches!(finished.next, NextStep::Wait(_)));
    closed.filter_map(|finished| Some((finished.order?, finished.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Name;

    fn event(seq: i64, id: &str, body: &str) -> NumberedEvent {
        let event = Event {
            source: Name::new("s").unwrap(),
            id: id.into(),
            event_type: "t".into(),
            created: String::new(),
            received_at: 0,
            body: bytes::Bytes::new(),
            payload: 0..0,
            ordering_key: None,
            digest: Digest::of(body.as_bytes()),
            origin: None,
            trace: None,
            metadata: None,
        };
        NumberedEvent::new(seq, event, Vec::new(), &Switches::default())
    }

    #[test]
    fn the_first_event_with_a_free_key_is_accepted_and_its_copies_are_not() {
        let events = [
            event(1, "free", "x"),
            event(2, "taken", "x"),
            event(3, "free", "x"),
            event(4, "free", "y"),
            event(5, "taken", "y"),
        ];
        let keyed = Keyed::of(&events);
        let firsts: Vec<_> = keyed.firsts.iter().map(|first| first.seq).collect();
        assert_eq!(firsts, [1, 2]);
        let verdicts = keyed.judge(&events, &[None, Some(Digest::of(b"y"))]);
        let accepted = Accept::Accepted { deliveries: 0, unmatched: 0 };
        assert_eq!(
            verdicts,
            [accepted, Accept::Conflict, Accept::Duplicate, Accept::Conflict, Accept::Duplicate]
        );
    }

    #[test]
    fn counts_matched_and_unmatched_deliveries_of_an_accepted_event() {
        let mut event = event(1, "free", "x");
        event.to = [true, false, true]
            .map(|matched| {
                let plugin = Name::new("p").unwrap();
                NumberedRecipient { plugin, order: None, matched, switched_on: true }
            })
            .into();
        let events = [event];
        let verdicts = Keyed::of(&events).judge(&events, &[None]);
        assert_eq!(verdicts, [Accept::Accepted { deliveries: 2, unmatched: 1 }]);
    }

    const DUE: Placement = Placement { matched: true, switched_on: true, blocked: false };
    const BLOCKED: Placement = Placement { blocked: true, ..DUE };
    const UNMATCHED: Placement = Placement { matched: false, ..DUE };
    const UNMATCHED_AND_BLOCKED: Placement = Placement { blocked: true, ..UNMATCHED };
    const OFF: Placement = Placement { switched_on: false, ..DUE };
    const OFF_AND_BLOCKED: Placement = Placement { blocked: true, ..OFF };
    const OFF_AND_UNMATCHED: Placement = Placement { matched: false, ..OFF };

    #[test]
    fn places_each_new_delivery_by_its_key_its_match_and_its_switch() {
        let plugin = PluginName::new("p").unwrap();
        // Order 2 has an open delivery already.
        let cases = [
            (Some(1), DUE, DUE),
            (Some(2), DUE, BLOCKED),
            (None, DUE, DUE),
            (Some(1), DUE, BLOCKED),
            (Some(3), DUE, DUE),
            (None, DUE, DUE),
            (Some(3), DUE, BLOCKED),
            (None, UNMATCHED, UNMATCHED),
            (Some(2), UNMATCHED, UNMATCHED_AND_BLOCKED),
            (Some(3), UNMATCHED, UNMATCHED_AND_BLOCKED),
            (Some(4), UNMATCHED, UNMATCHED),
            (Some(4), DUE, BLOCKED),
            (Some(4), UNMATCHED, UNMATCHED_AND_BLOCKED),
            (Some(4), OFF, OFF_AND_BLOCKED),
            (Some(5), OFF, OFF),
            (Some(5), DUE, BLOCKED),
            (None, OFF, OFF),
            (Some(6), OFF_AND_UNMATCHED, OFF_AND_UNMATCHED),
        ];
        let new = (1..).zip(cases).map(|(event, (order, placement, _))| NewDelivery {
            id: DeliveryId { event, number: 1 },
            plugin: &plugin,
            order: order.map(OrderingHash),
            placement,
        });
        let mut new: Vec<_> = new.collect();
        mark_blocked(&mut new, HashSet::from([OrderingHash(2)]));
        for (delivery, (.., expected)) in new.iter().zip(cases) {
            assert_eq!(delivery.placement, expected, "{delivery:?}");
            assert_eq!(delivery.placement.is_due(), expected == DUE, "{delivery:?}");
        }
    }
}
