//! `hookyard plugin pause`, `resume` and `retry`.

use super::failure::Failure;
use super::out;
use super::settings::{ChangeConnection, Settings};
use crate::admin::api::Plugin;

/// Pause a plugin: what comes for it waits in the database, and nothing is lost
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin pause confirmation-sms")]
pub(super) struct Pause {
    #[command(flatten)]
    plugin: PluginArgument,
}

/// Let a paused plugin go on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin resume confirmation-sms")]
pub(super) struct Resume {
    #[command(flatten)]
    plugin: PluginArgument,
}

/// Load a plugin's file again that was refused, even if the compiler died of it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hookyard plugin retry confirmation-sms")]
pub(super) struct Retry {
    #[command(flatten)]
    plugin: PluginArgument,
}

#[derive(Debug, clap::Args)]
struct PluginArgument {
    /// The plugin
    #[arg(value_name = "PLUGIN")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl Pause {
    /// Pauses the plugin.
    ///
    /// # Errors
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let said = format!("{} is paused; `hookyard plugin resume {0}` lets it go on", self.plugin.name);
        self.plugin.post("pause", &said, &settings).await
    }
}

impl Resume {
    /// Resumes the plugin.
    ///
    /// # Errors
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let said = format!("{} goes on", self.plugin.name);
        self.plugin.post("resume", &said, &settings).await
    }
}

impl Retry {
    /// Requests a new load of the plugin's file.
    ///
    /// # Errors
    /// When there is no such plugin, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let said = format!("{} is loaded again; `hookyard plugin list` shows the result", self.plugin.name);
        self.plugin.post("retry", &said, &settings).await
    }
}

impl PluginArgument {
    async fn post(&self, verb: &str, said: &str, settings: &Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        let answer: Plugin = client.post(&["plugins", &self.name, verb], &()).await?;
        if self.json { out::print_json(&answer) } else { out::print(said) }
    }
}
