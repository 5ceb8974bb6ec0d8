//! What an approval opens, and what comes of it.

use std::sync::Mutex;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookyard::config::{Scheme, Secret, Source};
use hookyard::ingress::{UnsignedRequest, sign};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{
    SUBSCRIPTION, TOPIC, approve, ask, confirmed, entries, list, now_ms, sns, subscribe_url, with_alarms,
};
use crate::support::{HostDir, Partner, Reply, wait_until};

/// A message that Amazon SNS signed for this topic.
fn signed_by_sns(key: &RsaKeyPair, message: &Value) -> String {
    let mut source = Source::preset(Scheme::find("aws-sns").unwrap(), Vec::new());
    source.verification.values.insert("topic_arn".into(), TOPIC.into());
    let private: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(private.as_ref())
    );
    let unsigned = UnsignedRequest {
        url: "",
        id: None,
        event_type: None,
        content_type: None,
        body: message.to_string().into(),
        now_ms: now_ms(),
    };
    let signed = sign(&source, &Secret::new(pem), &unsigned).unwrap();
    String::from_utf8(signed.body.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_amazon_sns_signed_is_confirmed_once_an_operator_approves() {
    let sns = sns().await;
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let dir = HostDir::new(&format!(
        "[sources.alarms]\nscheme = \"aws-sns\"\nsecrets = [\"{}\"]\nvalues = {{ topic_arn = \"{TOPIC}\" }}\n\
         confirm_origins = [\"{}\"]\n",
        STANDARD.encode(public.as_ref()),
        sns.origin()
    ));
    let host = dir.start().await;
    let message = |kind: &str, topic: &str| {
        let url = subscribe_url(&sns.origin(), TOPIC, "2336412f37fb687f5d51e6e2425c464de12884");
        json!({ "Type": kind, "MessageId": "m-1", "TopicArn": topic, "SubscribeURL": url,
            "Token": "2336412f37fb687f5d51e6e2425c464de12884", "Message": "You have chosen to subscribe" })
    };
    let body = signed_by_sns(&key, &message("SubscriptionConfirmation", TOPIC));
    let forged = host.post("alarms", &body.replace("alarms&", "others&"), &[]).await;
    assert_eq!(forged.code, 401, "{forged:?}");
    let answer = host.post("alarms", &body, &[]).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (200, "held"), "{answer:?}");
    // The provider sends again what it got no answer to, and the signature does not cover this topic.
    let other = body.replace(&format!("\"TopicArn\":\"{TOPIC}\""), "\"TopicArn\":\"arn:other\"");
    assert_ne!(other, body);
    let repeated = host.post("alarms", &other, &[]).await;
    assert_eq!((repeated.code.as_u16(), repeated.status()), (200, "held"), "{repeated:?}");
    let [waiting] = &list(&dir)[..] else { panic!("{:?}", list(&dir)) };
    assert_eq!((&waiting["topic"], &waiting["state"]), (&json!(TOPIC), &json!("waiting")));
    let three_days = 3 * 24 * 3_600_000;
    let life = waiting["expires_at"].as_u64().unwrap() - waiting["received_at"].as_u64().unwrap();
    assert_eq!(life, three_days, "{waiting}");
    host.wait_log(&["a confirmation waits for an operator", "hookyard source confirmations alarms"]).await;
    let doctor = dir.run(&["doctor"]);
    assert!(doctor.out.contains("1 confirmation of alarms waits for an operator"), "{doctor:?}");
    assert_eq!(sns.request_count(), 0, "nothing is opened before an approval");

    let note = ["--note", "the new topic, ticket 12"];
    let approved = dir.run(&[&["source", "approve", "alarms", "1"][..], &note].concat());
    assert_eq!(approved.code, 0, "{approved:?}");
    assert_eq!(approved.out, format!("{TOPIC} is confirmed: subscription {SUBSCRIPTION}\n"));
    let [opened] = &sns.requests()[..] else { panic!("{:?}", sns.requests()) };
    assert_eq!(opened.method, "GET");
    let path =
        format!("/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425c464de12884");
    assert_eq!((opened.path.as_str(), opened.body.len()), (path.as_str(), 0));
    let [done] = &list(&dir)[..] else { panic!() };
    assert_eq!(
        (&done["state"], &done["subscription"], &done["decided_by"], &done["failure"]),
        (&json!("confirmed"), &json!(SUBSCRIPTION), &json!("first-start"), &Value::Null)
    );
    assert!(!dir.run(&["doctor"]).out.contains("confirmation of"), "nothing waits any more");
    let [approval, opening] = &entries(&dir)[..] else { panic!("{:?}", entries(&dir)) };
    assert_eq!(
        (&approval["action"], &approval["target"], &approval["note"]),
        (&json!("confirmation.approve"), &json!("alarms/1"), &json!("the new topic, ticket 12"))
    );
    assert_eq!(
        (&opening["action"], &opening["result"]),
        (&json!("confirmation.open"), &json!("done")),
        "{opening}"
    );
    // A repeated message changes nothing, and neither does another approval.
    assert_eq!(host.post("alarms", &body, &[]).await.code, 200);
    assert_eq!(list(&dir)[0]["state"], "confirmed");
    let again = approve(&dir, "1");
    assert!(again.code == 1 && again.err.contains("is confirmed already"), "{again:?}");
    assert_eq!(sns.request_count(), 1);
    let log = dir.log();
    for secret in ["2336412f37fb687f5d51e6e2425c464de12884", "Action=ConfirmSubscription"] {
        assert!(!log.contains(secret) && !format!("{:?}", entries(&dir)).contains(secret), "{secret}: {log}");
    }

    let end = signed_by_sns(&key, &message("UnsubscribeConfirmation", TOPIC));
    assert_eq!(host.post("alarms", &end, &[]).await.code, 200);
    host.wait_log(&["handshake held for an operator", "to subscribe again"]).await;
    assert_eq!(list(&dir).len(), 1);
    assert_eq!(host.events("").await.len(), 0, "none of it is an event");
}

/// Approves a confirmation that is not confirmed, and returns why.
fn failure(dir: &HostDir, id: &str) -> String {
    let output = approve(dir, id);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("is not confirmed, and still waits: "), "{output:?}");
    let listed = list(dir);
    let one = listed.iter().find(|one| one["id"].as_i64() == id.parse().ok()).unwrap();
    assert_eq!(one["state"], "waiting", "{one}");
    let failure = one["failure"].as_str().unwrap().to_owned();
    assert!(output.err.contains(&failure), "{output:?}");
    failure
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_elsewhere_is_not_opened() {
    let (named, other) = (sns().await, sns().await);
    let dir = with_alarms(&[&named.origin()], "");
    let host = dir.start().await;
    let url = |origin: &str| subscribe_url(origin, TOPIC, "t0ken-of-the-provider");
    for (number, (url, part)) in [
        (url(&other.origin()), "is no host of Amazon SNS"),
        (url(&format!("http://sns.eu-west-1.amazonaws.com:{}", other.port())), "is no host of Amazon SNS"),
        (url("https://169.254.169.254"), "is no host of Amazon SNS"),
        (url("https://sns.us-east-1.amazonaws.com"), "is not in the region of the topic"),
        (url(&named.origin()).replace("ConfirmSubscription", "Unsubscribe"), "does not confirm"),
        (url(&named.origin()).replace(":alarms", ":another"), "is not about the topic"),
        (url(&named.origin()).replace("&Token=t0ken-of-the-provider", ""), "has no token"),
    ]
    .into_iter()
    .enumerate()
    {
        let sent_at = now_ms() + number as u64;
        let answer = super::ask_at(&host, TOPIC, &url, sent_at).await;
        assert_eq!(answer.code, 200, "{answer:?}");
        // The newest one of a topic counts.
        let why = failure(&dir, "1");
        assert!(why.contains(part) && !why.contains("t0ken-of-the-provider"), "{url}: {why}");
    }
    assert_eq!((named.request_count(), other.request_count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let target = sns().await;
    let to = subscribe_url(&target.origin(), TOPIC, "t");
    let sns = Partner::start(move |_, _| Reply::redirect(302, &to)).await;
    let dir = with_alarms(&[&sns.origin(), &target.origin()], "");
    let host = dir.start().await;
    ask(&host, TOPIC, &subscribe_url(&sns.origin(), TOPIC, "t")).await;
    let why = failure(&dir, "1");
    assert!(why.contains("302 with a redirect, which is not followed"), "{why}");
    assert_eq!((sns.request_count(), target.request_count()), (1, 0));
}

/// Answers each connection with 200 and a body without end.
async fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let _request = stream.read(&mut head).await;
            let _head = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        }
    });
    origin
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_read_up_to_a_bound_and_one_that_does_not_come_is_not_awaited_for_long() {
    let origin = endless().await;
    let silent = Partner::start(|_, _| Reply::Hang).await;
    let dir = with_alarms(&[&origin], "");
    let host = dir.start().await;
    ask(&host, TOPIC, &subscribe_url(&origin, TOPIC, "t")).await;
    let why = failure(&dir, "1");
    assert!(why.contains("has more than 65536 bytes"), "{why}");

    let dir = with_alarms(&[&silent.origin()], "[http]\ntimeout_ms = 1000\n");
    let host = dir.start().await;
    ask(
        &host,
        "arn:aws:sns:eu-west-1:1:b",
        &subscribe_url(&silent.origin(), "arn:aws:sns:eu-west-1:1:b", "t"),
    )
    .await;
    let why = failure(&dir, "1");
    assert!(why.contains("1000 ms"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_shown_without_the_token_and_can_be_tried_again() {
    let replies = Mutex::new(vec![
        Reply::Close,
        Reply::text(200, &"x".repeat(70_000)),
        Reply::text(500, "try later"),
        Reply::text(403, "<Error><Message>Invalid token: t0ken-of-the-provider</Message></Error>"),
        confirmed(),
    ]);
    let sns = Partner::start(move |_, _| replies.lock().unwrap().remove(0)).await;
    let dir = with_alarms(&[&sns.origin()], "");
    let host = dir.start().await;
    ask(&host, TOPIC, &subscribe_url(&sns.origin(), TOPIC, "t0ken-of-the-provider")).await;
    for part in ["the connection to", "has more than 65536 bytes", "500 Internal Server Error: try later"] {
        let why = failure(&dir, "1");
        assert!(why.contains(part), "{part}: {why}");
    }
    let why = failure(&dir, "1");
    assert!(why.contains("403 Forbidden: <Error><Message>Invalid token: "), "{why}");
    assert!(!why.contains("t0ken-of-the-provider"), "{why}");
    let shown = dir.run(&["source", "confirmations", "alarms"]);
    assert!(
        shown.out.contains("not confirmed") && shown.out.contains("source approve alarms 1"),
        "{shown:?}"
    );
    let approved = dir.run(&["source", "approve", "alarms", "1", "--json"]).json();
    assert_eq!((&approved["state"], &approved["failure"]), (&json!("confirmed"), &Value::Null));
    let results: Vec<_> = entries(&dir)
        .into_iter()
        .filter(|entry| entry["action"] == "confirmation.open")
        .map(|entry| entry["result"].clone())
        .collect();
    assert_eq!(results, ["failed", "failed", "failed", "failed", "done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_waits_across_restarts_and_also_one_whose_answer_did_not_come() {
    let sns = Partner::start(|number, _| if number == 0 { Reply::Hang } else { confirmed() }).await;
    let dir = with_alarms(&[&sns.origin()], "");
    let host = dir.start().await;
    let answer = ask(&host, TOPIC, &subscribe_url(&sns.origin(), TOPIC, "t")).await;
    assert_eq!(answer.code, 200);
    host.kill();
    let host = dir.start().await;
    let mut approving = dir.command(&["source", "approve", "alarms", "1"]).spawn().unwrap();
    wait_until("the URL is opened", async || (sns.request_count() == 1).then_some(())).await;
    // The command would repeat its request.
    approving.kill().unwrap();
    approving.wait().unwrap();
    host.kill();
    let host = dir.start().await;
    let [waiting] = &list(&dir)[..] else { panic!() };
    assert_eq!(waiting["state"], "waiting");
    assert!(waiting["failure"].as_str().unwrap().starts_with("no answer so far"), "{waiting}");
    assert_eq!(approve(&dir, "1").code, 0);
    assert_eq!(list(&dir)[0]["state"], "confirmed");
    drop(host);
}
