//! `hookyard event list`: events, newest first.

use super::client::Client;
use super::failure::Failure;
use super::follow::follow;
use super::listing::{ListOptions, print_page};
use super::out;
use super::selectors::EventSelector;
use super::settings::Settings;
use super::table::{TextTable, format_table};
use crate::admin::api::{EventList, EventSummary};

const EXAMPLE: &str = "\
Examples:
  hookyard event list
  hookyard event list --type appointment.created --state dead
  hookyard event list --search 0001          a value that is 0001, begins or ends with it: a phone number's last digits
  hookyard event list --reason 'no office' --plugin confirmation-sms --since 2d
  hookyard event list --limit 500 --json
  hookyard event list --follow               goes on until Ctrl-C, also while the host is restarted
  hookyard event list --state dead --watch

States: STATES";

/// List events, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE.replace("STATES", STATES))]
pub(super) struct List {
    /// Only with a value that is this text, or begins or ends with it: an id, an ordering key, or a value at
    /// `sources.NAME.search`; also the beginning of a type, a source, a plugin, or a word of a reason
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    #[command(flatten)]
    events: EventSelector,
    /// Only events with a delivery to this plugin
    #[arg(long, value_name = "PLUGIN")]
    plugin: Option<String>,
    /// Only events with a failed attempt whose reason has these words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only events with a failed attempt of this outcome: retry, rejected
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Only with this ordering key
    #[arg(long, value_name = "KEY")]
    ordering_key: Option<String>,
    /// Only those that this replay ran again
    #[arg(long, value_name = "NUMBER")]
    replay: Option<i64>,
    /// Only those that a handler of the event with this id emitted
    #[arg(long, value_name = "ID")]
    caused_by: Option<String>,
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
        let [since, until] = [self.events.since, self.events.until].map(|time| time.map(|ms| ms.to_string()));
        let replay = self.replay.map(|number| number.to_string());
        let filters = [
            ("search", self.search.as_deref()),
            ("type", self.events.event_type.as_deref()),
            ("source", self.events.source.as_deref()),
            ("since", since.as_deref()),
            ("until", until.as_deref()),
            ("plugin", self.plugin.as_deref()),
            ("reason", self.reason.as_deref()),
            ("outcome", self.outcome.as_deref()),
            ("ordering_key", self.ordering_key.as_deref()),
            ("replay", replay.as_deref()),
            ("caused_by", self.caused_by.as_deref()),
            ("state", self.state.as_deref()),
        ];
        let filters: Vec<_> =
            filters.iter().filter_map(|(key, value)| value.map(|value| (*key, value))).collect();
        if self.follow {
            let client = settings.client(&self.options.connection)?;
            let page = read_page(&client, &filters, None, self.limit).await?;
            let print = |event: &EventSummary| {
                if self.options.json {
                    out::print_json_line(event)
                } else {
                    out::print(&describe_line(event))
                }
            };
            return follow(&settings, &self.options.connection, &filters, &page, print).await;
        }
        let fetch =
            async |client: &Client| read_page(client, &filters, self.cursor.clone(), self.limit).await;
        let none = if filters.is_empty() && self.cursor.is_none() {
            "no events yet; `hookyard event send appointment.created` sends one"
        } else {
            "no such events"
        };
        let print = |page: &EventList| {
            print_page(page, none, table)?;
            warn_incomplete(page)
        };
        self.options.show(&settings, fetch, print).await
    }
}

/// Most requests for one list: a page of a search may be short although more follow.
const REQUESTS_MAX: usize = 100;

/// Reads pages until there are `limit` events.
async fn read_page(
    client: &Client,
    filters: &[(&str, &str)],
    cursor: Option<String>,
    limit: u32,
) -> Result<EventList, Failure> {
    let mut list =
        EventList { items: Vec::new(), next_cursor: cursor, complete: true, indexed_through: None };
    for _ in 0..REQUESTS_MAX {
        let left = (limit as usize - list.items.len()).to_string();
        let cursor = list.next_cursor.as_deref().map(|cursor| ("cursor", cursor));
        let query: Vec<_> = filters.iter().copied().chain(cursor).chain([("limit", left.as_str())]).collect();
        let page: EventList = client.get(&["events"], &query).await?;
        list.items.extend(page.items);
        list.complete &= page.complete;
        list.indexed_through = page.indexed_through;
        list.next_cursor = page.next_cursor;
        if list.next_cursor.is_none() || list.items.len() >= limit as usize {
            break;
        }
    }
    Ok(list)
}

/// Says what a search may have missed.
fn warn_incomplete(page: &EventList) -> Result<(), Failure> {
    let Some(through) = page.indexed_through.filter(|_| !page.complete) else { return Ok(()) };
    out::print(&format!(
        "\nevents may be missing: the search index is behind, at event number {through}; only the newest ones after it \
         were read (search.scan_max_events)"
    ))
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
