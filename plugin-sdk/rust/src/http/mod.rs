//! HTTP at once, for an answer that the handler needs now.
//!
//! This is outside the handler's transaction: the request goes out even if the handler fails afterwards,
//! and goes out again with every further attempt. What only has to reach somebody belongs in the
//! [`outbox`](crate::outbox). The origin has to be granted (`http` in the plugin's section of the
//! operator's configuration), and the time counts as the handler's.
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

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nothing is sent before `fetch`"]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Empty = none.
    pub body: Vec<u8>,
    /// How long it may take to connect, and then to begin to answer; the host has a limit of its own.
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

    /// Limits how long it may take to connect, and then to begin to answer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it, and waits for the whole answer. Any status is an answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn fetch(self) -> Result<Response, Error> {
        host::fetch(&self).map_err(|error| error.of(&self))
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200 and so on.
    pub status: u16,
    /// Names and values, as they came.
    pub headers: Vec<(String, String)>,
    /// What came, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, however it is spelt.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body, read from JSON.
    ///
    /// # Errors
    /// When it does not fit `T`.
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// It is no request that could be sent. By `?` in a handler it rejects the delivery.
    Invalid(String),
    /// The operator has not granted the destination. By `?` in a handler it rejects the delivery.
    Denied(String),
    /// It failed, and may succeed later. By `?` in a handler it asks for another try.
    Failed(String),
}

impl Error {
    /// Names the request, without the query: that may hold what is nobody's business.
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
