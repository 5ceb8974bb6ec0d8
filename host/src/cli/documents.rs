//! `hookyard completions` and `hookyard man`: shell completions and manual pages, generated from the commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::failure::Failure;
use super::{Arguments, out};

const COMPLETIONS_EXAMPLE: &str = "\
Examples:
  hookyard completions bash > ~/.local/share/bash-completion/completions/hookyard
  hookyard completions zsh > ~/.zfunc/_hookyard          (with fpath+=~/.zfunc in .zshrc)
  hookyard completions fish > ~/.config/fish/completions/hookyard.fish";

const MAN_EXAMPLE: &str = "\
Examples:
  hookyard man | man -l -                                the page of the program
  hookyard man --out ~/.local/share/man/man1             a page for each command";

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS_EXAMPLE)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Print the manual page, or write a page for each command
#[derive(Debug, clap::Args)]
#[command(after_help = MAN_EXAMPLE)]
pub(super) struct Man {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    /// Prints the script.
    ///
    /// # Errors
    /// When the output is closed.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "hookyard", &mut script);
        Ok(std::io::stdout().lock().write_all(&script)?)
    }
}

impl Man {
    /// Prints the page, or writes the pages.
    ///
    /// # Errors
    /// When a file cannot be written, or the output is closed.
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Some(dir) = &self.out else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
            return Ok(std::io::stdout().lock().write_all(&page)?);
        };
        let pages =
            write_pages(dir).map_err(|error| Failure::Failed(format!("{}: {error}", dir.display())))?;
        out::print(&format!("{}: {}", dir.display(), out::format_count(pages, "page", "pages")))
    }
}

/// Writes `hookyard.1`, `hookyard-event.1`, `hookyard-event-send.1` and so on. Returns their number.
fn write_pages(dir: &Path) -> std::io::Result<u64> {
    std::fs::create_dir_all(dir)?;
    let mut program = Arguments::command().disable_help_subcommand(true);
    program.build();
    let (mut open, mut pages) = (vec![program], 0);
    while let Some(command) = open.pop() {
        open.extend(command.get_subcommands().filter(|below| !below.is_hide_set()).cloned());
        clap_mangen::Man::new(command).generate_to(dir)?;
        pages += 1;
    }
    Ok(pages)
}
