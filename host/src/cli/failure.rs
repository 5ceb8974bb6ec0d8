//! Why a verb did not do its work, and what the shell is told.

use std::process::ExitCode;

use super::stderr;

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

    /// Prints it on stderr, unless the verb has printed what is wrong, and returns the exit code.
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

/// Prints a warning on stderr; the verb goes on.
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
