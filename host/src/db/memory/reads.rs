//! The read side in memory.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use super::MemoryDatabase;
use super::tables::{Key, PAUSED, StoredReplay};
use crate::audit::{Entry as AuditEntry, EntryFilter, Head};
use crate::db::alert_types::DeadLetters;
use crate::db::open_chosen::OpenChosen;
use crate::db::revision_types::StoredFile;
use crate::db::storage::{Answer, Reads};
use crate::db::switch_change::{OpenScope, RecentType, SwitchedOffDelivery};
use crate::db::types::{
    DbError, DueTimes, EventAge, InMemoryState, OldKeys, Size, Stock, StoredTokens, UnmatchedDelivery,
    WaitingFilter,
};
use crate::db::view::{
    AcceptedEvent, DeliveryFilter, DeliveryPage, EffectFilter, EffectPage, EventFilter, EventPage,
    EventState, EventView, StoredBody, StoredKey,
};
use crate::delivery::{DeliveryId, State};
use crate::effect::EffectId;
use crate::event::{Digest, Event, Origin, PluginName};
use crate::replay::{Candidate, Progress, ReplayCursor, ReplayInProgress, ReplayState, Request};
use crate::revision::{HistoryPage, KnownHandlers, RevisionChoice, RevisionFacts};
use crate::switch::{HeldRelease, ReleaseState, Switches, TypePattern};
use crate::token::PluginPattern;

/// See the module.
pub(in crate::db) struct MemoryReads(pub(super) MemoryDatabase);

impl MemoryReads {
    pub(super) fn new(database: MemoryDatabase) -> Self {
        Self(database)
    }
}

pub(super) fn answer<'a, T: Send + 'a>(found: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(Ok(found)))
}

const SIZE: Size = Size { used_bytes: 0, free_bytes: 0, log_bytes: 0 };

impl Reads for MemoryReads {
    fn backlog(&self) -> u64 {
        let tables = self.0.tables();
        tables.deliveries.values().filter(|stored| stored.standing.is_open()).count() as u64
    }

    fn open_chosen(&self) -> Arc<OpenChosen> {
        Arc::new(self.0.tables().open_chosen())
    }

    fn check(&self) -> Result<(), DbError> {
        Ok(())
    }

    fn check_log(&self, _warn_bytes: u64) {}

    fn made_at(&self) -> Answer<'_, u64> {
        answer(0)
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    fn events<'a>(
        &'a self,
        filter: &'a EventFilter,
        cursor: Option<i64>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, EventPage> {
        let tables = self.0.tables();
        let EventFilter { event_type, source, state } = filter;
        let before = tables.events.range(..cursor.unwrap_or(i64::MAX)).rev();
        let summaries = before.map(|(seq, event)| (*seq, tables.event_summary(*seq, event, memory)));
        let wanted = summaries.filter(|(_, shown)| {
            event_type.as_ref().is_none_or(|wanted| *wanted == shown.event_type)
                && source.as_ref().is_none_or(|wanted| *wanted == shown.source)
                && state.is_none_or(|wanted: EventState| wanted == shown.state)
        });
        let page: Vec<_> = wanted.take(limit.max(1) as usize).collect();
        let next = page.last().filter(|_| page.len() >= limit as usize).map(|(seq, _)| *seq);
        answer(EventPage { events: page.into_iter().map(|(_, shown)| shown).collect(), next })
    }

    fn event<'a>(
        &'a self,
        source: Option<&'a str>,
        id: &'a str,
        memory: &'a InMemoryState,
    ) -> Answer<'a, Vec<EventView>> {
        let tables = self.0.tables();
        let with_id = tables.events.iter().filter(|(_, event)| {
            event.id == id && source.is_none_or(|source| source == event.source.as_str())
        });
        answer(with_id.map(|(seq, event)| tables.event_view(*seq, event, memory)).collect())
    }

    fn body(&self, seq: i64) -> Answer<'_, Option<StoredBody>> {
        let tables = self.0.tables();
        let body =
            |event: &Arc<Event>| StoredBody { body: event.body.clone(), payload: event.payload.clone() };
        answer(tables.events.get(&seq).map(body))
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        before: Option<DeliveryId>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, DeliveryPage> {
        let tables = self.0.tables();
        let before = before.unwrap_or(DeliveryId { event: i64::MAX, number: 0 });
        let listed =
            tables.deliveries.range(..before).rev().filter_map(|(id, stored)| {
                Some((*id, tables.listed_delivery((*id, stored), filter, memory)?))
            });
        let page: Vec<_> = listed.take(limit.max(1) as usize).collect();
        let next = page.last().filter(|_| page.len() >= limit as usize).map(|(id, _)| *id);
        answer(DeliveryPage { deliveries: page.into_iter().map(|(_, shown)| shown).collect(), next })
    }

    fn event_of(&self, id: DeliveryId) -> Answer<'_, Option<(String, String)>> {
        let tables = self.0.tables();
        let event = tables.deliveries.get(&id).and_then(|_| tables.events.get(&id.event));
        answer(event.map(|event| (event.source.to_string(), event.id.clone())))
    }

    fn plugin_of(&self, id: DeliveryId) -> Answer<'_, Option<PluginName>> {
        answer(self.0.tables().deliveries.get(&id).map(|stored| stored.plugin.clone()))
    }

    fn effects<'a>(
        &'a self,
        filter: &'a EffectFilter,
        before: Option<EffectId>,
        limit: u32,
    ) -> Answer<'a, EffectPage> {
        let tables = self.0.tables();
        let first = DeliveryId { event: i64::MAX, number: 0 };
        let before = before.unwrap_or(EffectId { delivery: first, number: 0 });
        let listed = tables.effects.range(..before).rev().filter(|(_, stored)| {
            let in_state = match filter.state {
                Some(State::Dead) => stored.standing.is_unresolved(),
                Some(state) => stored.standing.state() == state,
                None => true,
            };
            in_state
                && filter.plugin.as_deref().is_none_or(|plugin| plugin == stored.plugin.as_str())
                && filter.replay.is_none_or(|replay| stored.replay == Some(replay))
                && PluginPattern::any_matches(&filter.plugins, &stored.plugin)
        });
        let page: Vec<_> = listed.take(limit.max(1) as usize).collect();
        let next = page.last().filter(|_| page.len() >= limit as usize).map(|(id, _)| **id);
        let effects = page.into_iter().filter_map(|(id, stored)| tables.listed_effect(*id, stored));
        answer(EffectPage { effects: effects.collect(), next })
    }

    fn effect_id<'a>(&'a self, key: &'a str, newest: u32) -> Answer<'a, Option<EffectId>> {
        let tables = self.0.tables();
        let mut newest = tables.effects.iter().rev().take(newest as usize);
        answer(newest.find(|(_, stored)| stored.queued.key == key).map(|(id, _)| *id))
    }

    fn buckets<'a>(&'a self, plugin: &'a PluginName, limit: usize) -> Answer<'a, Vec<String>> {
        let tables = self.0.tables();
        let of_plugin = tables.entries.keys().filter(|(owner, _)| owner == plugin);
        let mut buckets: Vec<_> = of_plugin.map(|(_, key)| key.bucket.to_string()).collect();
        buckets.dedup();
        buckets.truncate(limit);
        answer(buckets)
    }

    fn stored_keys<'a>(
        &'a self,
        (plugin, bucket): (&'a PluginName, &'a str),
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Vec<StoredKey>> {
        let tables = self.0.tables();
        let wanted = tables.entries.iter().filter(|((owner, key), _)| {
            owner == plugin
                && &*key.bucket == bucket
                && key.key.starts_with(prefix)
                && after.is_none_or(|after| &*key.key > after)
        });
        let stored = wanted.map(|((_, key), entry)| StoredKey {
            bucket: bucket.to_owned(),
            key: key.key.to_string(),
            bytes: entry.value.len() as u64,
        });
        answer(stored.take(limit).collect())
    }

    fn open_plugins(&self) -> Answer<'_, Vec<PluginName>> {
        let tables = self.0.tables();
        let open = tables.deliveries.values().filter(|stored| stored.standing.is_open());
        answer(names(open.map(|stored| &stored.plugin)))
    }

    fn unmatched_plugins(&self) -> Answer<'_, Vec<PluginName>> {
        let tables = self.0.tables();
        answer(names(tables.unmatched_ids().map(|(_, plugin)| plugin)))
    }

    fn unmatched<'a>(
        &'a self,
        plugin: &'a PluginName,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Answer<'a, Vec<UnmatchedDelivery>> {
        let tables = self.0.tables();
        let next =
            tables.unmatched(plugin).filter(|unmatched| after.is_none_or(|after| unmatched.id > after));
        answer(next.take(limit as usize).collect())
    }

    fn waiting<'a>(&'a self, filter: &'a WaitingFilter, limit: usize) -> Answer<'a, Vec<DeliveryId>> {
        answer(self.0.tables().waiting(filter).take(limit).collect())
    }

    fn count_waiting<'a>(&'a self, filter: &'a WaitingFilter) -> Answer<'a, u64> {
        answer(self.0.tables().waiting(filter).count() as u64)
    }

    fn retried_revisions(&self) -> Answer<'_, Vec<(PluginName, Digest)>> {
        let tables = self.0.tables();
        answer(tables.retried.iter().map(|(plugin, revision)| (plugin.clone(), *revision)).collect())
    }

    fn switches(&self) -> Answer<'_, Switches> {
        answer(self.0.tables().switches.clone())
    }

    fn switched_off<'a>(
        &'a self,
        plugin: &'a PluginName,
        after: DeliveryId,
        limit: u32,
    ) -> Answer<'a, Vec<SwitchedOffDelivery>> {
        let tables = self.0.tables();
        let next = tables.switched_off(plugin).filter(|held| held.id > after);
        answer(next.take(limit as usize).collect())
    }

    fn count_open_of<'a>(
        &'a self,
        plugin: &'a PluginName,
        types: &'a TypePattern,
        scope: OpenScope,
        max: u32,
    ) -> Answer<'a, u64> {
        answer(self.0.tables().count_open_of(plugin, types, scope, max))
    }

    fn running_releases(&self) -> Answer<'_, Vec<HeldRelease>> {
        let tables = self.0.tables();
        let running = tables.releases.values().filter(|release| release.state == ReleaseState::Running);
        answer(running.cloned().collect())
    }

    fn held_release(&self, number: i64) -> Answer<'_, Option<HeldRelease>> {
        answer(self.0.tables().releases.get(&number).cloned())
    }

    fn recent_types(&self, newest: u32) -> Answer<'_, Vec<RecentType>> {
        answer(self.0.tables().recent_types(newest))
    }

    fn effect_plugins(&self) -> Answer<'_, Vec<PluginName>> {
        let tables = self.0.tables();
        let open = tables.effects.values().filter(|stored| stored.standing.is_open());
        answer(names(open.map(|stored| &stored.plugin)))
    }

    fn known_handlers<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<KnownHandlers>> {
        answer(self.0.tables().revisions.get(digest).map(|(_, handlers)| handlers.clone()))
    }

    fn tokens(&self) -> Answer<'_, StoredTokens> {
        answer(StoredTokens { tokens: self.0.tables().tokens.clone(), damaged: Vec::new() })
    }

    fn audit_page(&self, after: i64, limit: u32) -> Answer<'_, (Vec<AuditEntry>, Head)> {
        let tables = self.0.tables();
        let found = tables.audit.iter().filter(|entry| entry.number > after);
        answer((found.take(limit as usize).cloned().collect(), tables.audit_head()))
    }

    fn audit_after(&self, after: i64, limit: u32) -> Answer<'_, Vec<AuditEntry>> {
        let tables = self.0.tables();
        let found = tables.audit.iter().filter(|entry| entry.number > after);
        answer(found.take(limit as usize).cloned().collect())
    }

    fn audit<'a>(&'a self, filter: &'a EntryFilter, before: i64, limit: u32) -> Answer<'a, Vec<AuditEntry>> {
        let tables = self.0.tables();
        let found = tables.audit.iter().rev().filter(|entry| entry.number < before && filter.matches(entry));
        answer(found.take(limit as usize).cloned().collect())
    }

    fn plugin_choices(&self) -> Answer<'_, Vec<(PluginName, RevisionChoice)>> {
        answer(
            self.0.tables().choices.iter().map(|(plugin, choice)| (plugin.clone(), choice.clone())).collect(),
        )
    }

    fn plugin_history<'a>(&'a self, plugin: &'a PluginName, limit: u32) -> Answer<'a, Option<HistoryPage>> {
        answer(self.0.tables().plugin_history(plugin, limit))
    }

    fn revision_facts<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<RevisionFacts>> {
        answer(self.0.tables().revision_files.get(digest).and_then(|file| file.facts.clone()))
    }

    fn revision_file<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<Vec<u8>>> {
        let tables = self.0.tables();
        let file = tables.revision_files.get(digest).filter(|file| file.facts.is_some());
        answer(file.map(|file| file.parts.concat()))
    }

    fn stored_files(&self) -> Answer<'_, Vec<StoredFile>> {
        answer(self.0.tables().stored_files())
    }

    fn paused(&self) -> Answer<'_, Vec<(PluginName, u64)>> {
        let tables = self.0.tables();
        let paused = tables.held.iter().filter(|((_, paused), _)| *paused == PAUSED);
        answer(paused.map(|((plugin, _), since)| (plugin.clone(), *since)).collect())
    }

    fn anything_due<'a>(&'a self, now: u64, due: HashMap<&'a str, DueTimes>) -> Answer<'a, bool> {
        let tables = self.0.tables();
        answer(tables.deliveries.values().any(|stored| {
            let due = due.get(stored.plugin.as_str());
            due.is_some_and(|due| stored.standing.is_due(now, due.beyond)) && !tables.is_held(&stored.plugin)
        }))
    }

    fn emitted(&self, root: i64) -> Answer<'_, u64> {
        answer(self.0.tables().emitted.get(&root).copied().unwrap_or(0))
    }

    fn origin(&self, event: i64) -> Answer<'_, Origin> {
        let received = Origin { event, delivery: 0, depth: 0, root: event };
        answer(self.0.tables().events.get(&event).and_then(|event| event.origin).unwrap_or(received))
    }

    fn name_of_event(&self, seq: i64) -> Answer<'_, Option<String>> {
        let tables = self.0.tables();
        answer(tables.events.get(&seq).map(|event| format!("event {}/{}", event.source, event.id)))
    }

    fn count<'a>(&'a self, request: &'a Request) -> Answer<'a, (u64, i64)> {
        let tables = self.0.tables();
        let newest = tables.events.keys().next_back().copied().unwrap_or(0);
        answer((tables.candidates(request).len() as u64, newest))
    }

    fn candidates<'a>(&'a self, running: &'a ReplayInProgress, limit: u32) -> Answer<'a, Vec<Candidate>> {
        let (after, last) = (running.after, running.last_event);
        let is_next = |at: ReplayCursor| at > after && at.event <= last;
        let found = self.0.tables().candidates(&running.request);
        let next = found.into_iter().filter(|(at, _)| is_next(*at)).take(limit as usize);
        answer(next.map(|(_, candidate)| candidate).collect())
    }

    fn replayed_revisions(&self) -> Answer<'_, Vec<Digest>> {
        answer(self.0.tables().replayed_revisions())
    }

    fn running_replays(&self) -> Answer<'_, Vec<ReplayInProgress>> {
        answer(self.0.tables().running_replays().map(StoredReplay::running).collect())
    }

    fn replay(&self, id: i64) -> Answer<'_, Option<Progress>> {
        answer(self.0.tables().replays.get(&id).map(|stored| stored.progress.clone()))
    }

    fn replays(&self, before: i64, limit: u32) -> Answer<'_, Vec<Progress>> {
        let tables = self.0.tables();
        let older = tables.replays.range(..before).rev().take(limit as usize);
        answer(older.map(|(_, stored)| stored.progress.clone()).collect())
    }

    fn replays_ended(&self) -> Answer<'_, i64> {
        let tables = self.0.tables();
        let ended = tables.replays.values().filter(|stored| stored.progress.state != ReplayState::Running);
        answer(i64::try_from(ended.count()).unwrap_or(i64::MAX))
    }

    fn ages(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, Vec<EventAge>> {
        let tables = self.0.tables();
        let next = tables.events.range(after.saturating_add(1)..).take(limit);
        let age = next.map(|(seq, event)| {
            let old = is_old(event.received_at, before, ahead);
            let over = old && tables.is_over(*seq);
            EventAge { seq: *seq, old, over, bytes: if over { event.body.len() as u64 } else { 0 } }
        });
        answer(age.collect())
    }

    fn old_beyond(&self, after: i64, before: u64) -> Answer<'_, i64> {
        let tables = self.0.tables();
        let old =
            tables.events.range(after.saturating_add(1)..).rfind(|(_, event)| event.received_at < before);
        answer(old.map_or(0, |(seq, _)| *seq))
    }

    fn old_keys(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, OldKeys> {
        let tables = self.0.tables();
        let page: Vec<(&i64, &Key)> = tables.keys.range(after.saturating_add(1)..).take(limit).collect();
        let last = page.last().filter(|_| page.len() >= limit).map(|(seq, _)| **seq);
        let old = page
            .iter()
            .filter(|(seq, key)| is_old(key.received_at, before, ahead) && !tables.events.contains_key(*seq));
        answer(OldKeys { keys: old.map(|(seq, _)| **seq).collect(), last })
    }

    fn events_after(&self, after: i64, limit: u32) -> Answer<'_, Vec<AcceptedEvent>> {
        let tables = self.0.tables();
        let events =
            tables.events.range(after + 1..).take(limit as usize).map(|(number, event)| AcceptedEvent {
                number: *number,
                source: event.source.to_string(),
                id: event.id.clone(),
                event_type: event.event_type.clone(),
            });
        answer(events.collect())
    }

    fn newest_seq(&self) -> Answer<'_, i64> {
        answer(self.0.tables().events.keys().next_back().copied().unwrap_or(0))
    }

    fn size(&self) -> Answer<'_, Size> {
        answer(SIZE)
    }

    fn stock(&self) -> Answer<'_, Stock> {
        let tables = self.0.tables();
        let deliveries = tables.deliveries.iter().filter(|(_, stored)| stored.standing.is_unresolved());
        let effects = tables.effects.iter().filter(|(_, stored)| stored.standing.is_unresolved());
        let deliveries: Vec<_> = deliveries.map(|(id, _)| id.event).collect();
        let effects: Vec<_> = effects.map(|(id, _)| id.delivery.event).collect();
        let oldest = deliveries.iter().chain(&effects).min().and_then(|seq| tables.events.get(seq));
        answer(Stock {
            switches_off: tables.switches.all().iter().filter(|switch| !switch.is_on).count() as u64,
            dead_deliveries: deliveries.len() as u64,
            dead_effects: effects.len() as u64,
            oldest_dead_at: oldest.map(|event| event.received_at),
            size: SIZE,
        })
    }

    fn alerts(&self) -> Answer<'_, Vec<(String, String)>> {
        answer(self.0.tables().alerts.clone().into_iter().collect())
    }

    fn dead_letters(&self) -> Answer<'_, Vec<DeadLetters>> {
        answer(self.0.tables().dead_letters())
    }

    fn last_received(&self, newest: u32) -> Answer<'_, Vec<(String, u64)>> {
        answer(self.0.tables().last_received(newest as usize))
    }

    fn pruned<'a>(&'a self, source: Option<&'a str>, id: &'a str) -> Answer<'a, Option<u64>> {
        let tables = self.0.tables();
        let gone = tables.keys.iter().filter(|(seq, key)| {
            key.id == id
                && source.is_none_or(|source| source == key.source.as_str())
                && !tables.events.contains_key(*seq)
        });
        answer(gone.map(|(_, key)| key.received_at).max())
    }
}

fn is_old(received_at: u64, before: u64, ahead: i64) -> bool {
    received_at < before && received_at < before.saturating_add_signed(ahead)
}

/// Each once, in order.
fn names<'a>(names: impl Iterator<Item = &'a PluginName>) -> Vec<PluginName> {
    let names: std::collections::BTreeSet<_> = names.cloned().collect();
    names.into_iter().collect()
}
