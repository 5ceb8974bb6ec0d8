//! Switches in memory, and the deliveries that they hold.

use std::sync::Arc;

use super::tables::{StoredState, Tables};
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::switch_change::{
    HeldPage, OpenScope, RELEASES_MAX, RecentType, SwitchChange, SwitchResult, SwitchedOffDelivery,
};
use crate::db::writer::batch::Placement;
use crate::delivery::{DeliveryId, Resolution};
use crate::event::{Event, PluginName};
use crate::switch::{HeldAction, ReleaseState, TypePattern};

impl Tables {
    pub(super) fn switch(&mut self, change: &SwitchChange) -> DecisionOutcome<SwitchResult> {
        let planned = match change.plan(&mut self.switches) {
            Ok(planned) => planned,
            Err(unchanged) => return DecisionOutcome::new(*unchanged, None),
        };
        for number in &planned.replaced {
            if let Some(release) = self.releases.get_mut(number)
                && release.state == ReleaseState::Running
            {
                release.state = ReleaseState::Stopped;
                if let Some(record) = decisions::stop_release(release) {
                    self.append(&record);
                }
            }
        }
        if let Some(release) = planned.release {
            self.releases.insert(release.number, release);
        }
        while self.releases.len() > RELEASES_MAX as usize {
            let ended = self.releases.iter().find(|(_, release)| release.state != ReleaseState::Running);
            let Some(ended) = ended.map(|(number, _)| *number) else { break };
            self.releases.remove(&ended);
        }
        DecisionOutcome::new(SwitchResult::Changed(planned.switch), planned.record)
    }

    /// Returns how many deliveries of a page were released.
    pub(super) fn release_held(&mut self, page: &HeldPage) -> u64 {
        let running =
            self.releases.get(&page.release).filter(|release| release.state == ReleaseState::Running);
        let Some(running) = running.cloned() else { return 0 };
        let ids: Vec<_> = page.governed(&self.switches, &running.plugin).collect();
        let released = ids.into_iter().filter(|id| self.release_one(*id, running.action)).count() as u64;
        let total = running.released + released;
        if page.after.is_none() && total > 0 {
            self.append(&decisions::end_release(&running, total));
        }
        if let Some(release) = self.releases.get_mut(&page.release) {
            release.released += released;
            match page.after {
                Some(after) => release.after = after,
                None => release.state = ReleaseState::Done,
            }
        }
        released
    }

    fn release_one(&mut self, id: DeliveryId, action: HeldAction) -> bool {
        let Some(stored) = self.deliveries.get_mut(&id) else { return false };
        let StoredState::Held(placement @ Placement { switched_on: false, .. }) = stored.standing else {
            return false;
        };
        match action {
            HeldAction::Run => {
                stored.standing = StoredState::open(Placement { switched_on: true, ..placement });
            }
            HeldAction::Discard => {
                stored.standing = StoredState::Dead(Some(Resolution::Discarded));
                if let Some(order) = stored.order.filter(|_| !placement.blocked) {
                    self.unblock(order);
                }
            }
        }
        true
    }

    /// Deliveries of a plugin that a switch holds, in order of acceptance.
    pub(super) fn switched_off<'a>(
        &'a self,
        plugin: &'a PluginName,
    ) -> impl Iterator<Item = SwitchedOffDelivery> + 'a {
        let held = self.deliveries.iter().filter(move |(_, stored)| {
            stored.plugin == *plugin
                && matches!(stored.standing, StoredState::Held(Placement { switched_on: false, .. }))
        });
        held.filter_map(|(id, _)| {
            let event_type = self.events.get(&id.event)?.event_type.clone();
            Some(SwitchedOffDelivery { id: *id, event_type })
        })
    }

    pub(super) fn count_open_of(
        &self,
        plugin: &PluginName,
        types: &TypePattern,
        scope: OpenScope,
        max: u32,
    ) -> u64 {
        let wanted = |(id, stored): &(&DeliveryId, &super::tables::StoredDelivery)| {
            let is_off = matches!(stored.standing, StoredState::Held(Placement { switched_on: false, .. }));
            let event = self.events.get(&id.event);
            stored.plugin == *plugin
                && stored.standing.is_open()
                && is_off == (scope == OpenScope::SwitchedOff)
                && event.is_some_and(|event| types.pattern().matches(&event.event_type))
        };
        self.deliveries.iter().filter(wanted).take(max as usize).count() as u64
    }

    pub(super) fn recent_types(&self, newest: u32) -> Vec<RecentType> {
        let newest = self.events.values().rev().take(newest as usize);
        let recent = |event: &Arc<Event>| RecentType {
            event_type: event.event_type.clone(),
            source: event.source.to_string(),
        };
        let mut types: Vec<_> = newest.map(recent).collect();
        types.sort();
        types.dedup();
        types
    }
}
