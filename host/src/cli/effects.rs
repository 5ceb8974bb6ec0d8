//! `hookyard effect list`, `replay` and `discard`: the effects of all events.

use super::client::Client;
use super::failure::Failure;
use super::listing::{ListOptions, find_page, print_page};
use super::selectors::{EventSelector, require_selection};
use super::settings::{ChangeConnection, Settings};
use super::table::{TextTable, format_table};
use super::{out, replaying, show};
use crate::admin::api::{
    EffectList, ListedEffect, ReplayAction, ReplayProgress, ReplayRequest, ReplaySelection, ReplayTarget,
};

const LIST_EXAMPLE: &str = "\
Examples:
  hookyard effect list --state dead
  hookyard effect list --plugin confirmation-sms --json

States: pending, waiting, done, dead (unresolved)";

/// List effects, the newest event's first
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLE)]
pub(super) struct List {
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only those that this plugin requested
    #[arg(long, value_name = "PLUGIN")]
    plugin: Option<String>,
    /// Only those that this replay was the last to make due again
    #[arg(long, value_name = "NUMBER")]
    replay: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on after a page: `next_cursor` of --json
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    options: ListOptions,
}

/// Retry dead effects, with their idempotency keys
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard effect replay 9f2c….1\n\
                  \x20 hookyard effect replay --plugin confirmation-sms --reason 503 --dry-run\n\
                  \x20 hookyard effect replay --since 2h")]
pub(super) struct Replay {
    #[command(flatten)]
    dead: DeadEffects,
}

/// Resolve dead effects without another attempt
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard effect discard 9f2c….1\n\
                        \x20 hookyard effect discard --plugin old-plugin --dry-run\n\
                        \x20 hookyard effect discard --all")]
pub(super) struct Discard {
    #[command(flatten)]
    dead: DeadEffects,
}

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct DeadEffects {
    /// Dead effects with these keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Only those that this plugin requested
    #[arg(long, value_name = "PLUGIN")]
    plugin: Option<String>,
    /// Only those whose last answer has this text in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The text of --reason is the whole answer; an empty one stands for none
    #[arg(long, requires = "reason")]
    whole_reason: bool,
    /// Only those that this replay was the last to make due again
    #[arg(long, value_name = "NUMBER")]
    replay: Option<i64>,
    #[command(flatten)]
    events: EventSelector,
    /// All dead effects
    #[arg(long)]
    all: bool,
    /// Only count them, and show the first
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let (limit, replay) = (self.limit.to_string(), self.replay.map(|number| number.to_string()));
        let filters = [
            ("state", self.state.as_deref()),
            ("plugin", self.plugin.as_deref()),
            ("replay", replay.as_deref()),
            ("cursor", self.cursor.as_deref()),
            ("limit", Some(&limit)),
        ];
        let query: Vec<_> =
            filters.iter().filter_map(|(key, value)| Some((*key, (*value)?.to_owned()))).collect();
        let fetch = async |client: &Client| find_page(client, &["effects"], &query).await;
        let print = |page: &EffectList| print_page(page, "no such effects", table);
        self.options.show(&settings, fetch, print).await
    }
}

impl Replay {
    /// Tries them again.
    ///
    /// # Errors
    /// When none was named or found, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        self.dead.resolve(ReplayAction::Replay, &settings).await
    }
}

impl Discard {
    /// Resolves them.
    ///
    /// # Errors
    /// When none was named or found, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        self.dead.resolve(ReplayAction::Discard, &settings).await
    }
}

/// The result of a replay of effects. `effects` is `made`, as in the answer of `/effects/replay`.
#[derive(Debug, serde::Serialize)]
struct EffectsReplay<'a> {
    effects: u64,
    #[serde(flatten)]
    progress: &'a ReplayProgress,
}

impl DeadEffects {
    fn selection(&self) -> Result<ReplaySelection, Failure> {
        let selection = ReplaySelection {
            keys: (!self.keys.is_empty()).then(|| self.keys.clone()),
            plugin: self.plugin.clone(),
            reason: self.reason.clone(),
            whole_reason: self.whole_reason,
            replay: self.replay,
            ..self.events.selection()
        };
        require_selection(selection, self.all, "dead effects")
    }

    async fn resolve(&self, action: ReplayAction, settings: &Settings) -> Result<(), Failure> {
        let request = ReplayRequest {
            of: ReplayTarget::Effects,
            action,
            selection: self.selection()?,
            to: None,
            again: false,
            revision: None,
            dry_run: self.dry_run,
        };
        let progress = replaying::follow(&settings.client_to_change(&self.connection)?, &request).await?;
        if self.json {
            out::print_json(&EffectsReplay { effects: progress.made, progress: &progress })?;
        } else {
            out::print(&replaying::describe(&progress))?;
        }
        replaying::check_ended(&progress)?;
        let missing = (self.keys.len() as u64).saturating_sub(progress.made);
        if missing > 0 {
            return Err(Failure::Failed(format!("{missing} of those named are not dead")));
        }
        Ok(())
    }
}

pub(super) fn table(effects: &[ListedEffect]) -> TextTable {
    let rows: Vec<_> = effects
        .iter()
        .map(|listed| {
            [
                listed.id.clone(),
                listed.event.clone(),
                listed.plugin.clone(),
                listed.effect.key.clone(),
                out::first_line(&listed.effect.summary),
                show::format_state(listed.effect.state, None, None),
                listed.last.as_deref().map_or_else(|| "-".into(), out::first_line),
            ]
        })
        .collect();
    format_table(["ID", "EVENT", "PLUGIN", "KEY", "EFFECT", "STATE", "LAST TRY"], &rows)
}
