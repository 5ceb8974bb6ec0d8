//! Tests a request against a source, without storing anything.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::envelope::{BodyRules, ReadEvent, ReadEvents};
use super::gzip;
use super::media::find_coding;
use super::sources::{BodyLimits, Sources};
use super::verify::{NotVerified, UnverifiedRequest};

/// A request as it came, or as it may come.
#[derive(Debug, Clone)]
pub struct ProbeRequest {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub target: String,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Bytes,
    /// The time of its receipt, ms since the Unix epoch.
    pub at_ms: u64,
}

/// The step at which the answer to a request is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeStep {
    /// It is no request.
    Request,
    /// The provider checks the address.
    Handshake,
    /// The signature is not verified, or an event is too old.
    Verification,
    /// The source's verifier does not answer.
    Verifier,
    /// The body is no event.
    Body,
    /// It is accepted.
    Accepted,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The step that decides.
    pub step: ProbeStep,
    /// The number of the secret that verified it, from 1.
    pub secret: Option<u32>,
    /// Why it is not accepted, or what it is.
    pub reason: Option<String>,
    /// The events in it: id, type and time of each.
    pub events: Vec<[String; 3]>,
}

impl Probe {
    fn ended(step: ProbeStep, secret: Option<u32>, reason: impl Into<String>) -> Self {
        Self { step, secret, reason: Some(reason.into()), events: Vec::new() }
    }
}

impl Sources {
    /// Tests a request against a source; `None` if there is none of this name. The reason of a scheme never says what would
    /// have matched; that of a verifier is the verifier's own, without the secrets in it. `ids_known_since` is the time since
    /// which ids are known, by the time of receipt and the days for which they are kept, as in [`EventAcceptor`].
    ///
    /// [`EventAcceptor`]: super::EventAcceptor
    pub async fn probe(
        &self,
        name: &str,
        probe: &ProbeRequest,
        ids_known_since: impl Fn(u64, u64) -> u64,
    ) -> Option<Probe> {
        let source = self.get(name)?;
        let (method, uri, headers) = match parse(probe) {
            Ok(parts) => parts,
            Err(why) => return Some(Probe::ended(ProbeStep::Request, None, why)),
        };
        let handshake = source.handshake.as_ref();
        if let Some(reply) = handshake.and_then(|of| of.answer_unsigned(&method, &uri, &headers)) {
            return Some(Probe::ended(ProbeStep::Handshake, None, reply.name));
        }
        if method != Method::POST {
            let why = format!("{method} is answered 405: webhooks are sent with POST");
            return Some(Probe::ended(ProbeStep::Request, None, why));
        }
        let max_bytes = self.bodies.max_bytes;
        if probe.body.len() > max_bytes {
            let why = format!("it is answered 413: the body is larger than {max_bytes} bytes");
            return Some(Probe::ended(ProbeStep::Request, None, why));
        }
        let coding = find_coding(&headers);
        let is_gzip =
            source.gzip && coding.as_deref().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        if let Some(coding) = coding.filter(|_| !is_gzip) {
            let why = format!("it is answered 415: Content-Encoding `{coding}` is not supported");
            return Some(Probe::ended(ProbeStep::Request, None, why));
        }
        let request =
            UnverifiedRequest { method: &method, uri: &uri, headers: &headers, body: probe.body.clone() };
        let verified = match request.verify(&source.verifier, probe.at_ms).await {
            Ok(verified) => verified,
            // An operator may see a verifier's reason, which its sender does not.
            Err(NotVerified::Failed(_, why)) => return Some(Probe::ended(ProbeStep::Verifier, None, why)),
            Err(why) => return Some(Probe::ended(ProbeStep::Verification, None, why.to_string())),
        };
        let secret = Some(verified.secret() + 1);
        let verified = if is_gzip {
            match gzip::gunzip_alone(&probe.body, max_bytes) {
                Ok(body) => verified.with_decoded_body(body),
                Err(error) => return Some(Probe::ended(ProbeStep::Body, secret, error.to_string())),
            }
        } else {
            verified
        };
        let reply = handshake.and_then(|of| of.answer_verified(verified.body(), verified.secret()));
        if let Some(reply) = reply {
            return Some(Probe::ended(ProbeStep::Handshake, secret, reply.name));
        }
        let BodyLimits { events_max, attributes, .. } = self.bodies;
        let rules = BodyRules { bytes_max: max_bytes, items_max: events_max, attributes };
        Some(match source.envelope.read(&source.name, verified, probe.at_ms, rules) {
            Ok(read) => {
                let event = |read: &ReadEvent| {
                    let event = &read.event;
                    [event.id.clone(), event.event_type.clone(), event.created.clone()]
                };
                let reads: &ReadEvents = &read;
                // The time of receipt is what the operator says: no clock corrects it.
                let stale = reads.as_slice().iter().find_map(|read| {
                    source.age.find_staleness(read, probe.at_ms, |now| now, &ids_known_since)
                });
                if let Some(why) = stale {
                    return Some(Probe::ended(ProbeStep::Verification, None, why));
                }
                let events = reads.as_slice().iter().map(event).collect();
                Probe { step: ProbeStep::Accepted, secret, reason: None, events }
            }
            Err(why) => Probe::ended(ProbeStep::Body, secret, why.to_string()),
        })
    }
}

fn parse(probe: &ProbeRequest) -> Result<(Method, Uri, HeaderMap), String> {
    let method = Method::from_bytes(probe.method.as_bytes());
    let method = method.map_err(|_| format!("`{}` is no method", probe.method))?;
    let uri: Uri = probe.target.parse().map_err(|_| format!("`{}` is no path", probe.target))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &probe.headers {
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("the value of `{name}` has characters that a header cannot have"))?;
        headers.append(header, value);
    }
    Ok((method, uri, headers))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Config, Scheme, Secret, Source};
    use crate::event::SourceName;
    use crate::ingress::{NoVerifiers, UnsignedRequest, sign};

    const NOW_MS: u64 = 1_700_000_000_000;

    #[tokio::test]
    async fn says_which_secret_verified_a_request_or_at_which_step_it_ended() {
        let mut config = Config::default();
        let secrets = ["old", "new"].map(|secret| Secret::new(secret.into()));
        let source = Source::preset(Scheme::find("slack").unwrap(), secrets.to_vec());
        config.sources.insert(SourceName::new("chat").unwrap(), source.clone());
        let sources = Sources::from_config(&config, Arc::new(NoVerifiers));
        let signed = |body: &str| {
            let unsigned = UnsignedRequest {
                url: "",
                id: None,
                event_type: None,
                content_type: None,
                body: Bytes::copy_from_slice(body.as_bytes()),
                now_ms: NOW_MS,
            };
            let signed = sign(&source, &secrets[1], &unsigned).unwrap();
            let header = |(name, value): (&HeaderName, &HeaderValue)| {
                (name.to_string(), value.to_str().unwrap().to_owned())
            };
            let headers = signed.headers.iter().map(header).collect();
            let target = "/webhooks/chat".to_owned();
            ProbeRequest { method: "POST".into(), target, headers, body: signed.body, at_ms: NOW_MS }
        };
        let event = signed(r#"{"event_id":"Ev1","event":{"type":"message"},"event_time":1700000000}"#);
        let probe = async |request: &ProbeRequest| {
            let probe = sources.probe("chat", request, |_, _| 0).await.unwrap();
            (probe.step, probe.secret, probe.reason.unwrap_or_default(), probe.events.len())
        };
        assert_eq!(probe(&event).await, (ProbeStep::Accepted, Some(2), String::new(), 1));
        let late = ProbeRequest { at_ms: NOW_MS + 712_000, ..event.clone() };
        let old = "timestamp is too old by 412 s: the request is 712 s old".to_owned();
        assert_eq!(probe(&late).await, (ProbeStep::Verification, None, old, 0));
        let changed = ProbeRequest { body: Bytes::from_static(b"{}"), ..event.clone() };
        let none = "signature does not match: no secret matched".to_owned();
        assert_eq!(probe(&changed).await, (ProbeStep::Verification, None, none, 0));
        let (step, secret, why, _) = probe(&signed("[1]")).await;
        assert_eq!((step, secret), (ProbeStep::Accepted, Some(2)), "{why}");
        let (step, secret, why, _) = probe(&signed("{\"a\":")).await;
        assert_eq!(
            (step, secret, why.starts_with("the body is not JSON")),
            (ProbeStep::Body, Some(2), true),
            "{why}"
        );
        let challenge = signed(r#"{"type":"url_verification","challenge":"c"}"#);
        assert_eq!(probe(&challenge).await.0, ProbeStep::Handshake);
        for wrong in [
            ProbeRequest { method: "GET".into(), ..event.clone() },
            ProbeRequest { method: "P T".into(), ..event.clone() },
            ProbeRequest { target: "a b".into(), ..event.clone() },
            ProbeRequest { headers: vec![("a b".into(), String::new())], ..event.clone() },
            ProbeRequest { headers: vec![("a".into(), "\n".into())], ..event.clone() },
        ] {
            assert_eq!(probe(&wrong).await.0, ProbeStep::Request, "{wrong:?}");
        }
        assert!(sources.probe("other", &event, |_, _| 0).await.is_none());
    }

    #[tokio::test]
    async fn an_event_that_the_endpoint_rejects_as_too_old_is_not_accepted() {
        let mut config = Config::default();
        let secret = Secret::new("s".into());
        let desk = SourceName::new("desk").unwrap();
        let source = Source::preset(Scheme::MONCRENEAU, vec![secret.clone()]);
        config.sources.insert(desk.clone(), source.clone());
        let unsigned = UnsignedRequest {
            url: "",
            id: None,
            event_type: None,
            content_type: None,
            body: Bytes::from_static(br#"{"id":"e","type":"t","created":"2020-01-01T00:00:00Z"}"#),
            now_ms: NOW_MS,
        };
        let signed = sign(&source, &secret, &unsigned).unwrap();
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let request = ProbeRequest {
            method: "POST".into(),
            target: "/webhooks/desk".into(),
            headers: signed.headers.iter().map(header).collect(),
            body: signed.body,
            at_ms: NOW_MS,
        };
        let of_ids = "created at 2020-01-01T00:00:00Z, which is too old: see retention.keys_days";
        let of_source =
            "created at 2020-01-01T00:00:00Z, which is too old: see sources.*.created_age_max_days";
        for (max_days, known_since, why) in [
            (None, 0, None),
            (None, NOW_MS, Some(of_ids)),
            (Some(10), 0, Some(of_source)),
            (Some(0), NOW_MS, None),
        ] {
            config.sources.get_mut(&desk).unwrap().created_age_max_days = max_days;
            let sources = Sources::from_config(&config, Arc::new(NoVerifiers));
            let probe = sources.probe("desk", &request, |_, _| known_since).await.unwrap();
            let step = if why.is_some() { ProbeStep::Verification } else { ProbeStep::Accepted };
            let result = (probe.step, probe.reason.as_deref(), probe.events.is_empty());
            assert_eq!(result, (step, why, why.is_some()), "{max_days:?} {known_since}");
        }
    }
}
