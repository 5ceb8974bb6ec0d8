//! `hookyard plugin pause`, `resume` and `retry`.

use super::failure::Failure;
use super::out;
use super::settings::{Connection, Settings};
use crate::admin::api::Plugin;

/// Pause a plugin: what comes for it waits in the database, and nothing is lost
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin pause confirmation-sms")]
pub(super) struct Pause {
    #[command(flatten)]
    which: Which,
}

/// Let a paused plugin go on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin resume confirmation-sms")]
pub(super) struct Resume {
    #[command(flatten)]
    which: Which,
}

/// Load a plugin's file again that was refused, even if the compiler died of it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin retry confirmation-sms")]
pub(super) struct Retry {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The plugin
    #[arg(value_name = "PLUGIN")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Pause {
    /// Pauses it.
    ///
    /// # Errors
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let said = format!("{} is paused; `hookyard plugin resume {0}` lets it go on", self.which.name);
        self.which.ask("pause", &said, &settings).await
    }
}

impl Resume {
    /// Lets it go on.
    ///
    /// # Errors
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let said = format!("{} goes on", self.which.name);
        self.which.ask("resume", &said, &settings).await
    }
}

impl Retry {
    /// Has it loaded again.
    ///
    /// # Errors
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let said = format!("{} is loaded again; `hookyard plugin list` shows the result", self.which.name);
        self.which.ask("retry", &said, &settings).await
    }
}

impl Which {
    async fn ask(&self, verb: &str, said: &str, settings: &Settings) -> Result<(), Failure> {
        let client = settings.client(&self.connection)?;
        let plugin: Plugin = client.post(&["plugins", &self.name, verb], &()).await?;
        if self.json { out::json(&plugin) } else { out::line(said) }
    }
}
