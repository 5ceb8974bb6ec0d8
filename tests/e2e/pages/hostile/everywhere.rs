//! Markup in every field that a sender, a plugin, a partner or another operator decides: no page runs it, and each shows
//! it as text.

use std::fs;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, header};
use serde_json::json;

use super::with_tool;
use crate::confirmations::ask;
use crate::pages::browser::Browser;
use crate::pages::visitor::{Visitor, with_form};
use crate::pages::{address, first_token};
use crate::support::{Event, HostDir, Partner, Reply, RunningHost, SECRET, example, guest, sign, wait_until};

/// Markup for one field, without spaces: some fields have none.
fn mark(field: &str) -> String {
    format!("<img/src=x/onerror=alert(1)><script>alert('{field}')</script>")
}

/// A text as a part of a path.
fn in_path(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn host_dir(partner: &Partner) -> HostDir {
    let origin = partner.origin();
    let dir = HostDir::new(&format!(
        "search = [\"/data/object/text\"]\n\
         [sources.feed]\nscheme = \"hmac\"\nsecrets = [\"s\"]\ntext = true\ndefault_type = \"order\"\n\
         [sources.cloud]\nscheme = \"cloudevents\"\nsecrets = [\"s\"]\n\
         [sources.alarms]\nscheme = \"hmac\"\nsecrets = [\"s\"]\nhandshake = \"aws-sns\"\n\
         [effects]\nattempts_max = 1\nbackoff_base_ms = 1\n\
         [plugin.sms]\nemit = [\"conformance.never\"]\nattempts_max = 1\n\
         [plugin.outbox]\nevents = [\"told\"]\nhttp = [\"{origin}\"]\nemit = [\"*\"]\n\
         [[alerts]]\nname = \"ops\"\non = [\"dead-letter\"]\nwebhook = \"{origin}/hook\"\n\
         webhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\ngroup_wait_ms = 0\n"
    ));
    dir.install("sms", &guest("conformance-rust"));
    dir.install("outbox", &guest("outbox"));
    dir.install("event-log", &example("event-log"));
    // The host takes no plugin of such a name.
    fs::write(dir.path("plugins/<img src=x onerror=alert(1)>.wasm"), "no plugin").unwrap();
    dir
}

/// Sends events with markup in all that a sender decides, and has the plugins log, fail, store and ask for effects with
/// markup. Returns the id of the event whose content type has some.
async fn send_all(host: &RunningHost<'_>, partner: &Partner) -> String {
    let (id, event_type) = (mark("id"), format!("conformance.{}", mark("type")));
    let payload = json!({ "do": "reject", "reason": mark("reason"), mark("member"): mark("value") });
    host.send(&Event::with_payload(&event_type, &id, &payload)).await;
    let other = json!({ "do": "nothing", "text": mark("conflict") });
    assert_eq!(host.send(&Event::with_payload(&event_type, &id, &other)).await.status(), "conflict");
    for (event_type, id, payload) in [
        ("conformance.a", "evt_log", json!({ "do": "echo", "text": mark("log") })),
        ("conformance.a", "evt_trap", json!({ "do": "trap", "reason": mark("trap") })),
        (
            "told",
            "evt_http",
            json!({ "do": "http", "url": format!("{}/told", partner.origin()), "text": mark("request") }),
        ),
        ("told", "evt_emit", json!({ "do": "emit-data", "type": mark("emitted"), "text": "{}" })),
        ("told", "evt_fill", json!({ "do": "fill", "prefix": mark("key") })),
    ] {
        host.send(&Event::with_payload(event_type, id, &payload)).await;
    }

    let cloud = json!({
        "specversion": "1.0", "id": "1", "source": "shop", "type": "order.paid", "subject": mark("subject"),
        "comexampleext": mark("extension"), "data": {},
    });
    let headers = [("Authorization", "Bearer s"), ("Content-Type", "application/cloudevents+json")];
    assert_eq!(host.post("cloud", &cloud.to_string(), &headers).await.code, 202);
    let signature = sign("s", "no JSON").replace("sha256=", "");
    let content_type = format!("text/plain; x=\"{}\"", mark("content-type"));
    let headers = [("X-Webhook-Signature", signature.as_str()), ("Content-Type", &content_type)];
    let answer = host.post("feed", "no JSON", &headers).await;
    assert_eq!(answer.code, 202, "{answer:?}");
    let url = format!("https://127.0.0.1:1/?Token={}", mark("url"));
    assert_eq!(ask(host, &mark("topic"), &url).await.code, 200);
    host.wait_event("evt_http", "its effect is dead", |event| {
        let deliveries = event["deliveries"].as_array().unwrap();
        deliveries.iter().any(|of| of["effects"][0]["state"] == "dead")
    })
    .await;
    host.wait_drained().await;
    answer.json["event"].as_str().unwrap().to_owned()
}

/// Does what an operator does, with markup in every note, and logs in with a browser whose name is markup.
async fn operate(dir: &HostDir, host: &RunningHost<'_>) -> Visitor {
    let note = mark("note");
    let revision = with_tool(&guest("conformance-rust"), &mark("tool"));
    dir.replace("tool.wasm", &revision);
    let file = dir.path("tool.wasm");
    let reason = mark("reason");
    for arguments in [
        &["plugin", "push", "sms", file.to_str().unwrap(), "--note", &note][..],
        &["plugin", "pause", "event-log", "--note", &note],
        &["token", "create", "night-shift", "--role", "read", "--note", &note],
        &["delivery", "replay", "--plugin", "sms", "--reason", &reason, "--note", &note],
    ] {
        let output = dir.run(arguments);
        assert_eq!(output.code, 0, "{arguments:?}: {output:?}");
    }
    host.wait_revision("sms", &revision).await;
    host.wait_event(&in_path(&mark("id")), "it failed again", |event| {
        let deliveries = event["deliveries"].as_array().unwrap().iter();
        deliveries.filter(|of| of["plugin"] == "sms" && of["state"] == "dead").count() == 2
    })
    .await;
    let visitor = Visitor::new(host);
    let request = visitor.request(Method::POST, "/login").header(header::USER_AGENT, mark("agent"));
    let request = request.header(header::ORIGIN, visitor.base());
    let logged_in = visitor.send(with_form(request, &[("token", &first_token(dir))])).await;
    assert_eq!(logged_in.location(), "/", "{}", logged_in.body);
    wait_until("an alert has failed to arrive", async || {
        let (_, alerts) = host.api_get("/api/v1/alerts").await;
        alerts["items"][0]["pending"]["last_error"].is_string().then_some(())
    })
    .await;
    visitor
}

/// Looks at a page that is there: none of the markup became a part of it, and each field is shown as text, or as the
/// title or the value of an element.
async fn look(browser: &Browser, page: &str, shown: &[(&str, &str)]) {
    for (selector, field) in shown {
        let script = format!(
            "return [...document.querySelectorAll({})].some((element) => [element.textContent, element.title,
                 element.value].some((text) => typeof text === 'string' && text.includes({})))",
            json!(selector),
            json!(mark(field))
        );
        browser.wait_for(&format!("{page}: {field} in {selector}"), &script).await;
    }
    let alive = "return document.querySelectorAll('body script, body img').length";
    assert_eq!(browser.run(alive).await, 0, "{page}");
}

/// A page, and the fields that it shows, each in what a selector finds.
type HostilePage = (String, &'static [(&'static str, &'static str)]);

fn page(path: impl Into<String>, shown: &'static [(&'static str, &'static str)]) -> HostilePage {
    (path.into(), shown)
}

fn pages_of_events(feed_id: &str) -> Vec<HostilePage> {
    let event = |source: &str, id: &str| format!("/events/{source}/{}", in_path(id));
    let hostile = event("moncreneau", &mark("id"));
    vec![
        page("/", &[]),
        page("/events", &[("#list .id", "id"), ("#list .kind", "type"), ("#list .kind", "emitted")]),
        page(format!("/events?type={}", in_path(&mark("type"))), &[(".chips", "type")]),
        page(format!("/events?search={}", in_path(&mark("id"))), &[(".chips", "id"), ("#search", "id")]),
        page(
            &hostile,
            &[
                ("h1", "id"),
                (".facts .code", "type"),
                (".wrong .reason", "reason"),
                (".lane .reason", "reason"),
                ("#payload", "member"),
                ("#payload", "value"),
                ("details pre", "conflict"),
            ],
        ),
        page(format!("{hostile}?unmasked=true"), &[("textarea", "value")]),
        page(event("moncreneau", &mark("none")), &[]),
        page(event("moncreneau", "evt_log"), &[(".lane .logs", "log")]),
        page(event("moncreneau", "evt_trap"), &[(".lane .logs", "trap")]),
        page(
            event("moncreneau", "evt_http"),
            &[(".lane .reason", "answer"), (".lane details pre", "request")],
        ),
        page(event("moncreneau", "evt_emit"), &[(".lane .step-head .code", "emitted")]),
        page(event("cloud", "shop#1"), &[("dd.code", "subject"), ("dd.code", "extension")]),
        page(event("feed", feed_id), &[("dd.code", "content-type")]),
    ]
}

fn pages_of_plugins(revision: &str) -> Vec<HostilePage> {
    let filter = in_path(&mark("filter"));
    vec![
        page("/dead-letters", &[("#list .why", "reason"), ("section[aria-labelledby=effects]", "answer")]),
        page(format!("/dead-letters?reason={filter}"), &[(".chips", "filter")]),
        page("/dead-letters/list", &[("#list .plugin", "id"), ("#list .why", "reason")]),
        page("/plugins", &[]),
        page("/plugins/sms", &[(".revisions .note", "note")]),
        page(format!("/plugins/sms?to={revision}"), &[("#difference", "tool")]),
        page("/plugins/event-log", &[]),
        page("/plugins/outbox/store", &[(".store", "key")]),
        page("/plugins/sms/store?bucket=conformance&key=echo", &[("#entry pre", "log")]),
        page(format!("/plugins/sms/store?prefix={filter}"), &[("#prefix", "filter")]),
    ]
}

fn pages_of_the_host() -> Vec<HostilePage> {
    let filter = in_path(&mark("filter"));
    vec![
        page("/sources", &[]),
        page("/sources/moncreneau", &[]),
        page("/sources/alarms", &[(".cards h3", "topic"), (".cards .reason", "url")]),
        page(format!("/sources/{filter}"), &[]),
        page("/replays", &[]),
        page("/audit", &[("#list .deliveries", "note")]),
        page(format!("/audit?actor={filter}&target={filter}"), &[(".chips", "filter")]),
        page("/audit/check", &[]),
        page("/settings", &[("th span", "agent")]),
        page("/settings/tokens", &[]),
        page(format!("/settings/tokens/{filter}/revoke"), &[]),
        page("/settings/tokens/night-shift/revoke", &[]),
        page("/settings/alerts", &[(".cards .reason", "answer")]),
        page(format!("/nothing/{filter}"), &[]),
    ]
}

/// Pages of single things that the operator left.
async fn pages_of_decisions(dir: &HostDir, visitor: &Visitor) -> Vec<HostilePage> {
    let first = |arguments: &[&str], member: &str| {
        let listed = dir.run(&[arguments, &["--json"]].concat()).json();
        listed["items"][0][member].to_string()
    };
    let entry = first(&["audit", "list", "--action", "plugin.pause"], "number");
    let replay = first(&["replay", "list"], "id");
    let reason = mark("reason");
    let of_deliveries = [("plugin", "sms"), ("reason", reason.as_str()), ("action", "replay")];
    let of_deliveries = visitor.submit("/dead-letters/plan", &of_deliveries).await;
    let of_effects = [("of", "effects"), ("plugin", "outbox"), ("action", "discard")];
    let of_effects = visitor.submit("/dead-letters/plan", &of_effects).await;
    vec![
        page(format!("/audit/{entry}"), &[(".note", "note")]),
        page(format!("/replays/{replay}"), &[("main", "reason"), (".decisions .note", "note")]),
        page(of_deliveries.location(), &[("#plan .facts-list", "reason"), ("#plan .why", "reason")]),
        page(of_effects.location(), &[("#plan .why", "answer")]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_every_field_is_text_on_every_page() {
    let partner = Partner::start(|_, _| Reply::text(404, &mark("answer"))).await;
    let dir = host_dir(&partner);
    let host = dir.start().await;
    let feed_id = send_all(&host, &partner).await;
    let visitor = operate(&dir, &host).await;
    let revision = host.plugin("sms").await.unwrap()["revision"].as_str().unwrap().to_owned();
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/settings").await;
    let mut pages = pages_of_events(&feed_id);
    pages.extend(pages_of_plugins(&revision));
    pages.extend(pages_of_the_host());
    pages.extend(pages_of_decisions(&dir, &visitor).await);
    for (path, shown) in pages {
        browser.go(&format!("{base}{path}")).await;
        look(&browser, &path, shown).await;
    }

    // What a form answers.
    browser.go(&format!("{base}/settings/tokens")).await;
    browser.fill("form.stack input[name=name]", &mark("name")).await;
    browser.click("form.stack button.main").await;
    browser.wait_for("the name is refused", "return !!document.querySelector('#why')").await;
    look(&browser, "a token's form", &[("form.stack input[name=name]", "name")]).await;
    browser.go(&format!("{base}/sources/moncreneau")).await;
    browser.click("#test summary").await;
    let body = Event::with_payload(&mark("type"), &mark("id"), &json!({})).body;
    let signature = sign(SECRET, &body);
    let request =
        format!("POST /webhooks/moncreneau HTTP/1.1\nX-Moncreneau-Signature: {signature}\n\n{body}");
    browser.fill("#test textarea", &request).await;
    browser.click("#test button").await;
    look(&browser, "a source's test", &[("#tested th", "id"), ("#tested td", "type")]).await;

    let complaints = browser.complaints().await;
    // Pages that are missing, and a form that is refused.
    let is_expected = |line: &&String| line.contains("the server responded with a status of 4");
    let unexpected: Vec<_> = complaints.iter().filter(|line| !is_expected(line)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}
