//! A request as it is sent: method, URL and headers checked.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use url::Url;

use super::failure::{Failure, Kind};
use super::grants::Origin;
use crate::effect::{HttpRequest, KEY_HEADER};

/// Headers that belong to the connection, which is the host's.
const OF_THE_CONNECTION: [HeaderName; 8] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
];
const OF_THE_CONNECTION_TOO: [&str; 2] = ["keep-alive", "http2-settings"];

/// Headers for one origin only.
const OF_THE_ORIGIN: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];
/// Headers that speak of a body.
const OF_THE_BODY: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE, header::CONTENT_LOCATION];

/// Whether only the host may set this header.
#[must_use]
pub fn is_of_the_connection(name: &HeaderName) -> bool {
    OF_THE_CONNECTION.contains(name)
        || OF_THE_CONNECTION_TOO.contains(&name.as_str())
        || name.as_str().starts_with("proxy-")
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Outgoing {
    /// An effect's request, with its idempotency key.
    pub(super) fn of_effect(request: &HttpRequest, key: &str) -> Result<Self, Failure> {
        let malformed = |why: String| Failure::new(Kind::Malformed, why);
        let url = Url::parse(&request.url).map_err(|error| malformed(format!("the URL: {error}")))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| malformed("the method is none: use POST, PUT, …".into()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| malformed(format!("{name:?} is no header's name")))?;
            // The value is not repeated: it may be a secret.
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

    /// Checks what is the same for every request.
    pub(super) fn new(
        method: Method,
        mut url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Self, Failure> {
        let malformed = |why: String| Failure::new(Kind::Malformed, why);
        if let Some(name) = headers.keys().find(|name| is_of_the_connection(name)) {
            return Err(malformed(format!("header {name} belongs to the connection: the host sets it")));
        }
        // `post` would be another method than `POST`, which nobody means.
        let upper = Method::from_bytes(method.as_str().to_ascii_uppercase().as_bytes());
        let method = upper.unwrap_or(method);
        if matches!(method, Method::CONNECT | Method::TRACE) {
            return Err(malformed(format!("method {method} is not for plugins")));
        }
        Origin::of(&url)?;
        url.set_fragment(None);
        // A URL that the client cannot take, for one because of its length.
        url.as_str().parse::<Uri>().map_err(|error| malformed(format!("the URL: {error}")))?;
        Ok(Self { method, url, headers, body })
    }

    /// The request that follows a redirect, as browsers make it (Fetch, "HTTP-redirect fetch").
    pub(super) fn redirected(&mut self, status: u16, to: Url) -> Result<(), Failure> {
        if self.url.scheme() == "https" && to.scheme() == "http" {
            let why = "it redirects from https to http, which is not followed";
            return Err(Failure::new(Kind::Redirects, why));
        }
        let becomes_get = match status {
            301 | 302 => self.method == Method::POST,
            303 => !matches!(self.method, Method::GET | Method::HEAD),
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.drop_headers(&OF_THE_BODY);
        }
        if to.origin() != self.url.origin() {
            self.drop_headers(&OF_THE_ORIGIN);
        }
        self.url = to;
        self.url.set_fragment(None);
        Ok(())
    }

    fn drop_headers(&mut self, names: &[HeaderName]) {
        for name in names {
            self.headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
        HttpRequest { method: method.into(), url: url.into(), headers, body: b"body".to_vec() }
    }

    fn outgoing(headers: &[(&str, &str)]) -> Outgoing {
        Outgoing::of_effect(&request("post", "https://a.example/x#y", headers), "key.1").unwrap()
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
    fn what_cannot_be_sent_is_refused_without_repeating_values() {
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
            let failure = Outgoing::of_effect(&request(method, url, &[header]), "key").unwrap_err();
            assert_eq!(failure.kind, Kind::Malformed);
            assert!(failure.detail.contains(part) && !failure.detail.contains("s3cret"), "{failure}");
        }
        let long = format!("https://a.example/{}", "x".repeat(70_000));
        assert!(Outgoing::of_effect(&request("GET", &long, &[]), "key").is_err());
    }

    #[test]
    fn redirects_change_method_and_headers_as_in_browsers() {
        let headers = [("authorization", "a"), ("cookie", "c"), ("content-type", "t"), ("x-own", "o")];
        let (same, other) = ("https://a.example/y", "https://b.example/y");
        for (status, to, method, kept) in [
            (301, same, "GET", "authorization cookie idempotency-key x-own"),
            (302, same, "GET", "authorization cookie idempotency-key x-own"),
            (303, other, "GET", "idempotency-key x-own"),
            (307, same, "POST", "authorization content-type cookie idempotency-key x-own"),
            (308, other, "POST", "content-type idempotency-key x-own"),
        ] {
            let mut made = outgoing(&headers);
            made.redirected(status, to.parse().unwrap()).unwrap();
            let mut names: Vec<&str> = made.headers.keys().map(HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!((made.method.as_str(), names.join(" ").as_str()), (method, kept), "{status} {to}");
            assert_eq!(made.body.is_empty(), method == "GET");
        }
        let mut put = outgoing(&[]);
        put.method = Method::PUT;
        put.redirected(302, same.parse().unwrap()).unwrap();
        assert_eq!((put.method.as_str(), &put.body[..]), ("PUT", &b"body"[..]));
        assert!(put.redirected(302, "http://a.example".parse().unwrap()).is_err());
    }
}
