//! Where a form was sent from. A page elsewhere, also one of another port of this machine, must not send one.

use axum::http::{HeaderMap, header};

use crate::config::Config;

/// Whether a form comes from a page of this host. Browsers say so in `Origin` and `Sec-Fetch-Site`; programs without
/// either have no cookies that a page could abuse.
pub(super) fn is_own(headers: &HeaderMap, config: &Config) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else { return true };
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = text(header::HOST.as_str()).unwrap_or_default();
    // A proxy may pass another `Host` on than the browser asked for. Then the names in the config decide.
    let (name, port) = authority.split_once(':').map_or((authority, None), |(name, port)| (name, Some(port)));
    let is_named = config.admin.hosts.contains(&name.to_ascii_lowercase());
    // Other ports of that name are other programs, except the one that the proxy was asked at.
    let is_its_port = port.is_none() || port == host.split_once(':').map(|(_, port)| port);
    authority.eq_ignore_ascii_case(host) || (is_named && is_its_port)
}

/// Whether a request came over HTTPS, as far as the browser says so.
pub(super) fn is_https(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| origin.starts_with("https://"))
}

/// A path of this host to go on to after a log-in, if the text is one.
pub(super) fn local_path(text: &str) -> Option<&str> {
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let goes_elsewhere = ["/login", "/logout"].iter().any(|path| {
        text.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '/', '#']))
    });
    (is_path && is_plain && !goes_elsewhere).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: header::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn a_form_of_another_origin_is_not_own() {
        let mut config = Config::default();
        config.admin.hosts = vec!["ops.example.gn".into()];
        let host = ("host", "localhost:8081");
        for (sent, is_own_form) in [
            (&[host][..], true),
            (&[host, ("origin", "http://localhost:8081")], true),
            (&[host, ("origin", "http://LOCALHOST:8081"), ("sec-fetch-site", "same-origin")], true),
            (&[host, ("origin", "https://ops.example.gn")], true),
            (&[host, ("origin", "https://ops.example.gn:8443")], false),
            (&[("host", "127.0.0.1:8443"), ("origin", "https://ops.example.gn:8443")], true),
            (&[host, ("origin", "http://ops.example.gn:3000")], false),
            (&[host, ("origin", "http://localhost:3000")], false),
            (&[host, ("origin", "http://localhost")], false),
            (&[host, ("origin", "http://127.0.0.1:8081")], false),
            (&[host, ("origin", "https://evil.example")], false),
            (&[host, ("origin", "https://ops.example.gn.evil.example")], false),
            (&[host, ("origin", "null")], false),
            (&[host, ("origin", "")], false),
            (&[host, ("sec-fetch-site", "same-site")], false),
            (&[host, ("sec-fetch-site", "cross-site")], false),
            (&[host, ("sec-fetch-site", "none")], false),
            (&[host, ("origin", "http://localhost:8081"), ("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(is_own(&headers(sent), &config), is_own_form, "{sent:?}");
        }
    }

    #[test]
    fn only_a_path_of_this_host_is_gone_on_to() {
        for path in ["/", "/events?search=0612&state=dead", "/events/moncreneau/evt_1#d1", "/loginx"] {
            assert_eq!(local_path(path), Some(path));
        }
        for other in [
            "",
            "events",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/\r\nx",
            " /",
            "javascript:alert(1)",
            "/login",
            "/login?next=/login",
            "/logout",
            "/é",
        ] {
            assert_eq!(local_path(other), None, "{other:?}");
        }
    }
}
