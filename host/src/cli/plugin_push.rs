//! `hookyard plugin push`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::failure::Failure;
use super::settings::{ChangeConnection, Settings};
use super::{input, out, plugin_revisions};
use crate::admin::api::RevisionResult;

const EXAMPLE: &str = "\
Examples:
  hookyard plugin push confirmation-sms dist/confirmation-sms.wasm --note 'shorter texts'
  hookyard plugin push confirmation-sms dist/confirmation-sms.wasm --dry-run     only the difference
  hookyard plugin push confirmation-sms - < confirmation-sms.wasm

The command ends when the revision takes events, or waits, or is refused.";

/// Longest wait for the host to compile the revision.
const TIMEOUT: Duration = Duration::from_mins(15);

/// Push a revision of a plugin to a running host
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Push {
    /// The plugin; it may be new
    #[arg(value_name = "NAME")]
    name: String,
    /// The `.wasm` file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only load the revision, and show how it differs from the one in force
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

#[derive(Serialize)]
struct Query {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dry_run: bool,
}

impl Push {
    /// Pushes the file, and prints the result.
    ///
    /// # Errors
    /// When the file cannot be read, the host refuses it, or does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let bytes = input::read(&self.file)?;
        let client = settings.client_to_change(&self.connection)?;
        let query = Query { dry_run: self.dry_run };
        let path = ["plugins", &self.name, "revisions"];
        let result: RevisionResult = client.post_bytes(&path, &query, bytes, TIMEOUT).await?;
        if self.json {
            return out::print_json(&result);
        }
        if let Some(difference) = &result.difference {
            out::print(&plugin_revisions::describe_difference(difference))?;
        }
        let said = plugin_revisions::describe_result(&result);
        if !self.dry_run {
            return out::print(&said);
        }
        out::print(&format!("a push would come to: {said}\nnothing was changed: this was a dry run"))
    }
}
