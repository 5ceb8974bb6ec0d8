//! What one call does within its transaction: reads and writes of its plugin's store, and the effects
//! that it asks for. Kept in memory until the call has ended.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::attempt::Settings;
use super::budget::{MemoryBudget, OverBudget, Reservation};
use super::checkpoint::Checkpoint;
use super::stores::Stores;
use super::text;
use super::trap::Deadline;
use crate::completion::Work;
use crate::config::EVENT_TYPE_MAX_BYTES;
use crate::delivery::Delivery;
use crate::effect::{self, Asked, Effect, Emitted};
use crate::event::PluginName;
use crate::keyvalue::{EntryKey, KeyPage, Peeked, Transaction};
use crate::outbound::{Grants, Outbound};
use crate::secrets::Mask;

/// Keys of one page of `list-keys`.
const KEYS_PER_PAGE: usize = 1000;
/// Entries that one call may touch.
const TOUCHED_MAX: usize = 10_000;
/// What an entry that was read takes beside its key and value, what one that is written takes beside its
/// value, and an effect beside its content.
const SEEN_BYTES: usize = 192;
const WRITTEN_BYTES: usize = 128;
const EFFECT_BYTES: usize = 256;

/// Why a host function does not do what it was called for.
#[derive(Debug)]
pub(super) enum Denial {
    /// The guest is told so and decides what to do.
    Refused(String),
    /// The call ends.
    Ended(wasmtime::Error),
}

impl From<String> for Denial {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

impl From<wasmtime::Error> for Denial {
    fn from(error: wasmtime::Error) -> Self {
        Self::Ended(error)
    }
}

impl From<Deadline> for Denial {
    fn from(deadline: Deadline) -> Self {
        Self::Ended(wasmtime::Error::new(deadline))
    }
}

/// See the module.
pub(super) struct Working {
    plugin: PluginName,
    stores: Arc<dyn Stores>,
    outbound: Outbound,
    grants: Arc<Grants>,
    store_limits: crate::config::Store,
    effect_limits: crate::config::Effects,
    mask: Arc<Mask>,
    transaction: Transaction,
    effects: Vec<Asked>,
    /// The memory that transaction and effects take.
    held: Reservation,
    pub(super) checkpoint: Checkpoint,
    /// What the call is about. Its idempotency key is worked out once an effect needs it.
    delivery: Option<Delivery>,
}

impl Working {
    /// Outside of a delivery: nothing can be asked for.
    pub(super) fn new(
        plugin: PluginName,
        stores: Arc<dyn Stores>,
        outbound: Outbound,
        settings: &Settings,
        budget: &Arc<MemoryBudget>,
    ) -> Self {
        Self {
            plugin,
            stores,
            outbound,
            grants: Arc::clone(&settings.grants),
            store_limits: settings.store.clone(),
            effect_limits: settings.effects.clone(),
            mask: Arc::clone(&settings.mask),
            transaction: Transaction::default(),
            effects: Vec::new(),
            held: Reservation::empty(budget),
            checkpoint: Checkpoint::new(Instant::now() + settings.call_timeout, settings.call_timeout),
            delivery: None,
        }
    }

    /// Begins the work on a delivery, with nothing of what was before.
    pub(super) fn begin(&mut self, delivery: Option<&Delivery>) {
        self.transaction = Transaction::default();
        self.effects = Vec::new();
        self.held.clear();
        self.delivery = delivery.cloned();
    }

    /// What the call did.
    pub(super) fn end(&mut self) -> Work {
        let transaction = std::mem::take(&mut self.transaction);
        let mut store = transaction.end();
        if let Some(store) = &mut store {
            store.bytes_max = Some(self.store_limits.size_max_bytes);
        }
        Work { store, effects: std::mem::take(&mut self.effects) }
    }

    /// An entry's key, if it may be one.
    pub(super) fn key(&self, bucket: &Arc<str>, key: &str) -> Result<EntryKey, String> {
        check_name("key", key, self.store_limits.key_max_bytes)?;
        Ok(EntryKey { bucket: Arc::clone(bucket), key: key.into() })
    }

    /// A bucket's name, if it may be one.
    pub(super) fn bucket(&self, name: &str) -> Result<Arc<str>, String> {
        check_name("bucket's name", name, self.store_limits.key_max_bytes)?;
        Ok(name.into())
    }

    /// What is there.
    pub(super) async fn get(&mut self, key: &EntryKey) -> Result<Option<Bytes>, Denial> {
        self.see(key).await?;
        Ok(self.transaction.get(key).cloned())
    }

    /// Writes, or removes, by the end of the call.
    pub(super) async fn set(&mut self, key: EntryKey, value: Option<Vec<u8>>) -> Result<(), Denial> {
        let limits = &self.store_limits;
        let (size, most) = (value.as_ref().map_or(0, Vec::len), limits.value_max_bytes);
        if size > most {
            return Err(format!("the value has {size} bytes, store.value_max_bytes is {most}").into());
        }
        if self.transaction.bytes() + size > limits.call_max_bytes {
            let most = limits.call_max_bytes;
            return Err(format!("this call writes more than store.call_max_bytes, which is {most}").into());
        }
        self.see(&key).await?;
        if value.is_some() && self.transaction.get(&key).is_none() {
            let after = self.stores.count(&self.plugin).saturating_add_signed(self.transaction.added_keys());
            let most = self.store_limits.keys_max;
            if after >= most {
                return Err(format!("the store has {after} keys, store.keys_max is {most}").into());
            }
        }
        let growth = self.transaction.growth(&key, value.as_ref().map(Vec::len));
        if growth > 0 {
            let added = self.transaction.added_bytes() + growth;
            let after = self.stores.bytes(&self.plugin).saturating_add_signed(added);
            let most = self.store_limits.size_max_bytes;
            if after > most {
                let reason = format!("the store would have {after} bytes, store.size_max_bytes is {most}");
                return Err(reason.into());
            }
        }
        let over = |over: OverBudget| over.asked_for(format_args!("wasi:keyvalue: writing {}", shown(&key)));
        self.held.grow(WRITTEN_BYTES + size).map_err(over)?;
        if let Some(replaced) = self.transaction.set(key, value.map(Bytes::from)) {
            self.held.shrink(WRITTEN_BYTES + replaced);
        }
        Ok(())
    }

    /// A page of keys.
    pub(super) async fn list(&mut self, bucket: &Arc<str>, after: Option<&str>) -> Result<KeyPage, Denial> {
        let found = self.stores.keys(&self.plugin, bucket, after, KEYS_PER_PAGE).await?;
        Ok(self.transaction.list(bucket, after, found, KEYS_PER_PAGE))
    }

    async fn see(&mut self, key: &EntryKey) -> Result<(), Denial> {
        self.checkpoint.step().await?;
        if self.transaction.has_seen(key) {
            return Ok(());
        }
        if self.transaction.touched() >= TOUCHED_MAX {
            return Err(format!("one call may touch {TOUCHED_MAX} entries").into());
        }
        let found = match self.stores.peek(&self.plugin, key) {
            Peeked::Known(found) => found,
            Peeked::Unknown => self.stores.get(&self.plugin, key).await?,
        };
        let size = SEEN_BYTES + key.key.len() + found.as_ref().map_or(0, |entry| entry.value.len());
        let over = |over: OverBudget| over.asked_for(format_args!("wasi:keyvalue: reading {}", shown(key)));
        self.held.grow(size).map_err(over)?;
        self.transaction.see(key.clone(), found);
        Ok(())
    }

    /// Asks for an effect. Returns its idempotency key.
    pub(super) fn ask(&mut self, mut effect: Effect) -> Result<String, Denial> {
        let Some(delivery) = &self.delivery else {
            return Err("effects can be asked for while an event is handled only".to_owned().into());
        };
        let limits = &self.effect_limits;
        if self.effects.len() >= limits.per_call_max {
            let most = limits.per_call_max;
            return Err(format!("one call may ask for {most} effects (effects.per_call_max)").into());
        }
        // Before anything else looks at it: what follows takes as long as the effect is large.
        let (size, most) = (effect.size_bytes(), limits.size_max_bytes);
        if size > most {
            let kind = effect.kind();
            return Err(format!("the {kind} has {size} bytes, effects.size_max_bytes is {most}").into());
        }
        let depth = delivery.event.depth();
        if matches!(effect, Effect::Event(_)) && depth >= limits.depth_max {
            let most = limits.depth_max;
            return Err(format!(
                "{depth} events caused each other up to this one, effects.depth_max is {most}"
            )
            .into());
        }
        let checked = match &effect {
            Effect::Http(request) => self.outbound.check_request(&self.grants, request),
            Effect::Email(email) => self.outbound.check_email(&self.grants, email),
            Effect::Event(event) => {
                check_event(event).and_then(|()| self.outbound.check_event(&self.grants, event))
            }
        };
        checked.map_err(|reason| text::cut_string(reason, text::REASON_MAX_BYTES))?;
        let over = |over: OverBudget| {
            over.asked_for(format_args!("hookyard:plugin/outbox: the {} of {size} bytes", effect.kind()))
        };
        self.held.grow(EFFECT_BYTES + size).map_err(over)?;
        let key = effect::idempotency_key(&delivery.idempotency_key(), self.effects.len() + 1);
        let masked = self.mask.redact(&mut effect);
        self.effects.push(Asked { key: key.clone(), effect, masked, size: size as u64 });
        Ok(key)
    }
}

fn check_event(Emitted { event_type, data }: &Emitted) -> Result<(), String> {
    let fit = |c: char| !c.is_whitespace() && !c.is_control() && c != '*';
    if event_type.is_empty() || event_type.len() > EVENT_TYPE_MAX_BYTES || !event_type.chars().all(fit) {
        let shown = text::name(event_type);
        return Err(format!("`{shown}` is no event type: write one such as `invoice.created`"));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(data)
        .map(drop)
        .map_err(|error| format!("the event's data is not JSON: {error}"))
}

/// A key for a message.
fn shown(key: &EntryKey) -> String {
    format!("`{}` of bucket `{}`", text::name(&key.key), text::name(&key.bucket))
}

fn check_name(what: &str, name: &str, most: usize) -> Result<(), String> {
    let size = name.len();
    if size > most {
        return Err(format!("the {what} has {size} bytes, store.key_max_bytes is {most}"));
    }
    Ok(())
}
