//! The transaction of one call: its reads and writes in its plugin's store, and the effects that it queues.
//! All of it stays in memory until the call has ended.

use std::sync::Arc;

use bytes::Bytes;

use super::budget::{MemoryBudget, OverBudget, Reservation};
use super::calls::PluginSettings;
use super::deadline::{Checkpoint, Deadline, DeadlineExceeded};
use super::host_calls::HostCalls;
use super::stores::PluginStores;
use super::text;
use crate::completion::CallWork;
use crate::config::EVENT_TYPE_MAX_BYTES;
use crate::delivery::Delivery;
use crate::effect::{self, Effect, Emitted, QueuedEffect};
use crate::event::PluginName;
use crate::keyvalue::{EntryKey, KeyPage, Peeked, Transaction};
use crate::outbound::{Grants, Outbound};
use crate::secrets::Mask;

/// Keys of one page of `list-keys`.
const KEYS_PER_PAGE: usize = 1000;
/// Entries that one call may read or write.
const ENTRIES_MAX: usize = 10_000;
/// Bytes of memory: for an entry that was read, beside its key and value; for a written one, beside its
/// value; for an effect, beside its content.
const LOADED_BYTES: usize = 192;
const WRITTEN_BYTES: usize = 128;
const EFFECT_BYTES: usize = 256;

/// The reason why a host function failed.
#[derive(Debug)]
pub(super) enum HostCallError {
    /// The guest gets the reason, and decides how to continue.
    Refused(String),
    /// The call ends with this error.
    Trap(wasmtime::Error),
}

impl From<String> for HostCallError {
    fn from(reason: String) -> Self {
        Self::Refused(reason)
    }
}

impl From<wasmtime::Error> for HostCallError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

impl From<DeadlineExceeded> for HostCallError {
    fn from(exceeded: DeadlineExceeded) -> Self {
        Self::Trap(wasmtime::Error::new(exceeded))
    }
}

/// See the module.
pub(super) struct CallTransaction {
    plugin: PluginName,
    stores: Arc<dyn PluginStores>,
    outbound: Outbound,
    grants: Arc<Grants>,
    store_limits: crate::config::Store,
    effect_limits: crate::config::Effects,
    mask: Arc<Mask>,
    transaction: Transaction,
    effects: Vec<QueuedEffect>,
    /// The memory of the entries and effects.
    held: Reservation,
    checkpoint: Checkpoint,
    /// The delivery of the call. `None` is a call outside of a delivery, which cannot queue
    /// effects.
    delivery: Option<Delivery>,
    /// Notes the calls of the guest.
    pub(super) host_calls: HostCalls,
}

impl CallTransaction {
    /// The transaction of a call outside of a delivery. [`CallTransaction::begin`] makes it one of a delivery.
    pub(super) fn new(
        plugin: PluginName,
        stores: Arc<dyn PluginStores>,
        outbound: Outbound,
        settings: &PluginSettings,
        budget: &Arc<MemoryBudget>,
        deadline: Deadline,
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
            checkpoint: Checkpoint::new(deadline),
            delivery: None,
            host_calls: HostCalls::default(),
        }
    }

    /// Clears the transaction and begins that of another call.
    pub(super) fn begin(&mut self, delivery: Option<&Delivery>, deadline: Deadline) {
        self.transaction = Transaction::default();
        self.effects = Vec::new();
        self.held.clear();
        self.checkpoint = Checkpoint::new(deadline);
        self.delivery = delivery.cloned();
        self.host_calls = HostCalls::default();
    }

    /// Ends the transaction, and returns the call's work.
    pub(super) fn finish(&mut self) -> CallWork {
        let transaction = std::mem::take(&mut self.transaction);
        let mut store = transaction.end();
        if let Some(store) = &mut store {
            store.bytes_max = Some(self.store_limits.size_max_bytes);
        }
        CallWork { store, effects: std::mem::take(&mut self.effects) }
    }

    /// An entry's key.
    ///
    /// # Errors
    /// When the key is too long.
    pub(super) fn entry_key(&self, bucket: &Arc<str>, key: &str) -> Result<EntryKey, String> {
        check_name("key", key, self.store_limits.key_max_bytes)?;
        Ok(EntryKey { bucket: Arc::clone(bucket), key: key.into() })
    }

    /// A bucket's name.
    ///
    /// # Errors
    /// When the name is too long.
    pub(super) fn bucket_name(&self, name: &str) -> Result<Arc<str>, String> {
        check_name("bucket's name", name, self.store_limits.key_max_bytes)?;
        Ok(name.into())
    }

    /// Reads an entry.
    pub(super) async fn get(&mut self, key: &EntryKey) -> Result<Option<Bytes>, HostCallError> {
        let call = self.host_calls.begin("keyvalue get");
        let loaded = self.load(key).await;
        let _noted = call.map(|call| call.end(loaded.is_err()));
        loaded?;
        Ok(self.transaction.get(key).cloned())
    }

    /// Writes an entry, or removes it (`None`), when the call ends well.
    pub(super) async fn set(&mut self, key: EntryKey, value: Option<Vec<u8>>) -> Result<(), HostCallError> {
        let call = self.host_calls.begin(if value.is_some() { "keyvalue set" } else { "keyvalue delete" });
        let written = self.write(key, value).await;
        let _noted = call.map(|call| call.end(written.is_err()));
        written
    }

    async fn write(&mut self, key: EntryKey, value: Option<Vec<u8>>) -> Result<(), HostCallError> {
        let limits = &self.store_limits;
        let (size, most) = (value.as_ref().map_or(0, Vec::len), limits.value_max_bytes);
        if size > most {
            return Err(format!("the value has {size} bytes, store.value_max_bytes is {most}").into());
        }
        if self.transaction.bytes() + size > limits.call_max_bytes {
            let most = limits.call_max_bytes;
            return Err(format!("this call writes more than store.call_max_bytes, which is {most}").into());
        }
        self.load(&key).await?;
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
        let over =
            |over: OverBudget| over.into_error(format_args!("wasi:keyvalue: writing {}", describe_key(&key)));
        self.held.grow(WRITTEN_BYTES + size).map_err(over)?;
        if let Some(replaced) = self.transaction.set(key, value.map(Bytes::from)) {
            self.held.shrink(WRITTEN_BYTES + replaced);
        }
        Ok(())
    }

    /// Lists a page of keys.
    pub(super) async fn list(
        &mut self,
        bucket: &Arc<str>,
        after: Option<&str>,
    ) -> Result<KeyPage, HostCallError> {
        let call = self.host_calls.begin("keyvalue list-keys");
        let found = self.stores.keys(&self.plugin, bucket, after, KEYS_PER_PAGE).await;
        let _noted = call.map(|call| call.end(found.is_err()));
        let found = found?;
        Ok(self.transaction.list(bucket, after, found, KEYS_PER_PAGE))
    }

    async fn load(&mut self, key: &EntryKey) -> Result<(), HostCallError> {
        self.checkpoint.step().await?;
        if self.transaction.has_seen(key) {
            return Ok(());
        }
        if self.transaction.touched() >= ENTRIES_MAX {
            return Err(format!("one call may touch {ENTRIES_MAX} entries").into());
        }
        let found = match self.stores.peek(&self.plugin, key) {
            Peeked::Known(found) => found,
            Peeked::Unknown => self.stores.get(&self.plugin, key).await?,
        };
        let size = LOADED_BYTES + key.key.len() + found.as_ref().map_or(0, |entry| entry.value.len());
        let over =
            |over: OverBudget| over.into_error(format_args!("wasi:keyvalue: reading {}", describe_key(key)));
        self.held.grow(size).map_err(over)?;
        self.transaction.see(key.clone(), found);
        Ok(())
    }

    /// Queues an effect for when the call has ended well. Returns its idempotency key.
    pub(super) fn queue_effect(&mut self, effect: Effect) -> Result<String, HostCallError> {
        let call = self.host_calls.begin(outbox_call(&effect));
        let queued = self.queue(effect);
        let _noted = call.map(|call| call.end(queued.is_err()));
        queued
    }

    fn queue(&mut self, mut effect: Effect) -> Result<String, HostCallError> {
        let Some(delivery) = &self.delivery else {
            return Err("effects can be asked for while an event is handled only".to_owned().into());
        };
        let limits = &self.effect_limits;
        if self.effects.len() >= limits.per_call_max {
            let most = limits.per_call_max;
            return Err(format!("one call may ask for {most} effects (effects.per_call_max)").into());
        }
        // First, because the other checks take longer for a larger effect.
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
                check_emitted_event(event).and_then(|()| self.outbound.check_event(&self.grants, event))
            }
        };
        checked.map_err(|reason| text::truncate_string(reason, text::REASON_MAX_BYTES))?;
        let over = |over: OverBudget| {
            over.into_error(format_args!("hookyard:plugin/outbox: the {} of {size} bytes", effect.kind()))
        };
        self.held.grow(EFFECT_BYTES + size).map_err(over)?;
        let key = effect::idempotency_key(&delivery.idempotency_key(), self.effects.len() + 1);
        let masked = self.mask.redact(&mut effect);
        self.effects.push(QueuedEffect { key: key.clone(), effect, masked, size: size as u64 });
        Ok(key)
    }
}

/// The name of the call in a trace.
fn outbox_call(effect: &Effect) -> &'static str {
    match effect {
        Effect::Http(_) => "outbox http",
        Effect::Email(_) => "outbox email",
        Effect::Event(_) => "outbox event",
    }
}

fn check_emitted_event(Emitted { event_type, data }: &Emitted) -> Result<(), String> {
    let fit = |c: char| !c.is_whitespace() && !c.is_control() && c != '*';
    if event_type.is_empty() || event_type.len() > EVENT_TYPE_MAX_BYTES || !event_type.chars().all(fit) {
        let shown = text::truncate_name(event_type);
        return Err(format!("`{shown}` is no event type: write one such as `invoice.created`"));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(data)
        .map(drop)
        .map_err(|error| format!("the event's data is not JSON: {error}"))
}

/// Names a key in a message.
fn describe_key(key: &EntryKey) -> String {
    format!("`{}` of bucket `{}`", text::truncate_name(&key.key), text::truncate_name(&key.bucket))
}

fn check_name(what: &str, name: &str, most: usize) -> Result<(), String> {
    let size = name.len();
    if size > most {
        return Err(format!("the {what} has {size} bytes, store.key_max_bytes is {most}"));
    }
    Ok(())
}
