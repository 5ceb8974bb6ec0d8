//! Verifies requests of Standard Webhooks (and Svix), v1: an HMAC-SHA256 over id, time and body, in a list of signatures
//! of which any may match any secret. The host has a preset for them, which gives the same answers.
//!
//! The specification: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hookyard_plugin::export_verifier;
use hookyard_plugin::verifier::{Request, Verified, header, is_equal};
use sha2::Sha256;

/// The names of the three headers: those of the specification, and Svix's.
const ID: [&str; 2] = ["webhook-id", "svix-id"];
const TIMESTAMP: [&str; 2] = ["webhook-timestamp", "svix-timestamp"];
const SIGNATURE: [&str; 2] = ["webhook-signature", "svix-signature"];

/// The largest difference between the signed time and the time of receipt.
const TOLERANCE_MS: i128 = 300_000;
/// Longest text that is read as a time, in bytes.
const TIME_MAX_BYTES: usize = 40;
/// Most signatures of one request.
const SIGNATURES_MAX: usize = 16;
const SIGNATURE_BYTES: usize = 32;

/// Verifies a request.
fn verify(request: Request, secrets: Vec<String>, now_ms: u64) -> Result<Verified, String> {
    let timestamp = find(&request, TIMESTAMP)?;
    check_time(timestamp, now_ms)?;
    let id = find(&request, ID)?;
    let signatures = read_signatures(find(&request, SIGNATURE)?)?;
    let mut matching = None;
    for (number, secret) in (0..).zip(&secrets) {
        let digest = sign(secret, [id, b".", timestamp, b".", &request.body])?;
        // All are compared: the time must not reveal which secret matched.
        for signature in &signatures {
            if is_equal(&digest, signature) {
                matching = matching.or(Some(number));
            }
        }
    }
    let secret = matching.ok_or("no secret made a signature of the request")?;
    Ok(Verified { secret, id: as_text(id), event_type: None, created: None, payload: None })
}

export_verifier!(verify);

/// The value of the first of these headers that is there.
fn find<'a>(request: &'a Request, names: [&str; 2]) -> Result<&'a [u8], String> {
    for name in names {
        if let Some(value) = header(request, name)? {
            return Ok(value);
        }
    }
    Err(format!("{} is missing", names[0]))
}

/// Checks the signed time, in seconds since 1970.
fn check_time(text: &[u8], now_ms: u64) -> Result<(), String> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = core::str::from_utf8(text).ok().filter(|text| text.len() <= TIME_MAX_BYTES);
    let number = text.filter(|text| is_digits(text.strip_prefix('-').unwrap_or(text)));
    let seconds: i64 =
        number.and_then(|text| text.parse().ok()).ok_or("the time is no number of seconds since 1970")?;
    let age_ms = i128::from(now_ms) - i128::from(seconds) * 1000;
    if age_ms > TOLERANCE_MS {
        return Err(format!("the request is too old: {} s", age_ms / 1000));
    }
    if -age_ms > TOLERANCE_MS {
        return Err(format!("the request is of the future: {} s", -age_ms / 1000));
    }
    Ok(())
}

/// The signatures of version 1 in a list such as `v1,BASE64 v1,BASE64 v1a,BASE64`. Those of another form are left out.
fn read_signatures(list: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let items = list.split(|byte| *byte == b' ').map(<[u8]>::trim_ascii);
    let items: Vec<_> = items.filter_map(|item| item.strip_prefix(b"v1,")).take(SIGNATURES_MAX + 1).collect();
    if items.len() > SIGNATURES_MAX {
        return Err(format!("there are more than {SIGNATURES_MAX} signatures"));
    }
    let decoded = items.into_iter().filter_map(|item| STANDARD.decode(item).ok());
    let signatures: Vec<_> = decoded.filter(|bytes| bytes.len() == SIGNATURE_BYTES).collect();
    if signatures.is_empty() {
        return Err("there is no signature of version 1".into());
    }
    Ok(signatures)
}

/// The signature of these parts by a secret, `whsec_` and the key in base64.
fn sign(secret: &str, parts: [&[u8]; 5]) -> Result<Vec<u8>, String> {
    let key = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    let key = key.ok_or("a secret is not `whsec_` and a key in base64")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| error.to_string())?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().to_vec())
}

/// A header's value as a text; `None` if it is empty or has other characters.
fn as_text(value: &[u8]) -> Option<String> {
    let is_text = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    let text = core::str::from_utf8(value).ok().filter(|_| is_text)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use super::*;
    use hookyard_plugin::verifier::Header;

    #[test]
    fn verifies_the_request_of_the_specification() {
        let request = |body: &str| {
            let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
            Request {
                method: "POST".into(),
                url: "/webhooks/x".into(),
                headers: vec![
                    header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                    header("webhook-timestamp", "1614265330"),
                    header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
                ],
                body: body.into(),
            }
        };
        let secrets = || vec!["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()];
        let verified = verify(request(r#"{"test": 2432232314}"#), secrets(), 1_614_265_330_000).unwrap();
        assert_eq!((verified.secret, verified.id.as_deref()), (0, Some("msg_p5jXN8AQM9LWM0D4loKWxJek")));
        assert!(verify(request("{}"), secrets(), 1_614_265_330_000).is_err());
        let late = verify(request(r#"{"test": 2432232314}"#), secrets(), 1_614_265_631_000);
        assert_eq!(late.unwrap_err(), "the request is too old: 301 s");
    }
}
