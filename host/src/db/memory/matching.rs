//! Unmatched deliveries in memory.

use super::tables::{StoredState, Tables};
use crate::db::types::{MatchCount, MatchDecision, PluginMatch, UnmatchedDelivery};
use crate::db::writer::batch::Placement;
use crate::delivery::DeliveryId;
use crate::event::PluginName;

impl Tables {
    pub(super) fn match_deliveries(&mut self, of_plugin: &PluginMatch) -> MatchCount {
        let mut count = MatchCount::default();
        for MatchDecision { id, handled } in &of_plugin.decisions {
            let Some(stored) = self.deliveries.get_mut(id) else { continue };
            let StoredState::Held(placement) = stored.standing else { continue };
            if stored.plugin != of_plugin.plugin || placement.matched {
                continue;
            }
            if *handled {
                stored.standing = StoredState::open(Placement { matched: true, ..placement });
                count.handled += 1;
                continue;
            }
            let order = stored.order.filter(|_| !placement.blocked);
            self.deliveries.remove(id);
            count.withdrawn += 1;
            if let Some(order) = order {
                self.unblock(order);
            }
        }
        count
    }

    /// Unmatched deliveries of a plugin, in order of acceptance.
    pub(super) fn unmatched<'a>(
        &'a self,
        plugin: &'a PluginName,
    ) -> impl Iterator<Item = UnmatchedDelivery> + 'a {
        self.unmatched_ids().filter(move |(_, of)| *of == plugin).filter_map(|(id, _)| {
            let event = self.events.get(&id.event)?;
            let (source, event_type) = (event.source.clone(), event.event_type.clone());
            Some(UnmatchedDelivery { id, source, event_type })
        })
    }

    /// All unmatched deliveries, each with its plugin.
    pub(super) fn unmatched_ids(&self) -> impl Iterator<Item = (DeliveryId, &PluginName)> {
        let unmatched = self.deliveries.iter().filter(|(_, stored)| {
            matches!(stored.standing, StoredState::Held(Placement { matched: false, .. }))
        });
        unmatched.map(|(id, stored)| (*id, &stored.plugin))
    }
}
