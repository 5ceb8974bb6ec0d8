//! Answers as responses, counted and logged.

use axum::body::Body;
use axum::response::Response;

use super::answer::Answer;
use super::handshake::HandshakeReply;
use super::sources::ReadySource;
use crate::event::now_ms;

/// Counts an answer, and makes it a response.
pub(super) fn count(source: &ReadySource, answer: Answer<'_>) -> Response {
    source.counters.count(answer.status);
    answer.into_reply(source.reply.as_ref())
}

/// Counts and logs a handshake, and answers it.
pub(super) fn answer_handshake(source: &ReadySource, reply: HandshakeReply) -> Response {
    source.counters.count("handshake");
    let HandshakeReply { code, headers, body, name, task, .. } = reply;
    if let Some(task) = task {
        // It was verified, and nothing else has what the operator needs: none is left out.
        tracing::warn!(source = %source.name, handshake = name, "handshake held for an operator: {task}");
    } else if let Some(skipped) = source.handshakes.admit(now_ms()) {
        tracing::info!(source = %source.name, handshake = name, skipped, "handshake answered");
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    response.headers_mut().extend(headers);
    response
}
