//! Harmful responses of partners. They cause no loss, no endless retries and no disclosure.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{
    CLOCKS_DIFFER_MS, Event, HostDir, Partner, Reply, RunningHost, Smtp, guest, wait_until,
};

const SECRET: &str = "a-very/secret key";
/// Long enough that a test sees an effect wait for its second attempt, also on a busy machine.
const LONG_BACKOFF_MS: u64 = 2000;

/// A host whose plugin `outbox` has grants for this partner and all email.
fn host_dir(partner: &str, more: &str) -> HostDir {
    host_dir_with_backoff(partner, 100, more)
}

fn host_dir_with_backoff(partner: &str, backoff_ms: u64, more: &str) -> HostDir {
    let dir = HostDir::new(&format!(
        "[effects]\nbackoff_base_ms = {backoff_ms}\nattempts_max = 4\n[http]\ntimeout_ms = 2000\n{more}\n\
         [plugin.outbox]\nhttp = [\"{partner}\"]\nemail = [\"*\"]\nsecrets = {{ key = \"{SECRET}\" }}\n"
    ));
    dir.install("outbox", &guest("outbox"));
    dir
}

fn email(smtp: &Smtp) -> String {
    format!("[email]\nsmtp = \"smtp://{}\"\nfrom = \"no-reply@example.gn\"", smtp.address())
}

async fn ask(host: &RunningHost<'_>, id: &str, payload: Value) {
    host.send(&Event::with_payload("told", id, &payload)).await;
}

/// The only effect of an event once it is in this state.
async fn effect(host: &RunningHost<'_>, id: &str, state: &str) -> Value {
    let of = |event: &Value| event["deliveries"][0]["effects"][0].clone();
    of(&host.wait_event(id, state, |event| of(event)["state"] == state).await)
}

fn attempts(effect: &Value) -> Vec<Value> {
    effect["attempts"].as_array().unwrap().clone()
}

/// Asserts that each wait between these was at least half of a backoff that begins at 100 ms and doubles.
fn assert_backed_off(all: &[Value]) {
    let started = |one: &Value| one["started_at"].as_u64().unwrap();
    for (pair, least) in all.windows(2).zip([50, 100, 200]) {
        let waited = started(&pair[1]) - started(&pair[0]);
        assert!(waited + CLOCKS_DIFFER_MS >= least, "{waited} ms, and at least {least} ms are due: {all:?}");
    }
}

#[tokio::test]
async fn a_retry_after_of_zero_does_not_use_up_the_attempts_of_an_effect() {
    let asked_for =
        ["0", "Thu, 01 Jan 1970 00:00:00 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
    let partner = Partner::start(move |_, asked| {
        let number: usize = asked.path[1..].parse().unwrap();
        Reply::text(503, "busy").with("retry-after", asked_for[number])
    })
    .await;
    let dir = host_dir(&partner.origin(), "");
    let host = dir.start().await;
    for number in 0..asked_for.len() {
        let url = format!("{}/{number}", partner.origin());
        ask(&host, &format!("evt_{number}"), json!({ "do": "http", "url": url, "text": "x" })).await;
    }
    for number in 0..asked_for.len() {
        let made = attempts(&effect(&host, &format!("evt_{number}"), "dead").await);
        assert_eq!(made.len(), 4);
        assert_backed_off(&made);
    }
}

#[tokio::test]
async fn a_retry_without_delay_does_not_use_up_the_attempts_of_a_delivery() {
    let dir = HostDir::new("[plugin.actor]\nbackoff_base_ms = 100\nattempts_max = 4\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.opened", "evt_1", &json!({ "act": "retry-after 0" }))).await;
    let event = host.wait_finished("evt_1").await;
    let made = event["deliveries"][0]["attempts"].as_array().unwrap();
    assert_eq!((&event["state"], made.len()), (&"dead".into(), 4), "{event}");
    assert_backed_off(made);
}

#[tokio::test]
async fn a_post_redirected_to_a_page_is_not_done() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        "/hook" => Reply::redirect(301, "/login?next=%2Fhook"),
        _ => Reply::text(200, "log in"),
    })
    .await;
    let dir = host_dir(&partner.origin(), "");
    let host = dir.start().await;
    let url = format!("{}/hook", partner.origin());
    ask(&host, "evt_1", json!({ "do": "http", "url": url, "text": "x" })).await;
    let made = attempts(&effect(&host, "evt_1", "dead").await);
    let to = format!("{}/login", partner.origin());
    let detail = format!("301 Moved Permanently: POST is not repeated at the redirect's target {to}");
    assert_eq!((made.len(), &made[0]["detail"]), (1, &detail.into()));
    assert_eq!(partner.request_count(), 1);
}

#[tokio::test]
async fn a_conflict_after_an_attempt_without_a_response_means_in_progress_also_over_a_kill() {
    let [hung, killed]: [AtomicUsize; 2] = Default::default();
    let partner = Partner::start(move |_, asked| {
        let before = match asked.path.as_str() {
            "/lost" => hung.fetch_add(1, Ordering::Relaxed),
            "/killed" => killed.fetch_add(1, Ordering::Relaxed),
            _ => 1,
        };
        match before {
            0 => Reply::Hang,
            1 => Reply::text(409, "in progress"),
            _ => Reply::text(200, ""),
        }
    })
    .await;
    let dir = host_dir_with_backoff(&partner.origin(), LONG_BACKOFF_MS, "");
    let host = dir.start().await;
    let send = async |host: &RunningHost<'_>, path: &str| {
        let url = format!("{}/{path}", partner.origin());
        ask(host, path, json!({ "do": "http", "url": url, "text": "x" })).await;
    };
    send(&host, "first").await;
    send(&host, "lost").await;
    let first = effect(&host, "first", "dead").await;
    assert!(first["attempts"][0]["detail"].as_str().unwrap().starts_with("409 Conflict"), "{first}");
    effect(&host, "lost", "waiting").await;
    send(&host, "killed").await;
    let is_asked = async || partner.requests().iter().any(|asked| asked.path == "/killed").then_some(());
    wait_until("the request is there", is_asked).await;
    host.kill();
    let host = dir.start().await;
    for path in ["lost", "killed"] {
        let made = attempts(&effect(&host, path, "done").await);
        let outcomes: Vec<_> = made.iter().map(|made| made["outcome"].as_str().unwrap()).collect();
        let (end, before) = outcomes.split_last().unwrap();
        assert!(
            *end == "done" && before.iter().all(|outcome| matches!(*outcome, "retry" | "crash")),
            "{made:?}"
        );
        assert!(!before.is_empty(), "{made:?}");
    }
}

#[tokio::test]
async fn a_visitors_text_does_not_disable_redaction_and_secrets_are_redacted_in_every_form() {
    let partner = Partner::start(|_, asked| {
        let headers = format!("{:?}", asked.headers);
        Reply::text(422, &format!("what is {} in {headers} and {}?", asked.path, asked.text()))
    })
    .await;
    let dir = host_dir(&partner.origin(), "");
    let host = dir.start().await;
    let (basic, encoded) = (STANDARD.encode(format!("user:{SECRET}")), "a-very%2Fsecret%20key");
    let visitor = "{secret:key} {secret: {secret:}";
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    let asks = json!({
        "do": "encode-secret",
        "url": partner.origin(),
        "basic": backwards(&basic),
        "encoded": backwards(encoded),
        "text": visitor,
    });
    ask(&host, "evt_1", asks).await;
    let event = effect(&host, "evt_1", "dead").await.to_string();
    let asked = partner.requests().pop().unwrap();
    assert_eq!(asked.text(), format!("{visitor} {SECRET}"));
    assert_eq!(
        (asked.header("authorization"), asked.path.as_str()),
        (&*format!("Basic {basic}"), &*format!("/?key={encoded}"))
    );
    let shown = dir.run(&["event", "show", "evt_1", "--json"]).out;
    let inner = &basic[8..basic.len() - 4];
    host.stop().await;
    for (place, text) in [("the API", event), ("the log", dir.log()), ("show", shown)] {
        for form in [SECRET, encoded, inner] {
            assert!(!text.contains(form), "{place}: {form} in {text}");
        }
        assert!(text.contains("{secret:key"), "{place}: {text}");
    }
    for file in std::fs::read_dir(dir.path("hookyard-data")).unwrap() {
        let path = file.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        for form in [SECRET, encoded, inner] {
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "{} has {form} in it", path.display());
        }
    }
}

#[tokio::test]
async fn an_effect_waits_for_a_secret_removed_from_the_configuration() {
    let partner =
        Partner::start(|number, _| if number == 0 { Reply::text(503, "") } else { Reply::text(200, "") })
            .await;
    // What is left of the wait ends with the second configuration.
    let dir = host_dir_with_backoff(&partner.origin(), 600_000, "");
    let host = dir.start().await;
    ask(&host, "evt_1", json!({ "do": "send-secret", "url": partner.origin() })).await;
    effect(&host, "evt_1", "waiting").await;
    host.terminate();
    host.wait_exit().await;
    dir.configure(&format!(
        "[effects]\nbackoff_base_ms = 20\nbackoff_max_ms = 20\n[plugin.outbox]\nhttp = [\"{}\"]\n",
        partner.origin()
    ));
    let host = dir.start().await;
    let waiting = host
        .wait_event("evt_1", "the missing secret is named", |event| {
            event.to_string().contains("the secret `key` is not configured any more")
        })
        .await;
    assert_eq!(partner.request_count(), 1, "{waiting}");
}

#[tokio::test]
async fn one_refused_recipient_is_named_and_nobody_gets_an_email_twice() {
    let waits = AtomicUsize::new(0);
    let smtp = Smtp::start_with(move |_, line| match line {
        line if line.contains("RCPT TO:<b@") => Some("550 5.1.1 nobody here".into()),
        line if line.contains("RCPT TO:<c@") && waits.fetch_add(1, Ordering::Relaxed) < 2 => {
            Some("451 later".into())
        }
        _ => None,
    })
    .await;
    let dir = host_dir_with_backoff("http://127.0.0.1:1", LONG_BACKOFF_MS, &email(&smtp));
    let host = dir.start().await;
    let cc = ["b@example.gn", "c@example.gn"];
    ask(&host, "evt_1", json!({ "do": "email", "to": "a@example.gn", "cc": cc, "text": "x" })).await;
    effect(&host, "evt_1", "waiting").await;
    host.kill();
    let host = dir.start().await;
    let made = attempts(&effect(&host, "evt_1", "dead").await);
    let to: Vec<_> = smtp.received().into_iter().map(|email| email.to).collect();
    assert_eq!(to, [["a@example.gn"], ["c@example.gn"]], "{made:?}");
    let last = made.last().unwrap()["detail"].as_str().unwrap();
    assert!(last.contains("refused for b@example.gn: 550 5.1.1 nobody here"), "{made:?}");
    // Tried again by hand, only who refused is asked.
    assert_eq!(dir.run(&["effect", "replay", "--all"]).code, 0);
    host.wait_event("evt_1", "it was tried again", |event| {
        let effect = &event["deliveries"][0]["effects"][0];
        effect["state"] == "dead" && effect["attempts"].as_array().unwrap().len() > made.len()
    })
    .await;
    assert_eq!(smtp.received().len(), 2);
    let asked = smtp.lines().into_iter().filter(|line| line.starts_with("RCPT TO:<b@")).count();
    assert_eq!(asked, 2, "{:?}", smtp.lines());
}

#[tokio::test]
async fn an_attachment_smuggles_no_second_email_and_every_field_counts_to_the_size() {
    let smtp = Smtp::start().await;
    let dir = host_dir("http://127.0.0.1:1", &email(&smtp));
    let host = dir.start().await;
    let file = "a\n.\r\nMAIL FROM:<a@evil.example>\r\nRCPT TO:<victim@evil.example>\r\nDATA\r\nhi\r\n.\r\n";
    let asks = json!({ "do": "email", "to": "a@example.gn", "text": file, "file": file, "type_bytes": 0 });
    ask(&host, "evt_1", asks).await;
    effect(&host, "evt_1", "done").await;
    let got = smtp.received().pop().unwrap();
    assert_eq!((smtp.received().len(), got.to), (1, vec!["a@example.gn".to_owned()]));
    assert!(!got.data.replace("\r\n", "").contains(['\r', '\n']), "{:?}", got.data);
    assert!(!smtp.lines().iter().any(|line| line.contains("evil")), "{:?}", smtp.lines());

    let asks =
        json!({ "do": "email", "to": "a@example.gn", "text": "x", "file": "x", "type_bytes": 2_000_000 });
    ask(&host, "evt_2", asks).await;
    let event = host.wait_event("evt_2", "it is dead", |event| event["state"] == "dead").await;
    let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("effects.size_max_bytes is 1048576"), "{reason}");
}
