//! Who waits for whom: of the open deliveries of one order, one can be leased and the others are behind
//! it. Pure, but for the two questions to the backend.

use std::collections::HashSet;

use super::storage::{Backend, NewDelivery, NewEvent};
use super::types::DbError;
use crate::completion::Finished;
use crate::delivery::{DeliveryId, Next, Order};

/// The deliveries of new events, lined up. Without `any_open`, no delivery was open before.
pub(super) async fn deliveries<'a>(
    backend: &mut impl Backend,
    events: &[&'a NewEvent],
    any_open: bool,
) -> Result<Vec<NewDelivery<'a>>, DbError> {
    let mut new: Vec<_> = events.iter().flat_map(|new| deliveries_of(new)).collect();
    let orders: Vec<_> = new.iter().filter_map(|delivery| delivery.order).collect();
    let open = match orders[..] {
        [] => return Ok(new),
        _ if any_open => backend.open_orders(&orders).await?,
        _ => HashSet::new(),
    };
    line_up(&mut new, open);
    Ok(new)
}

fn deliveries_of(new: &NewEvent) -> impl Iterator<Item = NewDelivery<'_>> {
    (1..).zip(&new.to).map(|(number, to)| NewDelivery {
        id: DeliveryId { event: new.seq, number },
        plugin: &to.plugin,
        order: to.order,
        behind: false,
    })
}

/// The first of an order that has none open leads, the others are behind.
pub(super) fn line_up(new: &mut [NewDelivery<'_>], mut open: HashSet<Order>) {
    for delivery in new {
        delivery.behind = delivery.order.is_some_and(|order| !open.insert(order));
    }
}

/// The deliveries that these attempts have closed, of those that have an order. Each led its order.
pub(super) fn closed<'a>(ended: &'a [&Finished]) -> impl Iterator<Item = (Order, DeliveryId)> + use<'a> {
    let closed = ended.iter().filter(|finished| !matches!(finished.next, Next::Wait(_)));
    closed.filter_map(|finished| Some((finished.order?, finished.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::PluginName;

    #[test]
    fn one_of_each_order_leads() {
        let plugin = PluginName::new("p").unwrap();
        let orders = [Some(1), Some(2), None, Some(1), Some(3), None, Some(3)];
        let new = (1..).zip(orders).map(|(event, order)| NewDelivery {
            id: DeliveryId { event, number: 1 },
            plugin: &plugin,
            order: order.map(Order),
            behind: false,
        });
        let mut new: Vec<_> = new.collect();
        line_up(&mut new, HashSet::from([Order(2)]));
        let behind: Vec<_> = new.iter().map(|delivery| delivery.behind).collect();
        assert_eq!(behind, [false, true, false, true, false, false, true]);
    }
}
