//! Tables for people: aligned columns, cut to the width of a terminal, with coloured states on one.
//!
//! Output that is not a terminal gets whole cells and no colours.

use std::fmt;
use std::io::IsTerminal as _;

use anstream::{AutoStream, ColorChoice};
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Row, Table, Width, presets};

use super::visible::escape_line;

/// Columns of free text, which are cut first. Ids and names are there to be copied, so they stay whole while
/// there is room.
const FREE_TEXT: [&str; 9] =
    ["FOUND", "REASON", "LAST TRY", "EFFECT", "NOTE", "HANDLES", "ON", "RECEIVER", "PLUGINS"];
/// The columns of states, which are coloured.
const STATES: [&str; 2] = ["STATE", "RESULT"];
/// The least width of a column that is cut.
const CUT_WIDTH_MIN: u16 = 12;
/// The space between two columns.
const GAP: u16 = 2;

/// A table whose cells are escaped.
#[derive(Debug)]
pub(super) struct TextTable(Table);

/// A table without lines: a header, and columns two spaces apart.
#[must_use]
pub(super) fn format_table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> TextTable {
    build(header, rows, terminal_width())
}

/// The width of standard output, if it is a terminal.
fn terminal_width() -> Option<u16> {
    // The terminal of another stream says nothing about this one.
    if std::io::stdout().is_terminal() { Table::new().width() } else { None }
}

fn build<const N: usize>(header: [&str; N], rows: &[[String; N]], width: Option<u16>) -> TextTable {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
    table.set_truncation_indicator("…").set_header(header);
    for row in rows {
        let cells = row.iter().zip(header).map(|(text, column)| cell(column, text));
        let mut row = Row::from(cells.collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    if let Some(width) = width {
        cut(&mut table, header, width);
    }
    TextTable(table)
}

fn cell(column: &str, text: &str) -> Cell {
    let cell = Cell::new(escape_line(text));
    match state_color(text).filter(|_| STATES.contains(&column)) {
        Some(color) => cell.fg(color),
        None => cell,
    }
}

/// The colour of a state, which its word tells too.
fn state_color(state: &str) -> Option<Color> {
    let is_held = ["held", "paused", "pinned", "switched off", "off"].iter().any(|word| state.contains(word));
    let first = state.split([',', ' ', '(']).next().unwrap_or_default();
    match first {
        _ if is_held => Some(Color::Magenta),
        "done" | "valid" | "quiet" | "in" | "ok" => Some(Color::Green),
        "dead" | "refused" | "denied" | "expired" | "revoked" | "rejected" | "firing" | "failed" | "not"
        | "problem" => Some(Color::Red),
        "waiting" | "pending" | "blocked" | "warning" => Some(Color::Yellow),
        _ => None,
    }
}

/// Makes a table fit into `width`: free text is cut first, then the widest columns.
fn cut<const N: usize>(table: &mut Table, header: [&str; N], width: u16) {
    let widths: Vec<u16> = table.column_max_content_widths().iter().map(|width| width + GAP).collect();
    let fitted = fit(&widths, &header.map(|column| FREE_TEXT.contains(&column)), width);
    let constraints = fitted.into_iter().map(|width| ColumnConstraint::Absolute(Width::Fixed(width)));
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_constraints(constraints);
}

/// The widths of columns that have room in `total`. No column gets narrower than [`CUT_WIDTH_MIN`] and its gap.
fn fit(widths: &[u16], is_free_text: &[bool], total: u16) -> Vec<u16> {
    let mut widths = widths.to_vec();
    for free_text_only in [true, false] {
        loop {
            let excess = widths.iter().copied().map(u32::from).sum::<u32>().saturating_sub(total.into());
            let candidates = (0..widths.len()).filter(|at| is_free_text[*at] || !free_text_only);
            let widest =
                candidates.filter(|at| widths[*at] > CUT_WIDTH_MIN + GAP).max_by_key(|at| widths[*at]);
            let Some(at) = widest.filter(|_| excess > 0) else { break };
            widths[at] -= 1;
        }
    }
    widths
}

impl TextTable {
    /// The table for standard output: with colours where it shows them.
    #[must_use]
    pub(super) fn to_styled_text(&self) -> String {
        if AutoStream::choice(&std::io::stdout()) == ColorChoice::Never {
            return self.to_string();
        }
        let mut table = self.0.clone();
        table.enforce_styling();
        table.trim_fmt()
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.trim_fmt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_header_and_aligned_columns() {
        let rows = [["a".into(), "1".into()], ["longer".into(), "\u{1b}[2J".into()]];
        let text = build(["NAME", "NUMBER"], &rows, None).to_string();
        let lines: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_eq!(lines, ["NAME    NUMBER", "a       1", "longer  \\u{1b}[2J"]);
    }

    #[test]
    fn is_cut_to_the_width_of_a_terminal_and_whole_elsewhere() {
        let reason = "no office at all, and nobody who could tell where the next one is".to_owned();
        let rows = [["evt_0123456789".into(), reason.clone()], ["漢字漢字".into(), "short".into()]];
        assert!(build(["ID", "REASON"], &rows, None).to_string().contains(&reason));
        let text = build(["ID", "REASON"], &rows, Some(40)).to_string();
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(40) && text.lines().count() == 3, "{text}");
        assert!(
            text.contains("evt_0123456789") && text.contains('…') && text.contains("no office"),
            "{text}"
        );
    }

    #[test]
    fn free_text_is_cut_before_the_rest_and_no_column_vanishes() {
        assert_eq!(fit(&[20, 30], &[false, true], 60), [20, 30]);
        assert_eq!(fit(&[20, 30], &[false, true], 40), [20, 20]);
        assert_eq!(fit(&[20, 30], &[false, true], 30), [16, 14]);
        assert_eq!(fit(&[20, 30, 8], &[false, true, false], 10), [14, 14, 8]);
    }

    #[test]
    fn a_state_has_the_colour_of_its_meaning() {
        for (state, color) in [
            ("done", Some(Color::Green)),
            ("in force", Some(Color::Green)),
            ("held (paused)", Some(Color::Magenta)),
            ("running, switched off for a.b", Some(Color::Magenta)),
            ("dead", Some(Color::Red)),
            ("waiting for approval", Some(Color::Yellow)),
            ("running", None),
        ] {
            assert_eq!(state_color(state), color, "{state}");
        }
    }
}
