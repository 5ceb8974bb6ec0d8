//! Unusual encodings that real senders use. Handlers in every language receive the intended value.

use serde_json::{Value, json};

use super::{LANGUAGES, deliver, done, host_dir, json_results, logs, plugin, results, start};
use crate::support::{Event, Partner, Reply, Smtp, wait_until};

/// An event with this text as its payload.
fn raw(event_type: &str, id: &str, created: &str, payload: &str) -> Event {
    let body =
        format!(r#"{{"id":"{id}","type":"{event_type}","created":{created},"data":{{"object":{payload}}}}}"#);
    Event { id: id.into(), body }
}

#[tokio::test]
async fn half_of_a_surrogate_pair_can_be_logged_stored_and_sent() {
    let (partner, smtp) = (Partner::start(|_, _| Reply::text(200, "")).await, Smtp::start().await);
    let dir = host_dir(
        &format!("http = [\"{}\"]\nemail = [\"*\"]\n", partner.origin()),
        &format!("[email]\nsmtp = \"smtp://{}\"\nfrom = \"no-reply@example.gn\"\n", smtp.address()),
    );
    let host = start(&dir).await;
    let send =
        format!(r#"{{"do":"outbox","url":"{}/","to":"a@example.gn","text":"\ud83d"}}"#, partner.origin());
    done(&host, &raw("conformance.order", "evt_outbox", "null", &send)).await;
    for (language, keys) in json_results(&dir, "effects").await {
        let (http, event) = (keys[0].as_str().expect(language), keys[2].as_str().expect(language));
        let asked = wait_until("the request is there", async || {
            partner.requests().into_iter().find(|asked| asked.header("idempotency-key") == http)
        })
        .await;
        assert_eq!(asked.text(), "\u{fffd}", "{language}");
        let path = format!("/api/v1/events/plugin.{}/{event}", plugin(language));
        wait_until("the emitted event has run", async || {
            let (code, event) = host.api_get(&path).await;
            (code.is_success() && event["state"] == "done").then_some(())
        })
        .await;
    }
    let count = LANGUAGES.len();
    wait_until("the emails are there", async || (smtp.received().len() == count).then_some(())).await;
    let echo = r#"{"do":"echo","text":"Jean \ud83d","\udfff":["\ud800"]}"#;
    let (_, deliveries) = done(&host, &raw("conformance.order", "evt_echo", "null", echo)).await;
    for ((language, kept), (_, delivery)) in results(&dir, "echo").await.into_iter().zip(deliveries) {
        assert_eq!(kept, "Jean \u{fffd}", "{language}");
        assert_eq!(logs(&delivery["attempts"][0]), ["INFO Jean \u{fffd}"], "{language}");
    }
    let fails = r#"{"do":"reject","reason":"Jean \ud83d"}"#;
    let (_, deliveries) = deliver(&host, &raw("conformance.order", "evt_reject", "null", fails)).await;
    for (language, delivery) in deliveries {
        assert!(delivery["attempts"][0].to_string().contains("Jean \u{fffd}"), "{language}: {delivery}");
    }
    let typed = r#"{"id":7,"departmentId":5,"dateTime":"2026-01-25T14:30:00","status":"\ud83d","name":"Jean \ud83d",
        "changes":{"n\udfffme":{"from":"\ud83d","to":null}}}"#;
    done(&host, &raw("appointment.updated", "evt_typed", "null", typed)).await;
    for language in LANGUAGES {
        let typed = dir.bucket(&plugin(language), "typed").await;
        let got: Value = serde_json::from_str(&typed["7"]).unwrap();
        assert_eq!(
            (&got["name"], &got["status"]),
            (&json!("Jean \u{fffd}"), &json!("\u{fffd}")),
            "{language}"
        );
        assert_eq!(
            got["changes"],
            json!({ "n\u{fffd}me": { "from": "\u{fffd}", "to": null } }),
            "{language}"
        );
    }
}

#[tokio::test]
async fn a_byte_order_mark_and_a_numeric_timestamp_are_understood() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let Event { id, body } = raw("conformance.order", "evt_1", "1769005800", r#"{"do":"context"}"#);
    done(&host, &Event { id, body: format!("\u{feff}{body}\0") }).await;
    for (language, context) in json_results(&dir, "context").await {
        assert_eq!(context["created"], "2026-01-21T14:30:00Z", "{language}");
    }
}

#[tokio::test]
async fn an_optional_field_of_a_wrong_type_is_absent_and_the_event_is_handled() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let odd = r#"{"id":"12345","departmentId":5.0,"department":[],"dateTime":"2026-01-25T14:30:00","status":"NO_SHOW",
        "name":true,"email":{"a":1},"phone":"","creditsUsed":"many","credits_used":3,"qrCode":null}"#;
    let (_, deliveries) = done(&host, &raw("appointment.created", "evt_1", "null", odd)).await;
    for (language, delivery) in deliveries {
        let logs = logs(&delivery["attempts"][0]);
        for note in [
            "payload.department.id: expected u64, found nothing; taken as none",
            r#"payload.creditsUsed: expected u32, found string "many"; taken as none"#,
        ] {
            let is_noted = |line: &&str| line.starts_with("WARN hookyard: ") && line.ends_with(note);
            assert!(logs.iter().any(is_noted), "{language}: {note} in {logs:?}");
        }
        let typed = dir.bucket(&plugin(language), "typed").await;
        let got: Value = serde_json::from_str(&typed["12345"]).unwrap();
        let expected = json!({
            "id": 12345, "departmentId": 5, "department": null, "dateTime": "2026-01-25T14:30:00",
            "status": "NO_SHOW", "name": "true", "phone": "", "email": "{\"a\":1}", "qrCode": null,
            "createdAt": null, "creditsUsed": null,
        });
        assert_eq!(got, expected, "{language}");
    }
    let missing = r#"{"id":1,"departmentId":5,"dateTime":"x","status":"SCHEDULED"}"#;
    let (_, deliveries) = deliver(&host, &raw("appointment.created", "evt_2", "null", missing)).await;
    for (language, delivery) in deliveries {
        assert_eq!(delivery["state"], "dead", "{language}: what is needed has to be there");
        let attempt = delivery["attempts"][0].to_string();
        assert!(attempt.contains("payload.name: expected string, found nothing"), "{language}: {attempt}");
    }
}
