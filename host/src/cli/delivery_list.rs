//! `hookyard delivery list`: deliveries, the newest event's first.

use super::client::Client;
use super::failure::Failure;
use super::listing::{ListOptions, find_page, print_page};
use super::out;
use super::selectors::DeliverySelector;
use super::settings::Settings;
use super::table::{TextTable, format_table};
use crate::admin::api::{DeliveryList, DeliverySummary, ListedDelivery};

const EXAMPLE: &str = "\
Examples:
  hookyard delivery list --state dead
  hookyard delivery list --plugin confirmation-sms --since 2h --reason 'timed out'
  hookyard delivery list --limit 500 --json

States: pending, running, waiting, held, done, dead (unresolved)";

/// List deliveries, the newest event's first
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct List {
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    #[command(flatten)]
    which: DeliverySelector,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Go on after a page: `next_cursor` of --json
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    options: ListOptions,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    /// When the host does not answer or refuses.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let query = self.query();
        let fetch = async |client: &Client| find_page(client, &["deliveries"], &query).await;
        let print = |page: &DeliveryList| print_page(page, "no such deliveries", table);
        self.options.show(&settings, fetch, print).await
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let which = &self.which;
        let query = [
            ("state", self.state.clone()),
            ("plugin", which.plugin.clone()),
            ("reason", which.reason.clone()),
            ("whole_reason", which.whole_reason.then(|| "true".into())),
            ("replay", which.replay.map(|replay| replay.to_string())),
            ("failed_on", which.failed_on.clone()),
            ("type", which.events.event_type.clone()),
            ("source", which.events.source.clone()),
            ("since", which.events.since.map(|time| time.to_string())),
            ("until", which.events.until.map(|time| time.to_string())),
            ("cursor", self.cursor.clone()),
            ("limit", Some(self.limit.to_string())),
        ];
        query.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

fn format_state(delivery: &DeliverySummary) -> String {
    super::show::format_state(delivery.state, delivery.held_because, delivery.blocked_by)
}

pub(super) fn table(deliveries: &[ListedDelivery]) -> TextTable {
    let rows: Vec<_> = deliveries
        .iter()
        .map(|listed| {
            [
                out::format_time(listed.received_at),
                listed.delivery.id.clone(),
                listed.event.clone(),
                listed.event_type.clone(),
                listed.delivery.plugin.clone(),
                format_state(&listed.delivery),
                listed.delivery.attempts.to_string(),
                listed.reason.as_deref().map_or_else(|| "-".into(), out::first_line),
            ]
        })
        .collect();
    format_table(["RECEIVED", "DELIVERY", "EVENT", "TYPE", "PLUGIN", "STATE", "ATTEMPTS", "REASON"], &rows)
}
