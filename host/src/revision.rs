//! Revisions of plugins: what is known of one without loading it, and which one is in force. No IO.

pub(crate) mod choice;
mod facts;
mod history;

pub use choice::{Choice, ChoiceError, FileReading, Origin, RevisionChoice, WaitingRevision};
pub use facts::{BuildFact, RevisionDifference, RevisionFacts, is_capability, without_version};
pub use history::{
    Decision, EntryState, HistoryEntry, HistoryPage, InstructionRecord, StoredSize, removable,
};

use serde::{Deserialize, Serialize};

use crate::event::Digest;

/// The handlers of a revision, recorded when it was last loaded. A field that this host does not know makes it
/// unreadable: a later host may have written it for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownHandlers {
    /// Its typed handlers: the interfaces that it exports, with their versions.
    pub interfaces: Vec<String>,
    /// The event type patterns of its generic handler.
    pub patterns: Vec<String>,
    /// The digest of the plugin's config under which the generic handler named the patterns; `None` without a
    /// generic handler.
    pub config_digest: Option<Digest>,
}
