//! `hookyard plugin history`, `diff`, `rollback`, `pin`, `unpin`, `approve` and `reject`.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::settings::{ChangeConnection, Connection, Settings};
use super::table::{TextTable, format_table};
use super::{out, visible};
use crate::admin::api::{
    RevisionDifference, RevisionEntry, RevisionHistory, RevisionInstruction, RevisionResult, RevisionState,
    WaitsFor,
};

/// Longest wait for the host to load a revision, which may have to be compiled again.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Show who named which revision of a plugin, when, and which one is in force
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin history confirmation-sms\n  \
                        hookyard plugin history confirmation-sms --json")]
pub(super) struct History {
    /// The plugin
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    options: ListOptions,
}

/// Show what a revision of a plugin gained and lost
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin diff confirmation-sms              \
                        the one that waits with the one in force, or that with the one before\n  \
                        hookyard plugin diff confirmation-sms 3f2a         this one with the one in force\n  \
                        hookyard plugin diff confirmation-sms 3f2a 91bc    from the first to the second")]
pub(super) struct Diff {
    #[command(flatten)]
    plugin: PluginArgument,
    /// The first digits of a revision's digest
    #[arg(value_name = "A")]
    first: Option<String>,
    /// Those of a later revision
    #[arg(value_name = "B")]
    second: Option<String>,
}

/// Go back to a revision of a plugin that was in force
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hookyard plugin rollback confirmation-sms          to the one before\n  \
                        hookyard plugin rollback confirmation-sms 3f2a --note 'wrong texts'"
)]
pub(super) struct Rollback {
    #[command(flatten)]
    instruction: Instruction,
}

/// Keep a plugin's revision until it is unpinned: what comes meanwhile waits
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hookyard plugin pin confirmation-sms               the one in force\n  \
                        hookyard plugin pin confirmation-sms 3f2a          go back to this one, and keep it"
)]
pub(super) struct Pin {
    #[command(flatten)]
    instruction: Instruction,
}

/// Let a pinned plugin take the revision that waits, and later ones
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin unpin confirmation-sms")]
pub(super) struct Unpin {
    #[command(flatten)]
    plugin: ChangedPlugin,
}

/// Let a revision run that waits for approval (plugins.approval)
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hookyard plugin approve confirmation-sms 3f2a --note 'asked for HTTP, ticket 12'"
)]
pub(super) struct Approve {
    #[command(flatten)]
    decision: DecisionArguments,
}

/// Drop a revision that waits; the one in force stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin reject confirmation-sms 3f2a --note 'needs no HTTP'")]
pub(super) struct Reject {
    #[command(flatten)]
    decision: DecisionArguments,
}

#[derive(Debug, clap::Args)]
struct PluginArgument {
    /// The plugin
    #[arg(value_name = "NAME")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A plugin whose revisions are changed.
#[derive(Debug, clap::Args)]
struct ChangedPlugin {
    /// The plugin
    #[arg(value_name = "NAME")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

#[derive(Debug, clap::Args)]
struct Instruction {
    #[command(flatten)]
    plugin: ChangedPlugin,
    /// The first digits of the revision's digest
    #[arg(value_name = "DIGEST")]
    digest: Option<String>,
}

#[derive(Debug, clap::Args)]
struct DecisionArguments {
    #[command(flatten)]
    plugin: ChangedPlugin,
    /// The first digits of the revision's digest
    #[arg(value_name = "DIGEST")]
    digest: String,
}

impl History {
    /// Prints the history.
    ///
    /// # Errors
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let path = ["plugins", &self.name, "revisions"];
        let fetch = async |client: &Client| client.get(&path, &()).await;
        let print = |history: &RevisionHistory| out::print_table(&history_table(history));
        self.options.show(&settings, fetch, print).await
    }
}

#[derive(Serialize)]
struct DiffQuery<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
}

impl Diff {
    /// Prints the difference.
    ///
    /// # Errors
    /// When there is no such plugin or revision, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client(&self.plugin.connection)?;
        let (from, to) = match (self.first.as_deref(), self.second.as_deref()) {
            (first, Some(second)) => (first, Some(second)),
            (first, None) => (None, first),
        };
        let path = ["plugins", &self.plugin.name, "revisions", "diff"];
        let difference: RevisionDifference = client.get(&path, &DiffQuery { from, to }).await?;
        if self.plugin.json {
            return out::print_json(&difference);
        }
        out::print(&describe_difference(&difference))
    }
}

impl Rollback {
    /// Goes back, and prints the result.
    ///
    /// # Errors
    /// When there is no such revision, or the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        self.instruction.send("rollback", settings).await
    }
}

impl Pin {
    /// Pins, and prints the result.
    ///
    /// # Errors
    /// As [`Rollback::run`].
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        self.instruction.send("pin", settings).await
    }
}

impl Unpin {
    /// Unpins, and prints the result.
    ///
    /// # Errors
    /// As [`Rollback::run`].
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        Instruction { plugin: self.plugin, digest: None }.send("unpin", settings).await
    }
}

impl Approve {
    /// Approves, and prints the result.
    ///
    /// # Errors
    /// When this revision does not wait, or the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        self.decision.send("approve", settings).await
    }
}

impl Reject {
    /// Rejects, and prints the result.
    ///
    /// # Errors
    /// As [`Approve::run`].
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        self.decision.send("reject", settings).await
    }
}

impl DecisionArguments {
    async fn send(self, verb: &str, settings: Settings) -> Result<(), Failure> {
        let Self { plugin, digest } = self;
        Instruction { plugin, digest: Some(digest) }.send(verb, settings).await
    }
}

impl Instruction {
    async fn send(self, verb: &str, settings: Settings) -> Result<(), Failure> {
        let Self { plugin, digest } = self;
        let client = settings.client_to_change(&plugin.connection)?;
        let request = RevisionInstruction { digest };
        let path = ["plugins", &plugin.name, verb];
        let result: RevisionResult = client.post_within(&path, &request, TIMEOUT).await?;
        if plugin.json { out::print_json(&result) } else { out::print(&describe_result(&result)) }
    }
}

fn format_state(state: RevisionState) -> &'static str {
    match state {
        RevisionState::InForce => "in force",
        RevisionState::Waiting => "waiting",
        RevisionState::Superseded => "superseded",
        RevisionState::Rejected => "rejected",
    }
}

/// What a revision waits for.
pub(super) fn describe_wait(waits_for: WaitsFor, plugin: &str, digest: &str) -> String {
    let digest = out::shorten_digest(digest);
    match waits_for {
        WaitsFor::Approval => format!("waits for `hookyard plugin approve {plugin} {digest}`"),
        WaitsFor::Unpin => format!("waits for `hookyard plugin unpin {plugin}`"),
    }
}

/// The result of an instruction, in a sentence or two.
pub(super) fn describe_result(result: &RevisionResult) -> String {
    let plugin = &result.plugin;
    let digest = result.digest.as_deref().unwrap_or("-");
    let short = out::shorten_digest(digest);
    let mut text = match (result.state, result.waits_for) {
        (Some(RevisionState::Waiting), Some(waits_for)) => {
            format!("{plugin} revision {short} {}", describe_wait(waits_for, plugin, digest))
        }
        (Some(state), _) => format!("{plugin} revision {short} is {}", format_state(state)),
        (None, _) => format!("{plugin} has no revision in force"),
    };
    if result.state != Some(RevisionState::InForce)
        && let Some(in_force) = &result.in_force
    {
        let _ = write!(text, "; revision {} is in force", out::shorten_digest(in_force));
    }
    if result.pinned {
        text.push_str(", pinned");
    }
    text
}

/// A difference as lines.
pub(super) fn describe_difference(difference: &RevisionDifference) -> String {
    let RevisionDifference { from, to, size_before, size_after, .. } = difference;
    let mut lines = Vec::new();
    if let Some(to) = to {
        let from = from.as_deref().map_or("nothing", out::shorten_digest);
        lines.push(format!("from {from} to {}", out::shorten_digest(to)));
    }
    if let Some(after) = size_after {
        let before = size_before.map_or_else(|| "nothing".into(), out::format_size);
        lines.push(format!("size          {before} -> {}", out::format_size(*after)));
    }
    for (what, gained, lost) in [
        ("handlers     ", &difference.handlers_gained, &difference.handlers_lost),
        ("capabilities ", &difference.capabilities_gained, &difference.capabilities_lost),
        ("origins      ", &difference.origins_gained, &difference.origins_lost),
    ] {
        lines.extend(gained.iter().map(|text| format!("{what} + {}", out::escape(text))));
        lines.extend(lost.iter().map(|text| format!("{what} - {}", out::escape(text))));
    }
    if lines.is_empty() {
        lines.push("handlers, capabilities and origins are the same".into());
    }
    lines.join("\n")
}

fn history_table(history: &RevisionHistory) -> TextTable {
    let row = |entry: &RevisionEntry| {
        let waits = entry.waits_for.map(|waits_for| match waits_for {
            WaitsFor::Approval => " for approval",
            WaitsFor::Unpin => " for the end of the pin",
        });
        let pinned = if entry.state == RevisionState::InForce && history.pinned { ", pinned" } else { "" };
        let size =
            entry.revision.as_ref().map_or_else(|| "-".into(), |kept| out::format_size(kept.size_bytes));
        [
            out::shorten_digest(&entry.digest).to_owned(),
            format!("{}{}{pinned}", format_state(entry.state), waits.unwrap_or_default()),
            entry.origin.clone(),
            entry.by.clone(),
            out::format_time(entry.at),
            size,
            describe_notes(entry),
        ]
    };
    let rows: Vec<_> = history.items.iter().map(row).collect();
    format_table(["REVISION", "STATE", "FROM", "BY", "AT", "SIZE", "NOTE"], &rows)
}

fn describe_notes(entry: &RevisionEntry) -> String {
    let mut notes: Vec<String> = entry.note.iter().cloned().collect();
    if let Some(refusal) = &entry.refusal {
        notes.push(out::first_line(refusal));
    }
    if let Some(decision) = &entry.decision {
        let verb = if decision.approved { "approved" } else { "rejected" };
        let why = decision.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
        notes.push(format!("{verb} by {}{why}", decision.by));
    }
    notes.join("; ")
}

/// A line below the list of plugins about a revision that waits.
pub(super) fn describe_waiting(plugin: &str, digest: &str, waits_for: WaitsFor) -> String {
    let short = out::shorten_digest(digest);
    let text = format!("plugin {plugin} revision {short} {}", describe_wait(waits_for, plugin, digest));
    visible::escape_continued(&text, "  ! ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(state: Option<RevisionState>, waits_for: Option<WaitsFor>) -> RevisionResult {
        RevisionResult {
            plugin: "desk".into(),
            digest: Some("0123456789abcdef".into()),
            state,
            waits_for,
            in_force: Some("fedcba9876543210".into()),
            pinned: waits_for == Some(WaitsFor::Unpin),
            version: 7,
            difference: None,
        }
    }

    #[test]
    fn a_result_says_what_is_in_force_and_what_to_do() {
        let in_force = describe_result(&result(Some(RevisionState::InForce), None));
        assert_eq!(in_force, "desk revision 0123456789ab is in force");
        let waits = describe_result(&result(Some(RevisionState::Waiting), Some(WaitsFor::Approval)));
        let expected = "desk revision 0123456789ab waits for `hookyard plugin approve desk 0123456789ab`; \
                        revision fedcba987654 is in force";
        assert_eq!(waits, expected);
        let pinned = describe_result(&result(Some(RevisionState::Waiting), Some(WaitsFor::Unpin)));
        assert!(
            pinned.ends_with(
                "waits for `hookyard plugin unpin desk`; revision fedcba987654 is in force, pinned"
            )
        );
    }

    #[test]
    fn a_difference_has_a_line_for_each_thing_gained_or_lost() {
        let same = describe_difference(&RevisionDifference::default());
        assert_eq!(same, "handlers, capabilities and origins are the same");
        let difference = RevisionDifference {
            to: Some("0123456789abcdef".into()),
            size_after: Some(2048),
            handlers_gained: vec!["a:b/c".into()],
            capabilities_lost: vec!["wasi:http/outgoing-handler".into()],
            ..RevisionDifference::default()
        };
        let expected = "from nothing to 0123456789ab\nsize          nothing -> 2 KiB\nhandlers      + a:b/c\n\
                        capabilities  - wasi:http/outgoing-handler";
        assert_eq!(describe_difference(&difference), expected);
    }
}
