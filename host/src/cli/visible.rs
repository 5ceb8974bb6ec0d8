//! Text of plugins, senders, partners and files, shown on a terminal or in a log.
//!
//! Control characters could move text on a terminal, or forge the order and lines that a reader sees.
//! Each such character is shown as an escape: `\n`, `\r`, `\t`, `\u{202e}`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal obeys this character or does not show it: control characters (C0, DEL, C1), line and
/// paragraph separators, bidirectional controls (UAX #9), and invisible ones. Joiners (U+200C, U+200D) are part
/// of the spelling of words and emoji, and stay.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Escapes a text for one line.
#[must_use]
pub(super) fn escape_line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false, |c, out| out.extend(c.escape_default()))
}

/// Escapes a text of several lines that the program composed: line feeds and tabs stay.
#[must_use]
pub(super) fn escape_block(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'), |c, out| out.extend(c.escape_default()))
}

/// Escapes a text of several lines from elsewhere, to be written after a label. Each further line begins with
/// `prefix`, so that none looks like a line of the program.
#[must_use]
pub(super) fn escape_continued(text: &str, prefix: &str) -> String {
    let lines: Vec<_> = text.lines().map(escape_line).collect();
    lines.join(&format!("\n{prefix}"))
}

/// Escapes JSON of a serializer, which has escaped control characters within texts; its own line feeds stay.
#[must_use]
pub(super) fn escape_json(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n', utf16_escape)
}

/// Escapes a line of the log for a terminal, without its end. The log's own colours stay.
#[must_use]
pub(super) fn escape_colored_line(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return escape_line(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        shown.push_str(&escape_line(before));
        let length = color_length(from);
        match length {
            0 => shown.push_str(r"\u{1b}"),
            _ => shown.push_str(from.get(..length).unwrap_or_default()),
        }
        rest = from.get(length.max(1)..).unwrap_or_default();
    }
    shown.push_str(&escape_line(rest));
    Cow::Owned(shown)
}

/// Bytes of the `ESC [ … m` at the start of a text; 0 when it is something else.
fn color_length(text: &str) -> usize {
    let Some(inner) = text.strip_prefix("\u{1b}[") else { return 0 };
    let numbers = inner.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if inner.as_bytes().get(numbers) == Some(&b'm') { 2 + numbers + 1 } else { 0 }
}

/// The escape of JSON: a pair of surrogates beyond U+FFFF.
fn utf16_escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing into a text cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

fn escape(text: &str, stays: impl Fn(char) -> bool, put: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let is_escaped = |c: char| is_unsafe(c) && !stays(c);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) { put(c, &mut shown) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: &str = "é ß 漢字 ߒߞߏ مرحبا 👩🏽‍⚕️ می‌خواهم 🇬🇳 \\n \"";

    #[test]
    fn letters_of_all_scripts_stay() {
        assert_eq!(escape_line(LETTERS), LETTERS);
        assert_eq!(escape_block(LETTERS), LETTERS);
        assert_eq!(escape_json(LETTERS), LETTERS);
        assert_eq!(escape_colored_line(LETTERS), LETTERS);
    }

    #[test]
    fn characters_that_a_terminal_obeys_or_hides_are_escaped() {
        let table = [
            ("\0", r"\u{0}", r"\u0000"),
            ("\u{7}", r"\u{7}", r"\u0007"),
            ("\t", r"\t", r"\u0009"),
            ("\r", r"\r", r"\u000d"),
            ("\u{1b}[2J", r"\u{1b}[2J", r"\u001b[2J"),
            ("\u{7f}", r"\u{7f}", r"\u007f"),
            ("\u{85}", r"\u{85}", r"\u0085"),
            ("\u{9b}31m", r"\u{9b}31m", r"\u009b31m"),
            ("\u{ad}", r"\u{ad}", r"\u00ad"),
            ("\u{61c}", r"\u{61c}", r"\u061c"),
            ("\u{200b}", r"\u{200b}", r"\u200b"),
            ("\u{200e}\u{200f}", r"\u{200e}\u{200f}", r"\u200e\u200f"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}", r"\u2028\u2029"),
            ("\u{202a}\u{202e}", r"\u{202a}\u{202e}", r"\u202a\u202e"),
            ("\u{2066}\u{2069}", r"\u{2066}\u{2069}", r"\u2066\u2069"),
            ("\u{feff}", r"\u{feff}", r"\ufeff"),
            ("\u{e0041}", r"\u{e0041}", r"\udb40\udc41"),
        ];
        for (text, shown, as_json) in table {
            assert_eq!(escape_line(text), shown);
            assert_eq!(escape_json(text), as_json);
            assert_eq!(escape_json(text).chars().filter(|c| is_unsafe(*c)).count(), 0);
        }
    }

    #[test]
    fn lines_stay_where_the_program_made_them() {
        assert_eq!(escape_line("a\nb"), r"a\nb");
        assert_eq!(escape_block("a\n\tb\r"), "a\n\tb\\r");
        assert_eq!(escape_continued("a\r\nb\rc\n\nd", "  ! "), "a\n  ! b\\rc\n  ! \n  ! d");
        assert_eq!(escape_json("{\n  \"a\": \"\\n\u{9b}\"\n}"), "{\n  \"a\": \"\\n\\u009b\"\n}");
    }

    #[test]
    fn colours_stay_and_no_other_sequence() {
        let colors = "\u{1b}[2m\u{1b}[1;31m\u{1b}[m";
        assert_eq!(escape_colored_line(colors), colors);
        assert_eq!(escape_colored_line("a\u{1b}[0mb\nc"), "a\u{1b}[0mb\\nc");
        for sequence in ["[2J", "]0;title", "[31", "c", ""] {
            assert_eq!(escape_colored_line(&format!("\u{1b}{sequence}")), format!("\\u{{1b}}{sequence}"));
        }
    }
}
