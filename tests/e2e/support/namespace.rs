//! A host that sees file systems of its own: what is mounted for it is there for nobody else, and gone with it.
//!
//! A user may do this where the system has unprivileged user namespaces. Where it has not, tests that need
//! one say so and are left out.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Bed, Host, Ran};

/// Whether this system lets its users have mount namespaces. Says so where it does not.
pub(crate) fn namespaces() -> bool {
    let ran = Ran::of(Command::new("unshare").args([
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs none /proc/self/cwd 2>/dev/null || mount -t tmpfs none /tmp",
    ]));
    if ran.code != 0 {
        println!(
            "LEFT OUT: this system gives its users no mount namespaces (unshare -rm): {}",
            ran.err.trim()
        );
    }
    ran.code == 0
}

impl Bed {
    /// A host here, with what this shell command mounts below its working directory.
    pub(crate) fn command_in(&self, mounts: &str) -> Command {
        let program = self.command(&["serve"]).get_program().to_owned();
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &format!("{mounts} && exec \"$0\" serve")]);
        command.arg(program).current_dir(self.path("")).stdin(Stdio::null()).env_remove("HOOKYARD_LOG");
        command
    }
}

impl Host<'_> {
    /// A path as the host sees it.
    pub(crate) fn sees(&self, below: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.pid(), self.bed().path(below).display()))
    }

    /// Runs a shell command where the host sees its file systems; it has to go well.
    pub(crate) fn mount(&self, script: &str) {
        let ran = Ran::of(
            Command::new("nsenter")
                .args(["--user", "--mount", "--preserve-credentials", "--target", &self.pid().to_string()])
                .args(["sh", "-ec", &format!("cd {} && {script}", self.bed().path("").display())]),
        );
        assert_eq!(ran.code, 0, "{script}: {ran:?}");
    }
}
