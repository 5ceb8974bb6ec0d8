//! `hookyard restore`: puts a backup in the database's place.

use std::path::PathBuf;

use super::backup::unless_stopped;
use super::failure::Failure;
use super::out;
use super::settings::Settings;
use crate::db;

const EXAMPLE: &str = "\
Examples:
  hookyard restore hookyard.backup
  hookyard restore hookyard.backup --force --config hookyard.toml

Deliveries that were open when the backup was made run when a host starts, with the idempotency keys that
they had: again, if they were done since.";

/// Put a backup in the database's place; no host may run meanwhile
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Restore {
    /// A file that `hookyard backup` made
    file: PathBuf,
    /// Replace the database that is there
    #[arg(long)]
    force: bool,
}

impl Restore {
    /// Checks the backup, puts it in place, and prints its content.
    ///
    /// # Errors
    /// When it is no backup, a host runs, or there is a database already.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let database = &settings.config().database;
        let content = unless_stopped(db::restore(database, &self.file, self.force)).await?;
        let newest = content
            .newest_at
            .map_or_else(|| "no events".into(), |at| format!("events up to {}", out::format_time(at)));
        let open = out::format_count(content.open_deliveries, "delivery", "deliveries");
        out::print(&format!("{}: {newest}, {open} to be run", database.path().display()))
    }
}
