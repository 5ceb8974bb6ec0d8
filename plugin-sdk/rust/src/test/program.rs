//! The host's own program, which test hosts call.

use std::env;
use std::fmt::Display;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A program that has ended.
pub(super) struct Ended {
    pub(super) is_ok: bool,
    pub(super) output: String,
    pub(super) messages: String,
}

/// Runs `hookyard` with this standard input. The environment variable `HOOKYARD` names the program if it is not in the
/// path.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub(super) fn run(arguments: &[&str], input: &str) -> Ended {
    let named = env::var("HOOKYARD").ok().filter(|program| !program.is_empty());
    let program = named.unwrap_or_else(|| "hookyard".into());
    let explain = |error: &dyn Display| -> ! {
        panic!(
            "{program} does not start ({error}): the test needs the host's own program; put it in the path, or name it in \
             HOOKYARD"
        )
    };
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| explain(&error));
    let pipe = child.stdin.take();
    let input = input.to_owned();
    // Both directions at once: a pipe holds less than a large event.
    let writer = std::thread::spawn(move || {
        // A program that does not read it says why on its standard error.
        pipe.map(|mut pipe| pipe.write_all(input.as_bytes()))
    });
    let output = child.wait_with_output().unwrap_or_else(|error| explain(&error));
    drop(writer.join());
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let messages = text(output.stderr);
    let is_known = !messages.contains("unrecognized subcommand");
    assert!(
        is_known,
        "{program} is older than this SDK: it has no `{}`; update it",
        arguments[..2].join(" ")
    );
    Ended { is_ok: output.status.success(), output: text(output.stdout), messages }
}
