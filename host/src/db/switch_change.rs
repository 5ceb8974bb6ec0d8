//! The change of a switch and the release of held deliveries, as they are passed to a storage. Pure: each storage calls
//! these functions within its transaction.

use super::decisions::{self, SwitchInstruction};
use crate::audit::{Decision, Record};
use crate::delivery::DeliveryId;
use crate::event::{PluginName, now_ms};
use crate::switch::{HeldAction, HeldRelease, ReleaseState, Switch, Switches, TypePattern};

/// Releases of held deliveries that are kept after they have ended.
pub(super) const RELEASES_MAX: u32 = 1000;

/// An operator's instruction for a switch.
#[derive(Debug, Clone)]
pub struct SwitchChange {
    /// The plugin. It may be absent.
    pub plugin: PluginName,
    /// The types of events.
    pub types: TypePattern,
    /// Whether the plugin is to handle them.
    pub is_on: bool,
    /// What becomes of held deliveries when it is turned on.
    pub held: HeldAction,
    /// Who gives it, and why.
    pub by: Decision,
    /// The plugin's [`Switches::version`] on which the instruction is based, if that matters.
    pub expected: Option<i64>,
    /// The number of held deliveries, as it was counted before.
    pub found: u64,
}

/// The result of an instruction for a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchResult {
    /// The switch is changed.
    Changed(Switch),
    /// The switch was off already, with the same types.
    Unchanged(Switch),
    /// The plugin's switches have another version than the expected one.
    Stale {
        /// Their version.
        version: i64,
    },
}

/// The rows that an instruction changes.
pub(super) struct PlannedSwitch {
    pub(super) switch: Switch,
    /// The numbers of the switches that it replaces. Their releases end.
    pub(super) replaced: Vec<i64>,
    pub(super) release: Option<HeldRelease>,
    pub(super) record: Record,
}

impl SwitchChange {
    fn instruction(&self) -> SwitchInstruction<'_> {
        let held = self.is_on.then_some((self.held, self.found));
        SwitchInstruction { by: &self.by, plugin: &self.plugin, types: self.types.as_str(), held }
    }

    /// Changes the switches, and returns the rows to change; an error if there are none.
    pub(super) fn plan(&self, switches: &mut Switches) -> Result<PlannedSwitch, Box<SwitchResult>> {
        let version = switches.version(&self.plugin);
        if self.expected.is_some_and(|expected| expected != version) {
            return Err(Box::new(SwitchResult::Stale { version }));
        }
        let governing = switches.governing_pattern(&self.plugin, self.types.pattern());
        let same = governing.filter(|switch| switch.types == self.types && !switch.is_on && !self.is_on);
        if let Some(same) = same.filter(|same| self.by.note == same.note) {
            let covers = |other: &&Switch| self.types.pattern().covers(other.types.pattern());
            if switches.of(&self.plugin).into_iter().filter(covers).count() == 1 {
                return Err(Box::new(SwitchResult::Unchanged(same.clone())));
            }
        }
        let record = decisions::switch(&self.instruction(), governing.is_none_or(|switch| switch.is_on));
        let number = switches.newest() + 1;
        let switch = Switch {
            plugin: self.plugin.clone(),
            types: self.types.clone(),
            is_on: self.is_on,
            number,
            changed_at: now_ms(),
            changed_by: self.by.actor.name.clone(),
            note: self.by.note.clone(),
        };
        let replaced = switches.set(switch.clone());
        let release = self.is_on.then(|| HeldRelease {
            number,
            plugin: self.plugin.clone(),
            types: self.types.clone(),
            action: self.held,
            state: ReleaseState::Running,
            begun_at: switch.changed_at,
            found: self.found,
            released: 0,
            after: DeliveryId { event: 0, number: 0 },
        });
        Ok(PlannedSwitch { switch, replaced, release, record })
    }
}

/// A delivery that a switch holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchedOffDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event's type.
    pub event_type: String,
}

/// A page of the deliveries that a switch held.
#[derive(Debug, Clone)]
pub struct HeldPage {
    /// The number of the release.
    pub release: i64,
    /// The plugin's held deliveries, of any type.
    pub deliveries: Vec<SwitchedOffDelivery>,
    /// The last of them; `None` after the last page.
    pub after: Option<DeliveryId>,
}

impl HeldPage {
    /// The deliveries that the instruction of the release governs now.
    pub(super) fn governed<'a>(
        &'a self,
        switches: &'a Switches,
        plugin: &'a PluginName,
    ) -> impl Iterator<Item = DeliveryId> + 'a {
        let is_governed = |held: &&SwitchedOffDelivery| {
            let governing = switches.governing(plugin, &held.event_type);
            governing.is_some_and(|switch| switch.number == self.release && switch.is_on)
        };
        self.deliveries.iter().filter(is_governed).map(|held| held.id)
    }
}

/// A type of events that came in lately, and a source of such events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecentType {
    /// The type.
    pub event_type: String,
    /// The source.
    pub source: String,
}

/// Which open deliveries are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenScope {
    /// Those that a switch holds.
    SwitchedOff,
    /// All others.
    Others,
}
