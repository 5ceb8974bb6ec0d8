//! `hookyard replay list`, `show` and `stop`: replays in progress and past ones.

use super::client::Client;
use super::failure::Failure;
use super::listing::{ListOptions, print_page};
use super::settings::{ChangeConnection, Settings};
use super::table::{TextTable, format_table};
use super::{delivery_list, effects, out, replaying};
use crate::admin::api::{
    DeliveryList, EffectList, ReplayAction, ReplayList, ReplayProgress, ReplayState, ReplayTarget,
};

/// Failed deliveries that `show` prints.
const FAILURES: &str = "20";

/// List replays and bulk discards, the newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard replay list\n  hookyard replay list --watch")]
pub(super) struct List {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on after a page: `next_cursor` of --json
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    options: ListOptions,
}

/// Show how far a replay is, and which of its deliveries or effects have failed
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard replay show 7\n  hookyard replay show 7 --watch\n\
    \x20 hookyard delivery list --replay 7                all deliveries that it made\n\
    \x20 hookyard delivery replay --replay 7              those that failed, once more")]
pub(super) struct Show {
    /// Its number
    #[arg(value_name = "NUMBER")]
    number: i64,
    #[command(flatten)]
    options: ListOptions,
}

/// Stop a replay; the deliveries and effects that it made due stay
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard replay stop 7 --note 'the partner is down'")]
pub(super) struct Stop {
    /// Its number
    #[arg(value_name = "NUMBER")]
    number: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

/// A replay, and what is dead of the deliveries that it made or of the effects that it made due.
#[derive(Debug, serde::Serialize)]
struct ReplayWithFailures {
    #[serde(flatten)]
    progress: ReplayProgress,
    failures: Failures,
}

#[derive(Debug, serde::Serialize)]
#[serde(untagged)]
enum Failures {
    Deliveries(DeliveryList),
    Effects(EffectList),
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let limit = self.limit.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(self.cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let fetch = async |client: &Client| client.get(&["replays"], &query).await;
        let print = |page: &ReplayList| print_page(page, "no replays", table);
        self.options.show(&settings, fetch, print).await
    }
}

impl Show {
    /// Prints the replay.
    ///
    /// # Errors
    /// When there is no such replay, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let number = self.number.to_string();
        let fetch = async |client: &Client| {
            let progress: ReplayProgress = client.get(&["replays", &number], &()).await?;
            let query = [("replay", number.as_str()), ("state", "dead"), ("limit", FAILURES)];
            let failures = match progress.request.of {
                ReplayTarget::Effects => Failures::Effects(client.get(&["effects"], &query).await?),
                ReplayTarget::Deliveries | ReplayTarget::Events => {
                    Failures::Deliveries(client.get(&["deliveries"], &query).await?)
                }
            };
            Ok(ReplayWithFailures { progress, failures })
        };
        self.options.show(&settings, fetch, print).await
    }
}

impl Stop {
    /// Stops it.
    ///
    /// # Errors
    /// When there is no such replay, it has ended, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        let number = self.number.to_string();
        let stopped: ReplayProgress = client.post(&["replays", &number, "stop"], &()).await?;
        if self.json { out::print_json(&stopped) } else { out::print(&replaying::describe(&stopped)) }
    }
}

fn print(replay: &ReplayWithFailures) -> Result<(), Failure> {
    let ReplayWithFailures { progress, failures } = replay;
    let looked_at = progress.made + progress.skipped;
    out::print(&format!(
        "replay {} is {}: {looked_at} of {} looked at\n{}",
        progress.id,
        format_state(progress.state),
        progress.found,
        replaying::describe(progress)
    ))?;
    let (table, is_cut, none, some) = match failures {
        Failures::Deliveries(page) => (
            (!page.items.is_empty()).then(|| delivery_list::table(&page.items)),
            page.next_cursor.is_some(),
            "none of its deliveries is a dead letter",
            "deliveries that failed",
        ),
        Failures::Effects(page) => (
            (!page.items.is_empty()).then(|| effects::table(&page.items)),
            page.next_cursor.is_some(),
            "none of its effects is dead",
            "effects that failed",
        ),
    };
    let Some(table) = table else { return out::print(&format!("\n{none}")) };
    let more = if is_cut { ", the newest" } else { "" };
    out::print(&format!("\n{some}{more}:"))?;
    out::print_table(&table)
}

fn format_state(state: ReplayState) -> &'static str {
    match state {
        ReplayState::Running => "running",
        ReplayState::Done => "done",
        ReplayState::Stopped => "stopped",
    }
}

fn table(replays: &[ReplayProgress]) -> TextTable {
    let row = |replay: &ReplayProgress| {
        let what = match (replay.request.action, replay.request.of) {
            (ReplayAction::Replay, ReplayTarget::Events) => "replay events",
            (ReplayAction::Replay, ReplayTarget::Deliveries) => "replay deliveries",
            (ReplayAction::Replay, ReplayTarget::Effects) => "replay effects",
            (ReplayAction::Discard, ReplayTarget::Effects) => "discard effects",
            (ReplayAction::Discard, _) => "discard",
        };
        let dry = if replay.request.dry_run { " (dry run)" } else { "" };
        [
            replay.id.to_string(),
            out::format_time(replay.asked_at),
            format!("{what}{dry}"),
            format_state(replay.state).to_owned(),
            replay.found.to_string(),
            replay.made.to_string(),
            replay.skipped.to_string(),
        ]
    };
    let rows: Vec<_> = replays.iter().map(row).collect();
    format_table(["NUMBER", "ASKED", "WHAT", "STATE", "FOUND", "MADE", "SKIPPED"], &rows)
}
