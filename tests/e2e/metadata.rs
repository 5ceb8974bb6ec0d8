//! What an event says beside its payload: the content type of what is no JSON, and the attributes of a `CloudEvent`. It
//! reaches handlers that import `hookyard:event/metadata`, and operators.

use serde_json::{Value, json};

use crate::access::{create, run_as};
use crate::support::{HostDir, RunningHost, WebhookResponse, guest, sign, wait_until};

const FEED: &str = "[sources.feed]\nscheme = \"hmac\"\nsecrets = [\"s\"]\nprefix = \"sha256=\"\ntext = true\n\
     forms = true\ndefault_type = \"order\"\n";
const CLOUD: &str = "[sources.cloud]\nscheme = \"cloudevents\"\nsecrets = [\"s\"]\n";
const BEARER: (&str, &str) = ("Authorization", "Bearer s");
const STRUCTURED: &str = "application/cloudevents+json";

/// A host directory with the guest that logs what it finds.
fn host_dir(config: &str) -> HostDir {
    let dir = HostDir::new(config);
    dir.install("metadata", &guest("metadata"));
    dir
}

/// An event of the source `cloud` in the structured mode.
fn structured(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "shop", "type": "order.paid", "subject": "orders/7",
        "time": "2026-01-21T14:30:00Z", "dataschema": "https://shop.example.gn/order.json", "comexampleext": 42,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "sampled": true,
        "data": { "amount": 5 },
    })
}

async fn post(host: &RunningHost<'_>, content_type: &str, body: &Value) -> WebhookResponse {
    host.post("cloud", &body.to_string(), &[BEARER, ("Content-Type", content_type)]).await
}

/// Sends an event in the binary mode, with these headers too.
async fn post_binary(host: &RunningHost<'_>, id: &str, more: &[(&str, &str)], body: &str) -> WebhookResponse {
    let headers =
        [BEARER, ("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "shop"), ("ce-type", "order.paid")];
    host.post("cloud", body, &[&headers[..], more].concat()).await
}

/// The events of a source, newest first, when all are done.
async fn done(host: &RunningHost<'_>, source: &str, count: usize) -> Vec<Value> {
    wait_until("the events are done", async || {
        let events = host.events(&format!("&source={source}")).await;
        let is_done = |event: &Value| event["state"] == "done";
        (events.len() == count && events.iter().all(is_done)).then_some(())
    })
    .await;
    let mut events = Vec::new();
    for event in host.events(&format!("&source={source}")).await {
        events.push(show(host, source, event["id"].as_str().unwrap()).await);
    }
    events
}

async fn show(host: &RunningHost<'_>, source: &str, id: &str) -> Value {
    let (code, event) = host.api_get(&format!("/api/v1/events/{source}/{}", id.replace('#', "%23"))).await;
    assert_eq!(code, 200, "{event}");
    event
}

/// What the guest logged in each attempt at an event's deliveries.
fn logs(event: &Value) -> Vec<Vec<String>> {
    let deliveries = event["deliveries"].as_array().unwrap().iter();
    let attempts = deliveries.flat_map(|delivery| delivery["attempts"].as_array().unwrap());
    let line = |line: &Value| line.as_str().unwrap().trim_start_matches("INFO ").to_owned();
    attempts.map(|attempt| attempt["logs"].as_array().unwrap().iter().map(line).collect()).collect()
}

#[tokio::test]
async fn a_body_that_is_no_json_reaches_a_generic_handler_with_its_content_type() {
    let dir = host_dir(FEED);
    let host = dir.start().await;
    for (content_type, body, logged, payload) in [
        (
            "application/xml; charset=utf-8",
            "<order id=\"1\"/>",
            "application/xml; charset=utf-8",
            r#"{"content_type":"application/xml; charset=utf-8","text":"<order id=\"1\"/>"}"#,
        ),
        ("text/csv", "a,b\n1,2\n", "text/csv", r#"{"content_type":"text/csv","text":"a,b\n1,2\n"}"#),
        ("application/x-www-form-urlencoded", "n=1", "application/x-www-form-urlencoded", r#"{"n":"1"}"#),
        // The body decides what it is.
        ("text/xml", r#"{"type":"order"}"#, "none", r#"{"type":"order"}"#),
    ] {
        let headers = [("X-Webhook-Signature", sign("s", body)), ("Content-Type", content_type.to_owned())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = host.post("feed", body, &headers).await;
        let id = answer.json["event"].as_str().unwrap();
        wait_until("the event is done", async || {
            (show(&host, "feed", id).await["state"] == "done").then_some(())
        })
        .await;
        let event = show(&host, "feed", id).await;
        assert_eq!(logs(&event), [[format!("type: {logged}"), payload.to_owned()]], "{content_type}");
        let shown = if logged == "none" { Value::Null } else { logged.into() };
        assert_eq!((&event["content_type"], &event["attributes"]), (&shown, &json!({})), "{content_type}");
    }
    let long = format!("text/{}", "x".repeat(252));
    let signature = sign("s", "<a/>");
    let headers = [("X-Webhook-Signature", signature.as_str()), ("Content-Type", long.as_str())];
    let refused = host.post("feed", "<a/>", &headers).await;
    assert_eq!((refused.code.as_u16(), refused.reason()), (400, "the content type is longer than 256 bytes"));
    let just = [headers[0], ("Content-Type", &long[..256])];
    assert_eq!(host.post("feed", "<a/>", &just).await.code, 202);
}

#[tokio::test]
async fn the_attributes_of_a_cloudevent_reach_a_handler_in_each_mode() {
    let dir = host_dir(CLOUD);
    let host = dir.start().await;
    assert_eq!(post(&host, STRUCTURED, &structured("1")).await.code, 202);
    let bare = json!({ "specversion": "1.0", "id": "3", "source": "shop", "type": "order.paid" });
    let batch = json!([structured("2"), bare]);
    assert_eq!(post(&host, "application/cloudevents-batch+json", &batch).await.code, 202);
    let more = [
        ("Content-Type", "application/xml"),
        ("CE-ComExampleExt", "caf%C3%A9"),
        ("ce-subject", "\"orders/\\\"8\\\"\""),
        ("ce-twice", "1"),
        ("ce-twice", "2"),
    ];
    assert_eq!(post_binary(&host, "4", &more, "<order/>").await.code, 202);
    let json_data = [("Content-Type", "application/json; charset=utf-8")];
    assert_eq!(post_binary(&host, "5", &json_data, r#"{"amount":6}"#).await.code, 202);
    let mut text = structured("6");
    (text["datacontenttype"], text["data"]) = ("text/xml".into(), "<order/>".into());
    assert_eq!(post(&host, STRUCTURED, &text).await.code, 202);
    let other = json!({ "id": "7", "source": "shop", "type": "no.cloudevent" });
    assert_eq!(post(&host, "application/json", &other).await.code, 202);

    let whole = |id: &str, content_type: &str| {
        let of_data = if content_type == "none" { "" } else { "datacontenttype=text/xml\n" };
        format!(
            "type: {content_type}\ncomexampleext=42\n{of_data}dataschema=https://shop.example.gn/order.json\nid={id}\n\
             sampled=true\nsource=shop\nspecversion=1.0\nsubject=orders/7\ntime=2026-01-21T14:30:00Z\n\
             traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\ntype=order.paid\n"
        )
    };
    let least = |id: &str| format!("id={id}\nsource=shop\nspecversion=1.0\n");
    let expected = [
        whole("1", "none") + r#"{"amount":5}"#,
        whole("2", "none") + r#"{"amount":5}"#,
        format!("type: none\n{}type=order.paid\n{bare}", least("3")),
        format!(
            "type: application/xml\ncomexampleext=café\ndatacontenttype=application/xml\n{}subject=orders/\"8\"\n\
             type=order.paid\n{}",
            least("4"),
            r#"{"content_type":"application/xml","text":"<order/>"}"#
        ),
        format!(
            "type: none\ndatacontenttype=application/json; charset=utf-8\n{}type=order.paid\n{{\"amount\":6}}",
            least("5")
        ),
        whole("6", "text/xml") + r#""<order/>""#,
        format!("type: none\n{other}"),
    ];
    let events = done(&host, "cloud", expected.len()).await;
    for (number, (event, expected)) in events.iter().rev().zip(expected).enumerate() {
        assert_eq!(logs(event), [expected.split('\n').map(str::to_owned).collect::<Vec<_>>()], "{number}");
    }
    assert_eq!(events[6]["attributes"]["comexampleext"], "42");
    let shown = dir.run(&["event", "show", "shop#4", "--source", "cloud"]).out;
    assert!(
        shown.contains("\ncontent   application/xml\n") && shown.contains("\n  comexampleext: café\n"),
        "{shown}"
    );
}

#[tokio::test]
async fn metadata_is_the_same_after_a_kill_in_retries_replays_and_edits_and_not_of_emitted_events() {
    let dir = host_dir(&format!("{CLOUD}[plugin.metadata]\nemit = [\"*\"]\nbackoff_base_ms = 1\n"));
    let host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "disable", "metadata"]).code, 0);
    let headers = [("Content-Type", "text/xml"), ("ce-subject", "orders/7")];
    assert_eq!(post_binary(&host, "1", &headers, "<a b=\"retry\" c=\"emit\"/>").await.code, 202);
    host.kill();
    let host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "enable", "metadata", "--held", "run"]).code, 0);
    let event = done(&host, "cloud", 1).await.remove(0);
    let first = logs(&event);
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first[0][..2], ["type: text/xml", "datacontenttype=text/xml"]);
    assert!(first[0].contains(&"subject=orders/7".to_owned()), "{first:?}");
    assert_eq!(first[0], first[1], "an attempt of its own has the same");

    assert_eq!(dir.run(&["event", "replay", "shop#1", "--source", "cloud"]).code, 0);
    let replayed = wait_until("the replay is done", async || {
        let event = show(&host, "cloud", "shop#1").await;
        let is_done = |of: &Value| of["state"] == "done";
        let deliveries = event["deliveries"].as_array().unwrap();
        (deliveries.len() == 2 && deliveries.iter().all(is_done)).then_some(event)
    })
    .await;
    assert_eq!(logs(&replayed).last(), Some(&first[0]));

    std::fs::write(dir.path("payload.json"), r#"{"edited":true}"#).unwrap();
    let edit = ["event", "replay", "shop#1", "--source", "cloud", "--payload", "payload.json", "--json"];
    let edited = dir.run(&edit).json();
    let id = edited["id"].as_str().unwrap();
    let events = done(&host, "cloud", 2).await;
    assert_eq!(events[0]["id"], id);
    let (own, mut expected) = (logs(&events[0]).remove(0), first[0].clone());
    *expected.last_mut().unwrap() = r#"{"edited":true}"#.into();
    assert_eq!(own, expected);

    let emitted = done(&host, "plugin.metadata", 2).await;
    assert_eq!(logs(&emitted[0]), [["type: none", "{}"]], "{emitted:?}");
    assert_eq!((&emitted[0]["content_type"], &emitted[0]["attributes"]), (&Value::Null, &json!({})));
}

#[tokio::test]
async fn an_exported_event_has_its_metadata_and_runs_with_it() {
    let dir = host_dir(CLOUD);
    let host = dir.start().await;
    post_binary(&host, "1", &[("Content-Type", "text/xml"), ("ce-subject", "orders/7")], "<a/>").await;
    let event = done(&host, "cloud", 1).await.remove(0);
    let exported = dir.run(&["event", "export", "shop#1", "--source", "cloud", "--out", "event.json"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let text = std::fs::read_to_string(dir.path("event.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&value["content_type"], &value["attributes"]["subject"]),
        (&"text/xml".into(), &"orders/7".into())
    );
    let report =
        dir.run(&["plugin", "run", "plugins/metadata.wasm", "--event", "event.json", "--json"]).json();
    let logged: Vec<_> =
        report["logs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let on_host: Vec<_> = logs(&event)[0].iter().map(|line| format!("INFO {line}")).collect();
    assert_eq!(logged, on_host);
    let checked = dir.run(&["plugin", "check", "plugins/metadata.wasm"]);
    assert!(
        checked.code == 0 && checked.out.contains("the event's content type and CloudEvents attributes"),
        "{checked:?}"
    );
}

#[tokio::test]
async fn more_attributes_than_the_limits_are_answered_400_and_name_the_limit() {
    let dir = host_dir(CLOUD);
    let limits = "[server]\nattributes_max = 6\nattributes_max_bytes = 100\n";
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    dir.replace("hookyard.toml", text.replacen("[server]\n", limits, 1).as_bytes());
    let host = dir.start().await;
    let event = |more: Value| {
        let mut event = json!({ "specversion": "1.0", "id": "1", "source": "s", "type": "a", "data": [1] });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let many = "the event has 7 attributes, and server.attributes_max is 6";
    let long = "the attributes of the event have 101 bytes, and server.attributes_max_bytes is 100";
    for (more, code, reason) in [
        (json!({ "x1": 1, "x2": 2, "x3": 3 }), 400, many),
        (json!({ "x1": "x".repeat(70) }), 400, long),
        (json!({ "x1": "x".repeat(69), "x2": null }), 202, ""),
    ] {
        let answer = post(&host, STRUCTURED, &event(more)).await;
        assert_eq!((answer.code.as_u16(), answer.reason()), (code, reason));
    }
    let batch = json!([event(json!({ "id": "2" })), event(json!({ "id": "3", "x1": "x".repeat(70) }))]);
    let answer = post(&host, "application/cloudevents-batch+json", &batch).await;
    assert_eq!((answer.code.as_u16(), answer.reason()), (400, &*format!("event 1: {long}")));
    let answer = post_binary(&host, "4", &[("ce-x1", "1"), ("ce-x2", "2"), ("ce-x3", "3")], "{}").await;
    assert_eq!((answer.code.as_u16(), answer.reason()), (400, many));
    assert_eq!(done(&host, "cloud", 1).await.len(), 1, "nothing else is stored");
}

#[tokio::test]
async fn attributes_are_masked_erased_and_redacted_as_the_payload_is() {
    let personal = "personal = [\"/subject\", \"/data/email\"]\n";
    let dir = host_dir(&format!("{CLOUD}{personal}[plugin.metadata]\nredact = [\"/subject\"]\n"));
    let host = dir.start().await;
    let mut event = structured("1");
    (event["subject"], event["by"]) = ("people/Zebulon".into(), "mailto:Z@example.gn".into());
    event["data"] = json!({ "email": "z@example.gn" });
    assert_eq!(post(&host, STRUCTURED, &event).await.code, 202);
    let stored = done(&host, "cloud", 1).await.remove(0);
    let logged = logs(&stored).concat();
    assert!(logged.contains(&"subject=[redacted]".to_owned()), "{logged:?}");
    assert!(!logged.iter().any(|line| line.contains("Zebulon")), "{logged:?}");

    let masked = json!({ "subject": &stored["attributes"]["subject"], "by": &stored["attributes"]["by"] });
    assert_eq!(masked, json!({ "subject": "[masked]", "by": "[masked]" }), "{stored}");
    assert!(stored["masked"].as_array().unwrap().contains(&"/subject".into()), "{stored}");
    assert_eq!(stored["attributes"]["comexampleext"], "42");
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let export = ["event", "export", "shop#1", "--source", "cloud"];
    let masked = run_as(&dir, &read, &export);
    assert!(
        masked.code == 0 && !masked.out.contains("Zebulon") && !masked.out.contains("example.gn\""),
        "{masked:?}"
    );
    let whole = dir.run(&[&export[..], &["--unmasked"]].concat()).json();
    assert_eq!(
        (&whole["attributes"]["subject"], &whole["attributes"]["by"]),
        (&event["subject"], &event["by"])
    );

    assert_eq!(dir.run(&["event", "erase", "shop#1", "--yes"]).code, 0);
    let erased = wait_until("it is erased", async || {
        let whole = dir.run(&[&export[..], &["--unmasked"]].concat()).json();
        (whole["attributes"]["subject"] == "[erased]").then_some(whole)
    })
    .await;
    assert_eq!(erased["attributes"]["by"], "[erased]");
    assert_eq!(erased["attributes"]["comexampleext"], "42");
    host.kill();
}
