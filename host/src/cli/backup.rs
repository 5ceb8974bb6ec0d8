//! `hookyard backup`: a copy of the database, while a host runs or not.
//!
//! It reads the database itself instead of asking the host. So it also works without a host, and the file
//! is written on the caller's machine.

use std::path::PathBuf;
use std::time::Instant;

use super::failure::Failure;
use super::out;
use super::settings::Settings;
use super::signals::Signals;
use crate::db::{self, BackupError};

const EXAMPLE: &str = "\
Examples:
  hookyard backup hookyard.backup
  hookyard backup /mnt/backups/$(date +%F).db --config hookyard.toml

It has everything that was answered 2xx before it began, and not what stands in other files: the config,
plugins, and the data directory's admin token and webhook secret.";

/// Copy the database into a file, while a host runs or not
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Backup {
    /// Where to
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

impl Backup {
    /// Makes the copy, and prints its size.
    ///
    /// # Errors
    /// When there is no database, or the file cannot be made.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let began = Instant::now();
        let made = unless_stopped(db::backup(&settings.config().database, &self.file, self.force)).await?;
        let (size, took) = (out::format_size(made), out::format_duration(micros(began)));
        out::print(&format!("{}: {size}, in {took}", self.file.display()))
    }
}

/// Does the work; an interruption removes its unfinished files.
pub(super) async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, BackupError>>,
) -> Result<T, Failure> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        done = work => done.map_err(explain),
        signal = signals.wait_for_stop() => Err(Failure::Failed(format!("stopped by {signal}: nothing was changed"))),
    }
}

fn explain(error: BackupError) -> Failure {
    match error {
        BackupError::Exists(_) => Failure::Failed(format!("{error}; --force replaces it")),
        _ => Failure::failed(error),
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
