//! Signs events and sends them, as a provider would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::client;
use super::failure::Failure;
use super::sign::Signer;
use crate::config::Reply;

/// Sends to one webhook URL.
#[derive(Clone)]
pub(super) struct Sender {
    http: reqwest::Client,
    url: String,
    signer: Signer,
}

/// A host's answer to one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    /// The event's id, from the sender or the host.
    pub(super) event: Option<String>,
    /// The HTTP status.
    pub(super) http_status: u16,
    /// `accepted`, `duplicate`, `conflict`, `unauthorized` and so on; `acknowledged` or `rejected` where the source's
    /// answers do not say more.
    pub(super) status: String,
    /// The number of deliveries that were committed with it.
    pub(super) deliveries: Option<u64>,
    /// The reason why it was not accepted.
    pub(super) reason: Option<String>,
}

/// The shown part of an answer's JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    status: Option<String>,
    event: Option<String>,
    deliveries: Option<u64>,
    reason: Option<String>,
}

impl Answer {
    /// Whether it was 2xx.
    #[must_use]
    pub(super) fn is_accepted(&self) -> bool {
        (200..300).contains(&self.http_status)
    }

    fn new(id: Option<String>, http_status: u16, text: &[u8], reply: Option<&Reply>) -> Self {
        let body: Body = serde_json::from_slice(text).unwrap_or_default();
        let without_status = || match reply {
            Some(reply) if is_reply(reply, http_status, text) => "acknowledged",
            Some(Reply::Empty) if text.is_empty() => "rejected",
            _ => "not an answer of hookyard",
        };
        Self {
            event: body.event.or(id),
            http_status,
            status: body.status.unwrap_or_else(|| without_status().into()),
            deliveries: body.deliveries,
            reason: body.reason,
        }
    }
}

/// Whether an answer is the one by which the source acknowledges an event.
fn is_reply(reply: &Reply, http_status: u16, text: &[u8]) -> bool {
    reply.status() == http_status && reply.body().is_some_and(|body| body.as_bytes() == text)
}

impl Sender {
    /// Sends to `url`, signed by `signer`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(url: String, signer: Signer) -> Result<Self, Failure> {
        Ok(Self { http: client::http(&url)?, url, signer })
    }

    /// Signs and sends one event.
    ///
    /// # Errors
    /// When the host does not answer.
    pub(super) async fn send(
        &self,
        id: Option<String>,
        event_type: Option<&str>,
        body: impl Into<bytes::Bytes>,
    ) -> Result<Answer, Failure> {
        let signed = self.signer.sign(id.as_deref(), event_type, body.into())?;
        let url = append_query(&self.url, signed.query.as_deref());
        let request = self.http.post(url).headers(signed.headers).body(signed.body);
        let response = request.send().await.map_err(|error| self.explain_unreachable(&error))?;
        let status = response.status().as_u16();
        let answer = response.bytes().await.map_err(|error| self.explain_unreachable(&error))?;
        Ok(Answer::new(id, status, &answer, self.signer.reply()))
    }

    /// The same request as a command for a shell.
    ///
    /// # Errors
    /// As [`Sender::send`] has them for the signature.
    pub(super) fn curl(&self, id: &str, event_type: &str, body: String) -> Result<String, Failure> {
        let signed = self.signer.sign(Some(id), Some(event_type), body.into())?;
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("-H {}", quote(&format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))))
        };
        let headers: Vec<_> = signed.headers.iter().map(header).collect();
        let url = quote(&append_query(&self.url, signed.query.as_deref()));
        let headers = headers.join(" \\\n    ");
        let body = quote(&String::from_utf8_lossy(&signed.body));
        Ok(format!("curl -sS {url} \\\n    {headers} \\\n    --data-binary {body}"))
    }

    fn explain_unreachable(&self, error: &reqwest::Error) -> Failure {
        let url = &self.url;
        if error.is_builder() {
            return Failure::Usage(format!(
                "`{url}` is no URL ({}): give http://HOST:PORT, or a whole webhook URL",
                client::innermost(error)
            ));
        }
        if error.is_connect() {
            return Failure::Failed(format!(
                "nothing answers at {url} ({}): start it with `hookyard serve`, \
                 or say where it is with --to URL",
                client::innermost(error)
            ));
        }
        Failure::Failed(format!("{url}: {}", client::innermost(error)))
    }
}

/// The URL, with a query after its own if it has one.
fn append_query(url: &str, query: Option<&str>) -> String {
    let Some(query) = query else { return url.to_owned() };
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{query}")
}

/// The webhook address of `source`. `to` is a whole URL, or a host's address to complete.
#[must_use]
pub(super) fn webhook_url(to: Option<&str>, listen: SocketAddr, source: &str) -> String {
    let base = to.map_or_else(|| base_url(listen), str::to_owned);
    match reqwest::Url::parse(&base) {
        Ok(url) if url.path() == "/" => {
            format!("{}/webhooks/{source}", base.trim_end_matches('/'))
        }
        _ => base,
    }
}

/// The URL of a host that listens on this address.
#[must_use]
pub(super) fn base_url(listen: SocketAddr) -> String {
    format!("http://{}", reachable(listen))
}

/// An address to connect to: the loopback one if the host listens on all interfaces.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let local = match listen.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let ip = if listen.ip().is_unspecified() { local } else { listen.ip() };
    SocketAddr::new(ip, listen.port())
}

/// How to run an event once a plugin handles it. An id that means something to a shell is not part of the command.
pub(super) fn replay_command(id: &str) -> String {
    let is_plain = id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c));
    format!("hookyard event replay {}", if is_plain { id } else { "ID" })
}

/// Quoted for a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_answer_of_a_host() {
        let body = br#"{"status":"accepted","event":"evt_1","deliveries":2}"#;
        let answer = Answer::new(Some("evt_1".into()), 202, body, None);
        assert!(answer.is_accepted());
        assert_eq!((answer.status.as_str(), answer.deliveries), ("accepted", Some(2)));
        let answer = Answer::new(Some("evt_1".into()), 502, b"<html>", None);
        assert!(!answer.is_accepted());
        assert_eq!(answer.event.as_deref(), Some("evt_1"));
    }

    #[test]
    fn an_answer_in_the_form_of_the_source_is_told_from_that_of_another_server() {
        let text = Reply::Text("[accepted]".into());
        let other = "not an answer of hookyard";
        for (http_status, body, reply, expected) in [
            (200, "[accepted]", Some(&text), "acknowledged"),
            (200, "<html>", Some(&text), other),
            (404, "[accepted]", Some(&text), other),
            (204, "", Some(&Reply::NoContent), "acknowledged"),
            (204, "", None, other),
            (200, "", Some(&Reply::Empty), "acknowledged"),
            (401, "", Some(&Reply::Empty), "rejected"),
            (200, r#"{"status":"duplicate"}"#, Some(&Reply::Json(http::StatusCode::OK)), "duplicate"),
        ] {
            let answer = Answer::new(None, http_status, body.as_bytes(), reply);
            assert_eq!(answer.status, expected, "{http_status} {body} {reply:?}");
        }
    }

    #[test]
    fn completes_an_address_and_keeps_a_url() {
        let listen = "0.0.0.0:8080".parse().unwrap();
        let cases = [
            (None, "http://127.0.0.1:8080/webhooks/m"),
            (Some("http://h:1"), "http://h:1/webhooks/m"),
            (Some("http://h:1/"), "http://h:1/webhooks/m"),
            (Some("https://h/in/x"), "https://h/in/x"),
        ];
        for (to, expected) in cases {
            assert_eq!(webhook_url(to, listen, "m"), expected);
        }
    }

    #[test]
    fn appends_a_query_to_a_url_with_or_without_one() {
        for (url, query, expected) in [
            ("https://h/in", None, "https://h/in"),
            ("https://h/in", Some("a=1"), "https://h/in?a=1"),
            ("https://h/in?b=2", Some("a=1"), "https://h/in?b=2&a=1"),
        ] {
            assert_eq!(append_query(url, query), expected);
        }
    }

    #[test]
    fn a_command_to_copy_contains_no_id_with_a_meaning_of_its_own() {
        for (id, shown) in
            [("evt_1", "evt_1"), ("a.b:c-1", "a.b:c-1"), ("--all", "ID"), ("$(x)", "ID"), ("", "ID")]
        {
            assert_eq!(replay_command(id), format!("hookyard event replay {shown}"));
        }
    }

    #[test]
    fn quotes_a_word_for_a_shell() {
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
