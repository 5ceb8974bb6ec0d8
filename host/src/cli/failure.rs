//! Why a verb did not do its work, and what the shell is told.

use std::process::ExitCode;

use super::out;

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
        let say = |message: &str| {
            let lines: Vec<_> = message.lines().map(out::plain).collect();
            eprintln!("error: {}", lines.join("\n"));
        };
        match self {
            Self::Failed(message) => {
                say(message);
                ExitCode::from(1)
            }
            Self::Usage(message) => {
                say(message);
                ExitCode::from(2)
            }
            Self::Shown => ExitCode::from(1),
            Self::ReaderGone => ExitCode::SUCCESS,
        }
    }
}

/// Says on stderr what the verb does all the same.
pub(super) fn warn(message: &str) {
    eprintln!("warning: {}", out::plain(message));
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::failed(error)
    }
}
