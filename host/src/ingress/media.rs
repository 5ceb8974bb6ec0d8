//! The media type of a body. Pure.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The type and subtype that a request names; empty if it names none.
pub(super) fn essence(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// Whether a body is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    essence(headers).eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
