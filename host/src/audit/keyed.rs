//! Idempotency keys of requests: their form, and what is stored of a request that has one.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::event::Digest;

/// The form of an idempotency key, as a regular expression: visible ASCII characters other than `"` and `\`, in quotes
/// or without them.
pub const REQUEST_KEY_PATTERN: &str = r#"^("[!#-\[\]-~]{1,255}"|[!#-\[\]-~]{1,255})$"#;
/// The longest key, in characters, without quotes.
const KEY_MAX_CHARS: usize = 255;

/// The idempotency key of a request, and the digest of what the request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The key, without quotes.
    pub key: String,
    /// SHA-256 of the method, the path, the query, the headers that have a meaning, and the body.
    pub digest: Digest,
    claim: SharedClaim,
}

/// What holds a key while a copy of it exists, such as in a decision that waits for its transaction. It says nothing about
/// the request, so all are equal.
#[derive(Clone, Default)]
struct SharedClaim(
    #[allow(dead_code, reason = "it is dropped with the last copy")] Option<Arc<dyn Any + Send + Sync>>,
);

impl PartialEq for SharedClaim {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for SharedClaim {}

impl fmt::Debug for SharedClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedClaim")
    }
}

impl RequestKey {
    /// The key in a header's text; `None` if it has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<&str> {
        let unquoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let key = unquoted.unwrap_or(text);
        let is_valid = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        ((1..=KEY_MAX_CHARS).contains(&key.len()) && key.bytes().all(is_valid)).then_some(key)
    }

    /// The key of a request with these parts of its head, such as the method and the path, and this body.
    #[must_use]
    pub fn new<'a>(key: &str, head: impl IntoIterator<Item = &'a [u8]>, body: &[u8]) -> Self {
        let mut digest = Sha256::new();
        for part in head {
            // No part of a head has a line feed in it.
            digest.update(part);
            digest.update(b"\n");
        }
        digest.update(body);
        let digest = Digest(digest.finalize().into());
        Self { key: key.to_owned(), digest, claim: SharedClaim::default() }
    }

    /// The key with this claim, which is dropped after the last copy of the key.
    #[must_use]
    pub fn with_claim(self, claim: Arc<dyn Any + Send + Sync>) -> Self {
        Self { claim: SharedClaim(Some(claim)), ..self }
    }
}

/// A request with an idempotency key that made a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// The digest of the request.
    pub digest: Digest,
    /// The number of the last entry of the audit log about its decision.
    pub entry: i64,
    /// When the decision was made, ms since the Unix epoch.
    pub at: u64,
    /// Its answer, if it is kept.
    pub answer: Option<KeptAnswer>,
}

/// The answer to a request, for those that repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The header `ETag`.
    pub etag: Option<String>,
    /// The body, JSON.
    pub body: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_with_or_without_quotes() {
        let long = "k".repeat(255);
        let quoted = format!("\"{long}\"");
        for (text, key) in [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("\"clé\"", ""),
            ("\"a\"", "a"),
            ("!", "!"),
            ("~", "~"),
            (&long, &long),
            (&quoted, &long),
            ("", ""),
            ("\"", ""),
            ("\"\"", ""),
            ("\"a", ""),
            ("a\"b", ""),
            ("a\\b", ""),
            ("a b", ""),
            ("\"a\\\"b\"", ""),
            (&"k".repeat(256), ""),
        ] {
            assert_eq!(RequestKey::parse(text).unwrap_or_default(), key, "{text}");
        }
    }

    #[test]
    fn requests_that_differ_in_any_part_have_other_digests() {
        let of = |method: &str, path: &str, body: &str| {
            RequestKey::new("k", [method.as_bytes(), path.as_bytes()], body.as_bytes()).digest
        };
        let all = [
            of("POST", "/a", "{}"),
            of("PUT", "/a", "{}"),
            of("POST", "/a?b", "{}"),
            of("POST", "/a", "{} "),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(of("POST", "/a", "{}"), all[0]);
    }
}
