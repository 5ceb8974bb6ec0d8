//! Commits a batch, and then answers, offers deliveries and updates memory.

use super::inbox::Accepting;
use super::unsaved::Saving;
use super::{Turn, Writer, notice_jump};
use crate::clock;
use crate::completion::FinishedAttempt;
use crate::db::storage::{Batch, Committed, Storage, Verdict};
use crate::db::types::{DbError, EffectShare, Handoff, RunningId};
use crate::delivery::NextStep;
use crate::effect::{CompletedEffect, EffectId, LeasedEffect, Progress};
use crate::event::now_ms;

impl<S: Storage> Writer<S> {
    pub(super) async fn commit(&mut self, turn: Turn, saving: Saving, handoff: &dyn Handoff) {
        let Turn { accepts, holds, revisions, commit_replies, pings, clock, .. } = turn;
        let is_empty = accepts.is_empty() && holds.is_empty() && revisions.is_empty() && pings.is_empty();
        if is_empty && !clock && saving == Saving::default() {
            return;
        }
        let jump = clock::jumped();
        let (mut events, mut replies) =
            (Vec::with_capacity(accepts.len()), Vec::with_capacity(accepts.len()));
        for accepting in accepts {
            let count = accepting.count();
            let Accepting { new, more, reply } = accepting;
            replies.push((count, reply));
            events.push(new);
            events.extend(more);
        }
        if jump.is_some() {
            // They may have been received before the jump.
            for new in &mut events {
                new.event.received_at = now_ms();
            }
        }
        let (finished, performed) = self.unsaved.batch(saving);
        let batch = Batch {
            events,
            finished,
            performed,
            holds: &holds,
            revisions: &revisions,
            probe: !pings.is_empty(),
            offset_ms: jump,
        };
        let began = std::time::Instant::now();
        let committed = self.storage.commit(batch).await;
        metrics::histogram!("hookyard_commit_seconds").record(began.elapsed());

        let outcome = committed.as_ref().map(|_| ()).map_err(Clone::clone);
        match committed {
            Ok(Committed { accepts, finished, performed, ready, unblocked }) => {
                jump.inspect(|offset| notice_jump(*offset));
                self.saved(saving, &finished, &performed, handoff).await;
                let mut accepts = accepts.into_iter();
                for (events, reply) in replies {
                    reply.send(events, &mut accepts);
                }
                self.offer(ready, handoff).await;
                // They are read when the senders have their answers.
                if !unblocked.is_empty() {
                    let ready = self.storage.lease_unblocked(&unblocked).await;
                    self.offer(ready, handoff).await;
                }
                self.recovered(saving);
            }
            Err(error) => {
                self.unsaved.failed(&error);
                for (_, reply) in replies {
                    reply.fail(error.clone());
                }
            }
        }
        for reply in commit_replies.into_iter().chain(pings) {
            let _ = reply.send(outcome.clone());
        }
    }

    /// Updates memory after a commit that recorded this many of the unsaved attempts, except those
    /// that the storage refused.
    async fn saved(
        &mut self,
        saving: Saving,
        finished_verdicts: &[Verdict],
        performed_verdicts: &[Verdict],
        handoff: &dyn Handoff,
    ) {
        let (finished, performed) = self.unsaved.take(saving);
        let mut refused = Vec::new();
        for ((finished, reply), verdict) in finished.into_iter().zip(finished_verdicts) {
            if *verdict == Verdict::NotLeased {
                self.not_leased(&finished, reply);
                continue;
            }
            let id = RunningId::Delivery(finished.id);
            self.shared.running.end(id);
            let answer = if *verdict == Verdict::Recorded {
                self.shared.outcomes.note_delivery(&finished);
                if !matches!(finished.next, NextStep::Wait(_)) {
                    self.shared.suspects.remove(id);
                }
                self.recorded(finished, &mut refused, handoff);
                Ok(())
            } else {
                // Its delivery runs again.
                self.undo(&finished);
                handoff.rescan();
                Err(DbError::Conflict)
            };
            let _ = reply.map(|reply| reply.send(answer));
        }
        if !refused.is_empty() {
            self.storage.release(&refused).await;
        }
        for (performed, verdict) in performed.iter().zip(performed_verdicts) {
            self.effect_saved(performed, *verdict);
        }
    }

    fn effect_saved(&self, performed: &CompletedEffect, verdict: Verdict) {
        if verdict == Verdict::NotLeased {
            tracing::error!(effect = %performed.id, "an attempt without a lease was not recorded");
            return;
        }
        let id = RunningId::Effect(performed.id);
        self.shared.running.end(id);
        self.shared.outcomes.note_effect(performed);
        if performed.due.is_none() {
            self.shared.suspects.remove(id);
            let share = EffectShare { count: 1, bytes: performed.size };
            self.shared.quotas.release(&performed.plugin, share);
        }
    }

    /// A call's work is committed: its effects, which are leased, may go out.
    fn recorded(&self, finished: FinishedAttempt, refused: &mut Vec<RunningId>, handoff: &dyn Handoff) {
        self.finish_seconds.record(finished.submitted.elapsed());
        handoff.recorded(&finished);
        let FinishedAttempt { id: delivery, plugin, work, depth, root, trace, .. } = finished;
        let trace = trace.map(|trace| trace.event);
        if let Some(changes) = &work.store {
            self.entries.committed(&plugin, changes);
        }
        for (number, queued) in (1..).zip(work.effects) {
            let id = EffectId { delivery, number };
            let (attempts, attempts_before, progress) = (0, 0, Progress::default());
            let plugin = plugin.clone();
            let effect =
                LeasedEffect { id, plugin, queued, depth, root, attempts, attempts_before, progress, trace };
            if !handoff.offer_effect(effect) {
                refused.push(RunningId::Effect(id));
            }
        }
    }

    /// After a commit: if one failed before, all is well again once there is nothing unsaved of then.
    fn recovered(&mut self, saving: Saving) {
        if self.unsaved.failures == 0 || (saving == Saving::default() && !self.unsaved.is_empty()) {
            return;
        }
        tracing::info!(failures = self.unsaved.failures, "the database works again");
        self.unsaved.failures = 0;
        self.unsaved.retry_at = None;
    }
}
