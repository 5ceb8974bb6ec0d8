//! How many confirmations wait, who decides about them, and where their URLs may lead.

use std::net::SocketAddr;
use std::sync::Arc;

use hookyard::config::Config;
use hookyard::outbound::{ConfirmationToOpen, FailureKind, Outbound, ResolvedAddresses, Resolver};
use serde_json::{Value, json};

use super::{TOPIC, approve, ask, list, sns, subscribe_url, with_alarms};
use crate::access::{create, run_as};

#[tokio::test]
async fn the_topics_that_wait_have_a_bound_and_a_decision_makes_room() {
    let dir = with_alarms(&[], "");
    let host = dir.start().await;
    let url = |topic: &str| subscribe_url("https://sns.eu-west-1.amazonaws.com", topic, "t");
    for number in 0..16 {
        let topic = format!("arn:aws:sns:eu-west-1:1:t{number}");
        assert_eq!(ask(&host, &topic, &url(&topic)).await.code, 200);
    }
    let topic = "arn:aws:sns:eu-west-1:1:one-more";
    let answer = ask(&host, topic, &url(topic)).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (429, "overloaded"), "{answer:?}");
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    host.wait_log(&["a confirmation was not stored", "one-more"]).await;
    assert_eq!(list(&dir).len(), 16);
    let metrics = host.admin_get("/metrics", None).await.text().await.unwrap();
    for (result, count) in [("stored", 16), ("full", 1), ("renewed", 0), ("repeated", 0)] {
        let line = format!("hookyard_confirmations_total{{source=\"alarms\",result=\"{result}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    let rejected = dir.run(&["source", "reject", "alarms", "3", "--note", "not ours"]);
    assert_eq!((rejected.code, rejected.out.as_str()), (0, "arn:aws:sns:eu-west-1:1:t2 is rejected\n"));
    assert_eq!(ask(&host, topic, &url(topic)).await.code, 200);
    let again = dir.run(&["source", "reject", "alarms", "3"]);
    assert!(again.code == 1 && again.err.contains("is rejected already"), "{again:?}");
    let unknown = approve(&dir, "99");
    assert!(unknown.code == 1 && unknown.err.contains("has no confirmation 99"), "{unknown:?}");
    let other = dir.run(&["source", "approve", "moncreneau", "1"]);
    assert!(other.code == 1 && other.err.contains("source moncreneau has no confirmation 1"), "{other:?}");
}

#[tokio::test]
async fn a_confirmation_that_has_no_form_of_one_is_rejected() {
    let dir = with_alarms(&[], "");
    let host = dir.start().await;
    for (topic, url) in [
        ("", "https://sns.eu-west-1.amazonaws.com/".to_owned()),
        (TOPIC, String::new()),
        (TOPIC, format!("https://sns.eu-west-1.amazonaws.com/?{}", "x".repeat(2048))),
        (&*"t".repeat(513), "https://sns.eu-west-1.amazonaws.com/".to_owned()),
        ("a\nb", "https://sns.eu-west-1.amazonaws.com/".to_owned()),
    ] {
        let answer = ask(&host, topic, &url).await;
        assert_eq!(answer.code, 400, "{topic} {url}: {answer:?}");
    }
    assert_eq!(list(&dir), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_operate_decide_and_see_the_url() {
    let sns = sns().await;
    let dir = with_alarms(&[&sns.origin()], "");
    let host = dir.start().await;
    ask(&host, TOPIC, &subscribe_url(&sns.origin(), TOPIC, "t0ken-of-the-provider")).await;
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let operate = create(&dir, &["night-shift", "--role", "operate"]);
    let deploy = create(&dir, &["pipeline", "--role", "deploy", "--plugins", "*"]);
    let some = create(&dir, &["sms-team", "--role", "operate", "--plugins", "sms-*"]);
    for token in [&read, &deploy] {
        let shown = run_as(&dir, token, &["source", "confirmations"]);
        assert!(shown.code == 0 && shown.out.contains(TOPIC), "{shown:?}");
        assert!(!shown.out.contains("t0ken-of-the-provider"), "{shown:?}");
    }
    assert_eq!(run_as(&dir, &some, &["source", "confirmations"]).code, 1);
    for token in [&read, &deploy, &some] {
        for verb in ["approve", "reject"] {
            let refused = run_as(&dir, token, &["source", verb, "alarms", "1"]);
            assert_eq!(refused.code, 1, "{refused:?}");
        }
    }
    assert_eq!((sns.request_count(), &list(&dir)[0]["state"]), (0, &json!("waiting")));
    let shown = run_as(&dir, &operate, &["source", "confirmations", "alarms"]);
    assert!(shown.out.contains("t0ken-of-the-provider"), "{shown:?}");
    assert_eq!(run_as(&dir, &operate, &["source", "approve", "alarms", "1"]).code, 0);
    assert_eq!(list(&dir)[0]["decided_by"], "night-shift");
    drop(host);
}

#[tokio::test]
async fn an_approval_that_is_repeated_under_its_key_opens_nothing_again() {
    let sns = sns().await;
    let dir = with_alarms(&[&sns.origin()], "");
    let host = dir.start().await;
    ask(&host, TOPIC, &subscribe_url(&sns.origin(), TOPIC, "t")).await;
    let key = [("idempotency-key", "approve-1")];
    for _ in 0..2 {
        let path = "/api/v1/sources/alarms/confirmations/1/approve";
        let (code, view) = host.api_post(path, &json!({}), &key).await;
        assert_eq!((code.as_u16(), &view["state"]), (200, &json!("confirmed")), "{view}");
    }
    assert_eq!(sns.request_count(), 1);
}

/// Resolves all names to one address.
struct Everywhere(SocketAddr);

impl Resolver for Everywhere {
    fn resolve(&self, _host: &str) -> ResolvedAddresses {
        Box::pin(std::future::ready(Ok(vec![self.0])))
    }
}

#[tokio::test]
async fn a_host_of_amazon_sns_with_an_internal_address_is_reached_only_if_the_operator_names_it() {
    let sns = "https://sns.eu-west-1.amazonaws.com";
    let url = subscribe_url(sns, TOPIC, "t");
    let named = [sns.to_owned()];
    for (address, origins) in [
        ("127.0.0.1:0", &[][..]),
        ("10.0.0.5:0", &[]),
        ("169.254.169.254:0", &[]),
        ("[::1]:0", &[]),
        ("127.0.0.1:0", &named),
    ] {
        let config = Config::default();
        let resolver = Arc::new(Everywhere(address.parse().unwrap()));
        let outbound = Outbound::with_resolver(&config.http, &config.email, resolver).unwrap();
        let to_open = ConfirmationToOpen { section: "[sources.alarms]", topic: TOPIC, url: &url, origins };
        // Nothing listens there.
        let failure = outbound.confirm(&to_open).await.unwrap_err();
        let is_internal = failure.kind == FailureKind::InternalAddress;
        assert_eq!(is_internal, origins.is_empty(), "{address}: {failure}");
        let remedy = "add https://sns.eu-west-1.amazonaws.com to `confirm_origins` in [sources.alarms]";
        assert_eq!(failure.detail.contains(remedy), origins.is_empty(), "{failure}");
    }
}
