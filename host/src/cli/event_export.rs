//! `hookyard event export`: one event with its context, to be run again elsewhere.

use std::path::Path;

use super::exported::{self, EventOnHost};
use super::failure::Failure;
use super::private_file::write_private;
use super::settings::{Connection, Settings};
use super::{json_text, out};

const EXAMPLE: &str = "\
Examples:
  hookyard event export evt_abc123 --out evt_abc123.json
  hookyard event export evt_abc123 | hookyard plugin run my-plugin --event -

The JSON has the payload and the context that handlers get: source, id, type, created, time of receipt, and
for each delivery its idempotency key and its attempts.";

/// Write an event and its context as JSON, for `plugin run`
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Export {
    /// The event's id
    id: String,
    /// Of this source; needed only when several sources have an event of that id
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Write this file, readable by you only; `-` is standard output
    #[arg(long, value_name = "FILE|-", default_value = "-")]
    out: String,
    /// Leave personal values (`personal` of the source) as they were sent
    #[arg(long)]
    unmasked: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Export {
    /// Writes the event.
    ///
    /// # Errors
    /// When there is none, the host does not answer, or the file cannot be written.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client(&self.connection)?;
        let wanted = EventOnHost { id: &self.id, source: self.source.as_deref(), unmasked: self.unmasked };
        let mut event = exported::fetch(&client, wanted).await?;
        if self.out == "-" {
            json_text::make_printable(&mut event.payload);
            return out::print_json(&event);
        }
        let text = serde_json::to_string_pretty(&event).map_err(Failure::failed)?;
        let written = write_private(Path::new(&self.out), &format!("{text}\n"), true);
        written.map_err(|error| Failure::Failed(format!("{}: {error}", self.out)))
    }
}
