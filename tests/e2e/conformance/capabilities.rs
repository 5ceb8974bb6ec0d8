//! The host's capabilities in each language.

use std::collections::BTreeSet;

use serde_json::json;

use super::{deliver, done, host_dir, json_results, logs, order, plain, plugin, results, start};
use crate::support::{Partner, Reply};

#[tokio::test]
async fn the_context_describes_event_and_attempt() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let (event, _) = done(&host, &plain("context")).await;
    let mut keys = BTreeSet::new();
    for (language, context) in json_results(&dir, "context").await {
        let key = context["idempotencyKey"].as_str().expect(language);
        let hexadecimal = key.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        assert!(key.len() == 32 && hexadecimal && keys.insert(key.to_owned()), "{language}: {key}");
        let expected = json!({
            "eventId": "evt_context",
            "eventType": "conformance.order",
            "source": "moncreneau",
            "created": "2026-01-21T14:30:00Z",
            "receivedAt": event["received_at"],
            "idempotencyKey": key,
            "attempt": 1,
        });
        assert_eq!(context, expected, "{language}");
    }
}

#[tokio::test]
async fn config_and_secrets_have_the_operators_values() {
    let dir = host_dir("config = { n = 3, text = \"é 🇬🇳\" }\nsecrets = { token = \"hidden\" }\n", "");
    let host = start(&dir).await;
    done(&host, &plain("config")).await;
    for (language, config) in json_results(&dir, "config").await {
        // No plugin is kept from telling what it was told, but the host never does.
        assert_eq!(config, json!({ "n": "3", "text": "é 🇬🇳", "token": "hidden" }), "{language}");
    }
}

#[tokio::test]
async fn the_content_type_and_the_attributes_are_the_events_own() {
    let source = "[sources.cloud]\nscheme = \"cloudevents\"\nsecrets = [\"s\"]\nforms = true\n\
         default_type = \"conformance.form\"\n";
    let dir = host_dir("", source);
    let host = start(&dir).await;
    let of_form =
        json!({ "contentType": "application/x-www-form-urlencoded", "subject": null, "attributes": {} });
    let of_event = json!({ "contentType": null, "subject": "É 🇬🇳", "attributes": {
        "comexampleext": "1", "datacontenttype": "application/json", "id": "1", "source": "shop",
        "specversion": "1.0", "subject": "É 🇬🇳", "type": "conformance.order",
    } });
    let none = json!({ "contentType": null, "subject": null, "attributes": {} });
    let authorization = ("Authorization", "Bearer s");
    let cloud = [
        authorization,
        ("Content-Type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "shop"),
        ("ce-type", "conformance.order"),
        ("ce-comexampleext", "1"),
        ("ce-subject", "%C3%89%20%F0%9F%87%AC%F0%9F%87%B3"),
    ];
    let form = [authorization, ("Content-Type", "application/x-www-form-urlencoded")];
    for (headers, body, expected) in
        [(&form[..], "do=metadata", of_form), (&cloud[..], r#"{"do":"metadata"}"#, of_event)]
    {
        let answer = host.post("cloud", body, headers).await;
        assert_eq!(answer.code, 202, "{answer:?}");
        host.wait_drained().await;
        for (language, found) in json_results(&dir, "metadata").await {
            assert_eq!(found, expected, "{language}");
        }
    }
    done(&host, &plain("metadata")).await;
    for (language, found) in json_results(&dir, "metadata").await {
        assert_eq!(found, none, "{language}");
    }
}

#[tokio::test]
async fn every_store_function_behaves_as_documented() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    for (id, counter) in [("evt_1", "2"), ("evt_2", "4")] {
        done(&host, &order(id, &json!({ "do": "store" }))).await;
        for (language, keys) in json_results(&dir, "keys").await {
            let bucket = dir.bucket(&plugin(language), "conformance").await;
            let has = |key| bucket.get(key).map_or("", String::as_str);
            let left = ["a", "cas", "counter", "x", "y", "z"].map(has);
            assert_eq!(left, ["", "swapped", counter, "1", "", "3"], "{language}");
            // The second call sees what the first left.
            let found = if id == "evt_1" {
                json!(["cas", "counter", "x", "z"])
            } else {
                json!(["cas", "counter", "keys", "x", "z"])
            };
            assert_eq!(keys, found, "{language}");
        }
    }
}

#[tokio::test]
async fn a_request_returns_the_partners_response() {
    let partner =
        Partner::start(|_, asked| Reply::text(203, &format!("{} à {}", asked.method, asked.path))).await;
    let dir = host_dir(&format!("http = [\"{}\"]", partner.origin()), "");
    let host = start(&dir).await;
    let url = format!("{}/texts?lang=fr", partner.origin());
    done(&host, &order("evt_1", &json!({ "do": "fetch", "url": url }))).await;
    for (language, answer) in json_results(&dir, "fetch").await {
        assert_eq!(answer, json!({ "status": 203, "body": "GET à /texts?lang=fr" }), "{language}");
    }
}

#[tokio::test]
async fn a_request_without_a_response_leads_to_another_attempt() {
    let nobody = "http://127.0.0.1:9";
    let dir = host_dir(&format!("http = [\"{nobody}\"]"), "");
    let host = start(&dir).await;
    let (_, deliveries) = deliver(&host, &order("evt_1", &json!({ "do": "fetch", "url": nobody }))).await;
    for (language, delivery) in deliveries {
        let attempts = delivery["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 2, "{language}: {delivery}");
        let ended = (&attempts[0]["outcome"], &attempts[0]["cause"]);
        assert_eq!(ended, (&"retry".into(), &"handler".into()), "{language}: {delivery}");
    }
}

#[tokio::test]
async fn a_request_without_a_grant_is_rejected_and_the_reason_names_the_grant() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let url = "http://169.254.169.254/latest";
    let (_, deliveries) = deliver(&host, &order("evt_1", &json!({ "do": "fetch", "url": url }))).await;
    for (language, delivery) in deliveries {
        let attempts = delivery["attempts"].as_array().unwrap();
        let first = &attempts[0];
        let ended = (attempts.len(), &first["outcome"], &first["cause"]);
        assert_eq!(ended, (1, &"rejected".into(), &"handler".into()), "{language}: {delivery}");
        let grant = format!(
            "http://169.254.169.254 is not granted: add it to `http` in [plugin.{}]",
            plugin(language)
        );
        assert!(first["reason"].as_str().unwrap().contains(&grant), "{language}: {first}");
        assert!(logs(first).iter().any(|line| line.contains(&grant)), "{language}: {first}");
    }
}

#[tokio::test]
async fn the_clock_is_the_hosts() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let before = hookyard::event::now_ms();
    done(&host, &plain("clock")).await;
    let after = hookyard::event::now_ms();
    for (language, now) in results(&dir, "clock").await {
        let now = now.parse().unwrap();
        assert!((before..=after).contains(&now), "{language}: {now} is not from {before} to {after}");
    }
}

#[tokio::test]
async fn random_values_differ_between_calls() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    done(&host, &order("evt_1", &json!({ "do": "random" }))).await;
    let first = results(&dir, "random").await;
    done(&host, &order("evt_2", &json!({ "do": "random" }))).await;
    for ((language, first), (_, second)) in first.iter().zip(results(&dir, "random").await) {
        assert_eq!((first.len(), second.len()), (32, 32), "{language}: {first}, {second}");
        // One half is of the language's own generator, where it has one, and the other of the host's.
        let halves = |hex: &str| [hex[..16].to_owned(), hex[16..].to_owned()];
        let same = halves(first).iter().zip(halves(&second)).any(|(first, second)| *first == second);
        assert!(!same, "{language}: {first}, {second}");
    }
}

#[tokio::test]
async fn printed_lines_are_logged() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let (_, deliveries) = done(&host, &plain("print")).await;
    for (language, delivery) in deliveries {
        let lines = logs(&delivery["attempts"][0]);
        let texts: Vec<_> = lines.iter().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(texts, ["to stdout", "to stderr"], "{language}");
    }
}
