//! Pooled connections to the operator's SMTP server.
//!
//! The library has a pool, but its connections have no time limit. A connection whose email timed out would return to
//! it, and the reply to that email would be read as the reply to the next one. Here a session owns its connection, and
//! the connection returns to the pool only after a complete email.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{Error, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;
use url::Url;

use super::bounded::BoundedStream;
use super::failure::{FailureKind, OutboundFailure};
use crate::secrets::Mask;

/// The most idle connections, and the longest idle time.
const IDLE_MAX: usize = 8;
const IDLE_TIME: Duration = Duration::from_secs(30);
/// The expected replies to most commands, and to `DATA`.
const OK: u16 = 250;
const GO_ON: u16 = 354;
/// "Authentication required" (RFC 4954): an error in the host's configuration, not in the email.
const AUTHENTICATION_REQUIRED: &str = "530";

/// The server, as `email.smtp` names it.
pub(super) struct Server {
    host: String,
    port: u16,
    security: Security,
    /// The error is why this machine has no TLS; `None` without TLS.
    tls: Result<Option<TlsParameters>, String>,
    credentials: Option<Credentials>,
    /// Redacts the password in messages.
    mask: Mask,
    hello: ClientId,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// No TLS.
    Plain,
    /// `STARTTLS`, required.
    StartTls,
    /// `STARTTLS`, if the server offers it.
    StartTlsIfOffered,
    /// TLS from the start.
    Tls,
}

impl Server {
    /// Parses `smtps://USER:PASSWORD@HOST:PORT`, `smtp://…?tls=required` or `smtp://…`.
    ///
    /// # Errors
    /// The error, without the URL, which holds a password.
    pub(super) fn of(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let tls = url.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
        let (security, own_port) = match (url.scheme(), tls.as_deref()) {
            ("smtp", None) => (Security::Plain, SMTP_PORT),
            ("smtp", Some("required")) => (Security::StartTls, SUBMISSION_PORT),
            ("smtp", Some("opportunistic")) => (Security::StartTlsIfOffered, SUBMISSION_PORT),
            ("smtps", None) => (Security::Tls, SUBMISSIONS_PORT),
            _ => return Err("use smtps://HOST, smtp://HOST?tls=required or smtp://HOST".into()),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        let plain = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8().map_err(|_| "the password is not UTF-8");
            decoded.map(std::borrow::Cow::into_owned)
        };
        let (credentials, mask) = match url.password() {
            Some(password) => {
                let password = plain(password)?;
                let mask = Mask::new(&BTreeMap::from([("email.smtp".to_owned(), password.clone())]));
                (Some(Credentials::new(plain(url.username())?, password)), mask)
            }
            None if url.username().is_empty() => (None, Mask::default()),
            None => return Err("it has a user and no password".into()),
        };
        let tls = match security {
            Security::Plain => Ok(None),
            _ => TlsParameters::new(host.into()).map(Some).map_err(|error| error.to_string()),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        let (port, hello) = (url.port().unwrap_or(own_port), ClientId::default());
        Ok(Self { host, port, security, tls, credentials, mask, hello, idle: Mutex::default() })
    }

    /// A session with an open connection. Dropping the session closes the connection.
    ///
    /// # Errors
    /// If the server is unreachable or refuses this host.
    pub(super) async fn session(&self) -> Result<Session<'_>, OutboundFailure> {
        while let Some(mut connection) = self.take() {
            if connection.test_connected().await {
                return Ok(Session { server: self, connection });
            }
        }
        Ok(Session { server: self, connection: self.connect().await? })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, OutboundFailure> {
        let failed = |error: Error| match error.status() {
            // A reply before the email concerns this host.
            Some(_) => {
                let said = self.describe_reply(&error);
                OutboundFailure::new(FailureKind::Host, format!("the SMTP server refuses this host: {said}"))
            }
            None => self.explain(&error),
        };
        let at_once = self.tls.as_ref().ok().cloned().flatten().filter(|_| self.security == Security::Tls);
        let to = (self.host.as_str(), self.port);
        let mut connection = if at_once.is_some() {
            // TLS has authenticated the server, so its replies need no limit.
            AsyncSmtpConnection::connect_tokio1(to, None, &self.hello, at_once, None).await.map_err(failed)?
        } else {
            let stream = TcpStream::connect(to).await.map_err(|error| {
                let detail = format!("no connection to the SMTP server {}:{}: {error}", self.host, self.port);
                OutboundFailure::new(FailureKind::Unreachable, detail)
            })?;
            let stream = Box::new(BoundedStream::new(stream));
            AsyncSmtpConnection::connect_with_transport(stream, &self.hello).await.map_err(failed)?
        };
        let upgrade = match self.security {
            Security::Plain | Security::Tls => false,
            Security::StartTls => true,
            Security::StartTlsIfOffered => connection.can_starttls(),
        };
        if let (true, Ok(Some(tls))) = (upgrade, &self.tls) {
            connection.starttls(tls.clone(), &self.hello).await.map_err(failed)?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await.map_err(failed)?;
        }
        Ok(connection)
    }

    /// The failure of every email on a machine without TLS.
    pub(super) fn unusable(&self) -> Option<OutboundFailure> {
        let why = self.tls.as_ref().err()?;
        Some(OutboundFailure::new(
            FailureKind::Host,
            format!("no email can be sent: TLS on this machine: {why}"),
        ))
    }

    fn explain(&self, error: &Error) -> OutboundFailure {
        let said = self.describe_reply(error);
        if is_final(error) {
            return OutboundFailure::new(FailureKind::Refused, said);
        }
        if error.status().is_some() {
            return OutboundFailure::new(FailureKind::Host, said);
        }
        let detail = format!("the SMTP server {}:{} took no email: {said}", self.host, self.port);
        let kind =
            if detail.contains("certificate") { FailureKind::Certificate } else { FailureKind::Broken };
        OutboundFailure::new(kind, detail)
    }

    /// The server's reply, or the error.
    fn describe_reply(&self, error: &Error) -> String {
        let source = std::error::Error::source(error).map(ToString::to_string);
        let text = match error.status() {
            Some(code) => format!("{code} {}", source.unwrap_or_default()),
            None => source.unwrap_or_else(|| error.to_string()),
        };
        self.mask.hide(&text).into_owned()
    }

    fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_TIME);
        Some(idle.pop()?.0)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.has_broken() && idle.len() < IDLE_MAX {
            idle.push((connection, Instant::now()));
        }
    }
}

impl TransmissionResult {
    /// The result of an email without remaining recipients.
    pub(super) fn without_recipients() -> Self {
        let answer = Ok(String::new());
        Self { accepted: Vec::new(), refused: Vec::new(), deferred: Vec::new(), answer }
    }
}

/// A connection in use for one email.
pub(super) struct Session<'a> {
    server: &'a Server,
    connection: AsyncSmtpConnection,
}

/// The server's replies to an email and to each of its recipients.
#[derive(Debug)]
pub(super) struct TransmissionResult {
    /// Accepted recipients. Without any, the email was not sent.
    pub(super) accepted: Vec<Address>,
    /// Permanently refused recipients, and the replies.
    pub(super) refused: Vec<(Address, String)>,
    /// Temporarily refused recipients, and the replies.
    pub(super) deferred: Vec<(Address, String)>,
    /// The reply to the email.
    pub(super) answer: Result<String, OutboundFailure>,
}

impl Session<'_> {
    /// Whether the server takes addresses that are not ASCII (RFC 6531).
    pub(super) fn supports_utf8(&self) -> bool {
        let has = |extension| self.connection.server_info().supports_feature(extension);
        has(Extension::SmtpUtfEight) && has(Extension::EightBitMime)
    }

    /// Hands one email over, for all recipients that the server takes.
    ///
    /// # Errors
    /// Why the server has it for nobody, or why that is not known.
    pub(super) async fn transmit(
        mut self,
        from: &Address,
        to: &[Address],
        message: &[u8],
    ) -> Result<TransmissionResult, OutboundFailure> {
        let mut parameters = Vec::new();
        if !message.is_ascii() {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if !message.is_ascii() || !to.iter().all(|to| AsRef::<str>::as_ref(to).is_ascii()) {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        self.command(Mail::new(Some(from.clone()), parameters), OK).await?;
        let (mut accepted, mut refused, mut deferred) = (Vec::new(), Vec::new(), Vec::new());
        for to in to {
            match self.connection.command(Rcpt::new(to.clone(), Vec::new())).await {
                Ok(_) => accepted.push(to.clone()),
                Err(error) if is_final(&error) => {
                    refused.push((to.clone(), self.server.describe_reply(&error)));
                }
                Err(error) if error.status().is_some() => {
                    deferred.push((to.clone(), self.server.describe_reply(&error)));
                }
                Err(error) => return Err(self.server.explain(&error)),
            }
        }
        let answer = if accepted.is_empty() { Ok(String::new()) } else { self.send(message).await };
        Ok(TransmissionResult { accepted, refused, deferred, answer })
    }

    async fn send(mut self, message: &[u8]) -> Result<String, OutboundFailure> {
        // An answer that belongs to another command is found here: no other has this code.
        self.command(Data, GO_ON).await?;
        let response = self.connection.message(message).await.map_err(|error| self.server.explain(&error))?;
        let said: Vec<&str> = response.message().collect();
        let said = format!("{} {}", response.code(), said.join(" "));
        self.server.keep(self.connection);
        Ok(said)
    }

    async fn command(&mut self, command: impl Display, code: u16) -> Result<(), OutboundFailure> {
        let response = self.connection.command(command).await;
        let response = response.map_err(|error| self.server.explain(&error))?;
        if response.has_code(code) {
            return Ok(());
        }
        let detail = format!("the SMTP server said {} where {code} is due", response.code());
        Err(OutboundFailure::new(FailureKind::Broken, detail))
    }
}

/// Whether the server will say so every time.
fn is_final(error: &Error) -> bool {
    error.is_permanent() && error.status().is_some_and(|code| code.to_string() != AUTHENTICATION_REQUIRED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<(String, u16, Security, bool), String> {
        Server::of(url)
            .map(|server| (server.host, server.port, server.security, server.credentials.is_some()))
    }

    #[test]
    fn the_url_has_host_port_security_and_credentials() {
        for (url, host, port, security, user) in [
            ("smtp://mail.example.gn", "mail.example.gn", 25, Security::Plain, false),
            ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, Security::Plain, false),
            ("smtp://[::1]:2525", "::1", 2525, Security::Plain, false),
            ("smtp://u:p%40ss@m.example?tls=required", "m.example", 587, Security::StartTls, true),
            ("smtp://m.example?tls=opportunistic", "m.example", 587, Security::StartTlsIfOffered, false),
            ("smtps://u:p@m.example", "m.example", 465, Security::Tls, true),
        ] {
            assert_eq!(server(url), Ok((host.into(), port, security, user)), "{url}");
        }
    }

    #[test]
    fn an_invalid_url_is_refused_without_its_password() {
        for url in [
            "mail.example.gn",
            "http://u:hunter2@m.example",
            "smtp://u:hunter2@m.example?tls=yes",
            "smtps://u:hunter2@m.example?tls=required",
            "smtp://hunter2@m.example",
            "smtp://u:hunter2%ff@m.example",
            "smtp:///",
        ] {
            let why = server(url).unwrap_err();
            assert!(!why.contains("hunter2"), "{url}: {why}");
        }
    }
}
