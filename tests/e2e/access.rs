//! Tokens and the audit log, as operators use them from commands.

mod attacks;
mod audit;
mod personal;
mod redact;
mod tokens;

use crate::support::{CommandOutput, HostDir, RunningHost};

/// Runs `hookyard` as someone who has this token only.
pub(crate) fn run_as(dir: &HostDir, token: &str, arguments: &[&str]) -> CommandOutput {
    CommandOutput::run(dir.command(arguments).env("HOOKYARD_TOKEN", token))
}

/// Makes a token, and returns its secret.
pub(crate) fn create(dir: &HostDir, arguments: &[&str]) -> String {
    let output = dir.run(&[&["token", "create"], arguments].concat());
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let secret = output.out.trim_end().to_owned();
    assert!(secret.starts_with("hky_") && !secret.contains(char::is_whitespace), "{secret}");
    secret
}

/// A directory whose configuration has these keys in `[admin]`.
pub(crate) fn with_admin_keys(keys: &str) -> HostDir {
    let dir = HostDir::new("");
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    dir.replace("hookyard.toml", text.replacen("[admin]\n", &format!("[admin]\n{keys}\n"), 1).as_bytes());
    dir
}

/// Ends a host by SIGTERM.
async fn stop(host: RunningHost<'_>) {
    host.terminate();
    assert!(host.wait_exit().await.success());
}
