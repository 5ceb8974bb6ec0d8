//! Why a verb did not do its work, and what the shell is told.

use std::io;
use std::process::ExitCode;

use super::background::BackgroundWriter;
use super::{log, visible};

/// Why a verb did not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was tried and failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// It was asked for wrongly: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// What is wrong was printed as the verb's own answer: exit code 1.
    #[error("")]
    Shown,
    /// Whoever read the output went away (`hookyard event list | head`): not an error.
    #[error("")]
    ReaderGone,
}

impl Failure {
    /// It was tried and failed.
    pub(super) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Says it on stderr where nothing was said yet, and gives the exit code.
    #[must_use]
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::Failed(message) => {
                say("error", message);
                ExitCode::from(1)
            }
            Self::Usage(message) => {
                say("error", message);
                ExitCode::from(2)
            }
            Self::Shown => ExitCode::from(1),
            Self::ReaderGone => ExitCode::SUCCESS,
        }
    }
}

/// Says on stderr what the verb does all the same.
pub(super) fn warn(message: &str) {
    say("warning", message);
}

/// Writes to standard error, for as long as somebody reads it.
fn say(label: &str, message: &str) {
    let text = format!("{label}: {}\n", visible::continued(message, "  | "));
    let start = || BackgroundWriter::start(io::stderr(), "stderr", usize::MAX, |_| ()).ok();
    if let Some(stderr) = log::started().cloned().or_else(start) {
        stderr.push(text.as_bytes());
        stderr.flush();
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::failed(error)
    }
}
