//! What verbs print: lines, JSON and tables, on stdout.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::failure::Failure;

/// Prints a text and ends its line.
///
/// # Errors
/// [`Failure::ReaderGone`] when nobody reads any more.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Prints JSON for programs.
///
/// # Errors
/// [`Failure::ReaderGone`] when nobody reads any more.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).map_err(Failure::failed)?)
}

/// A table without lines: a header, and columns two spaces apart.
#[must_use]
pub(super) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// The text without characters that a terminal would obey: senders and plugins choose it.
#[must_use]
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// ms since the Unix epoch as a time in UTC.
#[must_use]
pub(super) fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "-".into(), |time| format!("{time:.3}"))
}

/// µs as people read them.
#[must_use]
pub(super) fn duration(us: u64) -> String {
    let hundredths = |unit: u64| format!("{}.{:02}", us / unit, us % unit * 100 / unit);
    match us {
        0..1000 => format!("{us} µs"),
        1000..1_000_000 => format!("{} ms", hundredths(1000)),
        _ => format!("{} s", hundredths(1_000_000)),
    }
}

/// Bytes as people read them.
#[must_use]
pub(super) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", tenths(KIB)),
        _ => format!("{} MiB", tenths(MIB)),
    }
}

/// The first digits of a revision: enough to tell them apart.
#[must_use]
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// As much of a text as a table has room for.
#[must_use]
pub(super) fn first_line(text: &str) -> String {
    const MAX: usize = 80;
    let line: String = text.lines().next().unwrap_or_default().chars().take(MAX).collect();
    if line.len() == text.len() { line } else { format!("{line} …") }
}

/// `1 delivery`, `2 deliveries`.
#[must_use]
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_header_and_aligned_columns() {
        let rows = [["a".into(), "1".into()], ["longer".into(), "\u{1b}[2J".into()]];
        let text = table(["NAME", "NUMBER"], &rows);
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["NAME    NUMBER", "a       1", "longer  \u{fffd}[2J"]);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(duration(999), "999 µs");
        assert_eq!(duration(1500), "1.50 ms");
        assert_eq!(duration(2_340_000), "2.34 s");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(3 << 20), "3.0 MiB");
        assert_eq!(time(1_769_005_800_123), "2026-01-21T14:30:00.123Z");
        assert_eq!(count(1, "delivery", "deliveries"), "1 delivery");
    }
}
