//! Handshakes that are answered, and requests that look like them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::config::{Scheme, Secret};

fn handshake(scheme: &str, secret: &str) -> Handshake {
    let secret = Secret::new(secret.into());
    let mut source = Source::preset(Scheme::find(scheme).unwrap(), vec![secret]);
    source.verify_token = Some(Secret::new("meatyhamhock".into()));
    Handshake::of(&source).unwrap()
}

fn unsigned(
    scheme: &str,
    method: &Method,
    path: &'static str,
    headers: &[(&'static str, &str)],
) -> Option<String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let reply = handshake(scheme, "secret").answer_unsigned(method, &Uri::from_static(path), &map)?;
    assert_eq!(reply.code, StatusCode::OK);
    let origin = reply.headers.get(&ALLOWED_ORIGIN).map(|origin| origin.to_str().unwrap().to_owned());
    Some(origin.unwrap_or_else(|| String::from_utf8(reply.body.to_vec()).unwrap()))
}

fn verified(scheme: &str, secret: &str, body: &str) -> Option<(u16, String)> {
    let reply = handshake(scheme, secret).answer_verified(body.as_bytes(), 0)?;
    Some((reply.code.as_u16(), String::from_utf8(reply.body.to_vec()).unwrap()))
}

#[test]
fn answers_challenges_in_the_query() {
    let meta = "/webhooks/m?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock";
    for (scheme, method, path, expected) in [
        ("meta", Method::GET, meta, Some("1158201444")),
        ("meta", Method::POST, meta, None),
        ("meta", Method::GET, "/webhooks/m?hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong", None),
        ("meta", Method::GET, "/webhooks/m?hub.mode=subscribe&hub.challenge=1", None),
        (
            "meta",
            Method::GET,
            "/webhooks/m?hub.mode=other&hub.challenge=1&hub.verify_token=meatyhamhock",
            None,
        ),
        ("dropbox", Method::GET, "/webhooks/d?challenge=a%20b%3Cx", Some("a b<x")),
        ("dropbox", Method::GET, "/webhooks/d", None),
        ("dropbox", Method::POST, "/webhooks/d?challenge=a", None),
        ("dropbox", Method::GET, "/webhooks/d?challenge=a%0d%0ab", None),
        (
            "microsoft-graph",
            Method::POST,
            "/webhooks/g?validationToken=Validation%3A+x",
            Some("Validation: x"),
        ),
        ("microsoft-graph", Method::POST, "/webhooks/g", None),
        ("stripe", Method::GET, "/webhooks/s?challenge=a", None),
    ] {
        if scheme == "stripe" {
            let source = Source::preset(Scheme::find(scheme).unwrap(), Vec::new());
            assert!(Handshake::of(&source).is_none(), "it has none");
            continue;
        }
        assert_eq!(unsigned(scheme, &method, path, &[]).as_deref(), expected, "{scheme} {path}");
    }
    let long = format!("/webhooks/d?challenge={}", "x".repeat(1025));
    let reply =
        handshake("dropbox", "s").answer_unsigned(&Method::GET, &long.parse().unwrap(), &HeaderMap::new());
    assert_eq!(reply, None);
}

#[test]
fn allows_the_origin_of_a_cloudevents_sender() {
    let origin = [("webhook-request-origin", "eventemitter.example.com"), ("webhook-request-rate", "120")];
    let answer = unsigned("cloudevents", &Method::OPTIONS, "/webhooks/c", &origin);
    assert_eq!(answer.as_deref(), Some("eventemitter.example.com"));
    assert_eq!(unsigned("cloudevents", &Method::OPTIONS, "/webhooks/c", &[]), None);
    assert_eq!(unsigned("cloudevents", &Method::GET, "/webhooks/c", &origin), None);
}

#[test]
fn answers_verified_handshakes() {
    let zoom = r#"{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1,"event":"endpoint.url_validation"}"#;
    let key = {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(b"qgg8vlvZRS6UYooatFL8Aw");
        hex::encode(mac.finalize().into_bytes())
    };
    let zoom_answer = format!(r#"{{"encryptedToken":"{key}","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#);
    let sns = sns("SubscriptionConfirmation");
    let ok = |text: &str| Some((200, text.to_owned()));
    for (scheme, body, expected) in [
        ("slack", r#"{"type":"url_verification","challenge":"3eZbrw1aB","token":"x"}"#, ok("3eZbrw1aB")),
        ("slack", r#"{"type":"event_callback","event":{"text":"url_verification"}}"#, None),
        ("slack", "command=%2Fx&text=url_verification", None),
        ("zoom", zoom, ok(&zoom_answer)),
        ("zoom", r#"{"event":"meeting.started","payload":{"topic":"endpoint.url_validation"}}"#, None),
        ("discord", r#"{"type":1,"id":"1"}"#, ok(r#"{"type":1}"#)),
        ("discord", r#"{"type":0,"application_id":"1"}"#, Some((204, String::new()))),
        ("discord", r#"{"type":2,"id":"1"}"#, None),
        ("discord", r#"{"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}"#, None),
        ("aws-sns", sns.as_str(), ok(r#"{"reason":"an operator decides about it","status":"held"}"#)),
        ("aws-sns", r#"{"Type":"Notification","Message":"SubscriptionConfirmation"}"#, None),
        ("slack", "\u{fffd}", None),
    ] {
        let secret = if scheme == "discord" {
            "d04ab232742bb4ab3a1368bd4615e4e6d0224ab71a016baf8520a332c9778737"
        } else {
            "secret"
        };
        assert_eq!(verified(scheme, secret, body), expected, "{scheme} {body}");
    }
}

fn sns(kind: &str) -> String {
    format!(
        r#"{{"Type":"{kind}","TopicArn":"arn:t","SubscribeURL":"https://sns.example/?Token=1","Timestamp":"2023-11-14T22:13:20.000Z"}}"#
    )
}

#[test]
fn an_sns_subscription_is_to_be_confirmed_for_the_topic_that_the_signature_covers() {
    let of = |configured: Option<&str>, kind: &str| {
        let mut source = Source::preset(Scheme::find("aws-sns").unwrap(), vec![Secret::new("x".into())]);
        let topic = configured.map(|topic| (TOPIC_VALUE.to_owned(), topic.to_owned()));
        source.verification.values.extend(topic);
        Handshake::of(&source).unwrap().answer_verified(sns(kind).as_bytes(), 0).unwrap()
    };
    for (configured, topic) in [(None, "arn:t"), (Some("arn:signed"), "arn:signed")] {
        let reply = of(configured, "SubscriptionConfirmation");
        let confirmation = reply.confirmation.unwrap();
        assert_eq!((confirmation.topic.as_str(), confirmation.sent_at), (topic, Some(1_700_000_000_000)));
        assert_eq!((confirmation.url.as_str(), reply.ended), ("https://sns.example/?Token=1", None));
    }
    let reply = of(None, "UnsubscribeConfirmation");
    assert_eq!(reply.confirmation, None);
    let ended = EndedSubscription { topic: "arn:t".into(), url: "https://sns.example/?Token=1".into() };
    assert_eq!(reply.ended, Some(ended));
}
