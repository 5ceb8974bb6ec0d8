//! The operators' API over HTTP, as tools use it.

mod changes;
mod described;
mod events;
mod keyed;
mod metrics;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{Event, HostDir, RunningHost, example};

/// The body of an RFC 9457 problem, which names its status.
async fn problem(host: &RunningHost<'_>, path: &str, token: Option<&str>) -> (u16, Value) {
    let response = host.admin_get(path, token).await;
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
    let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["status"], status, "{path}: {problem}");
    assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{path}: {problem}");
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{path}: {problem}");
    (status, problem)
}

fn token(dir: &HostDir) -> String {
    std::fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap().trim().to_owned()
}

#[tokio::test]
async fn every_api_path_requires_the_token_and_reveals_nothing_without_it() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    let right = token(&dir);
    let wrong = [right[1..].to_owned(), format!("{right}0"), right.to_uppercase(), String::new()];
    for path in
        ["events", "events/moncreneau/evt_1", "events/moncreneau/evt_2", "plugins", "openapi.json", "nothing"]
    {
        let path = format!("/api/v1/{path}");
        let answers = [problem(&host, &path, None).await, problem(&host, &path, Some(&wrong[0])).await];
        for (status, problem) in answers {
            assert_eq!(status, 401, "{path}");
            assert!(!problem.to_string().contains(&right), "{problem}");
        }
    }
    for wrong in wrong.iter().filter(|wrong| **wrong != right) {
        let response = host.admin_get("/api/v1/events", Some(wrong)).await;
        assert_eq!(response.status(), 401, "{wrong}");
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
    assert_eq!(host.admin_get("/api/v1/events", Some(&right)).await.status(), 200);
}

#[tokio::test]
async fn health_metrics_and_the_page_need_no_token_and_contain_no_event_data() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    for path in ["/", "/healthz", "/readyz", "/metrics"] {
        let response = host.admin_get(path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        let text = response.text().await.unwrap();
        assert!(
            !text.contains("evt_1") && !text.contains("Jean Dupont") && !text.contains(&token(&dir)),
            "{path}"
        );
    }
    for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let (code, health) = host.api_get(path).await;
        assert_eq!((code, &health["status"]), (StatusCode::OK, &status.into()), "{health}");
    }
}

#[tokio::test]
async fn an_unknown_path_or_id_is_a_problem_that_names_it() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let right = token(&dir);
    for (path, named) in [
        ("/nothing", "/nothing"),
        ("/api/v1/nothing", "nothing"),
        ("/api/v2/events", "/api/v2/events"),
        ("/webhooks/moncreneau", "/webhooks/moncreneau"),
        ("/api/v1/events/moncreneau/evt_2", "evt_2"),
    ] {
        let (status, problem) = problem(&host, path, Some(&right)).await;
        assert_eq!(status, 404, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(named), "{path}: {problem}");
    }
    let post = reqwest::Client::new()
        .post(format!("{}/api/v1/events", host.admin()))
        .bearer_auth(&right)
        .send()
        .await;
    let post = post.unwrap();
    assert_eq!(
        (post.status().as_u16(), &post.headers()["content-type"]),
        (405, &"application/problem+json".parse().unwrap())
    );
    // The sender's side has no operators' side.
    let there = reqwest::get(format!("{}/api/v1/events", host.webhooks())).await.unwrap();
    assert_eq!(there.status(), 404);
}

#[tokio::test]
async fn plugins_are_listed_by_name_with_their_revision_and_refusal() {
    let dir = HostDir::new("");
    for name in ["statistics", "event-log"] {
        dir.install(name, &example(name));
    }
    dir.install("bad", b"\0asm is not enough");
    let host = dir.start().await;
    let (code, page) = host.api_get("/api/v1/plugins").await;
    assert_eq!((code, &page["next_cursor"]), (StatusCode::OK, &Value::Null));
    let items = page["items"].as_array().unwrap();
    let names: Vec<&str> = items.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bad", "event-log", "statistics"]);
    assert_eq!((&items[0]["state"], &items[0]["revision"]), (&"refused".into(), &Value::Null), "{page}");
    assert!(items[0]["refusal"].as_str().unwrap().contains("plugin bad"), "{page}");
    for (item, name) in items[1..].iter().zip(["event-log", "statistics"]) {
        let bytes = example(name);
        let digest = hookyard::event::Digest::of(&bytes).to_string();
        assert_eq!((&item["state"], &item["revision"]), (&"running".into(), &digest.into()), "{item}");
        assert_eq!((&item["size_bytes"], &item["refusal"]), (&bytes.len().into(), &Value::Null), "{item}");
        assert!(item["since"].as_u64().unwrap() > 1_700_000_000_000, "{item}");
    }
    assert_eq!(items[1]["handles"], serde_json::json!(["*"]));
}

/// The fields of a schema of the description, those that it takes over from others included.
fn fields(api: &Value, schema: &Value) -> Vec<String> {
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut found: Vec<String> = parts.flat_map(|part| fields(api, part)).collect();
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        found.extend(fields(api, &api["components"]["schemas"][name]));
    }
    found.extend(schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys().cloned()));
    found.sort();
    found
}

#[tokio::test]
async fn the_openapi_document_lists_existing_paths_and_the_fields_of_responses() {
    let dir = HostDir::new("");
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    let event = host.wait_finished("evt_1").await;
    let (code, api) = host.api_get("/api/v1/openapi.json").await;
    assert_eq!(code, StatusCode::OK);
    assert!(api["openapi"].as_str().unwrap().starts_with("3."), "{api}");
    assert_eq!(dir.run(&["event", "replay", "evt_1"]).code, 0);
    let paths = api["paths"].as_object().unwrap().iter();
    let read: Vec<&String> =
        paths.filter(|(_, verbs)| !verbs["get"].is_null()).map(|(path, _)| path).collect();
    assert!(read.len() >= 9, "{read:?}");
    // There is no effect, no entry, no release and no erasure here; `cli::store`, `switches` and `erase` read some.
    // Changes have no end.
    let none_here = [
        "/api/v1/effects/{id}",
        "/api/v1/erasures/{id}",
        "/api/v1/plugins/{name}/store/entry",
        "/api/v1/held-releases/{number}",
        "/api/v1/changes",
    ];
    for path in read.into_iter().filter(|path| !none_here.contains(&path.as_str())) {
        let there =
            path.replace("/deliveries/{id}", "/deliveries/1-1").replace("/replays/{id}", "/replays/1");
        let there =
            there.replace("{source}", "moncreneau").replace("{id}", "evt_1").replace("{name}", "event-log");
        assert_eq!(host.api_get(&there).await.0, StatusCode::OK, "{path}");
    }
    for (name, answer) in [
        ("EventView", &event),
        ("DeliveryView", &event["deliveries"][0]),
        ("AttemptView", &event["deliveries"][0]["attempts"][0]),
        ("EventList", &host.api_get("/api/v1/events").await.1),
        ("ListedDelivery", &host.api_get("/api/v1/deliveries").await.1["items"][0]),
        ("DeliveryDetail", &host.api_get("/api/v1/deliveries/1-1").await.1),
        ("ReplayProgress", &host.api_get("/api/v1/replays/1").await.1),
        ("Plugin", &host.api_get("/api/v1/plugins").await.1["items"][0]),
    ] {
        let mut given: Vec<String> = answer.as_object().unwrap().keys().cloned().collect();
        given.sort();
        assert_eq!(fields(&api, &api["components"]["schemas"][name]), given, "{name}");
    }
}
