//! Carries out operations: each a transaction of its own between two batches.

use std::sync::atomic::Ordering;

use super::Writer;
use super::inbox::{EffectResolution, Operation};
use crate::db::storage::{Backend, Discarded, ResolvedEffect};
use crate::db::types::{DbError, Discard, EffectShare, Handoff, Removal};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::replay;

impl<B: Backend> Writer<B> {
    pub(super) async fn operate(&mut self, operation: Operation, handoff: &dyn Handoff) {
        match operation {
            Operation::BeginReplay { request, found, last_event, reply } => {
                let begun = self.begin_replay(&request, found, last_event).await;
                let _ = reply.send(begun);
                handoff.replay_requested();
            }
            Operation::AdvanceReplay { step, reply } => {
                let done = self.advance_replay(&step, handoff).await;
                let _ = reply.send(done);
            }
            Operation::StopReplay { replay, reply } => {
                let stopped = self.stop_replay(replay).await;
                let _ = reply.send(stopped);
            }
            Operation::Discard { id, reply } => {
                let discarded = self.discard(id, handoff).await;
                let _ = reply.send(discarded);
            }
            Operation::ResolveEffects { resolution, reply } => {
                let resolved = self.resolve_effects(&resolution).await;
                let _ = reply.send(resolved);
                if resolution.action == replay::Action::Replay {
                    handoff.rescan_effects();
                }
            }
            Operation::SaveLog => {
                if let Err(error) = self.backend.save_log().await {
                    tracing::warn!("the database's log could not be saved: {error}");
                }
            }
            Operation::Remove { removal, reply } => {
                let removed = self.remove(&removal).await;
                let _ = reply.send(removed);
            }
        }
    }

    async fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
    ) -> Result<i64, DbError> {
        self.backend.begin().await?;
        let begun = self.backend.begin_replay(request, found, last_event).await;
        self.end(begun).await
    }

    async fn stop_replay(&mut self, replay: i64) -> Result<bool, DbError> {
        self.backend.begin().await?;
        let stopped = self.backend.stop_replay(replay).await;
        self.end(stopped).await
    }

    async fn advance_replay(&mut self, step: &replay::Step, handoff: &dyn Handoff) -> Result<(), DbError> {
        self.backend.begin().await?;
        let replayed = self.backend.advance_replay(step).await;
        let replayed = self.end(replayed).await?;
        self.shared.backlog.fetch_add(replayed.opened, Ordering::Relaxed);
        self.behind = self.behind.map(|behind| behind + replayed.behind);
        handoff.rescan();
        Ok(())
    }

    async fn discard(&mut self, id: DeliveryId, handoff: &dyn Handoff) -> Result<Discard, DbError> {
        if self.leases.has(id) {
            return Ok(Discard::Busy);
        }
        self.backend.begin().await?;
        let discarded = self.backend.discard(id).await;
        let promoted = match &discarded {
            // One that was behind held nobody back: another leads its order.
            Ok(Discarded::Skipped { behind: false, order: Some(order) }) => {
                self.backend.promote(&[*order]).await
            }
            _ => Ok(Vec::new()),
        };
        let done = discarded.and_then(|discarded| Ok((discarded, promoted?)));
        let (discarded, promoted) = self.end(done).await?;
        Ok(match discarded {
            Discarded::Skipped { behind, .. } => {
                self.shared.backlog.fetch_sub(1, Ordering::Relaxed);
                let fewer = u64::from(behind) + promoted.len() as u64;
                self.behind = self.behind.map(|before| before.saturating_sub(fewer));
                self.hand_off_promoted(&promoted, handoff).await;
                Discard::Skipped
            }
            Discarded::Resolved => Discard::Resolved,
            Discarded::Closed => Discard::Closed,
            Discarded::Unknown => Discard::Unknown,
        })
    }

    async fn resolve_effects(&mut self, resolution: &EffectResolution) -> Result<Vec<EffectId>, DbError> {
        let EffectResolution { selection, action, after, limit } = resolution;
        self.backend.begin().await?;
        let resolved = self.backend.resolve_effects(selection, *action, (*after, *limit)).await;
        let resolved = self.end(resolved).await?;
        if *action == replay::Action::Replay {
            for ResolvedEffect { plugin, size, .. } in &resolved {
                self.shared.quotas.add(plugin, EffectShare { count: 1, bytes: *size });
            }
        }
        Ok(resolved.into_iter().map(|resolved| resolved.id).collect())
    }

    async fn remove(&mut self, removal: &Removal) -> Result<u64, DbError> {
        let removed = self.backend.remove(removal).await;
        if removed.is_err() {
            self.backend.rollback().await;
        }
        removed
    }

    /// Commits, or undoes what failed. A commit that failed may be on disk all the same: what is open is
    /// counted again.
    async fn end<T>(&mut self, done: Result<T, DbError>) -> Result<T, DbError> {
        let ended = match done {
            Ok(done) => self.backend.commit().await.map(|()| done),
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.backend.rollback().await;
            self.behind = None;
        }
        ended
    }
}
