//! Checks and builds an HTTP request: method, URL and headers.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use url::Url;

use super::failure::{FailureKind, OutboundFailure};
use super::grants::{Grants, Origin};
use crate::effect::{HttpRequest, KEY_HEADER};
use crate::secrets::Mask;
use crate::trace::{HEADER as TRACE_HEADER, TraceContext};

/// Headers of the connection, which only the host sets.
const CONNECTION_HEADERS: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
];
const MORE_CONNECTION_HEADERS: [&str; 2] = ["keep-alive", "http2-settings"];

/// Parts of header names that indicate credentials.
const CREDENTIAL_NAMES: [&str; 13] = [
    "auth",
    "cookie",
    "token",
    "secret",
    "passw",
    "pwd",
    "credential",
    "key",
    "session",
    "sign",
    "hmac",
    "bearer",
    "jwt",
];
/// Beginnings of header values that indicate credentials in any header (RFC 9110, 11.4).
const CREDENTIAL_SCHEMES: [&str; 8] =
    ["basic ", "bearer ", "digest ", "token ", "apikey ", "negotiate ", "hmac", "aws4-"];

/// Whether only the host may set this header.
#[must_use]
pub fn is_connection_header(name: &HeaderName) -> bool {
    CONNECTION_HEADERS.contains(name)
        || MORE_CONNECTION_HEADERS.contains(&name.as_str())
        || name.as_str().starts_with("proxy-")
}

/// A checked request.
#[derive(Debug, Clone)]
pub(super) struct OutgoingRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl OutgoingRequest {
    /// An effect's request, with its idempotency key.
    pub(super) fn of_effect(request: &HttpRequest, key: &str) -> Result<Self, OutboundFailure> {
        let malformed = |why: String| OutboundFailure::new(FailureKind::Malformed, why);
        let url = Url::parse(&request.url).map_err(|error| malformed(format!("the URL: {error}")))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| malformed("the method is none: use POST, PUT, …".into()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| malformed(format!("{name:?} is no header's name")))?;
            // Without the value, which may be a secret.
            let value = HeaderValue::from_str(value)
                .map_err(|_| malformed(format!("the value of header {name} has control characters")))?;
            headers.append(name, value);
        }
        if !headers.contains_key(KEY_HEADER) {
            let key = HeaderValue::from_str(key).map_err(|_| malformed("the key is no header".into()))?;
            headers.insert(KEY_HEADER, key);
        }
        Self::new(method, url, headers, request.body.clone().into())
    }

    /// With a trace context, unless the plugin set one.
    pub(super) fn traced(mut self, trace: Option<TraceContext>) -> Self {
        if let Some(Ok(value)) = trace.map(|trace| trace.header().parse()) {
            self.headers.entry(TRACE_HEADER).or_insert(value);
        }
        self
    }

    /// Checks and builds a request.
    pub(super) fn new(
        method: Method,
        mut url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, OutboundFailure> {
        let malformed = |why: String| OutboundFailure::new(FailureKind::Malformed, why);
        if let Some(name) = headers.keys().find(|name| is_connection_header(name)) {
            return Err(malformed(format!("header {name} belongs to the connection: the host sets it")));
        }
        // Methods are case-sensitive, but `post` always means `POST`.
        let upper = Method::from_bytes(method.as_str().to_ascii_uppercase().as_bytes());
        let method = upper.unwrap_or(method);
        if matches!(method, Method::CONNECT | Method::TRACE) {
            return Err(malformed(format!("method {method} is not for plugins")));
        }
        Origin::of(&url)?;
        url.set_fragment(None);
        // The client rejects some URLs, for example very long ones.
        url.as_str().parse::<Uri>().map_err(|error| malformed(format!("the URL: {error}")))?;
        Ok(Self { method, url, headers, body })
    }

    /// Whether a redirect with this status keeps method and body.
    ///
    /// 307 and 308 keep the request. After 301, 302 and 303 (RFC 9110, 15.4) only a read without a body stays the same.
    /// A `POST` would become a `GET`, whose response says nothing about the `POST`.
    pub(super) fn keeps_request_after(&self, status: u16) -> bool {
        let reads = matches!(self.method, Method::GET | Method::HEAD) && self.body.is_empty();
        match status {
            307 | 308 => true,
            301..=303 => reads,
            _ => false,
        }
    }

    /// Sets the URL to a redirect's target. For another origin, it removes headers that look like credentials, unless
    /// the operator allows that origin to get them.
    pub(super) fn redirect(&mut self, to: Url, grants: &Grants, mask: &Mask) -> Result<(), OutboundFailure> {
        if self.url.scheme() == "https" && to.scheme() == "http" {
            let why = "it redirects from https to http, which is not followed";
            return Err(OutboundFailure::new(FailureKind::Redirects, why));
        }
        if to.origin() != self.url.origin()
            && !Origin::of(&to).is_ok_and(|to| grants.may_get_credentials(&to))
        {
            let names = self.headers.iter().filter(|(name, value)| is_credential(name, value, mask));
            let names: Vec<HeaderName> = names.map(|(name, _)| name.clone()).collect();
            for name in names {
                self.headers.remove(name);
            }
        }
        self.url = to;
        self.url.set_fragment(None);
        Ok(())
    }
}

/// Whether a header looks like credentials.
fn is_credential(name: &HeaderName, value: &HeaderValue, mask: &Mask) -> bool {
    let is_named = *name != KEY_HEADER && CREDENTIAL_NAMES.iter().any(|part| name.as_str().contains(part));
    let starts = |scheme: &&str| {
        let start = value.as_bytes().get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    is_named || CREDENTIAL_SCHEMES.iter().any(starts) || mask.is_in(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        HttpRequest { method: method.into(), url: url.into(), headers, body: b"body".to_vec() }
    }

    fn outgoing(headers: &[(&str, &str)]) -> OutgoingRequest {
        OutgoingRequest::of_effect(&request("post", "https://a.example/x#y", headers), "key.1").unwrap()
    }

    #[test]
    fn the_key_is_set_unless_the_request_has_one() {
        let made = outgoing(&[("X-A", "1"), ("x-a", "2")]);
        assert_eq!((made.method.as_str(), made.url.as_str()), ("POST", "https://a.example/x"));
        assert_eq!(made.headers.get_all("x-a").iter().count(), 2);
        assert_eq!(made.headers["idempotency-key"], "key.1");
        assert_eq!(outgoing(&[("Idempotency-Key", "own")]).headers["idempotency-key"], "own");
    }

    #[test]
    fn an_invalid_request_is_refused_without_its_values_in_the_message() {
        for (method, url, header, part) in [
            ("P OST", "https://a.example", ("a", "b"), "the method"),
            ("CONNECT", "https://a.example", ("a", "b"), "CONNECT"),
            ("trace", "https://a.example", ("a", "b"), "TRACE"),
            ("GET", "/path", ("a", "b"), "the URL"),
            ("GET", "https://", ("a", "b"), "the URL"),
            ("GET", "file:///etc/passwd", ("a", "b"), "https:// or http://"),
            ("GET", "https://a.example", ("a b", "c"), "\"a b\""),
            ("GET", "https://a.example", ("authorization", "s3cret\r\nX: y"), "header authorization"),
            ("GET", "https://a.example", ("Host", "b.example"), "header host"),
            ("GET", "https://a.example", ("Content-Length", "9"), "header content-length"),
            ("GET", "https://a.example", ("connection", "close"), "header connection"),
            ("GET", "https://a.example", ("Transfer-Encoding", "chunked"), "header transfer-encoding"),
            ("GET", "https://a.example", ("te", "trailers"), "header te"),
            ("GET", "https://a.example", ("trailer", "x"), "header trailer"),
            ("GET", "https://a.example", ("upgrade", "h2c"), "header upgrade"),
            ("GET", "https://a.example", ("keep-alive", "1"), "header keep-alive"),
            ("GET", "https://a.example", ("proxy-authorization", "s3cret"), "header proxy-authorization"),
            ("GET", "https://a.example", ("expect", "100-continue"), "header expect"),
        ] {
            let failure = OutgoingRequest::of_effect(&request(method, url, &[header]), "key").unwrap_err();
            assert_eq!(failure.kind, FailureKind::Malformed);
            assert!(failure.detail.contains(part) && !failure.detail.contains("s3cret"), "{failure}");
        }
        let long = format!("https://a.example/{}", "x".repeat(70_000));
        assert!(OutgoingRequest::of_effect(&request("GET", &long, &[]), "key").is_err());
    }

    #[test]
    fn only_an_unchanged_request_follows_a_redirect() {
        for (method, body, followed) in [
            ("GET", "", "301 302 303 307 308"),
            ("HEAD", "", "301 302 303 307 308"),
            ("GET", "x", "307 308"),
            ("POST", "x", "307 308"),
            ("POST", "", "307 308"),
            ("PUT", "x", "307 308"),
            ("PATCH", "x", "307 308"),
            ("DELETE", "", "307 308"),
            ("OPTIONS", "", "307 308"),
        ] {
            let mut made = outgoing(&[]);
            made.method = method.parse().unwrap();
            made.body = body.into();
            let all = (200..600).filter(|status| made.keeps_request_after(*status));
            assert_eq!(
                all.map(|status| status.to_string()).collect::<Vec<_>>().join(" "),
                followed,
                "{method}"
            );
        }
    }

    #[test]
    fn credentials_stay_with_their_origin_unless_the_operator_allows_another() {
        let headers = [
            ("authorization", "a"),
            ("cookie", "c"),
            ("x-api-key", "k"),
            ("apikey", "k"),
            ("x-auth-token", "t"),
            ("x-client-secret", "s"),
            ("x-password", "p"),
            ("x-amz-signature", "s"),
            ("x-plain", "Bearer abc"),
            ("x-basic", "basic abc"),
            ("x-hidden", "a s3cret"),
            ("content-type", "t"),
            ("x-own", "o"),
            ("accept", "a"),
        ];
        let secrets = [("name".to_owned(), "s3cret".to_owned())];
        let mask = Mask::new(&secrets.into_iter().collect());
        let grants = Grants {
            plugin: crate::event::PluginName::new("sms").unwrap(),
            http: Vec::new(),
            credentials: vec!["https://c.example".into()],
            email: Vec::new(),
            emit: Vec::new(),
            webhooks: crate::outbound::WebhookGrants::default(),
        };
        let kept = |to: &str| {
            let mut made = outgoing(&headers);
            made.redirect(to.parse().unwrap(), &grants, &mask).unwrap();
            assert_eq!((made.method.as_str(), &made.body[..]), ("POST", &b"body"[..]));
            made.headers.len()
        };
        assert_eq!(kept("https://a.example/y"), headers.len() + 1);
        assert_eq!(kept("https://c.example/y"), headers.len() + 1);
        for other in ["https://b.example/y", "https://a.example:8443/y", "https://c.example:8443"] {
            assert_eq!(kept(other), 4, "{other}");
        }
        assert!(outgoing(&[]).redirect("http://a.example".parse().unwrap(), &grants, &mask).is_err());
    }
}
