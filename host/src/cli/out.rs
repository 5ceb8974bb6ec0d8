//! Prints lines, JSON and tables on stdout.

use std::io::Write as _;
use std::sync::OnceLock;

use humansize::BINARY;
use serde::Serialize;

use super::background::BackgroundWriter;
use super::failure::Failure;
use super::table::TextTable;
use super::visible;

/// Standard output of a process that runs a host.
static BACKGROUND: OnceLock<BackgroundWriter> = OnceLock::new();

/// Makes printing never wait for a reader, since this process runs a host. At most `bytes_max`
/// wait in memory.
///
/// # Errors
/// When the system has no thread for it.
pub(super) fn print_in_background(bytes_max: usize) -> Result<(), Failure> {
    let report_dropped =
        |dropped| tracing::warn!(dropped, "lines were dropped because standard output was not read");
    let writer = BackgroundWriter::start(std::io::stdout(), "stdout", bytes_max, report_dropped);
    let writer = writer.map_err(|error| Failure::Failed(format!("standard output: {error}")))?;
    BACKGROUND.get_or_init(|| writer);
    Ok(())
}

/// The writer of standard output, if it is written in the background.
pub(super) fn background_writer() -> Option<&'static BackgroundWriter> {
    BACKGROUND.get()
}

/// Prints a text and ends its line. Control characters but line feeds and tabs are escaped.
///
/// # Errors
/// [`Failure::ReaderGone`] when the reader has gone.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    write(&visible::escape_block(text))
}

/// Prints a table, whose cells are escaped already.
///
/// # Errors
/// [`Failure::ReaderGone`] when the reader has gone.
pub(super) fn print_table(table: &TextTable) -> Result<(), Failure> {
    write(&table.to_styled_text())
}

/// Prints JSON for programs, with the control characters that JSON lets through escaped too.
///
/// # Errors
/// [`Failure::ReaderGone`] when the reader has gone.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    write(&visible::escape_json(&serde_json::to_string_pretty(value).map_err(Failure::failed)?))
}

/// Prints JSON on one line, as [`print_json`].
///
/// # Errors
/// [`Failure::ReaderGone`] when the reader has gone.
pub(super) fn print_json_line(value: &impl Serialize) -> Result<(), Failure> {
    write(&visible::escape_json(&serde_json::to_string(value).map_err(Failure::failed)?))
}

fn write(text: &str) -> Result<(), Failure> {
    match background_writer() {
        Some(writer) => writer.push(format!("{text}\n").as_bytes()),
        None => writeln!(std::io::stdout().lock(), "{text}")?,
    }
    Ok(())
}

/// Escapes a text of a sender, a plugin or a partner, as a part of one line.
#[must_use]
pub(super) fn escape(text: &str) -> String {
    visible::escape_line(text).into_owned()
}

/// Formats ms since the Unix epoch as a time in UTC.
#[must_use]
pub(super) fn format_time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "-".into(), |time| format!("{time:.3}"))
}

/// Formats µs.
#[must_use]
pub(super) fn format_duration(us: u64) -> String {
    let hundredths = |unit: u64| format!("{}.{:02}", us / unit, us % unit * 100 / unit);
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{} ms", hundredths(1000)),
        _ => format!("{} s", hundredths(1_000_000)),
    }
}

/// Formats a size in bytes.
#[must_use]
pub(super) fn format_size(bytes: u64) -> String {
    humansize::format_size(bytes, BINARY.decimal_places(1))
}

/// The first digits of a digest: enough to tell revisions apart.
#[must_use]
pub(super) fn shorten_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// The first line of a text, cut to the width of a table.
#[must_use]
pub(super) fn first_line(text: &str) -> String {
    const MAX: usize = 80;
    let line: String = text.lines().next().unwrap_or_default().chars().take(MAX).collect();
    if line.len() == text.len() { line } else { format!("{line} …") }
}

/// Formats a count: `1 delivery`, `2 deliveries`.
#[must_use]
pub(super) fn format_count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(format_duration(999), "999 µs");
        assert_eq!(format_duration(1500), "1.50 ms");
        assert_eq!(format_duration(2_340_000), "2.34 s");
        assert_eq!(format_size(1023), "1023 B");
        assert_eq!(format_size(1536), "1.5 KiB");
        assert_eq!(format_size(3 << 20), "3 MiB");
        assert_eq!(format_size(5 << 30), "5 GiB");
        assert_eq!(format_time(1_769_005_800_123), "2026-01-21T14:30:00.123Z");
        assert_eq!(format_count(1, "delivery", "deliveries"), "1 delivery");
    }
}
