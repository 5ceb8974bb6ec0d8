//! Makes events without a sender, to try a plugin without a server.

use bytes::Bytes;
use http::HeaderMap;

use super::envelope::Envelope;
use super::verify::{Signing, UnverifiedRequest, sign};
use crate::config::{Secret, Source};
use crate::event::{Event, SourceName};

/// Reads a body as if the source's sender had sent it: signs it, and verifies and reads it like every request.
///
/// # Errors
/// The reason that the sender would get in its answer.
pub fn read_as_sent(
    name: &SourceName,
    source: &Source,
    body: Bytes,
    received_at: u64,
) -> Result<Event, String> {
    let secret = Secret::new("known to this call only".into());
    let source = Source { secrets: vec![secret.clone()], ..source.clone() };
    let signature = source.signatures.first().and_then(|signature| sign(signature, &secret, &body));
    let headers: HeaderMap = signature.into_iter().collect();
    let request = UnverifiedRequest { headers: &headers, body };
    let request = request.verify(&Signing::from_source(&source)).map_err(|error| error.to_string())?;
    let read = Envelope::from_source(&source).read(name, request, received_at);
    read.map(|read| read.event).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scheme;

    #[test]
    fn reads_a_body_as_its_source_sends_it() {
        let name = SourceName::new("m").unwrap();
        let source = Source::preset(Scheme::Moncreneau, Vec::new());
        let body = r#"{"id":"evt_1","type":"a.b","data":{"object":{"x":1}}}"#;
        let event = read_as_sent(&name, &source, body.into(), 7).unwrap();
        assert_eq!((event.id.as_str(), event.event_type.as_str(), event.received_at), ("evt_1", "a.b", 7));
        assert_eq!(event.payload(), br#"{"x":1}"#);
        assert!(read_as_sent(&name, &source, "{}".into(), 7).unwrap_err().contains("no event type at /type"));
    }
}
