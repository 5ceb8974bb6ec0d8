//! Search for events, by commands and by the API, on the real host.

use std::fs;

use serde_json::{Value, json};

use crate::access::{create, run_as};
use crate::support::{Event, HostDir, RunningHost, guest, wait_until};

const INDEX: &str = "hookyard-data/hookyard.db.search";

fn appointment(id: &str, number: usize) -> Event {
    let phone = format!("+224 622 00 {:02} {:02}", number / 100, number % 100);
    let payload =
        json!({ "id": 7000 + number, "name": format!("Awa Diallo {number}"), "phone": phone, "act": "well" });
    Event::with_payload("appointment.created", id, &payload)
}

async fn send(host: &RunningHost<'_>, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let answer = host.send(&appointment(&format!("evt_{number}"), number)).await;
        assert_eq!(answer.code.as_u16(), 202);
    }
}

/// The ids that a command lists.
fn ids(list: &Value) -> Vec<&str> {
    assert_eq!(list["complete"], true, "{list}");
    list["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}

fn search(dir: &HostDir, arguments: &[&str]) -> Value {
    dir.run(&[&["event", "list", "--json", "--limit", "500"], arguments].concat()).json()
}

async fn caught_up(host: &RunningHost<'_>) {
    wait_until("the index has all events", async || {
        let (_, index) = host.api_get("/api/v1/search-index").await;
        let newest = index["newest"].as_i64()?;
        (newest > 0 && index["lag_ms"] == 0 && index["indexed_through"].as_i64()? == newest).then_some(())
    })
    .await;
}

#[tokio::test]
async fn events_are_found_by_their_values_their_reasons_and_their_origin() {
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 1\n[plugin.sender]\nemit = [\"x.y\"]\n");
    dir.install("actor", &guest("actor"));
    dir.install("sender", &guest("outbox"));
    let host = dir.start().await;
    send(&host, 0..12).await;
    let rejected = json!({ "id": 1, "act": "reject" });
    host.send(&Event::with_payload("any.type", "evt_bad", &rejected)).await;
    let emits = json!({ "id": 2, "do": "emit-data", "type": "x.y", "text": "{}" });
    host.send(&Event::with_payload("any.type", "evt_origin", &emits)).await;
    wait_until("an event was emitted", async || {
        let (_, list) = host.api_get("/api/v1/events?type=x.y").await;
        (!list["items"].as_array()?.is_empty()).then_some(())
    })
    .await;
    host.wait_event("evt_bad", "it is dead", |event| event["state"] == "dead").await;
    assert_eq!(dir.run(&["event", "replay", "evt_3", "--to", "actor", "--again"]).code, 0);
    host.wait_event("evt_3", "it ran again", |event| event["deliveries"].as_array().unwrap().len() > 2).await;
    for is_indexed in [false, true] {
        if is_indexed {
            caught_up(&host).await;
        }
        for (arguments, expected) in [
            (&["--search", "0007"][..], &["evt_7"][..]),
            (&["--search", "+224 622 00 00 11"], &["evt_11"]),
            (&["--search", "awa diallo 1"], &["evt_11", "evt_10", "evt_1"]),
            (&["--search", "EVT_BAD"], &["evt_bad"]),
            (&["--search", "7005"], &["evt_5"]),
            (&["--search", "no such"], &[]),
            (&["--reason", "told to"], &["evt_bad"]),
            (&["--reason", "told", "--state", "dead", "--plugin", "actor"], &["evt_bad"]),
            (&["--reason", "told", "--state", "done"], &[]),
            (&["--outcome", "rejected", "--type", "any.type"], &["evt_bad"]),
            (&["--ordering-key", "7002"], &["evt_2"]),
            (&["--replay", "1"], &["evt_3"]),
            (&["--search", "622", "--until", "1h"], &[]),
        ] {
            assert_eq!(ids(&search(&dir, arguments)), expected, "{arguments:?}, indexed: {is_indexed}");
        }
        let emitted = search(&dir, &["--caused-by", "evt_origin"]);
        assert_eq!(emitted["items"][0]["type"], "x.y", "{emitted}");
        assert_eq!(emitted["items"].as_array().unwrap().len(), 1);
    }
    let text = dir.run(&["event", "list", "--search", "0007"]);
    assert!(text.code == 0 && text.out.contains("evt_7") && !text.out.contains("missing"), "{text:?}");
    let wrong = dir.run(&["event", "list", "--search", "+"]);
    assert!(wrong.code == 1 && wrong.err.contains("`search` has no letter and no digit"), "{wrong:?}");
    let (code, problem) = host.api_get("/api/v1/events?id=evt_1&search=a").await;
    assert_eq!((code.as_u16(), problem["status"].as_u64()), (422, Some(422)), "{problem}");
}

#[tokio::test]
async fn who_may_not_see_a_value_does_not_find_an_event_by_it() {
    let dir = HostDir::new(
        "personal = [\"/data/object/phone\", \"/data/object/name\"]\n[plugin.actor]\nattempts_max = 1\n",
    );
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    send(&host, 0..3).await;
    host.send(&Event::with_payload("any.type", "evt_bad", &json!({ "id": 1, "act": "reject" }))).await;
    host.wait_event("evt_bad", "it is dead", |event| event["state"] == "dead").await;
    let [read, operate] = ["read", "operate"].map(|role| create(&dir, &[role, "--role", role]));
    for is_indexed in [false, true] {
        if is_indexed {
            caught_up(&host).await;
        }
        for (arguments, is_personal) in [
            (&["--search", "0001"][..], true),
            (&["--search", "Awa Diallo 1"], true),
            (&["--search", "224"], true),
            (&["--reason", "told"], true),
            (&["--search", "evt_1"], false),
            (&["--search", "7001"], false),
            (&["--ordering-key", "7001"], false),
            (&["--plugin", "actor"], false),
        ] {
            let arguments = [&["event", "list", "--json"], arguments].concat();
            assert!(!ids(&run_as(&dir, &operate, &arguments).json()).is_empty(), "{arguments:?}");
            let found = run_as(&dir, &read, &arguments).json();
            assert_eq!(ids(&found).is_empty(), is_personal, "{arguments:?}: {found}");
        }
    }
}

#[tokio::test]
async fn an_index_that_is_gone_damaged_or_off_is_no_loss() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    send(&host, 0..30).await;
    caught_up(&host).await;
    host.stop().await;
    for (content, line) in [(None, None), (Some("damage"), Some("is no usable search index"))] {
        match content {
            Some(text) => fs::write(dir.path(INDEX), text).unwrap(),
            None => fs::remove_file(dir.path(INDEX)).unwrap(),
        }
        let host = dir.start().await;
        assert_eq!(ids(&search(&dir, &["--search", "0029"])), ["evt_29"]);
        caught_up(&host).await;
        assert_eq!(ids(&search(&dir, &["--search", "0029"])), ["evt_29"]);
        if let Some(line) = line {
            assert!(host.flushed_log().await.contains(line));
            assert!(dir.path(&format!("{INDEX}.damaged")).exists());
        }
        host.stop().await;
    }
    dir.configure("[search]\nindex = false\nscan_max_events = 10\n");
    let host = dir.start().await;
    let list = search(&dir, &["--search", "0029"]);
    assert_eq!((&list["complete"], &list["items"][0]["id"]), (&json!(false), &json!("evt_29")), "{list}");
    let text = dir.run(&["event", "list", "--search", "0001"]);
    assert!(text.out.contains("no such events") && text.out.contains("events may be missing"), "{text:?}");
    let (_, index) = host.api_get("/api/v1/search-index").await;
    assert_eq!((&index["enabled"], &index["lag_ms"]), (&json!(false), &json!(0)), "{index}");
}

#[tokio::test]
async fn a_search_is_right_after_each_kill() {
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 1\n");
    dir.install("actor", &guest("actor"));
    let mut sent = 0;
    for round in 0..6 {
        let host = dir.start().await;
        let count = 20 + 37 * round;
        send(&host, sent..sent + count).await;
        sent += count;
        let bad = format!("bad_{round}");
        host.send(&Event::with_payload("any.type", &bad, &json!({ "id": round, "act": "reject" }))).await;
        host.wait_event(&bad, "it is dead", |event| event["state"] == "dead").await;
        host.kill();
    }
    let host = dir.start().await;
    for is_indexed in [false, true] {
        if is_indexed {
            caught_up(&host).await;
        }
        for number in [0, 19, 20, sent / 2, sent - 1] {
            let last = format!("{:02}{:02}", number / 100, number % 100);
            assert_eq!(ids(&search(&dir, &["--search", &last])), [format!("evt_{number}")]);
        }
        assert_eq!(ids(&search(&dir, &["--reason", "told to"])).len(), 6);
    }
    host.stop().await;
}

#[tokio::test]
async fn a_restored_database_is_searched_as_it_is() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    send(&host, 0..5).await;
    assert_eq!(dir.run(&["backup", "copy.db"]).code, 0);
    send(&host, 5..10).await;
    caught_up(&host).await;
    host.stop().await;
    assert!(dir.path(INDEX).exists());
    let restored = dir.run(&["restore", "copy.db", "--force"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert!(!dir.path(INDEX).exists());
    let host = dir.start().await;
    send(&host, 20..30).await;
    caught_up(&host).await;
    assert_eq!(ids(&search(&dir, &["--search", "0007"])), Vec::<&str>::new());
    assert_eq!(ids(&search(&dir, &["--search", "224"])).len(), 15);
}
