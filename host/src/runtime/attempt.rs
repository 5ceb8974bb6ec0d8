//! One attempt: a fresh instance, one call, a deadline, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{ComponentExportIndex, Val};
use wasmtime::{Error, Store, UpdateDeadline};

use super::decode::decode;
use super::guest::Guest;
use super::handlers::{Data, Handler};
use super::limits::Limits;
use super::load::Revision;
use super::logs::Logs;
use super::outcome;
use super::trap::{self, Deadline};
use crate::delivery::{Attempt, Cause, Delivery, Failure, Outcome};
use crate::event::now_ms;

/// How long after the guest's deadline a call that does not come back is dropped: a bound of its
/// own beside the epoch's, for a host function that does not return.
const GRACE: Duration = Duration::from_millis(250);

/// What an operator gives and allows a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What `wasi:config/store` answers: config and secrets.
    pub config: Arc<BTreeMap<String, String>>,
    /// Longest time of one call.
    pub call_timeout: Duration,
    /// Linear memory, all memories of an instance added up.
    pub memory_max_bytes: usize,
    /// Log text kept of an attempt.
    pub log_max_bytes: usize,
}

/// What to call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The delivery to try.
    pub delivery: &'a Delivery,
    /// The WIT package of the source's typed handlers.
    pub package: Option<&'a str>,
    /// The plugin's settings.
    pub settings: &'a Settings,
}

impl Revision {
    /// Tries a delivery once. Whatever the guest does ends up in the attempt.
    pub async fn attempt(&self, call: Call<'_>) -> Attempt {
        let (started_at, started) = (now_ms(), Instant::now());
        let event = &call.delivery.event;
        let number = call.delivery.attempts + 1;
        let logs = Logs::new(call.settings.log_max_bytes, self.plugin.as_str(), &event.id);
        let mut attempt = Attempt {
            number,
            started_at,
            duration_us: 0,
            revision: self.digest,
            peak_memory_bytes: 0,
            logs: Vec::new(),
            failure: None,
        };
        if let Some(handler) = self.handlers.find(call.package, &event.event_type) {
            self.call(handler, call, &logs, &mut attempt).await;
        } else {
            let reason = format!("this revision has no handler for {}", event.event_type);
            attempt.failure = Some(rejected(reason));
        }
        if let Some(failure) = &mut attempt.failure {
            failure.reason = self.named(call.delivery, &failure.reason);
        }
        attempt.logs = logs.take();
        attempt.duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        attempt
    }

    async fn call(&self, handler: &Handler, call: Call<'_>, logs: &Logs, attempt: &mut Attempt) {
        let event = &call.delivery.event;
        let payload = match &handler.data {
            Data::Typed(plan) => decode(plan, event.payload()),
            Data::Json => Ok(Val::String(String::from_utf8_lossy(event.payload()).into_owned())),
        };
        let at = |reason: String| format!("{}: {reason}", handler.export);
        let params = match payload {
            Ok(payload) => [handler.context.fill(call.delivery, attempt.number), payload],
            Err(misfit) => return attempt.failure = Some(rejected(at(misfit.to_string()))),
        };
        let (result, limits) = self.run(handler.func, &params, call.settings, logs).await;
        attempt.peak_memory_bytes = limits.peak_memory_bytes();
        attempt.failure = match result {
            Ok(returned) => outcome::read(&returned),
            Err(error) => {
                let (cause, reason) = trap::explain(&error, &limits);
                Some(Failure { outcome: Outcome::Retry, cause, reason: at(reason), after_ms: None })
            }
        };
    }

    /// Names plugin, revision and event in front of a reason.
    fn named(&self, delivery: &Delivery, reason: &str) -> String {
        format!("{} {} on {}: {reason}", self.plugin, self.digest.short(), delivery.event.id)
    }

    /// Instantiates once, and asks a generic handler what it wants: a revision that cannot even do
    /// that is refused before it replaces anything.
    pub(super) async fn try_out(&self, settings: &Settings) -> Result<Vec<String>, String> {
        let logs = Logs::new(settings.log_max_bytes, self.plugin.as_str(), "(load)");
        let Some(generic) = &self.handlers.generic else {
            let (made, limits) = self
                .within(settings, &logs, async |store| self.pre.instantiate_async(store).await.map(drop))
                .await;
            return made
                .map(|()| Vec::new())
                .map_err(|e| format!("instantiating it: {}", trap::explain(&e, &limits).1));
        };
        let (listed, limits) = self.run(generic.subscriptions, &[], settings, &logs).await;
        let listed = listed.map_err(|e| {
            format!("its export {}: subscriptions: {}", generic.handler.export, trap::explain(&e, &limits).1)
        })?;
        let Val::List(patterns) = listed else { return Ok(Vec::new()) };
        Ok(patterns.into_iter().filter_map(|p| if let Val::String(p) = p { Some(p) } else { None }).collect())
    }

    /// Calls an export that returns one value, in a fresh instance.
    async fn run(
        &self,
        func: ComponentExportIndex,
        params: &[Val],
        settings: &Settings,
        logs: &Logs,
    ) -> (Result<Val, Error>, Limits) {
        self.within(settings, logs, async |store| {
            let instance = self.pre.instantiate_async(&mut *store).await?;
            let func =
                instance.get_func(&mut *store, func).ok_or_else(|| Error::msg("the export is gone"))?;
            let mut results = [Val::Bool(false)];
            func.call_async(&mut *store, params, &mut results).await?;
            let [result] = results;
            Ok(result)
        })
        .await
    }

    /// Makes a store with limits and a deadline, and drops it before its place in the pool is free
    /// for another.
    async fn within<T>(
        &self,
        settings: &Settings,
        logs: &Logs,
        body: impl AsyncFnOnce(&mut Store<Guest>) -> Result<T, Error>,
    ) -> (Result<T, Error>, Limits) {
        let runtime = &self.runtime.0;
        // A closed pool cannot be: nothing closes it. A full one makes this wait.
        let _places = runtime.pool.acquire_many(self.slots).await;
        let limits = Limits::new(settings.memory_max_bytes, runtime.limits.table_elements_max);
        let deadline = Instant::now() + settings.call_timeout;
        let guest = Guest::new(limits, logs.clone(), Arc::clone(&settings.config), deadline);
        let mut store = Store::new(&runtime.engine, guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|context| {
            if Instant::now() >= context.data().deadline {
                return Err(Error::new(Deadline));
            }
            // Others run between two ticks of a guest that does not stop by itself.
            Ok(UpdateDeadline::Yield(1))
        });
        let result = tokio::time::timeout(settings.call_timeout + GRACE, body(&mut store)).await;
        let result = result.unwrap_or_else(|_| Err(Error::new(Deadline)));
        (result, store.into_data().limits)
    }
}

fn rejected(reason: String) -> Failure {
    Failure { outcome: Outcome::Rejected, cause: Cause::Payload, reason, after_ms: None }
}
