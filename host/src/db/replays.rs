//! Dead letters, dead effects and replays, as operators and [`crate::dispatch`] ask for them.

use super::handle::Db;
use super::types::{DbError, Discard, EffectResolution};
use super::view::{DeliveryFilter, DeliveryPage, EffectFilter, EffectPage};
use super::writer::inbox::{Operation, Reply, Request};
use crate::delivery::DeliveryId;
use crate::effect::{self, EffectId};
use crate::replay::{self, Candidate, Progress, Running, Step};

/// Effects resolved in one transaction.
const EFFECTS_PAGE: u32 = 500;

impl Db {
    /// Stores a replay, to be carried out by whoever dispatches. Its number.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn begin_replay(&self, request: replay::Request) -> Result<i64, DbError> {
        let (found, last_event) = self.inner.reads.count(&request).await?;
        self.operate(|reply| Operation::BeginReplay { request, found, last_event, reply }).await
    }

    /// Commits a part of a replay.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn replay_step(&self, step: Step) -> Result<(), DbError> {
        self.operate(|reply| Operation::AdvanceReplay { step, reply }).await
    }

    /// Stops a replay; what it made stays. False when it does not run.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn stop_replay(&self, replay: i64) -> Result<bool, DbError> {
        self.operate(|reply| Operation::StopReplay { replay, reply }).await
    }

    /// Sees to it that a delivery is not run any more: skips it, or resolves a dead letter.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn discard(&self, id: DeliveryId) -> Result<Discard, DbError> {
        self.operate(|reply| Operation::Discard { id, reply }).await
    }

    /// Replays that are to go on, the oldest first.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn running_replays(&self) -> Result<Vec<Running>, DbError> {
        self.inner.reads.running_replays().await
    }

    /// The next up to `limit` that a replay finds, in order.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn replay_candidates(&self, running: &Running, limit: u32) -> Result<Vec<Candidate>, DbError> {
        self.inner.reads.candidates(running, limit).await
    }

    /// How far a replay is.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn replay(&self, id: i64) -> Result<Option<Progress>, DbError> {
        self.inner.reads.replay(id).await
    }

    /// Up to `limit` replays older than `before`, the newest first.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn replays(&self, before: Option<i64>, limit: u32) -> Result<Vec<Progress>, DbError> {
        self.inner.reads.replays(before.unwrap_or(i64::MAX), limit).await
    }

    /// A page of deliveries, the newest event's first. `before` is the last page's `next`.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<DeliveryId>,
        limit: u32,
    ) -> Result<DeliveryPage, DbError> {
        let memory = self.inner.shared.snapshot();
        self.inner.reads.deliveries(filter, before, limit, &memory).await
    }

    /// The source and id of a delivery's event.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn event_of(&self, delivery: DeliveryId) -> Result<Option<(String, String)>, DbError> {
        self.inner.reads.event_of(delivery).await
    }

    /// A page of effects, the newest event's first. `before` is the last page's `next`.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn effects(
        &self,
        filter: &EffectFilter,
        before: Option<EffectId>,
        limit: u32,
    ) -> Result<EffectPage, DbError> {
        self.inner.reads.effects(filter, before, limit).await
    }

    /// Has dead effects tried again, under the keys they had, or resolves them. How many.
    ///
    /// # Errors
    /// [`DbError::Unavailable`]; some may have been resolved then.
    pub async fn resolve_effects(
        &self,
        selection: &effect::Selection,
        action: replay::Action,
    ) -> Result<u64, DbError> {
        let (mut resolved, mut after) =
            (0, EffectId { delivery: DeliveryId { event: 0, number: 0 }, number: 0 });
        loop {
            let selection = selection.clone();
            let resolution = EffectResolution { selection, action, after, limit: EFFECTS_PAGE };
            let page = self.operate(|reply| Operation::ResolveEffects { resolution, reply }).await?;
            resolved += page.len() as u64;
            match page.last() {
                Some(last) => after = *last,
                None => return Ok(resolved),
            }
        }
    }

    async fn operate<T>(&self, operation: impl FnOnce(Reply<T>) -> Operation) -> Result<T, DbError> {
        self.ask(|reply| Request::Operate(operation(reply))).await
    }
}
