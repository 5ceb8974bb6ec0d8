//! The write side in memory.

use std::collections::{HashMap, HashSet};

use super::MemoryDatabase;
use super::tables::PAUSED;
use crate::audit::{Decision, Record};
use crate::clock;
use crate::db::alert_types::SavedAlert;
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::revision_types::RevisionPart;
use crate::db::storage::{Batch, Committed, Ready, Storage};
use crate::db::switch_change::{HeldPage, SwitchChange, SwitchResult};
use crate::db::types::{
    DbError, Discard, DueCause, DueChange, DueTimes, EffectLease, EffectResolution, EffectShare, Interrupted,
    Lease, LeaseRequest, MatchCount, PluginMatch, Removal, ResolvedEffect, RunningId, TokenCreation,
};
use crate::delivery::DeliveryId;
use crate::event::{PluginName, now_ms};
use crate::replay::{self, ReplayPage};
use crate::revision::InstructionRecord;
use crate::token::NewToken;

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
        let LeaseRequest { plugin, revision, limit, wait_max } = request;
        let due = DueTimes::at(clock::now_ms(), *wait_max);
        let tables = self.database.tables();
        if tables.is_held(plugin) {
            return Ok(Lease::default());
        }
        let is_due = |(id, stored): &(&DeliveryId, &super::tables::StoredDelivery)| {
            stored.plugin == *plugin
                && stored.replayed.and_then(|cause| cause.revision) == *revision
                && stored.standing.is_due(due.by, due.beyond)
                && !self.leased.contains(&RunningId::Delivery(**id))
        };
        let ids: Vec<_> = tables.deliveries.iter().filter(is_due).map(|(id, _)| *id).collect();
        let leased = ids.get(..ids.len().min(*limit)).unwrap_or_default();
        let deliveries: Vec<_> = leased.iter().filter_map(|id| tables.delivery(*id)).collect();
        self.leased.extend(leased.iter().copied().map(RunningId::Delivery));
        Ok(Lease { deliveries, more: ids.len() > *limit && *limit > 0, has_chosen: false })
    }

    async fn lease_effects(&mut self, request: &LeaseRequest) -> Result<EffectLease, DbError> {
        let LeaseRequest { plugin, limit, wait_max, .. } = request;
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

    async fn pause(&mut self, plugin: &PluginName, paused: bool, by: &Decision) -> Result<(), DbError> {
        self.database.decide(by, |tables| {
            let hold = (plugin.clone(), PAUSED);
            let was = tables.held.contains_key(&hold);
            if paused {
                tables.held.entry(hold).or_insert_with(now_ms);
            } else {
                tables.held.remove(&hold);
            }
            DecisionOutcome::new((), decisions::pause(by, plugin, was, paused))
        })
    }

    async fn create_token(
        &mut self,
        new: &NewToken,
        tokens_max: u32,
        by: &Decision,
    ) -> Result<TokenCreation, DbError> {
        self.database.decide(by, |tables| tables.create_token(new, tokens_max, by))
    }

    async fn revoke_token(&mut self, name: &str, by: &Decision) -> Result<bool, DbError> {
        self.database.decide(by, |tables| tables.revoke_token(name, by))
    }

    async fn keep_first_token(&mut self, new: &NewToken) -> Result<(), DbError> {
        self.database.tables().keep_first_token(new);
        Ok(())
    }

    async fn note_token_uses(&mut self, uses: &[(i64, u64)]) -> Result<(), DbError> {
        self.database.tables().note_token_uses(uses);
        Ok(())
    }

    async fn record(&mut self, records: &[Record]) -> Result<(), DbError> {
        let mut tables = self.database.tables();
        for record in records {
            tables.check_token(record.token(), record.actor_name())?;
        }
        for record in records {
            tables.append(record);
        }
        Ok(())
    }

    async fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
        by: &Decision,
    ) -> Result<i64, DbError> {
        self.database.decide(by, |tables| {
            let id = tables.begin_replay(request, found, last_event);
            DecisionOutcome::new(id, decisions::begin_replay(by, id, request, found))
        })
    }

    async fn advance_replay(&mut self, step: &ReplayPage) -> Result<Vec<ResolvedEffect>, DbError> {
        let mut tables = self.database.tables();
        let (effects, ended) = tables.advance_replay(step);
        if let Some(record) = ended {
            tables.append(&record);
        }
        Ok(effects)
    }

    async fn stop_replay(&mut self, replay: i64, by: &Decision) -> Result<bool, DbError> {
        self.database.decide(by, |tables| {
            let stopped = tables.stop_replay(replay);
            let record = stopped.map(|at| decisions::stop_replay(by, replay, at.made, at.skipped));
            DecisionOutcome::new(record.is_some(), record)
        })
    }

    async fn discard(&mut self, id: DeliveryId, by: &Decision) -> Result<(Discard, Ready), DbError> {
        if self.leased.contains(&RunningId::Delivery(id)) {
            return Ok((Discard::Busy, Ready::default()));
        }
        let (discard, unblocked) = self.database.decide(by, |tables| {
            let plugin = tables.deliveries.get(&id).map(|stored| stored.plugin.clone());
            let done = tables.discard(id);
            let record = decisions::discard(by, id, plugin.as_ref().map(PluginName::as_str), done.0);
            DecisionOutcome::new(done, record)
        })?;
        Ok((discard, self.make_ready(unblocked)))
    }

    async fn match_deliveries(&mut self, of_plugin: &PluginMatch) -> Result<MatchCount, DbError> {
        Ok(self.database.tables().match_deliveries(of_plugin))
    }

    async fn switch(&mut self, change: &SwitchChange) -> Result<SwitchResult, DbError> {
        self.database.decide(&change.by, |tables| tables.switch(change))
    }

    async fn release_held(&mut self, page: &HeldPage) -> Result<u64, DbError> {
        Ok(self.database.tables().release_held(page))
    }

    async fn make_due(&mut self, change: &DueChange) -> Result<Vec<DeliveryId>, DbError> {
        let mut tables = self.database.tables();
        let DueCause::Operator { by, is_last } = &change.cause else { return Ok(tables.make_due(change)) };
        tables.check_token(by.token(), by.actor_name())?;
        let changed = tables.make_due(change);
        if let Some(record) = by.record(&changed, *is_last) {
            tables.append(&record);
        }
        Ok(changed)
    }

    async fn resolve_effects(
        &mut self,
        resolution: &EffectResolution,
    ) -> Result<Vec<ResolvedEffect>, DbError> {
        let EffectResolution { selection, action, after, limit, by } = resolution;
        let mut tables = self.database.tables();
        tables.check_token(by.token(), by.actor_name())?;
        let found = tables.effects.iter().filter(|(id, stored)| {
            **id > *after
                && stored.standing.is_unresolved()
                && selection.keys.as_ref().is_none_or(|keys| keys.contains(&stored.queued.key))
                && selection.plugin.as_deref().is_none_or(|plugin| plugin == stored.plugin.as_str())
        });
        let ids: Vec<_> = found.map(|(id, _)| *id).take(*limit as usize).collect();
        let resolved = ids.into_iter().filter_map(|id| tables.resolve_effect(id, *action, None));
        let resolved: Vec<_> = resolved.collect();
        let ids = resolved.iter().map(|resolved| resolved.id);
        let record = by.record(ids, resolved.len() < *limit as usize);
        if let Some(record) = record {
            tables.append(&record);
        }
        Ok(resolved)
    }

    async fn save_alert(&mut self, saved: &SavedAlert) -> Result<(), DbError> {
        self.database.tables().save_alert(saved);
        Ok(())
    }

    async fn remove(&mut self, removal: &Removal) -> Result<u64, DbError> {
        Ok(self.database.tables().remove(removal))
    }

    async fn keep_part(&mut self, part: &RevisionPart) -> Result<(), DbError> {
        self.database.tables().keep_part(part);
        Ok(())
    }

    async fn instruct(&mut self, record: &InstructionRecord) -> Result<(), DbError> {
        let Some((by, audit)) = &record.audit else {
            self.database.tables().instruct(record);
            return Ok(());
        };
        self.database.decide(by, |tables| {
            tables.instruct(record);
            DecisionOutcome::new((), audit.clone())
        })
    }

    async fn save(&mut self) -> Result<(), DbError> {
        Ok(())
    }

    async fn close(&mut self) -> Result<(), DbError> {
        Ok(())
    }
}
