//! The `deserialize_with` functions of single keys, which check the form of a text. Errors name the
//! valid form; the reader of the file adds key, value and line.

use std::collections::BTreeMap;

use http::HeaderName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::values::{EVENT_TYPE_MAX_BYTES, Secret};
use crate::event::Name;

/// The path in `sqlite:PATH`.
pub(super) fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    Some(path.strip_prefix("//").unwrap_or(path))
}

pub(super) fn database_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let url = String::deserialize(deserializer)?;
    match sqlite_path(&url) {
        Some("" | ":memory:") => {
            Err(D::Error::custom("events must outlive the process: name a file, `sqlite:PATH`"))
        }
        Some(path) if path.contains('?') => {
            Err(D::Error::custom("nothing may follow the path: write `sqlite:PATH`"))
        }
        Some(_) => Ok(url),
        // The value is not repeated: a URL may hold a password.
        None => Err(D::Error::custom("this version stores in SQLite only: write `sqlite:PATH`")),
    }
}

pub(super) fn header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HeaderName>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| D::Error::custom(format!("`{text}` is no header name"));
    HeaderName::from_bytes(text.as_bytes()).map(Some).map_err(wrong)
}

pub(super) fn prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let visible = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if text.starts_with(' ') || !visible {
        return Err(D::Error::custom("use visible ASCII characters, and no space in front"));
    }
    Ok(Some(text))
}

/// The name of a parameter of a query, which is sent as it is written.
pub(super) fn query_parameter<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || !text.chars().all(is_plain) {
        return Err(D::Error::custom("use letters, digits, `-`, `_` and `.`, as in `bodySHA256`"));
    }
    Ok(Some(text))
}

pub(super) fn package<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && !word.ends_with('-')
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !text.split_once(':').is_some_and(|(namespace, name)| word(namespace) && word(name)) {
        return Err(D::Error::custom(format!(
            "`{text}` is no WIT package: write `namespace:name` without a version"
        )));
    }
    Ok(Some(text))
}

pub(super) fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    event_types(deserializer).map(Some)
}

pub(super) fn event_types<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let patterns = Vec::<String>::deserialize(deserializer)?;
    for pattern in &patterns {
        let fixed = if pattern == "*" { "x" } else { pattern.strip_suffix(".*").unwrap_or(pattern) };
        let plain =
            !fixed.is_empty() && !fixed.contains(|c: char| c == '*' || c.is_whitespace() || c.is_control());
        if !plain || pattern.len() > EVENT_TYPE_MAX_BYTES {
            return Err(D::Error::custom(format!(
                "`{pattern}` is no event type: write `appointment.created`, `appointment.*` or `*`"
            )));
        }
    }
    Ok(patterns)
}

pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let written = Vec::<String>::deserialize(deserializer)?;
    let checked = written.iter().map(|text| {
        origin(text).ok_or_else(|| {
            let shown = without_passwords(text);
            let hint = if shown == *text { "" } else { "; a password belongs into `secrets`" };
            D::Error::custom(format!(
                "`{shown}` is no origin: write `https://host` or `https://host:port`, nothing else{hint}"
            ))
        })
    });
    checked.collect()
}

/// Secrets by origin.
pub(super) fn origin_secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Secret>, D::Error> {
    let written = BTreeMap::<String, Secret>::deserialize(deserializer)?;
    let checked = written.into_iter().map(|(text, secret)| {
        let shown = without_passwords(&text);
        let wrong = || {
            D::Error::custom(format!("`{shown}` is no origin: write `https://host` or `https://host:port`"))
        };
        Ok((origin(&text).ok_or_else(wrong)?, secret))
    });
    checked.collect()
}

/// The base URL of an OpenTelemetry collector, without a slash at its end.
pub(super) fn collector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let is_base = |url: &url::Url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    match url::Url::parse(&text) {
        Ok(url) if is_base(&url) => Ok(Some(url.as_str().trim_end_matches('/').to_owned())),
        _ => {
            let shown = without_passwords(&text);
            Err(D::Error::custom(format!(
                "`{shown}` is no collector: write `http://127.0.0.1:4318`, without user, password and query; \
                 a token belongs into `headers`"
            )))
        }
    }
}

/// The URL of the host as senders see it, without a slash at its end.
pub(super) fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    origin(text.trim_end_matches('/')).map(Some).ok_or_else(|| {
        let shown = without_passwords(&text);
        D::Error::custom(format!("`{shown}` is no address of a host: write `https://hooks.example.gn`"))
    })
}

/// The type of an event.
pub(super) fn event_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || text.len() > EVENT_TYPE_MAX_BYTES || text.chars().any(char::is_control) {
        return Err(D::Error::custom(format!(
            "use 1 to {EVENT_TYPE_MAX_BYTES} bytes without control characters, such as `order.paid`"
        )));
    }
    Ok(Some(text))
}

/// Headers of requests, whose values are secrets.
pub(super) fn secret_headers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Secret>, D::Error> {
    let headers = BTreeMap::<String, Secret>::deserialize(deserializer)?;
    match headers.keys().find(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
        Some(wrong) => Err(D::Error::custom(format!("`{wrong}` is no header's name"))),
        None => Ok(headers),
    }
}

/// `*`, `*@domain` or an address: lower case, so that equal is equal.
pub(super) fn recipients<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let written = Vec::<String>::deserialize(deserializer)?;
    let recipient = |text: &String| {
        let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c == '*' || c.is_whitespace());
        let known = text == "*"
            || text.rsplit_once('@').is_some_and(|(local, domain)| {
                (local == "*" || plain(local)) && plain(domain) && !domain.contains('@')
            });
        let wrong = || format!("`{text}` is no recipient: write `*`, `*@example.org` or an address");
        if known { Ok(text.to_lowercase()) } else { Err(D::Error::custom(wrong())) }
    };
    written.iter().map(recipient).collect()
}

/// Addresses of people: `recipients` without patterns.
pub(super) fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let addresses = recipients(deserializer)?;
    match addresses.iter().find(|address| address.contains('*')) {
        Some(pattern) => Err(D::Error::custom(format!("`{pattern}` is no address: write `ops@example.org`"))),
        None => Ok(addresses),
    }
}

/// Names, or beginnings of names with `*` at the end.
pub(super) fn name_patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let patterns = Vec::<String>::deserialize(deserializer)?;
    let is_pattern = |text: &String| {
        let beginning = text.strip_suffix('*');
        beginning == Some("") || Name::new(beginning.unwrap_or(text)).is_ok()
    };
    match patterns.iter().find(|pattern| !is_pattern(pattern)) {
        Some(wrong) => Err(D::Error::custom(format!("`{wrong}` is no name: write `sms`, `sms-*` or `*`"))),
        None => Ok(patterns),
    }
}

/// Names of hosts without ports: lower case, so that equal is equal.
pub(super) fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let written = Vec::<String>::deserialize(deserializer)?;
    let checked = written.iter().map(|text| {
        let name = text.to_ascii_lowercase();
        let is_name = origin(&format!("http://{name}"))
            .is_some_and(|origin| origin.len() == "http://".len() + name.len());
        let has_port = name.strip_prefix('[').map_or(name.contains(':'), |rest| !rest.ends_with(']'));
        if is_name && !has_port {
            return Ok(name);
        }
        Err(D::Error::custom(format!(
            "`{text}` is not a name of a host: write `ops.example.gn`, without a scheme and a port"
        )))
    });
    checked.collect()
}

/// A text for an error, without the user and the password of URLs in it.
pub(super) fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://").map(|at| at + 3) {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        // A password may have anything in it that a careless writer did not encode.
        let end = rest.find(|c: char| c.is_whitespace() || "\"'`".contains(c)).unwrap_or(rest.len());
        if let Some(user) = rest[..end].rfind('@') {
            shown.push_str("(hidden)");
            rest = &rest[user..];
        }
    }
    shown.push_str(rest);
    shown
}

/// `http(s)://host[:port]` in lower case, without the scheme's own port, so that equal is equal.
fn origin(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://")?;
    let own_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (&authority[..address.len() + 2], port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let named = !host.is_empty() && host.chars().all(plain) && !host.starts_with(['.', '-']);
    if !host.starts_with('[') && !named {
        return None;
    }
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<u16>().ok()?,
        None if port.is_empty() => own_port,
        _ => return None,
    };
    match port {
        0 => None,
        port if port == own_port => Some(format!("{scheme}://{host}")),
        port => Some(format!("{scheme}://{host}:{port}")),
    }
}

/// `{ sender = "x", n = 3, on = true }`: a plugin reads text, so scalars become text.
pub(super) fn scalars<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "use text, a number, true or false")]
    enum Scalar {
        Text(String),
        Integer(i64),
        Float(f64),
        Switch(bool),
    }
    let written = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
    let text = |scalar| match scalar {
        Scalar::Text(text) => text,
        Scalar::Integer(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Switch(on) => on.to_string(),
    };
    Ok(written.into_iter().map(|(key, scalar)| (key, text(scalar))).collect())
}

pub(super) fn filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    // A single word would be taken for a target, so a misspelt level would have no effect and cause no
    // error.
    let level = |part: &str| {
        part.contains(['=', '[']) || part.trim().parse::<tracing::level_filters::LevelFilter>().is_ok()
    };
    match tracing_subscriber::EnvFilter::builder().parse(&text) {
        Ok(_) if text.split(',').all(level) && !text.trim().is_empty() => Ok(text),
        _ => Err(D::Error::custom(
            "use error, warn, info, debug, trace, off, or a filter such as `info,hookyard=debug`",
        )),
    }
}

pub(super) fn plugin_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "error" | "warn" | "info" | "debug" | "trace" | "off" => Ok(text),
        _ => Err(D::Error::custom("use error, warn, info, debug, trace or off")),
    }
}
