//! Each scheme with every kind of bad input: missing, empty, repeated, in the wrong case, encoding or length; wrong times;
//! one byte changed in each covered part; and what is not covered changed, which must still verify.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::config::{Algorithm, Part, SignatureAt, SignedContent, Template, TimestampUnit, ValuePlace};

pub(super) const NOW_MS: u64 = 1_700_000_000_000;
const URL: &str = "https://hooks.example.gn/webhooks/test";

/// A scheme with a valid request.
pub(super) struct Sample {
    pub(super) source: Source,
    pub(super) request: TestRequest,
    pub(super) verifier: SchemeVerifier,
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der))
}

/// A secret of this scheme, and what signs with it.
fn keys(source: &Source) -> (String, String) {
    let random = SystemRandom::new();
    let verification = &source.verification;
    match verification.algorithm {
        Algorithm::Ed25519 => {
            let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8.as_ref()).unwrap();
            (hex::encode(pair.public_key().as_ref()), pem(pkcs8.as_ref()))
        }
        Algorithm::EcdsaP256 => {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
            let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (STANDARD.encode(der.as_ref()), pem(pkcs8.as_ref()))
        }
        Algorithm::RsaSha256 | Algorithm::RsaSha1 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
            let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
            (STANDARD.encode(public.as_ref()), pem(private.as_ref()))
        }
        _ => {
            let secret = match verification.key_encoding {
                Encoding::Hex => "00112233445566778899aabbccddeeff".to_owned(),
                Encoding::Base64 => STANDARD.encode("a key of some bytes"),
                Encoding::Text => "s3cret:with more".to_owned(),
            };
            let secret = format!("{}{secret}", verification.key_prefix);
            (secret.clone(), secret)
        }
    }
}

fn body_of(scheme: &str) -> Value {
    match scheme {
        "adyen" => json!({"live": "false", "notificationItems": [{"NotificationRequestItem": {
            "additionalData": {}, "amount": {"value": 1130, "currency": "EUR"}, "pspReference": "psp-1",
            "eventCode": "AUTHORISATION", "merchantAccountCode": "M", "merchantReference": "r:1", "success": "true"}}]}),
        "aws-sns" => json!({"Type": "Notification", "MessageId": "m-1", "TopicArn": "arn:x", "Subject": "S",
            "Message": "line 1\nline 2", "SigningCertURL": "https://evil.example/cert.pem"}),
        "mailgun" => json!({"signature": {"token": "tok"}, "event-data": {"event": "opened"}}),
        _ => json!({"id": "evt_1", "type": "a.b", "data": {"object": {"x": 1}}}),
    }
}

/// A valid request of each scheme.
pub(super) fn samples() -> impl Iterator<Item = Sample> {
    Scheme::all().map(|scheme| {
        let mut source = source(scheme, &[]);
        let (secret, signing) = keys(&source);
        source.secrets = super::source(scheme, &[&secret]).secrets;
        source.verification.url = Some(URL.into());
        source.verification.values.insert("webhook_id".into(), "WH-1".into());
        source.verification.values.insert("topic_arn".into(), "arn:x".into());
        assert_eq!(
            source.verification.decode_key(source.secrets[0].secret()).err(),
            None,
            "{}",
            scheme.name()
        );
        let form = scheme.name() == "twilio";
        let body = if form { "A=1&B=b%20c".to_owned() } else { body_of(scheme.name()).to_string() };
        let now_ms = NOW_MS;
        let content_type = if form { "application/x-www-form-urlencoded" } else { "application/json" };
        let unsigned = UnsignedRequest {
            url: URL,
            id: Some("evt_1"),
            event_type: Some("a.b"),
            content_type: Some(content_type),
            body: body.into(),
            now_ms,
        };
        let signed = sign(&source, &Secret::new(signing), &unsigned).unwrap();
        let mut request = TestRequest::new(&[], b"");
        (request.headers, request.body) = (signed.headers, signed.body);
        Sample { verifier: verifier(&source), source, request }
    })
}

impl Sample {
    fn name(&self) -> &'static str {
        self.source.scheme.name()
    }

    fn header(&self) -> Option<HeaderName> {
        self.source.verification.signatures[0].at.header().cloned()
    }

    fn rejects(&self, request: &TestRequest, what: &str) -> String {
        match request.verify(&self.verifier, NOW_MS) {
            Ok(_) => panic_with(&format!("{}: accepted {what}: {request:?}", self.name())),
            Err(reason) => reason,
        }
    }

    fn with_header(&self, name: &HeaderName, value: &[u8]) -> TestRequest {
        let mut request = self.request.clone();
        request.headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        request
    }

    fn with_body(&self, change: impl FnOnce(&mut Value)) -> TestRequest {
        let mut request = self.request.clone();
        let mut body: Value = serde_json::from_slice(&request.body).unwrap();
        change(&mut body);
        request.body = body.to_string().into();
        request
    }

    /// The request with another text at a place.
    fn with_value(&self, place: &ValuePlace, text: &str) -> TestRequest {
        match place {
            ValuePlace::Pointer(pointer) => self.with_body(|body| {
                *body.pointer_mut(&pointer.to_string()).unwrap() = text.into();
            }),
            ValuePlace::Header(place) => {
                let name = place.names[0].clone();
                let old = self.request.headers[&name].to_str().unwrap();
                let new = match &place.item {
                    Some(item) => {
                        let rest = old.split_once([',', ';']).unwrap().1;
                        let separator = &old[old.len() - rest.len() - 1..old.len() - rest.len()];
                        format!("{item}={text}{separator}{rest}")
                    }
                    None => text.to_owned(),
                };
                self.with_header(&name, new.as_bytes())
            }
        }
    }
}

#[allow(clippy::panic, reason = "a test fails")]
fn panic_with(text: &str) -> ! {
    panic!("{text}")
}

#[test]
fn each_scheme_accepts_its_own_request() {
    for sample in samples() {
        assert_eq!(sample.request.verify(&sample.verifier, NOW_MS), Ok(0), "{}", sample.name());
    }
}

#[test]
fn rejects_missing_empty_repeated_and_malformed_signatures() {
    for sample in samples() {
        let Some(name) = sample.header() else {
            let SignatureAt::Pointer(pointer) = &sample.source.verification.signatures[0].at else { return };
            let pointer = pointer.to_string();
            for wrong in [Value::Null, "".into(), json!(1), json!([]), "AAAA".into(), "zz".into()] {
                let request = sample.with_body(|body| *body.pointer_mut(&pointer).unwrap() = wrong.clone());
                sample.rejects(&request, &wrong.to_string());
            }
            continue;
        };
        let value = sample.request.headers[&name].to_str().unwrap().to_owned();
        let mut missing = sample.request.clone();
        missing.headers.remove(&name);
        assert!(sample.rejects(&missing, "no header").contains("is missing"), "{}", sample.name());
        let mut twice = sample.request.clone();
        twice.headers.append(&name, HeaderValue::from_str(&value).unwrap());
        assert!(sample.rejects(&twice, "two headers").contains("more than once"), "{}", sample.name());
        let place = &sample.source.verification.signatures[0];
        let at = match place.prefix.as_str() {
            "" => 0,
            prefix => value.rfind(prefix).unwrap() + prefix.len(),
        };
        let (before, signature) = value.split_at(at);
        let is_token = sample.source.verification.algorithm == Algorithm::Token;
        let swapped: String = signature
            .chars()
            .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
            .collect();
        if place.encoding == Encoding::Hex {
            // Either case is hex.
            let request = sample.with_header(&name, format!("{before}{swapped}").as_bytes());
            assert_eq!(request.verify(&sample.verifier, NOW_MS), Ok(0), "{}", sample.name());
        } else {
            sample
                .rejects(&sample.with_header(&name, format!("{before}{swapped}").as_bytes()), "another case");
        }
        let (short, changed) = (&signature[1..], change_one(signature));
        let other_encoding = if place.encoding == Encoding::Hex {
            STANDARD.encode(hex::decode(signature).unwrap())
        } else {
            hex::encode(STANDARD.decode(signature).unwrap_or_default())
        };
        let long = format!("{signature}{}", if is_token { "x" } else { "00" });
        for wrong in ["", short, &changed, &other_encoding, &long, "=", "%00", &"A".repeat(8000)] {
            sample.rejects(&sample.with_header(&name, format!("{before}{wrong}").as_bytes()), wrong);
        }
        for wrong in ["", " ", ",", ";", "=", "v1", "\t"] {
            sample.rejects(&sample.with_header(&name, wrong.as_bytes()), wrong);
        }
        if !place.prefix.is_empty() {
            sample.rejects(&sample.with_header(&name, signature.as_bytes()), "no prefix");
        }
        sample.rejects(&sample.with_header(&name, b"\xff\xfe"), "bytes that are no text");
    }
}

/// A text of the same form whose first character that can be another one is.
fn change_one(signature: &str) -> String {
    let first = signature.chars().next().unwrap();
    let other = if first == '1' { '2' } else { '1' };
    format!("{other}{}", &signature[1..])
}

#[test]
fn rejects_times_that_are_none_or_outside_of_the_window() {
    let mut checked = 0;
    for sample in samples() {
        let verification = &sample.source.verification;
        let Some(place) = &verification.timestamp else { continue };
        checked += 1;
        for wrong in ["x", "", "NaN", "-1", "1e9", "99999999999999999999", "32503680000", "0"] {
            let reason = sample.rejects(&sample.with_value(place, wrong), wrong);
            let names_it = reason.contains("timestamp") || reason.contains("is missing");
            assert!(names_it, "{} {wrong}: {reason}", sample.name());
        }
        let tolerance_ms = verification.tolerance_seconds * 1000;
        assert!(tolerance_ms > 0, "{}: a provider that signs a time has a window", sample.name());
        let verify_at = |now_ms| sample.request.verify(&sample.verifier, now_ms);
        assert_eq!(verify_at(NOW_MS + tolerance_ms), Ok(0), "{}", sample.name());
        assert_eq!(verify_at(NOW_MS - tolerance_ms), Ok(0), "{}", sample.name());
        let old = verify_at(NOW_MS + tolerance_ms + 1000).unwrap_err();
        assert!(old.starts_with("timestamp is too old by 1 s"), "{}: {old}", sample.name());
        let new = verify_at(NOW_MS - tolerance_ms - 1000).unwrap_err();
        assert_eq!(new, "timestamp is too far in the future by 1 s", "{}", sample.name());
    }
    assert!(checked >= 14, "{checked}");
}

#[test]
fn rejects_a_change_in_each_covered_part() {
    for sample in samples() {
        let verification = &sample.source.verification;
        if verification.algorithm == Algorithm::Token {
            continue;
        }
        let parts: Vec<_> = match &verification.signed {
            SignedContent::Always(template) => template.all_parts().collect(),
            SignedContent::ByValue(_, by) => by["Notification"].all_parts().collect(),
        };
        for part in parts {
            match part {
                Part::Body | Part::Crc32 | Part::Form => {
                    for index in 0..sample.request.body.len() {
                        let mut request = sample.request.clone();
                        let mut body = request.body.to_vec();
                        body[index] ^= 1;
                        request.body = body.into();
                        sample.rejects(&request, &format!("byte {index} of the body"));
                    }
                }
                Part::Timestamp => {
                    let place = verification.timestamp.as_ref().unwrap();
                    let later = match verification.timestamp_unit {
                        TimestampUnit::Seconds => "1700000001",
                        TimestampUnit::Milliseconds => "1700000000001",
                        TimestampUnit::Rfc3339 => "2023-11-14T22:13:21Z",
                    };
                    sample.rejects(&sample.with_value(place, later), "another time");
                }
                Part::Header(place) => {
                    sample.rejects(
                        &sample.with_value(&ValuePlace::Header(place.clone()), "other"),
                        "another header",
                    );
                }
                Part::Pointer(pointer) => {
                    let at = pointer.to_string();
                    if serde_json::from_slice::<Value>(&sample.request.body).unwrap().pointer(&at).is_some() {
                        let request =
                            sample.with_body(|body| *body.pointer_mut(&at).unwrap() = "other".into());
                        sample.rejects(&request, &at);
                    }
                }
                Part::Url => {
                    let mut request = sample.request.clone();
                    request.uri = Uri::from_static("/webhooks/test?x=1");
                    sample.rejects(&request, "another query");
                }
                Part::Method => {
                    let mut request = sample.request.clone();
                    request.method = Method::PUT;
                    sample.rejects(&request, "another method");
                }
                Part::Value(_) | Part::Literal(_) | Part::Optional(_) => {}
            }
        }
    }
}

#[test]
fn accepts_changes_of_what_is_not_covered() {
    for sample in samples() {
        let mut request = sample.request.clone();
        request.headers.insert("host", HeaderValue::from_static("evil.example"));
        request.headers.insert("user-agent", HeaderValue::from_static("x"));
        assert_eq!(request.verify(&sample.verifier, NOW_MS), Ok(0), "{}: other headers", sample.name());
        let verification = &sample.source.verification;
        let has_checksum =
            verification.signed.templates().flat_map(Template::all_parts).any(|part| *part == Part::Crc32);
        if !verification.covers_body() && !has_checksum && sample.request.body.starts_with(b"{") {
            let request = sample.with_body(|body| body["not-covered"] = json!({"x": 1}));
            assert_eq!(request.verify(&sample.verifier, NOW_MS), Ok(0), "{}: another member", sample.name());
        }
    }
}

#[test]
fn a_body_that_is_not_utf_8_is_verified_as_bytes_or_rejected() {
    for sample in samples() {
        let mut request = sample.request.clone();
        request.body = Bytes::from_static(b"\xff\xfe{\"id\":1}");
        let covers = sample.source.verification.covers_body();
        let verified = request.verify(&sample.verifier, NOW_MS);
        let covers_nothing =
            sample.source.verification.algorithm == Algorithm::Token && sample.header().is_some();
        assert_eq!(verified.is_ok(), covers_nothing, "{} {covers}: {verified:?}", sample.name());
    }
    let mut source = source(Scheme::HMAC, &["secret"]);
    source.verification.signatures[0].encoding = Encoding::Hex;
    let body = Bytes::from_static(b"\xff\xfe\x00");
    let unsigned =
        UnsignedRequest { url: "", id: None, event_type: None, body, content_type: None, now_ms: NOW_MS };
    let signed = sign(&source, source.secrets[0].secret(), &unsigned).unwrap();
    let mut request = TestRequest::new(&[], &signed.body);
    request.headers = signed.headers;
    assert_eq!(request.verify(&verifier(&source), NOW_MS), Ok(0));
}

#[test]
fn a_message_of_another_sns_topic_is_rejected() {
    let mut sample = samples().find(|sample| sample.name() == "aws-sns").unwrap();
    assert!(sample.request.verify(&sample.verifier, NOW_MS).is_ok());
    // The certificate is the same for the topics of all accounts.
    sample.source.verification.values.insert("topic_arn".into(), "arn:another".into());
    sample.verifier = verifier(&sample.source);
    let request = sample.request.clone();
    assert!(sample.rejects(&request, "another topic").contains("no secret matched"));
}

#[test]
fn a_signed_form_of_very_many_fields_is_rejected() {
    let sample = samples().find(|sample| sample.name() == "twilio").unwrap();
    let mut request = sample.request.clone();
    request.body = "a&".repeat(1001).into();
    assert!(sample.rejects(&request, "1001 fields").contains("the signed form has more than 1000 fields"));
}

#[test]
fn a_body_that_is_no_form_needs_its_digest_in_the_signed_query() {
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let body = r#"{"MessageSid":"SM1"}"#;
    let digest = hex::encode(Sha256::digest(body));
    let of_empty = hex::encode(Sha256::digest(""));
    let sample = samples().find(|sample| sample.name() == "twilio").unwrap();
    // Nothing but the URL is signed: each of these bodies adds no byte to it.
    let no_digest = "the query's parameter `bodySHA256` is not the SHA-256 of the body";
    for (digest, content_type, body, expected) in [
        (Some(&digest), JSON, body, ""),
        (Some(&digest), FORM, body, ""),
        (Some(&digest), JSON, "", no_digest),
        (Some(&digest), FORM, "", no_digest),
        (Some(&digest), FORM, "&", no_digest),
        (Some(&digest), JSON, "&=", no_digest),
        (Some(&digest), FORM, r#"{"MessageSid":"SM2"}"#, no_digest),
        (Some(&of_empty), JSON, "", ""),
        (None, JSON, "", ""),
        (None, FORM, "&", ""),
        (None, FORM, body, no_digest),
        (None, FORM, " [1]", no_digest),
        (None, JSON, body, no_digest),
    ] {
        let query = digest.map(|digest| format!("?bodySHA256={digest}")).unwrap_or_default();
        let mut source = sample.source.clone();
        source.verification.url = Some(format!("{URL}{query}"));
        let unsigned = UnsignedRequest {
            url: URL,
            id: None,
            event_type: None,
            content_type: Some(content_type),
            body: Bytes::new(),
            now_ms: NOW_MS,
        };
        let secret = sample.source.secrets[0].secret();
        let mut request = TestRequest::new(&[], body.as_bytes());
        request.headers = sign(&source, secret, &unsigned).unwrap().headers;
        request.uri = format!("/webhooks/test{query}").parse().unwrap();
        let reason = request.verify(&sample.verifier, NOW_MS).err().unwrap_or_default();
        assert_eq!(reason, expected, "{digest:?} {content_type} {body}");
    }
}

#[test]
fn json_is_rejected_where_a_scheme_covers_forms_only() {
    let mut source = source(Scheme::HMAC, &["secret"]);
    source.verification.signed = SignedContent::Always(Template::parse("{form}").unwrap());
    let unsigned = UnsignedRequest {
        url: "",
        id: None,
        event_type: None,
        content_type: None,
        body: Bytes::new(),
        now_ms: NOW_MS,
    };
    let headers = sign(&source, source.secrets[0].secret(), &unsigned).unwrap().headers;
    for (body, expected) in [
        ("", ""),
        ("&=", ""),
        ("{}", "the signature covers a form, and the body is JSON"),
        ("a=1", "signature does not match: no secret matched"),
    ] {
        let mut request = TestRequest::new(&[], body.as_bytes());
        request.headers.clone_from(&headers);
        let reason = request.verify(&verifier(&source), NOW_MS).err().unwrap_or_default();
        assert_eq!(reason, expected, "{body}");
    }
}

#[test]
fn text_that_is_moved_between_separated_values_is_rejected() {
    let sample = samples().find(|sample| sample.name() == "adyen").unwrap();
    for moved in [
        ["psp-1:", "M", "r", "1", "1130", "EUR", "AUTHORISATION", "true"],
        ["psp-1", ":M", "r", "1", "1130", "EUR", "AUTHORISATION", "true"],
        ["psp-1", "", "M:r", "1", "1130", "EUR", "AUTHORISATION", "true"],
        ["psp-1", "", "M", "r", "1:1130", "EUR", "AUTHORISATION", "true"],
        ["psp-1", "", "M", "r", "1", "1130:EUR", "AUTHORISATION", "true"],
        ["psp-1", "", "M", "r", "1", "1130", "EUR:AUTHORISATION", "true"],
        ["psp-1", "", "M", "r", "1", "1130", "EUR", "AUTHORISATION:true"],
    ] {
        assert_eq!(moved.join(":"), "psp-1::M:r:1:1130:EUR:AUTHORISATION:true", "what is signed");
        let [psp, original, account, reference, value, currency, code, success] = moved;
        let request = sample.with_body(|body| {
            let item = &mut body["notificationItems"][0]["NotificationRequestItem"];
            for (member, text) in [
                ("pspReference", psp),
                ("originalReference", original),
                ("merchantAccountCode", account),
                ("merchantReference", reference),
                ("eventCode", code),
                ("success", success),
            ] {
                item[member] = text.into();
            }
            item["amount"] = json!({"value": value, "currency": currency});
        });
        let reason = sample.rejects(&request, "moved text");
        assert!(reason.ends_with("has a `:`, which separates the signed values"), "{moved:?}: {reason}");
    }
}
