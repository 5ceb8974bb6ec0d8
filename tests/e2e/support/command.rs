//! Commands that are run to their end.

use std::process::Command;

use serde_json::Value;

/// The exit code and the output of a finished command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    /// Runs a command to its end.
    pub(crate) fn run(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// If the command failed or wrote to standard error, but for the progress that it shows when it takes long.
    pub(crate) fn json(&self) -> Value {
        let is_progress = |line: &str| line.ends_with("(it continues if this is interrupted)");
        assert!(self.code == 0 && self.err.lines().all(is_progress), "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
