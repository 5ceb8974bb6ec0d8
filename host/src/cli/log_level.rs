//! `hookyard log level`.

use super::failure::Failure;
use super::settings::{ChangeConnection, Settings};
use super::tokens::parse_span;
use super::{out, visible};
use crate::admin::api::{LogLevelRequest, LogLevelView};

const EXAMPLE: &str = "\
Examples:
  hookyard log level                      show it
  hookyard log level debug --for 15m      more lines, for a quarter of an hour
  hookyard log level info,hookyard::db=debug
  hookyard log level --reset              the configured one again";

/// Show or change the level of the host's log, without a restart
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Level {
    /// The filter: off, error, warn, info, debug or trace, or levels for parts of the program [default: show it]
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
    /// The time after which the configured level holds again, such as 15m or 2h [default: until a restart]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_span, requires = "filter")]
    time: Option<u64>,
    /// Return to the configured level
    #[arg(long, conflicts_with = "filter")]
    reset: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ChangeConnection,
}

impl Level {
    /// Shows or changes the level.
    ///
    /// # Errors
    /// When the host does not answer, refuses, or does not take the filter.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client_to_change(&self.connection)?;
        let path = ["log", "level"];
        let view: LogLevelView = if self.filter.is_some() || self.reset {
            client.put(&path, &LogLevelRequest { filter: self.filter, for_ms: self.time }, None).await?
        } else {
            client.get(&path, &()).await?
        };
        if self.json {
            return out::print_json(&view);
        }
        let filter = visible::escape_line(&view.filter).into_owned();
        out::print(&match view.until {
            Some(until) => {
                format!(
                    "{filter} until {}, then {}",
                    out::format_time(until),
                    visible::escape_line(&view.configured)
                )
            }
            None if view.filter == view.configured => filter,
            None => format!("{filter} until a restart, then {}", visible::escape_line(&view.configured)),
        })
    }
}
