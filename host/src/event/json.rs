//! JSON text as it was written: no number is rounded and no name is sorted.

use std::borrow::Cow;
use std::ops::Range;

/// Deepest indentation.
const DEPTH_MAX: usize = 40;

/// Writes a value with a line for each member, indented, and otherwise as it was written. `None` if that takes more than
/// `max_bytes`: a short text of many members becomes forty times as long.
#[must_use]
pub fn indent_json(json: &str, max_bytes: usize) -> Option<String> {
    let (mut text, mut depth, mut strings) =
        (String::with_capacity(json.len()), 0_usize, JsonStrings::default());
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth.min(DEPTH_MAX)));
    };
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if text.len() > max_bytes {
            return None;
        }
        if !strings.is_outside(c) {
            text.push(c);
            continue;
        }
        match c {
            '{' | '[' => {
                text.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ if c.is_ascii_whitespace() => {}
            _ => text.push(c),
        }
    }
    Some(text)
}

/// The content of a JSON string; `None` for anything else, and for a text that is not Unicode.
#[must_use]
pub fn parse_json_string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Passes the place of each value of a JSON text to `visit`, inner ones first, with its depth: 0 for the whole. Names of
/// members are no values. Of a text that is no JSON the places mean nothing.
pub fn each_value(json: &str, mut visit: impl FnMut(Range<usize>, usize)) {
    let bytes = json.as_bytes();
    let mut open = Vec::new();
    let mut at = json.len() - json.trim_start_matches('\u{feff}').len();
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' | b'[' => open.push(start),
            b'}' | b']' => {
                if let Some(start) = open.pop() {
                    visit(start..at, open.len());
                }
            }
            b'"' => {
                at = string_end(bytes, at);
                let mut after = bytes.iter().skip(at).filter(|byte| !byte.is_ascii_whitespace());
                if after.next() != Some(&b':') {
                    visit(start..at, open.len());
                }
            }
            b',' | b':' => {}
            _ if byte.is_ascii_whitespace() => {}
            _ => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
                at = bytes.iter().skip(at).position(is_end).map_or(bytes.len(), |length| at + length);
                visit(start..at, open.len());
            }
        }
    }
}

/// The end of a string whose content begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Tells strings from what is outside of them. Both quotes belong to the string.
#[derive(Debug, Default)]
pub struct JsonStrings {
    inside: bool,
    escaped: bool,
}

impl JsonStrings {
    /// Whether the next character is outside of all strings.
    pub fn is_outside(&mut self, c: char) -> bool {
        if !self.inside {
            self.inside = c == '"';
            return !self.inside;
        }
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' => self.escaped = true,
            '"' => self.inside = false,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_indented_and_otherwise_as_it_was_written() {
        for (json, text) in [
            ("{}", "{}"),
            ("[ ]", "[]"),
            ("1.10", "1.10"),
            (
                r#"{"a":1.10,"b":["x, {y}: \"z\"",{}]}"#,
                "{\n  \"a\": 1.10,\n  \"b\": [\n    \"x, {y}: \\\"z\\\"\",\n    {}\n  ]\n}",
            ),
            ("[ 1 ,\r\n\t2 ]", "[\n  1,\n  2\n]"),
            (r#"["\\",1]"#, "[\n  \"\\\\\",\n  1\n]"),
            // Text that is no JSON is shown all the same.
            ("}{", "\n}{\n  "),
        ] {
            assert_eq!(indent_json(json, usize::MAX).unwrap(), text, "{json}");
        }
    }

    #[test]
    fn each_value_is_visited_and_no_name() {
        let visited = |json: &str| {
            let mut found = Vec::new();
            each_value(json, |place, depth| {
                found.push(format!("{depth} {}", json.get(place).unwrap_or_default()));
            });
            found
        };
        for (json, expected) in [
            ("7", &["0 7"][..]),
            ("\u{feff} \"a\" ", &["0 \"a\""]),
            (
                r#"{"a\\" :["x:\"]", {}, -1.5e3 ],"b":null}"#,
                &[
                    r#"2 "x:\"]""#,
                    "2 {}",
                    "2 -1.5e3",
                    r#"1 ["x:\"]", {}, -1.5e3 ]"#,
                    "1 null",
                    r#"0 {"a\\" :["x:\"]", {}, -1.5e3 ],"b":null}"#,
                ],
            ),
        ] {
            assert_eq!(visited(json), expected, "{json}");
        }
        for wrong in ["", "\"", "\"\\", "]", "{", "\u{e9}\\"] {
            visited(wrong);
        }
    }

    #[test]
    fn a_value_that_becomes_too_long_is_not_indented() {
        let deep = format!("{}{}{}", "[".repeat(60), vec!["1"; 1000].join(","), "]".repeat(60));
        assert!(indent_json(&deep, usize::MAX).unwrap().len() > 80_000);
        assert_eq!(indent_json(&deep, 80_000), None);
    }
}
