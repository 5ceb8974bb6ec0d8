//! Alerts tell of problems and of their end: real receivers, real restarts. Receivers answer on threads of their own
//! while a test waits for a command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Event, HostDir, Partner, ReceivedRequest, Reply, RunningHost, Smtp, guest, wait_until};

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Every change is told at once.
const AT_ONCE: &str = "group_wait_ms = 0\ninterval_min_ms = 0\nrecovery_wait_ms = 0\n";

/// An alert that tells a partner at once.
fn webhook(partner: &Partner, more: &str) -> String {
    format!(
        "[[alerts]]\nname = \"ops\"\nwebhook = \"{}/hook?token=hidden-part\"\nwebhook_secret = \"whsec_{KEY}\"\n{AT_ONCE}{more}\n",
        partner.origin()
    )
}

fn email(smtp: &Smtp, more: &str) -> String {
    format!(
        "[email]\nsmtp = \"smtp://{}\"\nfrom = \"Hookyard <no-reply@example.gn>\"\n\
         [[alerts]]\nname = \"ops\"\nemail = [\"ops@example.gn\", \"night@example.gn\"]\n{AT_ONCE}{more}\n",
        smtp.address()
    )
}

/// A request's body, once its signature was checked as the Standard Webhooks specification says.
fn verified(request: &ReceivedRequest) -> Value {
    let (id, timestamp) = (request.header("webhook-id"), request.header("webhook-timestamp"));
    let mut hmac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(KEY).unwrap()).unwrap();
    hmac.update(format!("{id}.{timestamp}.{}", request.text()).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(hmac.finalize().into_bytes()));
    assert_eq!(request.header("webhook-signature"), expected);
    let age_ms = hookyard::event::now_ms().abs_diff(timestamp.parse::<u64>().unwrap() * 1000);
    assert!(age_ms < 300_000 && id.starts_with("alert_"), "{id} {age_ms}");
    assert_eq!((request.method.as_str(), request.header("content-type")), ("POST", "application/json"));
    serde_json::from_str(request.text()).unwrap()
}

/// Waits until a webhook tells of this, and returns its data.
async fn told(partner: &Partner, list: &str, condition: &str) -> Value {
    wait_until(&format!("{condition} is among the {list}"), async || {
        partner.requests().iter().map(verified).map(|mut body| body["data"].take()).find(|data| {
            data[list].as_array().unwrap().iter().any(|problem| problem["condition"] == condition)
        })
    })
    .await
}

async fn reject(host: &RunningHost<'_>, id: &str) {
    host.send(&Event::with_payload("shop.opened", id, &json!({ "act": "reject" }))).await;
    host.wait_event(id, "it is dead", |event| event["state"] == "dead").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_are_told_in_one_email_and_so_is_the_end_of_each() {
    let smtp = Smtp::start().await;
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    dir.install("bad", b"not wasm");
    let host = dir.start().await;
    for id in ["a", "b"] {
        reject(&host, id).await;
    }
    host.wait_plugin("bad", "it is refused", |plugin| plugin["state"] == "refused").await;
    assert!(dir.run(&["alert", "list"]).out.contains("no alerts are configured"));

    dir.configure(&email(&smtp, "on = [\"dead-letter\", \"plugin-refused\"]"));
    let first = wait_until("an email", async || smtp.received().first().cloned()).await;
    assert_eq!(first.to, ["ops@example.gn", "night@example.gn"]);
    let subject = first.header("Subject");
    assert!(subject.starts_with("[hookyard] ops: plugin actor has 2 dead letters, and 1 more"), "{subject}");
    for part in [
        "- plugin actor has 2 dead letters, since ",
        "hookyard delivery list --state dead --plugin actor",
        "- the file of plugin bad was refused, and no revision runs: ",
        "hookyard plugin list",
    ] {
        // Long lines are folded.
        let text = first.data.replace("=\r\n", "");
        assert!(text.contains(part), "{part}: {text}");
    }
    let listed = dir.run(&["alert", "list"]);
    assert!(listed.out.contains("ops: since ") && listed.out.contains("firing"), "{listed:?}");
    let json = dir.run(&["alert", "list", "--json"]).json();
    for problem in json["items"][0]["problems"].as_array().unwrap() {
        let help: Vec<_> = problem["help"].as_str().unwrap().split(' ').skip(1).collect();
        assert_eq!(dir.run(&help).code, 0, "{problem}");
    }

    assert_eq!(dir.run(&["delivery", "discard", "--all"]).code, 0);
    let end = wait_until("the end of the dead letters", async || {
        let emails = smtp.received();
        emails.into_iter().find(|email| email.header("Subject").contains("recovered"))
    })
    .await;
    assert_eq!(
        end.header("Subject"),
        "[hookyard] ops: recovered: plugin actor has no unresolved dead letters"
    );
    assert!(end.data.contains("Going on, and told before: 1."), "{}", end.data);
    std::fs::remove_file(dir.plugin_file("bad")).unwrap();
    wait_until("the end of the refusal", async || {
        smtp.received()
            .iter()
            .any(|email| email.header("Subject").contains("no file of plugin bad"))
            .then_some(())
    })
    .await;
    assert_eq!(smtp.received().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_arrives_under_one_id_after_failures_and_a_kill() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let answer = move |_, _: &_| {
        if is_up.load(Ordering::Relaxed) {
            Reply::text(200, "ok")
        } else {
            Reply::text(503, "hidden-part is down")
        }
    };
    let partner = Partner::start(answer).await;
    let dir = HostDir::new(&webhook(&partner, "on = [\"backlog\", \"plugin-paused\"]\nbacklog_max = 2"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    let failing = wait_until("the notification fails", async || {
        let json = dir.run(&["alert", "list", "--json"]).json();
        (json["items"][0]["pending"]["failures"].as_u64()? > 0).then_some(json)
    })
    .await;
    let error = failing["items"][0]["pending"]["last_error"].as_str().unwrap();
    assert!(error.contains("503") && error.contains("is down"), "{error}");
    assert!(failing["items"][0]["receiver"] == partner.origin().as_str(), "{failing}");
    assert!(dir.run(&["alert", "list"]).out.contains("not delivered"));
    let ready: Value = host.admin_get("/readyz", None).await.json().await.unwrap();
    assert_eq!((&ready["status"], &ready["alerts_failing"]), (&json!("ready"), &json!(["ops"])));
    let metrics = host.admin_get("/metrics", None).await.text().await.unwrap();
    for sample in ["hookyard_alert_failing{alert=\"ops\"} 1", "hookyard_alert_problems{alert=\"ops\"} 1"] {
        assert!(metrics.contains(sample), "{metrics}");
    }
    host.wait_log(&["WARN", "ops", "not delivered"]).await;
    host.kill();

    up.store(true, Ordering::Relaxed);
    let host = dir.start().await;
    let delivered = told(&partner, "problems", "plugin-paused").await;
    assert_eq!(delivered["problems"][0]["detail"], "plugin actor is paused by an operator");
    wait_until("it is not pending", async || {
        let json = dir.run(&["alert", "list", "--json"]).json();
        json["items"][0]["pending"].is_null().then_some(())
    })
    .await;
    let requests = partner.requests();
    assert!(requests.len() > 1, "{requests:?}");
    for request in &requests {
        assert_eq!(request.header("webhook-id"), requests[0].header("webhook-id"));
        assert_eq!(request.body, requests[0].body);
    }

    for number in 0..3 {
        host.send(&Event::with_payload("shop.opened", &number.to_string(), &json!({ "act": "well" }))).await;
    }
    let backlog = told(&partner, "problems", "backlog").await;
    assert_eq!(backlog["problems"][0]["detail"], "3 deliveries are open, more than 2 (backlog_max)");
    assert_eq!(backlog["ongoing_count"], 1);
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    told(&partner, "recovered", "plugin-paused").await;
    told(&partner, "recovered", "backlog").await;
    host.wait_log(&["INFO", "ops", "told: [hookyard] ops: "]).await;
    assert!(!dir.log().contains("hidden-part") && !dir.log().contains(KEY), "{}", dir.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_source_is_told_and_that_it_is_heard_again() {
    let partner = Partner::start(|_, _: &_| Reply::text(204, "")).await;
    let dir = HostDir::new(&webhook(&partner, "on = [\"source-silent\"]\nsilent_after_ms = 2500"));
    let host = dir.start().await;
    let silent = told(&partner, "problems", "source-silent").await;
    assert_eq!(silent["problems"][0]["detail"], "source moncreneau has sent no event for 2500 ms or more");
    host.send(&Event::created("a")).await;
    let heard = told(&partner, "recovered", "source-silent").await;
    assert_eq!(heard["recovered"][0]["detail"], "source moncreneau sends events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_reports_what_the_receiver_answers() {
    let answer = |number, _: &_| match number {
        0 => Reply::text(200, "fine"),
        1 => Reply::text(500, "no such room"),
        2 => Reply::Hang,
        3 => Reply::redirect(302, "http://127.0.0.1:1/elsewhere"),
        4 => Reply::Answer(200, Vec::new(), vec![b'x'; 8 * 1024 * 1024]),
        _ => Reply::Close,
    };
    let partner = Partner::start(answer).await;
    let dir = HostDir::new(&webhook(&partner, "on = [\"dead-letter\"]\ntimeout_ms = 10000"));
    let _host = dir.start().await;
    for (code, said) in [
        (0, "was delivered: 200 OK"),
        (1, "500 Internal Server Error: no such room"),
        (1, "no complete answer within 10000 ms (timeout_ms)"),
        (1, "302 Found"),
        (0, "was delivered: 200 OK"),
        (1, "alert ops: the receiver did not take it: "),
    ] {
        let output = dir.run(&["alert", "test", "ops"]);
        assert!(
            output.code == code && (output.out.clone() + &output.err).contains(said),
            "{said}: {output:?}"
        );
    }
    let requests = partner.requests();
    assert_eq!(verified(&requests[0])["type"], "alert.test");
    assert_eq!(requests.len(), 6);
    let unknown = dir.run(&["alert", "test", "none"]);
    assert!(
        unknown.code == 1 && unknown.err.contains("no alert `none` is configured; there are: ops"),
        "{unknown:?}"
    );

    let token = dir.run(&["token", "create", "reader", "--role", "read"]).out;
    let as_reader = |arguments: &[&str]| {
        crate::support::CommandOutput::run(dir.command(arguments).env("HOOKYARD_TOKEN", token.trim()))
    };
    assert_eq!(as_reader(&["alert", "list"]).code, 0);
    assert_eq!(as_reader(&["alert", "test", "ops"]).code, 1);
    let audit = dir.run(&["audit", "list", "--action", "alert", "--json"]).json();
    assert_eq!(audit["items"][0]["result"], "failed", "{audit}");
    assert_eq!(partner.request_count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_alert_leaves_nothing() {
    let partner = Partner::start(|_, _: &_| Reply::text(200, "")).await;
    let config = webhook(&partner, "on = [\"dead-letter\"]");
    let dir = HostDir::new(&config);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    reject(&host, "a").await;
    told(&partner, "problems", "dead-letter").await;
    dir.configure("");
    host.wait_log(&["ops", "no longer configured"]).await;
    // It begins anew.
    dir.configure(&config);
    wait_until("it is told again", async || (partner.request_count() == 2).then_some(())).await;
    assert_ne!(partner.requests()[0].header("webhook-id"), partner.requests()[1].header("webhook-id"));
}
