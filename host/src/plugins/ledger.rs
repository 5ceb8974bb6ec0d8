//! Decides what an instruction means, and records it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::choices::{Choices, InstructionTurn, PluginChoice};
use super::read::{ReadResult, read_file};
use super::records::{FileChange, RevisionFile, RevisionRecords};
use super::scan::PluginFile;
use crate::audit::{ActorKind, Decision};
use crate::config::{Approval, Config};
use crate::event::{Digest, PluginName, now_ms};
use crate::revision::{
    HistoryEntry, InstructionRecord, Origin, RevisionChoice, RevisionDifference, RevisionFacts,
};

/// Bytes of files that are held in memory until they are stored. Those of others are read again.
const HELD_BYTES: usize = 64 * 1024 * 1024;
const KIB: usize = 1024;
/// Files that are read again at once, each until it is stored.
const READERS: usize = 2;
/// The waits before another try to record a file.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ledger {
    pub(super) records: Arc<dyn RevisionRecords>,
    pub(super) choices: Arc<Choices>,
    held: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    file_max_bytes: u64,
}

/// A changed file that was loaded, or refused.
pub(super) struct ChangedFile {
    pub(super) file: PluginFile,
    pub(super) digest: Digest,
    /// Its content and facts; the reason if it was refused.
    pub(super) result: Result<(Bytes, RevisionFacts), String>,
}

/// The bytes of a file until they are stored.
enum HeldFile {
    Bytes(Bytes, #[expect(dead_code, reason = "room in memory, until it is dropped")] OwnedSemaphorePermit),
    Path(PluginFile),
}

impl Ledger {
    pub(super) fn new(records: Arc<dyn RevisionRecords>, choices: Arc<Choices>, config: &Config) -> Self {
        let held = Arc::new(Semaphore::new(HELD_BYTES / KIB));
        let readers = Arc::new(Semaphore::new(READERS));
        Self { records, choices, held, readers, file_max_bytes: config.plugins.file_max_bytes }
    }

    /// Takes a changed file as an instruction, and records it later. Returns whether it is in force; false too if a
    /// later instruction came while it was loaded.
    pub(super) async fn take_file(
        &self,
        plugin: &PluginName,
        changed: ChangedFile,
        approval: Approval,
    ) -> bool {
        let of_plugin = self.choices.of(plugin);
        let turn = of_plugin.turn().await;
        of_plugin.note_changed_file(None);
        let ChangedFile { file, digest, result } = changed;
        let path = file.path.display().to_string();
        let mut choice = of_plugin.get();
        if choice.is_unchanged_file(digest) {
            return false;
        }
        let (stored, refusal) = match result {
            Ok((bytes, facts)) => {
                let difference = self.difference(&of_plugin, &choice, &facts).await;
                let needs_approval = needs_approval(approval, &choice, digest, &difference);
                choice.change_file(digest, needs_approval);
                let held = self.hold(bytes, file);
                (Some((held, facts)), None)
            }
            Err(reason) => {
                choice.refuse_file(digest);
                (None, Some(reason))
            }
        };
        let by = Decision::of_kind(ActorKind::File, path);
        let mut entry = entry(&choice, digest, Origin::File, &by);
        entry.refusal = refusal;
        let facts = stored.as_ref().map(|(_, facts)| (digest, facts.clone()));
        of_plugin.set(choice.clone(), facts);
        let is_in_force = choice.in_force().is_some_and(|of| of.digest == digest);
        self.records.note_file(
            plugin,
            match (&entry.refusal, is_in_force) {
                (Some(_), _) => FileChange::Refused(Some(digest)),
                (None, true) => FileChange::Loaded(digest),
                (None, false) => FileChange::Waits(digest),
            },
        );
        let record = record(plugin, choice, Some(entry));
        tokio::spawn(self.clone().record_file(record, stored, turn));
        is_in_force
    }

    /// Notes that a plugin's file is gone, and records it later. Returns false if an instruction for the plugin is
    /// under way.
    pub(super) fn remove_file(&self, plugin: &PluginName) -> bool {
        let of_plugin = self.choices.of(plugin);
        let Some(turn) = of_plugin.try_turn() else { return false };
        let mut choice = of_plugin.get();
        if choice.remove_file() {
            of_plugin.set(choice.clone(), None);
            self.records.note_file(plugin, FileChange::Removed);
            tokio::spawn(self.clone().record_file(record(plugin, choice, None), None, turn));
        }
        true
    }

    /// Records an instruction of the directory. It is tried until it is stored: the plugin runs meanwhile.
    async fn record_file(
        self,
        record: InstructionRecord,
        stored: Option<(HeldFile, RevisionFacts)>,
        turn: InstructionTurn,
    ) {
        let digest = record.entry.as_ref().map(|entry| entry.digest);
        let is_read_again = matches!(stored, Some((HeldFile::Path(_), _)));
        // Semaphores are never closed, so there always is a place.
        let _reader = if is_read_again { self.readers.acquire().await.ok() } else { None };
        let file = match (stored, digest) {
            (Some((held, facts)), Some(digest)) => self.read_held(held, digest, facts).await,
            _ => None,
        };
        let mut wait = RETRY_MIN;
        while let Err(error) = self.records.instruct(file.clone(), record.clone()).await {
            if wait == RETRY_MIN {
                tracing::warn!(plugin = %record.plugin, "the change of a plugin's file is not recorded yet: {error}");
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
        drop(turn);
    }

    fn hold(&self, bytes: Bytes, file: PluginFile) -> HeldFile {
        let kib = u32::try_from(bytes.len() / KIB + 1).unwrap_or(u32::MAX);
        match Arc::clone(&self.held).try_acquire_many_owned(kib) {
            Ok(room) => HeldFile::Bytes(bytes, room),
            Err(_) => HeldFile::Path(file),
        }
    }

    async fn read_held(&self, held: HeldFile, digest: Digest, facts: RevisionFacts) -> Option<RevisionFile> {
        let bytes = match held {
            HeldFile::Bytes(bytes, _) => bytes,
            HeldFile::Path(file) => {
                let max = self.file_max_bytes;
                let read = tokio::task::spawn_blocking(move || read_file(&file, max)).await;
                match read {
                    Ok(ReadResult::Read(bytes, same)) if same == digest => bytes.into(),
                    _ => {
                        tracing::warn!(
                            revision = digest.short(),
                            "a plugin's file was replaced before it was stored: there is no way back to it"
                        );
                        return None;
                    }
                }
            }
        };
        Some(RevisionFile { digest, bytes, facts })
    }

    /// Returns the difference from the revision in force to another; from nothing if none is in force.
    pub(super) async fn difference(
        &self,
        of_plugin: &PluginChoice,
        choice: &RevisionChoice,
        facts: &RevisionFacts,
    ) -> RevisionDifference {
        let before = match choice.in_force() {
            None => None,
            Some(of) => match of_plugin.facts(of.digest) {
                Some(facts) => Some(facts),
                None => self.records.facts(&of.digest).await.unwrap_or_else(|error| {
                    tracing::warn!(revision = of.digest.short(), "the facts of a revision: {error}");
                    None
                }),
            },
        };
        RevisionDifference::between(&before.unwrap_or_default(), facts)
    }
}

/// Whether a revision may take force only if it is approved. A plugin's first revision widens what it had: nothing.
pub(super) fn needs_approval(
    approval: Approval,
    choice: &RevisionChoice,
    digest: Digest,
    difference: &RevisionDifference,
) -> bool {
    if choice.in_force().is_some_and(|of| of.digest == digest) {
        return false;
    }
    match approval {
        Approval::None => false,
        Approval::Widening => choice.in_force().is_none() || !difference.widens.is_empty(),
        Approval::All => true,
    }
}

/// The history entry of the latest instruction.
pub(super) fn entry(choice: &RevisionChoice, digest: Digest, origin: Origin, by: &Decision) -> HistoryEntry {
    let at = now_ms();
    let is_in_force = choice.in_force().is_some_and(|of| of.number == choice.version);
    HistoryEntry {
        number: choice.version,
        digest,
        origin,
        by: by.actor.name.clone(),
        at,
        note: by.note.clone(),
        refusal: None,
        decision: None,
        in_force_at: is_in_force.then_some(at),
        facts: None,
    }
}

/// A record without consequences for earlier entries.
fn record(plugin: &PluginName, choice: RevisionChoice, entry: Option<HistoryEntry>) -> InstructionRecord {
    InstructionRecord { plugin: plugin.clone(), choice, entry, in_force: None, decision: None, audit: None }
}

/// The record of an operator's instruction, with its entry in the audit log.
pub(super) fn audited(
    plugin: &PluginName,
    before: &RevisionChoice,
    choice: RevisionChoice,
    entry: Option<HistoryEntry>,
    (by, action): (&Decision, &'static str),
) -> InstructionRecord {
    let audit = by.record(action, plugin.as_str()).before(describe(before)).after(describe(&choice));
    let refused = entry.as_ref().is_some_and(|entry| entry.refusal.is_some());
    let audit = if refused { audit.result("refused") } else { audit };
    let audit = Some((by.clone(), audit));
    InstructionRecord { audit, ..record(plugin, choice, entry) }
}

/// A choice for the audit log.
fn describe(choice: &RevisionChoice) -> Value {
    json!({
        "in_force": choice.in_force().map(|of| of.digest),
        "waiting": choice.waiting().map(|of| of.choice.digest),
        "pinned": choice.is_pinned(),
        "file": choice.file().map(|file| file.digest),
    })
}
