//! Verifies what Moncreneau sends, as the host's own preset does: `X-Moncreneau-Signature: sha256=HEX`, an HMAC-SHA256 of the
//! body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use hookyard_plugin::export_verifier;
use hookyard_plugin::verifier::{Request, Verified, header};
use sha2::Sha256;

fn verify(request: Request, secrets: Vec<String>, _now_ms: u64) -> Result<Verified, String> {
    let value = header(&request, "x-moncreneau-signature")?.ok_or("x-moncreneau-signature is missing")?;
    let hex = value.strip_prefix(b"sha256=").ok_or("the signature does not begin with `sha256=`")?;
    let claimed = decode(hex).ok_or("the signature is no hex of 32 bytes")?;
    for (secret, key) in (0..).zip(&secrets) {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|error| error.to_string())?;
        mac.update(&request.body);
        if mac.verify_slice(&claimed).is_ok() {
            return Ok(Verified { secret, id: None, event_type: None, created: None, payload: None });
        }
    }
    Err("no secret made the signature".into())
}

export_verifier!(verify);

fn decode(hex: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 2 * bytes.len() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
