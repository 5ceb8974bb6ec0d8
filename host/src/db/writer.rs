//! The one task that writes: takes what waits, commits it as one transaction, answers, hands off.
//!
//! A batch is whatever came in while the one before it was committed: an idle host commits at once,
//! a busy one shares each `fsync` among many. Knows no SQL.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::backend::{Backend, NewEvent};
use super::batch::{self, Batch, Written};
use super::leases::{Leases, Shared};
use super::sqlite::HostLock;
use super::stores::Stores;
use super::unsaved::{RETRY_MIN, Saving, Unsaved};
use super::{Accept, DbError, EffectLease, Handoff, Lease};
use crate::delivery::{Delivery, DeliveryId, Finished, Next};
use crate::effect::{EffectId, Performed, Performing};
use crate::event::{Event, PluginName, now_ms};

/// On closing, how often attempts that could not be recorded are tried again. Without their record
/// they run again after the next start.
const CLOSE_TRIES: u32 = 5;

pub(super) type Reply<T> = oneshot::Sender<Result<T, DbError>>;

/// An event that waits for its commit.
pub(super) struct Accepting {
    pub(super) event: Event,
    pub(super) plugins: Vec<PluginName>,
    pub(super) reply: Reply<Accept>,
}

/// Everything else that is asked of the writer.
#[expect(clippy::large_enum_variant, reason = "nearly all are of the large one")]
pub(super) enum Request {
    Finish { finished: Finished, reply: Option<Reply<()>> },
    Lease { plugin: PluginName, limit: usize, reply: Reply<Lease> },
    GiveBack(Vec<DeliveryId>),
    Performed(Performed),
    LeaseEffects { plugin: PluginName, limit: usize, reply: Reply<EffectLease> },
    GiveBackEffects(Vec<EffectId>),
    Hold { plugin: PluginName, held: bool, reply: Reply<()> },
    Ping(Reply<()>),
    Close(Reply<()>),
}

/// Where the writer's work comes from.
pub(super) struct Inbox {
    pub(super) accepts: mpsc::Receiver<Accepting>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
}

/// What was taken from the inbox for one turn.
#[derive(Default)]
struct Turn {
    accepts: Vec<Accepting>,
    leases: Vec<(PluginName, usize, Reply<Lease>)>,
    effect_leases: Vec<(PluginName, usize, Reply<EffectLease>)>,
    holds: Vec<(PluginName, bool)>,
    hold_replies: Vec<Reply<()>>,
    pings: Vec<Reply<()>>,
}

/// The writer: see the module.
pub(super) struct Writer<B> {
    pub(super) backend: B,
    pub(super) inbox: Inbox,
    pub(super) shared: Arc<Shared>,
    pub(super) batch_max: usize,
    pub(super) last_seq: i64,
    pub(super) held: HashSet<PluginName>,
    pub(super) leases: Leases<DeliveryId>,
    pub(super) effect_leases: Leases<EffectId>,
    pub(super) stores: Arc<Stores>,
    pub(super) unsaved: Unsaved,
    /// Until the writer has ended, no other host may begin.
    pub(super) lock: Arc<HostLock>,
}

impl<B: Backend> Writer<B> {
    /// Writes until every [`super::Db`] is gone or one of them was closed.
    pub(super) async fn run(mut self, handoff: Arc<dyn Handoff>) {
        let mut accepts = Vec::new();
        let mut requests = Vec::new();
        let mut closers = Vec::new();
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
            self.turn(turn, &*handoff).await;
            let done = self.unsaved.is_empty() || self.unsaved.failures >= CLOSE_TRIES;
            if !open && done {
                break;
            }
        }
        let closed = self.backend.close().await;
        let lost = self.unsaved.finished.len();
        if lost > 0 {
            tracing::error!(attempts = lost, "closed without recording attempts: they will run again");
        }
        drop(self.lock);
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
            Request::Lease { plugin, limit, reply } => turn.leases.push((plugin, limit, reply)),
            Request::Performed(performed) if self.effect_leases.finish(performed.id) => {
                self.unsaved.performed.push(performed);
            }
            Request::Performed(performed) => {
                tracing::error!(effect = %performed.id, "a try without a lease is not recorded");
            }
            Request::LeaseEffects { plugin, limit, reply } => turn.effect_leases.push((plugin, limit, reply)),
            Request::GiveBackEffects(ids) => {
                for id in ids {
                    self.effect_leases.give_back(id);
                }
            }
            Request::GiveBack(ids) => {
                let mut running = self.shared.running();
                for id in ids {
                    if self.leases.give_back(id) {
                        running.remove(&id);
                    }
                }
            }
            Request::Hold { plugin, held, reply } => {
                turn.holds.push((plugin, held));
                turn.hold_replies.push(reply);
            }
            Request::Ping(reply) => turn.pings.push(reply),
            Request::Close(reply) => closers.push(reply),
        }
    }

    async fn turn(&mut self, mut turn: Turn, handoff: &dyn Handoff) {
        let leases = std::mem::take(&mut turn.leases);
        let effect_leases = std::mem::take(&mut turn.effect_leases);
        let mut saving = self.unsaved.saving(self.batch_max);
        if self.unsaved.failures > 0 && saving != Saving::default() {
            // On their own, so that nothing else in the batch can keep them from being recorded.
            self.commit(Turn::default(), saving, handoff).await;
            saving = Saving::default();
        }
        self.commit(turn, saving, handoff).await;
        for (plugin, limit, reply) in leases {
            let lease = self.lease(&plugin, limit).await;
            if let Err(Ok(unwanted)) = reply.send(lease) {
                unwanted.deliveries.iter().for_each(|delivery| self.leases.release(delivery.id));
            }
        }
        for (plugin, limit, reply) in effect_leases {
            let lease = self.lease_effects(&plugin, limit).await;
            if let Err(Ok(unwanted)) = reply.send(lease) {
                unwanted.effects.iter().for_each(|effect| self.effect_leases.release(effect.id));
            }
        }
    }

    async fn commit(&mut self, turn: Turn, saving: Saving, handoff: &dyn Handoff) {
        let Turn { accepts, holds, hold_replies, pings, .. } = turn;
        if accepts.is_empty() && holds.is_empty() && pings.is_empty() && saving == Saving::default() {
            return;
        }
        let (events, replies) = self.number(accepts);
        let finished = self.unsaved.finished.get(..saving.finished).unwrap_or_default();
        let performed = self.unsaved.performed.get(..saving.performed).unwrap_or_default();
        let batch = Batch { events: &events, finished, performed, holds: &holds, probe: !pings.is_empty() };
        let began = std::time::Instant::now();
        let written = batch::write(&mut self.backend, &batch).await;
        metrics::histogram!("hookyard_commit_seconds").record(began.elapsed());

        let outcome = written.as_ref().map(|_| ()).map_err(Clone::clone);
        match written {
            Ok(Written { accepts, recorded }) => {
                self.saved(saving, &recorded, handoff).await;
                for (plugin, held) in holds {
                    if held {
                        self.held.insert(plugin)
                    } else {
                        self.held.remove(&plugin)
                    };
                }
                for (reply, accept) in replies.into_iter().zip(&accepts) {
                    let _ = reply.send(Ok(*accept));
                }
                self.hand_off(events, &accepts, handoff);
            }
            Err(error) => {
                self.unsaved.failed(&error);
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
        for reply in hold_replies.into_iter().chain(pings) {
            let _ = reply.send(outcome.clone());
        }
    }

    /// Gives events their numbers. A number is not used again even if its transaction fails: a
    /// failed commit may still turn out to be on disk.
    fn number(&mut self, accepts: Vec<Accepting>) -> (Vec<NewEvent>, Vec<Reply<Accept>>) {
        let mut replies = Vec::with_capacity(accepts.len());
        let mut events = Vec::with_capacity(accepts.len());
        for Accepting { event, plugins, reply } in accepts {
            self.last_seq += 1;
            events.push(NewEvent { seq: self.last_seq, event: Arc::new(event), plugins });
            replies.push(reply);
        }
        (events, replies)
    }

    /// After a commit: so many of the unsaved are recorded, but for attempts that lost against others.
    async fn saved(&mut self, saving: Saving, recorded: &[bool], handoff: &dyn Handoff) {
        let mut closed = 0;
        let finished: Vec<_> = self.unsaved.finished.drain(..saving.finished).collect();
        let replies: Vec<_> = self.unsaved.replies.drain(..saving.finished).collect();
        for ((finished, reply), recorded) in finished.into_iter().zip(replies).zip(recorded) {
            self.leases.release(finished.id);
            self.shared.running().remove(&finished.id);
            let answer = if *recorded {
                closed += u64::from(!matches!(finished.next, Next::Wait(_)));
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
        }
        self.shared.backlog.fetch_sub(closed, Ordering::Relaxed);
        if self.unsaved.failures == 0 || (saving == Saving::default() && !self.unsaved.is_empty()) {
            return;
        }
        // A commit that failed may have been on disk all the same: count again.
        if let Ok(open) = self.backend.open_count().await {
            self.shared.backlog.store(open, Ordering::Relaxed);
        }
        tracing::info!(failures = self.unsaved.failures, "the database works again");
        self.unsaved.failures = 0;
        self.unsaved.retry_at = None;
    }

    /// A call's work is committed: its effects may go out.
    fn ended(&mut self, finished: Finished, handoff: &dyn Handoff) {
        let Finished { id: delivery, plugin, work, depth, .. } = finished;
        if let Some(changes) = &work.store {
            self.stores.committed(&plugin, changes);
        }
        for (number, asked) in (1..).zip(work.effects) {
            let id = EffectId { delivery, number };
            self.effect_leases.take(id, &plugin);
            if !handoff.perform(Performing { id, plugin: plugin.clone(), asked, depth, tries: 0 }) {
                self.effect_leases.release(id);
            }
        }
    }

    /// A call's work rests on what is no longer so: its delivery runs again.
    fn lost(&mut self, finished: Finished, handoff: &dyn Handoff) {
        if let Some(changes) = &finished.work.store {
            self.stores.lost(&finished.plugin, changes);
        }
        handoff.look_again();
    }

    fn hand_off(&mut self, events: Vec<NewEvent>, accepts: &[Accept], handoff: &dyn Handoff) {
        for (new, accept) in events.into_iter().zip(accepts) {
            let Accept::Accepted { deliveries } = *accept else { continue };
            self.shared.backlog.fetch_add(deliveries as u64, Ordering::Relaxed);
            for (number, plugin) in (1..).zip(new.plugins) {
                if self.held.contains(&plugin) {
                    continue;
                }
                let id = DeliveryId { event: new.seq, number };
                // Leased before it is offered: a worker may end before `offer` returns.
                self.leases.take(id, &plugin);
                let event = Arc::clone(&new.event);
                let since = event.received_at;
                if !handoff.offer(Delivery { id, event, plugin, attempts: 0, failures: 0, since }) {
                    self.leases.release(id);
                }
            }
        }
    }

    async fn lease(&mut self, plugin: &PluginName, limit: usize) -> Result<Lease, DbError> {
        if self.held.contains(plugin) || limit == 0 {
            return Ok(Lease::default());
        }
        // Those in hand are still open in the database: look beyond them, and one further to know
        // whether there is more.
        let look = limit.saturating_add(self.leases.count(plugin)).saturating_add(1);
        let due = self.backend.due(plugin, now_ms(), look).await;
        let mut ids = due.inspect_err(|error| tracing::warn!(%error, "lease"))?;
        ids.retain(|id| !self.leases.has(*id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let deliveries = self.backend.deliveries(plugin, &ids).await?;
        for delivery in &deliveries {
            self.leases.take(delivery.id, plugin);
        }
        Ok(Lease { deliveries, more })
    }

    async fn lease_effects(&mut self, plugin: &PluginName, limit: usize) -> Result<EffectLease, DbError> {
        let look = limit.saturating_add(self.effect_leases.count(plugin)).saturating_add(1);
        let mut ids = self.backend.due_effects(plugin, now_ms(), look).await?;
        ids.retain(|id| !self.effect_leases.has(*id));
        let more = ids.len() > limit;
        ids.truncate(limit);
        let effects = self.backend.performing(plugin, &ids).await?;
        for effect in &effects {
            self.effect_leases.take(effect.id, plugin);
        }
        Ok(EffectLease { effects, more })
    }
}
