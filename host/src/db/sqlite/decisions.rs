//! Operators' decisions: each in a transaction with its audit entry.

use std::sync::atomic::Ordering;

use super::audit;
use super::keyed;
use super::plugin_revisions;
use super::replay::Discarded;
use super::storage::SqliteStorage;
use super::tokens;
use super::values::integer;
use super::write::Unblocked;
use crate::audit::{Decision, Record};
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::keyed_types::{AnsweredRequest, KeyedWrites};
use crate::db::storage::{Ready, Storage as _};
use crate::db::types::{
    DbError, Discard, DueCause, DueChange, EffectResolution, PluginHold, ResolvedEffect, TokenCreation,
};
use crate::delivery::DeliveryId;
use crate::event::{PluginName, now_ms};
use crate::replay::{self, ReplayPage};
use crate::revision::InstructionRecord;
use crate::token::NewToken;

impl SqliteStorage {
    /// Begins the transaction of a decision, unless its token was revoked.
    pub(super) async fn begin_decision(&mut self, token: Option<i64>, actor: &str) -> Result<(), DbError> {
        self.statements.begin().await?;
        self.check_token(token, actor).await
    }

    /// Ends the open transaction if the token was revoked.
    async fn check_token(&mut self, token: Option<i64>, actor: &str) -> Result<(), DbError> {
        let Some(token) = token else { return Ok(()) };
        let valid = match self.statements.conn.get().await {
            Ok(conn) => tokens::is_valid(conn, token).await,
            Err(error) => Err(error),
        };
        match valid {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.statements.abandon().await;
                Err(DbError::Revoked(actor.into()))
            }
            Err(error) => self.end(Err(error)).await,
        }
    }

    /// Commits a decision with its record, or undoes a failed one.
    pub(super) async fn end_decision<T>(
        &mut self,
        done: Result<DecisionOutcome<T>, DbError>,
    ) -> Result<T, DbError> {
        let done = match done {
            Ok(DecisionOutcome { value, record: Some(record) }) => self.append(&record).await.map(|()| value),
            Ok(DecisionOutcome { value, record: None }) => Ok(value),
            Err(error) => Err(error),
        };
        self.end(done).await
    }

    /// Appends an entry in the open transaction.
    async fn append(&mut self, record: &Record) -> Result<(), DbError> {
        audit::append(self.statements.conn.get().await?, record).await
    }

    pub(super) async fn append_all(&mut self, records: &[Record]) -> Result<(), DbError> {
        self.statements.begin().await?;
        for record in records {
            self.check_token(record.token(), record.actor_name()).await?;
        }
        let mut done = Ok(());
        for record in records {
            if done.is_ok() {
                done = self.append(record).await;
            }
        }
        self.end(done).await
    }

    pub(super) async fn decide_pause(
        &mut self,
        plugin: &PluginName,
        paused: bool,
        by: &Decision,
    ) -> Result<(), DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let hold = (plugin.clone(), PluginHold::Paused);
        let was = self.held.contains(&hold);
        let done = self.write_pause(plugin, paused).await;
        let done = done.map(|()| DecisionOutcome::new((), decisions::pause(by, plugin, was, paused)));
        self.end_decision(done).await?;
        if paused {
            self.held.insert(hold);
        } else {
            self.held.remove(&hold);
        }
        Ok(())
    }

    pub(super) async fn decide_instruction(&mut self, record: &InstructionRecord) -> Result<(), DbError> {
        let by = record.audit.as_ref().map(|(by, _)| by);
        let (token, actor) = by.map_or((None, ""), |by| (by.token, by.actor.name.as_str()));
        self.begin_decision(token, actor).await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => plugin_revisions::instruct(conn, record).await,
            Err(error) => Err(error),
        };
        let audit = record.audit.as_ref().map(|(_, audit)| audit.clone());
        self.end_decision(done.map(|()| DecisionOutcome::new((), audit))).await
    }

    async fn write_pause(&mut self, plugin: &PluginName, paused: bool) -> Result<(), DbError> {
        let query = if paused {
            let sql = "INSERT OR IGNORE INTO paused_plugin (plugin, paused_at) VALUES (?, ?)";
            sqlx::query(sql).bind(plugin.as_str()).bind(integer(now_ms()))
        } else {
            sqlx::query("DELETE FROM paused_plugin WHERE plugin = ?").bind(plugin.as_str())
        };
        query.execute(self.statements.conn.get().await?).await?;
        Ok(())
    }

    pub(super) async fn decide_token(
        &mut self,
        new: &NewToken,
        tokens_max: u32,
        by: &Decision,
    ) -> Result<TokenCreation, DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => tokens::create(conn, new, tokens_max, by).await,
            Err(error) => Err(error),
        };
        self.end_decision(done).await
    }

    pub(super) async fn decide_revocation(&mut self, name: &str, by: &Decision) -> Result<bool, DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => tokens::revoke(conn, name, by).await,
            Err(error) => Err(error),
        };
        self.end_decision(done).await
    }

    pub(super) async fn store_first_token(&mut self, new: &NewToken) -> Result<(), DbError> {
        self.statements.begin().await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => tokens::keep_first(conn, new).await,
            Err(error) => Err(error),
        };
        self.end(done).await
    }

    pub(super) async fn store_token_uses(&mut self, uses: &[(i64, u64)]) -> Result<(), DbError> {
        self.statements.begin().await?;
        let done = match self.statements.conn.get().await {
            Ok(conn) => tokens::note_uses(conn, uses).await,
            Err(error) => Err(error),
        };
        self.end(done).await
    }

    pub(super) async fn decide_replay(
        &mut self,
        request: &replay::Request,
        (found, last_event): (u64, i64),
        by: &Decision,
    ) -> Result<i64, DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let begun = self.statements.begin_replay(request, found, last_event).await;
        let begun = begun.map(|id| DecisionOutcome::new(id, decisions::begin_replay(by, id, request, found)));
        self.end_decision(begun).await
    }

    /// A part of a replay. The last one records the final counts. Returns the effects that are due again.
    pub(super) async fn step_replay(&mut self, step: &ReplayPage) -> Result<Vec<ResolvedEffect>, DbError> {
        self.reload_switches().await?;
        self.statements.begin().await?;
        let replayed = self.statements.advance_replay(step, &self.switches).await;
        let replayed = replayed.map(|replayed| {
            let ended =
                replayed.ended.map(|ended| decisions::end_replay(step.replay, ended.made, ended.skipped));
            DecisionOutcome::new(replayed, ended)
        });
        let replayed = self.end_decision(replayed).await?;
        if let Some(revision) = step.revision {
            replayed.deliveries.iter().for_each(|(plugin, id)| self.chosen.add(plugin, revision, *id));
        }
        self.backlog.fetch_add(replayed.opened, Ordering::Relaxed);
        self.blocked = self.blocked.map(|before| before + replayed.blocked);
        Ok(replayed.effects)
    }

    pub(super) async fn decide_stop(&mut self, replay: i64, by: &Decision) -> Result<bool, DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let stopped = self.statements.stop_replay(replay).await;
        let stopped = stopped.map(|stopped| {
            let record = stopped.map(|at| decisions::stop_replay(by, replay, at.made, at.skipped));
            DecisionOutcome::new(stopped.is_some(), record)
        });
        self.end_decision(stopped).await
    }

    pub(super) async fn discard_delivery(
        &mut self,
        id: DeliveryId,
        by: &Decision,
    ) -> Result<(Discard, Ready), DbError> {
        if self.leases.has(id) {
            return Ok((Discard::Busy, Ready::default()));
        }
        self.begin_decision(by.token, &by.actor.name).await?;
        let discarded = self.statements.discard(id).await;
        let unblocked = match &discarded {
            // A blocked delivery blocks no other, so its key has another first delivery.
            Ok((Discarded::Skipped { blocked: false, order: Some(order) }, _)) => {
                self.statements.unblock(&[*order]).await
            }
            _ => Ok(Unblocked::default()),
        };
        let done = discarded.and_then(|(discarded, plugin)| {
            let record = decisions::discard(by, id, plugin.as_deref(), result_of(&discarded));
            Ok(DecisionOutcome::new((discarded, unblocked?), record))
        });
        let (discarded, unblocked) = self.end_decision(done).await?;
        if let Discarded::Skipped { blocked, .. } = discarded {
            self.chosen.remove([id]);
            self.backlog.fetch_sub(1, Ordering::Relaxed);
            let fewer = u64::from(blocked) + unblocked.count;
            self.blocked = self.blocked.map(|before| before.saturating_sub(fewer));
        }
        Ok((result_of(&discarded), self.lease_unblocked(&unblocked.due).await))
    }

    pub(super) async fn change_due(&mut self, change: &DueChange) -> Result<Vec<DeliveryId>, DbError> {
        let DueCause::Operator { by, is_last } = &change.cause else {
            self.statements.begin().await?;
            let changed = self.statements.make_due(change).await;
            return self.end(changed).await;
        };
        self.begin_decision(by.token(), by.actor_name()).await?;
        let changed = self.statements.make_due(change).await;
        let changed = changed.map(|changed| {
            let record = by.record(&changed, *is_last);
            DecisionOutcome::new(changed, record)
        });
        self.end_decision(changed).await
    }

    pub(super) async fn decide_effects(
        &mut self,
        resolution: &EffectResolution,
    ) -> Result<Vec<ResolvedEffect>, DbError> {
        let by = &resolution.by;
        self.begin_decision(by.token(), by.actor_name()).await?;
        let resolved = self.statements.resolve_effects(resolution).await;
        let resolved = resolved.map(|resolved| {
            let is_last = resolved.len() < resolution.limit as usize;
            let record = by.record(resolved.iter().map(|resolved| resolved.id), is_last);
            DecisionOutcome::new(resolved, record)
        });
        self.end_decision(resolved).await
    }
}

impl KeyedWrites for SqliteStorage {
    async fn keep_answer(&mut self, answered: &AnsweredRequest) -> Result<(), DbError> {
        let kept = async {
            self.statements.begin_unsynced().await?;
            keyed::keep_answer(self.statements.conn.get().await?, answered).await?;
            self.statements.commit_unsynced().await
        };
        let kept = kept.await;
        if kept.is_err() {
            self.statements.rollback().await;
        }
        kept
    }
}

fn result_of(discarded: &Discarded) -> Discard {
    match discarded {
        Discarded::Skipped { .. } => Discard::Skipped,
        Discarded::Resolved => Discard::Resolved,
        Discarded::Closed => Discard::Closed,
        Discarded::Unknown => Discard::Unknown,
    }
}
