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
    if !is_well_formed(&reply) {
        let reason = format!(
            "a confirmation needs a topic of at most {TOPIC_MAX_BYTES} and a URL of at most {URL_MAX_BYTES} visible \
             ASCII characters"
        );
        if let Some(skipped) = source.invalid.admit(received_at) {
            tracing::warn!(source = %source.name, reason, skipped, "rejected: the signature is valid, but the confirmation is none");
        }
        return count(source, Answer::invalid(&reason));
    }
    let Some(ReceivedConfirmation { topic, url, sent_at }) = reply.confirmation.take() else {
        return answer_handshake(source, reply);
    };
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

/// Whether the topic and the URL in a handshake, which operators see, are a topic and a URL.
fn is_well_formed(reply: &HandshakeReply) -> bool {
    let confirmation = reply.confirmation.as_ref().map(|new| (&new.topic, &new.url));
    let named = confirmation.or(reply.ended.as_ref().map(|ended| (&ended.topic, &ended.url)));
    named.is_none_or(|(topic, url)| {
        topic.len() <= TOPIC_MAX_BYTES && url.len() <= URL_MAX_BYTES && is_plain(topic) && is_plain(url)
    })
}

/// Whether a text has visible ASCII characters only, as URLs and names of topics have.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Scheme, Secret, Source};
    use crate::ingress::handshake::Handshake;

    #[test]
    fn confirmations_and_ends_of_subscriptions_have_a_short_visible_topic_and_url() {
        let source = Source::preset(Scheme::find("aws-sns").unwrap(), vec![Secret::new("x".into())]);
        let handshake = Handshake::of(&source).unwrap();
        let url = "https://sns.example/?Token=1";
        for kind in ["SubscriptionConfirmation", "UnsubscribeConfirmation"] {
            for (topic, url, expected) in [
                ("arn:t", url, true),
                ("", url, false),
                ("arn:t", "", false),
                ("arn:t\nfake=line", url, false),
                ("arn:t", "https://sns.example/\u{1b}[2J", false),
                ("arn:é", url, false),
                (&"t".repeat(TOPIC_MAX_BYTES), &"u".repeat(URL_MAX_BYTES), true),
                (&"t".repeat(TOPIC_MAX_BYTES + 1), url, false),
                ("arn:t", &"u".repeat(URL_MAX_BYTES + 1), false),
            ] {
                let body = json!({"Type": kind, "TopicArn": topic, "SubscribeURL": url}).to_string();
                let reply = handshake.answer_verified(body.as_bytes(), 0).unwrap();
                assert_eq!(is_well_formed(&reply), expected, "{body}");
            }
        }
    }
}
