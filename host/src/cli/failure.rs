//! Failures of commands, and their exit codes.

use std::process::ExitCode;

use super::stderr;

/// The reason why a verb failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The work failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Invalid usage: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The command has printed the error as its own output: exit code 1.
    #[error("")]
    Shown,
    /// The reader closed the output (`hookyard event list | head`): not an error.
    #[error("")]
    ReaderGone,
}

impl Failure {
    /// The work failed.
    pub(super) fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Prints it on stderr, unless the verb has printed the error, and returns the exit code.
    #[must_use]
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::Failed(message) => {
                stderr::print("error", message);
                ExitCode::from(1)
            }
            Self::Usage(message) => {
                stderr::print("error", message);
                ExitCode::from(2)
            }
            Self::Shown => ExitCode::from(1),
            Self::ReaderGone => ExitCode::SUCCESS,
        }
    }
}

/// Prints a warning on stderr; the verb continues.
pub(super) fn warn(message: &str) {
    stderr::print("warning", message);
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::failed(error)
    }
}
