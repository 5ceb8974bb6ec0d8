//! The answers that acknowledge events, in the forms that providers want.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::with_sources;
use crate::support::{HostDir, RunningHost, sign};

const JSON: &str = "application/json";
const BODY: &str = r#"{"id":"1","type":"a"}"#;

/// The status, the content type and the body of an answer.
type Answer = (u16, String, String);

async fn post(host: &RunningHost<'_>, source: &str, header: (&str, &str), body: &str) -> Answer {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let request = http.post(format!("{}/webhooks/{source}", host.webhooks())).header(header.0, header.1);
    let response = request.body(body.to_owned()).send().await.unwrap();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let code = response.status().as_u16();
    (code, content_type.unwrap_or_default(), response.text().await.unwrap())
}

fn sources(replies: &[&str]) -> HostDir {
    let mut text = String::new();
    for (number, reply) in replies.iter().enumerate() {
        let scheme = "scheme = \"hmac\"\nsecrets = [\"s\"]\nprefix = \"sha256=\"";
        writeln!(text, "[sources.s{number}]\n{scheme}\nreply = {reply}").unwrap();
    }
    with_sources(&text)
}

#[tokio::test]
async fn an_accepted_event_and_its_duplicate_are_answered_in_the_form_of_the_source() {
    let accepted = r#"{"status":"accepted","event":"1","deliveries":0}"#;
    let text_type = "text/plain; charset=utf-8";
    let table = [
        ("\"[accepted]\"", 200, text_type, "[accepted]"),
        ("\"\"", 200, "", ""),
        ("204", 204, "", ""),
        ("200", 200, JSON, accepted),
        ("202", 202, JSON, accepted),
    ];
    let dir = sources(&table.map(|(reply, ..)| reply));
    let host = dir.start().await;
    let signature = sign("s", BODY);
    for (number, (reply, code, content_type, body)) in table.into_iter().enumerate() {
        let source = format!("s{number}");
        let header = ("X-Webhook-Signature", signature.as_str());
        let first = post(&host, &source, header, BODY).await;
        assert_eq!(first, (code, content_type.to_owned(), body.to_owned()), "{reply}");
        let (again, again_type, again_body) = post(&host, &source, header, BODY).await;
        assert_eq!((again, again_type.as_str()), (code, content_type), "{reply}: {again_body}");
        if content_type == JSON {
            assert!(again_body.contains(r#""status":"duplicate""#), "{reply}: {again_body}");
        } else {
            assert_eq!(again_body, body, "{reply}");
        }
        let (code, event) = host.api_get(&format!("/api/v1/events/{source}/1")).await;
        assert_eq!(code, 200, "{reply}: {event}");
    }
}

#[tokio::test]
async fn a_rejected_request_is_answered_as_before_but_without_a_body_where_no_answer_has_one() {
    let dir = sources(&["204", "200", "\"ok\"", "\"\""]);
    let host = dir.start().await;
    let wrong = sign("other", BODY);
    for source in ["s0", "s1", "s2"] {
        let (code, content_type, body) = post(&host, source, ("X-Webhook-Signature", &wrong), BODY).await;
        assert_eq!((code, content_type.as_str()), (401, JSON), "{source}");
        assert!(body.contains(r#""status":"unauthorized""#), "{source}: {body}");
    }
    let answer = post(&host, "s3", ("X-Webhook-Signature", &wrong), BODY).await;
    assert_eq!(answer, (401, String::new(), String::new()));
    let line = host.wait_log(&["signature rejected", "s3"]).await;
    assert!(line.contains("no secret matched"), "the log has the reason: {line}");
}

/// Xero checks an address by empty lists with right and wrong signatures, and takes an answer with a body for a failure.
#[tokio::test]
async fn the_intent_to_receive_of_xero_is_answered_without_a_body() {
    let dir = with_sources("[sources.books]\nscheme = \"xero\"\nsecrets = [\"s\"]");
    let host = dir.start().await;
    let body = r#"{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}"#;
    for (secret, expected) in [("s", 200), ("other", 401)] {
        let digest = hex::decode(sign(secret, body).trim_start_matches("sha256=")).unwrap();
        let answer = post(&host, "books", ("x-xero-signature", &STANDARD.encode(digest)), body).await;
        assert_eq!(answer, (expected, String::new(), String::new()), "{secret}");
    }
}
