//! The host's own log, on stderr: readable on a terminal, JSON elsewhere.
//!
//! Plugins' own lines have the target `plugin`, and so a level of their own.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use super::background::BackgroundWriter;
use super::failure::Failure;
use super::{stderr, visible};
use crate::admin::LogLevel;
use crate::config;

/// The log of this process, started.
#[derive(Debug)]
pub(super) struct Log {
    filter: Arc<LiveFilter>,
    level: String,
    plugin_level: String,
}

/// The filter in force.
#[derive(Debug)]
struct LiveFilter {
    handle: reload::Handle<EnvFilter, Registry>,
    /// The host's level and the plugins'.
    levels: Mutex<(String, String)>,
}

impl LiveFilter {
    /// Changes one or both of the levels.
    fn change(&self, change: impl FnOnce(&mut (String, String))) -> Result<(), String> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = levels.clone();
        change(&mut changed);
        let filter =
            EnvFilter::try_new(directives(&changed.0, &changed.1)).map_err(|error| error.to_string())?;
        self.handle.reload(filter).map_err(|error| error.to_string())?;
        *levels = changed;
        Ok(())
    }
}

/// Starts writing.
///
/// # Errors
/// When a level is not one, or writing was started before.
pub(super) fn start(log: &config::Log, level: Option<&str>) -> Result<Log, Failure> {
    let (name, level) = match level {
        Some(level) => (config::LOG_VARIABLE, level),
        None => ("log.level", log.level.as_str()),
    };
    let filter = directives(level, &log.plugin_level);
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        Failure::Failed(format!(
            "{name}, log.plugin_level: `{filter}` is no filter ({error}); \
             use error, warn, info, debug, trace"
        ))
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let is_terminal = io::stderr().is_terminal();
    let writer = stderr::start(log.buffer_max_bytes)
        .map_err(|error| Failure::Failed(format!("standard error: {error}")))?;
    let writer = LogWriter { writer, is_terminal };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().log_internal_errors(false).with_writer(writer);
    let started = if is_terminal {
        registry.with(lines.with_target(false).compact()).try_init()
    } else {
        registry.with(lines.json().flatten_event(true)).try_init()
    };
    started.map_err(Failure::failed)?;
    // The default hook writes to standard error itself, and waits for its reader.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let levels = Mutex::new((level.to_owned(), log.plugin_level.clone()));
    let filter = Arc::new(LiveFilter { handle, levels });
    Ok(Log { filter, level: level.into(), plugin_level: log.plugin_level.clone() })
}

/// Takes formatted lines, and escapes characters of plugins and senders that could forge a line.
#[derive(Debug)]
struct LogWriter {
    writer: BackgroundWriter,
    is_terminal: bool,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &LogWriter {
    /// Takes one whole line: the formatter writes each at once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let shown =
            if self.is_terminal { visible::escape_colored_line(line) } else { visible::escape_json(line) };
        if shown == line {
            self.writer.push(bytes);
        } else {
            self.writer.push(format!("{shown}\n").as_bytes());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Turns the repetition of plugins' lines off or on, for a command that shows them in another
    /// way meanwhile.
    pub(super) fn repeat_plugins(&self, on: bool) -> Result<(), Failure> {
        let plugin_level = if on { self.plugin_level.as_str() } else { "off" };
        self.filter.change(|levels| plugin_level.clone_into(&mut levels.1)).map_err(Failure::Failed)
    }

    /// The level, which operators may change while the host runs.
    pub(super) fn level(&self) -> LogLevel {
        let filter = Arc::clone(&self.filter);
        LogLevel::new(self.level.clone(), move |level| {
            filter.change(|levels| level.clone_into(&mut levels.0))
        })
    }
}

/// A level alone is the host's own. Libraries log from `warn` on, since their `debug` hides everything else,
/// and `notify` from `error` on: it warns of each removed watched directory. A filter with targets is used
/// unchanged.
fn directives(level: &str, plugin_level: &str) -> String {
    let level = level.trim();
    let bare = !level.contains(['=', ',']);
    let host = match level.to_ascii_lowercase().as_str() {
        "info" | "debug" | "trace" => format!("warn,notify=error,hookyard={level}"),
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
            ("info", "warn,notify=error,hookyard=info,plugin=warn"),
            ("error", "error,plugin=warn"),
            ("hookyard=debug,sqlx=info", "hookyard=debug,sqlx=info,plugin=warn"),
            ("info,plugin=trace", "info,plugin=trace"),
        ];
        for (level, expected) in cases {
            assert_eq!(directives(level, "warn"), expected);
        }
    }
}
