//! JSON text for people: a line for each member, as it was written otherwise, and masked values apart.

/// Deepest indentation.
const DEPTH_MAX: usize = 40;
/// What the API shows in the place of a personal value.
const MASK: &str = "\"[masked]\"";

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) text: &'a str,
    /// Whether it stands for a personal value.
    pub(super) is_mask: bool,
}

/// Writes a value with a line for each member.
pub(super) fn indent(json: &str) -> String {
    let (mut text, mut depth) = (String::with_capacity(json.len() * 2), 0_usize);
    let (mut in_string, mut is_escaped) = (false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth.min(DEPTH_MAX)));
    };
    let mut chars = json.chars().filter(|c| *c != '\u{feff}').peekable();
    while let Some(c) = chars.next() {
        if in_string {
            text.push(c);
            in_string = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                text.push(c);
            }
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
            c if c.is_ascii_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

/// Divides a text at its masked values.
pub(super) fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut at = 0;
    for (found, _) in text.match_indices(MASK) {
        segments.push(Segment { text: &text[at..found], is_mask: false });
        segments.push(Segment { text: MASK, is_mask: true });
        at = found + MASK.len();
    }
    segments.push(Segment { text: &text[at..], is_mask: false });
    segments
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
            ("\u{feff}[ 1 ,\r\n\t2 ]", "[\n  1,\n  2\n]"),
            (r#"["\\",1]"#, "[\n  \"\\\\\",\n  1\n]"),
        ] {
            assert_eq!(indent(json), text, "{json}");
        }
        // Text that is no JSON is shown all the same.
        assert_eq!(indent("}{"), "\n}{\n  ");
    }

    #[test]
    fn masks_are_segments_of_their_own() {
        let part = |text, is_mask| Segment { text, is_mask };
        assert_eq!(segments("a"), [part("a", false)]);
        assert_eq!(
            segments(r#"{"p": "[masked]"}"#),
            [part(r#"{"p": "#, false), part("\"[masked]\"", true), part("}", false)]
        );
    }
}
