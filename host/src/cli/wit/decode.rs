//! `hookyard wit decode`: the value that a handler would get, for tests of plugins.

use std::path::{Path, PathBuf};

use crate::cli::author::packages::{PayloadDecoder, load, load_moncreneau, payload_of};
use crate::cli::failure::{Failure, warn};
use crate::cli::settings::Settings;
use crate::cli::{input, out};

const EXAMPLE: &str = "\
Examples:
  hookyard wit decode --type order.paid --wit acme.wit < event.json
  echo '{\"id\":1}' | hookyard wit decode --type order.paid --wit acme.wit --payload

It prints canonical JSON: records with all fields by the WIT's names, none as null, variants as {\"case\": value},
64-bit integers as strings, maps as lists of pairs.
Exit code: 0, or 1 when the payload does not fit.";

/// Decode an event as a host does, and print the value that its handler would get
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(in crate::cli) struct Decode {
    /// The event type
    #[arg(long = "type", value_name = "TYPE")]
    event_type: String,
    /// Packages [default: Moncreneau's]
    #[arg(long, value_name = "FILE|DIR")]
    wit: Vec<PathBuf>,
    /// Standard input is the payload, even if it looks like an event
    #[arg(long)]
    payload: bool,
}

impl Decode {
    /// Decodes standard input.
    ///
    /// # Errors
    /// When no package handles the event type, or the payload does not fit.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let packages = if self.wit.is_empty() {
            load_moncreneau(&settings).await?
        } else {
            load(&settings, &self.wit).await?
        };
        let event = &self.event_type;
        let Some((package, _)) = packages.handler(event) else {
            let ids: Vec<_> = packages.all.iter().map(|package| package.id.as_str()).collect();
            return Err(Failure::Failed(format!("`{event}` has no typed handler in {}", ids.join(", "))));
        };
        let text = input::read_text(Path::new("-"))?;
        let payload = if self.payload { &text } else { payload_of(event, &text).map_err(Failure::Failed)? };
        let decoder =
            PayloadDecoder::new(&settings, &packages.read, package).await.map_err(Failure::Failed)?;
        let value = decoder.decode(event, payload).map_err(Failure::Failed)?;
        for note in &value.notes {
            warn(note);
        }
        out::print(&value.canonical.to_string())
    }
}
