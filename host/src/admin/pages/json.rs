//! JSON text for people: a line for each member, as it was written otherwise, and masked values apart.

use crate::event::indent_json;

/// Most bytes that indentation may add to a payload.
const INDENTED_MAX_BYTES: usize = 256 * 1024;
/// What the API shows in the place of a personal value.
const MASK: &str = "\"[masked]\"";

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) text: &'a str,
    /// Whether it stands for a personal value.
    pub(super) is_mask: bool,
}

/// Writes a value with a line for each member, unless the text would be too long for a page then.
pub(super) fn for_page(json: &str) -> String {
    let json = json.trim_start_matches('\u{feff}');
    indent_json(json, json.len().saturating_add(INDENTED_MAX_BYTES)).unwrap_or_else(|| json.to_owned())
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
    fn a_short_text_that_becomes_a_long_one_stays_as_it_was_written() {
        assert_eq!(for_page("\u{feff}[1]"), "[\n  1\n]");
        let deep = format!("{}{}{}", "[".repeat(60), vec!["1"; 10_000].join(","), "]".repeat(60));
        assert_eq!(for_page(&deep), deep);
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
