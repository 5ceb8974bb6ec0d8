//! The write side in memory.

use std::collections::{HashMap, HashSet};

use super::MemoryDatabase;
use super::tables::StoredState;
use crate::clock;
use crate::db::storage::{Batch, Committed, Ready, ResolvedEffect, Storage};
use crate::db::types::{
    DbError, Discard, DueChange, DueTimes, EffectLease, EffectResolution, EffectShare, Interrupted, Lease,
    LeaseRequest, MatchCount, PluginMatch, Removal, RunningId,
};
use crate::delivery::{DeliveryId, Resolution};
use crate::event::PluginName;
use crate::replay::{self, Action, ReplayPage};

/// See the module. Its leases end with it.
pub(in crate::db) struct MemoryStorage {
    pub(super) database: MemoryDatabase,
    pub(super) leased: HashSet<RunningId>,
}

impl MemoryStorage {
    pub(super) fn new(database: MemoryDatabase) -> Self {
        Self { database, leased: HashSet::new() }
    }

    /// Leases deliveries that have just become due, unless their plugin is held.
    pub(super) fn make_ready(&mut self, ids: impl IntoIterator<Item = DeliveryId>) -> Ready {
        let tables = self.database.tables();
        let found = ids.into_iter().filter_map(|id| tables.delivery(id));
        let deliveries: Vec<_> = found.filter(|delivery| !tables.is_held(&delivery.plugin)).collect();
        self.leased.extend(deliveries.iter().map(|delivery| RunningId::Delivery(delivery.id)));
        Ready { deliveries, rescan: false }
    }
}

impl Storage for MemoryStorage {
    /// No process that died leaves this memory.
    async fn interrupted(&mut self) -> Result<Vec<Interrupted>, DbError> {
        Ok(Vec::new())
    }

    async fn suspects(&mut self, _crashes: u32) -> Result<HashSet<RunningId>, DbError> {
        Ok(HashSet::new())
    }

    async fn waiting_effects(&mut self) -> Result<HashMap<PluginName, EffectShare>, DbError> {
        let mut waiting: HashMap<_, EffectShare> = HashMap::new();
        for effect in self.database.tables().effects.values().filter(|effect| effect.standing.is_open()) {
            let share = waiting.entry(effect.plugin.clone()).or_default();
            share.count += 1;
            share.bytes += effect.queued.size;
        }
        Ok(waiting)
    }

    async fn commit(&mut self, batch: Batch<'_>) -> Result<Committed, DbError> {
        Ok(self.commit_batch(batch))
    }

    async fn lease_unblocked(&mut self, unblocked: &[DeliveryId]) -> Ready {
        self.make_ready(unblocked.iter().copied())
    }

    async fn lease(&mut self, request: &LeaseRequest) -> Result<Lease, DbError> {
        let LeaseRequest { plugin, limit, wait_max } = request;
        let due = DueTimes::at(clock::now_ms(), *wait_max);
        let tables = self.database.tables();
        if tables.is_held(plugin) {
            return Ok(Lease::default());
        }
        let is_due = |(id, stored): &(&DeliveryId, &super::tables::StoredDelivery)| {
            stored.plugin == *plugin
                && stored.standing.is_due(due.by, due.beyond)
                && !self.leased.contains(&RunningId::Delivery(**id))
        };
        let ids: Vec<_> = tables.deliveries.iter().filter(is_due).map(|(id, _)| *id).collect();
        let leased = ids.get(..ids.len().min(*limit)).unwrap_or_default();
        let deliveries: Vec<_> = leased.iter().filter_map(|id| tables.delivery(*id)).collect();
        self.leased.extend(leased.iter().copied().map(RunningId::Delivery));
        Ok(Lease { deliveries, more: ids.len() > *limit && *limit > 0 })
    }

    async fn lease_effects(&mut self, request: &LeaseRequest) -> Result<EffectLease, DbError> {
        let LeaseRequest { plugin, limit, wait_max } = request;
        let due = DueTimes::at(clock::now_ms(), *wait_max);
        let tables = self.database.tables();
        let due = tables.effects.iter().filter(|(id, stored)| {
            stored.plugin == *plugin
                && stored.standing.is_due(due.by, due.beyond)
                && !self.leased.contains(&RunningId::Effect(**id))
        });
        let mut effects: Vec<_> = due.map(|(id, stored)| stored.to_leased(*id)).collect();
        let more = effects.len() > *limit;
        effects.truncate(*limit);
        self.leased.extend(effects.iter().map(|effect| RunningId::Effect(effect.id)));
        Ok(EffectLease { effects, more })
    }

    async fn release(&mut self, leased: &[RunningId]) {
        for id in leased {
            self.leased.remove(id);
        }
    }

    async fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
    ) -> Result<i64, DbError> {
        Ok(self.database.tables().begin_replay(request, found, last_event))
    }

    async fn advance_replay(&mut self, step: &ReplayPage) -> Result<(), DbError> {
        self.database.tables().advance_replay(step);
        Ok(())
    }

    async fn stop_replay(&mut self, replay: i64) -> Result<bool, DbError> {
        Ok(self.database.tables().stop_replay(replay))
    }

    async fn discard(&mut self, id: DeliveryId) -> Result<(Discard, Ready), DbError> {
        if self.leased.contains(&RunningId::Delivery(id)) {
            return Ok((Discard::Busy, Ready::default()));
        }
        let (discard, unblocked) = self.database.tables().discard(id);
        Ok((discard, self.make_ready(unblocked)))
    }

    async fn match_deliveries(&mut self, of_plugin: &PluginMatch) -> Result<MatchCount, DbError> {
        Ok(self.database.tables().match_deliveries(of_plugin))
    }

    async fn make_due(&mut self, change: &DueChange) -> Result<u64, DbError> {
        Ok(self.database.tables().make_due(change))
    }

    async fn resolve_effects(
        &mut self,
        resolution: &EffectResolution,
    ) -> Result<Vec<ResolvedEffect>, DbError> {
        let EffectResolution { selection, action, after, limit } = resolution;
        let mut tables = self.database.tables();
        let found = tables.effects.iter_mut().filter(|(id, stored)| {
            **id > *after
                && stored.standing.is_unresolved()
                && selection.keys.as_ref().is_none_or(|keys| keys.contains(&stored.queued.key))
                && selection.plugin.as_deref().is_none_or(|plugin| plugin == stored.plugin.as_str())
        });
        let mut resolved = Vec::new();
        for (id, stored) in found.take(*limit as usize) {
            match action {
                Action::Replay => {
                    stored.standing = StoredState::Pending;
                    stored.attempts_before = u32::try_from(stored.attempts.len()).unwrap_or(u32::MAX);
                }
                Action::Discard => stored.standing = StoredState::Dead(Some(Resolution::Discarded)),
            }
            resolved.push(ResolvedEffect {
                id: *id,
                plugin: stored.plugin.clone(),
                size: stored.queued.size,
            });
        }
        Ok(resolved)
    }

    async fn remove(&mut self, removal: &Removal) -> Result<u64, DbError> {
        Ok(self.database.tables().remove(removal))
    }

    async fn save(&mut self) -> Result<(), DbError> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), DbError> {
        Ok(())
    }
}
