//! Limits on queued effects, counted in memory from the end of their call until they are done or dead. A call
//! reserves its share before it is submitted, so two calls that end at once cannot exceed a limit together.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::types::EffectShare;
use crate::event::PluginName;

/// Received events whose totals are kept in memory. Beyond that the oldest total is dropped, and read
/// again.
const ROOTS_MAX: usize = 10_000;

/// The limits on a call's effects.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Waiting effects of one plugin.
    pub waiting_max: u64,
    /// Bytes of the waiting effects of one plugin.
    pub waiting_max_bytes: u64,
    /// Events that one received event may lead to.
    pub per_root_max: u64,
}

/// The bound that a call's effects would cross.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExceededBound {
    /// Too many effects wait, or too large ones. Some time later there may be room.
    Waiting(String),
    /// The received event led to too many others.
    Root(String),
}

fn plus(share: EffectShare, other: EffectShare) -> EffectShare {
    let EffectShare { count, bytes } = other;
    EffectShare { count: share.count.saturating_add(count), bytes: share.bytes.saturating_add(bytes) }
}

fn minus(share: EffectShare, other: EffectShare) -> EffectShare {
    let EffectShare { count, bytes } = other;
    EffectShare { count: share.count.saturating_sub(count), bytes: share.bytes.saturating_sub(bytes) }
}

/// The reserved amounts.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    waiting: Mutex<HashMap<PluginName, EffectShare>>,
    roots: Mutex<Roots>,
}

#[derive(Debug, Default)]
struct Roots {
    /// Events emitted, and in which order this was last read.
    emitted: HashMap<i64, u64>,
    order: VecDeque<i64>,
}

impl Quotas {
    fn waiting(&self) -> MutexGuard<'_, HashMap<PluginName, EffectShare>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn roots(&self) -> MutexGuard<'_, Roots> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the shares that the database has at the start.
    pub(super) fn load(&self, waiting: HashMap<PluginName, EffectShare>) {
        *self.waiting() = waiting;
    }

    /// More wait again, by an operator's wish.
    pub(super) fn add(&self, plugin: &PluginName, share: EffectShare) {
        let mut waiting = self.waiting();
        let before = waiting.entry(plugin.clone()).or_default();
        *before = plus(*before, share);
    }

    pub(super) fn reserve(
        &self,
        plugin: &PluginName,
        share: EffectShare,
        bounds: &Bounds,
    ) -> Result<(), ExceededBound> {
        let mut waiting = self.waiting();
        let before = waiting.get(plugin).copied().unwrap_or_default();
        let after = plus(before, share);
        if after.count > bounds.waiting_max {
            let most = bounds.waiting_max;
            return Err(ExceededBound::Waiting(format!(
                "{} effects of this plugin wait, effects.waiting_max is {most}",
                before.count
            )));
        }
        // A single call has a bound of its own.
        if after.bytes > bounds.waiting_max_bytes && before.count > 0 {
            let most = bounds.waiting_max_bytes;
            return Err(ExceededBound::Waiting(format!(
                "{} bytes of effects of this plugin wait, effects.waiting_max_bytes is {most}",
                before.bytes
            )));
        }
        waiting.insert(plugin.clone(), after);
        Ok(())
    }

    /// Effects are done or dead, or were not committed.
    pub(super) fn release(&self, plugin: &PluginName, share: EffectShare) {
        let mut waiting = self.waiting();
        if let Some(before) = waiting.get_mut(plugin) {
            *before = minus(*before, share);
            if *before == EffectShare::default() {
                waiting.remove(plugin);
            }
        }
    }

    pub(super) fn emit(
        &self,
        root: i64,
        events: u64,
        stored: Option<u64>,
        most: u64,
    ) -> Option<Result<(), u64>> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { waiting_max: 3, waiting_max_bytes: 100, per_root_max: 5 };

    fn share(count: u64, bytes: u64) -> EffectShare {
        EffectShare { count, bytes }
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
