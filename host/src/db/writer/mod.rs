//! The one task that writes: takes what waits, commits it as one transaction, answers, hands off.
//!
//! A batch is whatever came in while the one before it was committed: an idle host commits at once,
//! a busy one shares each `fsync` among many. Knows no SQL.

pub(super) mod batch;
mod crashes;
mod handoff;
pub(super) mod inbox;
mod operations;
pub(super) mod unsaved;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::sleep_until;

use super::entries::Entries;
use super::leases::Leases;
use super::shared::Shared;
use super::storage::{Backend, NewDeliveryTo, NewEvent};
use super::types::{
    Accept, DbError, EffectLease, EffectShare, Handoff, Hold, HoldChange, Lease, LeaseRequest,
    RunningAttempt, RunningId, emitted_events,
};
use crate::clock;
use crate::completion::Finished;
use crate::delivery::{DeliveryId, Next, Order, Recipient};
use crate::effect::{EffectId, Performing, Progress};
use crate::event::{PluginName, now_ms};

use batch::{Batch, Written};
use inbox::{Accepting, Inbox, Operation, Reply, Request};
use unsaved::{RETRY_MIN, Saving, Unsaved};

/// On closing, how often attempts that could not be recorded are tried again. Without their record
/// they run again after the next start.
const CLOSE_TRIES: u32 = 5;

/// What was taken from the inbox for one turn.
#[derive(Default)]
struct Turn {
    accepts: Vec<Accepting>,
    leases: Vec<(LeaseRequest, Reply<Lease>)>,
    effect_leases: Vec<(LeaseRequest, Reply<EffectLease>)>,
    holds: Vec<HoldChange>,
    hold_replies: Vec<Reply<()>>,
    pings: Vec<Reply<()>>,
    operations: Vec<Operation>,
    clock: bool,
}

/// The writer: see the module.
pub(super) struct Writer<B> {
    pub(super) backend: B,
    pub(super) inbox: Inbox,
    pub(super) shared: Arc<Shared>,
    pub(super) batch_max: usize,
    pub(super) last_seq: i64,
    /// What it was when this process began.
    pub(super) seq_at_start: i64,
    pub(super) held: HashSet<(PluginName, Hold)>,
    /// Deliveries behind others of their order; `None` when it is not known.
    pub(super) behind: Option<u64>,
    pub(super) leases: Leases<DeliveryId>,
    pub(super) effect_leases: Leases<EffectId>,
    pub(super) entries: Arc<Entries>,
    pub(super) unsaved: Unsaved,
    /// What ran when the last process died.
    pub(super) left: Vec<RunningAttempt>,
    /// Crashes after which a delivery or an effect is dead.
    pub(super) crashes_max: u32,
}

impl<B: Backend> Writer<B> {
    /// Writes until every [`Db`](super::Db) is gone or one of them was closed.
    pub(super) async fn run(mut self, handoff: Arc<dyn Handoff>) {
        let mut accepts = Vec::new();
        let mut requests = Vec::new();
        let mut closers = Vec::new();
        self.count_crashes().await;
        loop {
            let open = self.wait(&mut accepts, &mut requests).await;
            let mut turn = Turn { accepts: std::mem::take(&mut accepts), ..Turn::default() };
            for request in requests.drain(..) {
                self.sort(request, &mut turn, &mut closers);
            }
            if !closers.is_empty() {
                self.inbox.accepts.close();
                self.inbox.requests.close();
            }
            self.shared.activity.begin();
            self.turn(turn, &*handoff).await;
            self.shared.activity.end();
            let done = self.unsaved.is_empty() || self.unsaved.failures >= CLOSE_TRIES;
            if !open && done {
                break;
            }
        }
        let closed = self.backend.close().await;
        self.shared.running.clear();
        let lost = self.unsaved.finished.len();
        if lost > 0 {
            tracing::error!(attempts = lost, "closed without recording attempts: they will run again");
        }
        // Until then, no other host may begin.
        drop(self.backend);
        for closer in closers {
            let _ = closer.send(closed.clone());
        }
    }

    /// Waits for work and takes what there is, up to a batch. False when no more can come.
    async fn wait(&mut self, accepts: &mut Vec<Accepting>, requests: &mut Vec<Request>) -> bool {
        let Inbox { accepts: events, requests: others } = &mut self.inbox;
        let max = self.batch_max;
        let mut open = true;
        if !self.unsaved.are_due() {
            let retry_at = self.unsaved.retry_at;
            let retry = async {
                match retry_at {
                    Some(time) => sleep_until(time).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                count = others.recv_many(requests, max) => open = count > 0,
                count = events.recv_many(accepts, max) => open = count > 0,
                () = retry => {}
            }
        }
        if !open && self.unsaved.retry_at.is_some() {
            // Closing: there is nothing to wait for but the time.
            tokio::time::sleep(RETRY_MIN).await;
            self.unsaved.retry_at = None;
        }
        while accepts.len() < max {
            let Ok(accept) = events.try_recv() else { break };
            accepts.push(accept);
        }
        while requests.len() < max {
            let Ok(request) = others.try_recv() else { break };
            requests.push(request);
        }
        open || !accepts.is_empty() || !requests.is_empty()
    }

    fn sort(&mut self, request: Request, turn: &mut Turn, closers: &mut Vec<Reply<()>>) {
        match request {
            Request::Finish { finished, reply } if self.leases.finish(finished.id) => {
                self.unsaved.finished.push(finished);
                self.unsaved.replies.push(reply);
            }
            Request::Finish { finished, reply } => {
                tracing::error!(delivery = %finished.id, "an attempt without a lease is not recorded");
                let error = DbError::NotLeased(finished.id);
                let _ = reply.map(|reply| reply.send(Err(error)));
            }
            Request::Lease(wanted, reply) => turn.leases.push((wanted, reply)),
            Request::Performed(performed) if self.effect_leases.finish(performed.id) => {
                self.unsaved.performed.push(performed);
            }
            Request::Performed(performed) => {
                tracing::error!(effect = %performed.id, "a try without a lease is not recorded");
            }
            Request::LeaseEffects(wanted, reply) => turn.effect_leases.push((wanted, reply)),
            Request::ReleaseEffects(ids) => {
                for id in ids {
                    self.effect_leases.release_idle(id);
                }
            }
            Request::Release(ids) => {
                for id in ids {
                    if self.leases.release_idle(id) {
                        self.shared.running.end(RunningId::Delivery(id));
                    }
                }
            }
            Request::Hold(change, reply) => {
                turn.holds.push(change);
                turn.hold_replies.push(reply);
            }
            Request::Operate(operation) => turn.operations.push(operation),
            Request::Ping(reply) => turn.pings.push(reply),
            Request::Clock => turn.clock = true,
            Request::Close(reply) => closers.push(reply),
        }
    }

    async fn turn(&mut self, mut turn: Turn, handoff: &dyn Handoff) {
        let leases = std::mem::take(&mut turn.leases);
        let effect_leases = std::mem::take(&mut turn.effect_leases);
        let operations = std::mem::take(&mut turn.operations);
        let mut saving = self.unsaved.saving(self.batch_max);
        if self.unsaved.failures > 0 && saving != Saving::default() {
            // On their own, so that nothing else in the batch can keep them from being recorded.
            self.commit(Turn::default(), saving, handoff).await;
            saving = Saving::default();
        }
        self.commit(turn, saving, handoff).await;
        for operation in operations {
            self.operate(operation, handoff).await;
        }
        for (wanted, reply) in leases {
            let lease = self.lease(&wanted).await;
            if let Err(Ok(unwanted)) = reply.send(lease) {
                unwanted.deliveries.iter().for_each(|delivery| self.leases.release(delivery.id));
            }
        }
        for (wanted, reply) in effect_leases {
            let lease = self.lease_effects(&wanted).await;
            if let Err(Ok(unwanted)) = reply.send(lease) {
                unwanted.effects.iter().for_each(|effect| self.effect_leases.release(effect.id));
            }
        }
    }

    async fn commit(&mut self, turn: Turn, saving: Saving, handoff: &dyn Handoff) {
        let Turn { accepts, holds, hold_replies, pings, clock, .. } = turn;
        let is_empty = accepts.is_empty() && holds.is_empty() && pings.is_empty();
        if is_empty && !clock && saving == Saving::default() {
            return;
        }
        let jump = clock::jumped().map(|offset| (self.last_seq + 1, offset));
        let (events, replies) = self.number(accepts, jump.is_some());
        let finished = self.unsaved.finished.get(..saving.finished).unwrap_or_default();
        let performed = self.unsaved.performed.get(..saving.performed).unwrap_or_default();
        let batch = Batch {
            events: &events,
            finished,
            performed,
            holds: &holds,
            probe: !pings.is_empty(),
            clock: jump,
            any_open: self.shared.backlog() > 0 || self.behind != Some(0),
            any_behind: self.behind != Some(0),
        };
        let began = std::time::Instant::now();
        let written = batch::write(&mut self.backend, &batch).await;
        metrics::histogram!("hookyard_commit_seconds").record(began.elapsed());

        let outcome = written.as_ref().map(|_| ()).map_err(Clone::clone);
        match written {
            Ok(Written { accepts, recorded, behind, promoted }) => {
                jump.inspect(|(_, offset)| notice_jump(*offset));
                self.saved(saving, &recorded, handoff);
                for change in holds {
                    self.hold(change, handoff);
                }
                for (reply, accept) in replies.into_iter().zip(&accepts) {
                    let _ = reply.send(Ok(*accept));
                }
                self.hand_off(events, &accepts, &behind, handoff);
                self.behind = self.behind.map(|before| before + behind.len() as u64 - promoted.len() as u64);
                self.hand_off_promoted(&promoted, handoff).await;
                self.recovered(saving).await;
            }
            Err(error) => {
                self.unsaved.failed(&error);
                self.behind = None;
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
        for reply in hold_replies.into_iter().chain(pings) {
            let _ = reply.send(outcome.clone());
        }
    }

    fn hold(&mut self, HoldChange { plugin, why, held }: HoldChange, handoff: &dyn Handoff) {
        match (why, held) {
            (Hold::Paused, true) => handoff.plugin_paused(&plugin),
            (Hold::Paused, false) => handoff.rescan(),
            // Whoever sees plugins come and go acts on it too.
            (Hold::Absent, _) => {}
        }
        if held {
            self.held.insert((plugin, why))
        } else {
            self.held.remove(&(plugin, why))
        };
    }

    pub(super) fn is_held(&self, plugin: &PluginName) -> bool {
        // Nothing is held nearly always.
        !self.held.is_empty()
            && [Hold::Absent, Hold::Paused].iter().any(|why| self.held.contains(&(plugin.clone(), *why)))
    }

    /// Gives events their numbers. A number is not used again even if its transaction fails: a
    /// failed commit may still turn out to be on disk.
    fn number(&mut self, accepts: Vec<Accepting>, jumped: bool) -> (Vec<NewEvent>, Vec<Reply<Accept>>) {
        let mut replies = Vec::with_capacity(accepts.len());
        let mut events = Vec::with_capacity(accepts.len());
        for Accepting { mut event, recipients, reply } in accepts {
            self.last_seq += 1;
            if jumped {
                // It may have been received before the jump.
                event.received_at = now_ms();
            }
            let key = event.ordering_key.as_deref();
            let to = recipients.into_iter().map(|Recipient { plugin, ordered }| NewDeliveryTo {
                order: key.filter(|_| ordered).map(|key| Order::of(&event.source, key, &plugin)),
                plugin,
            });
            let to = to.collect();
            events.push(NewEvent { seq: self.last_seq, event: Arc::new(event), to });
            replies.push(reply);
        }
        (events, replies)
    }

    /// After a commit: so many of the unsaved are recorded, but for attempts that lost against others.
    fn saved(&mut self, saving: Saving, recorded: &[bool], handoff: &dyn Handoff) {
        let mut closed = 0;
        let finished: Vec<_> = self.unsaved.finished.drain(..saving.finished).collect();
        let replies: Vec<_> = self.unsaved.replies.drain(..saving.finished).collect();
        for ((finished, reply), recorded) in finished.into_iter().zip(replies).zip(recorded) {
            self.leases.release(finished.id);
            let id = RunningId::Delivery(finished.id);
            self.shared.running.end(id);
            let answer = if *recorded {
                if !matches!(finished.next, Next::Wait(_)) {
                    closed += 1;
                    self.shared.suspects.remove(id);
                }
                self.ended(finished, handoff);
                Ok(())
            } else {
                self.lost(finished, handoff);
                Err(DbError::Conflict)
            };
            let _ = reply.map(|reply| reply.send(answer));
        }
        for performed in self.unsaved.performed.drain(..saving.performed) {
            self.effect_leases.release(performed.id);
            let id = RunningId::Effect(performed.id);
            self.shared.running.end(id);
            if performed.due.is_none() {
                self.shared.suspects.remove(id);
                let share = EffectShare { count: 1, bytes: performed.size };
                self.shared.quotas.release(&performed.plugin, share);
            }
        }
        self.shared.backlog.fetch_sub(closed, Ordering::Relaxed);
    }

    /// After a commit: if one failed before, all is well again once there is nothing unsaved of then.
    async fn recovered(&mut self, saving: Saving) {
        if self.behind.is_none() {
            // A commit that failed may have been on disk all the same: count again.
            match self.backend.count_open().await {
                Ok(open) => {
                    self.shared.backlog.store(open.all, Ordering::Relaxed);
                    self.behind = Some(open.behind);
                }
                Err(error) => tracing::warn!(%error, "what is open could not be counted, trying again"),
            }
        }
        if self.unsaved.failures == 0 || (saving == Saving::default() && !self.unsaved.is_empty()) {
            return;
        }
        tracing::info!(failures = self.unsaved.failures, "the database works again");
        self.unsaved.failures = 0;
        self.unsaved.retry_at = None;
    }

    /// A call's work is committed: its effects may go out.
    fn ended(&mut self, finished: Finished, handoff: &dyn Handoff) {
        let Finished { id: delivery, plugin, work, depth, root, .. } = finished;
        if let Some(changes) = &work.store {
            self.entries.committed(&plugin, changes);
        }
        for (number, asked) in (1..).zip(work.effects) {
            let id = EffectId { delivery, number };
            self.effect_leases.take(id, &plugin);
            if !handoff.offer_effect(Performing {
                id,
                plugin: plugin.clone(),
                asked,
                depth,
                root,
                tries: 0,
                tries_before: 0,
                progress: Progress::default(),
            }) {
                self.effect_leases.release(id);
            }
        }
    }

    /// A call's work rests on what is no longer so: its delivery runs again.
    fn lost(&mut self, finished: Finished, handoff: &dyn Handoff) {
        let (plugin, effects) = (&finished.plugin, &finished.work.effects);
        self.shared.quotas.release(plugin, EffectShare::of(effects));
        self.shared.quotas.not_emitted(finished.root, emitted_events(effects));
        if let Some(changes) = &finished.work.store {
            self.entries.lost(&finished.plugin, changes);
        }
        handoff.rescan();
    }
}

fn notice_jump(offset_ms: i64) {
    let by_ms = clock::offset_ms().saturating_sub(offset_ms);
    tracing::warn!(by_ms, "the system clock jumped by {by_ms} ms; waits and ages go on as if it had not");
    clock::notice(offset_ms);
}
