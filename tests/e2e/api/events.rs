//! Pages and filters of `/api/v1/events`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{problem, token};
use crate::support::{Event, HostDir, TYPES, example};

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_list_each_event_once_newest_first_while_events_arrive() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let mut expected = Vec::new();
    for number in 0..31 {
        let id = format!("evt_{number:02}");
        host.send(&Event::created(&id)).await;
        expected.insert(0, id);
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let (_, page) = host.api_get(&format!("/api/v1/events?limit=7{cursor}")).await;
        seen.extend(ids(&page));
        pages += 1;
        // Events that arrive while pages are read are newer than all of them.
        host.send(&Event::created(&format!("evt_later_{pages}"))).await;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((seen, pages), (expected, 5));
    let (_, all) = host.api_get("/api/v1/events?limit=500").await;
    assert_eq!((ids(&all).len(), &all["next_cursor"]), (36, &Value::Null));
}

#[tokio::test]
async fn filtered_pages_list_each_matching_event_once() {
    let dir = HostDir::new("[plugin.event-log]\nevents = [\"appointment.updated\"]\n");
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    for number in 0..30 {
        let event_type = TYPES[number % TYPES.len()];
        host.send(&Event::sample(event_type, &format!("{event_type} {number:02}"))).await;
    }
    host.wait_drained().await;
    for (query, expected) in [
        ("&type=appointment.updated", 6),
        ("&state=done", 6),
        ("&state=unhandled", 24),
        ("&state=dead", 0),
        ("&type=appointment.updated&state=unhandled", 0),
        ("&source=moncreneau&type=appointment.created&state=unhandled", 6),
        ("&source=shop", 0),
        ("&id=appointment.created%2000", 1),
        ("&id=appointment.created%2000&state=done", 0),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (_, page) = host.api_get(&format!("/api/v1/events?limit=4{query}{cursor}")).await;
            seen.extend(ids(&page));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let once: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), once.len()), (expected, expected), "{query}: {seen:?}");
    }
}

#[tokio::test]
async fn an_invalid_filter_is_400_and_named() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let right = token(&dir);
    for (query, named) in [
        ("limit=0", &["`limit`", "500"][..]),
        ("limit=501", &["`limit`", "500"]),
        ("limit=many", &["limit"]),
        ("limit=-1", &["limit"]),
        ("cursor=next", &["`cursor`"]),
        ("cursor=0", &["`cursor`"]),
        ("cursor=99999999999999999999", &["`cursor`"]),
        ("state=lost", &["`state`", "`lost`", "`dead`"]),
        ("state=", &["`state`"]),
        ("typ=appointment.created", &["`typ`", "`type`"]),
        ("state=done&state=dead", &["state"]),
    ] {
        let (status, problem) = problem(&host, &format!("/api/v1/events?{query}"), Some(&right)).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 400, "{query}: {detail}");
        assert!(named.iter().all(|part| detail.contains(part)), "{query}: {detail}");
    }
}

#[tokio::test]
async fn an_id_of_any_text_is_found_by_its_percent_encoded_path() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for (id, quoted) in
        [("a/b?c#d", "a%2Fb%3Fc%23d"), ("été 1", "%C3%A9t%C3%A9%201"), ("..", "%2E%2E"), ("%2F", "%252F")]
    {
        host.send(&Event::created(id)).await;
        let (code, event) = host.api_get(&format!("/api/v1/events/moncreneau/{quoted}")).await;
        // A client resolves `..` before it sends, whoever wrote it: such an id is found by the filter.
        if id != ".." {
            assert_eq!((code.as_u16(), &event["id"]), (200, &id.into()), "{quoted}");
        }
        let (_, page) = host.api_get(&format!("/api/v1/events?id={quoted}")).await;
        assert_eq!(ids(&page), [id]);
    }
}
