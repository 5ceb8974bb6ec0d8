//! The pages of sources, over plain HTTP.

use reqwest::StatusCode;

use super::first_token;
use super::visitor::{Visitor, with_file};
use crate::access::create;
use crate::support::{Event, HostDir, sign};

#[tokio::test]
async fn a_source_shows_what_it_refused_and_why_and_how_it_is_set_up() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    host.send(&Event::created("evt_1")).await;
    let body = Event::created("evt_2").body;
    for (header, count) in [("sha256=00", 1), (&*sign("another secret", &body), 3)] {
        for _ in 0..count {
            let answer = host.post("moncreneau", &body, &[("x-moncreneau-signature", header)]).await;
            assert_eq!(answer.code, 401);
        }
    }
    host.post("moncreneau", &body, &[]).await;
    host.post("moncreneau", "[]", &[("x-moncreneau-signature", &sign(crate::support::SECRET, "[]"))]).await;

    let token = create(&dir, &["dashboard", "--role", "read"]);
    let visitor = Visitor::logged_in(&host, &token).await;
    let list = visitor.get("/sources").await;
    assert_eq!(list.status, StatusCode::OK);
    assert!(
        list.body.contains("href=\"/sources/moncreneau\"") && list.body.contains("sends"),
        "{}",
        list.body
    );
    let page = visitor.get("/sources/moncreneau").await.body;
    for (reason, count) in [
        ("Signature does not match", 3),
        ("Signature in another form", 1),
        ("Signature missing", 1),
        ("Verified, but no event", 1),
    ] {
        let (_, row) = page.split_once(reason).unwrap_or_else(|| panic!("{reason}: {page}"));
        let row = row.split("</tr>").next().unwrap();
        assert!(row.contains(&format!(">{count}</td>")), "{reason}: {row}");
    }
    for part in [
        "/webhooks/moncreneau",
        "X-Moncreneau-Signature: sha256=HEX",
        "X-Webhook-Signature: HEX",
        "hookyard event send appointment.created --source moncreneau",
        "/events?source=moncreneau",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains(crate::support::SECRET), "the secret itself is not shown");
    let missing = visitor.get("/sources/none").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    // The overview leads here.
    assert!(visitor.get("/").await.body.contains("href=\"/sources/moncreneau\""));
}

#[tokio::test]
async fn a_token_for_some_plugins_is_led_to_no_page_that_it_may_not_see() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let token = create(&dir, &["sms-team", "--role", "operate", "--plugins", "sms-*"]);
    let visitor = Visitor::logged_in(&host, &token).await;
    let page = visitor.get("/settings").await.body;
    for path in ["/events", "/sources", "/audit", "/settings/tokens", "/settings/alerts"] {
        assert!(!page.contains(&format!("href=\"{path}\"")), "{path}: {page}");
        assert_eq!(visitor.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in ["/", "/replays", "/settings"] {
        assert!(page.contains(&format!("href=\"{path}\"")), "{path}: {page}");
        assert_eq!(visitor.get(path).await.status, StatusCode::OK, "{path}");
    }
    let admin = Visitor::logged_in(&host, &first_token(&dir)).await;
    let page = admin.get("/settings").await.body;
    for path in ["/events", "/sources", "/audit", "/settings/tokens", "/settings/alerts", "/replays"] {
        assert!(page.contains(&format!("href=\"{path}\"")), "{path}: {page}");
        assert_eq!(admin.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_request_is_tested_on_the_page_of_its_source_and_nothing_is_stored() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &create(&dir, &["desk", "--role", "operate"])).await;
    let body = Event::created("evt_<tested>").body;
    let request = |signature: &str| {
        format!("POST /webhooks/moncreneau HTTP/1.1\nX-Moncreneau-Signature: {signature}\n\n{body}")
    };
    let signed = request(&sign(crate::support::SECRET, &body));
    let form_token = visitor.get("/sources/moncreneau").await.form_token();
    let test = async |source: &str, text: &str, at: &str, file: &[u8]| {
        let text = text.replace('\n', "\r\n");
        let form = [("form_token", form_token.as_str()), ("request", &text), ("at", at)];
        let request = visitor.request(reqwest::Method::POST, &format!("/sources/{source}/test"));
        visitor.send(with_file(request, &form, file)).await
    };
    for (text, at, file, parts) in [
        (&*signed, "", "", ["would be stored", "Secret 1 verified it", "evt_&#60;tested&#62;"]),
        ("", "2026-01-31T12:00:00Z", &*signed, ["would be stored", "Secret 1", "evt_&#60;tested&#62;"]),
        (
            &*request("sha256=00"),
            "",
            "",
            ["not verified: 401", "signature", "X-Moncreneau-Signature: sha256=00"],
        ),
        ("GET / HTTP/1.1\n\n", "", "", ["no request for webhooks", "GET is answered 405", "GET / HTTP/1.1"]),
        ("<b>", "", "", ["no request for webhooks", "request line", "&#60;b&#62;"]),
        (&*signed, "tomorrow", "", ["no request for webhooks", "RFC 3339", "value=\"tomorrow\""]),
    ] {
        let answer = test("moncreneau", text, at, file.as_bytes()).await;
        assert_eq!(answer.status, StatusCode::OK, "{text}: {}", answer.body);
        for part in parts {
            assert!(answer.body.contains(part), "{text}: {part}: {}", answer.body);
        }
        assert!(!answer.body.contains("<b>\n") && !answer.body.contains("evt_<tested>"), "{}", answer.body);
    }
    assert_eq!(test("none", &signed, "", b"").await.status, StatusCode::NOT_FOUND);
    let stored = dir.run(&["event", "list", "--json"]).json();
    assert_eq!(stored["items"].as_array().unwrap().len(), 0, "{stored}");

    let reader = Visitor::logged_in(&host, &create(&dir, &["dashboard", "--role", "read"])).await;
    let page = reader.get("/sources/moncreneau").await;
    assert!(!page.body.contains("/sources/moncreneau/test"), "{}", page.body);
    let form_token = reader.get("/settings").await.form_token();
    let form = [("form_token", form_token.as_str()), ("request", &signed)];
    let request = reader.request(reqwest::Method::POST, "/sources/moncreneau/test");
    assert_eq!(reader.send(with_file(request, &form, b"")).await.status, StatusCode::FORBIDDEN);
}
