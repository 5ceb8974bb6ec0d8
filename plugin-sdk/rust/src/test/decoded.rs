//! Events that the host's own program decodes, so that a test gets the same values and errors as the plugin.

use std::fs;

use super::program::{self, Ended};
use super::received::Json;

/// The payload of a whole event, and notes about optional fields that do not fit; or the reason why it does not fit.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub(super) fn decode(event_type: &str, package: &str, body: &str) -> Result<(Json, Vec<String>), String> {
    let mut arguments = vec!["wit", "decode", "--type", event_type];
    // The package is the plugin's own, or one that the program knows.
    let name = package.replace(':', "-");
    let is_version = |text: &str| text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit());
    let mut own = fs::read_dir("wit").into_iter().flatten().flatten();
    let is_own = own.any(|entry| {
        let file = entry.file_name().to_string_lossy().into_owned();
        file.strip_prefix(&name).is_some_and(|rest| is_version(rest.trim_start_matches('-')))
    });
    if is_own {
        arguments.extend(["--wit", "wit"]);
    }
    let Ended { is_ok, output, messages } = program::run(&arguments, body);
    if is_ok {
        let json =
            serde_json::from_str(&output).unwrap_or_else(|error| panic!("hookyard wit decode: {error}"));
        let notes = messages.lines().filter_map(|line| line.strip_prefix("warning: "));
        return Ok((json, notes.map(|note| format!("WARN hookyard: {note}")).collect()));
    }
    match messages.trim().strip_prefix("error: ") {
        Some(reason) if reason.starts_with("payload") => Err(reason.into()),
        _ => panic!("hookyard wit decode: {messages}"),
    }
}
