//! The storage of one host. Numbers, leases, holds and counters are in memory, and correct because no other
//! process writes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::crashes::CrashedAttempt;
use super::leases::Leases;
use super::lock::HostLock;
use super::plugin_revisions;
use super::write::Statements;
use crate::audit::{Decision, Record};
use crate::clock;
use crate::db::alert_types::SavedAlert;
use crate::db::open_chosen::OpenChosen;
use crate::db::revision_types::RevisionPart;
use crate::db::storage::{Batch, Committed, Ready, Storage};
use crate::db::switch_change::{HeldPage, SwitchChange, SwitchResult};
use crate::db::types::{
    DbError, Discard, DueChange, DueTimes, EffectLease, EffectResolution, EffectShare, HoldChange,
    Interrupted, InterruptedWork, Lease, LeaseRequest, MatchCount, PluginHold, PluginMatch, Removal,
    ResolvedEffect, RunningAttempt, RunningId, TokenCreation,
};
use crate::delivery::{Delivery, DeliveryId};
use crate::effect::EffectId;
use crate::event::{Digest, PluginName};
use crate::replay::{self, ReplayPage};
use crate::revision::InstructionRecord;
use crate::switch::Switches;
use crate::token::NewToken;

/// See the module.
pub(in crate::db) struct SqliteStorage {
    pub(super) statements: Statements,
    /// The number of the newest event. None is used again, even if its transaction fails: a failed commit may
    /// still turn out to be on disk.
    pub(super) last_seq: i64,
    /// The event number at the start of this process.
    seq_at_start: i64,
    pub(super) held: HashSet<(PluginName, PluginHold)>,
    pub(super) switches: Switches,
    /// Whether the last change of a switch failed, so that it may be on disk or not.
    pub(super) switches_in_doubt: bool,
    /// Deliveries that wait for others of their ordering key; `None` when their number is not
    /// known.
    pub(super) blocked: Option<u64>,
    /// Open deliveries.
    pub(super) backlog: Arc<AtomicU64>,
    /// Open deliveries on revisions that replays chose.
    pub(super) chosen: Arc<OpenChosen>,
    pub(super) leases: Leases<DeliveryId>,
    pub(super) effect_leases: Leases<EffectId>,
    /// Attempts that ran when an earlier process died.
    left: Vec<RunningAttempt>,
    /// While this exists, no other host may begin.
    _lock: Arc<HostLock>,
}

impl SqliteStorage {
    /// Reads the state that must be in memory.
    pub(super) async fn new(
        mut statements: Statements,
        left: Vec<RunningAttempt>,
        lock: Arc<HostLock>,
    ) -> Result<Self, DbError> {
        let last_seq = statements.last_seq().await?;
        let open = statements.count_open().await?;
        Ok(Self {
            last_seq,
            seq_at_start: last_seq,
            held: statements.held().await?.into_iter().collect(),
            switches: super::switches::load(statements.conn.get().await?).await?,
            switches_in_doubt: false,
            blocked: Some(open.blocked),
            backlog: Arc::new(AtomicU64::new(open.all)),
            chosen: Arc::new(statements.open_chosen().await?),
            leases: Leases::default(),
            effect_leases: Leases::default(),
            statements,
            left,
            _lock: lock,
        })
    }

    /// Open deliveries, kept up to date.
    pub(super) fn backlog(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.backlog)
    }

    pub(super) fn is_held(&self, plugin: &PluginName) -> bool {
        // Holds are rare.
        !self.held.is_empty()
            && [PluginHold::Absent, PluginHold::Paused]
                .iter()
                .any(|why| self.held.contains(&(plugin.clone(), *why)))
    }

    pub(super) fn note_hold(&mut self, HoldChange { plugin, held }: &HoldChange) {
        let hold = (plugin.clone(), PluginHold::Absent);
        if *held {
            self.held.insert(hold);
        } else {
            self.held.remove(&hold);
        }
    }

    /// Leases a delivery that has just become due, unless its plugin is held.
    pub(super) fn make_ready(&mut self, delivery: Delivery, ready: &mut Ready) {
        if let Some(revision) = delivery.revision {
            self.chosen.add(&delivery.plugin, revision, delivery.id);
        }
        if !self.is_held(&delivery.plugin) {
            self.leases.take(delivery.id, &delivery.plugin);
            ready.deliveries.push(delivery);
        }
    }

    /// Counts the open deliveries again after a failed commit, which may have reached the disk all the
    /// same.
    pub(super) async fn recount(&mut self) {
        if self.blocked.is_some() {
            return;
        }
        match self.statements.count_open().await {
            Ok(open) => {
                self.backlog.store(open.all, Ordering::Relaxed);
                self.blocked = Some(open.blocked);
            }
            Err(error) => {
                tracing::warn!(%error, "open deliveries could not be counted and are counted again");
            }
        }
    }

    /// Leases due deliveries on a revision that replays chose.
    async fn lease_on(
        &mut self,
        plugin: &PluginName,
        revision: Digest,
        limit: usize,
        due: DueTimes,
    ) -> Result<Lease, DbError> {
        let known = self.chosen.on(plugin, revision);
        let times = self.statements.due_times(&known).await?;
        self.chosen.remove(known.iter().copied().filter(|id| !times.contains_key(id)));
        let is_due = |(_, at): &(&DeliveryId, &i64)| {
            u64::try_from(**at).is_ok_and(|at| at <= due.by || at > due.beyond)
        };
        let mut ids: Vec<_> = times.iter().filter(is_due).map(|(id, _)| *id).collect();
        ids.retain(|id| !self.leases.has(*id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let deliveries = self.statements.deliveries(&ids).await?;
        for delivery in &deliveries {
            self.leases.take(delivery.id, plugin);
        }
        Ok(Lease { deliveries, more, has_chosen: true })
    }

    /// Commits, or undoes a failed transaction.
    pub(super) async fn end<T>(&mut self, done: Result<T, DbError>) -> Result<T, DbError> {
        let ended = match done {
            Ok(done) => self.statements.commit().await.map(|()| done),
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.statements.rollback().await;
            self.blocked = None;
        }
        ended
    }
}

impl Storage for SqliteStorage {
    async fn interrupted(&mut self) -> Result<Vec<Interrupted>, DbError> {
        let left = std::mem::take(&mut self.left);
        let found = self.statements.crashed(&left).await?;
        let mut interrupted = Vec::with_capacity(found.len());
        for CrashedAttempt { attempt, plugin, crashes } in found {
            let work = match attempt.id {
                RunningId::Delivery(id) => {
                    let Some(delivery) = self.statements.deliveries(&[id]).await?.pop() else { continue };
                    InterruptedWork::Delivery(delivery)
                }
                RunningId::Effect(id) => InterruptedWork::Effect(id, plugin.clone()),
            };
            match attempt.id {
                RunningId::Delivery(id) => self.leases.take(id, &plugin),
                RunningId::Effect(id) => self.effect_leases.take(id, &plugin),
            }
            interrupted.push(Interrupted { attempt, work, crashes });
        }
        Ok(interrupted)
    }

    async fn suspects(&mut self, crashes: u32) -> Result<HashSet<RunningId>, DbError> {
        self.statements.suspects(crashes).await
    }

    async fn waiting_effects(&mut self) -> Result<HashMap<PluginName, EffectShare>, DbError> {
        self.statements.waiting_effects().await
    }

    async fn commit(&mut self, batch: Batch<'_>) -> Result<Committed, DbError> {
        self.commit_batch(batch).await
    }

    async fn lease_unblocked(&mut self, unblocked: &[DeliveryId]) -> Ready {
        let mut ready = Ready::default();
        if unblocked.is_empty() {
            return ready;
        }
        match self.statements.deliveries(unblocked).await {
            Ok(deliveries) => {
                for delivery in deliveries {
                    self.make_ready(delivery, &mut ready);
                }
            }
            Err(error) => {
                // They are found like all that is due.
                tracing::warn!(%error, "deliveries that came first in their order");
                ready.rescan = true;
            }
        }
        ready
    }

    async fn lease(&mut self, request: &LeaseRequest) -> Result<Lease, DbError> {
        let LeaseRequest { plugin, revision, limit, wait_max } = request;
        let (limit, due) = (*limit, DueTimes::at(clock::now_ms(), *wait_max));
        if self.is_held(plugin) || limit == 0 {
            return Ok(Lease::default());
        }
        if let Some(revision) = revision {
            return self.lease_on(plugin, *revision, limit, due).await;
        }
        let chosen = self.chosen.of(plugin);
        // Leased deliveries are still open in the database: look beyond them, and one further to know
        // whether there is more.
        let look =
            limit.saturating_add(self.leases.count(plugin)).saturating_add(chosen.len()).saturating_add(1);
        let due = self.statements.due(plugin, due, look).await;
        let mut ids = due.inspect_err(|error| tracing::warn!(%error, "lease"))?;
        ids.retain(|id| !self.leases.has(*id) && !chosen.contains(id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let mut deliveries = self.statements.deliveries(&ids).await?;
        // One whose commit was in doubt is found here.
        let found = deliveries.len();
        deliveries.retain(|delivery| {
            let Some(revision) = delivery.revision else { return true };
            self.chosen.add(plugin, revision, delivery.id);
            false
        });
        let has_chosen = deliveries.len() < found;
        for delivery in &deliveries {
            self.leases.take(delivery.id, plugin);
        }
        Ok(Lease { deliveries, more: more || has_chosen, has_chosen })
    }

    async fn lease_effects(&mut self, request: &LeaseRequest) -> Result<EffectLease, DbError> {
        let LeaseRequest { plugin, limit, wait_max, .. } = request;
        let (limit, due) = (*limit, DueTimes::at(clock::now_ms(), *wait_max));
        let look = limit.saturating_add(self.effect_leases.count(plugin)).saturating_add(1);
        let mut ids = self.statements.due_effects(plugin, due, look).await?;
        ids.retain(|id| !self.effect_leases.has(*id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let mut effects = self.statements.read_effects(plugin, &ids).await?;
        for effect in &mut effects {
            self.effect_leases.take(effect.id, plugin);
            // An earlier process may have been killed between an attempt and its record.
            effect.progress.unanswered |= effect.id.delivery.event <= self.seq_at_start;
        }
        Ok(EffectLease { effects, more })
    }

    async fn release(&mut self, leased: &[RunningId]) {
        for id in leased {
            match *id {
                RunningId::Delivery(id) => self.leases.release(id),
                RunningId::Effect(id) => self.effect_leases.release(id),
            }
        }
    }

    async fn pause(&mut self, plugin: &PluginName, paused: bool, by: &Decision) -> Result<(), DbError> {
        self.decide_pause(plugin, paused, by).await
    }

    async fn create_token(
        &mut self,
        new: &NewToken,
        tokens_max: u32,
        by: &Decision,
    ) -> Result<TokenCreation, DbError> {
        self.decide_token(new, tokens_max, by).await
    }

    async fn revoke_token(&mut self, name: &str, by: &Decision) -> Result<bool, DbError> {
        self.decide_revocation(name, by).await
    }

    async fn keep_first_token(&mut self, new: &NewToken) -> Result<(), DbError> {
        self.store_first_token(new).await
    }

    async fn note_token_uses(&mut self, uses: &[(i64, u64)]) -> Result<(), DbError> {
        self.store_token_uses(uses).await
    }

    async fn record(&mut self, records: &[Record]) -> Result<(), DbError> {
        self.append_all(records).await
    }

    async fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
        by: &Decision,
    ) -> Result<i64, DbError> {
        self.decide_replay(request, (found, last_event), by).await
    }

    async fn advance_replay(&mut self, step: &ReplayPage) -> Result<Vec<ResolvedEffect>, DbError> {
        self.step_replay(step).await
    }

    async fn stop_replay(&mut self, replay: i64, by: &Decision) -> Result<bool, DbError> {
        self.decide_stop(replay, by).await
    }

    async fn discard(&mut self, id: DeliveryId, by: &Decision) -> Result<(Discard, Ready), DbError> {
        self.discard_delivery(id, by).await
    }

    async fn match_deliveries(&mut self, of_plugin: &PluginMatch) -> Result<MatchCount, DbError> {
        self.match_of_plugin(of_plugin).await
    }

    async fn switch(&mut self, change: &SwitchChange) -> Result<SwitchResult, DbError> {
        self.change_switch(change).await
    }

    async fn release_held(&mut self, page: &HeldPage) -> Result<u64, DbError> {
        self.release_held_page(page).await
    }

    async fn make_due(&mut self, change: &DueChange) -> Result<Vec<DeliveryId>, DbError> {
        self.change_due(change).await
    }

    async fn resolve_effects(
        &mut self,
        resolution: &EffectResolution,
    ) -> Result<Vec<ResolvedEffect>, DbError> {
        self.decide_effects(resolution).await
    }

    async fn save_alert(&mut self, saved: &SavedAlert) -> Result<(), DbError> {
        self.statements.begin().await?;
        let done = self.statements.save_alert(saved).await;
        self.end(done).await
    }

    async fn remove(&mut self, removal: &Removal) -> Result<u64, DbError> {
        let removed = self.statements.remove(removal).await;
        if removed.is_err() {
            self.statements.rollback().await;
        }
        removed
    }

    async fn keep_part(&mut self, part: &RevisionPart) -> Result<(), DbError> {
        let kept = async {
            self.statements.begin_unsynced().await?;
            plugin_revisions::keep_part(self.statements.conn.get().await?, part).await?;
            self.statements.commit_unsynced().await
        };
        let kept = kept.await;
        if kept.is_err() {
            self.statements.rollback().await;
        }
        kept
    }

    async fn instruct(&mut self, record: &InstructionRecord) -> Result<(), DbError> {
        self.decide_instruction(record).await
    }

    async fn save(&mut self) -> Result<(), DbError> {
        self.statements.save_log().await
    }

    async fn close(&mut self) -> Result<(), DbError> {
        self.statements.close().await
    }
}
