//! Revisions of plugins: what is in force, the history, and differences.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::plugins::Instructed;
use crate::revision::{self, EntryState, HistoryEntry, HistoryPage, RevisionChoice};

/// A pushed revision, a way back, a pin, or a decision: what it led to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevisionResult {
    /// The plugin.
    pub plugin: String,
    /// The revision that was named, or else the one in force; SHA-256 of its file, hexadecimal.
    pub digest: Option<String>,
    /// Its state now.
    pub state: Option<RevisionState>,
    /// What it waits for.
    pub waits_for: Option<WaitsFor>,
    /// The revision in force now.
    pub in_force: Option<String>,
    /// Whether that one stays until the pin is lifted.
    pub pinned: bool,
    /// Counts the instructions: the entity tag of the answer, for `If-Match`.
    pub version: u64,
    /// For a push: the difference from the revision that was in force.
    pub difference: Option<RevisionDifference>,
}

/// The state of a revision in a plugin's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RevisionState {
    /// It takes events.
    #[serde(rename = "in force")]
    InForce,
    /// It waits for approval, or for the end of a pin.
    Waiting,
    /// A later instruction came.
    Superseded,
    /// The host refused it, or an operator rejected it.
    Rejected,
}

/// What a revision waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitsFor {
    /// An operator's approval.
    Approval,
    /// The end of the plugin's pin.
    Unpin,
}

/// The history of a plugin's revisions.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevisionHistory {
    /// The newest instruction first.
    pub items: Vec<RevisionEntry>,
    /// Always null: the last 1000 instructions are kept.
    pub next_cursor: Option<String>,
    /// Whether the revision in force stays until the pin is lifted.
    pub pinned: bool,
    /// Counts the instructions: the entity tag of the answer, for `If-Match`.
    pub version: u64,
}

/// An instruction that named a revision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevisionEntry {
    /// SHA-256 of the revision's file, hexadecimal.
    pub digest: String,
    /// `file`, `push` or `rollback`.
    pub origin: String,
    /// Who gave the instruction.
    pub by: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// The state of the revision by this instruction.
    pub state: RevisionState,
    /// What it waits for.
    pub waits_for: Option<WaitsFor>,
    /// Why the instruction was given.
    pub note: Option<String>,
    /// Why the host refused the revision.
    pub refusal: Option<String>,
    /// Whether it was approved or rejected.
    pub decision: Option<RevisionDecision>,
    /// When it took force, ms since the Unix epoch; null if it did not.
    pub in_force_at: Option<u64>,
    /// The revision, while its file is kept.
    pub revision: Option<KeptRevision>,
}

/// A decision about a revision that waited.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevisionDecision {
    /// Approved, or else rejected.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// When, ms since the Unix epoch.
    pub at: u64,
    /// Why.
    pub note: Option<String>,
}

/// What is known of a revision whose file is kept.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeptRevision {
    /// Size of its file.
    pub size_bytes: u64,
    /// Handlers: interfaces of typed ones, event type patterns of the generic one.
    pub handles: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// Texts in the file that look like origins of requests: a hint, not a promise.
    pub origins: Vec<String>,
    /// The tools that made it, as far as the file says so.
    pub build: Vec<BuildTool>,
}

/// A tool that made a file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BuildTool {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    /// The tool.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The difference between two revisions.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct RevisionDifference {
    /// The earlier one; null if there was none.
    pub from: Option<String>,
    /// The later one.
    pub to: Option<String>,
    /// Size of the earlier one's file.
    pub size_before: Option<u64>,
    /// Size of the later one's file.
    pub size_after: Option<u64>,
    /// Handlers and patterns that only the later one has.
    pub handlers_gained: Vec<String>,
    /// Handlers and patterns that only the earlier one has.
    pub handlers_lost: Vec<String>,
    /// Imports that only the later one has.
    pub capabilities_gained: Vec<String>,
    /// Imports that only the earlier one has.
    pub capabilities_lost: Vec<String>,
    /// Origins that only the later one names: a hint, not a promise.
    pub origins_gained: Vec<String>,
    /// Origins that only the earlier one names.
    pub origins_lost: Vec<String>,
    /// The gained handlers and capabilities for which `plugins.approval = "widening"` wants an approval.
    pub widens: Vec<String>,
}

/// An instruction about a revision.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevisionInstruction {
    /// The first digits of the revision's digest, enough to tell it from others.
    #[schema(max_length = 64, pattern = "^[0-9a-f]+$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A decision about a revision that waits.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// The first digits of the revision's digest, enough to tell it from others.
    #[schema(max_length = 64, pattern = "^[0-9a-f]+$")]
    pub digest: String,
}

/// The end of a pin. It has no members: a plugin has one pin.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnpinRequest {}

impl WaitsFor {
    /// What the revision waits for that waits under this choice.
    pub(in crate::admin) fn under(choice: &RevisionChoice) -> Option<Self> {
        let waiting = choice.waiting()?;
        Some(if waiting.needs_approval { Self::Approval } else { Self::Unpin })
    }
}

impl RevisionResult {
    pub(in crate::admin) fn new(plugin: String, instructed: Instructed) -> Self {
        let Instructed { digest, state, choice, difference } = instructed;
        let in_force = choice.in_force().map(|of| of.digest.to_string());
        let waits_for = (state == Some(EntryState::Waiting)).then(|| WaitsFor::under(&choice)).flatten();
        Self {
            plugin,
            digest: digest.map(|digest| digest.to_string()),
            state: state.map(Into::into),
            waits_for,
            in_force,
            pinned: choice.is_pinned(),
            version: choice.version,
            difference: difference.map(Into::into),
        }
    }
}

impl From<EntryState> for RevisionState {
    fn from(state: EntryState) -> Self {
        match state {
            EntryState::InForce => Self::InForce,
            EntryState::Waiting => Self::Waiting,
            EntryState::Superseded => Self::Superseded,
            EntryState::Rejected => Self::Rejected,
        }
    }
}

impl From<HistoryPage> for RevisionHistory {
    fn from(HistoryPage { choice, entries }: HistoryPage) -> Self {
        let entry = |entry| RevisionEntry::new(entry, &choice);
        Self {
            items: entries.into_iter().map(entry).collect(),
            next_cursor: None,
            pinned: choice.is_pinned(),
            version: choice.version,
        }
    }
}

impl RevisionEntry {
    fn new(entry: HistoryEntry, choice: &RevisionChoice) -> Self {
        let state = entry.state(choice);
        let HistoryEntry { digest, origin, by, at, note, refusal, decision, in_force_at, facts, .. } = entry;
        let decision = decision.map(|of| {
            let revision::Decision { approved, by, at, note } = of;
            RevisionDecision { approved, by, at, note }
        });
        Self {
            digest: digest.to_string(),
            origin: origin.as_str().into(),
            by,
            at,
            state: state.into(),
            waits_for: (state == EntryState::Waiting).then(|| WaitsFor::under(choice)).flatten(),
            note,
            refusal,
            decision,
            in_force_at,
            revision: facts.map(Into::into),
        }
    }
}

impl From<revision::RevisionFacts> for KeptRevision {
    fn from(facts: revision::RevisionFacts) -> Self {
        let revision::RevisionFacts { size_bytes, interfaces, patterns, imports, origins, build } = facts;
        let tool = |revision::BuildFact { field, name, version }| BuildTool { field, name, version };
        Self {
            size_bytes,
            handles: [interfaces, patterns].concat(),
            imports,
            origins,
            build: build.into_iter().map(tool).collect(),
        }
    }
}

impl From<revision::RevisionDifference> for RevisionDifference {
    fn from(difference: revision::RevisionDifference) -> Self {
        let revision::RevisionDifference {
            handlers_gained,
            handlers_lost,
            capabilities_gained,
            capabilities_lost,
            origins_gained,
            origins_lost,
            widens,
        } = difference;
        Self {
            handlers_gained,
            handlers_lost,
            capabilities_gained,
            capabilities_lost,
            origins_gained,
            origins_lost,
            widens,
            ..Self::default()
        }
    }
}
