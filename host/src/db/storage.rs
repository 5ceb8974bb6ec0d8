//! The database's interface for this room: whole transactions for the writer ([`Storage`]), reads ([`Reads`]). Behind it
//! stand the assumptions of a single host: numbers, leases and order in memory, a complete cache of a store, counters.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use super::alert_types::{DeadLetters, SavedAlert};
pub(super) use super::batch::{Batch, Committed, NewEvent, Ready, Verdict};
use super::confirmation_types::{ConfirmationReads, ConfirmationWrites};
use super::edit_types::EditStorage;
use super::erasure_types::{ErasureReads, ErasureStorage};
use super::group_types::GroupReads;
use super::keyed_types::{KeyedReads, KeyedWrites};
use super::open_chosen::OpenChosen;
use super::page_types::{PageReads, SessionWrites};
use super::revision_types::{RevisionPart, StoredFile};
use super::running::RunningAttempts;
use super::search::reads::SearchReads;
use super::switch_change::{
    HeldPage, OpenScope, RecentType, SwitchChange, SwitchResult, SwitchedOffDelivery,
};
use super::types::{
    DbError, Discard, DueChange, DueTimes, EffectLease, EffectResolution, EffectShare, EventAge,
    InMemoryState, Interrupted, Lease, LeaseRequest, MatchCount, OldKeys, PluginMatch, Removal,
    ResolvedEffect, RunningId, Size, Stock, StoreSummary, StoredTokens, TokenCreation, UnmatchedDelivery,
    WaitingFilter,
};
use super::view::{
    AcceptedEvent, DeliveryFilter, DeliveryPage, EffectFilter, EffectPage, EventFilter, EventPage, EventView,
    StoredBody, StoredKey,
};
use crate::audit::{Decision, Entry as AuditEntry, EntryFilter, Head, Record};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::event::{Digest, Origin, PluginName};
use crate::keyvalue::{Entry, EntryKey};
use crate::replay::{self, Candidate, Progress, ReplayPage};
use crate::revision::{HistoryPage, InstructionRecord, KnownHandlers, RevisionChoice, RevisionFacts};
use crate::switch::{HeldRelease, Switches, TypePattern};
use crate::token::NewToken;

/// The write side of a database. Each call is one transaction: all of it is durable when the call returns, or on an
/// error nothing of it.
pub(super) trait Storage:
    KeyedWrites + ErasureStorage + EditStorage + SessionWrites + ConfirmationWrites + 'static
{
    /// Attempts that ended with an earlier process and were not recorded. They are leased to this host by this.
    fn interrupted(&mut self) -> impl Future<Output = Result<Vec<Interrupted>, DbError>> + Send;

    /// Open deliveries and effects with at least this many attempts that ended with the process.
    fn suspects(&mut self, crashes: u32) -> impl Future<Output = Result<HashSet<RunningId>, DbError>> + Send;

    /// Each plugin's effects that are neither done nor dead.
    fn waiting_effects(
        &mut self,
    ) -> impl Future<Output = Result<HashMap<PluginName, EffectShare>, DbError>> + Send;

    /// Commits a batch: attempts first, so a delivery that one unblocks does not wait for the batch's new events.
    fn commit(&mut self, batch: Batch<'_>) -> impl Future<Output = Result<Committed, DbError>> + Send;

    /// Leases deliveries that a commit has unblocked, unless they are held.
    fn lease_unblocked(&mut self, unblocked: &[DeliveryId]) -> impl Future<Output = Ready> + Send;

    /// Leases deliveries of a plugin that are due and not held, in order of acceptance. None is leased twice.
    fn lease(&mut self, request: &LeaseRequest) -> impl Future<Output = Result<Lease, DbError>> + Send;

    /// Leases effects, as `lease` does deliveries.
    fn lease_effects(
        &mut self,
        request: &LeaseRequest,
    ) -> impl Future<Output = Result<EffectLease, DbError>> + Send;

    /// Ends leases without an attempt. Ids that are not leased are skipped.
    fn release(&mut self, leased: &[RunningId]) -> impl Future<Output = ()> + Send;

    /// Pauses or resumes a plugin. Like all decisions, it is refused with [`DbError::Revoked`] if its token was
    /// revoked, and its audit entry commits with it.
    fn pause(
        &mut self,
        plugin: &PluginName,
        paused: bool,
        by: &Decision,
    ) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Stores a token, unless its name is in use or there are `tokens_max`.
    fn create_token(
        &mut self,
        new: &NewToken,
        tokens_max: u32,
        by: &Decision,
    ) -> impl Future<Output = Result<TokenCreation, DbError>> + Send;

    /// Revokes a token. False if there is none of this name.
    fn revoke_token(
        &mut self,
        name: &str,
        by: &Decision,
    ) -> impl Future<Output = Result<bool, DbError>> + Send;

    /// Stores the token of the data directory's file, unless its hash is known, and revokes an earlier one.
    fn keep_first_token(&mut self, new: &NewToken) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Notes when tokens were used, by their numbers.
    fn note_token_uses(&mut self, uses: &[(i64, u64)]) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Appends entries to the audit log.
    fn record(&mut self, records: &[Record]) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Stores a requested replay, and returns its number.
    fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
        by: &Decision,
    ) -> impl Future<Output = Result<i64, DbError>> + Send;

    /// A part of a replay, unless it was stopped. Returns the effects that are due again.
    fn advance_replay(
        &mut self,
        step: &ReplayPage,
    ) -> impl Future<Output = Result<Vec<ResolvedEffect>, DbError>> + Send;

    /// Stops a replay. False when it does not run.
    fn stop_replay(
        &mut self,
        replay: i64,
        by: &Decision,
    ) -> impl Future<Output = Result<bool, DbError>> + Send;

    /// Sees to it that a delivery is not run any more, unless it is leased.
    fn discard(
        &mut self,
        id: DeliveryId,
        by: &Decision,
    ) -> impl Future<Output = Result<(Discard, Ready), DbError>> + Send;

    /// Matches unmatched deliveries. Handled ones become due or blocked, and are not leased. The others are removed
    /// as if their event had not gone to the plugin, and the next delivery of their ordering key is unblocked. A
    /// delivery that is not unmatched, or of another plugin, is skipped.
    fn match_deliveries(
        &mut self,
        of_plugin: &PluginMatch,
    ) -> impl Future<Output = Result<MatchCount, DbError>> + Send;

    /// Changes a switch. The deliveries of later transactions follow it.
    fn switch(&mut self, change: &SwitchChange)
    -> impl Future<Output = Result<SwitchResult, DbError>> + Send;

    /// Releases a page of the deliveries that a switch held, unless a later instruction replaced that of the release.
    /// Those that another switch governs now are skipped. Returns how many were released.
    fn release_held(&mut self, page: &HeldPage) -> impl Future<Output = Result<u64, DbError>> + Send;

    /// Makes waiting deliveries due, whether or not they are held. Returns how many it changed.
    fn make_due(
        &mut self,
        change: &DueChange,
    ) -> impl Future<Output = Result<Vec<DeliveryId>, DbError>> + Send;

    /// Makes a page of dead effects due again, or resolves them. Returns their ids.
    fn resolve_effects(
        &mut self,
        resolution: &EffectResolution,
    ) -> impl Future<Output = Result<Vec<ResolvedEffect>, DbError>> + Send;

    /// Stores the state of an alert, or removes it.
    fn save_alert(&mut self, saved: &SavedAlert) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Stores a part of a revision's file. It costs no `fsync`: it is durable with the next commit.
    fn keep_part(&mut self, part: &RevisionPart) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Stores an instruction about a plugin's revisions, with what is in force after it.
    fn instruct(&mut self, record: &InstructionRecord) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Removes old rows, and counts them. It costs no `fsync`: a power cut may undo a removal, but only all of it.
    fn remove(&mut self, removal: &Removal) -> impl Future<Output = Result<u64, DbError>> + Send;

    /// Moves commits to their final place, without waiting for readers.
    fn save(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;

    /// Brings everything into its final place and closes. No other host may begin before the storage is dropped.
    fn close(&mut self) -> impl Future<Output = Result<(), DbError>> + Send;
}

/// A database that was opened.
pub(super) struct Opened<S> {
    pub(super) storage: S,
    pub(super) reads: Box<dyn Reads>,
    /// The highest version that any entry of a store ever had.
    pub(super) store_version: u64,
    pub(super) running: RunningAttempts,
}

pub(super) use super::types::Answer;

/// Reads committed entries of plugins' stores.
pub(super) trait EntryReads: Send + Sync {
    /// An entry.
    fn entry<'a>(&'a self, plugin: &'a PluginName, key: &'a EntryKey) -> Answer<'a, Option<Entry>>;

    /// Up to `limit` keys of a bucket after `after`, in order.
    fn keys<'a>(
        &'a self,
        plugin: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Vec<Arc<str>>>;

    /// Returns the totals of a store.
    fn store_summary<'a>(&'a self, plugin: &'a PluginName) -> Answer<'a, StoreSummary>;
}

/// The read side of a database: it reads commits, and does not wait for the writer.
pub(super) trait Reads:
    EntryReads + ErasureReads + GroupReads + KeyedReads + SearchReads + PageReads + ConfirmationReads
{
    /// Open deliveries, as far as this host knows.
    fn backlog(&self) -> u64;

    /// Open deliveries on revisions that replays chose, as far as this process knows them.
    fn open_chosen(&self) -> Arc<OpenChosen>;

    /// Checks the database's file without waiting.
    fn check(&self) -> Result<(), DbError>;

    /// Logs a warning when the database's own log has grown to this many bytes, with the processes that keep
    /// it from being emptied.
    fn check_log(&self, warn_bytes: u64);

    /// Returns when this database was made, ms since the Unix epoch.
    fn made_at(&self) -> Answer<'_, u64>;

    /// Ends reading.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// A page of events, the newest first, before the one with the number `cursor`.
    fn events<'a>(
        &'a self,
        filter: &'a EventFilter,
        cursor: Option<i64>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, EventPage>;

    /// Everything about the events with this id.
    fn event<'a>(
        &'a self,
        source: Option<&'a str>,
        id: &'a str,
        memory: &'a InMemoryState,
    ) -> Answer<'a, Vec<EventView>>;

    /// The body of the event with this number.
    fn body(&self, seq: i64) -> Answer<'_, Option<StoredBody>>;

    /// A page of deliveries, the newest event's first.
    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        before: Option<DeliveryId>,
        limit: u32,
        memory: &'a InMemoryState,
    ) -> Answer<'a, DeliveryPage>;

    /// The source and id of a delivery's event.
    fn event_of(&self, id: DeliveryId) -> Answer<'_, Option<(String, String)>>;

    /// The plugin of a delivery.
    fn plugin_of(&self, id: DeliveryId) -> Answer<'_, Option<PluginName>>;

    /// A page of effects, the newest event's first.
    fn effects<'a>(
        &'a self,
        filter: &'a EffectFilter,
        before: Option<EffectId>,
        limit: u32,
    ) -> Answer<'a, EffectPage>;

    /// The id of an effect with this key, if it is among the newest `newest`.
    fn effect_id<'a>(&'a self, key: &'a str, newest: u32) -> Answer<'a, Option<EffectId>>;

    /// Up to `limit` buckets of a plugin's store, in order.
    fn buckets<'a>(&'a self, plugin: &'a PluginName, limit: usize) -> Answer<'a, Vec<String>>;

    /// Up to `limit` keys of a bucket that begin with `prefix`, after `after`, in order.
    fn stored_keys<'a>(
        &'a self,
        of: (&'a PluginName, &'a str),
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Vec<StoredKey>>;

    /// Plugins with open deliveries, held ones included.
    fn open_plugins(&self) -> Answer<'_, Vec<PluginName>>;

    /// Plugins with unmatched deliveries.
    fn unmatched_plugins(&self) -> Answer<'_, Vec<PluginName>>;

    /// Up to `limit` unmatched deliveries of a plugin after `after`, in order of acceptance.
    fn unmatched<'a>(
        &'a self,
        plugin: &'a PluginName,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> Answer<'a, Vec<UnmatchedDelivery>>;

    /// Up to `limit` waiting deliveries.
    fn waiting<'a>(&'a self, filter: &'a WaitingFilter, limit: usize) -> Answer<'a, Vec<DeliveryId>>;

    /// Counts them.
    fn count_waiting<'a>(&'a self, filter: &'a WaitingFilter) -> Answer<'a, u64>;

    /// The last revision of each plugin for which all waiting deliveries were made due.
    fn retried_revisions(&self) -> Answer<'_, Vec<(PluginName, Digest)>>;

    /// All switches.
    fn switches(&self) -> Answer<'_, Switches>;

    /// Up to `limit` deliveries of a plugin after `after` that a switch holds, in order of acceptance.
    fn switched_off<'a>(
        &'a self,
        plugin: &'a PluginName,
        after: DeliveryId,
        limit: u32,
    ) -> Answer<'a, Vec<SwitchedOffDelivery>>;

    /// Counts open deliveries of a plugin with events of these types, up to `max`.
    fn count_open_of<'a>(
        &'a self,
        plugin: &'a PluginName,
        types: &'a TypePattern,
        scope: OpenScope,
        max: u32,
    ) -> Answer<'a, u64>;

    /// Returns releases of held deliveries in progress, the oldest first.
    fn running_releases(&self) -> Answer<'_, Vec<HeldRelease>>;

    /// A release of held deliveries.
    fn held_release(&self, number: i64) -> Answer<'_, Option<HeldRelease>>;

    /// The types of the newest `newest` events, by type and source.
    fn recent_types(&self, newest: u32) -> Answer<'_, Vec<RecentType>>;

    /// Plugins with effects that are neither done nor dead.
    fn effect_plugins(&self) -> Answer<'_, Vec<PluginName>>;

    /// Returns the handlers of a revision, if they were recorded and can be read.
    fn known_handlers<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<KnownHandlers>>;

    /// All tokens.
    fn tokens(&self) -> Answer<'_, StoredTokens>;

    /// Up to `limit` entries of the audit log after this one, in order; and the newest entry as it is noted apart from
    /// them. Both are of one moment.
    fn audit_page(&self, after: i64, limit: u32) -> Answer<'_, (Vec<AuditEntry>, Head)>;

    /// Up to `limit` entries of the audit log after this one, in order.
    fn audit_after(&self, after: i64, limit: u32) -> Answer<'_, Vec<AuditEntry>>;

    /// Up to `limit` entries of the audit log before this one, the newest first.
    fn audit<'a>(&'a self, filter: &'a EntryFilter, before: i64, limit: u32) -> Answer<'a, Vec<AuditEntry>>;

    /// Each plugin's revision in force, and the one that waits.
    fn plugin_choices(&self) -> Answer<'_, Vec<(PluginName, RevisionChoice)>>;

    /// A plugin's history of instructions, the newest first; `None` if there was none.
    fn plugin_history<'a>(&'a self, plugin: &'a PluginName, limit: u32) -> Answer<'a, Option<HistoryPage>>;

    /// The facts of a revision whose file is stored.
    fn revision_facts<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<RevisionFacts>>;

    /// The file of a revision, if it is stored.
    fn revision_file<'a>(&'a self, digest: &'a Digest) -> Answer<'a, Option<Vec<u8>>>;

    /// All stored files of revisions.
    fn stored_files(&self) -> Answer<'_, Vec<StoredFile>>;

    /// Plugins that an operator paused, and since when.
    fn paused(&self) -> Answer<'_, Vec<(PluginName, u64)>>;

    /// Whether any delivery is due, of these plugins and not held. `due` is of each plugin that can run.
    fn anything_due<'a>(&'a self, now: u64, due: HashMap<&'a str, DueTimes>) -> Answer<'a, bool>;

    /// Counts the events that handlers emitted because of this received event.
    fn emitted(&self, root: i64) -> Answer<'_, u64>;

    /// An event's source and id, for messages.
    fn name_of_event(&self, seq: i64) -> Answer<'_, Option<String>>;

    /// Counts the matches of a replay's request, and returns the newest event.
    fn count<'a>(&'a self, request: &'a replay::Request) -> Answer<'a, (u64, i64)>;

    /// The next up to `limit` that a replay finds.
    fn candidates<'a>(
        &'a self,
        running: &'a replay::ReplayInProgress,
        limit: u32,
    ) -> Answer<'a, Vec<Candidate>>;
    /// Returns the revisions that open deliveries of replays run on.
    fn replayed_revisions(&self) -> Answer<'_, Vec<Digest>>;
    /// Returns replays in progress, the oldest first.
    fn running_replays(&self) -> Answer<'_, Vec<replay::ReplayInProgress>>;
    /// A replay.
    fn replay(&self, id: i64) -> Answer<'_, Option<Progress>>;

    /// Replays, the newest first, before the one with this number.
    fn replays(&self, before: i64, limit: u32) -> Answer<'_, Vec<Progress>>;

    /// Counts the replays that have ended.
    fn replays_ended(&self) -> Answer<'_, i64>;

    /// Events after `after`, in order, each with whether it was received before `before` by both clocks. That of
    /// the host is `ahead` of the system's.
    fn ages(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, Vec<EventAge>>;

    /// An event far after `after` that was received before `before`, or 0.
    fn old_beyond(&self, after: i64, before: u64) -> Answer<'_, i64>;

    /// Returns the keys after that of `after`, in order, that were taken before `before` and whose events are
    /// gone. The clocks are as in [`Reads::ages`].
    fn old_keys(&self, after: i64, before: u64, ahead: i64, limit: usize) -> Answer<'_, OldKeys>;

    /// Up to `limit` events after this one, in order.
    fn events_after(&self, after: i64, limit: u32) -> Answer<'_, Vec<AcceptedEvent>>;

    /// The number of the newest event.
    fn newest_seq(&self) -> Answer<'_, i64>;

    /// Returns the database's size on disk.
    fn size(&self) -> Answer<'_, Size>;

    /// The numbers of stored items.
    fn stock(&self) -> Answer<'_, Stock>;

    /// The states of alerts, by name.
    fn alerts(&self) -> Answer<'_, Vec<(String, String)>>;

    /// Counts unresolved dead letters, by plugin.
    fn dead_letters(&self) -> Answer<'_, Vec<DeadLetters>>;

    /// The sources of the newest `newest` events, and when the last event of each was received.
    fn last_received(&self, newest: u32) -> Answer<'_, Vec<(String, u64)>>;

    /// The origin of an event; of a received one itself.
    fn origin(&self, event: i64) -> Answer<'_, Origin>;

    /// Returns the time at which a pruned event was received, if its key remains.
    fn pruned<'a>(&'a self, source: Option<&'a str>, id: &'a str) -> Answer<'a, Option<u64>>;
}
