//! `hookyard event list`: events, newest first.

use super::client::Client;
use super::failure::Failure;
use super::follow::follow;
use super::listing::{ListOptions, find_page, print_page};
use super::out;
use super::settings::Settings;
use super::table::{TextTable, format_table};
use crate::admin::api::{EventList, EventSummary};

const EXAMPLE: &str = "\
Examples:
  hookyard event list
  hookyard event list --type appointment.created --state dead
  hookyard event list --limit 500 --json
  hookyard event list --follow               goes on until Ctrl-C, also while the host is restarted
  hookyard event list --state dead --watch

States: STATES";

/// List events, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE.replace("STATES", STATES))]
pub(super) struct List {
    /// Only this type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on after a page: `next_cursor` of --json
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Go on with events as they come, and with changes of the states of the latest; with --json one on a line
    #[arg(long, conflicts_with_all = ["state", "cursor", "watch"])]
    follow: bool,
    #[command(flatten)]
    options: ListOptions,
}

const STATES: &str = "unhandled, pending, running, waiting, held, done, dead";

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let limit = self.limit.to_string();
        let filters = [
            ("type", self.event_type.as_deref()),
            ("source", self.source.as_deref()),
            ("state", self.state.as_deref()),
            ("cursor", self.cursor.as_deref()),
            ("limit", Some(&limit)),
        ];
        let query: Vec<_> =
            filters.iter().filter_map(|(key, value)| value.map(|value| (*key, value))).collect();
        if self.follow {
            let client = settings.client(&self.options.connection)?;
            let page: EventList = client.get(&["events"], &query).await?;
            let filters: Vec<_> = query.iter().copied().filter(|(key, _)| *key != "limit").collect();
            let print = |event: &EventSummary| {
                if self.options.json {
                    out::print_json_line(event)
                } else {
                    out::print(&describe_line(event))
                }
            };
            return follow(&settings, &self.options.connection, &filters, &page, print).await;
        }
        let fetch = async |client: &Client| find_page(client, &["events"], &query).await;
        let all = self.event_type.is_none() && self.source.is_none() && self.state.is_none();
        let none = if all && self.cursor.is_none() {
            "no events yet; `hookyard event send appointment.created` sends one"
        } else {
            "no such events"
        };
        let print = |page: &EventList| print_page(page, none, table);
        self.options.show(&settings, fetch, print).await
    }
}

/// An event on a line of its own, without the lines around it.
fn describe_line(event: &EventSummary) -> String {
    let state = event.state.to_string();
    let [source, event_type, id] =
        [&event.source, &event.event_type, &event.id].map(|text| out::escape(text));
    format!("{}  {state:<9}  {event_type:<24}  {source}  {id}", out::format_time(event.received_at))
}

fn table(events: &[EventSummary]) -> TextTable {
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            [
                out::format_time(event.received_at),
                event.source.clone(),
                event.id.clone(),
                event.event_type.clone(),
                event.state.to_string(),
                event.deliveries.len().to_string(),
            ]
        })
        .collect();
    format_table(["RECEIVED", "SOURCE", "ID", "TYPE", "STATE", "DELIVERIES"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::api::EventState;

    #[test]
    fn an_event_is_a_row() {
        let event = EventSummary {
            source: "moncreneau".into(),
            id: "evt_1".into(),
            event_type: "appointment.created".into(),
            state: EventState::Done,
            created: "2026-01-21T14:30:00Z".into(),
            received_at: 1_769_005_800_000,
            deliveries: Vec::new(),
        };
        let text = table(&[event]).to_string();
        let row = text.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
        let expected =
            ["2026-01-21T14:30:00.000Z", "moncreneau", "evt_1", "appointment.created", "done", "0"];
        assert_eq!(row, expected);
    }
}
