//! What partners answer does no harm: nothing is lost because of it, asked for too often, or told to others.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Bed, Event, Host, Partner, Reply, Smtp, guest, until};

const SECRET: &str = "a-very/secret key";

/// A host whose plugin `asker` may reach this partner and everybody by email.
fn bed(partner: &str, more: &str) -> Bed {
    let bed = Bed::new(&format!(
        "[effects]\nbackoff_base_ms = 100\ntries_max = 4\n[http]\ntimeout_ms = 500\n{more}\n\
         [plugin.asker]\nhttp = [\"{partner}\"]\nemail = [\"*\"]\nsecrets = {{ key = \"{SECRET}\" }}\n"
    ));
    bed.install("asker", &guest("asker"));
    bed
}

fn email(smtp: &Smtp) -> String {
    format!("[email]\nsmtp = \"smtp://{}\"\nfrom = \"no-reply@example.gn\"", smtp.address())
}

async fn ask(host: &Host<'_>, id: &str, payload: Value) {
    host.send(&Event::of("told", id, &payload)).await;
}

/// The only effect of an event once it is in this state.
async fn effect(host: &Host<'_>, id: &str, state: &str) -> Value {
    let of = |event: &Value| event["deliveries"][0]["effects"][0].clone();
    of(&host.event_when(id, state, |event| of(event)["state"] == state).await)
}

fn tries(effect: &Value) -> Vec<Value> {
    effect["tries"].as_array().unwrap().clone()
}

/// Asserts that each wait between these was at least half of a backoff that begins at 100 ms and doubles.
fn assert_backed_off(all: &[Value]) {
    let started = |one: &Value| one["started_at"].as_u64().unwrap();
    for (pair, least) in all.windows(2).zip([50, 100, 200]) {
        let waited = started(&pair[1]) - started(&pair[0]);
        assert!(waited >= least, "{waited} ms, and at least {least} ms are due: {all:?}");
    }
}

#[tokio::test]
async fn a_retry_after_of_no_time_does_not_use_up_the_tries() {
    let asked_for =
        ["0", "Thu, 01 Jan 1970 00:00:00 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
    let partner = Partner::start(move |_, asked| {
        let number: usize = asked.path[1..].parse().unwrap();
        Reply::of(503, "busy").with("retry-after", asked_for[number])
    })
    .await;
    let bed = bed(&partner.origin(), "");
    let host = bed.start().await;
    for number in 0..asked_for.len() {
        let url = format!("{}/{number}", partner.origin());
        ask(&host, &format!("evt_{number}"), json!({ "do": "http", "url": url, "text": "x" })).await;
    }
    for number in 0..asked_for.len() {
        let made = tries(&effect(&host, &format!("evt_{number}"), "dead").await);
        assert_eq!(made.len(), 4);
        assert_backed_off(&made);
    }
}

#[tokio::test]
async fn a_handler_that_asks_for_no_wait_does_not_use_up_its_attempts() {
    let bed = Bed::new("[plugin.actor]\nbackoff_base_ms = 100\nattempts_max = 4\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&Event::of("shop.opened", "evt_1", &json!({ "act": "retry-after 0" }))).await;
    let event = host.settled("evt_1").await;
    let made = event["deliveries"][0]["attempts"].as_array().unwrap();
    assert_eq!((&event["state"], made.len()), (&"dead".into(), 4), "{event}");
    assert_backed_off(made);
}

#[tokio::test]
async fn a_post_that_is_answered_by_a_redirect_to_a_page_is_not_done() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        "/hook" => Reply::to(301, "/login?next=%2Fhook"),
        _ => Reply::of(200, "log in"),
    })
    .await;
    let bed = bed(&partner.origin(), "");
    let host = bed.start().await;
    let url = format!("{}/hook", partner.origin());
    ask(&host, "evt_1", json!({ "do": "http", "url": url, "text": "x" })).await;
    let made = tries(&effect(&host, "evt_1", "dead").await);
    let to = format!("{}/login", partner.origin());
    let detail = format!("301 Moved Permanently: POST is not repeated at {to}, where it redirects to");
    assert_eq!((made.len(), &made[0]["detail"]), (1, &detail.into()));
    assert_eq!(partner.asked_count(), 1);
}

#[tokio::test]
async fn a_conflict_means_in_progress_after_a_try_without_an_answer_even_if_the_host_is_killed_meanwhile() {
    let [hung, killed]: [AtomicUsize; 2] = Default::default();
    let partner = Partner::start(move |_, asked| {
        let before = match asked.path.as_str() {
            "/lost" => hung.fetch_add(1, Ordering::Relaxed),
            "/killed" => killed.fetch_add(1, Ordering::Relaxed),
            _ => 1,
        };
        match before {
            0 => Reply::Hang,
            1 => Reply::of(409, "in progress"),
            _ => Reply::of(200, ""),
        }
    })
    .await;
    let bed = bed(&partner.origin(), "");
    let host = bed.start().await;
    let send = async |host: &Host<'_>, path: &str| {
        let url = format!("{}/{path}", partner.origin());
        ask(host, path, json!({ "do": "http", "url": url, "text": "x" })).await;
    };
    send(&host, "first").await;
    send(&host, "lost").await;
    let first = effect(&host, "first", "dead").await;
    assert!(first["tries"][0]["detail"].as_str().unwrap().starts_with("409 Conflict"), "{first}");
    effect(&host, "lost", "waiting").await;
    send(&host, "killed").await;
    let is_asked = async || partner.asked().iter().any(|asked| asked.path == "/killed").then_some(());
    until("the request is there", is_asked).await;
    host.kill();
    let host = bed.start().await;
    for path in ["lost", "killed"] {
        let made = tries(&effect(&host, path, "done").await);
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
async fn what_a_visitor_writes_does_not_switch_masking_off_and_secrets_are_masked_in_every_form() {
    let partner = Partner::start(|_, asked| {
        let headers = format!("{:?}", asked.headers);
        Reply::of(422, &format!("what is {} in {headers} and {}?", asked.path, asked.text()))
    })
    .await;
    let bed = bed(&partner.origin(), "");
    let host = bed.start().await;
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
    let asked = partner.asked().pop().unwrap();
    assert_eq!(asked.text(), format!("{visitor} {SECRET}"));
    assert_eq!(
        (asked.header("authorization"), asked.path.as_str()),
        (&*format!("Basic {basic}"), &*format!("/?key={encoded}"))
    );
    let shown = bed.run(&["event", "show", "evt_1", "--json"]).out;
    let inner = &basic[8..basic.len() - 4];
    for (place, text) in [("the API", event), ("the log", bed.log()), ("show", shown)] {
        for form in [SECRET, encoded, inner] {
            assert!(!text.contains(form), "{place}: {form} in {text}");
        }
        assert!(text.contains("{secret:key"), "{place}: {text}");
    }
    host.terminate();
    host.ended().await;
    for file in std::fs::read_dir(bed.path("hookyard-data")).unwrap() {
        let path = file.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        for form in [SECRET, encoded, inner] {
            let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
            assert!(!found, "{} has {form} in it", path.display());
        }
    }
}

#[tokio::test]
async fn an_effect_waits_for_a_secret_that_was_taken_out_of_the_configuration() {
    let partner =
        Partner::start(|number, _| if number == 0 { Reply::of(503, "") } else { Reply::of(200, "") }).await;
    let bed = bed(&partner.origin(), "");
    let host = bed.start().await;
    ask(&host, "evt_1", json!({ "do": "tell-secret", "url": partner.origin() })).await;
    effect(&host, "evt_1", "waiting").await;
    host.terminate();
    host.ended().await;
    bed.configure(&format!(
        "[effects]\nbackoff_base_ms = 20\n[plugin.asker]\nhttp = [\"{}\"]\n",
        partner.origin()
    ));
    let host = bed.start().await;
    let waiting = host
        .event_when("evt_1", "the missing secret is named", |event| {
            event.to_string().contains("the secret `key` is not configured any more")
        })
        .await;
    assert_eq!(partner.asked_count(), 1, "{waiting}");
}

#[tokio::test]
async fn one_refused_recipient_is_named_and_nobody_gets_an_email_twice() {
    let waits = AtomicUsize::new(0);
    let smtp = Smtp::saying(move |_, line| match line {
        line if line.contains("RCPT TO:<b@") => Some("550 5.1.1 nobody here".into()),
        line if line.contains("RCPT TO:<c@") && waits.fetch_add(1, Ordering::Relaxed) < 2 => {
            Some("451 later".into())
        }
        _ => None,
    })
    .await;
    let bed = bed("http://127.0.0.1:1", &email(&smtp));
    let host = bed.start().await;
    let cc = ["b@example.gn", "c@example.gn"];
    ask(&host, "evt_1", json!({ "do": "email", "to": "a@example.gn", "cc": cc, "text": "x" })).await;
    effect(&host, "evt_1", "waiting").await;
    host.kill();
    let host = bed.start().await;
    let made = tries(&effect(&host, "evt_1", "dead").await);
    let to: Vec<_> = smtp.received().into_iter().map(|email| email.to).collect();
    assert_eq!(to, [["a@example.gn"], ["c@example.gn"]], "{made:?}");
    let last = made.last().unwrap()["detail"].as_str().unwrap();
    assert!(last.contains("refused for b@example.gn: 550 5.1.1 nobody here"), "{made:?}");
    // Tried again by hand, only who refused is asked.
    assert_eq!(bed.run(&["effect", "replay", "--all"]).code, 0);
    host.event_when("evt_1", "it was tried again", |event| {
        let effect = &event["deliveries"][0]["effects"][0];
        effect["state"] == "dead" && effect["tries"].as_array().unwrap().len() > made.len()
    })
    .await;
    assert_eq!(smtp.received().len(), 2);
    let asked = smtp.lines().into_iter().filter(|line| line.starts_with("RCPT TO:<b@")).count();
    assert_eq!(asked, 2, "{:?}", smtp.lines());
}

#[tokio::test]
async fn an_attachment_smuggles_no_second_email_and_every_field_counts_to_the_size() {
    let smtp = Smtp::start().await;
    let bed = bed("http://127.0.0.1:1", &email(&smtp));
    let host = bed.start().await;
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
    let event = host.event_when("evt_2", "it is dead", |event| event["state"] == "dead").await;
    let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("effects.size_max_bytes is 1048576"), "{reason}");
}
