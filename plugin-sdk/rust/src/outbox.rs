//! Effects: HTTP requests, emails and events that the host sends after the event is handled.
//!
//! No effect leaves while a handler runs. If the handler returns ok, the host commits its transaction and
//! then attempts each effect, at least once, with the same `Idempotency-Key` on every attempt. Every function
//! here returns that key.
//!
//! ```
//! use hookyard_plugin::{Result, outbox};
//!
//! fn tell(name: &str) -> Result {
//!     outbox::http("POST", "https://sms.example.gn/messages")
//!         .header("Authorization", "Bearer secret")
//!         .json(r#"{"to":"+224621234567"}"#)
//!         .send()?;
//!     outbox::email("desk@example.gn").subject("A visitor").text(format!("{name} is here.")).send()?;
//!     outbox::emit("visitor.arrived", r#"{"desk":1}"#)?;
//!     Ok(())
//! }
//! # tell("Jean Dupont").unwrap();
//! ```

use std::fmt;

pub use crate::bindings::base::hookyard::plugin::outbox::{Attachment, Email as EmailMessage, HttpRequest};

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::hookyard::plugin::outbox as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::test::outbox as host;

type Result = std::result::Result<String, Refused>;

/// Begins an HTTP request. The operator must grant its origin (`http` in the plugin's section).
pub fn http(method: impl Into<String>, url: impl Into<String>) -> Http {
    let (method, url) = (method.into(), url.into());
    Http(HttpRequest { method, url, headers: Vec::new(), body: Vec::new() })
}

/// Begins an email. The operator must grant its recipients (`email` in the plugin's section).
pub fn email(to: impl Into<String>) -> Email {
    Email(EmailMessage {
        to: vec![to.into()],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: None,
        subject: String::new(),
        text: String::new(),
        html: None,
        attachments: Vec::new(),
    })
}

/// Emits an event, which the host stores and routes like a received one. `data` is JSON, as text or as a
/// `serde_json::Value`. The operator must grant the type (`emit` in the plugin's section).
///
/// # Errors
/// Fails if the host refuses the effect.
pub fn emit(event_type: &str, data: impl fmt::Display) -> Result {
    host::emit_event(event_type, &data.to_string()).map_err(Refused)
}

/// An HTTP request that is not yet queued.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is asked for before `send`"]
pub struct Http(HttpRequest);

impl Http {
    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// Sets a body of JSON, given as text or as a `serde_json::Value`, and its `Content-Type`.
    pub fn json(self, body: impl fmt::Display) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Queues the effect.
    ///
    /// # Errors
    /// Fails if the host refuses the effect.
    pub fn send(self) -> Result {
        host::send_http(&self.0).map_err(Refused)
    }
}

/// An email that is not yet queued.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is asked for before `send`"]
pub struct Email(EmailMessage);

impl Email {
    /// Adds a recipient.
    pub fn to(mut self, address: impl Into<String>) -> Self {
        self.0.to.push(address.into());
        self
    }

    /// Adds a recipient that all recipients see.
    pub fn cc(mut self, address: impl Into<String>) -> Self {
        self.0.cc.push(address.into());
        self
    }

    /// Adds a recipient that no other recipient sees.
    pub fn bcc(mut self, address: impl Into<String>) -> Self {
        self.0.bcc.push(address.into());
        self
    }

    /// Sets the address for replies. The default is the operator's address.
    pub fn reply_to(mut self, address: impl Into<String>) -> Self {
        self.0.reply_to = Some(address.into());
        self
    }

    /// Sets the subject.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = subject.into();
        self
    }

    /// Sets the plain text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.text = text.into();
        self
    }

    /// Sets the same text as HTML.
    pub fn html(mut self, html: impl Into<String>) -> Self {
        self.0.html = Some(html.into());
        self
    }

    /// Adds a file: its name, its media type (`application/pdf`) and its content.
    pub fn attach(
        mut self,
        filename: impl Into<String>,
        content_type: impl Into<String>,
        content: impl Into<Vec<u8>>,
    ) -> Self {
        let (filename, content_type, content) = (filename.into(), content_type.into(), content.into());
        self.0.attachments.push(Attachment { filename, content_type, content });
        self
    }

    /// Queues the effect.
    ///
    /// # Errors
    /// Fails if the host refuses the effect.
    pub fn send(self) -> Result {
        host::send_email(&self.0).map_err(Refused)
    }
}

/// The reason why the host refused an effect: a destination without a grant, a malformed request, or a limit.
/// Another attempt would not help, so with `?` in a handler this error rejects the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}
