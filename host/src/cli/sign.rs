//! Signs as a source's senders do.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Signs with one secret. Never printed.
#[derive(Clone)]
pub(super) struct Signer {
    secret: String,
    header: String,
    prefix: String,
}

impl Signer {
    /// `X-Moncreneau-Signature: sha256=HEX`.
    #[must_use]
    pub(super) fn moncreneau(secret: String) -> Self {
        Self { secret, header: "X-Moncreneau-Signature".into(), prefix: "sha256=".into() }
    }

    /// The headers that go with this body.
    #[must_use]
    pub(super) fn headers(&self, event_type: Option<&str>, body: &[u8]) -> Vec<(String, String)> {
        let signature = format!("{}{}", self.prefix, hex::encode(mac(self.secret.as_bytes(), body)));
        let mut headers = vec![(self.header.clone(), signature)];
        if let Some(event_type) = event_type {
            headers.push(("X-Moncreneau-Event".into(), event_type.into()));
        }
        headers
    }
}

fn mac(secret: &[u8], body: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return Vec::new() };
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}
