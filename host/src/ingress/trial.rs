//! Makes events without a sender, to try a plugin without a server.

use bytes::Bytes;
use http::{Method, Uri};

use super::envelope::{AttributeRules, BodyRules, Envelope, ReadEvents};
use super::verify::{SchemeVerifier, SourceUrl, UnsignedRequest, UnverifiedRequest, sign};
use crate::config::{Scheme, Secret, Source};
use crate::event::{Event, SourceName};

/// A request of a trial.
#[derive(Debug, Clone)]
pub struct TrialRequest<'a> {
    /// The id, for sources that send it in a header.
    pub id: Option<&'a str>,
    /// The event type, likewise.
    pub event_type: Option<&'a str>,
    /// The body.
    pub body: Bytes,
}

/// Reads a body as if the source's sender had sent it: signs it, and verifies and reads it like every request. The
/// signature is not that of the source's scheme, whose private key may be the provider's.
///
/// # Errors
/// The reason that the sender would get in its answer.
pub fn read_as_sent(
    name: &SourceName,
    source: &Source,
    request: &TrialRequest<'_>,
    received_at: u64,
) -> Result<Event, String> {
    let secret = Secret::new("known to this call only".into());
    let verification = Source::preset(Scheme::HMAC, Vec::new()).verification;
    let signing = Source { secrets: vec![secret.clone().into()], verification, ..source.clone() };
    let unsigned = UnsignedRequest {
        url: "",
        id: request.id,
        event_type: request.event_type,
        content_type: None,
        body: request.body.clone(),
        now_ms: received_at,
    };
    let signed = sign(&signing, &secret, &unsigned)?;
    let (method, uri) = (Method::POST, Uri::default());
    let request =
        UnverifiedRequest { method: &method, uri: &uri, headers: &signed.headers, body: signed.body };
    let scheme = SchemeVerifier::new(&signing, SourceUrl::Unknown);
    let request = request.verify_by_scheme(&scheme, received_at).map_err(|error| error.to_string())?;
    let attributes = AttributeRules { count_max: usize::MAX, bytes_max: usize::MAX };
    let rules = BodyRules { bytes_max: usize::MAX, items_max: usize::MAX, attributes };
    let read = Envelope::from_source(source).read(name, request, received_at, rules);
    match read.map_err(|error| error.to_string())? {
        ReadEvents::One(read) => Ok(read.event),
        ReadEvents::Items(items) => {
            let first = items.into_iter().next().map(|read| read.event);
            first.ok_or_else(|| "the list of events is empty".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_body_as_its_source_sends_it() {
        let name = SourceName::new("m").unwrap();
        let source = Source::preset(Scheme::MONCRENEAU, Vec::new());
        let body = r#"{"id":"evt_1","type":"a.b","data":{"object":{"x":1}}}"#;
        let request = |body: &'static str| TrialRequest { id: None, event_type: None, body: body.into() };
        let event = read_as_sent(&name, &source, &request(body), 7).unwrap();
        assert_eq!((event.id.as_str(), event.event_type.as_str(), event.received_at), ("evt_1", "a.b", 7));
        assert_eq!(event.payload(), br#"{"x":1}"#);
        assert!(
            read_as_sent(&name, &source, &request("{}"), 7).unwrap_err().contains("no event type at /type")
        );
    }
}
