//! Changes as server-sent events: what comes, to whom, and after a break.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use super::token;
use crate::access::create;
use crate::support::{Event, HostDir, LIMIT, RunningHost, guest, wait_until};

/// A client of the changes.
struct Client {
    response: Response,
    text: String,
    last_id: Option<String>,
}

/// An event: its name and its data.
type Sent = (String, Value);

async fn ask(host: &RunningHost<'_>, token: &str, query: &str, last: Option<&str>) -> Response {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let mut request = client.get(format!("{}/api/v1/changes{query}", host.admin())).bearer_auth(token);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.send().await.unwrap()
}

impl Client {
    async fn connect(host: &RunningHost<'_>, token: &str, query: &str, last: Option<&str>) -> Self {
        let response = ask(host, token, query, last).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: String::new(), last_id: None }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Sent> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (mut name, mut data) = (String::new(), None);
                for line in block.lines() {
                    match line.split_once(": ") {
                        Some(("event", value)) => name = value.into(),
                        Some(("id", value)) => self.last_id = Some(value.into()),
                        Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                        Some(("retry" | "", _)) => {}
                        _ => panic!("{line}"),
                    }
                }
                self.text = String::from(rest);
                if let Some(data) = data {
                    return Some((name, data));
                }
            }
            let chunk =
                tokio::time::timeout(LIMIT, self.response.chunk()).await.expect("nothing came in time");
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    /// The changes until one has this kind and id, that one included.
    async fn until(&mut self, kind: &str, id: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let (name, mut data) = self.next().await.expect("the stream goes on");
            assert_eq!(name, "changes", "{data}");
            all.append(data["changes"].as_array_mut().unwrap());
            if all.iter().any(|change| change["kind"] == kind && change["id"] == id) {
                return all;
            }
        }
    }
}

fn ids(changes: &[Value], kind: &str) -> Vec<String> {
    let of_kind = changes.iter().filter(|change| change["kind"] == kind);
    of_kind.map(|change| change["id"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn act(host: &RunningHost<'_>, id: &str, act: &str) {
    host.send(&Event::with_act(1, id, act)).await;
    host.wait_finished(id).await;
}

#[tokio::test]
async fn what_changes_is_sent_once_and_a_client_that_comes_back_misses_nothing() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let token = token(&dir);
    let mut client = Client::connect(&host, &token, "", None).await;
    assert_eq!(client.next().await.unwrap().0, "reset", "it begins with the lists");
    act(&host, "evt_1", "reject").await;
    let changes = client.until("delivery", "1-1").await;
    assert_eq!(ids(&changes, "event"), ["evt_1"]);
    let delivery = changes.iter().find(|change| change["kind"] == "delivery").unwrap();
    assert_eq!((&delivery["plugin"], &delivery["state"]), (&json!("actor"), &json!("dead")));
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    let changes = client.until("plugin", "actor").await;
    let states: BTreeSet<_> = changes.iter().map(|change| change["state"].to_string()).collect();
    assert!(states.contains("\"paused\""), "{changes:?}");
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    let known = client.last_id.clone().unwrap();
    drop(client);
    act(&host, "evt_2", "well").await;
    act(&host, "evt_3", "well").await;

    let mut client = Client::connect(&host, &token, "?types=event,delivery", Some(&known)).await;
    let mut changes = client.until("delivery", "3-1").await;
    act(&host, "evt_4", "well").await;
    changes.extend(client.until("delivery", "4-1").await);
    assert_eq!(ids(&changes, "event"), ["evt_2", "evt_3", "evt_4"]);
    assert_eq!(ids(&changes, "delivery"), ["2-1", "3-1", "4-1"]);
    assert_eq!(changes.len(), 6, "only what was asked for: {changes:?}");

    // Another process does not know the position.
    let known = client.last_id.clone().unwrap();
    host.kill();
    let host = dir.start().await;
    let mut client = Client::connect(&host, &token, "", Some(&known)).await;
    let (name, data) = client.next().await.unwrap();
    assert!(name == "reset" && data["reason"].as_str().unwrap().contains("not known"), "{name} {data}");
    act(&host, "evt_5", "well").await;
    assert_eq!(ids(&client.until("delivery", "5-1").await, "event"), ["evt_5"]);
    // A host that stops does not wait for its clients.
    host.stop().await;
    while let Some((name, data)) = client.next().await {
        assert!(name == "changes" || data["reason"] == "the host stops", "{name} {data}");
    }
}

#[tokio::test]
async fn a_client_gets_what_its_token_may_see_until_the_token_ends() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    dir.install("other", &guest("actor"));
    let host = dir.start().await;
    let some = create(&dir, &["some", "--role", "read", "--plugins", "other"]);
    let reader = create(&dir, &["all", "--role", "read"]);
    let mut some = Client::connect(&host, &some, "", None).await;
    let mut reader = Client::connect(&host, &reader, "", None).await;
    let mut admin = Client::connect(&host, &token(&dir), "", None).await;
    for client in [&mut some, &mut reader, &mut admin] {
        assert_eq!(client.next().await.unwrap().0, "reset");
    }
    act(&host, "evt_1", "well").await;
    for name in ["actor", "other"] {
        assert_eq!(dir.run(&["plugin", "pause", name]).code, 0);
    }
    let kinds = |changes: &[Value]| -> BTreeSet<String> {
        changes.iter().map(|change| change["kind"].as_str().unwrap().to_owned()).collect()
    };
    let own = some.until("plugin", "other").await;
    assert!(own.iter().all(|change| change["plugin"] == "other"), "{own:?}");
    let seen = reader.until("plugin", "other").await;
    assert!(kinds(&seen).contains("event") && !kinds(&seen).contains("audit"), "{seen:?}");
    let mut all = admin.until("plugin", "other").await;
    while !kinds(&all).contains("audit") {
        all.extend(admin.next().await.unwrap().1["changes"].as_array().unwrap().clone());
    }
    assert!(!format!("{own:?}{seen:?}{all:?}").contains("phone"), "no values of payloads");

    assert_eq!(dir.run(&["token", "revoke", "some"]).code, 0);
    let (name, data) = loop {
        let next = some.next().await.unwrap();
        if next.0 != "changes" {
            break next;
        }
    };
    assert!(name == "end" && data["reason"].as_str().unwrap().contains("revoked"), "{name} {data}");
    assert_eq!(some.next().await, None);
}

#[tokio::test]
async fn many_changes_at_once_are_counted() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let mut client = Client::connect(&host, &token(&dir), "?types=event,delivery", None).await;
    assert_eq!(client.next().await.unwrap().0, "reset");
    let sender = host.sender();
    let events = (0..300).map(|number| Event::with_act(number, &format!("evt_{number}"), "well"));
    let mut sending = tokio::task::JoinSet::new();
    for event in events {
        let sender = sender.clone();
        sending.spawn(async move { sender.try_send(&event).await.unwrap() });
    }
    sending.join_all().await;
    let (mut accepted, mut done, mut items) = (0, 0, 0);
    while accepted < 300 || done < 300 {
        let (_, data) = client.next().await.unwrap();
        for change in data["changes"].as_array().unwrap() {
            let count = change["count"].as_u64().unwrap();
            items += 1;
            match (change["kind"].as_str().unwrap(), change["state"].as_str()) {
                ("event", None) => accepted += count,
                ("delivery", Some("done")) => done += count,
                _ => panic!("{change}"),
            }
        }
    }
    assert_eq!((accepted, done), (300, 300));
    assert!(items <= 600, "{items}");
}

#[tokio::test]
async fn wrong_requests_and_too_many_clients_are_problems() {
    let dir = HostDir::new("");
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let text = text.replacen("[admin]\n", "[admin]\nchanges_max_clients = 2\n", 1);
    dir.replace("hookyard.toml", text.as_bytes());
    let host = dir.start().await;
    let token = token(&dir);
    for (query, last, part) in [
        ("?types=plugins", None, "`plugins`"),
        ("?type=plugin", None, "`type`"),
        ("", Some("12"), "Last-Event-ID"),
    ] {
        let response = ask(&host, &token, query, last).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
    let first = Client::connect(&host, &token, "", None).await;
    let _second = Client::connect(&host, &token, "", None).await;
    let response = ask(&host, &token, "", None).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem: Value = response.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("admin.changes_max_clients"), "{problem}");
    drop(first);
    wait_until("the place of the first client is free", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        (ask(&host, &token, "", None).await.status() == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn fifty_clients_get_every_change() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let token = token(&dir);
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::connect(&host, &token, "?types=event,delivery", None).await;
        assert_eq!(client.next().await.unwrap().0, "reset");
        clients.push(client);
    }
    for number in 1..=20 {
        host.send(&Event::with_act(1, &format!("evt_{number}"), "well")).await;
    }
    host.wait_drained().await;
    let expected: Vec<_> = (1..=20).map(|number| format!("evt_{number}")).collect();
    for client in &mut clients {
        let (mut events, mut deliveries) = (Vec::new(), BTreeSet::new());
        while events.len() < 20 || deliveries.len() < 20 {
            let (name, data) = client.next().await.expect("the stream goes on");
            assert_eq!(name, "changes", "{data}");
            let changes = data["changes"].as_array().unwrap();
            events.extend(ids(changes, "event"));
            deliveries.extend(ids(changes, "delivery"));
        }
        assert_eq!(events, expected);
    }
}

#[tokio::test]
async fn a_client_that_never_reads_loses_its_place() {
    let dir = HostDir::new("");
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let text = text.replacen("[admin]\n", "[admin]\nchanges_max_clients = 1\n", 1);
    let text = text.replacen("[server]\n", "[server]\nwrite_timeout_ms = 1000\n", 1);
    dir.replace("hookyard.toml", text.as_bytes());
    let host = dir.start().await;
    let token = token(&dir);
    let socket = TcpSocket::new_v4().unwrap();
    // The smallest that the kernel allows.
    socket.set_recv_buffer_size(1).unwrap();
    let mut stalled =
        socket.connect(host.admin().trim_start_matches("http://").parse().unwrap()).await.unwrap();
    let request =
        format!("GET /api/v1/changes HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    stalled.write_all(request.as_bytes()).await.unwrap();
    // Its answer has begun: it has the place, and no later request can take it first.
    let mut status = [0; "HTTP/1.1 200".len()];
    stalled.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(ask(&host, &token, "", None).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let mut number = 0;
    wait_until("its place is free", async || {
        for _ in 0..20 {
            number += 1;
            host.send(&Event::with_act(1, &format!("evt_{number}_{}", "x".repeat(200)), "well")).await;
        }
        (ask(&host, &token, "", None).await.status() == StatusCode::OK).then_some(())
    })
    .await;
    drop(stalled);
}
