//! Files of plugins' revisions, and the instructions about them.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::handle::Db;
use super::revision_types::{RevisionPart, StoredFile};
use super::types::{DbError, Removal};
use super::writer::inbox::{Operation, Request};
use crate::event::{Digest, PluginName};
use crate::revision::{HistoryPage, InstructionRecord, RevisionChoice, RevisionFacts, StoredSize, removable};

/// Bytes of a file that one transaction stores: events are committed between the parts.
const PART_BYTES: usize = 512 * 1024;

impl Db {
    /// Each plugin's revision in force, and the one that waits.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn plugin_choices(&self) -> Result<Vec<(PluginName, RevisionChoice)>, DbError> {
        self.inner.reads.plugin_choices().await
    }

    /// A plugin's history, up to `limit` entries; `None` if there was no instruction.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn plugin_history(
        &self,
        plugin: &PluginName,
        limit: u32,
    ) -> Result<Option<HistoryPage>, DbError> {
        self.inner.reads.plugin_history(plugin, limit).await
    }

    /// The facts of a revision whose file is stored.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn revision_facts(&self, digest: &Digest) -> Result<Option<RevisionFacts>, DbError> {
        self.inner.reads.revision_facts(digest).await
    }

    /// The file of a revision, if it is stored.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn revision_file(&self, digest: &Digest) -> Result<Option<Vec<u8>>, DbError> {
        self.inner.reads.revision_file(digest).await
    }

    /// Stores a revision's file, unless it is stored. It is written in parts, so that events are committed
    /// meanwhile, and is durable with the next commit.
    ///
    /// # Errors
    /// [`DbError::Unavailable`]; parts may be left, which [`Db::prune_revisions`] removes.
    pub async fn keep_revision(
        &self,
        digest: Digest,
        bytes: Bytes,
        facts: RevisionFacts,
    ) -> Result<(), DbError> {
        if self.revision_facts(&digest).await?.is_some() {
            return Ok(());
        }
        let size_bytes = bytes.len() as u64;
        let mut rest = bytes;
        for number in 0.. {
            let part = rest.split_to(rest.len().min(PART_BYTES));
            let complete = rest.is_empty().then(|| facts.clone());
            let is_last = complete.is_some();
            let part = RevisionPart { digest, number, bytes: part, size_bytes, complete };
            self.ask(|reply| Request::Operate(Operation::KeepPart { part, reply })).await?;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Stores an instruction and its consequences in one transaction.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn instruct(&self, record: InstructionRecord) -> Result<(), DbError> {
        let record = Box::new(record);
        self.ask(|reply| Request::Operate(Operation::Instruct { record, reply })).await
    }

    /// Removes the files of old revisions: beyond the newest `keep` of each plugin and beyond `max_bytes` in all,
    /// and those that no instruction names. What is in force, waits, or is the choice of a replay that is not over,
    /// stays. Returns how many it removed.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn prune_revisions(&self, keep: usize, max_bytes: u64) -> Result<u64, DbError> {
        let stored = self.inner.reads.stored_files().await?;
        let choices = self.plugin_choices().await?;
        let mut needed: BTreeSet<Digest> = choices
            .iter()
            .flat_map(|(_, choice)| [choice.in_force(), choice.waiting().map(|of| of.choice)])
            .flatten()
            .map(|of| of.digest)
            .collect();
        // A replay that begins now may still lose its revision. Its deliveries are dead letters then, with the reason.
        let replays = self.running_replays().await?;
        needed.extend(replays.into_iter().filter_map(|replay| replay.request.revision));
        needed.extend(self.inner.reads.replayed_revisions().await?);
        let (mut named, mut unnamed) = (Vec::new(), Vec::new());
        for StoredFile { digest, size_bytes, plugin, number, at } in stored {
            match plugin {
                Some(plugin) => named.push(StoredSize { plugin, number, at, digest, size_bytes }),
                None => unnamed.push(digest),
            }
        }
        unnamed.retain(|digest| !needed.contains(digest));
        let mut removed = 0;
        for digest in removable(&named, &needed, (keep, max_bytes)).into_iter().chain(unnamed) {
            // One at a time: each is many pages.
            let removal = Removal::Revisions(vec![digest]);
            removed += self.ask(|reply| Request::Operate(Operation::Remove { removal, reply })).await?;
        }
        Ok(removed)
    }
}
