//! Attempts to make the pages do or show what they must not, over plain HTTP.

use reqwest::{Method, StatusCode, header};
use serde_json::json;

use super::first_token;
use super::visitor::{Visitor, with_form};
use crate::access::{create, with_admin_keys};
use crate::support::{Event, HostDir, Partner, Reply, guest, wait_until};

/// Text that does something on a page that does not escape it.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}&lt;";

/// The pages that need a log-in.
const PAGES: [&str; 15] = [
    "/",
    "/events",
    "/events/moncreneau/evt_1",
    "/dead-letters",
    "/dead-letters/list",
    "/plugins",
    "/sources",
    "/sources/moncreneau",
    "/replays",
    "/audit",
    "/audit/1",
    "/audit/check",
    "/settings",
    "/settings/tokens",
    "/settings/alerts",
];

#[tokio::test]
async fn a_visitor_who_is_not_logged_in_sees_the_log_in_only() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    let visitor = Visitor::new(&host);
    for path in PAGES {
        let answer = visitor.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.location().starts_with("/login"), "{path}: {}", answer.location());
        assert!(!answer.body.contains("evt_1"), "{path}");
    }
    assert_eq!(visitor.get("/live").await.status, StatusCode::SEE_OTHER);
    for path in [
        "/logout",
        "/settings/sessions/1/end",
        "/events/moncreneau/evt_1/run",
        "/plugins/x/push",
        "/dead-letters/plan",
        "/dead-letters/plan/1",
        "/replays/1/stop",
        "/settings/tokens",
        "/settings/tokens/first-start/revoke",
        "/settings/alerts/ops/test",
        "/sources/moncreneau/confirmations/1/approve",
        "/sources/moncreneau/confirmations/1/reject",
    ] {
        let answer = visitor.post(path, &[]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/login"), "{path}");
    }
    visitor.set_cookie("hookyard-session", &"0".repeat(64));
    assert_eq!(visitor.get("/").await.location(), "/login", "a secret that somebody made up");
    // Programs get what they got before there were pages.
    let program = reqwest::get(format!("{}/", visitor.base())).await.unwrap();
    assert!(program.text().await.unwrap().contains("/api/v1/openapi.json"));
}

#[tokio::test]
async fn every_page_has_a_policy_without_inline_scripts() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    for path in PAGES.into_iter().chain(["/nothing", "/events/moncreneau/none"]) {
        let answer = visitor.get(path).await;
        let of = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let policy = of("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{path}: {policy}"
        );
        assert!(policy.ends_with("frame-ancestors 'none'; base-uri 'none'") && !policy.contains("unsafe"));
        assert_eq!(of("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(of("referrer-policy"), "same-origin", "{path}");
        assert_eq!(of("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(of("cache-control"), "no-store", "{path}");
        for inline in ["<script>", " style=\"", "javascript:", " onclick=", " onload=", "<style"] {
            assert!(!answer.body.contains(inline), "{path} has {inline}");
        }
    }
}

#[tokio::test]
async fn a_form_of_another_page_or_session_is_refused() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let (visitor, other) = (
        Visitor::logged_in(&host, &first_token(&dir)).await,
        Visitor::logged_in(&host, &first_token(&dir)).await,
    );
    let (own, foreign) = (visitor.get("/").await.form_token(), other.get("/").await.form_token());
    for token in ["", "00", &foreign, &own[1..], &"0".repeat(128)] {
        let answer = visitor.post("/logout", &[("form_token", token)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
    }
    assert_eq!(visitor.post("/logout", &[]).await.status, StatusCode::FORBIDDEN);
    let form = [("form_token", own.as_str())];
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "http://localhost:1"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = visitor.request(Method::POST, "/logout").header(name, value);
        let answer = visitor.send(with_form(request, &form)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
        let request = visitor.request(Method::POST, "/login").header(name, value);
        let answer = visitor.send(with_form(request, &[("token", &first_token(&dir))])).await;
        assert_eq!(
            (answer.status, answer.set_cookies().len()),
            (StatusCode::FORBIDDEN, 0),
            "{name}: {value}"
        );
    }
    let request = visitor.request(Method::GET, "/").header(header::HOST, "evil.example");
    assert_eq!(visitor.send(request).await.status, StatusCode::MISDIRECTED_REQUEST);
    let request = visitor.request(Method::GET, "/logout");
    assert_eq!(visitor.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
    // It is still logged in, and its own form works.
    assert_eq!(visitor.post("/logout", &form).await.location(), "/login");
    assert_eq!(visitor.get("/").await.location(), "/login");
}

#[tokio::test]
async fn the_way_back_after_a_log_in_leads_to_this_host_only() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let token = first_token(&dir);
    for (next, to) in [
        ("/events?state=dead", "/events?state=dead"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/login", "/"),
        ("", "/"),
    ] {
        let visitor = Visitor::new(&host);
        let encoded: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let page = visitor.get(&format!("/login?next={encoded}")).await;
        assert!(page.body.contains(&format!("name=\"next\" value=\"{to}\"")), "{next}");
        let answer = visitor.post("/login", &[("token", &token), ("next", next)]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, to), "{next}");
        let answer = visitor.submit("/preferences", &[("language", "fr"), ("next", next)]).await;
        assert_eq!(answer.location(), to, "{next}");
    }
}

#[tokio::test]
async fn a_form_that_is_too_large_is_refused() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let visitor = Visitor::new(&host);
    let answer = visitor.post("/login", &[("token", &"x".repeat(9000))]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let answer = visitor.submit("/preferences", &[("next", &"x".repeat(3_000_000))]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn failed_log_ins_are_limited_and_recorded_and_a_valid_token_still_works() {
    let dir = with_admin_keys("auth_failures_per_minute_max = 3");
    let host = dir.start().await;
    let visitor = Visitor::new(&host);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = visitor.post("/login", &[("token", "hky_wrong")]).await;
        assert!(answer.set_cookies().is_empty() && !answer.body.contains("hky_wrong"));
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    assert_eq!(visitor.get("/").await.status, StatusCode::OK);
    host.stop().await;
    let host = dir.start().await;
    let failures = dir.run(&["audit", "list", "--action", "auth.failure", "--json"]).json();
    // Those of each second are one entry.
    let counts =
        failures["items"].as_array().unwrap().iter().map(|item| item["after"]["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 5, "{failures}");
    drop(host);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_shown_as_text() {
    let partner = Partner::start(|_, _| Reply::text(400, HOSTILE)).await;
    let dir = HostDir::new(&format!(
        "search = [\"/data/object/text\"]\n[[alerts]]\nname = \"ops\"\non = [\"dead-letter\"]\nwebhook = \"{}/\"\n\
         webhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
        partner.origin()
    ));
    dir.install("strict", &guest("conformance-rust"));
    let host = dir.start().await;
    let payload = json!({ "do": "reject", "reason": HOSTILE, "text": HOSTILE, HOSTILE: HOSTILE });
    host.send(&Event::with_payload("conformance.a", HOSTILE, &payload)).await;
    host.send(&Event::with_payload(HOSTILE, "evt_2", &json!({ "text": HOSTILE }))).await;
    host.wait_drained().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let dead = json!({ "of": "deliveries", "where": { "plugin": "strict", "reason": "script" } });
    host.api_post("/api/v1/replays", &dead, &[]).await;
    wait_until("the replay is made", async || {
        let (_, replay) = host.api_get("/api/v1/replays/1").await;
        (replay["state"] == "done").then_some(())
    })
    .await;
    host.wait_drained().await;
    let paused = dir.run(&["plugin", "pause", "strict", "--note", HOSTILE]);
    assert_eq!(paused.code, 0, "{paused:?}");
    let listed = dir.run(&["audit", "list", "--action", "plugin.pause", "--json"]).json();
    let entry = format!("/audit/{}", listed["items"][0]["number"]);
    let tested = visitor.submit("/settings/alerts/ops/test", &[]).await;
    assert!(!tested.body.contains("<script>") && tested.body.contains("&#60;script&#62;"), "{}", tested.body);
    let encoded: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    let in_path = percent_encoding::utf8_percent_encode(HOSTILE, percent_encoding::NON_ALPHANUMERIC);
    for (path, shows) in [
        ("/events".to_owned(), true),
        (format!("/events?search={encoded}"), true),
        (format!("/events?type={encoded}&reason={encoded}&plugin={encoded}&source={encoded}"), true),
        (format!("/events/moncreneau/{in_path}"), true),
        ("/events/moncreneau/evt_2".to_owned(), true),
        (format!("/events/moncreneau/x{in_path}"), true),
        ("/replays".to_owned(), false),
        ("/replays/1".to_owned(), true),
        (format!("/replays/1?cursor={encoded}"), false),
        ("/audit".to_owned(), true),
        (entry, true),
        (format!("/audit?actor={encoded}&target={encoded}&action={encoded}&within={encoded}"), true),
        (format!("/audit/check?expect={encoded}"), true),
        (format!("/sources/x{in_path}"), true),
        (format!("/settings/tokens/x{in_path}/revoke"), true),
        (format!("/nothing/{in_path}"), false),
        (format!("/login?next=/{encoded}"), false),
        ("/".to_owned(), true),
    ] {
        let answer = visitor.get(&path).await;
        assert!(
            !answer.body.contains("<script>") && !answer.body.contains("<img"),
            "{path}: {}",
            answer.body
        );
        assert_eq!(
            answer.body.contains("&#60;script&#62;") || answer.body.contains("&lt;script&gt;"),
            shows,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_role_read_sees_masks_and_no_buttons_and_its_forms_are_refused() {
    let dir = HostDir::new("personal = [\"/data/object/phone\", \"/data/object/reason\"]\n");
    dir.install("strict", &guest("conformance-rust"));
    let host = dir.start().await;
    let payload = json!({ "do": "reject", "reason": "no: +224 620 1", "phone": "+224 620 1" });
    host.send(&Event::with_payload("conformance.a", "evt_1", &payload)).await;
    let event = host.wait_event("evt_1", "it is dead", |event| event["state"] == "dead").await;
    let delivery = event["deliveries"][0]["id"].as_str().unwrap();
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let visitor = Visitor::logged_in(&host, &read).await;
    let path = "/events/moncreneau/evt_1";
    let page = visitor.get(path).await;
    assert!(page.body.contains("[masked]") && !page.body.contains("+224 620 1"), "{}", page.body);
    for action in ["/run", "/edit", "/discard", "/replay"] {
        assert!(!page.body.contains(&format!("{action}\"")), "{action}");
    }
    assert_eq!(visitor.get(&format!("{path}?unmasked=true")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(visitor.get(&format!("{path}/download?unmasked=true")).await.status, StatusCode::FORBIDDEN);
    let download = visitor.get(&format!("{path}/download")).await.body;
    assert!(download.contains("[masked]") && !download.contains("+224 620 1"), "{download}");
    for (action, form) in [
        ("/run".to_owned(), vec![]),
        ("/edit".into(), vec![("payload", "{}")]),
        (format!("/deliveries/{delivery}/replay"), vec![]),
        (format!("/deliveries/{delivery}/discard"), vec![]),
    ] {
        let answer = visitor.submit(&format!("{path}{action}"), &form).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{action}");
        assert!(answer.body.contains("`dashboard`"), "{}", answer.body);
    }
    // Others see all, and act.
    let operate = create(&dir, &["ops", "--role", "operate"]);
    let visitor = Visitor::logged_in(&host, &operate).await;
    let page = visitor.get(&format!("{path}?unmasked=true")).await;
    assert!(page.body.contains("+224 620 1") && page.body.contains("/run\""), "{}", page.body);
    let run = visitor.submit(&format!("{path}/run"), &[("note", "the number was mended")]).await;
    assert_eq!((run.status, run.location()), (StatusCode::SEE_OTHER, "/events/moncreneau/evt%5F1?begun=1"));
    let discarded = visitor.submit(&format!("{path}/deliveries/{delivery}/discard"), &[]).await;
    assert!([StatusCode::SEE_OTHER, StatusCode::CONFLICT].contains(&discarded.status), "{}", discarded.body);
    let entries = dir.run(&["audit", "list", "--action", "replay.begin", "--json"]).json();
    assert_eq!(
        (&entries["items"][0]["actor"], &entries["items"][0]["note"]),
        (&json!("ops"), &json!("the number was mended")),
        "{entries}"
    );
    let edited = visitor
        .submit(&format!("{path}/edit"), &[("payload", "{\"do\":\"nothing\"}"), ("plugin", "strict")])
        .await;
    assert!(edited.location().starts_with("/events/moncreneau/evt%5F1%7E"), "{}", edited.body);
    assert!(visitor.get(edited.location()).await.body.contains("evt_1"));
}
