//! Runs a language's own tools.

pub(super) mod cache;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::cli::failure::Failure;

/// One call of a tool.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    /// Its working directory.
    dir: PathBuf,
    /// The instructions for installing it.
    get: &'static str,
    /// Whether its standard output is for programs only.
    quiet: bool,
}

impl Tool {
    /// Makes a call in `dir`. `get` tells how to install the tool if it is missing.
    pub(super) fn new(program: impl Into<PathBuf>, dir: &Path, get: &'static str) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            variables: Vec::new(),
            dir: dir.to_owned(),
            get,
            quiet: false,
        }
    }

    /// Marks its standard output as not for people: it is not shown after a failure.
    pub(super) fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// With these arguments as well.
    pub(super) fn arguments<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// With this environment variable.
    pub(super) fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Runs it to its end and returns its standard output, which is shown only after a failure: some
    /// compilers write their errors there. Standard error is shown at once.
    ///
    /// # Errors
    /// When it is missing, or fails.
    pub(super) async fn run(&self) -> Result<Vec<u8>, Failure> {
        let started = self.command().stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let child = started.map_err(|error| self.explain_start(&error))?;
        let output = child.wait_with_output().await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        if !self.quiet {
            io::stderr().lock().write_all(&output.stdout)?;
        }
        Err(self.explain_end(output.status))
    }

    /// Runs it to its end, with its output on the terminal at once.
    ///
    /// # Errors
    /// When it is missing, or fails.
    pub(super) async fn run_shown(&self) -> Result<(), Failure> {
        let status = self.command().status().await.map_err(|error| self.explain_start(&error))?;
        if status.success() { Ok(()) } else { Err(self.explain_end(status)) }
    }

    /// Returns the tool's output, if it is installed and succeeds; nothing is shown.
    pub(super) async fn read_output(&self) -> Option<String> {
        // Its standard error is kept from the terminal.
        let output = self.command().output().await.ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim_end().to_owned())
    }

    /// Starts it without output. It is to end at the end of its standard input, a pipe that the child holds.
    pub(super) fn start_with_stdin(&self) -> io::Result<Child> {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C is for this process, whose end closes the pipe.
        command.process_group(0).kill_on_drop(false).spawn()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.dir).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn explain_end(&self, status: std::process::ExitStatus) -> Failure {
        Failure::Failed(format!("`{self}` in {} ended with {status}", self.dir.display()))
    }

    fn explain_start(&self, error: &io::Error) -> Failure {
        let (program, get) = (self.program.display(), self.get);
        match error.kind() {
            io::ErrorKind::NotFound => Failure::Failed(format!("there is no `{program}` here: {get}")),
            _ => Failure::Failed(format!("`{program}` does not start: {error}")),
        }
    }
}

impl std::fmt::Display for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.program.display())?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Tool {
        Tool::new("sh", Path::new("."), "get a shell").arguments(["-c", script])
    }

    #[tokio::test]
    async fn reports_how_a_tool_ended() {
        let output = sh("echo $GREETING").variable("GREETING", "hello").run().await.unwrap();
        assert_eq!(output, b"hello\n");
        let failed = sh("exit 3").run().await.unwrap_err().to_string();
        assert!(failed.contains("`sh -c exit 3`") && failed.contains("exit status: 3"), "{failed}");
        assert_eq!(sh("echo no; exit 1").read_output().await, None);
    }

    #[tokio::test]
    async fn names_a_missing_tool_and_how_to_get_it() {
        let missing = Tool::new("no-such-tool", Path::new("."), "install it").run().await.unwrap_err();
        assert_eq!(missing.to_string(), "there is no `no-such-tool` here: install it");
    }
}
