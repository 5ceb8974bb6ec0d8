//! Confirmations that a provider asks for: they wait for an operator, and only then the host opens their URLs.

mod opening;
mod pages;
mod rules;

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{CommandOutput, HostDir, Partner, Reply, RunningHost, WebhookResponse, sign};

/// The topic of most tests.
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";
/// The ARN that the stand-in names.
const SUBSCRIPTION: &str = "arn:aws:sns:eu-west-1:123456789012:alarms:2bcfbf39-05c3-41de-beaa-fcfcc21c8f55";

/// A directory with the source `alarms`, whose sender signs with a shared secret, so that a test can have any topic. Its
/// URLs may be opened at these origins too.
fn with_alarms(origins: &[&str], more: &str) -> HostDir {
    HostDir::new(&format!(
        "[sources.alarms]\nscheme = \"hmac\"\nsecrets = [\"s\"]\nhandshake = \"aws-sns\"\n\
         confirm_origins = {origins:?}\n{more}"
    ))
}

/// A stand-in for Amazon SNS that confirms.
async fn sns() -> Partner {
    Partner::start(|_, _| confirmed()).await
}

fn confirmed() -> Reply {
    let body = format!(
        "<ConfirmSubscriptionResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ConfirmSubscriptionResult>\
         <SubscriptionArn>{SUBSCRIPTION}</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>"
    );
    Reply::text(200, &body).with("content-type", "text/xml")
}

/// The URL that confirms a topic at this origin.
fn subscribe_url(origin: &str, topic: &str, token: &str) -> String {
    format!("{origin}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}")
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Sends a confirmation of a topic as its provider does.
pub(crate) async fn ask(host: &RunningHost<'_>, topic: &str, url: &str) -> WebhookResponse {
    ask_at(host, topic, url, now_ms()).await
}

async fn ask_at(host: &RunningHost<'_>, topic: &str, url: &str, sent_at: u64) -> WebhookResponse {
    let body = json!({
        "Type": "SubscriptionConfirmation", "MessageId": "m-1", "TopicArn": topic, "SubscribeURL": url,
        "Message": "You have chosen to subscribe", "Timestamp": hookyard::event::rfc3339(sent_at),
    })
    .to_string();
    let signature = sign("s", &body).replace("sha256=", "");
    host.post("alarms", &body, &[("X-Webhook-Signature", &signature)]).await
}

/// The confirmations as the command lists them, the newest first.
fn list(dir: &HostDir) -> Vec<Value> {
    let listed = dir.run(&["source", "confirmations", "alarms", "--json"]).json();
    listed["items"].as_array().unwrap().clone()
}

fn approve(dir: &HostDir, id: &str) -> CommandOutput {
    dir.run(&["source", "approve", "alarms", id])
}

/// Entries of the audit log about confirmations, the oldest first.
fn entries(dir: &HostDir) -> Vec<Value> {
    let listed = dir.run(&["audit", "list", "--action", "confirmation", "--json"]).json();
    let mut entries = listed["items"].as_array().unwrap().clone();
    entries.reverse();
    entries
}
