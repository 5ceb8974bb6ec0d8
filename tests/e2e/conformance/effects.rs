//! Effects from the outbox of each language.

use serde_json::{Value, json};

use super::{
    CHARACTERS, LANGUAGES, done, host_dir, json_results, mail, order, plain, plugin, results, start,
};
use crate::support::{Partner, Reply, RunningHost, Smtp, wait_until};

/// Waits until an event that a guest emitted is finished.
async fn emitted(host: &RunningHost<'_>, language: &str, key: &str) -> Value {
    let path = format!("/api/v1/events/plugin.{}/{key}", plugin(language));
    wait_until("the emitted event has run", async || {
        let (code, event) = host.api_get(&path).await;
        (code.is_success() && event["state"] == "done").then_some(event)
    })
    .await
}

#[tokio::test]
async fn effects_are_sent_unchanged_under_the_keys_that_the_handler_received() {
    let (partner, smtp) = (Partner::start(|_, _| Reply::text(200, "")).await, Smtp::start().await);
    let dir = host_dir(
        &format!("http = [\"{}\"]\nemail = [\"*@example.gn\"]\n", partner.origin()),
        &format!("[email]\nsmtp = \"smtp://{}\"\nfrom = \"no-reply@example.gn\"\n", smtp.address()),
    );
    let host = start(&dir).await;
    let (url, to) = (format!("{}/messages?a=b", partner.origin()), "desk@example.gn");
    done(&host, &order("evt_1", &json!({ "do": "outbox", "url": url, "to": to, "text": CHARACTERS }))).await;
    for (language, keys) in json_results(&dir, "effects").await {
        let [http, email, event] = [0, 1, 2].map(|at| keys[at].as_str().expect(language));

        let asked = wait_until("the request is there", async || {
            partner.requests().into_iter().find(|asked| asked.header("idempotency-key") == http)
        })
        .await;
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/messages?a=b"), "{language}");
        assert_eq!((asked.text(), asked.header("x-test")), (CHARACTERS, "yes"), "{language}");

        let received = wait_until("the email is there", async || {
            smtp.received().into_iter().find(|received| received.header("Idempotency-Key") == email)
        })
        .await;
        assert_eq!(
            (&received.to[..], received.header("To").as_str()),
            (&[to.to_owned()][..], to),
            "{language}"
        );
        assert_eq!(mail::words(&received.header("Subject")), CHARACTERS, "{language}: {}", received.data);
        let parts = mail::parts(&received.data);
        let [text, html, attachment] = &parts[..] else { panic!("{language}: {parts:?}") };
        assert_eq!(text.content, CHARACTERS, "{language}");
        assert_eq!(html.content, format!("<p>{CHARACTERS}</p>"), "{language}");
        assert_eq!(attachment.content, CHARACTERS, "{language}");
        assert!(attachment.head.contains("attachment.txt"), "{language}: {}", attachment.head);

        let event = emitted(&host, language, event).await;
        assert_eq!(event["type"], "conformance.emitted", "{language}: {event}");
        assert_eq!(event["cause"]["id"], "evt_1", "{language}: {event}");
        assert_eq!(
            event["deliveries"].as_array().unwrap().len(),
            LANGUAGES.len(),
            "all guests get it: {language}: {event}"
        );
    }
    // What was emitted told all to keep its text.
    for (language, text) in results(&dir, "echo").await {
        assert_eq!(text, CHARACTERS, "{language}");
    }
}

#[tokio::test]
async fn an_effect_without_a_grant_is_refused_and_the_grant_is_named() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let (_, deliveries) = done(&host, &plain("refused")).await;
    for ((language, reason), (_, delivery)) in results(&dir, "refused").await.into_iter().zip(deliveries) {
        let named = format!(
            "http://169.254.169.254 is not granted: add it to `http` in [plugin.{}]",
            plugin(language)
        );
        assert!(reason.contains(&named), "{language}: {reason}");
        assert_eq!(delivery["effects"], json!([]), "{language}");
    }
}
