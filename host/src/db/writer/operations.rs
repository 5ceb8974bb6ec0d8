//! Carries out operations: each a transaction of its own between two batches.

use super::Writer;
use super::inbox::Operation;
use crate::db::storage::{ResolvedEffect, Storage};
use crate::db::types::{DbError, Discard, EffectResolution, EffectShare, Handoff};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::replay::Action;

impl<S: Storage> Writer<S> {
    pub(super) async fn operate(&mut self, operation: Operation, handoff: &dyn Handoff) {
        match operation {
            Operation::BeginReplay { request, found, last_event, reply } => {
                let begun = self.storage.begin_replay(&request, found, last_event).await;
                let _ = reply.send(begun);
                handoff.replay_requested();
            }
            Operation::AdvanceReplay { step, reply } => {
                let advanced = self.storage.advance_replay(&step).await;
                if advanced.is_ok() {
                    handoff.rescan();
                }
                let _ = reply.send(advanced);
            }
            Operation::StopReplay { replay, reply } => {
                let stopped = self.storage.stop_replay(replay).await;
                let _ = reply.send(stopped);
            }
            Operation::Discard { id, reply } => {
                let discarded = self.discard(id, handoff).await;
                let _ = reply.send(discarded);
            }
            Operation::Match { of_plugin, reply } => {
                let matched = self.storage.match_deliveries(&of_plugin).await;
                if matched.is_ok() {
                    handoff.rescan();
                }
                let _ = reply.send(matched);
            }
            Operation::MakeDue { change, reply } => {
                let changed = self.storage.make_due(&change).await;
                if changed.as_ref().is_ok_and(|changed| *changed > 0) {
                    handoff.rescan();
                }
                let _ = reply.send(changed);
            }
            Operation::ResolveEffects { resolution, reply } => {
                let resolved = self.resolve_effects(&resolution).await;
                let _ = reply.send(resolved);
                if resolution.action == Action::Replay {
                    handoff.rescan_effects();
                }
            }
            Operation::Save => {
                if let Err(error) = self.storage.save().await {
                    tracing::warn!("the write-ahead log could not be saved: {error}");
                }
            }
            Operation::Remove { removal, reply } => {
                let removed = self.storage.remove(&removal).await;
                let _ = reply.send(removed);
            }
        }
    }

    async fn discard(&mut self, id: DeliveryId, handoff: &dyn Handoff) -> Result<Discard, DbError> {
        let (discarded, ready) = self.storage.discard(id).await?;
        self.offer(ready, handoff).await;
        Ok(discarded)
    }

    async fn resolve_effects(&mut self, resolution: &EffectResolution) -> Result<Vec<EffectId>, DbError> {
        let resolved = self.storage.resolve_effects(resolution).await?;
        if resolution.action == Action::Replay {
            for ResolvedEffect { plugin, size, .. } in &resolved {
                self.shared.quotas.add(plugin, EffectShare { count: 1, bytes: *size });
            }
        }
        Ok(resolved.into_iter().map(|resolved| resolved.id).collect())
    }
}
