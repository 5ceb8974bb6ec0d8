//! Signs as a source's senders do.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::de::IgnoredAny;

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
        let content_type = Some(self.find_content_type(&body));
        let unsigned =
            UnsignedRequest { url: &self.url, id, event_type, content_type, body, now_ms: now_ms() };
        let mut signed = sign(&self.source, &self.secret, &unsigned).map_err(|why| {
            Failure::Failed(format!("cannot sign as `{}`: {why}", self.source.scheme.name()))
        })?;
        let value = event_type.and_then(|event_type| HeaderValue::try_from(event_type).ok());
        if let Some(value) = value.filter(|_| self.source.scheme == Scheme::MONCRENEAU) {
            signed.headers.insert(MONCRENEAU_EVENT, value);
        }
        Ok(signed)
    }

    /// The media type of a body. A scheme that signs the fields of forms knows forms by it.
    fn find_content_type(&self, body: &[u8]) -> &'static str {
        let takes_forms = self.source.forms || self.source.verification.signs_form();
        let is_json = || serde_json::from_slice::<IgnoredAny>(body).is_ok();
        if takes_forms && !is_json() { "application/x-www-form-urlencoded" } else { "application/json" }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";

    #[test]
    fn a_body_that_is_no_json_is_a_form_where_the_source_takes_forms() {
        let digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        let query = format!("bodySHA256={digest}");
        for (scheme, body, content_type, query) in [
            ("twilio", "MessageSid=SM1", FORM, None),
            ("twilio", "{}", JSON, Some(query.as_str())),
            ("slack", "command=%2Fhello", FORM, None),
            ("slack", "{}", JSON, None),
            ("stripe", "a=1", JSON, None),
        ] {
            let secret = Secret::new("s".into());
            let source = Source::preset(Scheme::find(scheme).unwrap(), vec![secret.clone()]);
            let signer = Signer::new(source, secret, "https://hooks.example.gn/webhooks/a".into());
            let request = signer.sign(None, None, body.into()).unwrap();
            assert_eq!(request.headers[CONTENT_TYPE], content_type, "{scheme} {body}");
            assert_eq!(request.query.as_deref(), query, "{scheme} {body}");
        }
    }
}
