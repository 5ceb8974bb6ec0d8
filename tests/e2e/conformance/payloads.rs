//! What handlers get of events: typed where they ask for it, JSON otherwise, and all of it.

use serde_json::{Value, json};

use super::{CHARACTERS, LANGUAGES, bed, done, logs, order, plugin, results, start};
use crate::support::{Bed, Event, Host, TYPES};

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
async fn arrives(bed: &Bed, host: &Host<'_>, event_type: &str, payload: &Value) {
    let id = format!("{event_type}-{}", payload["id"]);
    done(host, &Event::of(event_type, &id, payload)).await;
    let mut expected = payload.clone();
    for field in optional(event_type) {
        expected.as_object_mut().unwrap().entry(field).or_insert(Value::Null);
    }
    for language in LANGUAGES {
        let typed = bed.bucket(&plugin(language), "typed").await;
        let got: Value = serde_json::from_str(&typed[&payload["id"].to_string()]).unwrap();
        assert_eq!(got, expected, "{language}: {event_type}");
    }
}

#[tokio::test]
async fn every_field_of_every_event_type_is_there_under_its_name() {
    let bed = bed("", "");
    let host = start(&bed).await;
    for event_type in TYPES {
        arrives(&bed, &host, event_type, &sample(event_type)).await;
        // One with the fields that the sample lacks.
        let mut payload = sample(event_type);
        payload["id"] = 54321.into();
        payload["department"] =
            json!({ "id": 5, "name": "Passports", "organization": { "id": 1, "name": "Interior" } });
        payload["email"] = "jean@example.gn".into();
        arrives(&bed, &host, event_type, &payload).await;
    }
}

#[tokio::test]
async fn what_an_event_lacks_is_absent() {
    let bed = bed("", "");
    let host = start(&bed).await;
    for event_type in TYPES {
        let mut payload = sample(event_type);
        for field in optional(event_type) {
            payload.as_object_mut().unwrap().remove(field);
        }
        arrives(&bed, &host, event_type, &payload).await;
    }
    let mut payload = sample("appointment.created");
    payload["id"] = 2.into();
    payload["department"] = json!({ "id": 5, "name": "Passports", "organization": null });
    arrives(&bed, &host, "appointment.created", &payload).await;
    let mut payload = sample("appointment.updated");
    payload["id"] = 3.into();
    payload["changes"] = json!({ "phone": { "from": null, "to": "+224621234567" }, "email": { "from": "a@b.gn", "to": null } });
    arrives(&bed, &host, "appointment.updated", &payload).await;
}

#[tokio::test]
async fn names_are_as_the_service_writes_them_and_unknown_ones_are_kept() {
    let bed = bed("", "");
    let host = start(&bed).await;
    let statuses = ["SCHEDULED", "CANCELLED", "VALIDATED", "COMPLETED", "NO_SHOW", "POSTPONED", "à revoir"];
    for (id, status) in statuses.iter().enumerate() {
        let mut payload = sample("appointment.created");
        payload["id"] = id.into();
        payload["status"] = json!(status);
        arrives(&bed, &host, "appointment.created", &payload).await;
    }
    for (id, by) in ["user", "department", "agent", "system", "robot", "l'État"].iter().enumerate() {
        let mut payload = sample("appointment.cancelled");
        payload["id"] = (100 + id).into();
        payload["cancelledBy"] = json!(by);
        arrives(&bed, &host, "appointment.cancelled", &payload).await;
    }
}

#[tokio::test]
async fn every_character_arrives_and_is_kept() {
    let bed = bed("", "");
    let host = start(&bed).await;
    let text = format!("{CHARACTERS}\u{1}\t\u{7f}");
    let (_, deliveries) = done(&host, &order("evt_1", &json!({ "do": "echo", "text": text }))).await;
    for ((language, kept), (_, delivery)) in results(&bed, "echo").await.into_iter().zip(deliveries) {
        assert_eq!(kept, text, "{language}");
        assert_eq!(logs(&delivery["attempts"][0]), [format!("INFO {text}")], "{language}");
    }
    let mut payload = sample("appointment.updated");
    payload["name"] = CHARACTERS.into();
    payload["changes"] = json!({ CHARACTERS: { "from": CHARACTERS, "to": "" } });
    arrives(&bed, &host, "appointment.updated", &payload).await;
}

#[tokio::test]
async fn numbers_are_whole_up_to_those_that_all_languages_have() {
    let bed = bed("", "");
    let host = start(&bed).await;
    let mut payload = sample("appointment.created");
    payload["id"] = ((1_u64 << 53) - 1).into();
    payload["departmentId"] = 0.into();
    payload["creditsUsed"] = u32::MAX.into();
    arrives(&bed, &host, "appointment.created", &payload).await;
}

#[tokio::test]
async fn a_payload_as_large_as_a_body_can_be_arrives() {
    let bed = bed("", "");
    let host = start(&bed).await;
    let text = "a long letter ".repeat(900_000 / 14);
    done(&host, &order("evt_1", &json!({ "do": "large", "text": text }))).await;
    for (language, length) in results(&bed, "large").await {
        assert_eq!(length, text.len().to_string(), "{language}");
    }
    let mut payload = sample("appointment.completed");
    payload["notes"] = text.into();
    arrives(&bed, &host, "appointment.completed", &payload).await;
}
