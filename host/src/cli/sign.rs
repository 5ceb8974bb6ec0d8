//! Signs as a source's senders do.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::failure::Failure;
use crate::config::{Reply, Scheme, Secret, Source};
use crate::event::now_ms;
use crate::ingress::{SignedRequest, UnsignedRequest, sign};

/// The header in which Moncreneau repeats the type. Only the body is signed, so the body's type counts.
const MONCRENEAU_EVENT: HeaderName = HeaderName::from_static("x-moncreneau-event");

/// Signs with one secret. Never printed.
#[derive(Clone)]
pub(super) struct Signer {
    source: Source,
    secret: Secret,
    /// The URL of the source as its senders know it.
    url: String,
}

impl Signer {
    pub(super) fn new(source: Source, secret: Secret, url: String) -> Self {
        Self { source, secret, url }
    }

    /// The form in which the source acknowledges an event, if its provider wants a certain one.
    pub(super) fn reply(&self) -> Option<&Reply> {
        self.source.reply.as_ref()
    }

    /// The request with this body.
    ///
    /// # Errors
    /// When the scheme cannot be signed with a shared secret, or the body has no place for what the scheme puts into it.
    pub(super) fn sign(
        &self,
        id: Option<&str>,
        event_type: Option<&str>,
        body: Bytes,
    ) -> Result<SignedRequest, Failure> {
        if let Some(verifier) = &self.source.verifier {
            return Err(Failure::Failed(format!(
                "only the sender can sign for a source with a verifier (`{verifier}`), and no sample is signed here: keep a \
                 request of the sender in a file, and test it with `hookyard source test NAME --file FILE`"
            )));
        }
        let unsigned =
            UnsignedRequest { url: &self.url, id, event_type, content_type: None, body, now_ms: now_ms() };
        let mut signed = sign(&self.source, &self.secret, &unsigned).map_err(|why| {
            Failure::Failed(format!("cannot sign as `{}`: {why}", self.source.scheme.name()))
        })?;
        let value = event_type.and_then(|event_type| HeaderValue::try_from(event_type).ok());
        if let Some(value) = value.filter(|_| self.source.scheme == Scheme::MONCRENEAU) {
            signed.headers.insert(MONCRENEAU_EVENT, value);
        }
        Ok(signed)
    }
}
