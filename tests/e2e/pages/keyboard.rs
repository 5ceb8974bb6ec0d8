//! The keys that a page takes beside those of the first task.

use serde_json::json;

use super::browser::{Browser, ENTER, ESCAPE};
use super::{address, first_token};
use crate::support::{Event, HostDir, guest};

/// The text of the element that has the focus.
const FOCUSED: &str = "return document.activeElement.innerText";

#[tokio::test]
async fn j_and_k_move_in_a_list_and_stop_at_its_ends() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for number in 0..3 {
        host.send(&Event::created(&format!("evt_{number}"))).await;
    }
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/events").await;
    // The newest is the first row. Without a focus, `k` begins at the end.
    for (keys, focused) in
        [("j", "evt_2"), ("j", "evt_1"), ("k", "evt_2"), ("k", "evt_2"), ("jjjj", "evt_0"), ("k", "evt_1")]
    {
        browser.press(keys).await;
        assert_eq!(browser.run(FOCUSED).await, focused, "{keys}");
    }
    browser.press(ENTER).await;
    browser.wait_at(&format!("{base}/events/moncreneau/evt%5F1")).await;
    browser.go(&format!("{base}/events")).await;
    browser.press("k").await;
    assert_eq!(browser.run(FOCUSED).await, "evt_0");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn r_asks_before_it_runs_an_event_again() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("any.type", "evt_1", &json!({ "act": "well" }))).await;
    host.wait_finished("evt_1").await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/settings").await;
    browser.go(&format!("{base}/events/moncreneau/evt_1")).await;
    assert_eq!(browser.run("return document.querySelector('#run').open").await, false);
    browser.press("r").await;
    let asks =
        "return document.querySelector('#run').open && document.activeElement.matches('#run [data-run]')";
    assert_eq!(browser.run(asks).await, true);
    let deliveries = async || host.event("evt_1").await.unwrap()["deliveries"].as_array().unwrap().len();
    assert_eq!(deliveries().await, 1, "nothing ran");

    browser.click("#run button.main").await;
    browser.wait_at(&format!("{base}/events/moncreneau/evt%5F1?begun=")).await;
    host.wait_event("evt_1", "it ran again", |event| event["deliveries"][1]["state"] == "done").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_question_mark_shows_the_keys_and_escape_hides_them() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/events").await;
    let is_open = "return document.querySelector('#keys').open";
    assert_eq!(browser.run(is_open).await, false);
    browser.press("?").await;
    assert_eq!(browser.run(is_open).await, true);
    let keys = "return [...document.querySelectorAll('#keys kbd')].map((key) => key.innerText).join(' ')";
    let keys = browser.run(keys).await.as_str().unwrap().to_owned();
    for key in ["/", "j", "k", "Enter", "r", "g", "e", "d", "p", "s", "o", "?"] {
        assert!(keys.split(' ').any(|shown| shown == key), "{key}: {keys}");
    }
    // What is below it stays where it is.
    browser.press("gp").await;
    assert_eq!(browser.run("return location.pathname").await, "/events");
    browser.press(ESCAPE).await;
    browser.wait_for("it is hidden", "return !document.querySelector('#keys').open").await;
    browser.press("gp").await;
    browser.wait_at(&format!("{base}/plugins")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
