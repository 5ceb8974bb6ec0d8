//! Published vectors, and variants of requests that must be rejected.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod bad_input;
mod fuzz;
mod vectors;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, Uri};

use super::*;
use crate::config::{Encoding, FieldPlaces, Scheme, Secret};

const SECRET: &str = "whsec_abc123xyz789";
const BODY: &str = r#"{"id":"evt_abc123","type":"appointment.created","created":"2026-01-21T14:30:00Z","data":{"object":{"id":12345,"departmentId":5,"dateTime":"2026-01-25T14:30:00","status":"SCHEDULED"}}}"#;
const DIGEST: &str = "fb2532e6adee55901471bdb533cd217b930e2bf9dd84446304d141e773b92d3f";
const OWN: &str = "x-moncreneau-signature";
const BARE: &str = "x-webhook-signature";

/// A request of a test, before it is verified.
#[derive(Debug, Clone)]
struct TestRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl TestRequest {
    fn new(headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let uri = Uri::from_static("/webhooks/test");
        Self { method: Method::POST, uri, headers: map, body: Bytes::copy_from_slice(body) }
    }

    /// The number of the secret that verified it, or the reason.
    fn verify(&self, verifier: &SchemeVerifier, now_ms: u64) -> Result<u32, String> {
        let Self { method, uri, headers, body } = self;
        let request = UnverifiedRequest { method, uri, headers, body: body.clone() };
        let accepted = request.verify_by_scheme(verifier, now_ms).map_err(|why| why.to_string())?;
        assert_eq!(accepted.body, self.body);
        Ok(accepted.secret())
    }
}

fn source(scheme: Scheme, secrets: &[&str]) -> Source {
    Source::preset(scheme, secrets.iter().map(|&secret| Secret::new(secret.into())).collect())
}

fn verifier(source: &Source) -> SchemeVerifier {
    SchemeVerifier::new(source, SourceUrl::Unknown)
}

fn moncreneau() -> SchemeVerifier {
    verifier(&source(Scheme::MONCRENEAU, &[SECRET]))
}

fn verify(verifier: &SchemeVerifier, headers: &[(&str, &str)], body: &[u8]) -> Result<u32, String> {
    TestRequest::new(headers, body).verify(verifier, 0)
}

#[test]
fn each_rejection_has_a_word_that_is_counted() {
    let place = || reason::PlaceName::Header(HeaderName::from_static(OWN));
    for (why, word) in [
        (Unauthorized::Missing(place()), "missing"),
        (Unauthorized::RepeatedPart(place()), "repeated"),
        (Unauthorized::Prefix(place(), "sha256=".into()), "malformed"),
        (Unauthorized::Encoding(place(), "hex".into()), "malformed"),
        (Unauthorized::TooOld(1, 301), "too-old"),
        (Unauthorized::TooNew(1), "too-new"),
        (Unauthorized::NoUrl, "no-url"),
        (Unauthorized::Mismatch, "mismatch"),
    ] {
        assert_eq!(why.word(), word);
        assert!(crate::ingress::answer::UNAUTHORIZED_REASONS.contains(&word), "{word}");
    }
}

#[test]
fn accepts_and_rejects_forms_of_the_header() {
    let prefixed = &format!("sha256={DIGEST}");
    let upper = &format!("sha256={}", DIGEST.to_uppercase());
    let short = &prefixed[..prefixed.len() - 2];
    let long = &format!("{prefixed}00");
    let other = &format!("sha256={}", "0".repeat(64));
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[(OWN, prefixed)], ""),
        (&[(OWN, upper)], ""),
        (&[(BARE, DIGEST)], ""),
        (&[(OWN, prefixed), (BARE, "nonsense")], ""),
        (&[], "signature header x-moncreneau-signature is missing"),
        (
            &[("x-moncreneau-event", "appointment.created")],
            "signature header x-moncreneau-signature is missing",
        ),
        (&[(OWN, other), (BARE, DIGEST)], "signature does not match: no secret matched"),
        (
            &[(OWN, prefixed), (OWN, prefixed)],
            "signature header x-moncreneau-signature is given more than once",
        ),
        (&[(BARE, DIGEST), (BARE, DIGEST)], "signature header x-webhook-signature is given more than once"),
        (&[(OWN, DIGEST)], "signature header x-moncreneau-signature does not begin with `sha256=`"),
        (&[(OWN, "")], "signature header x-moncreneau-signature does not begin with `sha256=`"),
        (&[(OWN, "sha256=")], "signature header x-moncreneau-signature is not hex of 32 bytes"),
        (&[(OWN, short)], "signature header x-moncreneau-signature is not hex of 32 bytes"),
        (&[(OWN, long)], "signature header x-moncreneau-signature is not hex of 32 bytes"),
        (&[(BARE, prefixed)], "signature header x-webhook-signature is not hex of 32 bytes"),
    ];
    for (headers, expected) in table {
        let reason = verify(&moncreneau(), headers, BODY.as_bytes()).err().unwrap_or_default();
        assert_eq!(reason, *expected, "{headers:?}");
    }
}

#[test]
fn rejects_every_flipped_bit_of_body_and_signature() {
    let digest = hex::decode(DIGEST).unwrap();
    let mut body = BODY.as_bytes().to_vec();
    for bit in 0..body.len() * 8 {
        body[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&moncreneau(), &[(BARE, DIGEST)], &body).is_err(), "bit {bit} of the body");
        body[bit / 8] ^= 1 << (bit % 8);
    }
    for bit in 0..digest.len() * 8 {
        let mut digest = digest.clone();
        digest[bit / 8] ^= 1 << (bit % 8);
        assert!(
            verify(&moncreneau(), &[(BARE, &hex::encode(digest))], &body).is_err(),
            "bit {bit} of the signature"
        );
    }
    for extra in [&body[1..], &body[..body.len() - 1], b"", &[&body[..], b" "].concat()] {
        assert!(verify(&moncreneau(), &[(BARE, DIGEST)], extra).is_err());
    }
}

#[test]
fn accepts_a_signature_by_any_of_the_secrets_and_says_by_which() {
    let table: &[(&[&str], Option<u32>)] = &[
        (&[SECRET], Some(0)),
        (&["old", SECRET], Some(1)),
        (&[SECRET, "new"], Some(0)),
        (&["a", "b", "c", SECRET, SECRET], Some(3)),
        (&["old", "new"], None),
        (&["whsec_abc123xyz788"], None),
        (&["abc123xyz789"], None),
        (&[], None),
    ];
    for (secrets, expected) in table {
        let verifier = verifier(&source(Scheme::MONCRENEAU, secrets));
        assert_eq!(verify(&verifier, &[(BARE, DIGEST)], BODY.as_bytes()).ok(), *expected, "{secrets:?}");
    }
}

#[test]
fn a_secret_verifies_until_its_time() {
    let mut source = source(Scheme::MONCRENEAU, &["other", SECRET]);
    source.secrets[1].not_after = Some(1000);
    let verifier = verifier(&source);
    let request = TestRequest::new(&[(BARE, DIGEST)], BODY.as_bytes());
    assert_eq!(request.verify(&verifier, 999), Ok(1));
    let reason = request.verify(&verifier, 1000).unwrap_err();
    assert_eq!(reason, "signature does not match: no secret matched", "nothing tells that it once matched");
}

#[test]
fn verifies_base64_of_the_right_length_only() {
    let mut shop = source(Scheme::HMAC, &["secret"]);
    shop.verification.signatures[0].encoding = Encoding::Base64;
    let verifier = verifier(&shop);
    let signature = "dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM=";
    assert!(verify(&verifier, &[(BARE, signature)], b"{}").is_ok());
    for wrong in [&signature[..43], "", "AAAA", &format!("{signature}A"), &"A".repeat(44), DIGEST] {
        let reason = verify(&verifier, &[(BARE, wrong)], b"{}").unwrap_err();
        assert_eq!(reason, "signature header x-webhook-signature is not base64 of 32 bytes", "{wrong}");
    }
}

#[test]
fn several_signatures_are_taken_up_to_a_limit() {
    let mut source = source(Scheme::HMAC, &["secret"]);
    let place = &mut source.verification.signatures[0];
    (place.separator, place.prefix) = (Some(','), "v1=".into());
    let verifier = verifier(&source);
    let valid = "v1=dc46983557fea127b43af721467eb9b3fde2338fe3e14f51952aa8478c13d355";
    let wrong = format!("v1={}", "0".repeat(64));
    let check = |items: &[&str]| verify(&verifier, &[(BARE, &items.join(","))], b"body");
    assert_eq!(check(&[valid]), Ok(0));
    assert_eq!(check(&["t=1", &wrong, "v0=x", "v1=short", valid]), Ok(0), "others are ignored");
    assert_eq!(check(&[&wrong]).unwrap_err(), "signature does not match: no secret matched");
    let none = "signature header x-webhook-signature has no item that begins with `v1=`";
    assert_eq!(check(&["t=1", "v0=x"]).unwrap_err(), none);
    assert_eq!(check(&[""]).unwrap_err(), none);
    assert_eq!(check(&["v1="]).unwrap_err(), "signature header x-webhook-signature is not hex of 32 bytes");
    let many = "signature header x-webhook-signature has more than 16 items";
    assert_eq!(check(&[wrong.as_str(); 17]).unwrap_err(), many);
}

#[test]
fn tokens_are_compared_whole() {
    let token = verifier(&source(Scheme::find("token").unwrap(), &["old", "s3cret"]));
    let check = |value: &str| verify(&token, &[("authorization", value)], b"any body");
    assert_eq!(check("Bearer s3cret"), Ok(1));
    for wrong in ["Bearer s3cre", "Bearer s3crett", "Bearer ", "s3cret", "bearer s3cret", ""] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
    let basic = verifier(&source(Scheme::find("basic").unwrap(), &["user:pass"]));
    let check = |value: &str| verify(&basic, &[("authorization", value)], b"any body");
    assert_eq!(check("Basic dXNlcjpwYXNz"), Ok(0));
    for wrong in ["Basic dXNlcjpwYXNy", "Basic user:pass", "Basic ", "Basic ="] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_signature_made_by_sign_is_that_of_the_vector() {
    let source = source(Scheme::MONCRENEAU, &[SECRET]);
    let body = Bytes::from_static(BODY.as_bytes());
    let unsigned =
        UnsignedRequest { url: "", id: None, event_type: None, content_type: None, body, now_ms: 0 };
    let signed = sign(&source, source.secrets[0].secret(), &unsigned).unwrap();
    assert_eq!(signed.headers[OWN], format!("sha256={DIGEST}"));
    assert_eq!(FieldPlaces::to(&["id"]), source.id);
}

/// Standard Webhooks v1a: `whpk_` and the public key in base64, and the signature over id, time and body.
#[test]
fn a_public_key_of_standard_webhooks_verifies_with_its_prefix_or_without() {
    const NOW_MS: u64 = 1_614_265_330_000;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let encode = |pair: &Ed25519KeyPair| STANDARD.encode(pair.public_key().as_ref());
    let scheme = Scheme::find("standard-webhooks-ed25519").unwrap();
    let (id, time, body) = ("msg_1", "1614265330", r#"{"type":"a.b"}"#);
    let v1a = |pair: &Ed25519KeyPair| {
        format!("v1a,{}", STANDARD.encode(pair.sign(format!("{id}.{time}.{body}").as_bytes())))
    };
    let (own, wrong) = (v1a(&pair), v1a(&other));
    // While a sender changes its key it sends both signatures, and beside them those of the symmetric version.
    let several = format!("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= {wrong} {own}");
    let check = |secret: &str, signature: &str, body: &str| {
        let headers = [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
        let verifier = verifier(&source(scheme, &[secret]));
        TestRequest::new(&headers, body.as_bytes()).verify(&verifier, NOW_MS)
    };
    for secret in [format!("whpk_{}", encode(&pair)), encode(&pair)] {
        assert_eq!(
            source(scheme, &[&secret]).verification.decode_key(&Secret::new(secret.clone())).err(),
            None
        );
        for signature in [&own, &several] {
            assert_eq!(check(&secret, signature, body), Ok(0), "{secret} {signature}");
        }
        for (signature, body) in [(&own, r#"{"type":"a.c"}"#), (&wrong, body)] {
            let mismatch = Err("signature does not match: no secret matched".to_owned());
            assert_eq!(check(&secret, signature, body), mismatch, "{secret} {signature} {body}");
        }
    }
    let key = encode(&pair);
    for wrong in [format!("whsec_{key}"), format!("whpk_{}", &key[..8]), "whpk_".to_owned()] {
        assert!(source(scheme, &[]).verification.decode_key(&Secret::new(wrong.clone())).is_err(), "{wrong}");
    }
}
