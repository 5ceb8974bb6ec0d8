//! A host in memory, which runs a handler as the real one does: as a transaction.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use std::{mem, thread};

use super::world::{self, Key, World};
use super::{Handled, Outcome, Payload, Write};
use crate::http::Response;
use crate::{Context, EventHandler, Failure, Result};

/// A host for one test: its store lasts from one event to the next.
#[derive(Debug, Default)]
pub struct Host {
    world: World,
}

impl Host {
    /// A host with an empty store and an empty configuration, which grants every destination.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value of the plugin's `config` or `secrets`.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.world.config.insert(key.into(), value.into());
        self
    }

    /// Sets a value in the store.
    #[must_use]
    pub fn set(mut self, bucket: &str, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.world.store.insert((bucket.into(), key.into()), value.as_ref().into());
        self
    }

    /// Refuses every effect with this text, as if the operator had not granted it.
    #[must_use]
    pub fn refuse(mut self, reason: &str) -> Self {
        self.world.refusal = Some(reason.into());
        self
    }

    /// Answers a request that is fetched; without an answer it fails.
    #[must_use]
    pub fn answer(mut self, method: &str, url: &str, status: u16, body: impl AsRef<[u8]>) -> Self {
        let response = Response { status, headers: Vec::new(), body: body.as_ref().into() };
        self.world.answers.insert((method.into(), url.into()), response);
        self
    }

    /// Stops the clock at this time since the Unix epoch.
    #[must_use]
    pub fn at(mut self, now: Duration) -> Self {
        self.world.now = Some(now);
        self
    }

    /// A value of the store.
    pub fn get(&self, bucket: &str, key: &str) -> Option<&[u8]> {
        self.world.store.get(&(bucket.into(), key.into())).map(Vec::as_slice)
    }

    /// A value of the store, as text.
    pub fn text(&self, bucket: &str, key: &str) -> Option<String> {
        self.get(bucket, key).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Runs the typed handler of `H` for this payload, in a sample context.
    pub fn handle<H>(&mut self, payload: impl Payload<H>) -> Handled {
        self.handle_in(Context::sample(event_type(&payload)), payload)
    }

    /// Runs the typed handler of `H` for this payload, in this context.
    pub fn handle_in<H>(&mut self, ctx: Context, payload: impl Payload<H>) -> Handled {
        self.run(ctx, |ctx| payload.call(ctx))
    }

    /// Runs the generic handler of `H` for an event of this type. `data` is JSON, as text or as a
    /// `serde_json::Value`.
    pub fn event<H: EventHandler>(&mut self, event_type: &str, data: impl ToString) -> Handled {
        self.event_in::<H>(Context::sample(event_type), data)
    }

    /// Runs the generic handler of `H` in this context.
    pub fn event_in<H: EventHandler>(&mut self, ctx: Context, data: impl ToString) -> Handled {
        self.run(ctx, |ctx| H::handle(ctx, data.to_string()))
    }

    fn run(&mut self, ctx: Context, call: impl FnOnce(Context) -> Result) -> Handled {
        crate::logger::begin();
        self.world.delivery.clone_from(&ctx.idempotency_key);
        let before = self.world.store.clone();

        self.exchange();
        let result = catch_unwind(AssertUnwindSafe(|| call(ctx)));
        self.exchange();

        let outcome = outcome(result);
        let mut effects = mem::take(&mut self.world.effects);
        if outcome != Outcome::Done {
            self.world.store.clone_from(&before);
            effects.clear();
        }
        Handled {
            outcome,
            lines: mem::take(&mut self.world.lines),
            writes: differences(&before, &self.world.store),
            effects,
            fetched: mem::take(&mut self.world.fetched),
        }
    }

    /// Puts this host's world in the place of the thread's, or the other way round.
    fn exchange(&mut self) {
        world::with(|world| mem::swap(world, &mut self.world));
    }
}

fn event_type<H, P: Payload<H>>(_: &P) -> &'static str {
    P::EVENT_TYPE
}

fn outcome(result: thread::Result<Result>) -> Outcome {
    match result {
        Ok(Ok(())) => Outcome::Done,
        Ok(Err(Failure::Retry { reason, after })) => Outcome::Retry { reason, after },
        Ok(Err(Failure::Reject(reason))) => Outcome::Rejected(reason),
        Err(panic) => Outcome::Trapped(message(panic.as_ref())),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").into()
}

fn differences(before: &BTreeMap<Key, Vec<u8>>, after: &BTreeMap<Key, Vec<u8>>) -> Vec<Write> {
    let set = after.iter().filter(|(key, value)| before.get(*key) != Some(*value));
    let set = set.map(|(key, value)| (key, Some(value.clone())));
    let deleted = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (key, None));
    let mut changed: Vec<_> = set.chain(deleted).collect();
    changed.sort_unstable();
    let write = |((bucket, key), value): (&Key, _)| Write { bucket: bucket.clone(), key: key.clone(), value };
    changed.into_iter().map(write).collect()
}
