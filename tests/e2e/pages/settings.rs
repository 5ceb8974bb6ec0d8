//! Tokens and alerts under the settings, over plain HTTP.

use reqwest::StatusCode;
use serde_json::json;

use super::first_token;
use super::visitor::Visitor;
use crate::access::{create, run_as};
use crate::support::{Event, HostDir, Partner, Reply, guest};

#[tokio::test]
async fn a_token_is_made_shown_once_used_and_revoked() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let form = [
        ("name", "night-shift"),
        ("role", "operate"),
        ("plugins", "sms-*, desk"),
        ("expires", "30"),
        ("note", "for Fanta"),
    ];
    let made = visitor.submit("/settings/tokens", &form).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let (_, secret) = made.body.split_once("id=\"secret\">").unwrap();
    let secret = secret.split('<').next().unwrap().to_owned();
    assert!(secret.starts_with("hky_"), "{secret}");
    assert_eq!(run_as(&dir, &secret, &["replay", "list"]).code, 0);
    let page = visitor.get("/settings/tokens").await.body;
    assert!(!page.contains(&secret), "it is shown once");
    for part in ["night-shift", "sms-*, desk", "in 29", "by first-start", "this log-in"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let entries = dir.run(&["audit", "list", "--action", "token.create", "--json"]).json();
    assert_eq!(entries["items"][0]["note"], "for Fanta", "{entries}");

    // What is wrong is said beside the form, which keeps what was typed.
    for (name, role, plugins, why) in [
        ("night-shift", "read", "", "there is a token `night-shift`"),
        ("a b", "read", "", "a b"),
        ("pipeline", "deploy", "", "names its plugins"),
        ("x", "read", "a*b", "a*b"),
        ("x", "king", "", "choose a role"),
    ] {
        let form = [("name", name), ("role", role), ("plugins", plugins)];
        let refused = visitor.submit("/settings/tokens", &form).await;
        assert!(refused.status.is_client_error(), "{name}: {}", refused.status);
        assert!(
            refused.body.contains("role=\"alert\"") && refused.body.contains(why),
            "{why}: {}",
            refused.body
        );
        assert!(refused.body.contains(&format!("name=\"name\" value=\"{name}\"")), "{}", refused.body);
        assert!(!refused.body.contains("id=\"secret\""));
    }

    // It asks first, and says what ends with it.
    let other = Visitor::logged_in(&host, &secret).await;
    let ask = visitor.get("/settings/tokens/night-shift/revoke").await.body;
    assert!(ask.contains("1 browser is logged in with it") && !ask.contains("only token"), "{ask}");
    let own = visitor.get("/settings/tokens/first-start/revoke").await.body;
    assert!(own.contains("you are logged out") && own.contains("only token that can make others"), "{own}");
    let revoked = visitor.submit("/settings/tokens/night-shift/revoke", &[("note", "left")]).await;
    assert_eq!((revoked.status, revoked.location()), (StatusCode::SEE_OTHER, "/settings/tokens"));
    assert_eq!(other.get("/").await.location(), "/login");
    let again = visitor.submit("/settings/tokens/night-shift/revoke", &[]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(visitor.get("/settings/tokens/night-shift/revoke").await.status, StatusCode::NOT_FOUND);
    assert!(visitor.get("/settings/tokens").await.body.contains("revoked"));

    // Others make and revoke none.
    let operate = Visitor::logged_in(&host, &create(&dir, &["ops", "--role", "operate"])).await;
    assert!(!operate.get("/settings").await.body.contains("/settings/tokens"));
    for path in ["/settings/tokens", "/settings/tokens/first-start/revoke"] {
        assert_eq!(operate.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(
            operate.submit(path, &[("name", "x"), ("role", "admin")]).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_show_what_they_found_and_are_tested_by_whoever_may() {
    let partner = Partner::start(|_, _| Reply::text(500, "no")).await;
    let dir = HostDir::new(&format!(
        "[[alerts]]\nname = \"ops\"\non = [\"dead-letter\"]\nwebhook = \"{}/hook?key=hidden-part\"\n\
         webhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\ngroup_wait_ms = 0\ninterval_min_ms = 0\n",
        partner.origin()
    ));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("any.type", "evt_1", &json!({ "act": "reject" }))).await;
    host.wait_event("evt_1", "it is dead", |event| event["state"] == "dead").await;
    let operate = Visitor::logged_in(&host, &create(&dir, &["ops", "--role", "operate"])).await;
    let page = crate::support::wait_until("the alert has found it", async || {
        let page = operate.get("/settings/alerts").await.body;
        page.contains("Plugin actor has 1 dead letter.").then_some(page)
    })
    .await;
    assert!(page.contains("/settings/alerts/ops/test") && !page.contains("hidden-part"), "{page}");
    let tested = operate.submit("/settings/alerts/ops/test", &[]).await;
    assert_eq!(tested.status, StatusCode::OK);
    assert!(
        tested.body.contains("The test of ops has not arrived.") && tested.body.contains("500"),
        "{}",
        tested.body
    );
    assert_eq!(operate.submit("/settings/alerts/none/test", &[]).await.status, StatusCode::NOT_FOUND);

    let read = Visitor::logged_in(&host, &create(&dir, &["dashboard", "--role", "read"])).await;
    let page = read.get("/settings/alerts").await.body;
    assert!(
        page.contains("Plugin actor has 1 dead letter.") && !page.contains("/settings/alerts/ops/test"),
        "{page}"
    );
    assert_eq!(read.submit("/settings/alerts/ops/test", &[]).await.status, StatusCode::FORBIDDEN);

    // A French page says it in French; the API and the commands stay in English.
    read.set_cookie("hookyard-language", "fr");
    let page = read.get("/settings/alerts").await.body;
    assert!(page.contains("<p>Le plugin actor a 1 échec définitif.</p>"), "{page}");
    assert!(!page.contains("has 1 dead letter"), "{page}");
    let (_, listed) = host.api_get("/api/v1/alerts").await;
    assert_eq!(listed["items"][0]["problems"][0]["detail"], "plugin actor has 1 dead letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_is_told_in_french_with_the_hosts_reason_beside_it() {
    let partner = Partner::start(|_, _| Reply::text(200, "")).await;
    let dir = HostDir::new(&format!(
        "[[alerts]]\nname = \"ops\"\non = [\"plugin-refused\"]\nwebhook = \"{}/hook\"\n\
         webhook_secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n",
        partner.origin()
    ));
    dir.install("broken", b"no component");
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    visitor.set_cookie("hookyard-language", "fr");
    let sentence = "<p>Le fichier du plugin broken a été refusé, et aucune révision n'est en service.</p>\
                    <p class=\"reason code\" lang=\"en\">";
    let page = crate::support::wait_until("the alert has found it", async || {
        let page = visitor.get("/settings/alerts").await.body.replace("&#39;", "'");
        page.contains("Le fichier du plugin broken").then_some(page)
    })
    .await;
    assert!(page.contains(sentence), "{page}");
}
