//! `hookyard wit export`: the contract, in the layout that wit-bindgen takes.

use std::path::PathBuf;

use crate::cli::author::packages::export;
use crate::cli::failure::Failure;
use crate::cli::out;

const EXAMPLE: &str = "\
Examples:
  hookyard wit export wit
  wit-bindgen c wit

It writes wit/plugin.wit with the world of a plugin, to be edited, and the packages of the contract in wit/deps.";

/// Write the contract between plugins and hosts, as WIT
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(in crate::cli) struct Export {
    /// The folder; it is made
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Export {
    /// Writes the files.
    ///
    /// # Errors
    /// When a file is there already, or cannot be written.
    pub(super) fn run(self) -> Result<(), Failure> {
        let written = export(&self.dir)?;
        out::print(&format!("{}: {written} files", self.dir.display()))
    }
}
