//! An in-memory host, which runs a handler as a transaction, as the real host does.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use std::{mem, thread};

use super::received::{Json, unknown};
use super::world::{self, Key, World};
use super::{Handled, Outcome, Payload, Write, component, decoded};
use crate::http::Response;
use crate::{Context, EventHandler, Failure, Result};

/// A host for one test. Its store persists from one event to the next.
#[derive(Debug, Default)]
pub struct Host {
    world: World,
}

impl Host {
    /// A host with an empty store and an empty configuration. It grants every destination.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value in the plugin's `config` or `secrets`.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.world.config.insert(key.into(), value.into());
        self
    }

    /// Sets the media type of the content that the payloads of the events were made of.
    #[must_use]
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.world.content_type = Some(content_type.into());
        self
    }

    /// Sets an attribute of the events, which are `CloudEvents`.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.world.attributes.insert(name.into(), value.into());
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

    /// Sets the response to a fetched request. A request without a response fails.
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
        self.handle_in(sample_context(&payload), payload)
    }

    /// Runs the typed handler of `H` for this payload, in this context.
    pub fn handle_in<H>(&mut self, ctx: Context, payload: impl Payload<H>) -> Handled {
        if let Some(file) = component::built() {
            let mut json = String::new();
            payload.write(&mut json);
            return self.attempt(&file, &ctx, Some(package(&payload)), json);
        }
        self.run(ctx, |ctx| payload.call(ctx))
    }

    /// Runs the typed handler of `H` for a whole event, as its sender posts it: JSON. The program `hookyard` decodes the
    /// payload, so that values, errors and notes are those of a real host: `host.deliver_event::<Plugin, Order>(body)`.
    ///
    /// # Panics
    /// Panics if the body is no event, or the program is missing.
    pub fn deliver_event<H, P: Payload<H>>(&mut self, body: &str) -> Handled {
        let sent: Json = serde_json::from_str(body).unwrap_or_else(|error| unknown(error));
        assert_eq!(sent["type"].as_str(), Some(P::EVENT_TYPE), "the event has another type than the payload");
        let text = |name: &str, otherwise: &str| match &sent[name] {
            Json::Null => otherwise.to_owned(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let sample = Context { source: P::SOURCE.into(), ..Context::sample(P::EVENT_TYPE) };
        let (event_id, created) = (text("id", &sample.event_id), text("created", &sample.created));
        match decoded::decode(P::EVENT_TYPE, P::PACKAGE, body) {
            Ok((json, notes)) => {
                let ctx = Context { event_id, created, ..sample };
                let mut handled = self.handle_in::<H>(ctx, P::read(&json));
                handled.lines.splice(0..0, notes);
                handled
            }
            Err(reason) => {
                let before = self.world.store.clone();
                self.finish(Outcome::Rejected(reason), &before)
            }
        }
    }

    /// Runs a handler in a sample context: `host.call("order.paid", |ctx| <Plugin as OrderPaid>::handle(ctx, order))`.
    pub fn call(&mut self, event_type: &str, handle: impl FnOnce(Context) -> Result) -> Handled {
        self.run(Context::sample(event_type), handle)
    }

    /// Runs the generic handler of `H` for an event of this type. `data` is JSON, as text or as a
    /// `serde_json::Value`.
    pub fn event<H: EventHandler>(&mut self, event_type: &str, data: impl ToString) -> Handled {
        self.event_in::<H>(Context::sample(event_type), data)
    }

    /// Runs the generic handler of `H` in this context.
    pub fn event_in<H: EventHandler>(&mut self, ctx: Context, data: impl ToString) -> Handled {
        if let Some(file) = component::built() {
            return self.attempt(&file, &ctx, None, data.to_string());
        }
        self.run(ctx, |ctx| H::handle(ctx, data.to_string()))
    }

    /// Delivers to the built component.
    fn attempt(&mut self, file: &str, context: &Context, package: Option<&str>, payload: String) -> Handled {
        let before = self.world.store.clone();
        let delivery = component::Delivery { context, package, payload };
        let outcome = component::attempt(file, &delivery, &mut self.world);
        self.finish(outcome, &before)
    }

    fn run(&mut self, ctx: Context, call: impl FnOnce(Context) -> Result) -> Handled {
        crate::logger::begin();
        self.world.delivery.clone_from(&ctx.idempotency_key);
        let before = self.world.store.clone();

        self.exchange();
        let result = catch_unwind(AssertUnwindSafe(|| call(ctx)));
        self.exchange();

        self.finish(outcome(result), &before)
    }

    fn finish(&mut self, outcome: Outcome, before: &BTreeMap<Key, Vec<u8>>) -> Handled {
        let mut effects = mem::take(&mut self.world.effects);
        if outcome != Outcome::Done {
            self.world.store.clone_from(before);
            effects.clear();
        }
        Handled {
            outcome,
            lines: mem::take(&mut self.world.lines),
            writes: differences(before, &self.world.store),
            effects,
            fetched: mem::take(&mut self.world.fetched),
        }
    }

    /// Swaps this host's state with the thread's.
    fn exchange(&mut self) {
        world::with(|world| mem::swap(world, &mut self.world));
    }
}

fn sample_context<H, P: Payload<H>>(_: &P) -> Context {
    Context { source: P::SOURCE.into(), ..Context::sample(P::EVENT_TYPE) }
}

fn package<H, P: Payload<H>>(_: &P) -> &'static str {
    P::PACKAGE
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
