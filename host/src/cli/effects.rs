//! `hookyard effect list`, `replay` and `discard`: the effects of all events.

use super::client::Client;
use super::failure::Failure;
use super::listing::{ListOptions, find_page, print_page};
use super::settings::{ChangeConnection, Settings};
use super::table::{TextTable, format_table};
use super::{out, show};
use crate::admin::api::{EffectCount, EffectList, EffectSelection, ListedEffect};

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
#[command(
    after_help = "Examples:\n  hookyard effect replay 9f2c….1\n  hookyard effect replay --plugin confirmation-sms"
)]
pub(super) struct Replay {
    #[command(flatten)]
    dead: DeadEffects,
}

/// Resolve dead effects without another attempt
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard effect discard 9f2c….1\n  hookyard effect discard --all")]
pub(super) struct Discard {
    #[command(flatten)]
    dead: DeadEffects,
}

#[derive(Debug, clap::Args)]
struct DeadEffects {
    /// Dead effects with these keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Those that this plugin requested
    #[arg(long, value_name = "PLUGIN")]
    plugin: Option<String>,
    /// All dead effects
    #[arg(long)]
    all: bool,
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
        let limit = self.limit.to_string();
        let filters = [
            ("state", self.state.as_deref()),
            ("plugin", self.plugin.as_deref()),
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
        self.dead.resolve("replay", "to be tried again", &settings).await
    }
}

impl Discard {
    /// Resolves them.
    ///
    /// # Errors
    /// When none was named or found, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        self.dead.resolve("discard", "resolved", &settings).await
    }
}

impl DeadEffects {
    async fn resolve(&self, verb: &str, said: &str, settings: &Settings) -> Result<(), Failure> {
        let keys = (!self.keys.is_empty()).then(|| self.keys.clone());
        let selection = EffectSelection { keys, plugin: self.plugin.clone() };
        match (selection == EffectSelection::default(), self.all) {
            (true, false) => {
                let which = "which dead effects? Name their keys, or --plugin, or say --all";
                return Err(Failure::Usage(which.into()));
            }
            (false, true) => return Err(Failure::Usage("--all means all of them: name none".into())),
            _ => {}
        }
        let client = settings.client_to_change(&self.connection)?;
        let resolved: EffectCount = client.post(&["effects", verb], &selection).await?;
        if resolved.effects < self.keys.len() as u64 {
            let missing = self.keys.len() as u64 - resolved.effects;
            return Err(Failure::Failed(format!(
                "{missing} of those named are not dead; {}: {said}",
                out::format_count(resolved.effects, "effect", "effects")
            )));
        }
        if self.json {
            return out::print_json(&resolved);
        }
        out::print(&format!("{}: {said}", out::format_count(resolved.effects, "effect", "effects")))
    }
}

fn table(effects: &[ListedEffect]) -> TextTable {
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
