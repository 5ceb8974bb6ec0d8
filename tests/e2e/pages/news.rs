//! News of the host on a page that is open, and on one that was hidden meanwhile.

use serde_json::json;

use super::browser::Browser;
use super::{address, first_token};
use crate::support::{Event, HostDir, guest};

/// Whether the link to news is shown.
const IS_SHOWN: &str = "return !document.querySelector('.news').hidden";

#[tokio::test]
async fn an_open_list_counts_new_events_and_moves_when_they_are_asked_for() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_0")).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.mark_streams().await;
    browser.log_in(&base, &first_token(&dir), "/events").await;
    browser.wait_stream().await;
    assert_eq!(browser.run(IS_SHOWN).await, false);

    for number in 1..=6 {
        host.send(&Event::created(&format!("evt_{number}"))).await;
    }
    let counted =
        "const news = document.querySelector('.news'); return !news.hidden && news.innerText === '6 new'";
    browser.wait_for("six new events are counted", counted).await;
    let rows = "return [...document.querySelectorAll('tbody a.row')].map((row) => row.innerText).join()";
    assert_eq!(browser.run(rows).await, "evt_0", "the list has not moved");

    browser.click(".news").await;
    browser.wait_text("evt_6").await;
    assert_eq!(browser.run(rows).await, "evt_6,evt_5,evt_4,evt_3,evt_2,evt_1,evt_0");
    assert_eq!(browser.run(IS_SHOWN).await, false, "they are no news any more");
    // The count begins anew.
    host.send(&Event::created("evt_7")).await;
    let counted = counted.replace('6', "1");
    browser.wait_for("the next event is counted", &counted).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

/// Hides the page, or shows it again, as far as its script can tell.
async fn set_hidden(browser: &Browser, is_hidden: bool) {
    let state = if is_hidden { "hidden" } else { "visible" };
    let script = format!(
        "Object.defineProperty(document, 'hidden', {{ value: {is_hidden}, configurable: true }});
         Object.defineProperty(document, 'visibilityState', {{ value: '{state}', configurable: true }});
         document.dispatchEvent(new Event('visibilitychange', {{ bubbles: true }}))"
    );
    browser.run(&script).await;
}

#[tokio::test]
async fn a_page_that_was_hidden_says_that_something_changed_meanwhile() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.mark_streams().await;
    browser.log_in(&base, &first_token(&dir), "/").await;
    browser.wait_stream().await;
    set_hidden(&browser, true).await;
    host.send(&Event::with_payload("any.type", "evt_1", &json!({ "act": "reject" }))).await;
    host.wait_event("evt_1", "it is dead", |event| event["state"] == "dead").await;
    assert_eq!(browser.run(IS_SHOWN).await, false, "a hidden page follows nothing");

    set_hidden(&browser, false).await;
    browser.wait_for("the change is told", IS_SHOWN).await;
    let need = "return !!document.querySelector('.needs a[href=\"/dead-letters?plugin=actor\"]')";
    assert_eq!(browser.run(need).await, false, "the page has not moved");
    browser.click(".news").await;
    browser.wait_for("the dead letter is there", need).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}
