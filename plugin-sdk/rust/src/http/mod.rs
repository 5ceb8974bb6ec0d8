//! HTTP requests whose response the handler needs at once.
//!
//! A request is outside the handler's transaction. It is sent even if the handler fails afterwards, and
//! again with every attempt. Send requests without a needed response through the
//! [`outbox`](crate::outbox). The operator must grant the origin (`http` in the plugin's section of the
//! configuration). The time of the request counts as the handler's.
//!
//! ```no_run
//! use hookyard_plugin::{Failure, Result, http};
//!
//! fn look_up() -> Result {
//!     let answer = http::get("https://crm.example.gn/contacts/7").header("Accept", "text/plain").fetch()?;
//!     if !answer.is_success() {
//!         return Err(Failure::retry(format!("the CRM answered {}", answer.status)));
//!     }
//!     println!("{}", answer.text());
//!     Ok(())
//! }
//! ```

#[cfg(target_arch = "wasm32")]
mod host;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

#[cfg(not(target_arch = "wasm32"))]
use crate::test::http as host;

/// Begins a GET request.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// Begins a request.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    let (method, url) = (method.into(), url.into());
    Request { method, url, headers: Vec::new(), body: Vec::new(), timeout: None }
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nothing is sent before `fetch`"]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// An absolute URL with the scheme `http` or `https`.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// Empty means no body.
    pub body: Vec<u8>,
    /// The time limit for the connection, and again for the start of the response. The host has its own limit.
    pub timeout: Option<Duration>,
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a body of JSON, given as text or as a `serde_json::Value`, and its `Content-Type`.
    pub fn json(self, body: impl fmt::Display) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Limits the time for the connection, and again for the start of the response.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and waits for the whole response, whatever its status.
    ///
    /// # Errors
    /// Fails if there is no response.
    pub fn fetch(self) -> Result<Response, Error> {
        host::fetch(&self).map_err(|error| error.of(&self))
    }
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names and values, as received.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header with this name. Case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text. U+FFFD replaces invalid UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body, decoded from JSON.
    ///
    /// # Errors
    /// Fails if the body does not fit `T`.
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// The reason why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The request is invalid. With `?` in a handler, this error rejects the delivery.
    Invalid(String),
    /// The operator has not granted the destination. With `?` in a handler, this error rejects the delivery.
    Denied(String),
    /// The request failed and may succeed later. With `?` in a handler, this error requests another attempt.
    Failed(String),
}

impl Error {
    /// Names the request without its query, which may contain confidential data.
    fn of(self, Request { method, url, .. }: &Request) -> Self {
        let url = url.split('?').next().unwrap_or_default();
        let named = |text| format!("{method} {url}: {text}");
        match self {
            Self::Invalid(text) => Self::Invalid(named(text)),
            Self::Denied(text) => Self::Denied(named(text)),
            Self::Failed(text) => Self::Failed(named(text)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Invalid(text) | Self::Denied(text) | Self::Failed(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Error {}
