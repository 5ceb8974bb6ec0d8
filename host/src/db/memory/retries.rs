//! Waiting deliveries in memory.

use super::replay::fits;
use super::tables::{StoredState, Tables};
use crate::db::types::{DueCause, DueChange, WaitingFilter};
use crate::delivery::DeliveryId;

impl Tables {
    /// The waiting deliveries of a filter.
    pub(super) fn waiting<'a>(&'a self, filter: &'a WaitingFilter) -> impl Iterator<Item = DeliveryId> + 'a {
        let WaitingFilter { selection, failed_before, due_after } = filter;
        let found = self.deliveries.iter().filter(move |(id, stored)| {
            let event = self.events.get(&id.event);
            let revision = stored.attempts.last().map(|attempt| attempt.revision);
            matches!(stored.standing, StoredState::Waiting(until) if until > *due_after)
                && event.is_some_and(|event| fits(selection, &event.id, stored))
                && selection.deliveries.as_ref().is_none_or(|ids| ids.contains(id))
                && event.is_some_and(|event| self.fits_event(selection, id.event, event))
                && failed_before.is_none_or(|wanted| {
                    // Another revision in force changes nothing for one that a replay runs on a revision of its own.
                    let is_in_force = stored.replayed.is_none_or(|cause| cause.revision.is_none());
                    is_in_force && revision.is_some_and(|revision| revision != wanted)
                })
        });
        found.map(|(id, _)| *id)
    }

    pub(super) fn make_due(&mut self, change: &DueChange) -> Vec<DeliveryId> {
        let mut changed = Vec::new();
        for id in &change.ids {
            let Some(stored) = self.deliveries.get_mut(id) else { continue };
            if matches!(stored.standing, StoredState::Waiting(until) if until > change.at) {
                stored.standing = StoredState::Waiting(change.at);
                changed.push(*id);
            }
        }
        if let DueCause::NewRevision { retried: Some((plugin, revision)) } = &change.cause {
            self.retried.insert(plugin.clone(), *revision);
        }
        changed.sort_unstable();
        changed
    }
}
