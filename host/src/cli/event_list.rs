//! `hookyard event list`: events, newest first.

use super::failure::Failure;
use super::follow::follow;
use super::out;
use super::settings::{Connection, Settings};
use crate::admin::api::{EventList, EventSummary};

const EXAMPLE: &str = "\
Examples:
  hookyard event list
  hookyard event list --type appointment.created --state dead
  hookyard event list --limit 500 --json
  hookyard event list --follow               goes on until Ctrl-C, also while the host is restarted

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
    /// Go on with events as they come, and with changes of the states of the latest
    #[arg(long, conflicts_with_all = ["state", "cursor"])]
    follow: bool,
    /// Print JSON; with --follow an object on each line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
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
        let client = settings.client(&self.connection)?;
        let page: EventList = client.get(&["events"], &query).await?;
        if self.follow {
            let filters: Vec<_> = query.iter().copied().filter(|(key, _)| *key != "limit").collect();
            let print = |event: &EventSummary| {
                if self.json { out::print_json_line(event) } else { out::print(&describe_line(event)) }
            };
            return follow(&settings, &self.connection, &filters, &page, print).await;
        }
        if self.json {
            return out::print_json(&page);
        }
        if page.items.is_empty() {
            let all = self.event_type.is_none() && self.source.is_none() && self.state.is_none();
            let none = "no events yet; `hookyard event send appointment.created` sends one";
            return out::print(if all && self.cursor.is_none() { none } else { "no such events" });
        }
        out::print(&table(&page.items))?;
        if let Some(cursor) = &page.next_cursor {
            out::print(&format!("\nthere are more: --cursor {cursor}, or --limit N"))?;
        }
        Ok(())
    }
}

/// An event on a line of its own, without the lines around it.
fn describe_line(event: &EventSummary) -> String {
    let state = event.state.to_string();
    let [source, event_type, id] =
        [&event.source, &event.event_type, &event.id].map(|text| out::escape(text));
    format!("{}  {state:<9}  {event_type:<24}  {source}  {id}", out::format_time(event.received_at))
}

fn table(events: &[EventSummary]) -> String {
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
    out::format_table(["RECEIVED", "SOURCE", "ID", "TYPE", "STATE", "DELIVERIES"], &rows)
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
        let text = table(&[event]);
        let row = text.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>();
        let expected =
            ["2026-01-21T14:30:00.000Z", "moncreneau", "evt_1", "appointment.created", "done", "0"];
        assert_eq!(row, expected);
    }
}
