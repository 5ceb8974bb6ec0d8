//! What one call does within its transaction: reads and writes of its plugin's store, and the effects
//! that it asks for. Kept in memory until the call has ended.

use std::sync::Arc;

use bytes::Bytes;

use super::attempt::Settings;
use super::stores::Stores;
use crate::delivery::Delivery;
use crate::effect::{self, Asked, Effect, Work};
use crate::event::PluginName;
use crate::keyvalue::{EntryKey, Peeked, Transaction};
use crate::outbound::{Grants, Outbound};
use crate::secrets::Mask;

/// Keys of one page of `list-keys`.
const KEYS_PER_PAGE: usize = 1000;
/// Entries that one call may touch: what is remembered of each does not count as the guest's memory.
const TOUCHED_MAX: usize = 10_000;

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
            delivery: None,
        }
    }

    /// Begins the work on a delivery, with nothing of what was before.
    pub(super) fn begin(&mut self, delivery: Option<&Delivery>) {
        self.transaction = Transaction::default();
        self.effects = Vec::new();
        self.delivery = delivery.cloned();
    }

    /// What the call did.
    pub(super) fn end(&mut self) -> Work {
        let transaction = std::mem::take(&mut self.transaction);
        Work { store: transaction.end(), effects: std::mem::take(&mut self.effects) }
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
    pub(super) async fn get(&mut self, key: &EntryKey) -> Result<Option<Bytes>, String> {
        self.see(key).await?;
        Ok(self.transaction.get(key).cloned())
    }

    /// Writes, or removes, by the end of the call.
    pub(super) async fn set(&mut self, key: EntryKey, value: Option<Vec<u8>>) -> Result<(), String> {
        let limits = &self.store_limits;
        let (size, most) = (value.as_ref().map_or(0, Vec::len), limits.value_max_bytes);
        if size > most {
            return Err(format!("the value has {size} bytes, store.value_max_bytes is {most}"));
        }
        if self.transaction.bytes() + size > limits.call_max_bytes {
            let most = limits.call_max_bytes;
            return Err(format!("this call writes more than store.call_max_bytes, which is {most}"));
        }
        self.see(&key).await?;
        if value.is_some() && self.transaction.get(&key).is_none() {
            let after = self.stores.count(&self.plugin).saturating_add_signed(self.transaction.added_keys());
            let most = self.store_limits.keys_max;
            if after >= most {
                return Err(format!("the store has {after} keys, store.keys_max is {most}"));
            }
        }
        self.transaction.set(key, value.map(Bytes::from));
        Ok(())
    }

    /// A page of keys, and where the next one begins.
    pub(super) async fn list(
        &mut self,
        bucket: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Arc<str>>, Option<String>), String> {
        let found = self.stores.keys(&self.plugin, bucket, after, KEYS_PER_PAGE).await?;
        let last = found.keys.last().map(ToString::to_string);
        let (keys, more) = self.transaction.list(bucket, after, found);
        Ok((keys, last.filter(|_| more)))
    }

    async fn see(&mut self, key: &EntryKey) -> Result<(), String> {
        if self.transaction.has_seen(key) {
            return Ok(());
        }
        if self.transaction.touched() >= TOUCHED_MAX {
            return Err(format!("one call may touch {TOUCHED_MAX} entries"));
        }
        let found = match self.stores.peek(&self.plugin, key) {
            Peeked::Known(found) => found,
            Peeked::Unknown => self.stores.get(&self.plugin, key).await?,
        };
        self.transaction.see(key.clone(), found);
        Ok(())
    }

    /// Asks for an effect. Returns its idempotency key.
    pub(super) fn ask(&mut self, mut effect: Effect) -> Result<String, String> {
        let Some(delivery) = &self.delivery else {
            return Err("effects can be asked for while an event is handled only".into());
        };
        let limits = &self.effect_limits;
        if self.effects.len() >= limits.per_call_max {
            return Err(format!(
                "one call may ask for {} effects (effects.per_call_max)",
                limits.per_call_max
            ));
        }
        let size = effect.size_bytes();
        if size > limits.size_max_bytes {
            let most = limits.size_max_bytes;
            return Err(format!("the {} has {size} bytes, effects.size_max_bytes is {most}", effect.kind()));
        }
        let depth = delivery.event.depth();
        if matches!(effect, Effect::Event(_)) && depth >= limits.depth_max {
            let most = limits.depth_max;
            return Err(format!(
                "{depth} events caused each other up to this one, effects.depth_max is {most}"
            ));
        }
        match &effect {
            Effect::Http(request) => self.outbound.check_request(&self.grants, request)?,
            Effect::Email(email) => self.outbound.check_email(&self.grants, email)?,
            Effect::Event(_) => {}
        }
        let key = effect::idempotency_key(&delivery.idempotency_key(), self.effects.len() + 1);
        let masked = self.mask.redact(&mut effect);
        self.effects.push(Asked { key: key.clone(), effect, masked });
        Ok(key)
    }
}

fn check_name(what: &str, name: &str, most: usize) -> Result<(), String> {
    let size = name.len();
    if size > most {
        return Err(format!("the {what} has {size} bytes, store.key_max_bytes is {most}"));
    }
    Ok(())
}
