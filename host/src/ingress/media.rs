//! The media type and the coding of a body. Pure.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// The type and subtype that a request names; empty if it names none.
pub(super) fn essence(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Whether a body is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    essence(headers).eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The content coding of a body, other than `identity`; of several codings all names. Signatures cover the bytes as they are
/// sent.
pub(super) fn find_coding(headers: &HeaderMap) -> Option<String> {
    /// Longest part of its name that is shown.
    const SHOWN_MAX_CHARS: usize = 32;
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let codings =
        values.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let others: Vec<_> =
        codings.filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity")).collect();
    if others.is_empty() {
        return None;
    }
    let shown = others.concat();
    let shown = shown.iter().take(SHOWN_MAX_CHARS).map(|&byte| char::from(byte));
    Some(shown.filter(char::is_ascii_graphic).collect())
}
