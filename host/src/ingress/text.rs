//! Bodies that are no JSON as JSON: XML, CSV, plain text. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::media;
use crate::event::is_json_type;

/// The members of the object that a text becomes.
const TEXT: &str = "text";
const CONTENT_TYPE_MEMBER: &str = "content_type";
const BASE64: &str = "base64";

/// A text with its content type, as a JSON object. The content type is not signed.
///
/// # Errors
/// If the body is not UTF-8.
pub(super) fn to_json(body: &[u8], headers: &HeaderMap) -> Result<String, String> {
    let text = std::str::from_utf8(body)
        .map_err(|error| format!("the body is not UTF-8 at byte {}", error.valid_up_to()))?;
    Ok(json!({ CONTENT_TYPE_MEMBER: content_type(headers), TEXT: text }).to_string())
}

/// The data of a `CloudEvent` in the binary mode as JSON: `null` if there is none, and an object with its content type if
/// it is of another kind (`CloudEvents`, HTTP protocol binding, 3.1.1 and 3.1.2). `None` if it is JSON.
pub(super) fn data_to_json(body: &[u8], headers: &HeaderMap) -> Option<String> {
    if body.is_empty() {
        return Some("null".into());
    }
    let kind = media::essence(headers);
    (!kind.is_empty() && !is_json_type(kind)).then(|| {
        to_json(body, headers).unwrap_or_else(|_| {
            json!({ CONTENT_TYPE_MEMBER: content_type(headers), BASE64: STANDARD.encode(body) }).to_string()
        })
    })
}

/// The content type as it was sent; `None` if there is none, or if it is no ASCII.
pub(super) fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_text_is_an_object_with_its_content_type() {
        let mut headers = HeaderMap::new();
        assert_eq!(to_json(b"a,b\n1,2\n", &headers).unwrap(), r#"{"content_type":null,"text":"a,b\n1,2\n"}"#);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"));
        let json = to_json(br#"<order id="1"/>"#, &headers).unwrap();
        assert_eq!(json, r#"{"content_type":"application/xml; charset=utf-8","text":"<order id=\"1\"/>"}"#);
        assert_eq!(to_json(b"a\xff", &headers).unwrap_err(), "the body is not UTF-8 at byte 1");
    }

    #[test]
    fn data_that_is_no_json_is_an_object_of_text_or_base64() {
        for (kind, body, expected) in [
            ("application/json", &b"{}"[..], None),
            ("application/vnd.order+json; charset=utf-8", b"{", None),
            ("", b"1", None),
            ("application/json", b"", Some("null")),
            ("text/plain", b"{}", Some(r#"{"content_type":"text/plain","text":"{}"}"#)),
            ("image/png", b"\x89P", Some(r#"{"base64":"iVA=","content_type":"image/png"}"#)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(data_to_json(body, &headers).as_deref(), expected, "{kind}");
        }
    }
}
