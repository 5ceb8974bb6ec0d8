//! `hookyard config init`: writes a config to begin with.

use std::io;
use std::path::PathBuf;

use super::failure::Failure;
use super::out;
use super::private_file::write_private;
use crate::config::{DEFAULT_FILE, DEFAULT_TEXT};

const EXAMPLE: &str = "\
Examples:
  hookyard config init                        hookyard.toml, with every key in a comment
  hookyard config init --config other.toml
  hookyard config init --force                replace the file that is there";

/// The lines at the top of the file.
const INTRODUCTION: &str = "\
# The configuration of hookyard. Every key stands here in a comment, with its default or an example: remove the `#` in
# front of a key, and of its `[section]`, to change it. `hookyard config check` checks the file. A running host takes
# changes when the file is saved.
";

/// Write a config with every key in a comment, its meaning, its unit and its default
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Init {
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

impl Init {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When it is there already, or cannot be written.
    pub(super) fn run(self, file: Option<PathBuf>) -> Result<(), Failure> {
        let file = file.unwrap_or_else(|| DEFAULT_FILE.into());
        match write_private(&file, &reference(), self.force) {
            Ok(()) => {
                out::print(&format!("{}: every key in a comment; nothing is changed yet", file.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::Failed(format!(
                "{} is there already; nothing was changed (--force replaces it)",
                file.display()
            ))),
            Err(error) => Err(Failure::Failed(format!("{}: {error}", file.display()))),
        }
    }
}

/// The reference with all keys and sections in comments.
fn reference() -> String {
    let (_, body) = DEFAULT_TEXT.split_once("\n\n").unwrap_or_default();
    let line = |line: &str| match line.chars().next() {
        None | Some('#') => format!("{line}\n"),
        Some(_) => format!("#{line}\n"),
    };
    format!("{INTRODUCTION}\n{}", body.lines().map(line).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_a_comment() {
        let text = reference();
        assert!(text.lines().all(|line| line.is_empty() || line.starts_with('#')), "{text}");
        for part in
            ["#[server]\n", "#listen = \"127.0.0.1:8080\"\n", "#[sources.moncreneau]\n", "# The public side"]
        {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("Copy what you change"), "the introduction is of the reference");
    }

    #[test]
    fn a_file_is_replaced_on_request_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hookyard.toml");
        write_private(&file, "1", false).unwrap();
        assert_eq!(write_private(&file, "2", false).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "1");
        write_private(&file, "2", true).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "2");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
