//! The one task that writes: it takes the waiting work, commits it as one transaction, answers, and
//! hands off.
//!
//! A batch is the work that arrived while the batch before it was committed. So an idle host
//! commits at once, and a busy one shares each `fsync` among many. It knows no SQL.

pub(super) mod batch;
mod commit;
pub(super) mod inbox;
mod operations;
mod recovery;
mod unsaved;

use std::sync::Arc;

use metrics::Histogram;
use tokio::time::sleep_until;

use super::entries::Entries;
use super::revision_types::RevisionRecord;
use super::shared::Shared;
use super::storage::{Ready, Storage};
use super::types::{
    DbError, EffectLease, EffectShare, Handoff, HoldChange, Lease, LeaseRequest, RunningId, emitted_events,
};
use crate::clock;
use crate::completion::FinishedAttempt;

use inbox::{Accepting, Inbox, Operation, Reply, Request};
use unsaved::{RETRY_MIN, Saving, Unsaved};

/// On closing, the number of retries for attempts that could not be recorded. Without their record
/// they run again after the next start.
const CLOSE_TRIES: u32 = 5;

/// The work taken from the inbox for one batch.
#[derive(Default)]
struct Turn {
    accepts: Vec<Accepting>,
    leases: Vec<(LeaseRequest, Reply<Lease>)>,
    effect_leases: Vec<(LeaseRequest, Reply<EffectLease>)>,
    holds: Vec<HoldChange>,
    revisions: Vec<RevisionRecord>,
    /// The callers that wait for the commit of a hold or of a revision's record.
    commit_replies: Vec<Reply<()>>,
    pings: Vec<Reply<()>>,
    operations: Vec<Operation>,
    clock: bool,
}

/// See the module.
pub(super) struct Writer<S> {
    storage: S,
    inbox: Inbox,
    shared: Arc<Shared>,
    entries: Arc<Entries>,
    unsaved: Unsaved,
    batch_max: usize,
    /// Crashes after which a delivery or an effect is dead.
    crashes_max: u32,
    /// The time from an attempt's end to its commit.
    finish_seconds: Histogram,
}

/// The limits of a writer.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriterLimits {
    /// The maximum of each kind in a batch.
    pub(super) batch_max: usize,
    /// Crashes after which a delivery or an effect is dead.
    pub(super) crashes_max: u32,
}

impl<S: Storage> Writer<S> {
    pub(super) fn new(
        storage: S,
        inbox: Inbox,
        shared: Arc<Shared>,
        entries: Arc<Entries>,
        limits: WriterLimits,
    ) -> Self {
        let WriterLimits { batch_max, crashes_max } = limits;
        let finish_seconds = metrics::histogram!("hookyard_finish_seconds");
        let unsaved = Unsaved::default();
        Self { storage, inbox, shared, entries, unsaved, batch_max, crashes_max, finish_seconds }
    }

    /// Writes until every [`Db`](super::Db) is dropped or one of them was closed.
    pub(super) async fn run(mut self, handoff: Arc<dyn Handoff>) {
        let mut accepts = Vec::new();
        let mut requests = Vec::new();
        let mut closers = Vec::new();
        self.recover().await;
        loop {
            let open = self.wait(&mut accepts, &mut requests).await;
            let mut turn = Turn { accepts: std::mem::take(&mut accepts), ..Turn::default() };
            for request in requests.drain(..) {
                self.sort(request, &mut turn, &mut closers).await;
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
        let closed = self.storage.close().await;
        self.shared.running.clear();
        let lost = self.unsaved.count_finished();
        if lost > 0 {
            tracing::error!(
                attempts = lost,
                "the database closed before all attempts were recorded; they run again after the next start"
            );
        }
        // Another host may begin now: a caller that waits for the end may start one.
        drop(self.storage);
        for closer in closers {
            let _ = closer.send(closed.clone());
        }
    }

    /// Waits for work and takes up to a batch of it. Returns false when no more can come.
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
                accept = events.recv() => {
                    open = accept.is_some();
                    accepts.extend(accept);
                }
                () = retry => {}
            }
        }
        if !open && self.unsaved.retry_at.is_some() {
            // Closing: there is nothing to wait for but the time.
            tokio::time::sleep(RETRY_MIN).await;
            self.unsaved.retry_at = None;
        }
        // A request may have many events: the last one may exceed the limit, so that it is taken at all.
        let mut taken: usize = accepts.iter().map(Accepting::count).sum();
        while taken < max {
            let Ok(accept) = events.try_recv() else { break };
            taken += accept.count();
            accepts.push(accept);
        }
        while requests.len() < max {
            let Ok(request) = others.try_recv() else { break };
            requests.push(request);
        }
        open || !accepts.is_empty() || !requests.is_empty()
    }

    async fn sort(&mut self, request: Request, turn: &mut Turn, closers: &mut Vec<Reply<()>>) {
        match request {
            Request::Finish { finished, reply } => {
                if let Some((finished, reply)) = self.unsaved.add_finished(finished, reply) {
                    self.not_leased(&finished, reply);
                }
            }
            Request::CompletedEffect(performed) => {
                let id = performed.id;
                if !self.unsaved.add_performed(performed) {
                    tracing::error!(effect = %id, "a second attempt under the same lease was not recorded");
                }
            }
            Request::Lease(wanted, reply) => turn.leases.push((wanted, reply)),
            Request::LeaseEffects(wanted, reply) => turn.effect_leases.push((wanted, reply)),
            Request::Release(mut ids) => {
                // One with an attempt ends with the commit of that.
                ids.retain(|id| !self.unsaved.has(*id));
                self.storage.release(&ids).await;
                for id in ids {
                    self.shared.running.end(id);
                }
            }
            Request::PluginHold(change, reply) => {
                turn.holds.push(change);
                turn.commit_replies.push(reply);
            }
            Request::RecordRevision(record, reply) => {
                turn.revisions.push(record);
                turn.commit_replies.extend(reply);
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
        for (request, reply) in leases {
            let lease = self.storage.lease(&request).await;
            if let Err(Ok(unwanted)) = reply.send(lease) {
                let ids = unwanted.deliveries.iter().map(|delivery| RunningId::Delivery(delivery.id));
                self.storage.release(&ids.collect::<Vec<_>>()).await;
            }
        }
        for (request, reply) in effect_leases {
            let lease = self.storage.lease_effects(&request).await;
            if let Err(Ok(unwanted)) = reply.send(lease) {
                let ids = unwanted.effects.iter().map(|effect| RunningId::Effect(effect.id));
                self.storage.release(&ids.collect::<Vec<_>>()).await;
            }
        }
    }

    /// Hands over deliveries that are leased, and releases those for which there is no room.
    async fn offer(&mut self, ready: Ready, handoff: &dyn Handoff) {
        let Ready { deliveries, rescan } = ready;
        let mut refused = Vec::new();
        for delivery in deliveries {
            let id = RunningId::Delivery(delivery.id);
            if !handoff.offer(delivery) {
                refused.push(id);
            }
        }
        if !refused.is_empty() {
            self.storage.release(&refused).await;
        }
        if rescan {
            handoff.rescan();
        }
    }

    /// An attempt that this host has no lease for is not recorded, and nothing of its call is committed.
    fn not_leased(&self, finished: &FinishedAttempt, reply: Option<Reply<()>>) {
        tracing::error!(delivery = %finished.id, "an attempt without a lease was not recorded");
        self.undo(finished);
        let _ = reply.map(|reply| reply.send(Err(DbError::NotLeased(finished.id))));
    }

    /// Undoes a call's reservation and its writes in the cache.
    fn undo(&self, finished: &FinishedAttempt) {
        let (plugin, effects) = (&finished.plugin, &finished.work.effects);
        self.shared.quotas.release(plugin, EffectShare::of(effects));
        self.shared.quotas.not_emitted(finished.root, emitted_events(effects));
        if let Some(changes) = &finished.work.store {
            self.entries.lost(plugin, changes);
        }
    }
}

fn notice_jump(offset_ms: i64) {
    let by_ms = clock::offset_ms().saturating_sub(offset_ms);
    tracing::warn!(by_ms, "the system clock jumped by {by_ms} ms; waits and ages are not affected");
    clock::notice(offset_ms);
}
