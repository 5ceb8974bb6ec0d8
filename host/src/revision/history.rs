//! The history of a plugin's revisions: one entry for each instruction that named one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::choice::{Origin, RevisionChoice};
use super::facts::RevisionFacts;
use crate::audit;
use crate::event::{Digest, PluginName};

/// An operator's decision about a revision that waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Approved or rejected.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Why.
    pub note: Option<String>,
}

/// An instruction that named a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Its number, which counts for each plugin.
    pub number: u64,
    /// The revision.
    pub digest: Digest,
    /// The kind of the instruction.
    pub origin: Origin,
    /// Who gave it.
    pub by: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Why.
    pub note: Option<String>,
    /// The reason why the host refused the revision.
    pub refusal: Option<String>,
    /// Whether it was approved or rejected.
    pub decision: Option<Decision>,
    /// When the revision took force, ms since the Unix epoch; `None` if it did not.
    pub in_force_at: Option<u64>,
    /// What is known of the revision, while its bytes are kept.
    pub facts: Option<RevisionFacts>,
}

/// The state of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// Its revision is in force by this instruction.
    InForce,
    /// Its revision waits.
    Waiting,
    /// A later instruction came.
    Superseded,
    /// The host refused it, or an operator rejected it.
    Rejected,
}

impl HistoryEntry {
    /// Returns its state under the plugin's choice.
    #[must_use]
    pub fn state(&self, choice: &RevisionChoice) -> EntryState {
        let is_rejected = self.decision.as_ref().is_some_and(|decision| !decision.approved);
        if choice.in_force().is_some_and(|of| of.number == self.number) {
            EntryState::InForce
        } else if choice.waiting().is_some_and(|of| of.choice.number == self.number) {
            EntryState::Waiting
        } else if is_rejected || self.refusal.is_some() {
            EntryState::Rejected
        } else {
            EntryState::Superseded
        }
    }
}

/// Entries of a plugin's history, the newest first, and its choice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryPage {
    /// What is in force and what waits.
    pub choice: RevisionChoice,
    /// The newest first.
    pub entries: Vec<HistoryEntry>,
}

impl HistoryPage {
    /// The revision that was in force before the current one, and is another.
    #[must_use]
    pub fn in_force_before(&self) -> Option<&HistoryEntry> {
        let current = self.choice.in_force().map(|of| of.digest);
        let ran = self.entries.iter().filter(|entry| entry.in_force_at.is_some());
        ran.filter(|entry| Some(entry.digest) != current)
            .max_by_key(|entry| (entry.in_force_at, entry.number))
    }

    /// The newest entries of each revision whose digest begins with this text.
    pub fn with_digest<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a HistoryEntry> {
        let mut seen = HashSet::new();
        let found = self.entries.iter().filter(move |entry| entry.digest.to_string().starts_with(prefix));
        found.filter(move |entry| seen.insert(entry.digest))
    }
}

/// An instruction with its consequences, which one transaction commits.
#[derive(Debug, Clone)]
pub struct InstructionRecord {
    /// The plugin.
    pub plugin: PluginName,
    /// What is in force and waits after it.
    pub choice: RevisionChoice,
    /// Its entry in the history; `None` if it names no new revision.
    pub entry: Option<HistoryEntry>,
    /// An earlier entry whose revision takes force now, and when.
    pub in_force: Option<(u64, u64)>,
    /// The decision about an earlier entry.
    pub decision: Option<(u64, Decision)>,
    /// The decision to give the instruction, and its entry in the audit log; `None` in tests.
    pub audit: Option<(audit::Decision, audit::Record)>,
}

/// A stored revision of a plugin, for pruning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSize {
    /// A plugin that had it.
    pub plugin: PluginName,
    /// The plugin's newest instruction that named it.
    pub number: u64,
    /// When that was.
    pub at: u64,
    /// The revision.
    pub digest: Digest,
    /// The bytes of its file.
    pub size_bytes: u64,
}

/// The revisions whose bytes go: those beyond the newest `keep` of every plugin that had them, and beyond
/// `max_bytes` in all, the oldest first. What is in force or waits stays.
#[must_use]
pub fn removable(
    stored: &[StoredSize],
    needed: &BTreeSet<Digest>,
    (keep, max_bytes): (usize, u64),
) -> Vec<Digest> {
    let mut of_plugins: BTreeMap<&PluginName, Vec<&StoredSize>> = BTreeMap::new();
    for revision in stored {
        of_plugins.entry(&revision.plugin).or_default().push(revision);
    }
    let mut kept: BTreeMap<Digest, (u64, u64)> = BTreeMap::new();
    for revisions in of_plugins.values_mut() {
        revisions.sort_by_key(|revision| std::cmp::Reverse(revision.number));
        for revision in revisions.iter().take(keep) {
            let newest = kept.entry(revision.digest).or_default();
            *newest = (newest.0.max(revision.at), revision.size_bytes);
        }
    }
    let size_of: BTreeMap<Digest, u64> = stored.iter().map(|of| (of.digest, of.size_bytes)).collect();
    let needed_bytes: u64 =
        size_of.iter().filter(|(digest, _)| needed.contains(*digest)).map(|(_, size)| size).sum();
    let mut room = max_bytes.saturating_sub(needed_bytes);
    let mut others: Vec<_> = kept.into_iter().filter(|(digest, _)| !needed.contains(digest)).collect();
    others.sort_by_key(|(_, (at, _))| std::cmp::Reverse(*at));
    let mut stays = needed.clone();
    for (digest, (_, size)) in others {
        let Some(left) = room.checked_sub(size) else { break };
        room = left;
        stays.insert(digest);
    }
    size_of.into_keys().filter(|digest| !stays.contains(digest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(plugin: &str, number: u64, digest: u8, size_bytes: u64) -> StoredSize {
        let plugin = PluginName::new(plugin).unwrap();
        StoredSize { plugin, number, at: number, digest: Digest([digest; 32]), size_bytes }
    }

    #[test]
    fn old_revisions_go_and_what_runs_or_waits_stays() {
        let all = [
            stored("a", 1, 1, 10),
            stored("a", 2, 2, 10),
            stored("a", 3, 3, 10),
            stored("b", 1, 4, 10),
            stored("b", 2, 1, 10),
        ];
        for (what, needed, limits, gone) in [
            ("there is room", vec![], (9, 100), vec![]),
            ("one of each plugin", vec![], (1, 100), vec![2, 4]),
            ("and what is needed", vec![2], (1, 100), vec![4]),
            ("bytes", vec![], (9, 20), vec![2, 4]),
            ("bytes, and what is needed counts", vec![4], (9, 20), vec![1, 2]),
            ("no bytes", vec![1, 2, 3, 4], (1, 0), vec![]),
        ] {
            let needed = needed.into_iter().map(|digest| Digest([digest; 32])).collect();
            let mut removed: Vec<_> = removable(&all, &needed, limits).iter().map(|of| of.0[0]).collect();
            let mut gone = gone;
            removed.sort_unstable();
            gone.sort_unstable();
            assert_eq!(removed, gone, "{what}");
        }
    }
}
