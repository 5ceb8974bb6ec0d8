//! Confirmations that a provider asks for: they wait for an operator, and are answered once they are stored.

use axum::response::Response;

use super::acceptor::EventAcceptor;
use super::answer::Answer;
use super::handshake::{HandshakeReply, ReceivedConfirmation};
use super::reply::{answer_handshake, count};
use super::sources::ReadySource;
use crate::clock;
use crate::confirmation::{
    ConfirmationReceipt, NewConfirmation, TOPIC_MAX_BYTES, URL_MAX_BYTES, WAITING_MAX,
};

/// Answers a verified handshake. A confirmation in it is stored first.
pub(super) async fn answer<A: EventAcceptor>(
    acceptor: &A,
    source: &ReadySource,
    mut reply: HandshakeReply,
    received_at: u64,
) -> Response {
    let Some(ReceivedConfirmation { topic, url, sent_at }) = reply.confirmation.take() else {
        return answer_handshake(source, reply);
    };
    if topic.len() > TOPIC_MAX_BYTES || url.len() > URL_MAX_BYTES || !is_plain(&topic) || !is_plain(&url) {
        let reason = format!(
            "a confirmation needs a topic of at most {TOPIC_MAX_BYTES} and a URL of at most {URL_MAX_BYTES} visible \
             ASCII characters"
        );
        if let Some(skipped) = source.invalid.admit(received_at) {
            tracing::warn!(source = %source.name, reason, skipped, "rejected: the signature is valid, but the confirmation is none");
        }
        return count(source, Answer::invalid(&reason));
    }
    let new = NewConfirmation {
        source: source.name.clone(),
        topic: topic.clone(),
        url,
        sent_at: sent_at.unwrap_or(received_at),
        received_at: clock::now_ms(),
    };
    let receipt = match acceptor.store_confirmation(new).await {
        Ok(receipt) => receipt,
        Err(error) => {
            if let Some(skipped) = source.failed.admit(received_at) {
                tracing::error!(source = %source.name, topic, %error, skipped, "a confirmation was not stored");
            }
            return count(source, Answer::confirmation_unavailable());
        }
    };
    if let Some(receipts) = &source.confirmations {
        receipts.count(receipt.as_str());
    }
    match receipt {
        ConfirmationReceipt::Stored | ConfirmationReceipt::Renewed => {
            tracing::warn!(
                source = %source.name, topic, handshake = reply.name,
                "a confirmation waits for an operator: see `hookyard source confirmations {}`", source.name
            );
        }
        ConfirmationReceipt::Repeated => {}
        ConfirmationReceipt::Full => {
            if let Some(skipped) = source.invalid.admit(received_at) {
                tracing::warn!(
                    source = %source.name, topic, skipped,
                    "a confirmation was not stored: those of {WAITING_MAX} other topics wait for an operator"
                );
            }
            return count(source, Answer::too_many_confirmations());
        }
    }
    answer_handshake(source, reply)
}

/// Whether a text has visible ASCII characters only, as URLs and names of topics have.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
