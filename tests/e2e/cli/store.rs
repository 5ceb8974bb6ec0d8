//! `hookyard store list|get` and `effect show`.

use serde_json::{Value, json};

use crate::support::{Event, HostDir, Partner, Reply, RunningHost, guest};

/// A host whose plugin has written the entries of one event.
async fn written<'a>(dir: &'a HostDir, plugin: &str, payload: &Value) -> RunningHost<'a> {
    dir.install(plugin, &guest("conformance-rust"));
    let host = dir.start().await;
    host.send(&Event::with_payload("conformance.run", "evt_1", payload)).await;
    host.wait_event("evt_1", "it is done", |event| event["deliveries"][0]["state"] == "done").await;
    host
}

#[tokio::test]
async fn a_store_is_listed_page_by_page_and_read() {
    let dir = HostDir::new("");
    let host = written(&dir, "keeper", &json!({ "do": "store" })).await;
    let all = dir.run(&["store", "list", "keeper", "--json"]).json();
    let keys: Vec<&str> =
        all["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap()).collect();
    assert!(keys.len() > 1 && keys.is_sorted(), "{all}");
    assert_eq!(all["next_cursor"], Value::Null);
    let mut paged = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut arguments = vec!["store", "list", "keeper", "--limit", "1", "--json"];
        if let Some(cursor) = &cursor {
            arguments.extend(["--cursor", cursor]);
        }
        let page = dir.run(&arguments).json();
        paged.extend(page["items"].as_array().unwrap().clone());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(Value::Array(paged), all["items"]);
    let key = keys.iter().find(|key| **key == "counter").expect("a counter");
    let found = dir.run(&["store", "list", "keeper", "--prefix", "count", "--bucket", "conformance"]);
    assert!(found.out.starts_with("BUCKET") && found.out.contains("counter"), "{found:?}");
    assert_eq!(dir.run(&["store", "list", "keeper", "--prefix", "counterx"]).out, "no such keys\n");
    let value = dir.run(&["store", "get", "keeper", key]);
    assert_eq!((value.code, value.out.as_str()), (0, "2\n"), "{value:?}");
    let entry = dir.run(&["store", "get", "keeper", key, "--json"]).json();
    assert_eq!((&entry["bucket"], &entry["bytes"]), (&json!("conformance"), &json!(1)), "{entry}");

    for (arguments, code, said) in [
        (&["store", "get", "keeper", "no\u{1b}[31m"][..], 1, "has no entry `no\\u{1b}[31m`"),
        (&["store", "get", "keepr", key], 1, "no plugin `keepr` is here; there are: keeper"),
        (&["store", "list", "../keeper"], 1, "no plugin `../keeper`"),
        (&["store", "list", "keeper", "--cursor", "x"], 2, "`cursor` is not one"),
        (&["store", "list", "keeper", "--limit", "0"], 2, "--limit"),
    ] {
        let output = dir.run(arguments);
        assert!(output.code == code && output.err.contains(said), "{arguments:?}: {output:?}");
    }
    let (status, _) = host.api_get("/api/v1/plugins/keeper/store?limit=501").await;
    assert_eq!(status, 400);
    // The store stays when its plugin goes.
    std::fs::remove_file(dir.path("plugins/keeper.wasm")).unwrap();
    host.wait_removed("keeper").await;
    assert_eq!(dir.run(&["store", "get", "keeper", key]).out, "2\n");
}

#[tokio::test]
async fn the_request_of_an_effect_is_shown_without_secrets() {
    let partner = Partner::start(|_, _| Reply::text(400, "no such number")).await;
    let dir = HostDir::new(&format!(
        "[plugin.outbox]\nhttp = [\"{}\"]\nsecrets = {{ key = \"a-very-secret-key\" }}\n",
        partner.origin()
    ));
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    let url = format!("{}/sms?to=1", partner.origin());
    let payload = json!({ "do": "http", "url": url, "text": "Bonjour\u{1b} a-very-secret-key" });
    host.send(&Event::with_payload("a.b", "evt_1", &payload)).await;
    host.wait_event("evt_1", "its effect is dead", |event| {
        event["deliveries"][0]["effects"][0]["state"] == "dead"
    })
    .await;
    let list = dir.run(&["effect", "list"]);
    assert!(list.out.contains("\n1-1-1  evt_1"), "{list:?}");
    let shown = dir.run(&["effect", "show", "1-1-1"]);
    for part in [
        "effect    1-1-1\n",
        &format!("http POST {url}\n"),
        "> Bonjour\\u{1b} {secret:key}\n",
        "attempt 1: 400 Bad Request",
    ] {
        assert!(shown.out.contains(part), "{part}: {shown:?}");
    }
    let by_id = dir.run(&["effect", "show", "1-1-1", "--json"]).json();
    let by_key = dir.run(&["effect", "show", by_id["key"].as_str().unwrap(), "--json"]).json();
    assert_eq!(by_key, by_id);
    for none in ["1-1-2", "2-1-1", "k.1"] {
        let missing = dir.run(&["effect", "show", none]);
        assert!(missing.code == 1 && missing.err.contains(&format!("no effect `{none}`")), "{missing:?}");
    }
}
