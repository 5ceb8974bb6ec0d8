//! `hookyard delivery show`: one delivery, with all that was done with it.

use super::failure::Failure;
use super::settings::{Connection, Settings};
use super::{out, show};
use crate::admin::api::DeliveryDetail;
use crate::delivery::DeliveryId;

const EXAMPLE: &str = "\
Examples:
  hookyard delivery show 12-1
  hookyard delivery show 12-1 --json";

/// Show a delivery: its attempts, what the plugin logged, and what it asked for
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Show {
    /// The delivery's id
    id: DeliveryId,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Show {
    /// Prints the delivery.
    ///
    /// # Errors
    /// When there is none, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client(&self.connection)?;
        let detail: DeliveryDetail = client.get(&["deliveries", &self.id.to_string()], &()).await?;
        if self.json {
            return out::print_json(&detail);
        }
        let (event, source) = (out::escape(&detail.event), out::escape(&detail.source));
        let event_type = out::escape(&detail.event_type);
        let head = format!("delivery  {}\nevent     {event} ({event_type}) of {source}\n", self.id);
        out::print(format!("{head}\n{}", show::format_delivery(&detail.delivery)).trim_end())
    }
}
