//! Bodies that are lists, forms or compressed.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::StatusCode;

use super::with_sources;
use crate::support::{RunningHost, WebhookResponse, example, sign};

const SECRET: &str = "s3cret";

fn source(more: &str) -> String {
    format!("[sources.feed]\nscheme = \"hmac\"\nsecrets = [{SECRET:?}]\nprefix = \"sha256=\"\n{more}\n")
}

async fn send(host: &RunningHost<'_>, body: &str) -> WebhookResponse {
    host.post("feed", body, &[("X-Webhook-Signature", &sign(SECRET, body))]).await
}

fn status(answer: &WebhookResponse) -> (StatusCode, &str, u64) {
    (answer.code, answer.status(), answer.json["events"].as_u64().unwrap_or(u64::MAX))
}

#[tokio::test]
async fn a_list_is_stored_as_single_events_in_one_transaction() {
    let dir = with_sources(&source("items = \"/events\""));
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    let body =
        r#"{"events":[{"id":"a","type":"x.y","n":1},{"id":"b","type":"x.z","n":2},{"id":3,"type":"x.y"}]}"#;
    let answer = send(&host, body).await;
    assert_eq!(status(&answer), (StatusCode::ACCEPTED, "accepted", 3), "{answer:?}");
    assert_eq!(answer.json["deliveries"], 3, "{answer:?}");
    host.wait_drained().await;
    for (id, event_type) in [("a", "x.y"), ("b", "x.z"), ("3", "x.y")] {
        let (_, event) = host.api_get(&format!("/api/v1/events/feed/{id}")).await;
        assert_eq!(
            (&event["type"], &event["deliveries"][0]["state"]),
            (&event_type.into(), &"done".into()),
            "{event}"
        );
    }
    assert_eq!(status(&send(&host, body).await), (StatusCode::OK, "duplicate", 3));
    let more =
        r#"{"events":[{"id":"a","type":"x.y","n":1},{"id":"b","type":"x.z","n":9},{"id":"c","type":"x.y"}]}"#;
    let answer = send(&host, more).await;
    assert_eq!(
        status(&answer),
        (StatusCode::ACCEPTED, "accepted", 3),
        "one is new, one known, one a conflict"
    );
    assert_eq!(answer.json["deliveries"], 1, "{answer:?}");
    let answer = send(&host, r#"{"events":[{"id":"d","type":"x.y"},{"id":"e"}]}"#).await;
    assert_eq!((answer.code, answer.reason()), (StatusCode::BAD_REQUEST, "event 1: no event type at /type"));
    assert_eq!(host.api_get("/api/v1/events/feed/d").await.0, 404, "nothing of it is stored");
    assert_eq!(status(&send(&host, r#"{"events":[]}"#).await), (StatusCode::ACCEPTED, "accepted", 0));
}

#[tokio::test]
async fn a_form_reaches_handlers_as_json_after_its_bytes_were_verified() {
    let dir = with_sources(&source("forms = true\nform_payload = \"payload\""));
    let host = dir.start().await;
    let form = "id=f1&type=form.sent&text=a+b%26c";
    let answer = send(&host, form).await;
    assert_eq!((answer.code.as_u16(), answer.json["event"].as_str()), (202, Some("f1")), "{answer:?}");
    let (_, event) = host.api_get("/api/v1/events/feed/f1/export").await;
    assert_eq!(event["payload"]["text"], "a b&c", "{event}");
    let answer = send(&host, "payload=%7B%22id%22%3A%22f2%22%2C%22type%22%3A%22x%22%7D").await;
    assert_eq!((answer.code.as_u16(), answer.json["event"].as_str()), (202, Some("f2")), "{answer:?}");
    let changed = host.post("feed", "id=f3&type=x", &[("X-Webhook-Signature", &sign(SECRET, form))]).await;
    assert_eq!(changed.code, 401, "{changed:?}");
}

#[tokio::test]
async fn a_compressed_body_is_taken_within_limits_where_the_source_allows_it() {
    let dir = with_sources(&source("gzip = true"));
    let host = dir.start().await;
    let gzip = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let url = format!("{}/webhooks/feed", host.webhooks());
    let post = async |bytes: Vec<u8>, coding: &str| {
        let mut mac = <hmac::Hmac<sha2::Sha256> as hmac::KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
        hmac::Mac::update(&mut mac, &bytes);
        let signature = format!("sha256={}", hex::encode(hmac::Mac::finalize(mac).into_bytes()));
        let request =
            http.post(&url).header("X-Webhook-Signature", signature).header("Content-Encoding", coding);
        let response = request.body(bytes).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let body = r#"{"id":"z1","type":"x.y"}"#;
    let (code, text) = post(gzip(body), "gzip").await;
    assert_eq!(code, 202, "{text}");
    let (_, event) = host.api_get("/api/v1/events/feed/z1/export").await;
    assert_eq!(event["payload"]["id"], "z1", "{event}");
    let bomb = format!(r#"{{"id":"z2","type":"x.y","x":"{}"}}"#, "0".repeat(2 * 1024 * 1024));
    assert!(gzip(&bomb).len() < 10_000);
    for (bytes, coding, code) in [
        (gzip(&bomb), "gzip", 413),
        (body.as_bytes().to_vec(), "gzip", 400),
        (gzip(body), "gzip, gzip", 415),
        (gzip(body), "br", 415),
    ] {
        let (answered, text) = post(bytes, coding).await;
        assert_eq!(answered, code, "{coding}: {text}");
    }
}
