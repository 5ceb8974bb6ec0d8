//! Bodies that are no JSON as JSON: XML, CSV, plain text. Pure.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::json;

/// The members of the object that a text becomes.
const TEXT: &str = "text";
const CONTENT_TYPE_MEMBER: &str = "content_type";

/// A text with its content type, as a JSON object. The content type is not signed.
///
/// # Errors
/// If the body is not UTF-8.
pub(super) fn to_json(body: &[u8], headers: &HeaderMap) -> Result<String, String> {
    let text = std::str::from_utf8(body)
        .map_err(|error| format!("the body is not UTF-8 at byte {}", error.valid_up_to()))?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(json!({ CONTENT_TYPE_MEMBER: content_type, TEXT: text }).to_string())
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
}
