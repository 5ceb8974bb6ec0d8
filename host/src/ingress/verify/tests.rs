//! Published vectors, and variants of them that must be rejected.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::config::Scheme;

const SECRET: &str = "whsec_abc123xyz789";
const BODY: &str = r#"{"id":"evt_abc123","type":"appointment.created","created":"2026-01-21T14:30:00Z","data":{"object":{"id":12345,"departmentId":5,"dateTime":"2026-01-25T14:30:00","status":"SCHEDULED"}}}"#;
const DIGEST: &str = "fb2532e6adee55901471bdb533cd217b930e2bf9dd84446304d141e773b92d3f";
const OWN: &str = "x-moncreneau-signature";
const BARE: &str = "x-webhook-signature";

fn source(scheme: Scheme, secrets: &[&str]) -> Source {
    Source::preset(scheme, secrets.iter().map(|&secret| Secret::new(secret.into())).collect())
}

fn moncreneau() -> Signing {
    Signing::from_source(&source(Scheme::Moncreneau, &[SECRET]))
}

fn verify(signing: &Signing, headers: &[(&'static str, &str)], body: &[u8]) -> Result<Bytes, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let request = UnverifiedRequest { headers: &map, body: Bytes::copy_from_slice(body) };
    request.verify(signing).map(VerifiedRequest::into_body).map_err(|error| error.to_string())
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
        (&[(OWN, other), (BARE, DIGEST)], "signature does not match"),
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
    for bit in 0..DIGEST_BYTES * 8 {
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
fn accepts_a_signature_by_any_of_the_secrets() {
    let table: &[(&[&str], bool)] = &[
        (&[SECRET], true),
        (&["old", SECRET], true),
        (&[SECRET, "new"], true),
        (&["old", "new"], false),
        (&["whsec_abc123xyz788"], false),
        (&["abc123xyz789"], false),
        (&[], false),
    ];
    for (secrets, expected) in table {
        let signing = Signing::from_source(&source(Scheme::Moncreneau, secrets));
        assert_eq!(verify(&signing, &[(BARE, DIGEST)], BODY.as_bytes()).is_ok(), *expected, "{secrets:?}");
    }
}

#[test]
fn verifies_base64_and_published_vectors() {
    let mut shop = source(Scheme::Hmac, &["secret"]);
    shop.signatures[0].encoding = Encoding::Base64;
    let signing = Signing::from_source(&shop);
    let signature = "dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM=";
    assert!(verify(&signing, &[(BARE, signature)], b"{}").is_ok());
    for wrong in [&signature[..43], "", "AAAA", &format!("{signature}A"), &"A".repeat(44), DIGEST] {
        let reason = verify(&signing, &[(BARE, wrong)], b"{}").unwrap_err();
        assert_eq!(reason, "signature header x-webhook-signature is not base64 of 32 bytes", "{wrong}");
    }
    let github = source(Scheme::Hmac, &["It's a Secret to Everybody"]);
    let digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert!(verify(&Signing::from_source(&github), &[(BARE, digest)], b"Hello, World!").is_ok());
}

#[test]
fn a_signature_made_by_sign_verifies() {
    let source = source(Scheme::Moncreneau, &[SECRET]);
    for signature in &source.signatures {
        let (name, value) = sign(signature, &source.secrets[0], BODY.as_bytes()).unwrap();
        assert_eq!(value.to_str().unwrap(), format!("{}{DIGEST}", signature.prefix));
        let headers = HeaderMap::from_iter([(name, value)]);
        let request = UnverifiedRequest { headers: &headers, body: Bytes::from_static(BODY.as_bytes()) };
        assert!(request.verify(&Signing::from_source(&source)).is_ok());
    }
}
