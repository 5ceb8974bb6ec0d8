//! Every page on a phone, a tablet and a wide screen, light and dark: no barrier, nothing that the policy forbids, and a
//! picture of each in `target/screenshots/`.

use serde_json::json;

use super::browser::{Browser, ENTER, SCHEMES};
use super::{address, first_token};
use crate::access::create;
use crate::confirmations::{TOPIC, ask};
use crate::support::{Event, HostDir, RunningHost, example, guest, sign, wait_until};

const WIDTHS: [(u32, u32); 3] = [(360, 740), (800, 1000), (1440, 900)];

/// Fills a host with what an operator sees on a day on which some things are wrong.
async fn filled(dir: &HostDir) -> RunningHost<'_> {
    dir.install("confirmation-sms", &guest("conformance-rust"));
    dir.install("statistics", &example("statistics"));
    dir.install("calendar-update", &guest("actor"));
    dir.install("not-a-plugin", b"nothing");
    let host = dir.start_unloaded().await;
    for plugin in ["confirmation-sms", "statistics", "calendar-update"] {
        host.wait_plugin(plugin, "it runs", |plugin| plugin["state"] == "running").await;
    }
    host.wait_plugin("not-a-plugin", "it is refused", |plugin| plugin["state"] == "refused").await;
    for number in 0..60 {
        let event_type = ["appointment.created", "appointment.updated"][number % 2];
        host.send(&Event::sample(event_type, &format!("evt_2f9c81{number:02}"))).await;
    }
    let payload = json!({
        "do": "reject", "reason": "400 Bad Request: {\"error\":\"unknown number\"}", "phone": "+224 620 44 71 93",
        "patient": { "name": "Mariama Diallo", "phone": "+224 620 44 71 93" }, "slots": [1, 2, 3], "price": 150_000.5,
    });
    host.send(&Event::with_payload("conformance.a", "evt_dead", &payload)).await;
    host.wait_event("evt_dead", "it is dead", |event| event["state"] == "dead").await;
    host
}

/// Chooses French.
async fn choose_french(browser: &Browser) {
    let choice = "document.querySelector('button[name=language][value=fr]')";
    browser.run(&format!("{choice}.form.requestSubmit({choice})")).await;
    browser.wait_for("it is in French", "return document.documentElement.lang === 'fr'").await;
}

pub(super) async fn look(browser: &Browser, base: &str, path: &str, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for scheme in SCHEMES {
        for (width, height) in WIDTHS {
            browser.set_screen(width, height, scheme).await;
            browser.go(&format!("{base}{path}")).await;
            wrong.extend(look_here(browser, &format!("{name}-{width}-{scheme}")).await);
        }
    }
    wrong
}

async fn look_here(browser: &Browser, name: &str) -> Vec<String> {
    browser.take_picture(name).await;
    let wide = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
    let mut found = browser.find_barriers().await;
    found.extend((wide == true).then(|| "it scrolls sideways".to_owned()));
    found.extend(browser.complaints().await);
    found.into_iter().map(|what| format!("{name}: {what}")).collect()
}

/// Looks at what a page becomes when something was done on it: `act` gets the number of the screen.
async fn look_after(browser: &Browser, name: &str, act: impl AsyncFn(usize)) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, ((width, height), scheme)) in WIDTHS.into_iter().zip(SCHEMES.into_iter().cycle()).enumerate()
    {
        browser.set_screen(width, height, scheme).await;
        act(number).await;
        wrong.extend(look_here(browser, &format!("{name}-{width}-{scheme}")).await);
    }
    wrong
}

/// Tests a request on the page of its source, and looks at the answer.
async fn look_at_test(browser: &Browser, base: &str, request: &str, name: &str) -> Vec<String> {
    look_after(browser, name, async |_| {
        browser.go(&format!("{base}/sources/moncreneau")).await;
        browser.click("#test summary").await;
        browser.fill("#test textarea", request).await;
        browser.click("#test button").await;
        browser.wait_for("an answer", "return document.querySelector('#tested .state') !== null").await;
    })
    .await
}

/// Tries to log in with a token that nobody has, and looks at the answer.
async fn look_at_failed_log_in(browser: &Browser, base: &str) -> Vec<String> {
    let mut wrong = look_after(browser, "login-failed", async |_| {
        browser.go(&format!("{base}/login")).await;
        browser.press("hky_wrong").await;
        browser.press(ENTER).await;
        browser.wait_for("an error", "return document.querySelector('#why') !== null").await;
        browser.wait_ready().await;
    })
    .await;
    // The answer to a wrong token is a complaint of the browser's.
    wrong.retain(|what| !(what.contains("/login ") && what.contains("401")));
    wrong
}

/// Creates tokens, and looks at the page that shows the secret of each.
async fn look_at_new_token(browser: &Browser, base: &str) -> Vec<String> {
    look_after(browser, "token-made", async |number| {
        browser.go(&format!("{base}/settings/tokens")).await;
        browser.fill("form.stack input[name=name]", &format!("reporting-{number}")).await;
        browser.click("form.stack button.main").await;
        browser.wait_for("the secret", "return document.querySelector('#secret') !== null").await;
        browser.wait_ready().await;
    })
    .await
}

#[tokio::test]
async fn every_page_has_no_barrier_in_any_size_and_scheme() {
    let dir =
        HostDir::new("search = [\"/data/object/phone\"]\npersonal = [\"/data/object/patient/phone\"]\n");
    let host = filled(&dir).await;
    let base = address(&host);
    let browser = Browser::start().await;
    let mut wrong = look(&browser, &base, "/login", "login").await;
    wrong.extend(look_at_failed_log_in(&browser, &base).await);
    browser.log_in(&base, &first_token(&dir), "/").await;
    for (path, name) in [
        ("/", "overview"),
        ("/events", "events"),
        ("/events?search=7193&state=dead", "events-found"),
        ("/events?type=no.such.type", "events-none"),
        ("/events/moncreneau/evt_dead", "event-dead"),
        ("/events/moncreneau/evt_dead?unmasked=true", "event-unmasked"),
        ("/events/moncreneau/evt_2f9c8101", "event"),
        ("/settings", "settings"),
        ("/nothing", "not-found"),
    ] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    choose_french(&browser).await;
    for (path, name) in [("/", "overview-fr"), ("/events/moncreneau/evt_dead", "event-dead-fr")] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    // A page that is missing on purpose is a complaint of the browser's.
    wrong.retain(|what| !(what.contains("/nothing ") && what.contains("404")));
    assert!(wrong.is_empty(), "{wrong:#?}");
    drop(host);
}

#[tokio::test]
async fn every_page_about_the_host_has_no_barrier_in_any_size_and_scheme() {
    let dir = HostDir::new(
        "[sources.front-desk]\nscheme = \"hmac\"\nsecrets = [\"file:front-desk.secret\"]\n\
         [sources.alarms]\nscheme = \"hmac\"\nsecrets = [\"s\"]\nhandshake = \"aws-sns\"\n\
         [[alerts]]\nname = \"operations\"\non = [\"dead-letter\", \"plugin-refused\", \"backlog\"]\nbacklog_max = 1000\n\
         webhook = \"http://127.0.0.1:1/hook\"\nwebhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n\
         group_wait_ms = 0\n\
         [[alerts]]\nname = \"search\"\non = [\"index-behind\"]\nbehind_after_ms = 3600000\n\
         webhook = \"http://127.0.0.1:1/hook\"\nwebhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
    );
    dir.replace("front-desk.secret", b"known to the front desk");
    let host = filled(&dir).await;
    decide(&dir, &host).await;
    ask_to_confirm(&dir, &host).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.log_in(&base, &first_token(&dir), "/").await;
    let revoke = "/settings/tokens/sms-pipeline/revoke";
    let mut wrong = Vec::new();
    let entry = dir.run(&["audit", "list", "--action", "plugin.resume", "--json"]).json();
    let entry = format!("/audit/{}", entry["items"][0]["number"]);
    for (path, name) in [
        ("/sources", "sources"),
        ("/sources/moncreneau", "source"),
        ("/sources/front-desk", "source-silent"),
        ("/sources/alarms", "source-confirmations"),
        ("/replays", "replays"),
        ("/replays/1", "replay"),
        ("/audit", "audit"),
        ("/audit?actor=first-start&action=plugin&within=24h", "audit-filtered"),
        (&entry, "audit-entry"),
        ("/audit/check", "audit-check"),
        ("/settings/tokens", "tokens"),
        (revoke, "token-revoke"),
        ("/settings/alerts", "alerts"),
    ] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    let body = Event::created("evt_tested").body;
    let signed = sign(crate::support::SECRET, &body);
    let request = format!("POST /webhooks/moncreneau HTTP/1.1\nX-Moncreneau-Signature: {signed}\n\n{body}");
    wrong.extend(look_at_test(&browser, &base, &request, "source-test").await);
    let request = request.replace(&signed, "sha256=00");
    wrong.extend(look_at_test(&browser, &base, &request, "source-test-refused").await);
    wrong.extend(look_at_new_token(&browser, &base).await);
    choose_french(&browser).await;
    for (path, name) in [
        ("/sources/moncreneau", "source-fr"),
        ("/sources/alarms", "source-confirmations-fr"),
        ("/replays/1", "replay-fr"),
        ("/audit", "audit-fr"),
        ("/settings/tokens", "tokens-fr"),
        ("/settings/alerts", "alerts-fr"),
    ] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    drop(host);
}

#[tokio::test]
async fn every_page_of_a_reader_has_no_barrier_in_any_size_and_scheme() {
    let dir = HostDir::new("personal = [\"/data/object/phone\", \"/data/object/patient\"]\n");
    let host = filled(&dir).await;
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let base = address(&host);
    let browser = Browser::start().await;
    browser.log_in(&base, &read, "/settings").await;
    let mut wrong = Vec::new();
    for (path, name) in [
        ("/", "reader-overview"),
        ("/events", "reader-events"),
        ("/events/moncreneau/evt_dead", "reader-event"),
        ("/dead-letters", "reader-dead-letters"),
        ("/plugins", "reader-plugins"),
        ("/plugins/confirmation-sms", "reader-plugin"),
        ("/sources/moncreneau", "reader-source"),
        ("/settings", "reader-settings"),
    ] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    drop(host);
}

/// Leaves a confirmation that was not confirmed, one that waits and one that was rejected.
async fn ask_to_confirm(dir: &HostDir, host: &RunningHost<'_>) {
    for name in ["alarms", "backups", "others"] {
        let topic = TOPIC.replace("alarms", name);
        let url = format!("https://127.0.0.1:1/?Action=ConfirmSubscription&TopicArn={topic}&Token=t");
        assert_eq!(ask(host, &topic, &url).await.code, 200);
    }
    assert_eq!(dir.run(&["source", "approve", "alarms", "1"]).code, 1);
    assert_eq!(dir.run(&["source", "reject", "alarms", "2"]).code, 0);
}

/// Does what leaves something to show: refused requests, replays, decisions and tokens.
async fn decide(dir: &HostDir, host: &RunningHost<'_>) {
    let event = Event::created("evt_refused");
    for (signature, count) in [("sha256=00", 2), (&*sign("another secret", &event.body), 12)] {
        for _ in 0..count {
            host.post("moncreneau", &event.body, &[("x-moncreneau-signature", signature)]).await;
        }
    }
    host.post("moncreneau", &event.body, &[]).await;
    for arguments in [
        &["plugin", "pause", "confirmation-sms", "--note", "The SMS gateway is down until noon."][..],
        &["plugin", "resume", "confirmation-sms"],
        &["delivery", "replay", "--plugin", "confirmation-sms", "--note", "The gateway is back."],
        &["event", "replay", "--type", "appointment.created", "--dry-run"],
        &[
            "token",
            "create",
            "sms-pipeline",
            "--role",
            "deploy",
            "--plugins",
            "confirmation-sms",
            "--plugins",
            "reminder-*",
        ],
        &[
            "token",
            "create",
            "night-shift",
            "--role",
            "operate",
            "--expires",
            "30d",
            "--note",
            "For Fanta and Ibrahima.",
        ],
        &["token", "create", "of-last-year", "--role", "read"],
        &["token", "revoke", "of-last-year"],
    ] {
        let output = dir.run(arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
    }
    host.wait_drained().await;
    let alerts = async || {
        let (_, alerts) = host.api_get("/api/v1/alerts").await;
        alerts["items"][0]["pending"]["last_error"].is_string().then_some(())
    };
    wait_until("an alert has failed to arrive", alerts).await;
}
