//! Dead letters, dead effects and replays, as operators and [`crate::dispatch`] ask for them.

use super::handle::Db;
use super::types::{DbError, Discard, EffectResolution};
use super::view::{DeliveryFilter, DeliveryPage, EffectFilter, EffectPage};
use super::writer::inbox::{Operation, Reply, Request};
use crate::audit::{self, BulkDecision, Decision};
use crate::delivery::DeliveryId;
use crate::effect::{self, EffectId};
use crate::event::PluginName;
use crate::replay::{self, Candidate, Progress, ReplayInProgress, ReplayPage};

/// Effects that are searched for a key.
const EFFECTS_SEARCHED: u32 = 100_000;
/// Effects resolved in one transaction.
const EFFECTS_PAGE: u32 = 500;

impl Db {
    /// Stores a replay, to be carried out by the dispatch room, and returns its number.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn begin_replay(&self, request: replay::Request, by: Decision) -> Result<i64, DbError> {
        let (found, last_event) = self.inner.reads.count(&request).await?;
        self.operate(|reply| Operation::BeginReplay { request, found, last_event, by, reply }).await
    }

    /// Commits a part of a replay.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn replay_step(&self, step: ReplayPage) -> Result<(), DbError> {
        self.operate(|reply| Operation::AdvanceReplay { step, reply }).await
    }

    /// Stops a replay; its deliveries stay. Returns false if it is not in progress.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn stop_replay(&self, replay: i64, by: Decision) -> Result<bool, DbError> {
        self.operate(|reply| Operation::StopReplay { replay, by, reply }).await
    }

    /// Sees to it that a delivery is not run any more: skips it, or resolves a dead letter.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn discard(&self, id: DeliveryId, by: Decision) -> Result<Discard, DbError> {
        self.operate(|reply| Operation::Discard { id, by, reply }).await
    }

    /// Returns replays in progress, the oldest first.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn running_replays(&self) -> Result<Vec<ReplayInProgress>, DbError> {
        self.inner.reads.running_replays().await
    }

    /// The next up to `limit` that a replay finds, in order.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn replay_candidates(
        &self,
        running: &ReplayInProgress,
        limit: u32,
    ) -> Result<Vec<Candidate>, DbError> {
        self.inner.reads.candidates(running, limit).await
    }

    /// Returns a replay's progress.
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

    /// The plugin of a delivery.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn plugin_of(&self, delivery: DeliveryId) -> Result<Option<PluginName>, DbError> {
        self.inner.reads.plugin_of(delivery).await
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

    /// The id of the effect with this key, if it is among the newest 100,000.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn effect_id(&self, key: &str) -> Result<Option<EffectId>, DbError> {
        self.inner.reads.effect_id(key, EFFECTS_SEARCHED).await
    }

    /// Makes dead effects due again under their old keys, or resolves them. Returns their number.
    ///
    /// # Errors
    /// [`DbError::Unavailable`]; some may have been resolved then.
    pub async fn resolve_effects(
        &self,
        selection: &effect::Selection,
        action: replay::Action,
        by: Decision,
    ) -> Result<u64, DbError> {
        let name = match action {
            replay::Action::Replay => "effect.replay",
            replay::Action::Discard => "effect.discard",
        };
        let mut by = BulkDecision::new(by, name, "effects", audit::describe_effects(selection));
        let (mut resolved, mut after) =
            (0, EffectId { delivery: DeliveryId { event: 0, number: 0 }, number: 0 });
        loop {
            let selection = selection.clone();
            let bulk = by.clone();
            let resolution = EffectResolution { selection, action, after, limit: EFFECTS_PAGE, by: bulk };
            let page = match self.operate(|reply| Operation::ResolveEffects { resolution, reply }).await {
                Ok(page) => page,
                Err(error) => {
                    self.record_failed(Some(&by)).await;
                    return Err(error);
                }
            };
            resolved += page.len() as u64;
            by = by.after(&page);
            match page.last() {
                Some(last) if page.len() >= EFFECTS_PAGE as usize => after = *last,
                _ => return Ok(resolved),
            }
        }
    }

    pub(super) async fn operate<T>(
        &self,
        operation: impl FnOnce(Reply<T>) -> Operation,
    ) -> Result<T, DbError> {
        self.ask(|reply| Request::Operate(operation(reply))).await
    }
}
