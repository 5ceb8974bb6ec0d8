//! Vectors that providers publish, in their documents or in the tests of their libraries.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{TestRequest, source, verifier};
use crate::config::{Scheme, SignatureAt};

#[derive(Deserialize)]
struct Vector {
    scheme: String,
    secret: String,
    url: Option<String>,
    query: Option<String>,
    headers: BTreeMap<String, String>,
    body: String,
    /// Seconds since 1970.
    now: u64,
}

#[test]
fn published_vectors_verify_and_not_with_another_body_or_secret() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let schemes: Vec<_> = vectors.iter().map(|vector| vector.scheme.as_str()).collect();
    assert_eq!(schemes.len(), 14, "{schemes:?}");
    for vector in &vectors {
        let scheme = Scheme::find(&vector.scheme).unwrap();
        let mut source = source(scheme, &[&vector.secret]);
        source.verification.url.clone_from(&vector.url);
        let headers: Vec<_> =
            vector.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut request = TestRequest::new(&headers, vector.body.as_bytes());
        if let Some(query) = &vector.query {
            request.uri = format!("/webhooks/test?{query}").parse().unwrap();
        }
        let now_ms = vector.now * 1000;
        assert_eq!(request.verify(&verifier(&source), now_ms), Ok(0), "{}", vector.scheme);
        let has_body = source.verification.covers_body();
        if has_body {
            let mut changed = request.clone();
            changed.body = [&request.body[..], b"x"].concat().into();
            assert!(changed.verify(&verifier(&source), now_ms).is_err(), "{}", vector.scheme);
        }
        assert_eq!(
            has_body,
            !["adyen", "mailgun", "paypal"].contains(&vector.scheme.as_str()),
            "{}",
            vector.scheme
        );
        if source.verification.algorithm.verification().is_none() {
            let secret = vector.secret.replace(['a', 't', 'y', '4', '5'], "6");
            source.secrets = super::source(scheme, &[&secret]).secrets;
            let reason = request.verify(&verifier(&source), now_ms).unwrap_err();
            assert_eq!(reason, "signature does not match: no secret matched", "{}", vector.scheme);
        }
        if source.verification.tolerance_seconds > 0 {
            let late = now_ms + source.verification.tolerance_seconds * 1000 + 412_000;
            let reason = request.verify(&verifier(&source), late).unwrap_err();
            assert!(reason.starts_with("timestamp is too old by 412 s"), "{}: {reason}", vector.scheme);
        }
        let is_in_header =
            source.verification.signatures.iter().all(|place| matches!(place.at, SignatureAt::Header(_)));
        if is_in_header {
            request.headers.clear();
            assert!(request.verify(&verifier(&source), now_ms).is_err(), "{}", vector.scheme);
        }
    }
}
