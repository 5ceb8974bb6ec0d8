//! The first task of an operator: find the event that a caller complains about, and see why it failed.

use serde_json::json;

use super::browser::{Browser, ENTER, ESCAPE};
use super::{address, first_token};
use crate::support::{Event, HostDir, guest};

const PHONE: &str = "+224 620 44 71 93";
const REASON: &str = "the number is no longer in service";

#[tokio::test]
async fn an_event_is_found_by_the_last_digits_of_a_phone_number_and_explained_by_keys_alone() {
    let dir = HostDir::new("search = [\"/data/object/phone\"]\n");
    dir.install("sms", &guest("conformance-rust"));
    let host = dir.start().await;
    for number in 0..3 {
        let payload = json!({ "do": "nothing", "phone": format!("+224 620 00 00 0{number}") });
        host.send(&Event::with_payload("conformance.a", &format!("evt_{number}"), &payload)).await;
    }
    let payload = json!({ "do": "reject", "reason": REASON, "phone": PHONE });
    host.send(&Event::with_payload("conformance.a", "evt_call", &payload)).await;
    host.wait_event("evt_call", "it is dead", |event| event["state"] == "dead").await;

    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    // A page that was asked for before the log-in is shown after it.
    browser.go(&format!("{base}/events?state=dead")).await;
    browser.wait_at(&format!("{base}/login?next=")).await;
    browser.press(&first_token(&dir)).await;
    browser.press(ENTER).await;
    browser.wait_at(&format!("{base}/events?state=dead")).await;
    browser.press("ge").await;
    browser.wait_for("the list has no filter", "return location.search === ''").await;
    browser.wait_ready().await;

    browser.press("/").await;
    browser.press("7193").await;
    browser.press(ENTER).await;
    let rows = "return document.querySelectorAll('tbody tr').length === 1";
    browser.wait_for("one event is found", rows).await;
    assert!(browser.text().await.contains("evt_call"));
    browser.press(ESCAPE).await;
    browser.press("j").await;
    let focused = "return document.activeElement.matches('#list a.row')";
    browser.wait_for("the event has the focus", focused).await;
    browser.press(ENTER).await;
    browser.wait_at(&format!("{base}/events/moncreneau/evt%5Fcall")).await;
    let text = browser.text().await;
    assert!(text.contains(REASON) && text.contains("sms failed for good."), "{text}");
    assert!(text.contains("Attempt 1"), "{text}");
    assert_eq!(browser.complaints().await, [""; 0]);
    drop(host);
}
