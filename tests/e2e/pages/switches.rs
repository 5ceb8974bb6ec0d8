//! Switching a plugin off and on in the matrix while events flow.

use serde_json::{Value, json};

use super::browser::Browser;
use super::visitor::Visitor;
use super::{address, first_token};
use crate::access::create;
use crate::support::{Event, HostDir, Load, RunningHost, guest, put_switch, wait_until};

/// Two types of one source.
const CONFIG: &str = "[plugin.sms]\nevents = [\"conformance.a\", \"conformance.b\"]\n";

fn echo(event_type: &str, id: &str) -> Event {
    Event::with_payload(event_type, id, &json!({ "do": "echo", "text": id }))
}

async fn filled(dir: &HostDir) -> RunningHost<'_> {
    dir.install("sms", &guest("conformance-rust"));
    dir.install("statistics", &guest("stats"));
    let host = dir.start().await;
    for (event_type, id) in [("conformance.a", "evt_a"), ("conformance.b", "evt_b")] {
        host.send(&echo(event_type, id)).await;
    }
    host.wait_drained().await;
    host
}

/// The state of an event's only delivery.
async fn state(host: &RunningHost<'_>, id: &str) -> Value {
    host.event(id).await.unwrap()["deliveries"][0]["state"].clone()
}

fn switch(types: &str) -> String {
    format!("button[role=switch][aria-label='sms: {types}']")
}

fn is_checked(types: &str, checked: bool) -> String {
    format!("return document.querySelector(\"{}\").ariaChecked === '{checked}'", switch(types))
}

#[tokio::test]
async fn a_plugin_is_switched_off_and_on_for_one_type_while_events_flow() {
    let dir = HostDir::new(CONFIG);
    let host = filled(&dir).await;
    let flow = (0..100_000)
        .map(|number| echo(["conformance.a", "conformance.b"][number % 2], &format!("evt_{number}")));
    let load = Load::start(&host, 2, flow.collect());
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(1280, 900, "light").await;
    browser.log_in(&base, &first_token(&dir), "/").await;
    browser.press("gp").await;
    browser.wait_at(&format!("{base}/plugins")).await;
    browser.wait_for("it is on", &is_checked("conformance.a", true)).await;
    // The sources of the types are above them.
    assert!(browser.text().await.contains("moncreneau"), "{}", browser.text().await);

    browser.click(&switch("conformance.a")).await;
    browser.wait_for("it is off", &is_checked("conformance.a", false)).await;
    browser.wait_text("is off: new deliveries are held").await;
    let said = "return document.querySelector('#say').textContent.includes('conformance.a is off')";
    browser.wait_for("it is read aloud", said).await;
    let focused = format!("return document.activeElement.matches(\"{}\")", switch("conformance.a"));
    browser.wait_for("the focus stays", &focused).await;
    host.send(&echo("conformance.a", "evt_held")).await;
    host.send(&echo("conformance.b", "evt_other")).await;
    assert_eq!(state(&host, "evt_held").await, "held");
    host.wait_event("evt_other", "another type runs", |event| event["state"] == "done").await;

    // Turned on, it asks what becomes of the held ones.
    browser.click(&switch("conformance.a")).await;
    browser.wait_text("Switch it on, and").await;
    assert_eq!(browser.run(&is_checked("conformance.a", false)).await, true, "it is still off");
    assert_eq!(state(&host, "evt_held").await, "held");
    browser.click("button[value='on-run sms conformance.a']").await;
    browser.wait_for("it is on", &is_checked("conformance.a", true)).await;
    browser.wait_text("run").await;
    host.wait_event("evt_held", "it ran", |event| event["state"] == "done").await;
    assert!(load.accepted() > 0);
    load.stop().await;
    host.wait_drained().await;
    let (_, held) = host.api_get("/api/v1/deliveries?state=held").await;
    assert_eq!(held["items"], json!([]), "{held}");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn a_change_can_be_taken_back_for_ten_seconds_and_held_deliveries_discarded() {
    let dir = HostDir::new(CONFIG);
    let host = filled(&dir).await;
    let base = address(&host);
    let browser = Browser::start().await;
    browser.set_screen(360, 740, "light").await;
    browser.log_in(&base, &first_token(&dir), "/plugins").await;
    browser.click(&switch("conformance.b")).await;
    browser.wait_for("it is off", &is_checked("conformance.b", false)).await;
    browser.click(".remark button[value='on-run sms conformance.b']").await;
    browser.wait_for("it is on again", &is_checked("conformance.b", true)).await;
    // The other way of the same.
    let undo =
        "return document.querySelector(\".remark button[value='off sms conformance.b']\")?.hidden === false";
    browser.wait_for("that can be taken back too", undo).await;
    let gone =
        "return document.querySelector(\".remark button[value='off sms conformance.b']\")?.hidden === true";
    browser.wait_for("not for long", gone).await;

    browser.click(&switch("conformance.b")).await;
    browser.wait_for("it is off", &is_checked("conformance.b", false)).await;
    host.send(&echo("conformance.b", "evt_unwanted")).await;
    browser.click(&switch("conformance.b")).await;
    browser.wait_text("Discard 1 delivery").await;
    browser.click("button[value='on-discard sms conformance.b']").await;
    browser.wait_text("1 held delivery is discarded").await;
    wait_until("it is resolved", async || {
        let event = host.event("evt_unwanted").await?;
        (event["deliveries"][0]["resolution"] == "discarded").then_some(())
    })
    .await;
    // What somebody else changes is offered, and not put in by itself.
    put_switch(&host, "statistics", &json!({ "on": false }), None).await.unwrap();
    browser.wait_for("the news are there", "return document.querySelector('.news').hidden === false").await;
    let kept = "return document.querySelector(\"button[aria-label^='statistics:']\").ariaChecked";
    assert_eq!(browser.run(kept).await, "true", "nothing has moved");
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test]
async fn the_marks_tell_what_is_handled_and_forms_work_without_scripts() {
    let dir = HostDir::new(CONFIG);
    let host = filled(&dir).await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let page = visitor.get("/plugins").await.body;
    for part in [
        "value=\"off sms conformance.a\" role=\"switch\" aria-checked=\"true\"",
        // The family is handled, and the config allows two of its types.
        "<span class=\"switch config\" title=\"off by the configuration\">",
        "<span class=\"switch none\" title=\"not handled\">",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let off = visitor.submit("/plugins", &[("switch", "off sms conformance.a")]).await;
    assert_eq!(off.location(), "/plugins?plugin=sms&type=conformance.a", "{}", off.body);
    assert!(visitor.get(off.location()).await.body.contains("is off: new deliveries are held"));
    host.send(&echo("conformance.a", "evt_held")).await;
    let asked = visitor.submit("/plugins", &[("switch", "on sms conformance.a")]).await;
    assert!(
        asked.body.contains("holds 1 delivery.") && asked.body.contains("on-discard sms"),
        "{}",
        asked.body
    );
    let on = visitor.submit("/plugins", &[("switch", "on-run sms conformance.a")]).await;
    assert!(visitor.get(on.location()).await.body.contains("1 held delivery runs"), "{}", on.location());
    for wrong in ["", "off", "off sms", "off sms a*b", "off ../x conformance.a", "explode sms conformance.a"]
    {
        let answer = visitor.submit("/plugins", &[("switch", wrong)]).await;
        assert_eq!(answer.status.as_u16(), 400, "{wrong}: {}", answer.body);
    }
    // A reader sees the same without buttons, and a token for other plugins sees none of it.
    let reader = Visitor::logged_in(&host, &create(&dir, &["dashboard", "--role", "read"])).await;
    let seen = reader.get("/plugins").await.body;
    assert!(seen.contains("conformance.a") && !seen.contains("name=\"switch\""), "{seen}");
    let refused = reader.submit("/plugins", &[("switch", "off sms conformance.a")]).await;
    assert_eq!(refused.status.as_u16(), 403, "{}", refused.body);
    let other =
        Visitor::logged_in(&host, &create(&dir, &["other", "--role", "operate", "--plugins", "statistics"]))
            .await;
    let seen = other.get("/plugins").await.body;
    assert!(seen.contains("/plugins/statistics") && !seen.contains("sms"), "{seen}");
    let refused = other.submit("/plugins", &[("switch", "off sms conformance.a")]).await;
    assert_eq!(refused.status.as_u16(), 403, "{}", refused.body);
}
