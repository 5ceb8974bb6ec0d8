//! JSON text as handlers get it: Unicode without surrogates that stand alone.

use std::borrow::Cow;

/// Length of an escape such as `\ud83d`.
const ESCAPE_BYTES: usize = 6;

/// Replaces each escape of a lone surrogate (`\ud83d` without its other half) by `\ufffd`.
///
/// JSON allows such an escape, but no Unicode string can hold its value. The result is as long as `json`, so
/// a position in one is the same position in the other.
#[must_use]
pub fn replace_lone_surrogates(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut replaced: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        let Some(unit) = code_unit(bytes, at) else {
            // The escaped character is one byte: a longer one is no JSON, and is skipped.
            at = (at + 2..=json.len()).find(|&end| json.is_char_boundary(end)).unwrap_or(json.len());
            continue;
        };
        let is_pair = matches!(unit, 0xd800..=0xdbff)
            && matches!(code_unit(bytes, at + ESCAPE_BYTES), Some(0xdc00..=0xdfff));
        if is_pair {
            at += 2 * ESCAPE_BYTES;
            continue;
        }
        if matches!(unit, 0xd800..=0xdfff) {
            let copy = replaced.get_or_insert_with(|| bytes.to_vec());
            copy[at + 2..at + ESCAPE_BYTES].copy_from_slice(b"fffd");
        }
        at += ESCAPE_BYTES;
    }
    match replaced.map(String::from_utf8) {
        // ASCII took the place of ASCII, so this is the only case.
        Some(Ok(text)) => Cow::Owned(text),
        _ => Cow::Borrowed(json),
    }
}

/// The UTF-16 code unit of the escape `\uXXXX` that begins at `at`, if one does.
fn code_unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + ESCAPE_BYTES)?.strip_prefix(b"\\u")?;
    let text = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u16::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::replace_lone_surrogates;

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character_in_place() {
        for (json, expected) in [
            (r#""plain é""#, r#""plain é""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\uD83D\uDE00""#, r#""\uD83D\uDE00""#),
            (r#""Jean \ud83d""#, r#""Jean \ufffd""#),
            (r#""\ude00 x""#, r#""\ufffd x""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#"{"k\uDFFF":"\udbff\n"}"#, r#"{"k\ufffd":"\ufffd\n"}"#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""\ud83d\\ude00""#, r#""\ufffd\\ude00""#),
            (r#""\u+83d \ud8 \u""#, r#""\u+83d \ud8 \u""#),
            ("\"\\é\\ud83d", "\"\\é\\ufffd"),
            ("\\", "\\"),
        ] {
            let replaced = replace_lone_surrogates(json);
            assert_eq!(replaced, expected);
            assert_eq!(replaced.len(), json.len());
        }
    }
}
