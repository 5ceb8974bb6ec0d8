//! The pages of plugins on a day on which some of them are wrong: no barrier, and a picture of each.

use serde_json::json;

use super::browser::Browser;
use super::looks::look;
use super::{address, first_token};
use crate::support::{Event, HostDir, RunningHost, distinct_copy, example, guest, put_switch, wait_until};

const CONFIG: &str = "[effects]
attempts_max = 1
[plugin.confirmation-sms]
events = [\"appointment.created\", \"appointment.cancelled\", \"conformance.a\"]
http = [\"https://sms.example.gn\", \"https://sms-backup.example.gn:8443\"]
email = [\"*@example.gn\"]
secrets = { api_key = \"a-secret-that-nobody-sees\" }
redact = [\"/data/object/phone\"]
[plugin.retired-plugin]
events = [\"appointment.created\"]
[plugin.slow-plugin]
events = [\"conformance.a\"]
config = { act = \"busy 250\" }
call_timeout_ms = 300
attempts_max = 1
[plugin.webhook-sender]
events = [\"told\"]
http = [\"http://127.0.0.1:1\"]
";

async fn send_all(host: &RunningHost<'_>) {
    for (number, event_type) in ["appointment.created", "appointment.updated", "appointment.cancelled"]
        .into_iter()
        .cycle()
        .take(30)
        .enumerate()
    {
        host.send(&Event::sample(event_type, &format!("evt_2f9c81{number:02}"))).await;
    }
    for (number, payload) in [
        json!({ "do": "reject", "reason": "400 Bad Request: {\"error\":\"unknown number\"}" }),
        json!({ "do": "reject", "reason": "the partner answered with a page instead of JSON: <!doctype html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>" }),
        json!({ "do": "reject", "reason": "400 Bad Request: {\"error\":\"unknown number\"}" }),
        json!({ "do": "store" }),
        json!({ "do": "echo", "text": "Mariama Diallo" }),
    ]
    .into_iter()
    .enumerate()
    {
        host.send(&Event::with_payload("conformance.a", &format!("evt_conformance_{number}"), &payload))
            .await;
    }
}

/// A host with plugins in many states.
async fn filled(dir: &HostDir) -> RunningHost<'_> {
    dir.install("confirmation-sms", &guest("conformance-rust"));
    dir.install("statistics", &example("statistics"));
    dir.install("calendar-update", &guest("actor"));
    dir.install("invoice", &guest("stats"));
    dir.install("slow-plugin", &guest("actor"));
    dir.install("webhook-sender", &guest("outbox"));
    let host = dir.start().await;
    wait_until("the files are recorded", async || {
        (dir.run(&["plugin", "history", "invoice"]).code == 0).then_some(())
    })
    .await;
    drop(host);
    dir.configure(&format!("{CONFIG}[plugins]\napproval = \"widening\"\n"));
    let host = dir.start().await;
    dir.install("not-a-plugin", b"nothing");
    host.wait_plugin("not-a-plugin", "it is refused", |plugin| plugin["state"] == "refused").await;
    send_all(&host).await;
    let payload = json!({ "do": "http", "url": "http://127.0.0.1:1/appointments", "text": "x", "times": 2 });
    host.send(&Event::with_payload("told", "evt_told", &payload)).await;
    host.wait_event("evt_told", "its effects are dead", |event| {
        let mut deliveries = event["deliveries"].as_array().unwrap().iter();
        let effects = deliveries.find_map(|of| of["effects"].as_array().filter(|all| all.len() == 2));
        effects.is_some_and(|all| all.iter().all(|effect| effect["state"] == "dead"))
    })
    .await;
    let push = |plugin: &str, bytes: &[u8], note: &str| {
        dir.replace("push.wasm", bytes);
        let file = dir.path("push.wasm");
        let output = dir.run(&["plugin", "push", plugin, file.to_str().unwrap(), "--note", note]);
        assert_eq!(output.code, 0, "{output:?}");
    };
    for (number, note) in
        ["smaller messages", "the partner's new address", "retries after 429"].iter().enumerate()
    {
        push("confirmation-sms", &distinct_copy(&guest("conformance-rust"), number), note);
    }
    assert_eq!(dir.run(&["plugin", "rollback", "confirmation-sms", "--note", "429s again"]).code, 0);
    push(
        "invoice",
        &guest("conformance-rust"),
        "Invoices for cancellations, as agreed with the accounting office",
    );
    assert_eq!(dir.run(&["plugin", "pause", "calendar-update", "--note", "the calendar is moved"]).code, 0);
    let off = json!({ "type": "appointment.cancelled", "on": false });
    put_switch(&host, "confirmation-sms", &off, None).await.unwrap();
    host.send(&Event::sample("appointment.cancelled", "evt_held")).await;
    host
}

/// Asks for a plan on the page of dead letters with this button, and returns its path when it has counted.
async fn plan(browser: &Browser, base: &str, path: &str, button: &str, counted: &str) -> String {
    browser.go(&format!("{base}{path}")).await;
    browser.click(button).await;
    browser.wait_text(counted).await;
    browser.run("return location.pathname").await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_pages_of_plugins_have_no_barrier_in_any_size_and_scheme() {
    let dir = HostDir::new(CONFIG);
    let host = filled(&dir).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.log_in(&base, &first_token(&dir), "/plugins").await;
    let button = "button[name=action][value=replay]";
    let of_deliveries =
        plan(&browser, &base, "/dead-letters?plugin=confirmation-sms", button, "will run again").await;
    let button = "section[aria-labelledby=effects] form.acts button[value=discard]";
    let of_effects = plan(&browser, &base, "/dead-letters", button, "effects will be discarded").await;
    browser.go(&format!("{base}/plugins/confirmation-sms")).await;
    let comparison = "return document.querySelector('.revisions .actions a').getAttribute('href')";
    let comparison = browser.run(comparison).await.as_str().unwrap().to_owned();
    let mut wrong = Vec::new();
    for (path, name) in [
        ("/plugins", "plugins"),
        ("/plugins?plugin=confirmation-sms&type=appointment.cancelled", "plugins-switched"),
        ("/plugins/confirmation-sms", "plugin"),
        ("/plugins/invoice", "plugin-waiting"),
        ("/plugins/not-a-plugin", "plugin-refused"),
        ("/plugins/calendar-update", "plugin-paused"),
        ("/plugins/slow-plugin", "plugin-slow"),
        ("/plugins/confirmation-sms/store?bucket=conformance&key=keys", "store"),
        ("/plugins/statistics/store?prefix=none", "store-none"),
        ("/dead-letters", "dead-letters"),
        ("/dead-letters?plugin=none", "dead-letters-none"),
        ("/dead-letters/list?plugin=confirmation-sms", "dead-letter-list"),
        (of_deliveries.as_str(), "dead-letter-plan"),
        ("/dead-letters?plugin=webhook-sender", "dead-effects"),
        (of_effects.as_str(), "dead-effect-plan"),
        (comparison.as_str(), "plugin-comparison"),
    ] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    // A switch that asks.
    browser.set_screen(1440, 900, "light").await;
    browser.go(&format!("{base}/plugins")).await;
    browser.click("button[value='on confirmation-sms appointment.cancelled']").await;
    browser.wait_text("Switch it on, and").await;
    browser.take_picture("plugins-asks-1440-light").await;
    browser.set_screen(360, 740, "dark").await;
    browser.take_picture("plugins-asks-360-dark").await;
    wrong.extend(browser.find_barriers().await);
    browser.run("document.querySelector('button[name=language][value=fr]').form.requestSubmit(document.querySelector('button[name=language][value=fr]'))").await;
    browser.wait_for("it is in French", "return document.documentElement.lang === 'fr'").await;
    for (path, name) in [
        ("/plugins", "plugins-fr"),
        ("/plugins/invoice", "plugin-waiting-fr"),
        ("/dead-letters", "dead-letters-fr"),
    ] {
        wrong.extend(look(&browser, &base, path, name).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    drop(host);
}
