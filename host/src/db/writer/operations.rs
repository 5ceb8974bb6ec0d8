//! Carries out operations: each a transaction of its own between two batches.

use super::inbox::{ConfirmationOperation, ErasureOperation, Operation, SessionOperation};
use super::unsaved::Saving;
use super::{Turn, Writer};
use crate::audit::{Decision, Record};
use crate::clock;
use crate::db::edit_types::{EditResult, NewEdit};
use crate::db::storage::Storage;
use crate::db::types::{DbError, Discard, EffectResolution, EffectShare, Handoff, ResolvedEffect};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::event::now_ms;
use crate::replay::{Action, ReplayPage};

impl<S: Storage> Writer<S> {
    pub(super) async fn operate(&mut self, operation: Operation, handoff: &dyn Handoff) {
        match operation {
            Operation::BeginReplay { request, found, last_event, by, reply } => {
                let begun = self.storage.begin_replay(&request, found, last_event, &by).await;
                let _ = reply.send(begun);
                handoff.replay_requested();
            }
            Operation::AdvanceReplay { step, reply } => {
                let advanced = self.advance_replay(&step, handoff).await;
                let _ = reply.send(advanced);
            }
            Operation::StopReplay { replay, by, reply } => {
                let _ = reply.send(self.storage.stop_replay(replay, &by).await);
            }
            Operation::Discard { id, by, reply } => {
                let discarded = self.discard(id, &by, handoff).await;
                let _ = reply.send(discarded);
            }
            Operation::Pause { plugin, paused, by, reply } => {
                let done = self.storage.pause(&plugin, paused, &by).await;
                match (&done, paused) {
                    (Ok(()), true) => handoff.plugin_paused(&plugin),
                    (Ok(()), false) => handoff.rescan(),
                    (Err(_), _) => {}
                }
                let _ = reply.send(done);
            }
            Operation::CreateToken { new, tokens_max, by, reply } => {
                let _ = reply.send(self.storage.create_token(&new, tokens_max, &by).await);
            }
            Operation::RevokeToken { name, by, reply } => {
                let _ = reply.send(self.storage.revoke_token(&name, &by).await);
            }
            Operation::KeepFirstToken { new, reply } => {
                let _ = reply.send(self.storage.keep_first_token(&new).await);
            }
            Operation::NoteTokenUses { uses, reply } => {
                let _ = reply.send(self.storage.note_token_uses(&uses).await);
            }
            Operation::Record { records, reply } => drop(reply.send(self.record(&records).await)),
            Operation::Match { of_plugin, reply } => {
                let matched = self.storage.match_deliveries(&of_plugin).await;
                if matched.is_ok() {
                    handoff.rescan();
                }
                let _ = reply.send(matched);
            }
            Operation::Switch { change, reply } => {
                let changed = self.storage.switch(&change).await;
                if changed.is_ok() && change.is_on {
                    handoff.release_requested();
                }
                let _ = reply.send(changed);
            }
            Operation::ReleaseHeld { page, reply } => {
                let released = self.storage.release_held(&page).await;
                if released.as_ref().is_ok_and(|released| *released > 0) {
                    handoff.rescan();
                }
                let _ = reply.send(released);
            }
            Operation::MakeDue { change, reply } => {
                let changed = self.storage.make_due(&change).await;
                if changed.as_ref().is_ok_and(|changed| !changed.is_empty()) {
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
            Operation::StoreEdit { edit, reply } => drop(reply.send(self.store_edit(*edit, handoff).await)),
            Operation::Erase(operation) => self.erase(operation, handoff).await,
            Operation::Session(operation) => self.change_session(operation).await,
            Operation::Confirmation(operation) => self.change_confirmation(operation).await,
            Operation::KeepPart { part, reply } => drop(reply.send(self.storage.keep_part(&part).await)),
            Operation::Instruct { record, reply } => drop(reply.send(self.storage.instruct(&record).await)),
            Operation::KeepAnswer { answered, reply } => {
                drop(reply.send(self.storage.keep_answer(&answered).await));
            }
            Operation::Save => {
                if let Err(error) = self.storage.save().await {
                    tracing::warn!("the write-ahead log could not be saved: {error}");
                }
            }
            Operation::SaveAlert { saved, reply } => drop(reply.send(self.storage.save_alert(&saved).await)),
            Operation::Remove { removal, reply } => drop(reply.send(self.storage.remove(&removal).await)),
        }
    }

    async fn record(&mut self, records: &[Record]) -> Result<(), DbError> {
        let recorded = self.storage.record(records).await;
        if let Err(error) = &recorded {
            tracing::error!("entries of the audit log could not be written: {error}");
        }
        recorded
    }

    async fn erase(&mut self, operation: ErasureOperation, handoff: &dyn Handoff) {
        match operation {
            ErasureOperation::Begin { new, by, reply } => {
                let begun = self.storage.begin_erasure(&new, &by).await;
                if begun.is_ok() {
                    handoff.erasure_requested();
                }
                let _ = reply.send(begun);
            }
            ErasureOperation::Advance { page, reply } => {
                drop(reply.send(self.storage.advance_erasure(&page).await));
            }
            ErasureOperation::EmptyLog { reply } => drop(reply.send(self.storage.empty_log().await)),
        }
    }

    async fn store_edit(&mut self, mut edit: NewEdit, handoff: &dyn Handoff) -> Result<EditResult, DbError> {
        if clock::jumped().is_some() {
            // The new event's times are of the clock after the jump, which a batch records.
            self.commit(Turn { clock: true, ..Turn::default() }, Saving::default(), handoff).await;
        }
        edit.new.event.received_at = now_ms();
        let (result, ready) = self.storage.store_edit(edit).await?;
        self.offer(ready, handoff).await;
        Ok(result)
    }

    async fn change_session(&mut self, operation: SessionOperation) {
        match operation {
            SessionOperation::Create { new, limits, by, reply } => {
                drop(reply.send(self.storage.create_session(&new, limits, &by).await));
            }
            SessionOperation::Revoke { id, by, reply } => {
                drop(reply.send(self.storage.revoke_session(id, &by).await));
            }
            SessionOperation::Rotate { rotation, reply } => {
                drop(reply.send(self.storage.rotate_session(&rotation).await));
            }
            SessionOperation::NoteUses { uses, reply } => {
                drop(reply.send(self.storage.note_session_uses(&uses).await));
            }
        }
    }

    async fn change_confirmation(&mut self, operation: ConfirmationOperation) {
        match operation {
            ConfirmationOperation::Store { new, reply } => {
                drop(reply.send(self.storage.store_confirmation(&new).await));
            }
            ConfirmationOperation::Decide { change, reply } => {
                drop(reply.send(self.storage.decide_confirmation(&change).await));
            }
            ConfirmationOperation::End { opened, reply } => {
                drop(reply.send(self.storage.end_confirmation(&opened).await));
            }
            ConfirmationOperation::Prune { old, reply } => {
                drop(reply.send(self.storage.prune_confirmations(old).await));
            }
        }
    }

    async fn discard(
        &mut self,
        id: DeliveryId,
        by: &Decision,
        handoff: &dyn Handoff,
    ) -> Result<Discard, DbError> {
        let (discarded, ready) = self.storage.discard(id, by).await?;
        self.offer(ready, handoff).await;
        Ok(discarded)
    }

    async fn advance_replay(&mut self, step: &ReplayPage, handoff: &dyn Handoff) -> Result<(), DbError> {
        let effects = self.storage.advance_replay(step).await?;
        self.count_waiting(&effects);
        handoff.rescan();
        if !effects.is_empty() {
            handoff.rescan_effects();
        }
        Ok(())
    }

    async fn resolve_effects(&mut self, resolution: &EffectResolution) -> Result<Vec<EffectId>, DbError> {
        let resolved = self.storage.resolve_effects(resolution).await?;
        if resolution.action == Action::Replay {
            self.count_waiting(&resolved);
        }
        Ok(resolved.into_iter().map(|resolved| resolved.id).collect())
    }

    /// Counts effects that are due again.
    fn count_waiting(&self, effects: &[ResolvedEffect]) {
        for ResolvedEffect { plugin, size, .. } in effects {
            self.shared.quotas.add(plugin, EffectShare { count: 1, bytes: *size });
        }
    }
}
