//! `hookyard event show`: one event, with all that was done with it.

use super::client::Client;
use super::failure::Failure;
use super::settings::{Connection, Settings};
use super::{json_text, out, show};
use crate::admin::api::{EventList, EventView};

const EXAMPLE: &str = "\
Examples:
  hookyard event show evt_abc123
  hookyard event show evt_abc123 --source moncreneau --json";

/// Show an event: its deliveries, their attempts, what the plugins logged, and its payload
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Show {
    /// The event's id
    id: String,
    /// Of this source; needed only when several sources have an event of that id
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Show personal values (`personal` of the source) too
    #[arg(long)]
    unmasked: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Show {
    /// Prints the event.
    ///
    /// # Errors
    /// When there is none, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client(&self.connection)?;
        let source = match self.source {
            Some(source) => source,
            None => source_of(&client, &self.id).await?,
        };
        // A host of an older version knows no query here.
        let query: &[(&str, &str)] = if self.unmasked { &[("unmasked", "true")] } else { &[] };
        let mut event: EventView = client.get(&["events", &source, &self.id], query).await?;
        if let Some(payload) = &mut event.payload {
            json_text::make_printable(payload);
        }
        if self.json {
            return out::print_json(&event);
        }
        out::print(show::format_event(&event).trim_end())
    }
}

/// The source of the only event with this id.
pub(super) async fn source_of(client: &Client, id: &str) -> Result<String, Failure> {
    let mut page: EventList = client.get(&["events"], &[("id", id)]).await?;
    if page.items.len() > 1 {
        let sources: Vec<_> = page.items.into_iter().map(|event| event.source).collect();
        return Err(Failure::Usage(format!(
            "several sources have an event `{id}`: give --source with one of {}",
            sources.join(", ")
        )));
    }
    let event = page.items.pop().ok_or_else(|| {
        Failure::Failed(format!("no event `{id}`; `hookyard event list` shows those there are"))
    })?;
    Ok(event.source)
}
