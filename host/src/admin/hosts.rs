//! The host names that the admin address answers to.
//!
//! A web page can resolve its own name to this machine (DNS rebinding), and then read the answers of the admin address
//! as its own. The browser still sends the page's name as `Host`, so only expected names are answered. Requests for a
//! change are also rejected if they come from a page of another origin.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch as channel;

use super::Problem;
use crate::config::Config;

/// The host names of the admin address.
#[derive(Debug, Clone)]
pub struct Hosts {
    listen: IpAddr,
    config: channel::Receiver<Arc<Config>>,
}

impl Hosts {
    /// The loopback names, the address that is listened on, and the current `admin.hosts`.
    #[must_use]
    pub fn new(listen: IpAddr, config: channel::Receiver<Arc<Config>>) -> Self {
        Self { listen, config }
    }

    /// Whether the name in an authority, with or without a port, is one of these.
    fn is_known(&self, authority: &str) -> bool {
        let Some(name) = host_name(authority) else { return false };
        if self.config.borrow().admin.hosts.contains(&name) {
            return true;
        }
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match address {
            // A page from an address has that address as its name: rebinding needs a DNS name.
            Ok(address) => address.is_loopback() || address == self.listen || self.listen.is_unspecified(),
            Err(_) => name == "localhost",
        }
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut hosts = headers.get_all(header::HOST).iter().map(|host| host.to_str().ok());
        let (host, more) = (hosts.next(), hosts.next());
        if more.is_some() {
            return Err(Problem::bad_request("the request has more than one `Host` header"));
        }
        // HTTP/1.0 requests may have none; no browser sends them.
        let named = [host, uri.authority().map(|authority| Some(authority.as_str()))];
        for name in named.into_iter().flatten() {
            if !name.is_some_and(|name| self.is_known(name)) {
                return Err(Problem::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    "the `Host` of this request is not a name of this host: use `localhost` or its address, or add \
                     the name to `admin.hosts` in the config",
                ));
            }
        }
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let is_foreign = |origin: &str| origin.split_once("://").is_none_or(|(_, host)| !self.is_known(host));
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
        let site = headers.get("sec-fetch-site").map(axum::http::HeaderValue::as_bytes);
        if origin.is_some_and(is_foreign) || site == Some(b"cross-site") {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "a page of another origin may not change anything here: add its host to `admin.hosts` in the config \
                 if it may",
            ));
        }
        Ok(())
    }
}

/// The name in an authority, in lower case, without port and trailing dot.
fn host_name(authority: &str) -> Option<String> {
    let (name, port) = match authority.rsplit_once(':') {
        // In an IPv6 address a colon precedes a port only after the bracket.
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (authority, ""),
    };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.strip_suffix('.').unwrap_or(name);
    (is_port && !name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// Passes requests on that are meant for this host.
pub(super) async fn require(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match hosts.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(listen: &str, names: &[&str]) -> Hosts {
        let mut config = Config::default();
        config.admin.hosts = names.iter().map(|&name| name.to_owned()).collect();
        Hosts::new(listen.parse().unwrap(), channel::Sender::new(Arc::new(config)).subscribe())
    }

    fn status(hosts: &Hosts, method: &Method, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        hosts.check(method, &uri.parse().unwrap(), &map).map_or_else(|problem| problem.status, |()| 200)
    }

    #[test]
    fn accepts_only_expected_host_names() {
        let (local, wide) = (hosts("127.0.0.1", &["ops.example.gn"]), hosts("0.0.0.0", &[]));
        let inner = hosts("10.0.0.5", &[]);
        for (hosts, host, expected) in [
            (&local, "localhost", 200),
            (&local, "localhost:8081", 200),
            (&local, "LOCALHOST.:8081", 200),
            (&local, "127.0.0.1:1", 200),
            (&local, "127.8.8.8", 200),
            (&local, "[::1]:8081", 200),
            (&local, "[::1]", 200),
            (&local, "ops.example.gn", 200),
            (&local, "OPS.example.gn:443", 200),
            (&local, "evil.example", 421),
            (&local, "evil.example:8081", 421),
            (&local, "localhost.evil.example", 421),
            (&local, "127.0.0.1.evil.example", 421),
            (&local, "x.ops.example.gn", 421),
            (&local, "10.0.0.5", 421),
            (&local, "", 421),
            (&local, ":8081", 421),
            (&local, "localhost:evil", 421),
            (&local, "user@localhost", 421),
            (&inner, "10.0.0.5:8081", 200),
            (&inner, "localhost", 200),
            (&inner, "10.0.0.6", 421),
            (&wide, "10.0.0.6:8081", 200),
            (&wide, "[fd00::1]:8081", 200),
            (&wide, "evil.example", 421),
        ] {
            assert_eq!(status(hosts, &Method::GET, "/metrics", &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status(&local, &Method::GET, "/metrics", &[]), 200, "HTTP/1.0");
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(status(&local, &Method::GET, "/metrics", &twice), 400);
        let local_host = [("host", "localhost")];
        assert_eq!(status(&local, &Method::GET, "http://evil.example/metrics", &local_host), 421);
        assert_eq!(status(&local, &Method::GET, "http://localhost/metrics", &local_host), 200);
    }

    #[test]
    fn rejects_changes_by_a_page_of_another_origin() {
        let hosts = hosts("127.0.0.1", &["ops.example.gn"]);
        for (header, value, post) in [
            ("origin", "http://localhost:8081", 200),
            ("origin", "https://ops.example.gn", 200),
            ("origin", "https://evil.example", 403),
            ("origin", "null", 403),
            ("sec-fetch-site", "same-origin", 200),
            ("sec-fetch-site", "cross-site", 403),
        ] {
            let headers = [("host", "localhost"), (header, value)];
            assert_eq!(status(&hosts, &Method::POST, "/api/v1/replays", &headers), post, "{value}");
            assert_eq!(status(&hosts, &Method::GET, "/api/v1/events", &headers), 200, "{value}");
        }
    }
}
