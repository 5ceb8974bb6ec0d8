//! The open deliveries on revisions that replays chose. They are leased apart from the other deliveries of their plugin, so
//! that neither waits for the other. Replays wait for room, so there are few.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::delivery::DeliveryId;
use crate::event::{Digest, PluginName};

type ByRevision = BTreeMap<(PluginName, Digest), BTreeSet<DeliveryId>>;

/// See the module. Some of these may have been closed since: a lease removes them.
#[derive(Debug, Default)]
pub(super) struct OpenChosen(Mutex<ByRevision>);

impl OpenChosen {
    fn all(&self) -> MutexGuard<'_, ByRevision> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a delivery.
    pub(super) fn add(&self, plugin: &PluginName, revision: Digest, id: DeliveryId) {
        self.all().entry((plugin.clone(), revision)).or_default().insert(id);
    }

    /// Removes deliveries that are closed.
    pub(super) fn remove(&self, closed: impl IntoIterator<Item = DeliveryId>) {
        let mut all = self.all();
        if all.is_empty() {
            return;
        }
        for id in closed {
            all.retain(|_, ids| {
                ids.remove(&id);
                !ids.is_empty()
            });
        }
    }

    /// The deliveries of a plugin on a revision, in order.
    pub(super) fn on(&self, plugin: &PluginName, revision: Digest) -> Vec<DeliveryId> {
        let all = self.all();
        all.get(&(plugin.clone(), revision)).into_iter().flatten().copied().collect()
    }

    /// The deliveries of a plugin, on all its revisions.
    pub(super) fn of(&self, plugin: &PluginName) -> BTreeSet<DeliveryId> {
        let all = self.all();
        all.iter().filter(|((of, _), _)| of == plugin).flat_map(|(_, ids)| ids.iter().copied()).collect()
    }

    /// The number of a plugin's deliveries.
    pub(super) fn count_of(&self, plugin: &str) -> u64 {
        let all = self.all();
        all.iter().filter(|((of, _), _)| of.as_str() == plugin).map(|(_, ids)| ids.len() as u64).sum()
    }

    /// The plugins and revisions that have some.
    pub(super) fn revisions(&self) -> Vec<(PluginName, Digest)> {
        self.all().keys().cloned().collect()
    }

    /// The number of all of them.
    pub(super) fn count(&self) -> u64 {
        self.all().values().map(|ids| ids.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_are_kept_by_plugin_and_revision_until_they_are_closed() {
        let id = |event| DeliveryId { event, number: 1 };
        let (p, q) = (PluginName::new("p").unwrap(), PluginName::new("q").unwrap());
        let (a, b) = (Digest([1; 32]), Digest([2; 32]));
        let open = OpenChosen::default();
        open.remove([id(1)]);
        for (plugin, revision, event) in [(&p, a, 2), (&p, a, 1), (&p, b, 3), (&q, a, 4)] {
            open.add(plugin, revision, id(event));
        }
        assert_eq!(open.on(&p, a), [id(1), id(2)]);
        assert_eq!(open.of(&p).into_iter().collect::<Vec<_>>(), [id(1), id(2), id(3)]);
        assert_eq!((open.count(), open.revisions().len()), (4, 3));
        assert_eq!((open.count_of("p"), open.count_of("q"), open.count_of("r")), (3, 1, 0));
        open.remove([id(3), id(1), id(9)]);
        assert_eq!(open.on(&p, a), [id(2)]);
        assert_eq!(open.revisions(), [(p, a), (q, a)]);
    }
}
