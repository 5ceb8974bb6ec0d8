//! Groups of dead letters and dead effects in memory.

use std::collections::HashMap;

use super::reads::{MemoryReads, answer};
use super::replay::{fits, fits_effect};
use super::tables::{StoredDelivery, StoredEffect, Tables};
use crate::db::group_types::{DeadFilter, DeadGroup, DeadGroups, GroupLimits, GroupReads, NewestDead};
use crate::db::types::Answer;
use crate::delivery::{DeliveryId, reason_without_names};
use crate::effect::EffectId;
use crate::replay::ReplayCursor;
use crate::token::PluginPattern;

/// What a group has in common: plugin, reason and revision.
type GroupKey = (String, Option<String>, Option<String>);

/// A dead letter or a dead effect.
struct Dead {
    at: ReplayCursor,
    is_wanted: bool,
    key: GroupKey,
    effect: Option<EffectId>,
}

impl GroupReads for MemoryReads {
    fn dead_letter_groups<'a>(
        &'a self,
        filter: &'a DeadFilter,
        before: Option<ReplayCursor>,
        limits: GroupLimits,
    ) -> Answer<'a, DeadGroups> {
        let tables = self.0.tables();
        let dead = tables.deliveries.iter().rev().filter(|(_, stored)| stored.standing.is_unresolved());
        let dead = dead.map(|(id, stored)| letter(&tables, *id, stored, filter));
        answer(group(&tables, dead, before, limits))
    }

    fn dead_effect_groups<'a>(
        &'a self,
        filter: &'a DeadFilter,
        before: Option<ReplayCursor>,
        limits: GroupLimits,
    ) -> Answer<'a, DeadGroups> {
        let tables = self.0.tables();
        let dead = tables.effects.iter().rev().filter(|(_, stored)| stored.standing.is_unresolved());
        let dead = dead.map(|(id, stored)| effect(&tables, *id, stored, filter));
        answer(group(&tables, dead, before, limits))
    }
}

fn letter(tables: &Tables, id: DeliveryId, stored: &StoredDelivery, filter: &DeadFilter) -> Dead {
    let DeadFilter { selection, plugins } = filter;
    let event = tables.events.get(&id.event);
    let is_wanted = event.is_some_and(|event| fits(selection, &event.id, stored))
        && PluginPattern::any_matches(plugins, &stored.plugin)
        && selection.deliveries.as_ref().is_none_or(|ids| ids.contains(&id))
        && event.is_some_and(|event| tables.fits_event(selection, id.event, event));
    let last = stored.attempts.last();
    let id_of_event = event.map_or("", |event| &event.id);
    let cause = |reason: &str| reason_without_names(reason, stored.plugin.as_str(), id_of_event).to_owned();
    let reason = last.and_then(|last| last.failure.as_ref()).map(|failure| cause(&failure.reason));
    let key = (stored.plugin.to_string(), reason, last.map(|last| last.revision.to_string()));
    Dead { at: id.into(), is_wanted, key, effect: None }
}

fn effect(tables: &Tables, id: EffectId, stored: &StoredEffect, filter: &DeadFilter) -> Dead {
    let DeadFilter { selection, plugins } = filter;
    let EffectId { delivery, number } = id;
    let event = tables.events.get(&delivery.event);
    let is_wanted = fits_effect(selection, id, stored)
        && PluginPattern::any_matches(plugins, &stored.plugin)
        && event.is_some_and(|event| tables.fits_event(selection, delivery.event, event));
    let key = (stored.plugin.to_string(), stored.attempts.last().map(|last| last.detail.clone()), None);
    let at = ReplayCursor { event: delivery.event, delivery: delivery.number, effect: number };
    Dead { at, is_wanted, key, effect: Some(id) }
}

/// Groups those before a place, which come in the order from the newest to the oldest.
fn group(
    tables: &Tables,
    dead: impl Iterator<Item = Dead>,
    before: Option<ReplayCursor>,
    limits: GroupLimits,
) -> DeadGroups {
    let part: Vec<_> = dead
        .filter(|dead| before.is_none_or(|before| dead.at < before))
        .take(limits.scanned as usize)
        .collect();
    let next = part.last().filter(|_| part.len() >= limits.scanned as usize).map(|last| last.at);
    let mut groups: HashMap<GroupKey, DeadGroup> = HashMap::new();
    let mut counted = 0;
    for dead in part.into_iter().filter(|dead| dead.is_wanted) {
        let delivery = DeliveryId { event: dead.at.event, number: dead.at.delivery };
        let Some(event) = tables.events.get(&delivery.event) else { continue };
        counted += 1;
        let (plugin, reason, revision) = dead.key.clone();
        let newest = || NewestDead {
            delivery,
            effect: dead.effect,
            source: event.source.to_string(),
            event: event.id.clone(),
            event_type: event.event_type.clone(),
            received_at: event.received_at,
            request: dead.effect.and_then(|id| Some(tables.effects.get(&id)?.queued.effect.clone())),
        };
        let new = || DeadGroup { plugin, reason, revision, count: 0, newest: newest() };
        groups.entry(dead.key.clone()).or_insert_with(new).count += 1;
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.count, group.newest.delivery)));
    let groups_count = groups.len() as u64;
    groups.truncate(limits.groups as usize);
    DeadGroups { groups, groups_count, counted, next }
}
