//! What a token with the role `read` has on its pages, in a browser.

use serde_json::json;

use super::browser::Browser;
use super::{address, first_token};
use crate::access::create;
use crate::support::{Event, HostDir, guest};

const PHONE: &str = "+224 620 44 71 93";

/// Pages, and whether they show something personal.
const PAGES: [(&str, bool); 5] = [
    ("/events/moncreneau/evt_1", true),
    ("/plugins", false),
    ("/plugins/desk", false),
    ("/dead-letters", true),
    ("/dead-letters/list?plugin=desk", true),
];

/// What a reader can press or fill in that changes something, other than the log-out and the preferences. A form may
/// have a button called `action`, so its attributes are asked for.
const CONTROLS: &str = "const is_own = (form) =>
        ['/logout', '/preferences'].includes(form.getAttribute('action'));
    const posting = [...document.querySelectorAll('form[method=post]')].filter((form) => !is_own(form));
    const controls = posting.flatMap((form) => [...form.elements]).filter((control) => control.type !== 'hidden');
    controls.push(...document.querySelectorAll('button[hx-post], a[hx-post], button[hx-delete], button[hx-put]'));
    return controls.map((control) => control.outerHTML)";

async fn controls(browser: &Browser) -> Vec<String> {
    let found = browser.run(CONTROLS).await;
    found.as_array().unwrap().iter().map(|control| control.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_reader_sees_masks_and_nothing_to_press_that_would_fail() {
    // The guest emits that before it rejects, to no effect.
    let dir = HostDir::new(
        "personal = [\"/data/object/phone\", \"/data/object/reason\"]\n\
         [plugin.desk]\nemit = [\"conformance.never\"]\n",
    );
    dir.install("desk", &guest("conformance-rust"));
    let host = dir.start().await;
    let payload = json!({ "do": "reject", "reason": format!("no: {PHONE}"), "phone": PHONE });
    host.send(&Event::with_payload("conformance.a", "evt_1", &payload)).await;
    host.wait_event("evt_1", "it is dead", |event| event["state"] == "dead").await;
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;

    // Somebody who may act has something to press on each.
    browser.log_in(&base, &first_token(&dir), "/settings").await;
    for (path, _) in PAGES {
        browser.go(&format!("{base}{path}")).await;
        assert!(!controls(&browser).await.is_empty(), "{path}");
    }
    browser.click(".side form[action='/logout'] button").await;
    browser.wait_at(&format!("{base}/login")).await;

    browser.log_in(&base, &read, "/settings").await;
    for (path, is_personal) in PAGES {
        browser.go(&format!("{base}{path}")).await;
        assert_eq!(controls(&browser).await, [""; 0], "{path}");
        let html = browser.run("return document.documentElement.outerHTML").await;
        let html = html.as_str().unwrap();
        assert!(!html.contains(PHONE) && !html.contains("unmasked=true"), "{path}: {html}");
        assert_eq!(browser.text().await.contains("[masked]"), is_personal, "{path}");
    }
    assert_eq!(browser.complaints().await, [""; 0]);
}
