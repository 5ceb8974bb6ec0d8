//! Compares two revisions of a plugin whose files are kept.

use super::Plugins;
use super::instruct::InstructionError;
use crate::event::{Digest, PluginName};
use crate::revision::{HistoryEntry, HistoryPage, RevisionDifference, RevisionFacts};

/// Two revisions, each with the size of its file, and their difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The earlier one; `None` for nothing.
    pub from: Option<(Digest, u64)>,
    /// The later one.
    pub to: (Digest, u64),
    /// What the later one gained and lost.
    pub difference: RevisionDifference,
}

impl Plugins {
    /// Compares two revisions, named by the first digits of their digests. Default: the revision that waits with the
    /// one in force, or the one in force with the one before.
    ///
    /// # Errors
    /// [`InstructionError::UnknownPlugin`], [`InstructionError::NoRevision`], [`InstructionError::Unavailable`].
    pub async fn compare(
        &self,
        plugin: &PluginName,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Comparison, InstructionError> {
        compare(&self.history(plugin).await?, from, to)
    }
}

fn compare(
    history: &HistoryPage,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<Comparison, InstructionError> {
    let in_force = history.choice.in_force().map(|of| of.digest);
    let waiting = history.choice.waiting().map(|of| of.choice.digest);
    let none = || InstructionError::NoRevision("it has no revision to compare".into());
    let to = match to {
        Some(prefix) => find(history, prefix)?,
        None => with_facts(history, waiting.or(in_force).ok_or_else(none)?)?,
    };
    let before =
        if in_force == Some(to.0) { history.in_force_before().map(|entry| entry.digest) } else { in_force };
    let from = match (from, before) {
        (Some(prefix), _) => Some(find(history, prefix)?),
        (None, Some(before)) => Some(with_facts(history, before)?),
        (None, None) => None,
    };
    let nothing = RevisionFacts::default();
    let difference = RevisionDifference::between(from.map_or(&nothing, |(_, facts)| facts), to.1);
    let sized = |(digest, facts): (Digest, &RevisionFacts)| (digest, facts.size_bytes);
    Ok(Comparison { from: from.map(sized), to: sized(to), difference })
}

fn find<'a>(history: &'a HistoryPage, prefix: &str) -> Result<(Digest, &'a RevisionFacts), InstructionError> {
    let found: Vec<&HistoryEntry> =
        history.entries.iter().filter(|entry| entry.digest.to_string().starts_with(prefix)).collect();
    let first = found.first().filter(|_| !prefix.is_empty());
    let Some(first) = first else {
        let reason = format!("no revision of it has a digest that begins with `{prefix}`");
        return Err(InstructionError::NoRevision(reason));
    };
    if found.iter().any(|entry| entry.digest != first.digest) {
        let reason = format!("several of its revisions begin with `{prefix}`: give more digits");
        return Err(InstructionError::NoRevision(reason));
    }
    with_facts(history, first.digest)
}

fn with_facts(history: &HistoryPage, digest: Digest) -> Result<(Digest, &RevisionFacts), InstructionError> {
    let mut of_digest = history.entries.iter().filter(|entry| entry.digest == digest);
    let facts = of_digest.find_map(|entry| entry.facts.as_ref());
    let reason = || format!("the file of revision {} is not kept", digest.short());
    facts.map(|facts| (digest, facts)).ok_or_else(|| InstructionError::NoRevision(reason()))
}
