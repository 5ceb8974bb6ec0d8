//! JSON text of senders and plugins, shown as it was written: no number is rounded and no name is sorted.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::event::{JsonStrings, indent_json};

/// Most lines of a shown value.
const LINES_MAX: usize = 120;
/// Longest shown line, in characters.
const LINE_MAX_CHARS: usize = 400;

/// Replaces white space between the values that a terminal obeys (carriage returns and tabs), so that all the
/// control characters of the text are within its strings.
pub(super) fn with_plain_spaces(json: &str) -> Cow<'_, str> {
    if !json.contains(['\r', '\t']) {
        return Cow::Borrowed(json);
    }
    let mut strings = JsonStrings::default();
    let plain = |c: char| if strings.is_outside(c) && matches!(c, '\r' | '\t') { ' ' } else { c };
    Cow::Owned(json.chars().map(plain).collect())
}

/// Replaces white space in a value for printing, as [`with_plain_spaces`] does.
pub(super) fn make_printable(payload: &mut Box<RawValue>) {
    let plain = with_plain_spaces(payload.get()).into_owned();
    if let Ok(plain) = RawValue::from_string(plain) {
        *payload = plain;
    }
}

/// Formats a value with a line for each member, indented, and cut to a readable length.
pub(super) fn format(json: &str, indent: &str) -> String {
    let whole = indent_json(json, usize::MAX).unwrap_or_default();
    let mut lines = whole.lines();
    let mut shown: Vec<_> =
        lines.by_ref().take(LINES_MAX).map(|line| format!("{indent}{}", cut(line))).collect();
    let more = lines.count();
    if more > 0 {
        shown.push(format!("{indent}… {more} more lines: --json shows all"));
    }
    shown.join("\n")
}

fn cut(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(LINE_MAX_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}… ({} bytes)", &line[..end], line.len())),
        None => Cow::Borrowed(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_a_value_as_it_was_written() {
        let json = "{\"b\" : 9007199254740993.10,\r\n\"a\":[ ],\"c\":{\"x\":[1,2]},\"d\":\"{,}\\\"[\"}";
        let expected = "  {\n    \"b\": 9007199254740993.10,\n    \"a\": [],\n    \"c\": {\n      \"x\": [\n        \
                        1,\n        2\n      ]\n    },\n    \"d\": \"{,}\\\"[\"\n  }";
        assert_eq!(format(json, "  "), expected);
        assert_eq!(format("7", ""), "7");
    }

    #[test]
    fn long_values_are_cut() {
        let list = format!("[{}]", vec!["1"; 1000].join(","));
        let text = format(&list, "");
        assert!(
            text.lines().count() == LINES_MAX + 1 && text.ends_with("882 more lines: --json shows all"),
            "{text}"
        );
        let text = format(&format!("\"{}\"", "é".repeat(1000)), "");
        assert!(text.ends_with("é… (2002 bytes)"), "{text}");
        assert!(format(&"[".repeat(2000), "").len() < 20_000);
    }

    #[test]
    fn white_space_that_a_terminal_obeys_is_replaced_outside_of_strings() {
        assert_eq!(with_plain_spaces("{\r\n\t\"a\": \"\\t\"}"), "{ \n \"a\": \"\\t\"}");
        assert!(matches!(with_plain_spaces("{}"), Cow::Borrowed(_)));
    }
}
