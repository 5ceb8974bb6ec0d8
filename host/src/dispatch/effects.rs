//! Effects as work: carries out queued effects after their commit, until they succeed or fail permanently.
//!
//! An effect is carried out at least once. A crash between the request and the commit of its attempt repeats it, with
//! the same idempotency key. Its plugin may be removed meanwhile; the current grants apply.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tracing::field::display;

use super::acceptance::Acceptance;
use super::breaker::AttemptSignal;
use super::gate::Gate;
use super::lanes::{Completion, LeasedItems};
use super::{dispatcher, retry, spans};
use crate::clock;
use crate::config::{self, Config};
use crate::db::{Accept, Db, DbError};
use crate::effect::{
    self, CompletedEffect, Effect, EffectAttempt, EffectId, EffectOutcome, Emitted, LeasedEffect,
};
use crate::event::{Digest, Event, Origin, PluginName, now_ms};
use crate::failpoint::{self, Point};
use crate::outbound::{EffectContext, EffectResult, Grants, Outbound};
use crate::plugins::{self, Backoff};
use crate::secrets::Mask;
use crate::telemetry::Telemetry;
use crate::trace::TraceContext;

/// The kind of work that carries out effects.
pub(super) struct Effects {
    db: Db,
    acceptance: Acceptance,
    outbound: Outbound,
    config: watch::Receiver<Arc<Config>>,
    masks: Mutex<Masks>,
    gate: Arc<Gate>,
    telemetry: Telemetry,
}

/// The masks of plugins, built from one configuration.
#[derive(Default)]
struct Masks {
    config: Option<Arc<Config>>,
    made: HashMap<PluginName, Arc<Mask>>,
}

impl dispatcher::WorkKind for Effects {
    type Item = LeasedEffect;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    async fn run(self: &Arc<Self>, effect: LeasedEffect) -> Completion<EffectId> {
        let (id, isolation) = (effect.id, self.db.effect_isolation(&effect));
        let is_over = || self.db.effect_is_over(id);
        let due = self.gate.run(isolation, Box::pin(self.record_attempt(effect)), is_over).await;
        Completion { id, due, signal: AttemptSignal::Neutral }
    }

    async fn lease(&self, plugin: PluginName, limit: usize) -> Result<LeasedItems<LeasedEffect>, DbError> {
        let wait_max = Duration::from_millis(self.config.borrow().effects.backoff_max_ms);
        let lease = self.db.lease_effects(plugin, limit, wait_max).await?;
        Ok(LeasedItems { items: lease.effects, more: lease.more })
    }

    fn release(&self, effects: Vec<LeasedEffect>) {
        self.db.release_effects(effects.iter().map(|effect| effect.id).collect());
    }

    /// The lease itself is the cheapest question.
    async fn has_due(&self) -> Result<bool, DbError> {
        Ok(true)
    }
}

impl Effects {
    pub(super) fn new(
        db: Db,
        acceptance: Acceptance,
        outbound: Outbound,
        config: watch::Receiver<Arc<Config>>,
        gate: Arc<Gate>,
        telemetry: Telemetry,
    ) -> Self {
        Self { db, acceptance, outbound, config, masks: Mutex::default(), gate, telemetry }
    }

    /// The most effects of a plugin that are carried out at once.
    pub(super) fn plugin_concurrency(&self) -> usize {
        self.config.borrow().effects.plugin_concurrency
    }

    /// Makes and records one attempt. Returns the time of the next one, if there is one.
    async fn record_attempt(&self, mut effect: LeasedEffect) -> Option<u64> {
        self.db.effect_started(&effect);
        let config = self.config.borrow().clone();
        let (started_at, started) = (now_ms(), Instant::now());
        let mask = self.mask(&config, &effect.plugin);
        if effect.attempts == effect.attempts_before {
            // An operator replays it, so refused recipients are included again.
            effect.progress.refused.clear();
        }
        failpoint::pass(Point::BeforeEffect);
        failpoint::pass_for(Point::InEffect, effect.plugin.as_str());
        let restored = if effect.queued.masked { mask.restore(&mut effect.queued.effect) } else { Ok(()) };
        let began = SystemTime::now();
        let trace = self.telemetry.active(effect.trace);
        let trace = trace.map(|trace| (trace, spans::effect_context(&effect, trace)));
        let own = trace.map(|(_, own)| own);
        let mut sent = match restored {
            Ok(()) => self.attempt(&config, &effect, &mask, own).await,
            Err(name) => without_secret(&name),
        };
        failpoint::pass(Point::AfterEffect);
        sent.detail = mask.hide(&sent.detail).into_owned();
        let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let number = effect.attempts + 1;
        let due = due(&sent, number - effect.attempts_before, &config.effects);
        report(&effect, &sent, due, started.elapsed());
        if let Some(trace) = trace {
            spans::record_effect(&self.telemetry, &effect, trace, began, sent.outcome);
        }
        let attempt =
            EffectAttempt { number, started_at, duration_us, outcome: sent.outcome, detail: sent.detail };
        let LeasedEffect { id, plugin, queued, .. } = effect;
        self.db.complete_effect(CompletedEffect {
            id,
            plugin,
            size: queued.size,
            attempt,
            due,
            progress: sent.progress,
        });
        due
    }

    /// The mask of a plugin, which may be removed already.
    fn mask(&self, config: &Arc<Config>, plugin: &PluginName) -> Arc<Mask> {
        let mut masks = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        if !masks.config.as_ref().is_some_and(|known| Arc::ptr_eq(known, config)) {
            *masks = Masks { config: Some(Arc::clone(config)), made: HashMap::new() };
        }
        let make = || Arc::new(plugins::mask(config, plugin));
        Arc::clone(masks.made.entry(plugin.clone()).or_insert_with(make))
    }

    async fn attempt(
        &self,
        config: &Config,
        effect: &LeasedEffect,
        mask: &Mask,
        trace: Option<TraceContext>,
    ) -> EffectResult {
        let grants = Grants::of(&effect.plugin, &config.plugin(effect.plugin.as_str()));
        let (key, progress) = (&effect.queued.key, &effect.progress);
        let context = EffectContext { grants: &grants, mask, key, progress, trace };
        match &effect.queued.effect {
            Effect::Http(request) => self.outbound.send(&context, request).await,
            Effect::Email(email) => self.outbound.mail(&context, email).await,
            Effect::Event(emitted) => match self.outbound.check_event(&grants, emitted) {
                Ok(()) => self.emit(effect, emitted, trace).await,
                Err(detail) => not_granted(detail),
            },
        }
    }

    /// Stores an event like one that was received.
    async fn emit(
        &self,
        effect: &LeasedEffect,
        emitted: &Emitted,
        trace: Option<TraceContext>,
    ) -> EffectResult {
        let event = Event { trace, ..event_of(effect, emitted) };
        let sent = |outcome, detail: String| EffectResult { outcome, detail, after: None, progress: None };
        match self.acceptance.accept(event).await {
            Ok(Accept::Accepted { deliveries, .. }) => {
                sent(EffectOutcome::Done, format!("accepted, deliveries: {deliveries}"))
            }
            // An earlier attempt stored it, and was not recorded.
            Ok(Accept::Duplicate | Accept::Conflict) => sent(EffectOutcome::Done, "accepted before".into()),
            Err(error) => sent(EffectOutcome::Retry, error.to_string()),
        }
    }
}

/// The result of an effect whose grant was removed from the configuration.
fn not_granted(detail: String) -> EffectResult {
    EffectResult { outcome: EffectOutcome::Refused, detail, after: None, progress: None }
}

fn without_secret(name: &str) -> EffectResult {
    let detail = format!("the secret `{name}` is not configured any more: add it to the plugin's `secrets`");
    EffectResult { outcome: EffectOutcome::Retry, detail, after: None, progress: None }
}

/// The time of the next attempt after `number` attempts, if there is one.
fn due(sent: &EffectResult, number: u32, limits: &config::Effects) -> Option<u64> {
    if sent.outcome != EffectOutcome::Retry || number >= limits.attempts_max {
        return None;
    }
    let backoff = Backoff {
        base: Duration::from_millis(limits.backoff_base_ms),
        max: Duration::from_millis(limits.backoff_max_ms),
    };
    Some(retry::due(number, sent.after, backoff, clock::now_ms()))
}

/// The event that an effect emits, the same on each attempt.
fn event_of(effect: &LeasedEffect, emitted: &Emitted) -> Event {
    let body = bytes::Bytes::copy_from_slice(emitted.data.as_bytes());
    let received_at = now_ms();
    let delivery = effect.id.delivery;
    Event {
        source: effect::source_of(&effect.plugin),
        id: effect.queued.key.clone(),
        event_type: emitted.event_type.clone(),
        created: crate::event::rfc3339(received_at),
        received_at,
        payload: 0..body.len(),
        ordering_key: None,
        digest: Digest::of(&body),
        body,
        origin: Some(Origin {
            event: delivery.event,
            delivery: delivery.number,
            depth: effect.depth + 1,
            root: effect.root,
        }),
        trace: None,
        metadata: None,
    }
}

/// Counts an attempt, and logs a failed one.
fn report(effect: &LeasedEffect, sent: &EffectResult, due: Option<u64>, took: Duration) {
    let (plugin, kind) = (effect.plugin.as_str(), effect.queued.effect.kind());
    let (key, number, detail) = (effect.queued.key.as_str(), effect.attempts + 1, sent.detail.as_str());
    let outcome = match (sent.outcome, due) {
        (EffectOutcome::Done, _) => "done",
        (_, Some(_)) => "retry",
        (_, None) => "dead",
    };
    metrics::counter!("hookyard_effect_attempts_total",
        "plugin" => plugin.to_owned(), "kind" => kind, "outcome" => outcome)
    .increment(1);
    metrics::histogram!("hookyard_effect_seconds", "plugin" => plugin.to_owned(), "kind" => kind)
        .record(took);
    let (delivery, trace) = (display(effect.id.delivery), effect.trace.map(|trace| display(trace.trace)));
    match (outcome, due) {
        ("done", _) => tracing::debug!(plugin, delivery, trace, kind, key, number, "effect done: {detail}"),
        (_, Some(due)) => {
            let again_in_ms = due.saturating_sub(clock::now_ms());
            tracing::warn!(
                plugin,
                delivery,
                trace,
                kind,
                key,
                number,
                again_in_ms,
                "effect failed: {detail}"
            );
        }
        _ => tracing::error!(plugin, delivery, trace, kind, key, number, "effect is dead: {detail}"),
    }
}
