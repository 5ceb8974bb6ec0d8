//! Dead letters and dead effects in groups.

use super::types::Answer;
use crate::delivery::DeliveryId;
use crate::effect::{Effect, EffectId};
use crate::replay::{ReplayCursor, Selection};
use crate::token::PluginPattern;

/// Which dead letters or dead effects are grouped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadFilter {
    /// Those that it fits.
    pub selection: Selection,
    /// Of plugins that match one of these; of all if there is none.
    pub plugins: Vec<PluginPattern>,
}

/// Dead letters or dead effects of one plugin that failed for one reason, deliveries also on one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadGroup {
    /// The plugin.
    pub plugin: String,
    /// The reason of the last failure, or the last answer to an effect.
    pub reason: Option<String>,
    /// The revision that the last attempt at a delivery ran on; `None` for effects.
    pub revision: Option<String>,
    /// How many there are.
    pub count: u64,
    /// The one of the newest event.
    pub newest: NewestDead,
}

/// Dead letters or dead effects that one answer covers.
pub const GROUPED_MAX: u32 = 20_000;

/// The newest dead letter or dead effect of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestDead {
    /// The delivery, or the one whose handler requested the effect.
    pub delivery: DeliveryId,
    /// The effect.
    pub effect: Option<EffectId>,
    /// The source of its event.
    pub source: String,
    /// The id of its event.
    pub event: String,
    /// The type of its event.
    pub event_type: String,
    /// When its event was received, ms since the Unix epoch.
    pub received_at: u64,
    /// What the effect asks for.
    pub request: Option<Effect>,
}

/// The groups of one part of the dead letters or dead effects, the newest part first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadGroups {
    /// The largest groups, the largest first.
    pub groups: Vec<DeadGroup>,
    /// How many groups there are in this part.
    pub groups_count: u64,
    /// How many dead letters or dead effects are in these groups.
    pub counted: u64,
    /// The start of the next part, which has older ones; absent on the last.
    pub next: Option<ReplayCursor>,
}

/// The limits of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupLimits {
    /// Dead letters or dead effects of one part, whether they fit the filter or not.
    pub(super) scanned: u32,
    /// Most groups of an answer.
    pub(super) groups: u32,
}

/// Reads groups.
pub(super) trait GroupReads: Send + Sync {
    /// The groups of the next dead letters before `before`.
    fn dead_letter_groups<'a>(
        &'a self,
        filter: &'a DeadFilter,
        before: Option<ReplayCursor>,
        limits: GroupLimits,
    ) -> Answer<'a, DeadGroups>;

    /// The groups of the next dead effects before `before`.
    fn dead_effect_groups<'a>(
        &'a self,
        filter: &'a DeadFilter,
        before: Option<ReplayCursor>,
        limits: GroupLimits,
    ) -> Answer<'a, DeadGroups>;
}
