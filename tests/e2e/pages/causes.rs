//! Where events come from and lead to, and who gets links to them.

use serde_json::{Value, json};

use super::first_token;
use super::visitor::Visitor;
use crate::access::create;
use crate::support::{Event, HostDir, guest, wait_until};

#[tokio::test]
async fn an_effect_leads_to_the_event_that_it_emitted_and_an_edited_event_is_not_called_verified() {
    let dir = HostDir::new("[effects]\ndepth_max = 1\n[plugin.outbox]\nemit = [\"told\"]\n");
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    host.send(&Event::with_payload("told", "evt_1", &json!({ "do": "emit" }))).await;
    host.wait_event("evt_1", "it has emitted", |event| {
        event["deliveries"][0]["effects"][0]["state"] == "done"
    })
    .await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let page = visitor.get("/events/moncreneau/evt_1").await.body;
    assert!(page.contains("This source is verified by") && !page.contains("not verified"), "{page}");
    let (_, link) =
        page.split_once("href=\"/events/plugin%2Eoutbox/").expect("it links to the emitted event");
    let (key, _) = link.split_once('"').unwrap();
    let emitted = visitor.get(&format!("/events/plugin%2Eoutbox/{key}")).await;
    assert_eq!(emitted.status.as_u16(), 200, "{key}");
    assert!(emitted.body.contains("Emitted by a plugin of this host"), "{}", emitted.body);

    dir.replace("payload.json", br#"{"do":"nothing"}"#);
    let edit = ["event", "replay", "evt_1", "--payload", "payload.json", "--json"];
    let made = dir.run(&edit).json();
    let id = find_id(&made);
    let edited = visitor.get(&format!("/events/moncreneau/{id}")).await.body;
    assert!(edited.contains("Made by an operator from an edited payload, not verified"), "{edited}");
    assert!(!edited.contains("This source is verified by"), "{edited}");
}

/// The id of the event that an edit made: the id of its original, and what was added.
fn find_id(made: &Value) -> String {
    let text = made.to_string();
    let at = text.find("evt_1~").unwrap_or_else(|| panic!("{made}"));
    text[at..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_overview_has_each_plugins_backlog_and_dead_letters_and_links_only_what_a_reader_may_see() {
    let dir = HostDir::new("[plugin.desk]\nemit = [\"conformance.never\"]\n");
    dir.install("desk", &guest("conformance-rust"));
    let host = dir.start().await;
    for number in 0..6 {
        let payload = json!({ "do": "reject", "reason": format!("no room {number}") });
        host.send(&Event::with_payload("conformance.a", &format!("evt_{number}"), &payload)).await;
    }
    host.wait_drained().await;
    let paused = dir.run(&["plugin", "pause", "desk"]);
    assert_eq!(paused.code, 0, "{paused:?}");
    host.send(&Event::with_payload("conformance.a", "evt_waits", &json!({}))).await;
    let all = Visitor::logged_in(&host, &first_token(&dir)).await;
    let page = wait_until("the delivery is in the backlog", async || {
        let page = all.get("/").await.body;
        page.contains("<td class=\"number\">1</td>").then_some(page)
    })
    .await;
    assert!(page.contains("href=\"/dead-letters?plugin=desk\""), "{page}");
    // The newest five.
    assert!(
        page.contains("no room 5") && page.contains("no room 1") && !page.contains("no room 0"),
        "{page}"
    );
    assert!(page.contains("href=\"/events/moncreneau/evt%5F5#d"), "{page}");

    let token = create(&dir, &["own", "--role", "operate", "--plugins", "desk"]);
    let own = Visitor::logged_in(&host, &token).await;
    for path in ["/", "/dead-letters", "/dead-letters/list?plugin=desk"] {
        let page = own.get(path).await.body;
        assert!(!page.contains("href=\"/events/"), "{path}: {page}");
        assert!(path == "/dead-letters" || page.contains("evt_5"), "{path}: {page}");
    }
}
