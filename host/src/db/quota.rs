//! How much of what calls ask for may wait, counted in memory from the end of a call until its effects are done
//! or dead. A call reserves its share before it is handed in, so calls that end at once cannot pass together.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Db, DbError};
use crate::effect::{Asked, Effect};
use crate::event::PluginName;

/// Received events whose totals are kept in memory. The oldest is forgotten beyond that, and read again.
const ROOTS_MAX: usize = 10_000;

/// Effects of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Share {
    /// How many.
    pub(super) count: u64,
    /// Their bytes.
    pub(super) bytes: u64,
}

impl Share {
    /// Of these effects.
    pub(super) fn of(effects: &[Asked]) -> Self {
        let bytes = effects.iter().map(|asked| asked.size).sum();
        Self { count: effects.len() as u64, bytes }
    }

    fn plus(self, other: Self) -> Self {
        let Self { count, bytes } = other;
        Self { count: self.count.saturating_add(count), bytes: self.bytes.saturating_add(bytes) }
    }

    fn minus(self, other: Self) -> Self {
        let Self { count, bytes } = other;
        Self { count: self.count.saturating_sub(count), bytes: self.bytes.saturating_sub(bytes) }
    }
}

/// How many of these effects are events.
pub(super) fn emitted(effects: &[Asked]) -> u64 {
    effects.iter().filter(|asked| matches!(asked.effect, Effect::Event(_))).count() as u64
}

/// What calls may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Waiting effects of one plugin.
    pub waiting_max: u64,
    /// Bytes of the waiting effects of one plugin.
    pub waiting_max_bytes: u64,
    /// Events that one received event may lead to.
    pub per_root_max: u64,
}

/// Which bound a call's effects would cross.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crossed {
    /// Too many effects wait, or too large ones. Some time later there may be room.
    Waiting(String),
    /// The received event led to too many others.
    Root(String),
}

/// What is reserved.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    waiting: Mutex<HashMap<PluginName, Share>>,
    roots: Mutex<Roots>,
}

#[derive(Debug, Default)]
struct Roots {
    /// Events emitted, and in which order this was last read.
    emitted: HashMap<i64, u64>,
    order: VecDeque<i64>,
}

impl Quotas {
    fn waiting(&self) -> MutexGuard<'_, HashMap<PluginName, Share>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roots(&self) -> MutexGuard<'_, Roots> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the database has at the start.
    pub(super) fn load(&self, waiting: HashMap<PluginName, Share>) {
        *self.waiting() = waiting;
    }

    /// More wait again, by an operator's wish.
    pub(super) fn add(&self, plugin: &PluginName, share: Share) {
        let mut waiting = self.waiting();
        let before = waiting.entry(plugin.clone()).or_default();
        *before = before.plus(share);
    }

    fn reserve(&self, plugin: &PluginName, share: Share, bounds: &Bounds) -> Result<(), Crossed> {
        let mut waiting = self.waiting();
        let before = waiting.get(plugin).copied().unwrap_or_default();
        let after = before.plus(share);
        if after.count > bounds.waiting_max {
            let most = bounds.waiting_max;
            return Err(Crossed::Waiting(format!(
                "{} effects of this plugin wait, effects.waiting_max is {most}",
                before.count
            )));
        }
        // A single call has a bound of its own.
        if after.bytes > bounds.waiting_max_bytes && before.count > 0 {
            let most = bounds.waiting_max_bytes;
            return Err(Crossed::Waiting(format!(
                "{} bytes of effects of this plugin wait, effects.waiting_max_bytes is {most}",
                before.bytes
            )));
        }
        waiting.insert(plugin.clone(), after);
        Ok(())
    }

    /// Effects are done or dead, or were not committed.
    pub(super) fn release(&self, plugin: &PluginName, share: Share) {
        let mut waiting = self.waiting();
        if let Some(before) = waiting.get_mut(plugin) {
            *before = before.minus(share);
            if *before == Share::default() {
                waiting.remove(plugin);
            }
        }
    }

    fn emit(&self, root: i64, events: u64, stored: Option<u64>, most: u64) -> Option<Result<(), u64>> {
        let mut roots = self.roots();
        if let Entry::Vacant(unknown) = roots.emitted.entry(root) {
            unknown.insert(stored?);
            roots.order.push_back(root);
            if roots.order.len() > ROOTS_MAX {
                let oldest = roots.order.pop_front();
                oldest.map(|oldest| roots.emitted.remove(&oldest));
            }
        }
        let emitted = roots.emitted.get_mut(&root)?;
        if emitted.saturating_add(events) > most {
            return Some(Err(*emitted));
        }
        *emitted += events;
        Some(Ok(()))
    }

    /// Events were not committed.
    pub(super) fn not_emitted(&self, root: i64, events: u64) {
        if let Some(emitted) = self.roots().emitted.get_mut(&root) {
            *emitted = emitted.saturating_sub(events);
        }
    }
}

impl Db {
    /// Reserves room for the effects of a call that ended well. What is reserved is given back when they are
    /// done or dead, and when the call is not committed.
    ///
    /// # Errors
    /// The bound that they would cross; nothing is reserved then. [`DbError::Unavailable`].
    pub async fn reserve(
        &self,
        plugin: &PluginName,
        root: i64,
        effects: &[Asked],
        bounds: &Bounds,
    ) -> Result<Result<(), Crossed>, DbError> {
        let quotas = &self.inner.shared.quotas;
        let (share, events) = (Share::of(effects), emitted(effects));
        if events > 0 {
            let most = bounds.per_root_max;
            let mut reserved = quotas.emit(root, events, None, most);
            if reserved.is_none() {
                let stored = self.inner.reader.emitted(root).await?;
                reserved = quotas.emit(root, events, Some(stored), most);
            }
            if let Some(Err(emitted)) = reserved {
                let name = self.inner.reader.name_of_event(root).await?;
                let name = name.unwrap_or_else(|| "a received event that is no longer kept".into());
                return Ok(Err(Crossed::Root(format!(
                    "{name} led to {emitted} emitted events, and this call emits {events} more; \
                     effects.per_root_max is {most}"
                ))));
            }
        }
        let reserved = quotas.reserve(plugin, share, bounds);
        if reserved.is_err() {
            quotas.not_emitted(root, events);
        }
        Ok(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { waiting_max: 3, waiting_max_bytes: 100, per_root_max: 5 };

    fn share(count: u64, bytes: u64) -> Share {
        Share { count, bytes }
    }

    #[test]
    fn effects_wait_up_to_a_number_and_a_size() {
        let (quotas, plugin) = (Quotas::default(), PluginName::new("p").unwrap());
        let other = PluginName::new("q").unwrap();
        let reserve = |plugin, share| quotas.reserve(plugin, share, &BOUNDS).is_ok();
        assert!(reserve(&plugin, share(2, 50)));
        assert!(!reserve(&plugin, share(1, 51)), "bytes");
        assert!(reserve(&plugin, share(1, 50)));
        assert!(!reserve(&plugin, share(1, 0)), "count");
        assert!(reserve(&other, share(1, 1000)), "one that is larger than all may wait alone");
        quotas.release(&plugin, share(1, 50));
        assert!(reserve(&plugin, share(1, 1)));
    }

    #[test]
    fn events_of_a_root_have_a_total() {
        let quotas = Quotas::default();
        let emit = |root, events, stored| quotas.emit(root, events, stored, BOUNDS.per_root_max);
        assert_eq!(emit(1, 2, None), None, "the database has to be asked");
        assert_eq!(emit(1, 2, Some(1)), Some(Ok(())));
        assert_eq!(emit(1, 3, None), Some(Err(3)));
        assert_eq!(emit(1, 2, None), Some(Ok(())));
        quotas.not_emitted(1, 2);
        assert_eq!(emit(1, 2, None), Some(Ok(())));
        assert_eq!(emit(2, 6, Some(0)), Some(Err(0)));
        for root in 3..20_003 {
            assert_eq!(emit(root, 5, Some(0)), Some(Ok(())));
        }
        assert_eq!(emit(1, 1, None), None, "it was forgotten");
        assert_eq!(quotas.roots().emitted.len(), ROOTS_MAX);
    }
}
