//! Events that share a part of their id, and retries that differ from the first attempt.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::with_sources;
use crate::support::{RunningHost, WebhookResponse, sign};

/// Sends items as `HubSpot` does, signed with its third version.
async fn send_as_hubspot(host: &RunningHost<'_>, items: &[Value]) -> WebhookResponse {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().to_string();
    let body = Value::from(items).to_string();
    let signed = format!("POSThttps://hooks.example.gn/webhooks/crm{body}{now}");
    let digest = hex::decode(sign("s", &signed).trim_start_matches("sha256=")).unwrap();
    let signature = STANDARD.encode(digest);
    let headers = [("X-HubSpot-Signature-v3", signature.as_str()), ("X-HubSpot-Request-Timestamp", &now)];
    host.post("crm", &body, &headers).await
}

#[tokio::test]
async fn events_of_hubspot_that_share_an_id_are_accepted_and_a_retry_is_a_duplicate() {
    let dir = with_sources("[sources.crm]\nscheme = \"hubspot\"\nsecrets = [\"s\"]");
    let host = dir.start().await;
    let event = |object: u64, occurred_at: u64, attempt: u64| {
        json!({
            "eventId": 100, "subscriptionId": 25, "portalId": 33, "appId": 11, "occurredAt": occurred_at,
            "subscriptionType": "contact.propertyChange", "attemptNumber": attempt, "objectId": object,
            "propertyName": "city", "propertyValue": "Conakry", "changeSource": "CRM",
        })
    };
    let (first, other) = (1_769_005_800_000, 1_769_005_800_001);
    let answer = send_as_hubspot(&host, &[event(123, first, 0), event(124, first, 0)]).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (202, "accepted"), "{answer:?}");
    let answer = send_as_hubspot(&host, &[event(123, first, 1), event(124, first, 1)]).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (200, "duplicate"), "{answer:?}");
    // A retry may come with new events, in another batch.
    let answer = send_as_hubspot(&host, &[event(123, first, 2), event(123, other, 0)]).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (202, "accepted"), "{answer:?}");
    let mut ids: Vec<_> =
        host.events("").await.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    let expected = [(123, first), (123, other), (124, first)]
        .map(|(object, occurred_at)| format!("100.33.25.{object}.city.{occurred_at}"));
    assert_eq!(ids, expected);
    for id in &ids {
        let (_, event) = host.api_get(&format!("/api/v1/events/crm/{id}")).await;
        assert_eq!(event["conflicts"], json!([]), "{event}");
    }
    let mut changed = event(123, first, 1);
    changed["propertyValue"] = "Kindia".into();
    let answer = send_as_hubspot(&host, &[changed]).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (200, "conflict"), "{answer:?}");
}

#[tokio::test]
async fn webhooks_of_gitlab_that_trigger_each_other_are_accepted_and_a_retry_is_a_duplicate() {
    let dir = with_sources("[sources.code]\nscheme = \"gitlab\"\nsecrets = [\"s\"]");
    let host = dir.start().await;
    let send = async |body: &str, webhook: &str, key: Option<&str>| {
        let mut headers = vec![
            ("X-Gitlab-Token", "s"),
            ("X-Gitlab-Event-UUID", "shared"),
            ("X-Gitlab-Webhook-UUID", webhook),
        ];
        headers.extend(key.map(|key| ("Idempotency-Key", key)));
        let answer = host.post("code", body, &headers).await;
        (answer.status().to_owned(), answer.json["event"].as_str().unwrap_or_default().to_owned())
    };
    let (note, push) = (r#"{"object_kind":"note"}"#, r#"{"object_kind":"push"}"#);
    for (body, webhook, key, status, id) in [
        (note, "w1", Some("k1"), "accepted", "k1"),
        (push, "w2", Some("k2"), "accepted", "k2"),
        (push, "w3", Some("k2"), "duplicate", "k2"),
        (note, "w4", None, "accepted", "w4"),
        (push, "w5", None, "accepted", "w5"),
    ] {
        assert_eq!(send(body, webhook, key).await, (status.to_owned(), id.to_owned()), "{webhook} {key:?}");
    }
}

/// docs/providers-code.md has this source: a body of GitLab has no `/type`.
#[tokio::test]
async fn a_webhook_of_gitlab_with_a_signing_token_has_the_type_of_its_body_or_of_its_header() {
    let key = "a key of twenty-four bytes or more";
    let source = format!(
        "[sources.code]\nscheme = \"standard-webhooks\"\nsecrets = [\"whsec_{}\"]\ncreated = []\n",
        STANDARD.encode(key)
    );
    let types = "event_type = [\"/object_kind\", \"/event_name\", \"{header:X-Gitlab-Event}\"]\n";
    let preset = source.replace("code", "preset");
    let dir = with_sources(&format!("{source}{types}{preset}"));
    let host = dir.start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
    let send = async |source: &str, id: &str, body: &str| {
        let digest = hex::decode(sign(key, &format!("{id}.{now}.{body}")).trim_start_matches("sha256="));
        let signature = format!("v1,{}", STANDARD.encode(digest.unwrap()));
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", now.as_str()),
            ("webhook-signature", signature.as_str()),
            ("X-Gitlab-Event", "System Hook"),
        ];
        host.post(source, body, &headers).await
    };
    for (id, body, event_type) in [
        ("w1", r#"{"object_kind":"push","event_name":"push","created_at":"2026-01-21"}"#, "push"),
        ("w2", r#"{"event_name":"project_create"}"#, "project_create"),
        ("w3", r#"{"project":{"id":7}}"#, "System Hook"),
    ] {
        let answer = send("code", id, body).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (202, "accepted"), "{id}: {answer:?}");
        let (_, event) = host.api_get(&format!("/api/v1/events/code/{id}")).await;
        assert_eq!(event["type"], event_type, "{event}");
        let answer = send("preset", id, body).await;
        assert_eq!((answer.code.as_u16(), answer.reason()), (400, "no event type at /type"), "{id}");
    }
}
