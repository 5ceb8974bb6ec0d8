//! A host in its own mount namespace. Nobody else sees its mounts, and they end with it.
//!
//! A user may do this if the system allows unprivileged user namespaces. Elsewhere, tests that need one print
//! that they are skipped.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{CommandOutput, HostDir, RunningHost};

/// Whether this system lets its users have mount namespaces. Says so where it does not.
pub(crate) fn namespaces() -> bool {
    let output = CommandOutput::run(Command::new("unshare").args([
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs none /proc/self/cwd 2>/dev/null || mount -t tmpfs none /tmp",
    ]));
    if output.code != 0 {
        println!(
            "LEFT OUT: this system gives its users no mount namespaces (unshare -rm): {}",
            output.err.trim()
        );
    }
    output.code == 0
}

impl HostDir {
    /// A host here, with what this shell command mounts below its working directory.
    pub(crate) fn command_in(&self, mounts: &str) -> Command {
        let program = self.command(&["serve"]).get_program().to_owned();
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mounts} && exec \"$0\" serve")]);
        command.arg(program).current_dir(self.path("")).stdin(Stdio::null()).env_remove("HOOKYARD_LOG");
        command
    }
}

impl RunningHost<'_> {
    /// A path as the host sees it.
    pub(crate) fn path_in_namespace(&self, below: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.pid(), self.dir().path(below).display()))
    }

    /// Runs a shell command where the host sees its file systems; it has to go well.
    pub(crate) fn run_in_namespace(&self, script: &str) {
        let output = CommandOutput::run(
            Command::new("nsenter")
                .args(["--user", "--mount", "--preserve-credentials", "--target", &self.pid().to_string()])
                .args(["sh", "-ec", &format!("cd {} && {script}", self.dir().path("").display())]),
        );
        assert_eq!(output.code, 0, "{script}: {output:?}");
    }
}
