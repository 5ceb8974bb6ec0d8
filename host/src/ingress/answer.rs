//! The answers to senders: one function per case. Each is JSON with a `status`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::config::Reply;

/// Every status of an answer to a request for a known source.
pub(super) const STATUSES: [&str; 13] = [
    "accepted",
    "duplicate",
    "conflict",
    "handshake",
    "unauthorized",
    "invalid",
    "method-not-allowed",
    "too-large",
    "unsupported",
    "timeout",
    "incomplete",
    "overloaded",
    "unavailable",
];

/// Why a request is answered `unauthorized`: a part that is needed to verify it is missing, is there more than once, or
/// has another form; no secret of the source made its signature; the request or its event is too old, or the request is of
/// the future; the configuration lacks the URL that the signature covers; or the source's verifier refused it.
pub(super) const UNAUTHORIZED_REASONS: [&str; 8] =
    ["missing", "repeated", "malformed", "mismatch", TOO_OLD, "too-new", "no-url", REFUSED];
/// The one of [`UNAUTHORIZED_REASONS`] that a verifier gives.
pub(super) const REFUSED: &str = "refused";
/// The one of [`UNAUTHORIZED_REASONS`] that is found after the signature.
pub(super) const TOO_OLD: &str = "too-old";

/// An answer; its fields are those of its JSON.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    #[serde(skip)]
    pub(super) code: StatusCode,
    #[serde(skip)]
    header: Option<(HeaderName, HeaderValue)>,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    /// The number of events, where the body is a list of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deliveries: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Answer<'a> {
    fn stored(code: StatusCode, status: &'static str, event: &'a str) -> Self {
        Self { code, header: None, status, event: Some(event), events: None, deliveries: None, reason: None }
    }

    fn refused(code: StatusCode, status: &'static str, reason: &'a str) -> Self {
        Self { code, header: None, status, event: None, events: None, deliveries: None, reason: Some(reason) }
    }

    fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, HeaderValue::from_static(value))), ..self }
    }

    pub(super) fn accepted(event: &'a str, deliveries: usize) -> Self {
        Self { deliveries: Some(deliveries), ..Self::stored(StatusCode::ACCEPTED, "accepted", event) }
    }

    pub(super) fn duplicate(event: &'a str) -> Self {
        let reason = Some("this id was taken by the same payload before; nothing runs again");
        Self { reason, ..Self::stored(StatusCode::OK, "duplicate", event) }
    }

    pub(super) fn conflict(event: &'a str) -> Self {
        let reason =
            Some("this id was taken by another payload before; this one is kept apart and nothing runs");
        Self { reason, ..Self::stored(StatusCode::OK, "conflict", event) }
    }

    /// The answer for a list of events, of which some were accepted or, with 200, none.
    pub(super) fn list(status: &'static str, events: usize, deliveries: usize) -> Self {
        let code = if status == "accepted" { StatusCode::ACCEPTED } else { StatusCode::OK };
        let (events, deliveries) = (Some(events), Some(deliveries));
        Self { code, header: None, status, event: None, events, deliveries, reason: None }
    }

    pub(super) fn unauthorized(reason: &'a str) -> Self {
        Self::refused(StatusCode::UNAUTHORIZED, "unauthorized", reason)
    }

    pub(super) fn invalid(reason: &'a str) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, "invalid", reason)
    }

    pub(super) fn incomplete() -> Self {
        Self::refused(StatusCode::BAD_REQUEST, "incomplete", "the body ended before its end")
            .with(CONNECTION, "close")
    }

    pub(super) fn not_found(reason: &'a str) -> Self {
        Self::refused(StatusCode::NOT_FOUND, "not-found", reason)
    }

    pub(super) fn method_not_allowed() -> Self {
        let reason = "send webhooks with POST";
        Self::refused(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", reason).with(ALLOW, "POST")
    }

    pub(super) fn too_large(reason: &'a str) -> Self {
        Self::refused(StatusCode::PAYLOAD_TOO_LARGE, "too-large", reason).with(CONNECTION, "close")
    }

    pub(super) fn unsupported(reason: &'a str) -> Self {
        Self::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", reason)
            .with(ACCEPT_ENCODING, "identity")
    }

    pub(super) fn timeout() -> Self {
        let reason = "the body did not arrive in time";
        Self::refused(StatusCode::REQUEST_TIMEOUT, "timeout", reason).with(CONNECTION, "close")
    }

    pub(super) fn overloaded(event: &'a str) -> Self {
        let reason = "the queue is full: send it again later";
        let refused = Self::refused(StatusCode::TOO_MANY_REQUESTS, "overloaded", reason);
        Self { event: Some(event), ..refused.with(RETRY_AFTER, "1") }
    }

    pub(super) fn too_many_bodies() -> Self {
        let reason = "too many bodies are on their way: send it again later";
        Self::refused(StatusCode::TOO_MANY_REQUESTS, "overloaded", reason).with(RETRY_AFTER, "1")
    }

    /// The answer to a confirmation that finds no place among those that wait for an operator.
    pub(super) fn too_many_confirmations() -> Self {
        let reason = "too many confirmations wait for an operator: send it again later";
        Self::refused(StatusCode::TOO_MANY_REQUESTS, "overloaded", reason).with(RETRY_AFTER, "60")
    }

    /// The answer to a confirmation that could not be stored.
    pub(super) fn confirmation_unavailable() -> Self {
        let reason = "nothing can be stored now: send it again later";
        Self::refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reason).with(RETRY_AFTER, "5")
    }

    /// The answer to a request whose verifier did not answer. It says nothing about the sender, who is to send it again.
    pub(super) fn unverifiable(reason: &'a str) -> Self {
        Self::refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reason).with(RETRY_AFTER, "5")
    }

    pub(super) fn unavailable(event: &'a str) -> Self {
        let reason = "nothing can be stored now: send it again later";
        let refused = Self::refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reason);
        Self { event: Some(event), ..refused.with(RETRY_AFTER, "5") }
    }

    /// The same answer with the status by which the source's provider knows that an event is acknowledged.
    pub(super) fn with_status_of(self, reply: Option<&Reply>) -> Self {
        match reply {
            Some(reply) if self.code.is_success() => Self { code: reply.status(), ..self },
            _ => self,
        }
    }

    /// The response in the form that the source's provider wants.
    pub(super) fn into_reply(self, reply: Option<&Reply>) -> Response {
        let answer = self.with_status_of(reply);
        let body = match reply {
            Some(Reply::Empty) => Some(""),
            Some(reply) if answer.code.is_success() => reply.body(),
            _ => None,
        };
        match body {
            None => answer.into_response(),
            Some("") => answer.respond(None, Body::empty()),
            Some(text) => {
                let text_type = HeaderValue::from_static("text/plain; charset=utf-8");
                answer.respond(Some(text_type), Body::from(text.to_owned()))
            }
        }
    }

    fn respond(self, content_type: Option<HeaderValue>, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.code;
        let headers = response.headers_mut();
        headers.extend(content_type.map(|content_type| (CONTENT_TYPE, content_type)));
        headers.extend(self.header);
        response
    }
}

impl IntoResponse for Answer<'_> {
    fn into_response(self) -> Response {
        let mut text = Vec::with_capacity(160);
        // Serialising texts and numbers cannot fail; the code would be sent with an empty body.
        if serde_json::to_writer(&mut text, &self).is_err() {
            text.clear();
        }
        self.respond(Some(HeaderValue::from_static("application/json")), Body::from(text))
    }
}
