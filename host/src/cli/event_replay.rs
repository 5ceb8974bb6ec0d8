//! `hookyard event replay`: past events, for current plugins.

use std::path::PathBuf;

use super::client::Client;
use super::event_edit;
use super::event_show::source_of;
use super::failure::Failure;
use super::replaying;
use super::selectors::{EventSelector, require_selection};
use super::settings::{ChangeConnection, Settings};
use crate::admin::api::{EventView, ReplayAction, ReplayRequest, ReplaySelection, ReplayTarget};
use crate::event::PluginName;

const EXAMPLE: &str = "\
Examples:
  hookyard event replay evt_abc123
  hookyard event replay evt_abc123 --to confirmation-sms
  hookyard event replay evt_abc123 --to confirmation-sms --revision 3f2a90c1
  hookyard event replay --unhandled --dry-run
  hookyard event replay --since 2026-11-01T00:00:00Z --to statistics
  hookyard event export evt_abc123 --unmasked > event.json     then edit `payload` in it, and
  hookyard event replay evt_abc123 --payload event.json --note 'wrong phone number'

With --payload a new event is made, with an id of its own; `event show` of each names the other.
Plugins whose delivery of an event is done are skipped, unless the event is named or --again is given. Plugins
whose delivery is open are always skipped.";

/// Replay events, also for plugins that did not get them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is typed or not")]
pub(super) struct Replay {
    /// This event, also for plugins whose delivery of it is done
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// To this plugin [default: all that handle it now]
    #[arg(long, value_name = "PLUGIN", value_parser = plugin)]
    to: Option<PluginName>,
    /// On this kept revision of it, by the first digits of its digest [default: the one in force]
    #[arg(long, value_name = "DIGEST", requires = "to")]
    revision: Option<String>,
    #[command(flatten)]
    which: EventSelector,
    /// Only events that no plugin handles
    #[arg(long)]
    unhandled: bool,
    /// All events
    #[arg(long)]
    all: bool,
    /// Also for plugins whose deliveries are done
    #[arg(long)]
    again: bool,
    /// With this payload: a file with the payload alone or the edited output of `event export`; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "id", conflicts_with_all = ["all", "again", "dry_run", "unhandled"])]
    payload: Option<PathBuf>,
    /// Only count them, and show the first
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl Replay {
    /// Replays, and prints the result.
    ///
    /// # Errors
    /// When nothing was named, the event that was is unknown, open or wanted by no plugin, or the host does
    /// not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        if let (Some(id), Some(file)) = (&self.id, &self.payload) {
            let source = self.find_source(&client, id).await?;
            return event_edit::run(&client, (&source, id), file, self.to, self.json).await;
        }
        let selection = self.selection(&client).await?;
        let request = ReplayRequest {
            of: ReplayTarget::Events,
            action: ReplayAction::Replay,
            selection,
            to: self.to.clone(),
            again: self.again || self.id.is_some(),
            revision: self.revision.clone(),
            dry_run: self.dry_run,
        };
        let progress = replaying::follow(&client, &request).await?;
        match &self.id {
            Some(id) if progress.made == 0 => Err(Failure::Failed(format!(
                "nothing to replay: {id} is open for all that handle it (`hookyard event show {id}`), or no {} does",
                self.to.as_ref().map_or_else(|| "plugin".into(), |to| format!("handler of {to}"))
            ))),
            _ => replaying::print(&progress, self.json),
        }
    }

    /// The source of the event that is named.
    async fn find_source(&self, client: &Client, id: &str) -> Result<String, Failure> {
        let which = EventSelector { source: None, ..self.which.clone() };
        if self.unhandled || self.all || which.selection() != ReplaySelection::default() {
            return Err(Failure::Usage("an event that is named needs no other filter".into()));
        }
        match &self.which.source {
            Some(source) => Ok(source.clone()),
            None => source_of(client, id).await,
        }
    }

    async fn selection(&self, client: &Client) -> Result<ReplaySelection, Failure> {
        let Some(id) = &self.id else {
            let selection = ReplaySelection { unhandled: self.unhandled, ..self.which.selection() };
            return require_selection(selection, self.all, "events");
        };
        let source = self.find_source(client, id).await?;
        let event: EventView = client.get(&["events", &source, id], &()).await?;
        Ok(ReplaySelection { events: Some(vec![event.number]), ..ReplaySelection::default() })
    }
}

fn plugin(name: &str) -> Result<PluginName, String> {
    PluginName::new(name).map_err(|error| error.to_string())
}
