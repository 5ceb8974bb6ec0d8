//! Signs as a source's senders do.

use crate::config::{Secret, SignatureHeader};
use crate::ingress;

/// Signs with one secret. Never printed.
#[derive(Clone)]
pub(super) struct Signer {
    header: SignatureHeader,
    secret: Secret,
}

impl Signer {
    pub(super) fn new(header: SignatureHeader, secret: Secret) -> Self {
        Self { header, secret }
    }

    /// The headers that go with this body.
    pub(super) fn headers(&self, event_type: Option<&str>, body: &[u8]) -> Vec<(String, String)> {
        let signature = ingress::sign(&self.header, &self.secret, body).into_iter();
        let signature = signature
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        // Moncreneau sends the type in a header too. Only the body is signed, so the body's type
        // counts.
        let event_type =
            event_type.map(|event_type| ("X-Moncreneau-Event".to_owned(), event_type.to_owned()));
        signature.chain(event_type).collect()
    }
}
