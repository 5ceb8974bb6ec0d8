//! Random requests: nothing panics, and nothing verifies but what was signed. `HOOKYARD_FUZZ_CASES` sets the number of
//! cases of each property; a few by default.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::bad_input::{NOW_MS, Sample, samples};
use super::*;

/// The number of cases of a property.
fn cases() -> u32 {
    std::env::var("HOOKYARD_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

/// A byte that a header's value may have.
fn visible_byte() -> impl Strategy<Value = u8> {
    (32..=254_u8).prop_map(|byte| if byte < 127 { byte } else { byte + 1 })
}

/// A header's value, often made of pieces that schemes look for.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(visible_byte(), 0..40),
        Just(b"t=1700000000".to_vec()),
        Just(b"v1=".to_vec()),
        Just(b"v0=".to_vec()),
        Just(b"sha256=".to_vec()),
        Just(b",".to_vec()),
        Just(b";".to_vec()),
        Just(b"1700000000".to_vec()),
        Just(b"-9223372036854775808".to_vec()),
        Just(b"Basic ".to_vec()),
        "[0-9a-f]{64}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

#[test]
fn no_random_request_verifies_or_panics() {
    let samples: Vec<Sample> = samples().collect();
    let strategy = (
        0..samples.len(),
        proptest::collection::vec(header_value(), 8),
        proptest::collection::vec(any::<u8>(), 0..300),
        any::<u64>(),
        any::<bool>(),
    );
    let mut runner = TestRunner::new(Config { cases: cases(), ..Config::default() });
    runner
        .run(&strategy, |(number, values, body, now_ms, keeps_body)| {
            let sample = &samples[number];
            let mut request = sample.request.clone();
            for (name, value) in request.headers.clone().keys().zip(&values) {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    request.headers.insert(name, value);
                }
            }
            if !keeps_body {
                request.body = body.into();
            }
            let is_original =
                request.headers == sample.request.headers && request.body == sample.request.body;
            let is_in_body = sample.source.verification.signatures[0].at.header().is_none();
            let verified = request.verify(&sample.verifier, now_ms);
            prop_assert!(verified.is_err() || is_original || (is_in_body && keeps_body), "{request:?}");
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_signed_request_verifies_until_a_byte_of_it_changes() {
    let samples: Vec<Sample> = samples().filter(|sample| sample.source.verification.covers_body()).collect();
    let strategy = (0..samples.len(), any::<usize>(), 1..=255u8);
    let mut runner = TestRunner::new(Config { cases: cases(), ..Config::default() });
    runner
        .run(&strategy, |(number, index, bits)| {
            let sample = &samples[number];
            prop_assert_eq!(sample.request.verify(&sample.verifier, NOW_MS), Ok(0));
            let mut request = sample.request.clone();
            let mut body = request.body.to_vec();
            let index = index % body.len();
            body[index] ^= bits;
            // Two spellings of one form are one content. Borders between names and values are not signed.
            let is_form = !form::is_json(&request.body);
            let content = |body: &[u8]| -> String {
                let pairs: BTreeSet<_> = url::form_urlencoded::parse(body).into_owned().collect();
                pairs.into_iter().map(|(name, value)| name + &value).collect()
            };
            let is_same = is_form && content(&body) == content(&request.body);
            request.body = body.into();
            prop_assert_eq!(request.verify(&sample.verifier, NOW_MS).is_ok(), is_same);
            Ok(())
        })
        .unwrap();
}
