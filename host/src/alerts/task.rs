//! The task that observes, stores and sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use retry_policies::policies::ExponentialBackoff;
use retry_policies::{Jitter, RetryDecision, RetryPolicy as _};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::attempt::attempt;
use super::conditions::{self, Facts};
use super::notification;
use super::rules::AlertState;
use super::view::{AlertView, TestError, TestResult, view};
use crate::clock;
use crate::config::{Alert, Condition, Config};
use crate::db::{Db, DbError, DeadLetters};
use crate::effect::EffectOutcome;
use crate::event::{SourceName, now_ms};
use crate::outbound::{EffectResult, Outbound};
use crate::plugins::Plugins;

/// The interval of observations.
const TICK: Duration = Duration::from_secs(2);
/// A database that takes longer is not waited for.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// The count of dead letters reads each of them: after it the host rests for so many times its duration.
const REST_FACTOR: u32 = 20;
/// The shortest and the longest wait before the next attempt at a notification.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));
/// The time after which a notification that does not arrive is dropped.
const AGE_MAX_MS: u64 = 24 * 3_600_000;

/// Counts the verified events of each source since the host started.
pub type CountVerified = Arc<dyn Fn() -> Vec<(SourceName, u64)> + Send + Sync>;

/// What alerts watch and use.
pub struct AlertSetup {
    /// The configuration, which is followed.
    pub config: watch::Receiver<Arc<Config>>,
    /// What is stored.
    pub db: Db,
    /// The plugins.
    pub plugins: Plugins,
    /// The way out.
    pub outbound: Outbound,
    /// The events that came in.
    pub verified: CountVerified,
}

/// The alerts of a host. Clones are the same ones.
#[derive(Clone)]
pub struct Alerts(Arc<Inner>);

struct Inner {
    setup: AlertSetup,
    states: Mutex<BTreeMap<String, AlertState>>,
    /// One test at a time.
    testing: Semaphore,
}

impl Alerts {
    /// The alerts of a host. Nothing is observed before [`Alerts::run`].
    #[must_use]
    pub fn new(setup: AlertSetup) -> Self {
        Self(Arc::new(Inner { setup, states: Mutex::default(), testing: Semaphore::new(1) }))
    }

    /// Lists the configured alerts.
    #[must_use]
    pub fn list(&self) -> Vec<AlertView> {
        let config = self.config();
        let states = self.states();
        let none = AlertState::default();
        config.alerts.iter().map(|alert| view(alert, states.get(&alert.name).unwrap_or(&none))).collect()
    }

    /// Alerts whose notification could not be handed over so far.
    #[must_use]
    pub fn failing(&self) -> Vec<String> {
        let states = self.states();
        let fails = |state: &AlertState| state.outbox.as_ref().is_some_and(|outbox| outbox.failures > 0);
        states.iter().filter(|(_, state)| fails(state)).map(|(name, _)| name.clone()).collect()
    }

    /// Sends a test notification, with one attempt.
    ///
    /// # Errors
    /// [`TestError`]. A receiver that does not take it is a [`TestResult`].
    pub async fn test(&self, name: &str) -> Result<TestResult, TestError> {
        let config = self.config();
        let Some(alert) = config.alerts.iter().find(|alert| alert.name == name) else {
            let names = config.alerts.iter().map(|alert| alert.name.as_str()).collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "none".into() } else { names };
            return Err(TestError::Unknown(name.to_owned(), names));
        };
        let _one = self.0.testing.try_acquire().map_err(|_| TestError::Busy)?;
        let notification = notification::of_test(name, clock::now_ms());
        let EffectResult { outcome, detail, .. } =
            attempt(&self.0.setup.outbound, alert, &notification).await;
        Ok(TestResult { id: notification.id, delivered: outcome == EffectOutcome::Done, detail })
    }

    /// Observes, stores and sends until the host ends.
    pub async fn run(self) {
        let mut config = self.0.setup.config.clone();
        let mut runner = Runner::new(self);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => runner.observe().await,
                Some(done) = runner.sending.join_next() => match done {
                    Ok((name, id, result)) => runner.record(&name, &id, result).await,
                    Err(error) => tracing::error!(%error, "an attempt at a notification ended without a result"),
                },
                changed = config.changed() => if changed.is_err() { return },
            }
        }
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.0.setup.config.borrow())
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, AlertState>> {
        self.0.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of the task.
struct Runner {
    alerts: Alerts,
    /// Whether the stored states were read.
    is_restored: bool,
    /// The states as they are stored.
    saved: BTreeMap<String, String>,
    heard: Heard,
    dead_letters: Option<Vec<DeadLetters>>,
    /// When dead letters are counted again.
    count_at: Instant,
    /// Attempts at notifications, at most one of each alert.
    sending: JoinSet<(String, String, EffectResult)>,
    in_flight: BTreeSet<String>,
    failed_to_save: bool,
}

/// When each source was last heard, by the host's clock.
#[derive(Default)]
struct Heard {
    counts: BTreeMap<String, u64>,
    last: BTreeMap<String, Option<u64>>,
    /// Since when sources are watched; `None` = not yet.
    since: Option<u64>,
}

impl Heard {
    /// Takes up counts. A source whose count has grown was heard just now.
    fn update(&mut self, counts: Vec<(SourceName, u64)>, now: u64) {
        for (source, count) in counts {
            let source = source.to_string();
            if self.counts.insert(source.clone(), count).unwrap_or(0) != count {
                self.last.insert(source, Some(now));
            }
        }
    }
}

impl Runner {
    fn new(alerts: Alerts) -> Self {
        Self {
            alerts,
            is_restored: false,
            saved: BTreeMap::new(),
            heard: Heard::default(),
            dead_letters: None,
            count_at: Instant::now(),
            sending: JoinSet::new(),
            in_flight: BTreeSet::new(),
            failed_to_save: false,
        }
    }

    async fn observe(&mut self) {
        let config = self.alerts.config();
        if !self.is_restored && !self.restore().await {
            return;
        }
        self.forget(&config).await;
        if config.alerts.is_empty() {
            return;
        }
        let facts = self.facts(&config).await;
        for alert in &config.alerts {
            let mut state = self.alerts.states().get(&alert.name).cloned().unwrap_or_default();
            state.observe(conditions::observe(&facts, alert, &config), alert, facts.now);
            if let Some(changes) = state.take_changes(alert, facts.now) {
                state.outbox = Some(notification::of_changes(&alert.name, &changes, facts.now));
            }
            if self.save(&alert.name, state).await {
                self.send_due(alert, facts.now);
            }
        }
    }

    /// Reads the stored states. Returns whether they are known now.
    async fn restore(&mut self) -> bool {
        let Ok(stored) = within(self.alerts.0.setup.db.alerts()).await else { return false };
        let now = clock::now_ms();
        for (name, text) in stored {
            match serde_json::from_str::<AlertState>(&text) {
                Ok(state) => drop(self.alerts.states().insert(name.clone(), state.restored(now))),
                Err(error) => {
                    tracing::warn!(alert = name, %error, "the stored state of the alert is not readable: it begins anew");
                }
            }
            self.saved.insert(name, text);
        }
        self.is_restored = true;
        true
    }

    /// Removes the states of alerts that are no longer configured.
    async fn forget(&mut self, config: &Config) {
        let is_gone = |name: &&String| !config.alerts.iter().any(|alert| alert.name == **name);
        let gone: Vec<_> = self.saved.keys().filter(is_gone).cloned().collect();
        for name in gone {
            if self.alerts.0.setup.db.save_alert(&name, None).await.is_ok() {
                self.saved.remove(&name);
                self.alerts.states().remove(&name);
                metrics::gauge!("hookyard_alert_problems", "alert" => name.clone()).set(0.0);
                metrics::gauge!("hookyard_alert_failing", "alert" => name.clone()).set(0.0);
                tracing::info!(alert = name, "the alert is no longer configured, and its state was removed");
            }
        }
    }

    async fn facts(&mut self, config: &Config) -> Facts {
        let alerts = self.alerts.clone();
        let setup = &alerts.0.setup;
        let watches = |condition| config.alerts.iter().any(|alert| alert.on.contains(&condition));
        if watches(Condition::DeadLetter) && self.count_at <= Instant::now() {
            let began = Instant::now();
            self.dead_letters = within(setup.db.dead_letters()).await.ok();
            self.count_at = Instant::now() + began.elapsed() * REST_FACTOR;
        }
        if watches(Condition::SourceSilent) {
            self.listen().await;
        }
        let paused = within(setup.db.paused()).await.ok();
        let now = clock::now_ms();
        Facts {
            now,
            dead_letters: self.dead_letters.clone(),
            paused: paused.map(|all| all.into_iter().map(|(plugin, _)| plugin.to_string()).collect()),
            broken: setup.db.broken().keys().map(ToString::to_string).collect(),
            plugins: setup.plugins.list(),
            backlog: setup.db.backlog(),
            heard: self.heard.last.clone(),
            watched_since: self.heard.since.unwrap_or(now),
            pruning: setup.db.pruning_state(),
            index_lag_ms: setup.db.index_status().lag_ms,
        }
    }

    /// Finds out which sources were heard.
    async fn listen(&mut self) {
        let setup = &self.alerts.0.setup;
        let now = clock::now_ms();
        if self.heard.since.is_none() {
            // The events of earlier processes. Their times are of the system clock.
            let Ok(last) = within(setup.db.last_received()).await else { return };
            let host_time = |at: u64| now.saturating_sub(now_ms().saturating_sub(at));
            self.heard.last = last.into_iter().map(|(source, at)| (source, Some(host_time(at)))).collect();
            self.heard.since = Some(now);
        }
        self.heard.update((setup.verified)(), now);
    }

    /// Stores a state if it differs from the stored one, and returns whether it is stored. Otherwise the old one stays,
    /// and nothing of the new one is sent.
    async fn save(&mut self, name: &str, state: AlertState) -> bool {
        let text = match serde_json::to_string(&state) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!(alert = name, %error, "the state of the alert cannot be written");
                return false;
            }
        };
        if self.saved.get(name) != Some(&text)
            && (state != AlertState::default() || self.saved.contains_key(name))
        {
            let saved = self.alerts.0.setup.db.save_alert(name, Some(text.clone())).await;
            if let Err(error) = saved {
                if !std::mem::replace(&mut self.failed_to_save, true) {
                    tracing::warn!(alert = name, %error, "the state of the alert cannot be stored, trying again");
                }
                return false;
            }
            self.failed_to_save = false;
            self.saved.insert(name.to_owned(), text);
        }
        let fails = state.outbox.as_ref().is_some_and(|outbox| outbox.failures > 0);
        let problems = u32::try_from(state.problems.len()).unwrap_or(u32::MAX);
        metrics::gauge!("hookyard_alert_problems", "alert" => name.to_owned()).set(f64::from(problems));
        metrics::gauge!("hookyard_alert_failing", "alert" => name.to_owned()).set(f64::from(u8::from(fails)));
        self.alerts.states().insert(name.to_owned(), state);
        true
    }

    /// Begins an attempt at a notification that is due.
    fn send_due(&mut self, alert: &Alert, now: u64) {
        let outbox = self.alerts.states().get(&alert.name).and_then(|state| state.outbox.clone());
        let Some(notification) = outbox.filter(|outbox| outbox.due_at <= now) else { return };
        if self.in_flight.insert(alert.name.clone()) {
            let (alert, outbound) = (alert.clone(), self.alerts.0.setup.outbound.clone());
            self.sending.spawn(async move {
                let result = attempt(&outbound, &alert, &notification).await;
                (alert.name, notification.id, result)
            });
        }
    }

    /// Records an attempt. Without its record it is made again, with the same id.
    async fn record(&mut self, name: &str, id: &str, result: EffectResult) {
        self.in_flight.remove(name);
        let Some(mut state) = self.alerts.states().get(name).cloned() else { return };
        let Some(outbox) = state.outbox.as_mut().filter(|outbox| outbox.id == id) else { return };
        let EffectResult { outcome, detail, progress, .. } = result;
        let now = clock::now_ms();
        let label = if outcome == EffectOutcome::Done {
            tracing::info!(alert = name, notification = id, "told: {}", outbox.title);
            state.outbox = None;
            "delivered"
        } else if now >= outbox.made_at.saturating_add(AGE_MAX_MS) {
            tracing::error!(
                alert = name,
                notification = id,
                "a notification is dropped after a day: {detail}"
            );
            state.outbox = None;
            "dropped"
        } else {
            outbox.failures += 1;
            outbox.due_at = now.saturating_add(backoff_ms(outbox.failures));
            outbox.progress = progress.unwrap_or_else(|| outbox.progress.clone());
            let failures = outbox.failures;
            tracing::warn!(
                alert = name,
                notification = id,
                failures,
                "a notification was not delivered, trying again: {detail}"
            );
            outbox.last_error = Some(detail);
            "failed"
        };
        metrics::counter!("hookyard_alert_notifications_total", "alert" => name.to_owned(), "outcome" => label).increment(1);
        self.save(name, state).await;
    }
}

/// The wait after so many failures, half of it random.
fn backoff_ms(failures: u32) -> u64 {
    let policy = ExponentialBackoff::builder()
        .retry_bounds(BACKOFF.0, BACKOFF.1)
        .jitter(Jitter::Bounded)
        .build_with_max_retries(u32::MAX);
    let now = SystemTime::now();
    let wait = match policy.should_retry(now, failures.saturating_sub(1)) {
        RetryDecision::Retry { execute_after } => execute_after.duration_since(now).unwrap_or(BACKOFF.0),
        RetryDecision::DoNotRetry => BACKOFF.1,
    };
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

async fn within<T>(read: impl Future<Output = Result<T, DbError>>) -> Result<T, DbError> {
    let late = || DbError::Unavailable("it does not answer in time".into());
    tokio::time::timeout(READ_TIMEOUT, read).await.unwrap_or_else(|_| Err(late()))
}
