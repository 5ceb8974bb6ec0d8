//! The implementation of `Reads`, gathered from the files of each subject.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::reader::Reader;
use crate::audit::{Entry as AuditEntry, EntryFilter, Head};
use crate::db::alert_types::DeadLetters;
use crate::db::open_chosen::OpenChosen;
use crate::db::revision_types::StoredFile;
use crate::db::storage::{Answer, EntryReads, Reads};
use crate::db::switch_change::{OpenScope, RecentType, SwitchedOffDelivery};
use crate::db::types::{
    DbError, DueTimes, EventAge, InMemoryState, OldKeys, Size, Stock, StoreSummary, StoredTokens,
    UnmatchedDelivery, WaitingFilter,
};
use crate::db::view::{
    AcceptedEvent, DeliveryFilter, DeliveryPage, EffectFilter, EffectPage, EventFilter, EventPage, EventView,
    StoredBody, StoredKey,
};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::event::{Digest, Origin, PluginName};
use crate::keyvalue::{Entry, EntryKey};
use crate::replay::{Candidate, Progress, ReplayInProgress, Request};
use crate::revision::{HistoryPage, KnownHandlers, RevisionChoice, RevisionFacts};
use crate::switch::{HeldRelease, Switches, TypePattern};

impl EntryReads for Reader {
    fn entry<'a>(&'a self, plugin: &'a PluginName, key: &'a EntryKey) -> Answer<'a, Option<Entry>> {
        Box::pin(self.entry(plugin, key))
    }

    fn keys<'a>(
        &'a self,
        plugin: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Vec<Arc<str>>> {
        Box::pin(self.keys(plugin, bucket, after, limit))
    }

    fn store_summary<'a>(&'a self, plugin: &'a PluginName) -> Answer<'a, StoreSummary> {
        Box::pin(self.store_summary(plugin))
    }
}

impl Reads for Reader {
    fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }

    fn open_chosen(&self) -> Arc<OpenChosen> {
        Arc::clone(&self.chosen)
    }

    fn check(&self) -> Result<(), DbError> {
        self.file.check()?;
        // Without a writer there is no lock to keep.
        self.lock.upgrade().map_or(Ok(()), |lock| lock.keep())
    }

    fn check_log(&self, warn_bytes: u64) {
        let mut watch = self.log_watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.check(self.log_path(), warn_bytes);
    }

    fn made_at(&self) -> Answer<'_, u64> {
        Box::pin(self.made_at())
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.close_pools())
    }

    fn events<'a>(
        &'a self,
        filter: &'a EventFilter,
        cursor: Option<i64>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, EventPage> {
        Box::pin(self.events(filter, cursor, limit, memory))
    }

    fn event<'a>(
        &'a self,
        source: Option<&'a str>,
        id: &'a str,
        memory: &'a InMemoryState,
    ) -> Answer<'a, Vec<EventView>> {
        Box::pin(self.event(source, id, memory))
    }

    fn body(&self, seq: i64) -> Answer<'_, Option<StoredBody>> {
        Box::pin(self.body(seq))
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        before: Option<DeliveryId>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, DeliveryPage> {
        Box::pin(self.deliveries(filter, before, limit, memory))
    }

    fn event_of(&self, id: DeliveryId) -> Answer<'_, Option<(String, String)>> {
        Box::pin(self.event_of(id))
    }

    fn plugin_of(&self, id: DeliveryId) -> Answer<'_, Option<PluginName>> {
        Box::pin(self.plugin_of(id))
    }

    fn effects<'a>(
        &'a self,
        filter: &'a EffectFilter,
        before: Option<EffectId>,
        limit: u32,
    ) -> Answer<'a, EffectPage> {
        Box::pin(self.effects(filter, before, limit))
    }

    fn effect_id<'a>(&'a self, key: &'a str, newest: u32) -> Answer<'a, Option<EffectId>> {
        Box::pin(self.effect_id(key, newest))
    }

    fn buckets<'a>(&'a self, plugin: &'a PluginName, limit: usize) -> Answer<'a, Vec<String>> {
        Box::pin(self.buckets(plugin, limit))
    }

    fn stored_keys<'a>(
        &'a self,
        of: (&'a PluginName, &'a str),
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Vec<StoredKey>> {
        Box::pin(self.stored_keys(of, prefix, after, limit))
    }

    fn open_plugins(&self) -> Answer<'_, Vec<PluginName>> {
        Box::pin(self.open_plugins())
    }

    fn unmatched_plugins(&self) -> Answer<'_, Vec<PluginName>> {
        Box::pin(self.unmatched_plugins())
    }

    fn unmatched<'a>(
        &'a self,
        plugin: &'a PluginName,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Answer<'a, Vec<UnmatchedDelivery>> {
        Box::pin(self.unmatched(plugin, after, limit))
    }

    fn waiting<'a>(&'a self, filter: &'a WaitingFilter, limit: usize) -> Answer<'a, Vec<DeliveryId>> {
        Box::pin(self.waiting(filter, limit))
    }

    fn count_waiting<'a>(&'a self, filter: &'a WaitingFilter) -> Answer<'a, u64> {
        Box::pin(self.count_waiting(filter))
    }

    fn retried_revisions(&self) -> Answer<'_, Vec<(PluginName, Digest)>> {
        Box::pin(self.retried_revisions())
    }

    fn switches(&self) -> Answer<'_, Switches> {
        Box::pin(self.switches())
    }

    fn switched_off<'a>(
        &'a self,
        plugin: &'a PluginName,
        after: DeliveryId,
        limit: u32,
    ) -> Answer<'a, Vec<SwitchedOffDelivery>> {
        Box::pin(self.switched_off(plugin, after, limit))
    }

    fn count_open_of<'a>(
        &'a self,
        plugin: &'a PluginName,
        types: &'a TypePattern,
        scope: OpenScope,
        max: u32,
    ) -> Answer<'a, u64> {
        Box::pin(self.count_open_of(plugin, types, scope, max))
    }

    fn running_releases(&self) -> Answer<'_, Vec<HeldRelease>> {
        Box::pin(self.running_releases())
    }

    fn held_release(&self, number: i64) -> Answer<'_, Option<HeldRelease>> {
        Box::pin(self.held_release(number))
    }

    fn recent_types(&self, newest: u32) -> Answer<'_, Vec<RecentType>> {
        Box::pin(self.recent_types(newest))
    }

    fn effect_plugins(&self) -> Answer<'_, Vec<PluginName>> {
        Box::pin(self.effect_plugins())
    }

    fn known_handlers<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<KnownHandlers>> {
        Box::pin(self.known_handlers(digest))
    }

    fn tokens(&self) -> Answer<'_, StoredTokens> {
        Box::pin(self.tokens())
    }

    fn audit_page(&self, after: i64, limit: u32) -> Answer<'_, (Vec<AuditEntry>, Head)> {
        Box::pin(self.audit_page(after, limit))
    }

    fn audit_after(&self, after: i64, limit: u32) -> Answer<'_, Vec<AuditEntry>> {
        Box::pin(self.audit_after(after, limit))
    }

    fn audit<'a>(&'a self, filter: &'a EntryFilter, before: i64, limit: u32) -> Answer<'a, Vec<AuditEntry>> {
        Box::pin(self.audit(filter, before, limit))
    }

    fn plugin_choices(&self) -> Answer<'_, Vec<(PluginName, RevisionChoice)>> {
        Box::pin(self.plugin_choices())
    }

    fn plugin_history<'a>(&'a self, plugin: &'a PluginName, limit: u32) -> Answer<'a, Option<HistoryPage>> {
        Box::pin(self.plugin_history(plugin, limit))
    }

    fn revision_facts<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<RevisionFacts>> {
        Box::pin(self.revision_facts(digest))
    }

    fn revision_file<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<Vec<u8>>> {
        Box::pin(self.revision_file(digest))
    }

    fn stored_files(&self) -> Answer<'_, Vec<StoredFile>> {
        Box::pin(self.stored_files())
    }

    fn paused(&self) -> Answer<'_, Vec<(PluginName, u64)>> {
        Box::pin(self.paused())
    }

    fn anything_due<'a>(&'a self, now: u64, due: HashMap<&'a str, DueTimes>) -> Answer<'a, bool> {
        Box::pin(self.anything_due(now, due))
    }

    fn emitted(&self, root: i64) -> Answer<'_, u64> {
        Box::pin(self.emitted(root))
    }

    fn origin(&self, event: i64) -> Answer<'_, Origin> {
        Box::pin(self.origin(event))
    }

    fn name_of_event(&self, seq: i64) -> Answer<'_, Option<String>> {
        Box::pin(self.name_of_event(seq))
    }

    fn count<'a>(&'a self, request: &'a Request) -> Answer<'a, (u64, i64)> {
        Box::pin(self.count(request))
    }

    fn candidates<'a>(&'a self, running: &'a ReplayInProgress, limit: u32) -> Answer<'a, Vec<Candidate>> {
        Box::pin(self.candidates(running, limit))
    }

    fn replayed_revisions(&self) -> Answer<'_, Vec<Digest>> {
        Box::pin(self.replayed_revisions())
    }

    fn running_replays(&self) -> Answer<'_, Vec<ReplayInProgress>> {
        Box::pin(self.running_replays())
    }

    fn replay(&self, id: i64) -> Answer<'_, Option<Progress>> {
        Box::pin(self.replay(id))
    }

    fn replays(&self, before: i64, limit: u32) -> Answer<'_, Vec<Progress>> {
        Box::pin(self.replays(before, limit))
    }

    fn replays_ended(&self) -> Answer<'_, i64> {
        Box::pin(self.replays_ended())
    }

    fn ages(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, Vec<EventAge>> {
        Box::pin(self.ages(after, (before, ahead), limit))
    }

    fn old_beyond(&self, after: i64, before: u64) -> Answer<'_, i64> {
        Box::pin(self.old_beyond(after, before))
    }

    fn old_keys(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, OldKeys> {
        Box::pin(self.old_keys(after, (before, ahead), limit))
    }

    fn events_after(&self, after: i64, limit: u32) -> Answer<'_, Vec<AcceptedEvent>> {
        Box::pin(self.events_after(after, limit))
    }

    fn newest_seq(&self) -> Answer<'_, i64> {
        Box::pin(self.newest_seq())
    }

    fn size(&self) -> Answer<'_, Size> {
        Box::pin(self.size())
    }

    fn stock(&self) -> Answer<'_, Stock> {
        Box::pin(self.stock())
    }

    fn alerts(&self) -> Answer<'_, Vec<(String, String)>> {
        Box::pin(self.alerts())
    }

    fn dead_letters(&self) -> Answer<'_, Vec<DeadLetters>> {
        Box::pin(self.dead_letters())
    }

    fn last_received(&self, newest: u32) -> Answer<'_, Vec<(String, u64)>> {
        Box::pin(self.last_received(newest))
    }

    fn pruned<'a>(&'a self, source: Option<&'a str>, id: &'a str) -> Answer<'a, Option<u64>> {
        Box::pin(self.pruned(source, id))
    }
}
