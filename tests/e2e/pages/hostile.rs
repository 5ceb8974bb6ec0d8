//! Text of senders, plugins and partners that does something on a page that does not escape it, in a real browser.

mod everywhere;

use serde_json::json;

use super::browser::Browser;
use super::{address, first_token};
use crate::support::{Event, HostDir, RunningHost, guest, put_switch, wat};

/// Markup, quotes, a text that turns its line around, and one that fills several.
fn hostile() -> String {
    let markup = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7}}&lt;\u{202e}diputs\u{2066}";
    format!("{markup}{}", "wide".repeat(30))
}

/// A component with a tool of this name and version in its `producers` section
/// (<https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>).
fn with_tool(component: &[u8], name: &str) -> Vec<u8> {
    let text = |text: &str| [&leb(text.len())[..], text.as_bytes()].concat();
    let fields = [&[1][..], &text("language"), &[1], &text(name), &text("1.0")].concat();
    let section = [text("producers"), fields].concat();
    [component, &[0], &leb(section.len()), &section].concat()
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

async fn filled(dir: &HostDir) -> RunningHost<'_> {
    let hostile = hostile();
    dir.install("sms", &guest("conformance-rust"));
    let host = dir.start().await;
    let payload = json!({ "do": "reject", "reason": hostile });
    host.send(&Event::with_payload("conformance.a", &hostile, &payload)).await;
    host.send(&Event::with_payload(&format!("conformance.{hostile}"), "evt_type", &payload)).await;
    host.wait_drained().await;
    put_switch(&host, "sms", &json!({ "type": hostile, "on": false }), None).await.unwrap();
    put_switch(&host, "gone", &json!({ "type": hostile, "on": false }), None).await.unwrap();
    dir.replace("tool.wasm", &with_tool(&guest("conformance-rust"), &hostile));
    let file = dir.path("tool.wasm");
    let pushed = dir.run(&["plugin", "push", "sms", file.to_str().unwrap(), "--note", &hostile]);
    assert_eq!(pushed.code, 0, "{pushed:?}");
    dir.install("broken", &wat("(component (import \"x:y/z\" (instance)))"));
    host.wait_plugin("broken", "it is refused", |plugin| plugin["state"] == "refused").await;
    host
}

#[tokio::test]
async fn hostile_text_is_text_on_the_pages_of_plugins_and_dead_letters() {
    // The guest emits that before it rejects, to no effect.
    let dir = HostDir::new("[plugin.sms]\nemit = [\"conformance.never\"]\n");
    let host = filled(&dir).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(360, 740, "light").await;
    browser.log_in(&base, &first_token(&dir), "/plugins").await;
    let encoded: String = url::form_urlencoded::byte_serialize(hostile().as_bytes()).collect();
    for (path, shows) in [
        ("/plugins".to_owned(), true),
        (format!("/plugins?plugin=sms&type={encoded}"), true),
        ("/plugins/sms".into(), true),
        ("/plugins/sms?all=true#revisions".into(), true),
        (format!("/plugins/sms?pushed={encoded}"), true),
        (format!("/plugins/sms?to={encoded}"), true),
        ("/dead-letters".into(), true),
        (format!("/dead-letters?plugin=sms&reason={encoded}"), true),
        ("/dead-letters/list".into(), true),
        (format!("/dead-letters/list?type={encoded}"), true),
        ("/plugins/broken".into(), false),
        (format!("/plugins/sms/store?prefix={encoded}"), false),
    ] {
        browser.go(&format!("{base}{path}")).await;
        let alive = "return document.querySelectorAll('main script, main img, main b > b').length";
        assert_eq!(browser.run(alive).await, 0, "{path}");
        let html = browser.run("return document.querySelector('main').textContent").await.to_string();
        assert_eq!(html.contains("<script>alert(1)</script>"), shows, "{path}: {html}");
        for width in [360, 1440] {
            browser.set_screen(width, 740, "light").await;
            let wide = browser.run("return document.documentElement.scrollWidth > innerWidth").await;
            assert_eq!(wide, false, "{path} at {width}");
        }
    }
    // What is said of a switch is read aloud as text too.
    browser.go(&format!("{base}/plugins?plugin=sms&type={encoded}")).await;
    assert_eq!(browser.run("return document.querySelectorAll('#say *').length").await, 0);
    let complaints = browser.complaints().await;
    let unexpected: Vec<_> = complaints.iter().filter(|line| !line.contains("404")).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}
