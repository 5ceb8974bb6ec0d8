//! The pages while something of the host fails.

use std::fs;

use reqwest::StatusCode;
use serde_json::json;

use super::browser::{Browser, ENTER};
use super::visitor::Visitor;
use super::{address, first_token};
use crate::support::{Event, HostDir, guest, wait_until};

#[tokio::test]
async fn a_database_that_fails_is_what_the_overview_tells_of_and_other_pages_say_so() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 0..50 {
        host.send(&Event::with_payload("any.type", &format!("evt_{number}"), &json!({ "act": "well" })))
            .await;
    }
    host.wait_drained().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    visitor.set_cookie("hookyard-language", "fr");
    fs::write(dir.path("hookyard-data/hookyard.db"), "some text").unwrap();
    host.send(&Event::created("evt_lost")).await;
    let page = wait_until("the overview tells of it", async || {
        let page = visitor.get("/").await;
        (page.status == StatusCode::OK && page.body.contains("La base de données ne fonctionne pas."))
            .then_some(page.body)
    })
    .await;
    // The host's state is above all, and what the host still knows is there.
    assert!(page.contains("Ne reçoit aucun événement") && page.contains("wrote over the file"), "{page}");
    assert!(page.contains("La dernière heure") || page.contains("Depuis le démarrage"), "{page}");
    // Other pages show what can still be read, or that trying again may help. None is blank.
    for path in ["/events", "/sources", "/replays", "/audit"] {
        let answer = visitor.get(path).await;
        assert!(
            answer.body.contains("Ne reçoit aucun événement") && answer.body.contains("<h1"),
            "{path}: {}",
            answer.body
        );
        if answer.status != StatusCode::OK {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {}", answer.body);
            assert!(answer.body.contains("Réessayer"), "{path}: {}", answer.body);
        }
    }
    host.kill();
}

#[tokio::test]
async fn an_open_page_whose_session_ends_goes_to_the_log_in() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.go(&format!("{base}/login?next=/events%3Fstate=dead")).await;
    browser.press(&first_token(&dir)).await;
    browser.press(ENTER).await;
    browser.wait_at(&format!("{base}/events?state=dead")).await;
    let listed = dir.run(&["session", "list", "--json"]).json();
    assert_eq!(dir.run(&["session", "revoke", &listed["items"][0]["id"].to_string()]).code, 0);
    browser.wait_at(&format!("{base}/login?next=%2Fevents%3Fstate%3Ddead")).await;
    // It is no error of the page.
    let complaints = browser.complaints().await;
    assert!(complaints.iter().all(|text| text.contains("401")), "{complaints:?}");
    drop(host);
}
