//! `hookyard source confirmations`, `approve` and `reject`.

use serde::Serialize;

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::settings::{ChangeConnection, Settings};
use super::table::{TextTable, format_table};
use super::{out, visible};
use crate::admin::api::{ConfirmationList, ConfirmationState, ConfirmationView};

/// List the confirmations that providers ask for, such as those of subscriptions to an Amazon SNS topic
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hookyard source confirmations\n  hookyard source confirmations alarms --json\n\n\
                  Nothing is confirmed before `hookyard source approve`. A confirmation expires after three days."
)]
pub(super) struct Confirmations {
    /// The source [default: all]
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    options: ListOptions,
}

/// Confirm what a provider asks for: the host opens the provider's URL
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard source approve alarms 3 --note 'the new topic, ticket 12'")]
pub(super) struct Approve {
    #[command(flatten)]
    decision: DecisionArguments,
}

/// Drop a confirmation that a provider asks for: its URL is not opened
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard source reject alarms 3 --note 'not our topic'")]
pub(super) struct Reject {
    #[command(flatten)]
    decision: DecisionArguments,
}

#[derive(Debug, clap::Args)]
struct DecisionArguments {
    /// The source
    #[arg(value_name = "NAME")]
    name: String,
    /// The number of the confirmation, from `hookyard source confirmations`
    #[arg(value_name = "ID")]
    id: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

#[derive(Serialize)]
struct ListQuery<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

impl Confirmations {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let query = ListQuery { source: self.name.as_deref() };
        let fetch = async |client: &Client| client.get::<ConfirmationList>(&["confirmations"], &query).await;
        let print = |page: &ConfirmationList| {
            if page.items.is_empty() {
                return out::print("no provider has asked for a confirmation");
            }
            out::print_table(&table(&page.items))?;
            page.items.iter().filter_map(describe).try_for_each(|line| out::print(&line))
        };
        self.options.show(&settings, fetch, print).await
    }
}

impl Approve {
    /// Approves, and prints what came of it.
    ///
    /// # Errors
    /// When the provider does not confirm, the source has no such confirmation that waits, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let (json, view) = self.decision.send("approve", settings).await?;
        if json {
            out::print_json(&view)?;
        }
        if view.state != ConfirmationState::Confirmed {
            let why = visible::escape_line(view.failure.as_deref().unwrap_or("no answer"));
            let ConfirmationView { id, source, .. } = &view;
            return Err(Failure::Failed(format!(
                "confirmation {id} of {source} is not confirmed, and still waits: {why}"
            )));
        }
        let subscription =
            view.subscription.as_deref().map(|arn| format!(": subscription {}", out::escape(arn)));
        let (topic, subscription) = (out::escape(&view.topic), subscription.unwrap_or_default());
        if json { Ok(()) } else { out::print(&format!("{topic} is confirmed{subscription}")) }
    }
}

impl Reject {
    /// Rejects.
    ///
    /// # Errors
    /// When the source has no such confirmation that waits, or the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let (json, view) = self.decision.send("reject", settings).await?;
        if json {
            return out::print_json(&view);
        }
        out::print(&format!("{} is rejected", out::escape(&view.topic)))
    }
}

impl DecisionArguments {
    async fn send(self, verb: &str, settings: Settings) -> Result<(bool, ConfirmationView), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        let path = ["sources", &self.name, "confirmations", &self.id.to_string(), verb];
        Ok((self.json, client.post(&path, &()).await?))
    }
}

fn table(confirmations: &[ConfirmationView]) -> TextTable {
    let row = |one: &ConfirmationView| {
        let state = match one.state {
            ConfirmationState::Waiting if one.failure.is_some() => "not confirmed",
            ConfirmationState::Waiting => "waiting",
            ConfirmationState::Confirmed => "confirmed",
            ConfirmationState::Rejected => "rejected",
            ConfirmationState::Expired => "expired",
        };
        [
            one.id.to_string(),
            one.source.clone(),
            state.to_owned(),
            out::format_time(one.received_at),
            out::format_time(one.expires_at),
            one.decided_by.clone().unwrap_or_else(|| "-".into()),
            one.topic.clone(),
        ]
    };
    let rows: Vec<_> = confirmations.iter().map(row).collect();
    format_table(["ID", "SOURCE", "STATE", "RECEIVED", "EXPIRES", "BY", "TOPIC"], &rows)
}

/// What an operator does with a confirmation that waits.
fn describe(one: &ConfirmationView) -> Option<String> {
    if one.state != ConfirmationState::Waiting {
        return None;
    }
    let ConfirmationView { id, source, failure, url, .. } = one;
    let failure = failure.as_deref().map(|why| format!(" Not confirmed: {}", visible::escape_line(why)));
    let url = url.as_deref().map(|url| format!("\n  {}", out::escape(url)));
    Some(format!(
        "\n{id}: `hookyard source approve {source} {id}` lets the host open this URL, `hookyard source reject {source} {id}` \
         drops it.{}{}",
        failure.unwrap_or_default(),
        url.unwrap_or_default()
    ))
}
