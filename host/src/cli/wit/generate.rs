//! `hookyard wit generate`: an SDK's typed handlers for packages.

use std::path::{Path, PathBuf};

use crate::cli::author::language::Language;
use crate::cli::author::packages::{GeneratedFile, generate, load, remove_stale, write_generated};
use crate::cli::failure::Failure;
use crate::cli::out;
use crate::cli::settings::Settings;

const EXAMPLE: &str = "\
Examples:
  hookyard wit generate --lang rust acme.wit              in the plugin's folder
  hookyard wit generate --lang python --out my-plugin my-plugin/wit

`plugin new --wit` does it for a new plugin, and `plugin build` again when a package in its folder `wit` changed.";

/// Generate typed handlers for WIT packages
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(in crate::cli) struct Generate {
    /// WIT files, packages' folders, or folders of packages
    #[arg(value_name = "FILE|DIR", required = true)]
    packages: Vec<PathBuf>,
    /// The language
    #[arg(long, value_enum, ignore_case = true, value_name = "LANGUAGE")]
    lang: Language,
    /// The plugin's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Write nothing; fail if a file is not up to date
    #[arg(long)]
    check: bool,
}

impl Generate {
    /// Generates the files.
    ///
    /// # Errors
    /// When a package cannot be read, a file of the author's is in the way, or, with `--check`, a file differs.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let packages = load(&settings, &self.packages).await?;
        let files = generate(self.lang, &packages.all)?;
        if self.check {
            return check(&self.out, &files);
        }
        for file in &files {
            write_generated(&self.out, file)?;
            out::print(&self.out.join(&file.path).display().to_string())?;
        }
        remove_stale(&self.out, &files)
    }
}

fn check(dir: &Path, files: &[GeneratedFile]) -> Result<(), Failure> {
    let differs = |file: &&GeneratedFile| {
        std::fs::read_to_string(dir.join(&file.path)).ok().as_ref() != Some(&file.text)
    };
    match files.iter().find(differs) {
        Some(file) => Err(Failure::Failed(format!(
            "{} is not up to date: generate it again",
            dir.join(&file.path).display()
        ))),
        None => Ok(()),
    }
}
