//! Effects as work: after the commit, does what handlers asked for, until it succeeds or never will.
//!
//! An effect runs at least once: a crash between the deed and the commit of its try makes it run again,
//! with the same idempotency key. Its plugin need not be there any more; its grants are those of now.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::acceptance::Acceptance;
use super::breaker::AttemptSignal;
use super::gate::Gate;
use super::lanes::{Completion, LeasedItems};
use super::{dispatcher, retry};
use crate::clock;
use crate::config::{self, Config};
use crate::db::{Accept, Db, DbError};
use crate::effect::{self, Effect, EffectId, Emitted, Performed, Performing, Try, TryOutcome};
use crate::event::{Digest, Event, Origin, PluginName, now_ms};
use crate::failpoint::{self, Point};
use crate::outbound::{EffectContext, Grants, Outbound, Sent};
use crate::plugins::{self, Backoff};
use crate::secrets::Mask;

/// See the module.
pub(super) struct Effects {
    db: Db,
    acceptance: Acceptance,
    outbound: Outbound,
    config: watch::Receiver<Arc<Config>>,
    masks: Mutex<Masks>,
    gate: Arc<Gate>,
}

/// Masks that were made, and the configuration that they were made for.
#[derive(Default)]
struct Masks {
    config: Option<Arc<Config>>,
    made: HashMap<PluginName, Arc<Mask>>,
}

impl dispatcher::WorkKind for Effects {
    type Item = Performing;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    async fn run(self: &Arc<Self>, effect: Performing) -> Completion<EffectId> {
        let (id, company) = (effect.id, self.db.effect_company(&effect));
        let is_over = || self.db.effect_is_over(id);
        let due = self.gate.run(company, Box::pin(self.perform(effect)), is_over).await;
        Completion { id, due, signal: AttemptSignal::Neutral }
    }

    async fn lease(&self, plugin: PluginName, limit: usize) -> Result<LeasedItems<Performing>, DbError> {
        let wait_max = Duration::from_millis(self.config.borrow().effects.backoff_max_ms);
        let lease = self.db.lease_effects(plugin, limit, wait_max).await?;
        Ok(LeasedItems { items: lease.effects, more: lease.more })
    }

    fn release(&self, effects: Vec<Performing>) {
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
    ) -> Self {
        Self { db, acceptance, outbound, config, masks: Mutex::default(), gate }
    }

    /// How many effects of a plugin may be performed at once.
    pub(super) fn plugin_concurrency(&self) -> usize {
        self.config.borrow().effects.plugin_concurrency
    }

    /// One try, recorded. Returns when the effect is due again, if it is.
    async fn perform(&self, mut effect: Performing) -> Option<u64> {
        self.db.effect_started(&effect);
        let config = self.config.borrow().clone();
        let (started_at, started) = (now_ms(), Instant::now());
        let mask = self.mask(&config, &effect.plugin);
        if effect.tries == effect.tries_before {
            // An operator has it tried again, so whoever was refused is asked again.
            effect.progress.refused.clear();
        }
        failpoint::pass(Point::BeforeEffect);
        failpoint::pass_for(Point::InEffect, effect.plugin.as_str());
        let restored = if effect.asked.masked { mask.restore(&mut effect.asked.effect) } else { Ok(()) };
        let mut sent = match restored {
            Ok(()) => self.try_once(&config, &effect, &mask).await,
            Err(name) => without_secret(&name),
        };
        failpoint::pass(Point::AfterEffect);
        sent.detail = mask.hide(&sent.detail).into_owned();
        let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let number = effect.tries + 1;
        let due = due(&sent, number - effect.tries_before, &config.effects);
        report(&effect, &sent, due);
        let made = Try { number, started_at, duration_us, outcome: sent.outcome, detail: sent.detail };
        let Performing { id, plugin, asked, .. } = effect;
        self.db.performed(Performed { id, plugin, size: asked.size, made, due, progress: sent.progress });
        due
    }

    /// The mask of a plugin, which need not be here any more.
    fn mask(&self, config: &Arc<Config>, plugin: &PluginName) -> Arc<Mask> {
        let mut masks = self.masks.lock().unwrap_or_else(PoisonError::into_inner);
        if !masks.config.as_ref().is_some_and(|known| Arc::ptr_eq(known, config)) {
            *masks = Masks { config: Some(Arc::clone(config)), made: HashMap::new() };
        }
        let make = || Arc::new(plugins::mask(config, plugin));
        Arc::clone(masks.made.entry(plugin.clone()).or_insert_with(make))
    }

    async fn try_once(&self, config: &Config, effect: &Performing, mask: &Mask) -> Sent {
        let grants = Grants::of(&effect.plugin, &config.plugin(effect.plugin.as_str()));
        let (key, progress) = (&effect.asked.key, &effect.progress);
        let context = EffectContext { grants: &grants, mask, key, progress };
        match &effect.asked.effect {
            Effect::Http(request) => self.outbound.send(&context, request).await,
            Effect::Email(email) => self.outbound.mail(&context, email).await,
            Effect::Event(emitted) => match self.outbound.check_event(&grants, emitted) {
                Ok(()) => self.emit(effect, emitted).await,
                Err(detail) => not_granted(detail),
            },
        }
    }

    /// Stores an event like one that was received.
    async fn emit(&self, effect: &Performing, emitted: &Emitted) -> Sent {
        let event = event_of(effect, emitted);
        let sent = |outcome, detail: String| Sent { outcome, detail, after: None, progress: None };
        match self.acceptance.accept(event).await {
            Ok(Accept::Accepted { deliveries }) => {
                sent(TryOutcome::Done, format!("accepted, deliveries: {deliveries}"))
            }
            // An earlier try stored it, and was not recorded.
            Ok(Accept::Duplicate | Accept::Conflict) => sent(TryOutcome::Done, "accepted before".into()),
            Err(error) => sent(TryOutcome::Retry, error.to_string()),
        }
    }
}

/// What an effect needs was taken out of the configuration. It may come back.
fn not_granted(detail: String) -> Sent {
    Sent { outcome: TryOutcome::Refused, detail, after: None, progress: None }
}

fn without_secret(name: &str) -> Sent {
    let detail = format!("the secret `{name}` is not configured any more: add it to the plugin's `secrets`");
    Sent { outcome: TryOutcome::Retry, detail, after: None, progress: None }
}

/// When an effect is tried again that was tried `number` times, if it is.
fn due(sent: &Sent, number: u32, limits: &config::Effects) -> Option<u64> {
    if sent.outcome != TryOutcome::Retry || number >= limits.tries_max {
        return None;
    }
    let backoff = Backoff {
        base: Duration::from_millis(limits.backoff_base_ms),
        max: Duration::from_millis(limits.backoff_max_ms),
    };
    Some(retry::due(number, sent.after, backoff, clock::now_ms()))
}

/// The event that an effect emits: the same on every try.
fn event_of(effect: &Performing, emitted: &Emitted) -> Event {
    let body = bytes::Bytes::copy_from_slice(emitted.data.as_bytes());
    let received_at = now_ms();
    let delivery = effect.id.delivery;
    Event {
        source: effect::source_of(&effect.plugin),
        id: effect.asked.key.clone(),
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
    }
}

/// Counts a try and tells operators of one that failed.
fn report(effect: &Performing, sent: &Sent, due: Option<u64>) {
    let (plugin, kind) = (effect.plugin.as_str(), effect.asked.effect.kind());
    let (key, number, detail) = (effect.asked.key.as_str(), effect.tries + 1, sent.detail.as_str());
    let outcome = match (sent.outcome, due) {
        (TryOutcome::Done, _) => "done",
        (_, Some(_)) => "retry",
        (_, None) => "dead",
    };
    metrics::counter!("hookyard_effect_tries_total",
        "plugin" => plugin.to_owned(), "kind" => kind, "outcome" => outcome)
    .increment(1);
    match (outcome, due) {
        ("done", _) => tracing::debug!(plugin, kind, key, number, "effect done: {detail}"),
        (_, Some(due)) => {
            let again_in_ms = due.saturating_sub(clock::now_ms());
            tracing::warn!(plugin, kind, key, number, again_in_ms, "effect failed: {detail}");
        }
        _ => tracing::error!(plugin, kind, key, number, "effect is dead: {detail}"),
    }
}
