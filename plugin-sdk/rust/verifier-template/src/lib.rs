//! The verifier {{name}}.

use hmac::{Hmac, KeyInit as _, Mac as _};
use hookyard_plugin::export_verifier;
use hookyard_plugin::verifier::{Request, Verified, header};
use sha2::Sha256;

/// The largest difference between the signed time and the time of receipt.
const TOLERANCE_MS: u64 = 300_000;

/// Verifies `X-Signature: t=SECONDS,v1=HEX`, an HMAC-SHA256 of the time, a dot and the body. Replace it by your sender's.
fn verify(request: Request, secrets: Vec<String>, now_ms: u64) -> Result<Verified, String> {
    let value = header(&request, "x-signature")?.ok_or("x-signature is missing")?;
    let (seconds, claimed) = parse(value).ok_or("x-signature is not t=SECONDS,v1=HEX")?;
    let at_ms = seconds.parse::<u64>().ok().and_then(|seconds| seconds.checked_mul(1000));
    let at_ms = at_ms.ok_or("the signed time is no number of seconds")?;
    if now_ms.abs_diff(at_ms) > TOLERANCE_MS {
        return Err("the signed time is too far from now".into());
    }
    // All secrets are tried: the time must not tell which one matches.
    let mut matching = None;
    for (secret, key) in (0..).zip(&secrets) {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|error| error.to_string())?;
        mac.update(seconds.as_bytes());
        mac.update(b".");
        mac.update(&request.body);
        // Compares in constant time.
        if mac.verify_slice(&claimed).is_ok() {
            matching = matching.or(Some(secret));
        }
    }
    let secret = matching.ok_or("no secret made the signature")?;
    Ok(Verified { secret, id: None, event_type: None, created: None, payload: None })
}

export_verifier!(verify);

/// The time and the signature.
fn parse(value: &[u8]) -> Option<(&str, Vec<u8>)> {
    let rest = core::str::from_utf8(value).ok()?.strip_prefix("t=")?;
    let (seconds, signature) = rest.split_once(",v1=")?;
    Some((seconds, hex::decode(signature).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_plugin::verifier::Header;

    const SIGNED: &str = "t=1801353600,v1=0920b150d10fb6c8049f636dbd7e8dceed922abf1009f9b32e516f65ed260942";

    fn signed(body: &str) -> Request {
        let header = Header { name: "x-signature".into(), value: SIGNED.into() };
        Request { method: "POST".into(), url: "/webhooks/sender".into(), headers: vec![header], body: body.into() }
    }

    #[test]
    fn verifies_what_a_secret_signed_and_refuses_the_rest() {
        let body = r#"{"id":"in_1","type":"invoice.paid"}"#;
        let secrets = || vec!["other".to_owned(), "s".to_owned()];
        let now_ms = 1_801_353_600_000;
        assert_eq!(verify(signed(body), secrets(), now_ms).map(|verified| verified.secret), Ok(1));
        assert!(verify(signed("{}"), secrets(), now_ms).is_err());
        assert!(verify(signed(body), secrets(), now_ms + 301_000).is_err());
    }
}
