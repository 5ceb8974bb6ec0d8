//! `hookyard wit`: packages of event types. One file per verb.

mod check;
mod decode;
mod export;
mod generate;

use clap::Subcommand;

use super::failure::Failure;
use super::settings::Settings;

/// The verbs.
#[derive(Debug, Subcommand)]
pub(super) enum Wit {
    Check(check::Check),
    Generate(generate::Generate),
    Decode(decode::Decode),
    Export(export::Export),
}

impl Wit {
    /// Runs the verb.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        match self {
            Self::Check(verb) => verb.run(settings).await,
            Self::Generate(verb) => verb.run(settings).await,
            Self::Decode(verb) => verb.run(settings).await,
            Self::Export(verb) => verb.run(),
        }
    }
}
