//! The pages of replays, over plain HTTP and in a browser.

use reqwest::StatusCode;
use serde_json::json;

use super::browser::{Browser, ENTER};
use super::visitor::Visitor;
use super::{address, first_token};
use crate::access::create;
use crate::support::{Event, HostDir, RunningHost, guest};

/// Makes dead letters, and replays all of them.
async fn replayed(host: &RunningHost<'_>, count: u32) {
    for number in 0..count {
        let id = format!("evt_{number}");
        host.send(&Event::with_payload("any.type", &id, &json!({ "act": "reject" }))).await;
        host.wait_event(&id, "it is dead", |event| event["state"] == "dead").await;
    }
    let begun =
        host.dir().run(&["delivery", "replay", "--plugin", "actor", "--note", "the SMS gateway is back"]);
    assert_eq!(begun.code, 0, "{begun:?}");
    host.wait_drained().await;
}

#[tokio::test]
async fn a_replay_shows_its_progress_its_failures_and_who_asked_for_what() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    replayed(&host, 3).await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let list = visitor.get("/replays").await.body;
    assert!(list.contains("href=\"/replays/1\"") && list.contains("3 of 3"), "{list}");
    assert!(list.contains("Replay dead letters of actor"), "{list}");
    let page = visitor.get("/replays/1").await.body;
    for part in
        ["done", "3 of 3", "the SMS gateway is back", "by first-start", "href=\"/audit/", "&#34;plugin&#34;"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("/replays/1/stop") && !page.contains("hx-trigger"), "it is over: {page}");
    // Each of its deliveries failed again, and leads to its event.
    for number in 0..3 {
        assert!(page.contains(&format!("href=\"/events/moncreneau/evt%5F{number}#d")), "{page}");
    }
    let event = visitor.get("/events/moncreneau/evt_0").await.body;
    assert!(event.contains("href=\"/replays/1\""), "{event}");
    assert_eq!(visitor.get("/replays/99").await.status, StatusCode::NOT_FOUND);
    assert_eq!(visitor.get("/replays/x").await.status, StatusCode::BAD_REQUEST);
    // A role that does not see the audit log sees the rest.
    let operate = create(&dir, &["ops", "--role", "operate"]);
    let page = Visitor::logged_in(&host, &operate).await.get("/replays/1").await.body;
    assert!(page.contains("3 of 3") && !page.contains("the SMS gateway is back"), "{page}");
}

#[tokio::test]
async fn a_replay_is_stopped_by_whoever_may_and_not_when_it_is_over() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    replayed(&host, 1).await;
    let read = Visitor::logged_in(&host, &create(&dir, &["dashboard", "--role", "read"])).await;
    assert_eq!(read.submit("/replays/1/stop", &[]).await.status, StatusCode::FORBIDDEN);
    let operate = Visitor::logged_in(&host, &create(&dir, &["ops", "--role", "operate"])).await;
    let over = operate.submit("/replays/1/stop", &[]).await;
    assert_eq!(over.status, StatusCode::CONFLICT);
    assert!(over.body.contains("This has changed meanwhile"), "{}", over.body);
    // A long one takes a while between its pages.
    for number in 0..450 {
        host.send(&Event::with_payload("any.type", &format!("more_{number}"), &json!({ "act": "well" })))
            .await;
    }
    host.wait_drained().await;
    let (_, begun) = host.api_post("/api/v1/replays", &json!({ "of": "events", "again": true }), &[]).await;
    let path = format!("/replays/{}", begun["id"]);
    let page = operate.get(&path).await.body;
    let stopped = operate.submit(&format!("{path}/stop"), &[("note", "wrong day")]).await;
    let (_, after) = host.api_get(&format!("/api/v1{path}")).await;
    match stopped.status {
        StatusCode::SEE_OTHER => {
            assert_eq!((stopped.location(), &after["state"]), (path.as_str(), &json!("stopped")));
            let entries = dir.run(&["audit", "list", "--action", "replay.stop", "--json"]).json();
            assert_eq!(entries["items"][0]["note"], "wrong day", "{entries}");
            assert!(
                page.contains(&format!("action=\"{path}/stop\"")) && page.contains("hx-trigger=\"every 2s\"")
            );
        }
        // On a busy machine it may have ended before.
        status => assert_eq!((status, &after["state"]), (StatusCode::CONFLICT, &json!("done"))),
    }
}

#[tokio::test]
async fn the_progress_of_a_replay_goes_on_in_an_open_page() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..450 {
        host.send(&Event::with_payload("any.type", &format!("evt_{number}"), &json!({ "act": "well" })))
            .await;
    }
    host.wait_drained().await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.go(&format!("{base}/login?next=/replays")).await;
    browser.press(&first_token(&dir)).await;
    browser.press(ENTER).await;
    browser.wait_at(&format!("{base}/replays")).await;
    assert!(browser.text().await.contains("Nothing was replayed yet."));
    let (_, begun) = host.api_post("/api/v1/replays", &json!({ "of": "events", "again": true }), &[]).await;
    browser.go(&format!("{base}/replays/{}", begun["id"])).await;
    browser
        .wait_for(
            "all of it is done",
            "return document.querySelector('main').innerText.includes('450 of 450')",
        )
        .await;
    browser
        .wait_for("it asks no more", "return !document.querySelector('#replay').hasAttribute('hx-trigger')")
        .await;
    assert!(!browser.text().await.contains("Stop replay"));
    browser.press("gs").await;
    browser.wait_at(&format!("{base}/sources")).await;
    browser.press("j").await;
    browser.press(ENTER).await;
    browser.wait_at(&format!("{base}/sources/moncreneau")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(host);
}
