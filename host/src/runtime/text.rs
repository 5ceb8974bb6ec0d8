//! Limits on the length of texts that come from a plugin's file or a guest. A text that is truncated says so.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use crate::secrets::Mask;

/// Longest name of an export, import, case, field or function in a message.
pub(super) const NAME_MAX_BYTES: usize = 256;
/// Longest reason of a failure or a refusal.
pub(super) const REASON_MAX_BYTES: usize = 4 * 1024;
/// Longest reason with plugin, revision and event in front of it.
pub(super) const NAMED_REASON_MAX_BYTES: usize = 8 * 1024;
/// Names that one message lists.
const LISTED_MAX: usize = 16;

/// Returns the text, or its beginning and its length.
pub(super) fn truncate(text: &str, max_bytes: usize) -> Cow<'_, str> {
    if text.len() <= max_bytes {
        return Cow::Borrowed(text);
    }
    let shown = &text[..text.floor_char_boundary(max_bytes)];
    Cow::Owned(format!("{shown}… (cut at {} of {} bytes)", shown.len(), text.len()))
}

/// Truncates a name for a message.
pub(super) fn truncate_name(text: &str) -> Cow<'_, str> {
    truncate(text, NAME_MAX_BYTES)
}

/// Like [`truncate`], without a copy of a text that is short enough.
pub(super) fn truncate_string(text: String, max_bytes: usize) -> String {
    match truncate(&text, max_bytes) {
        Cow::Borrowed(_) => text,
        Cow::Owned(cut) => cut,
    }
}

/// Joins the first of these short names, and adds the number of the others.
pub(super) fn join_names<'a>(names: impl ExactSizeIterator<Item = &'a str>, separator: &str) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let mut listed = names.take(LISTED_MAX).collect::<Vec<_>>().join(separator);
    if more > 0 {
        let _ = write!(listed, "{separator}and {more} more");
    }
    listed
}

/// Masks a text and truncates it. Only the part that is kept is masked, however long the text is, and no part of a
/// secret is left where it ends.
pub(super) fn mask_and_truncate(mask: &Mask, text: &str, max_bytes: usize) -> String {
    let (hidden, is_whole) = mask.hide_within(text, max_bytes);
    if is_whole {
        return hidden.into_owned();
    }
    format!("{hidden}… (cut at {} of {} bytes)", hidden.len(), text.len())
}

/// Formats a value whose length a guest decides, and stops after a number of bytes.
pub(super) fn format_within(value: impl fmt::Display, max_bytes: usize) -> String {
    struct Bounded {
        text: String,
        left: usize,
    }
    impl fmt::Write for Bounded {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let end = part.floor_char_boundary(self.left);
            self.text.push_str(&part[..end]);
            self.left -= end;
            if end < part.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut bounded = Bounded { text: String::new(), left: max_bytes };
    if write!(bounded, "{value}").is_err() {
        bounded.text.push_str("… (cut)");
    }
    bounded.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncates_long_texts_between_characters_with_a_note() {
        for (text, max, expected) in [
            ("short", 5, "short"),
            ("longer", 5, "longe… (cut at 5 of 6 bytes)"),
            ("aéé", 2, "a… (cut at 1 of 5 bytes)"),
            ("", 0, ""),
        ] {
            assert_eq!(truncate(text, max), expected);
            assert_eq!(truncate_string(text.into(), max), expected);
        }
    }

    #[test]
    fn lists_at_most_sixteen_names_and_counts_the_rest() {
        let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let listed = join_names(names.iter().map(String::as_str), ", ");
        assert!(listed.starts_with("0, 1, ") && listed.ends_with("15, and 984 more"), "{listed}");
        assert_eq!(join_names(["a", "b"].into_iter(), "; "), "a; b");
    }

    #[test]
    fn stops_formatting_at_the_limit() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("xy")?;
                }
            }
        }
        assert_eq!(format_within(Endless, 5), "xyxyx… (cut)");
        assert_eq!(format_within("xy", 5), "xy");
    }

    #[test]
    fn a_truncated_text_has_no_part_of_a_secret() {
        let mask = Mask::new(&[("key".to_owned(), "0123456789".to_owned())].into());
        for max in 0..60 {
            let text = mask_and_truncate(&mask, &"ab 0123456789 ".repeat(100), max);
            assert!(!text.contains("0123"), "{max}: {text}");
        }
        assert_eq!(mask_and_truncate(&mask, "is 0123456789", 100), "is {secret:key}");
        assert_eq!(mask_and_truncate(&mask, "abcdefghijklmn", 12), "abcdefghijkl… (cut at 12 of 14 bytes)");
    }
}
