//! Answers as responses, counted and logged.

use axum::body::Body;
use axum::response::Response;

use super::answer::Answer;
use super::handshake::{EndedSubscription, HandshakeReply};
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
    let HandshakeReply { code, headers, body, name, ended, .. } = reply;
    if let Some(EndedSubscription { topic, url }) = ended {
        // A throttle of its own: other handshakes must not hide it, and a captured one can be sent again and again.
        if let Some(skipped) = source.ended_subscriptions.admit(now_ms()) {
            tracing::warn!(
                source = %source.name, handshake = name, skipped,
                "handshake held for an operator: to subscribe again, if it was not meant to {topic}, open {url}"
            );
        }
    } else if let Some(skipped) = source.handshakes.admit(now_ms()) {
        tracing::info!(source = %source.name, handshake = name, skipped, "handshake answered");
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    response.headers_mut().extend(headers);
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{Config, Scheme, Secret, Source};
    use crate::event::SourceName;
    use crate::ingress::handshake::Handshake;
    use crate::ingress::{NoVerifiers, Sources};

    #[test]
    fn the_end_of_a_subscription_that_is_sent_again_and_again_is_not_logged_each_time() {
        let mut config = Config::default();
        let source = Source::preset(Scheme::find("aws-sns").unwrap(), vec![Secret::new("x".into())]);
        let handshake = Handshake::of(&source).unwrap();
        config.sources.insert(SourceName::new("topic").unwrap(), source);
        let sources = Sources::from_config(&config, Arc::new(NoVerifiers));
        let source = sources.get("topic").unwrap();
        let body =
            br#"{"Type":"UnsubscribeConfirmation","TopicArn":"arn:t","SubscribeURL":"https://sns.example/"}"#;
        for _ in 0..100 {
            let reply = handshake.answer_verified(body, 0).unwrap();
            assert_eq!(answer_handshake(source, reply).status(), 200);
        }
        let skipped = source.ended_subscriptions.admit(now_ms() + 10_000).unwrap();
        assert!(skipped >= 90, "{skipped}");
    }
}
