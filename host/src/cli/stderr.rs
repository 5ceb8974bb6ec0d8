//! Standard error of this process: one writer for the log, warnings and errors.

use std::io;
use std::sync::OnceLock;

use super::background::BackgroundWriter;
use super::visible;

static WRITER: OnceLock<BackgroundWriter> = OnceLock::new();

/// Starts the writer that the log uses, and everything else from then on. At most `bytes_max` wait in memory.
///
/// # Errors
/// When the system has no descriptor or no thread for it.
pub(super) fn start(bytes_max: usize) -> io::Result<BackgroundWriter> {
    let report_dropped = |dropped| {
        tracing::warn!(
            dropped,
            "log lines were dropped because standard error was not read (log.buffer_max_bytes)"
        );
    };
    let writer = BackgroundWriter::start(io::stderr(), "log", bytes_max, report_dropped)?;
    Ok(WRITER.get_or_init(|| writer).clone())
}

/// The writer, if it was started.
pub(super) fn writer() -> Option<&'static BackgroundWriter> {
    WRITER.get()
}

/// Prints a message with its label, and waits for it while the stream has a reader.
pub(super) fn print(label: &str, message: &str) {
    let text = format!("{label}: {}\n", visible::escape_continued(message, "  | "));
    let start = || BackgroundWriter::start(io::stderr(), "stderr", usize::MAX, |_| ()).ok();
    if let Some(stderr) = writer().cloned().or_else(start) {
        stderr.push(text.as_bytes());
        stderr.flush();
    }
}
