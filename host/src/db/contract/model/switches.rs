//! Switches in the model: a list of instructions, of which the latest that matches is in force.

use super::{ExpectedState, Model, PLUGINS};
use crate::audit::Decision;
use crate::db::tests::name;
use crate::db::{HeldPage, SwitchChange, SwitchResult};
use crate::delivery::DeliveryId;
use crate::switch::{HeldAction, TypePattern};

pub(super) const TYPES: [&str; 2] = ["a.b", "a.c"];
pub(super) const PATTERNS: [&str; 3] = ["*", "a.*", "a.b"];

/// An instruction of an operator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instruction {
    plugin: &'static str,
    pattern: &'static str,
    is_on: bool,
    number: i64,
}

impl Model {
    /// Whether a plugin's latest instruction for a type says that it is on, and the number of that instruction.
    pub(super) fn switched(&self, plugin: &str, event_type: &str) -> (bool, i64) {
        let matches = |instruction: &&Instruction| {
            let types = TypePattern::new(instruction.pattern).unwrap();
            instruction.plugin == plugin && types.pattern().matches(event_type)
        };
        let latest = self.instructions.iter().rev().find(matches);
        latest.map_or((true, 0), |latest| (latest.is_on, latest.number))
    }

    pub(super) async fn switch(&mut self, plugin: &'static str, pattern: usize, is_on: bool, discard: bool) {
        let pattern = PATTERNS[pattern];
        let change = SwitchChange {
            plugin: name(plugin),
            types: TypePattern::new(pattern).unwrap(),
            is_on,
            held: if discard { HeldAction::Discard } else { HeldAction::Run },
            by: Decision::of_host(),
            expected: None,
            found: 0,
        };
        match self.db.switch(change).await.unwrap() {
            SwitchResult::Changed(switch) => {
                let number = switch.number;
                assert!(self.instructions.iter().all(|earlier| earlier.number < number));
                self.instructions.push(Instruction { plugin, pattern, is_on, number });
            }
            SwitchResult::Unchanged(_) => assert!(!is_on),
            SwitchResult::Stale { .. } => unreachable!(),
        }
    }

    /// A page of this many of the oldest release in progress. Returns false if there is none.
    pub(super) async fn release(&mut self, limit: usize) -> bool {
        let Some(release) = self.db.running_releases().await.unwrap().into_iter().next() else {
            return false;
        };
        let plugin = PLUGINS.into_iter().find(|plugin| *plugin == release.plugin.as_str()).unwrap();
        let found = self
            .db
            .switched_off(&release.plugin, release.after, u32::try_from(limit).unwrap())
            .await
            .unwrap();
        let ids: Vec<DeliveryId> = found.iter().map(|held| held.id).collect();
        let next =
            self.switched_off.iter().filter(|id| **id > release.after && self.deliveries[id].2 == plugin);
        assert_eq!(ids, next.copied().take(limit).collect::<Vec<_>>());
        let after = ids.last().copied().filter(|_| ids.len() == limit);
        let governed = ids
            .into_iter()
            .filter(|id| self.switched(plugin, self.types[&id.event]) == (true, release.number));
        let governed: Vec<_> = governed.collect();
        let page = HeldPage { release: release.number, deliveries: found, after };
        assert_eq!(self.db.release_held(page).await, Ok(governed.len() as u64));
        for id in governed {
            self.switched_off.remove(&id);
            if release.action == HeldAction::Discard {
                self.close(id, Some(ExpectedState::Dead { is_resolved: true }));
            }
        }
        true
    }

    /// Turns everything on, and releases what was held.
    pub(super) async fn switch_all_on(&mut self) {
        for plugin in PLUGINS {
            self.switch(plugin, 0, true, false).await;
        }
        while self.release(7).await {
            self.settle().await;
        }
        assert!(self.switched_off.is_empty(), "{:?}", self.switched_off);
    }
}
