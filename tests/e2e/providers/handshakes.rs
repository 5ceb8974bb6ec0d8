//! Handshakes are answered by the host, counted and logged, and reach no plugin.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::with_sources;
use crate::support::{example, sign};

#[tokio::test]
async fn a_provider_that_checks_the_address_is_answered_and_nothing_is_stored() {
    let dir = with_sources(
        "[sources.chat]\nscheme = \"slack\"\nsecrets = [\"s\"]\ntolerance_seconds = 0\n\
         [sources.files]\nscheme = \"dropbox\"\nsecrets = [\"s\"]\n\
         [sources.pages]\nscheme = \"meta\"\nsecrets = [\"s\"]\nverify_token = \"shown\"\n\
         [sources.graph]\nscheme = \"microsoft-graph\"\nsecrets = [\"state\"]\n\
         [sources.cloud]\nscheme = \"cloudevents\"\nsecrets = [\"s\"]\n",
    );
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let url = |path: &str| format!("{}/webhooks/{path}", host.webhooks());
    let meta = "pages?hub.mode=subscribe&hub.challenge=42&hub.verify_token=";
    for (method, path, code, expected) in [
        ("GET", "files?challenge=abc".to_owned(), 200, "abc"),
        ("GET", format!("{meta}shown"), 200, "42"),
        ("GET", format!("{meta}other"), 405, ""),
        ("GET", "chat?challenge=abc".to_owned(), 405, ""),
        ("POST", "graph?validationToken=a%20b".to_owned(), 200, "a b"),
        ("OPTIONS", "cloud".to_owned(), 200, ""),
    ] {
        let request = http.request(method.parse().unwrap(), url(&path));
        let response = request.header("WebHook-Request-Origin", "sender.example").send().await.unwrap();
        assert_eq!(response.status().as_u16(), code, "{path}");
        if method == "OPTIONS" {
            assert_eq!(response.headers()["webhook-allowed-origin"], "sender.example");
        }
        if code == 200 {
            assert_eq!(response.text().await.unwrap(), expected, "{path}");
        }
    }
    let body = r#"{"type":"url_verification","challenge":"c1","token":"x"}"#;
    let signature = sign("s", &format!("v0:1531420618:{body}")).replace("sha256=", "v0=");
    let headers = [("X-Slack-Request-Timestamp", "1531420618"), ("X-Slack-Signature", signature.as_str())];
    let response =
        http.post(url("chat")).header(headers[0].0, headers[0].1).header(headers[1].0, headers[1].1);
    let response = response.body(body).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "c1"));
    let forged = host.post("chat", &body.replace("c1", "c2"), &headers).await;
    assert_eq!(forged.code, 401, "a challenge that is not signed is not answered: {forged:?}");
    assert_eq!(host.events("").await, Vec::<Value>::new());
    let metrics = host.admin_get("/metrics", None).await.text().await.unwrap();
    for source in ["chat", "files", "pages", "graph", "cloud"] {
        let line = format!("hookyard_requests_total{{source=\"{source}\",status=\"handshake\"}} 1");
        assert!(metrics.contains(&line), "{line}");
    }
    let line = host.wait_log(&["handshake answered", "Slack URL verification"]).await;
    assert!(line.contains("chat"), "{line}");
}

#[tokio::test]
async fn a_signed_check_of_zoom_or_discord_is_answered_and_a_forged_one_is_not() {
    const TIME: &str = "1531420618";
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let dir = with_sources(&format!(
        "[sources.meetings]\nscheme = \"zoom\"\nsecrets = [\"other\", \"s\"]\ntolerance_seconds = 0\n\
         [sources.bot]\nscheme = \"discord\"\nsecrets = [\"{}\"]\ntolerance_seconds = 0\n",
        hex::encode(pair.public_key().as_ref())
    ));
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    let zoom =
        |body: &str| ("x-zm-signature", sign("s", &format!("v0:{TIME}:{body}")).replace("sha256=", "v0="));
    let discord = |body: &str| {
        ("X-Signature-Ed25519", hex::encode(pair.sign(format!("{TIME}{body}").as_bytes()).as_ref()))
    };
    let validation =
        r#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    // The answer has the HMAC by the secret that verified the request.
    let encrypted = sign("s", "qgg8vlvZRS6UYooatFL8Aw").replace("sha256=", "");
    let validated = json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": encrypted});
    let (interaction, webhook) = (r#"{"type":1}"#, r#"{"version":1,"application_id":"7","type":0}"#);
    for (source, time, signature, body, code, answer) in [
        ("meetings", "x-zm-request-timestamp", zoom(validation), validation, 200, validated),
        ("bot", "X-Signature-Timestamp", discord(interaction), interaction, 200, json!({"type": 1})),
        ("bot", "X-Signature-Timestamp", discord(webhook), webhook, 204, Value::Null),
    ] {
        let headers = [(time, TIME), (signature.0, signature.1.as_str())];
        let answered = host.post(source, body, &headers).await;
        assert_eq!((answered.code.as_u16(), &answered.json), (code, &answer), "{body}: {answered:?}");
        let forged = host.post(source, &format!("{body} "), &headers).await;
        assert_eq!(forged.code, 401, "{body}: {forged:?}");
    }
    assert_eq!(host.events("").await, Vec::<Value>::new());
    let metrics = host.admin_get("/metrics", None).await.text().await.unwrap();
    for (source, status, count) in [
        ("meetings", "handshake", 1),
        ("meetings", "unauthorized", 1),
        ("bot", "handshake", 2),
        ("bot", "unauthorized", 2),
    ] {
        let line = format!("hookyard_requests_total{{source=\"{source}\",status=\"{status}\"}} {count}");
        assert!(metrics.contains(&line), "{line}");
    }
    for (source, name) in [("meetings", "Zoom URL validation"), ("bot", "Discord ping")] {
        let line = host.wait_log(&["handshake answered", name]).await;
        assert!(line.contains(source), "{line}");
    }
}
