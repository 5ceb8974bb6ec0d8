//! What the role `operate` does with an event's buttons, over plain HTTP.

use reqwest::StatusCode;
use serde_json::json;

use super::visitor::Visitor;
use crate::access::create;
use crate::support::{Event, HostDir, guest};

#[tokio::test]
async fn each_button_of_an_event_does_what_it_says() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let mut deliveries = Vec::new();
    for id in ["evt_1", "evt_2"] {
        host.send(&Event::with_payload("any.type", id, &json!({ "act": "reject" }))).await;
        let event = host.wait_event(id, "it is dead", |event| event["state"] == "dead").await;
        deliveries.push(event["deliveries"][0]["id"].as_str().unwrap().to_owned());
    }
    let operate = Visitor::logged_in(&host, &create(&dir, &["ops", "--role", "operate"])).await;
    let page = operate.get("/events/moncreneau/evt_1").await.body;
    let buttons = [
        "/run".to_owned(),
        "/edit".to_owned(),
        format!("/deliveries/{}/replay", deliveries[0]),
        format!("/deliveries/{}/discard", deliveries[0]),
    ];
    for button in &buttons {
        assert!(page.contains(&format!("action=\"/events/moncreneau/evt%5F1{button}\"")), "{button}: {page}");
    }

    let replayed = operate.submit(&format!("/events/moncreneau/evt_1{}", buttons[2]), &[]).await;
    assert_eq!(
        (replayed.status, replayed.location()),
        (StatusCode::SEE_OTHER, "/events/moncreneau/evt%5F1?begun=1"),
        "{}",
        replayed.body
    );
    let again =
        host.wait_event("evt_1", "it ran again", |event| event["deliveries"][1]["state"] == "dead").await;
    assert_eq!(again["deliveries"][1]["cause"]["of"], json!(deliveries[0]), "{again}");
    assert_eq!(again["deliveries"][0]["resolution"], "replayed", "{again}");
    // The button is gone with the dead letter, and the page leads to the replay.
    let page = operate.get(replayed.location()).await.body;
    assert!(!page.contains(&format!("{}\"", buttons[2])), "{page}");
    assert!(page.contains("href=\"/replays/1\""), "{page}");

    let path = format!("/events/moncreneau/evt_2/deliveries/{}/discard", deliveries[1]);
    let discarded = operate.submit(&path, &[("note", "not needed")]).await;
    assert_eq!(
        (discarded.status, discarded.location()),
        (StatusCode::SEE_OTHER, "/events/moncreneau/evt%5F2")
    );
    let event = host.event("evt_2").await.unwrap();
    assert_eq!(event["deliveries"][0]["resolution"], "discarded", "{event}");
    let entries = dir.run(&["audit", "list", "--action", "delivery.discard", "--json"]).json();
    assert_eq!(
        (&entries["items"][0]["actor"], &entries["items"][0]["note"]),
        (&json!("ops"), &json!("not needed"))
    );
    let page = operate.get("/events/moncreneau/evt_2").await.body;
    assert!(!page.contains("/discard\"") && page.contains("discarded"), "{page}");

    let run = [("plugin", "actor"), ("revision", "0000"), ("note", "")];
    let wrong = operate.submit("/events/moncreneau/evt_2/run", &run).await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND, "no revision begins so: {}", wrong.body);
    let payload = [("payload", "{\"act\": \"well\"}"), ("plugin", "actor")];
    let edited = operate.submit("/events/moncreneau/evt_2/edit", &payload).await;
    assert_eq!(edited.status, StatusCode::SEE_OTHER, "{}", edited.body);
    let broken = operate.submit("/events/moncreneau/evt_2/edit", &[("payload", "{")]).await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    host.wait_drained().await;
}
