//! What the host writes about itself, on stderr: readable on a terminal, JSON when not.
//!
//! Plugins' own lines have the target `plugin`, and with it a level of their own.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use super::failure::Failure;
use crate::config;

/// Takes the place of `log.level` for one run.
pub(super) const VARIABLE: &str = "HOOKYARD_LOG";

/// Starts writing.
///
/// # Errors
/// When a level is not one, or writing was started before.
pub(super) fn start(log: &config::Log, level: Option<&str>) -> Result<(), Failure> {
    let (name, level) = match level {
        Some(level) => (VARIABLE, level),
        None => ("log.level", log.level.as_str()),
    };
    let filter = directives(level, &log.plugin_level);
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        Failure::Failed(format!(
            "{name}, log.plugin_level: `{filter}` is no filter ({error}); \
             use error, warn, info, debug, trace"
        ))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        builder.with_target(false).compact().try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    started.map_err(Failure::failed)
}

/// A bare level is the host's own; libraries below it are heard from `warn` on, since their `debug`
/// drowns everything. A filter with targets is taken as it is.
fn directives(level: &str, plugin_level: &str) -> String {
    let level = level.trim();
    let bare = !level.contains(['=', ',']);
    let host = match level.to_ascii_lowercase().as_str() {
        "info" | "debug" | "trace" => format!("warn,hookyard={level}"),
        _ => level.to_owned(),
    };
    if bare || !level.split(',').any(|part| part.trim().starts_with("plugin=")) {
        return format!("{host},plugin={plugin_level}");
    }
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_have_a_level_of_their_own() {
        let cases = [
            ("info", "warn,hookyard=info,plugin=warn"),
            ("error", "error,plugin=warn"),
            ("hookyard=debug,sqlx=info", "hookyard=debug,sqlx=info,plugin=warn"),
            ("info,plugin=trace", "info,plugin=trace"),
        ];
        for (level, expected) in cases {
            assert_eq!(directives(level, "warn"), expected);
        }
    }
}
