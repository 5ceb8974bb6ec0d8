//! Payloads of handlers: typed where they declare types, JSON otherwise, and complete.

use serde_json::{Value, json};

use super::{CHARACTERS, LANGUAGES, done, host_dir, logs, order, plugin, results, start};
use crate::support::{Event, HostDir, RunningHost, TYPES};

/// Fields that an event may lack, beside those that every event may: by its type.
fn optional(event_type: &str) -> Vec<&'static str> {
    let own: &[_] = match event_type {
        "appointment.created" => &["qrCode", "createdAt", "creditsUsed"],
        "appointment.updated" => &["updatedAt", "changes"],
        "appointment.cancelled" => &["cancelledAt", "cancelledBy", "cancelReason", "creditsRefunded"],
        "appointment.validated" => &["validatedAt", "validatedBy"],
        "appointment.completed" => &["completedAt", "duration", "notes"],
        other => panic!("what is {other}?"),
    };
    [&["department", "phone", "email"], own].concat()
}

/// The payload of a type's sample.
fn sample(event_type: &str) -> Value {
    let event: Value = serde_json::from_str(&Event::sample(event_type, "").body).unwrap();
    event["data"]["object"].clone()
}

/// Sends this payload, and checks that the typed handler of each language got all of it.
async fn arrives(dir: &HostDir, host: &RunningHost<'_>, event_type: &str, payload: &Value) {
    let id = format!("{event_type}-{}", payload["id"]);
    done(host, &Event::with_payload(event_type, &id, payload)).await;
    let mut expected = payload.clone();
    for field in optional(event_type) {
        expected.as_object_mut().unwrap().entry(field).or_insert(Value::Null);
    }
    for language in LANGUAGES {
        let typed = dir.bucket(&plugin(language), "typed").await;
        let got: Value = serde_json::from_str(&typed[&payload["id"].to_string()]).unwrap();
        assert_eq!(got, expected, "{language}: {event_type}");
    }
}

#[tokio::test]
async fn every_field_of_every_event_type_arrives_under_its_name() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    for event_type in TYPES {
        arrives(&dir, &host, event_type, &sample(event_type)).await;
        // One with the fields that the sample lacks.
        let mut payload = sample(event_type);
        payload["id"] = 54321.into();
        payload["department"] =
            json!({ "id": 5, "name": "Passports", "organization": { "id": 1, "name": "Interior" } });
        payload["email"] = "jean@example.gn".into();
        arrives(&dir, &host, event_type, &payload).await;
    }
}

#[tokio::test]
async fn a_missing_field_is_absent() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    for event_type in TYPES {
        let mut payload = sample(event_type);
        for field in optional(event_type) {
            payload.as_object_mut().unwrap().remove(field);
        }
        arrives(&dir, &host, event_type, &payload).await;
    }
    let mut payload = sample("appointment.created");
    payload["id"] = 2.into();
    payload["department"] = json!({ "id": 5, "name": "Passports", "organization": null });
    arrives(&dir, &host, "appointment.created", &payload).await;
    let mut payload = sample("appointment.updated");
    payload["id"] = 3.into();
    payload["changes"] = json!({ "phone": { "from": null, "to": "+224621234567" }, "email": { "from": "a@b.gn", "to": null } });
    arrives(&dir, &host, "appointment.updated", &payload).await;
}

#[tokio::test]
async fn names_keep_the_services_spelling_and_unknown_ones_are_kept() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let statuses = ["SCHEDULED", "CANCELLED", "VALIDATED", "COMPLETED", "NO_SHOW", "POSTPONED", "à revoir"];
    for (id, status) in statuses.iter().enumerate() {
        let mut payload = sample("appointment.created");
        payload["id"] = id.into();
        payload["status"] = json!(status);
        arrives(&dir, &host, "appointment.created", &payload).await;
    }
    for (id, by) in ["user", "department", "agent", "system", "robot", "l'État"].iter().enumerate() {
        let mut payload = sample("appointment.cancelled");
        payload["id"] = (100 + id).into();
        payload["cancelledBy"] = json!(by);
        arrives(&dir, &host, "appointment.cancelled", &payload).await;
    }
}

#[tokio::test]
async fn every_character_arrives_and_is_stored() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let text = format!("{CHARACTERS}\u{1}\t\u{7f}");
    let (_, deliveries) = done(&host, &order("evt_1", &json!({ "do": "echo", "text": text }))).await;
    for ((language, kept), (_, delivery)) in results(&dir, "echo").await.into_iter().zip(deliveries) {
        assert_eq!(kept, text, "{language}");
        assert_eq!(logs(&delivery["attempts"][0]), [format!("INFO {text}")], "{language}");
    }
    let mut payload = sample("appointment.updated");
    payload["name"] = CHARACTERS.into();
    payload["changes"] = json!({ CHARACTERS: { "from": CHARACTERS, "to": "" } });
    arrives(&dir, &host, "appointment.updated", &payload).await;
}

#[tokio::test]
async fn integers_are_exact_up_to_the_limit_of_all_languages() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let mut payload = sample("appointment.created");
    payload["id"] = ((1_u64 << 53) - 1).into();
    payload["departmentId"] = 0.into();
    payload["creditsUsed"] = u32::MAX.into();
    arrives(&dir, &host, "appointment.created", &payload).await;
}

#[tokio::test]
async fn a_payload_of_the_maximum_size_arrives() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let text = "a long letter ".repeat(900_000 / 14);
    done(&host, &order("evt_1", &json!({ "do": "large", "text": text }))).await;
    for (language, length) in results(&dir, "large").await {
        assert_eq!(length, text.len().to_string(), "{language}");
    }
    let mut payload = sample("appointment.completed");
    payload["notes"] = text.into();
    arrives(&dir, &host, "appointment.completed", &payload).await;
}
