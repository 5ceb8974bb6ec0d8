//! Runs deliveries on the built component, so that the same tests test what a host will run.

use std::collections::BTreeMap;
use std::env;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::program::{self, Ended};
use super::world::{Key, World};
use super::{Effect, Outcome};
use crate::Context;
use crate::http::Request;
use crate::outbox::{Attachment, EmailMessage, HttpRequest};

/// An event to deliver.
pub(super) struct Delivery<'a> {
    pub(super) context: &'a Context,
    /// The WIT package of a typed handler.
    pub(super) package: Option<&'a str>,
    /// The payload, JSON.
    pub(super) payload: String,
}

/// The component that deliveries run on, if they do.
pub(super) fn built() -> Option<String> {
    env::var("HOOKYARD_WASM").ok().filter(|file| !file.is_empty())
}

/// Makes an attempt of the component. When the handler sends a request of its own, or asks for an effect that is
/// refused, it is made again with the answer or the refusal, as if nothing had happened.
pub(super) fn attempt(file: &str, delivery: &Delivery<'_>, world: &mut World) -> Outcome {
    assert!(world.now.is_none(), "a component has the machine's clock: this test sets the time");
    let Context { event_id, event_type, source, created, received_at, attempt, .. } = delivery.context;
    let mut case = json!({
        "event": {
            "id": event_id, "type": event_type, "source": source, "created": created, "received_at": received_at,
            "package": delivery.package, "payload": delivery.payload, "payload_is_text": true,
            "content_type": world.content_type, "attributes": world.attributes,
        },
        "attempt": attempt, "config": world.config, "store": buckets(&world.store), "answers": [], "refusals": [],
    });
    let mut checked = 0;
    loop {
        let report = run(file, &case);
        let asked = list(&report["asked"]);
        let mut is_same = true;
        while is_same && checked < asked.len() {
            let is_unanswered = report["is_unanswered"] == true && checked + 1 == asked.len();
            is_same = accept(&mut case, &asked[checked], is_unanswered, world);
            checked += 1;
        }
        if is_same {
            return take(&report, world);
        }
    }
}

/// Decides about what the handler asked for, in its order. Returns whether the attempt went on with the same decision, so
/// that it need not be made again.
fn accept(case: &mut Value, asked: &Value, is_unanswered: bool, world: &World) -> bool {
    let (name, decision) = match &world.refusal {
        _ if asked["kind"] == "request" && !is_unanswered => return true,
        _ if asked["kind"] == "request" => ("answers", answer(asked, world)),
        refusal => ("refusals", json!(refusal)),
    };
    let is_same = decision.is_null();
    if let Some(decisions) = case[name].as_array_mut() {
        decisions.push(decision);
    }
    is_same
}

fn answer(asked: &Value, world: &World) -> Value {
    let url = normal_url(&text(&asked["url"]));
    let method = asked["method"].as_str();
    let found =
        world.answers.iter().find(|((name, at), _)| Some(name.as_str()) == method && normal_url(at) == url);
    found.map_or_else(
        || json!({ "failure": "this test has no answer to it" }),
        |(_, answer)| json!({ "status": answer.status, "headers": answer.headers, "body": content(&answer.body) }),
    )
}

/// A URL as the host writes it.
fn normal_url(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.into() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = (rest[..end].to_ascii_lowercase(), &rest[end..]);
    let scheme = scheme.to_ascii_lowercase();
    let port = if scheme == "https" { ":443" } else { ":80" };
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{}{slash}{path}", host.strip_suffix(port).unwrap_or(&host))
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn run(file: &str, case: &Value) -> Value {
    let Ended { is_ok, output, messages } = program::run(&["plugin", "attempt", file], &case.to_string());
    assert!(is_ok, "hookyard plugin attempt: {messages}");
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("hookyard plugin attempt: {error}"))
}

/// Takes what an attempt did.
fn take(report: &Value, world: &mut World) -> Outcome {
    world.lines = list(&report["logs"]).iter().map(text).collect();
    world.fetched = list(&report["requests"]).iter().map(request).collect();
    let reason = text(&report["reason"]);
    let after = report["after_ms"].as_u64().map(Duration::from_millis);
    match (report["outcome"].as_str(), report["cause"].as_str()) {
        (Some("done"), _) => {}
        (Some("retry"), Some("handler")) => return Outcome::Retry { reason, after },
        (Some("retry"), _) => return Outcome::Trapped(reason),
        _ => return Outcome::Rejected(reason),
    }
    for write in list(&report["writes"]) {
        let key = (text(&write["bucket"]), text(&write["key"]));
        if write["deleted"] == true {
            world.store.remove(&key);
        } else {
            world.store.insert(key, bytes(write, "value"));
        }
    }
    world.effects = list(&report["effects"]).iter().map(effect).collect();
    Outcome::Done
}

fn buckets(store: &BTreeMap<Key, Vec<u8>>) -> Value {
    let mut buckets = json!({});
    for ((bucket, key), value) in store {
        buckets[bucket][key] = json!({ "base64": STANDARD.encode(value) });
    }
    buckets
}

fn effect(effect: &Value) -> Effect {
    let texts = |name: &str| list(&effect[name]).iter().map(text).collect();
    match effect["kind"].as_str() {
        Some("http") => {
            let Request { method, url, headers, body, .. } = request(effect);
            Effect::Http(HttpRequest { method, url, headers, body })
        }
        Some("email") => Effect::Email(EmailMessage {
            to: texts("to"),
            cc: texts("cc"),
            bcc: texts("bcc"),
            reply_to: effect["reply_to"].as_str().map(Into::into),
            subject: text(&effect["subject"]),
            text: text(&effect["text"]),
            html: effect["html"].as_str().map(Into::into),
            attachments: list(&effect["attachments"]).iter().map(attachment).collect(),
        }),
        _ => Effect::Event { event_type: text(&effect["event_type"]), data: text(&effect["data"]) },
    }
}

fn attachment(file: &Value) -> Attachment {
    Attachment {
        filename: text(&file["filename"]),
        content_type: text(&file["content_type"]),
        content: bytes(&file["content"], "text"),
    }
}

fn request(request: &Value) -> Request {
    let headers = list(&request["headers"]).iter();
    Request {
        method: text(&request["method"]),
        url: text(&request["url"]),
        headers: headers.map(|header| (text(&header[0]), text(&header[1]))).collect(),
        body: bytes(&request["body"], "text"),
        timeout: None,
    }
}

fn content(bytes: &[u8]) -> Value {
    json!({ "base64": STANDARD.encode(bytes) })
}

fn bytes(content: &Value, name: &str) -> Vec<u8> {
    let decoded = content["base64"].as_str().and_then(|text| STANDARD.decode(text).ok());
    decoded.unwrap_or_else(|| text(&content[name]).into_bytes())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
