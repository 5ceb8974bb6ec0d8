//! What becomes of a batch: which copy of an event is accepted, and which deliveries are blocked. Pure: a storage
//! asks these functions within its transaction.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::completion::Finished;
use crate::db::types::Accept;
use crate::delivery::{DeliveryId, Next, Order, Recipient};
use crate::event::{Digest, Event, PluginName};

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
    pub(in crate::db) order: Option<Order>,
}

/// A delivery to be stored.
#[derive(Debug)]
pub(in crate::db) struct NewDelivery<'a> {
    pub(in crate::db) id: DeliveryId,
    pub(in crate::db) plugin: &'a PluginName,
    pub(in crate::db) order: Option<Order>,
    /// It waits for an earlier one of its ordering key.
    pub(in crate::db) blocked: bool,
}

impl NumberedEvent {
    pub(in crate::db) fn new(seq: i64, event: Event, recipients: Vec<Recipient>) -> Self {
        let key = event.ordering_key.as_deref();
        let to = recipients.into_iter().map(|Recipient { plugin, ordered }| NumberedRecipient {
            order: key.filter(|_| ordered).map(|key| Order::of(&event.source, key, &plugin)),
            plugin,
        });
        let to = to.collect();
        Self { seq, event: Arc::new(event), to }
    }

    /// Its deliveries, none of them blocked.
    pub(in crate::db) fn deliveries(&self) -> impl Iterator<Item = NewDelivery<'_>> {
        (1..).zip(&self.to).map(|(number, to)| NewDelivery {
            id: DeliveryId { event: self.seq, number },
            plugin: &to.plugin,
            order: to.order,
            blocked: false,
        })
    }
}

/// The events of a batch by their idempotency keys.
pub(in crate::db) struct Keyed<'a> {
    /// The first event of each key.
    pub(in crate::db) firsts: Vec<&'a NumberedEvent>,
    /// For each event of the batch, where its key's first one is.
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

    /// What becomes of each event. `owners` has, for each of `firsts`, the digest that took its key before this
    /// batch.
    pub(in crate::db) fn judge(&self, events: &[NumberedEvent], owners: &[Option<Digest>]) -> Vec<Accept> {
        let verdict = |(new, first): (&NumberedEvent, &usize)| {
            let owner = owners.get(*first).copied().flatten();
            let winner = self.firsts.get(*first).filter(|_| owner.is_none());
            if winner.is_some_and(|winner| winner.seq == new.seq) {
                return Accept::Accepted { deliveries: new.to.len() };
            }
            let digest = owner.or_else(|| winner.map(|winner| winner.event.digest));
            if digest == Some(new.event.digest) { Accept::Duplicate } else { Accept::Conflict }
        };
        events.iter().zip(&self.first_of).map(verdict).collect()
    }
}

/// Blocks each new delivery whose ordering key has an open one: an earlier new one, or one of `open`.
pub(in crate::db) fn mark_blocked(new: &mut [NewDelivery<'_>], mut open: HashSet<Order>) {
    for delivery in new {
        delivery.blocked = delivery.order.is_some_and(|order| !open.insert(order));
    }
}

/// The deliveries that these attempts close, of those that have an ordering key. Each was the first of its key.
pub(in crate::db) fn closed<'a>(
    finished: &'a [&Finished],
) -> impl Iterator<Item = (Order, DeliveryId)> + use<'a> {
    let closed = finished.iter().filter(|finished| !matches!(finished.next, Next::Wait(_)));
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
        };
        NumberedEvent::new(seq, event, Vec::new())
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
        let accepted = Accept::Accepted { deliveries: 0 };
        assert_eq!(
            verdicts,
            [accepted, Accept::Conflict, Accept::Duplicate, Accept::Conflict, Accept::Duplicate]
        );
    }

    #[test]
    fn the_first_delivery_of_an_ordering_key_is_not_blocked_and_the_others_are() {
        let plugin = PluginName::new("p").unwrap();
        let orders = [Some(1), Some(2), None, Some(1), Some(3), None, Some(3)];
        let new = (1..).zip(orders).map(|(event, order)| NewDelivery {
            id: DeliveryId { event, number: 1 },
            plugin: &plugin,
            order: order.map(Order),
            blocked: false,
        });
        let mut new: Vec<_> = new.collect();
        mark_blocked(&mut new, HashSet::from([Order(2)]));
        let blocked: Vec<_> = new.iter().map(|delivery| delivery.blocked).collect();
        assert_eq!(blocked, [false, true, false, true, false, false, true]);
    }
}
