//! Files of revisions, and the instructions about them, in memory.

use super::tables::{StoredRevision, Tables};
use crate::db::revision_types::{RevisionPart, StoredFile};
use crate::event::{Digest, PluginName};
use crate::revision::{HistoryPage, InstructionRecord};

impl Tables {
    pub(super) fn keep_part(&mut self, part: &RevisionPart) {
        let file = self.revision_files.entry(part.digest).or_insert_with(|| StoredRevision {
            size_bytes: part.size_bytes,
            parts: Vec::new(),
            facts: None,
        });
        if file.facts.is_none() {
            file.parts.truncate(part.number as usize);
            file.parts.push(part.bytes.clone());
            file.facts.clone_from(&part.complete);
        }
    }

    pub(super) fn instruct(&mut self, record: &InstructionRecord) {
        let InstructionRecord { plugin, choice, entry, in_force, decision, .. } = record.clone();
        if let Some(entry) = entry {
            self.history.insert((plugin.clone(), entry.number), entry);
        }
        if let Some((number, at)) = in_force
            && let Some(entry) = self.history.get_mut(&(plugin.clone(), number))
        {
            entry.in_force_at = Some(at);
        }
        if let Some((number, decision)) = decision
            && let Some(entry) = self.history.get_mut(&(plugin.clone(), number))
        {
            entry.decision = Some(decision);
        }
        self.choices.insert(plugin, choice);
    }

    pub(super) fn remove_revisions(&mut self, digests: &[Digest]) -> u64 {
        let needed = |digest: &Digest| {
            self.choices.values().any(|choice| {
                choice.in_force().is_some_and(|of| of.digest == *digest)
                    || choice.waiting().is_some_and(|of| of.choice.digest == *digest)
            })
        };
        let removable: Vec<_> = digests.iter().filter(|digest| !needed(digest)).collect();
        removable.iter().filter(|digest| self.revision_files.remove(digest).is_some()).count() as u64
    }

    pub(super) fn plugin_history(&self, plugin: &PluginName, limit: u32) -> Option<HistoryPage> {
        let choice = self.choices.get(plugin)?.clone();
        let of_plugin = self.history.iter().filter(|((of, _), _)| of == plugin).rev();
        let entries = of_plugin.take(limit as usize).map(|(_, entry)| {
            let file = self.revision_files.get(&entry.digest);
            crate::revision::HistoryEntry { facts: file.and_then(|file| file.facts.clone()), ..entry.clone() }
        });
        Some(HistoryPage { choice, entries: entries.collect() })
    }

    pub(super) fn stored_files(&self) -> Vec<StoredFile> {
        let mut stored = Vec::new();
        for (digest, StoredRevision { size_bytes, .. }) in &self.revision_files {
            let named = self.history.iter().filter(|(_, of)| of.digest == *digest && of.refusal.is_none());
            let mut of_plugins = std::collections::BTreeMap::new();
            for ((plugin, number), entry) in named {
                of_plugins.insert(plugin.clone(), (*number, entry.at));
            }
            let file = |plugin, (number, at)| StoredFile {
                digest: *digest,
                size_bytes: *size_bytes,
                plugin,
                number,
                at,
            };
            if of_plugins.is_empty() {
                stored.push(file(None, (0, 0)));
            }
            stored.extend(of_plugins.into_iter().map(|(plugin, last)| file(Some(plugin), last)));
        }
        stored
    }
}
