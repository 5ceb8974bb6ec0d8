//! Every page on a phone, a tablet and a wide screen, light and dark: no barrier, nothing that the policy forbids, and a
//! picture of each in `target/screenshots/`.

use serde_json::json;

use super::browser::{Browser, ENTER, SCHEMES};
use super::{address, first_token};
use crate::support::{Event, HostDir, RunningHost, example, guest};

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

pub(super) async fn look(browser: &Browser, base: &str, path: &str, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for scheme in SCHEMES {
        for (width, height) in WIDTHS {
            browser.set_screen(width, height, scheme).await;
            browser.go(&format!("{base}{path}")).await;
            browser.take_picture(&format!("{name}-{width}-{scheme}")).await;
            let wide = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
            let mut found = browser.find_barriers().await;
            found.extend((wide == true).then(|| "it scrolls sideways".to_owned()));
            found.extend(browser.complaints().await);
            wrong.extend(found.into_iter().map(|what| format!("{name} {width} {scheme}: {what}")));
        }
    }
    wrong
}

#[tokio::test]
async fn every_page_has_no_barrier_in_any_size_and_scheme() {
    let dir = HostDir::new("search = [\"/data/object/phone\"]\n");
    let host = filled(&dir).await;
    let base = address(&host);
    let browser = Browser::start().await;
    let mut wrong = look(&browser, &base, "/login", "login").await;
    browser.go(&format!("{base}/login")).await;
    browser.press(&first_token(&dir)).await;
    browser.press(ENTER).await;
    browser.wait_for("it is logged in", "return location.pathname === '/'").await;
    for (path, name) in [
        ("/", "overview"),
        ("/events", "events"),
        ("/events?search=7193&state=dead", "events-found"),
        ("/events?type=no.such.type", "events-none"),
        ("/events/moncreneau/evt_dead", "event-dead"),
        ("/events/moncreneau/evt_2f9c8101", "event"),
        ("/settings", "settings"),
        ("/nothing", "not-found"),
    ] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    browser.run("document.querySelector('button[name=language][value=fr]').form.requestSubmit(document.querySelector('button[name=language][value=fr]'))").await;
    browser.wait_for("it is in French", "return document.documentElement.lang === 'fr'").await;
    for (path, name) in [("/", "overview-fr"), ("/events/moncreneau/evt_dead", "event-dead-fr")] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    // A page that is missing is a complaint of the browser's.
    wrong.retain(|what| !what.contains("/nothing") && !what.contains("404"));
    assert!(wrong.is_empty(), "{wrong:#?}");
    drop(host);
}
