//! Hands what is committed to dispatch, and leases what waits in the database.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Writer;
use crate::clock;
use crate::db::storage::{Backend, NewDeliveryTo, NewEvent};
use crate::db::types::{Accept, DbError, DueTimes, EffectLease, Handoff, Lease, LeaseRequest};
use crate::delivery::{Delivery, DeliveryId};

impl<B: Backend> Writer<B> {
    pub(super) fn hand_off(
        &mut self,
        events: Vec<NewEvent>,
        accepts: &[Accept],
        behind: &HashSet<DeliveryId>,
        handoff: &dyn Handoff,
    ) {
        for (new, accept) in events.into_iter().zip(accepts) {
            let Accept::Accepted { deliveries } = *accept else { continue };
            self.shared.backlog.fetch_add(deliveries as u64, Ordering::Relaxed);
            for (number, NewDeliveryTo { plugin, order }) in (1..).zip(new.to) {
                let id = DeliveryId { event: new.seq, number };
                if !behind.contains(&id) {
                    let event = Arc::clone(&new.event);
                    let since = clock::measured(event.received_at, clock::offset_ms());
                    let delivery = Delivery { id, event, plugin, attempts: 0, failures: 0, since, order };
                    self.offer(delivery, handoff);
                }
            }
        }
    }

    /// Deliveries whose predecessor in their order has just closed. Should they not be read, they are
    /// found like all that is due.
    pub(super) async fn hand_off_promoted(&mut self, promoted: &[DeliveryId], handoff: &dyn Handoff) {
        if promoted.is_empty() {
            return;
        }
        match self.backend.deliveries(promoted).await {
            Ok(deliveries) => deliveries.into_iter().for_each(|delivery| self.offer(delivery, handoff)),
            Err(error) => {
                tracing::warn!(%error, "deliveries that came first in their order");
                handoff.rescan();
            }
        }
    }

    fn offer(&mut self, delivery: Delivery, handoff: &dyn Handoff) {
        let id = delivery.id;
        if self.is_held(&delivery.plugin) {
            return;
        }
        // Leased before it is offered: a worker may end before `offer` returns.
        self.leases.take(id, &delivery.plugin);
        if !handoff.offer(delivery) {
            self.leases.release(id);
        }
    }

    pub(super) async fn lease(&mut self, wanted: &LeaseRequest) -> Result<Lease, DbError> {
        let LeaseRequest { plugin, limit, wait_max } = wanted;
        let (limit, due) = (*limit, DueTimes::at(clock::now_ms(), *wait_max));
        if self.is_held(plugin) || limit == 0 {
            return Ok(Lease::default());
        }
        // Those in hand are still open in the database: look beyond them, and one further to know
        // whether there is more.
        let look = limit.saturating_add(self.leases.count(plugin)).saturating_add(1);
        let due = self.backend.due(plugin, due, look).await;
        let mut ids = due.inspect_err(|error| tracing::warn!(%error, "lease"))?;
        ids.retain(|id| !self.leases.has(*id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let deliveries = self.backend.deliveries(&ids).await?;
        for delivery in &deliveries {
            self.leases.take(delivery.id, plugin);
        }
        Ok(Lease { deliveries, more })
    }

    pub(super) async fn lease_effects(&mut self, wanted: &LeaseRequest) -> Result<EffectLease, DbError> {
        let LeaseRequest { plugin, limit, wait_max } = wanted;
        let (limit, due) = (*limit, DueTimes::at(clock::now_ms(), *wait_max));
        let look = limit.saturating_add(self.effect_leases.count(plugin)).saturating_add(1);
        let mut ids = self.backend.due_effects(plugin, due, look).await?;
        ids.retain(|id| !self.effect_leases.has(*id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let mut effects = self.backend.performing(plugin, &ids).await?;
        for effect in &mut effects {
            self.effect_leases.take(effect.id, plugin);
            // An earlier process may have been killed between a try and its record.
            effect.progress.unanswered |= effect.id.delivery.event <= self.seq_at_start;
        }
        Ok(EffectLease { effects, more })
    }
}
