//! `hookyard alert list` and `test`.

use super::client::Client;
use super::failure::Failure;
use super::listing::ListOptions;
use super::settings::{ChangeConnection, Settings};
use super::table::{TextTable, format_table};
use super::{out, visible};
use crate::admin::api::{Alert, AlertList, AlertTestResult};

/// List alerts: whom they tell of what, and what is wrong since when
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard alert list\n  hookyard alert list --json")]
pub(super) struct List {
    #[command(flatten)]
    options: ListOptions,
}

/// Send a test notification, and print the receiver's answer
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard alert test operations")]
pub(super) struct Test {
    /// The alert
    #[arg(value_name = "NAME")]
    name: String,
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
        let fetch = async |client: &Client| client.get(&["alerts"], &()).await;
        let print = |page: &AlertList| {
            if page.items.is_empty() {
                return out::print("no alerts are configured; [[alerts]] in the configuration makes one");
            }
            out::print_table(&table(&page.items))?;
            page.items.iter().flat_map(describe).try_for_each(|line| out::print(&line))
        };
        self.options.show(&settings, fetch, print).await
    }
}

impl Test {
    /// Sends the notification.
    ///
    /// # Errors
    /// When there is no such alert, its receiver does not take it, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        let result: AlertTestResult = client.post(&["alerts", &self.name, "test"], &()).await?;
        if self.json {
            out::print_json(&result)?;
        }
        let answer = visible::escape_line(&result.detail);
        if !result.delivered {
            return Err(Failure::Failed(format!(
                "alert {}: the receiver did not take it: {answer}",
                self.name
            )));
        }
        if self.json { Ok(()) } else { out::print(&format!("{} was delivered: {answer}", result.id)) }
    }
}

fn table(alerts: &[Alert]) -> TextTable {
    let rows: Vec<_> = alerts
        .iter()
        .map(|alert| {
            let problems = alert.problems.iter().filter(|problem| problem.over_since.is_none()).count();
            let state = match &alert.pending {
                Some(pending) if pending.failures > 0 => "not delivered",
                _ if problems > 0 => "firing",
                _ => "quiet",
            };
            let notified = alert.notified_at.map_or_else(|| "-".into(), out::format_time);
            [
                alert.name.clone(),
                state.into(),
                problems.to_string(),
                notified,
                alert.on.join(", "),
                alert.receiver.clone(),
            ]
        })
        .collect();
    format_table(["ALERT", "STATE", "PROBLEMS", "NOTIFIED", "ON", "RECEIVER"], &rows)
}

/// The problems of an alert, and why its notification has not arrived.
fn describe(alert: &Alert) -> Vec<String> {
    let problems = alert.problems.iter().map(|problem| {
        let since = out::format_time(problem.since);
        let detail = visible::escape_line(&problem.detail);
        match problem.over_since {
            Some(over) => format!("\n{}: over since {}: {detail}", alert.name, out::format_time(over)),
            None => format!("\n{}: since {since}: {detail}\n  {}", alert.name, problem.help),
        }
    });
    let pending = alert.pending.iter().filter_map(|pending| {
        let (error, due) =
            (visible::escape_line(pending.last_error.as_ref()?), out::format_time(pending.due_at));
        let failures = pending.failures;
        Some(format!("\n{}: {failures} attempts failed, the next is at {due}: {error}", alert.name))
    });
    problems.chain(pending).collect()
}
