//! JSON text as it was written: no number is rounded and no name is sorted.

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
    fn a_value_that_becomes_too_long_is_not_indented() {
        let deep = format!("{}{}{}", "[".repeat(60), vec!["1"; 1000].join(","), "]".repeat(60));
        assert!(indent_json(&deep, usize::MAX).unwrap().len() > 80_000);
        assert_eq!(indent_json(&deep, 80_000), None);
    }
}
