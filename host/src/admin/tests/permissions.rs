//! Every operation of the API against every role, and against tokens that are not valid or for other plugins.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{TestServer, event, json as body_of};
use crate::admin::{Access, Problem};
use crate::audit::{Decision, EntryFilter};
use crate::db::TokenCreation;
use crate::delivery::Recipient;
use crate::event::{Name, PluginName, now_ms};
use crate::replay::{Action, ReplayTarget, Request, Selection};
use crate::token::{NewToken, PluginPattern, Role, TokenHash};

/// An operation of the API's description.
struct Operation {
    method: Method,
    path: String,
    permission: String,
    per_plugin: bool,
    /// Whether its query has a `plugin`.
    has_plugin_query: bool,
}

impl Operation {
    /// The operations that need a permission.
    async fn all(server: &TestServer) -> Vec<Self> {
        let document = body_of(server.get("/api/v1/openapi.json").await).await;
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                if !path.starts_with("/api/v1/") {
                    assert_eq!(operation["security"], json!([{}]), "{method} {path} needs no token");
                    continue;
                }
                let permission = operation["x-permission"]["name"].as_str();
                let permission = permission.unwrap_or_else(|| panic!("{method} {path} states no permission"));
                assert_eq!(operation["security"], json!([{ "token": [permission] }]), "{method} {path}");
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                all.push(Self {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    permission: permission.into(),
                    per_plugin: operation["x-permission"]["per_plugin"].as_bool().unwrap(),
                    has_plugin_query: parameters
                        .into_iter()
                        .any(|parameter| parameter["name"] == "plugin" && parameter["in"] == "query"),
                });
            }
        }
        all
    }

    /// The path, of things that exist where a token for other plugins must not see them.
    fn url(&self) -> String {
        let ids = [
            ("/plugins/{name}", "/plugins/desk"),
            ("/alerts/{name}", "/alerts/ops"),
            ("/tokens/{name}", "/tokens/nobody"),
            ("/sessions/{id}", "/sessions/1"),
            ("/events/{source}/{id}", "/events/moncreneau/evt_1"),
            ("/deliveries/{id}", "/deliveries/1-1"),
            ("/effects/{id}", "/effects/1-1-1"),
            ("/replays/{id}", "/replays/1"),
            ("/sources/{name}", "/sources/moncreneau"),
            ("/confirmations/{id}", "/confirmations/1"),
            ("/erasures/{id}", "/erasures/1"),
            ("/held-releases/{number}", "/held-releases/1"),
        ];
        let url = ids.iter().fold(self.path.clone(), |path, (from, to)| path.replace(from, to));
        assert!(!url.contains('{'), "{url}: add what its parameters stand for");
        // A required parameter.
        if url.ends_with("/entry") { format!("{url}?key=k") } else { url }
    }

    fn body(&self) -> Value {
        match self.path.as_str() {
            "/api/v1/replays" => json!({ "of": "deliveries" }),
            "/api/v1/events/{source}/{id}/edits" => json!({ "payload": {} }),
            "/api/v1/erasures" => json!({ "all": true, "dry_run": true }),
            "/api/v1/tokens" => json!({ "name": format!("t{}", now_ms()), "role": "read" }),
            path if path.ends_with("/switches") => json!({ "on": true }),
            path if path.ends_with("/approve") || path.ends_with("/reject") => json!({ "digest": "0af9" }),
            _ => json!({}),
        }
    }

    async fn ask(&self, server: &TestServer, token: Option<&str>, query: &str) -> (StatusCode, Value) {
        let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let url = format!("{}{}{query}", server.base, self.url());
        let mut request = client.request(self.method.clone(), url);
        if self.method != Method::GET {
            request = request.json(&self.body());
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        if response.headers().get("content-type").is_some_and(|of| of == "text/event-stream") {
            // It has no end. The tests of changes read what it sends.
            return (status, json!({ "items": [] }));
        }
        (status, response.json().await.unwrap_or_default())
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Stores a token whose secret is its name.
async fn make(server: &TestServer, name: &str, role: Role, plugins: &[&str], expires_at: Option<u64>) {
    let plugins = plugins.iter().map(|pattern| PluginPattern::new(pattern).unwrap()).collect();
    let (name, hash) = (Name::new(name).unwrap(), TokenHash::of(name));
    let new = NewToken { name, hash, role, plugins, expires_at };
    let made = server.db.create_token(new, 100, Decision::of_host()).await.unwrap();
    assert!(matches!(made, TokenCreation::Created(_)));
    server.access.reload().await.unwrap();
}

async fn filled() -> TestServer {
    let server = TestServer::start().await;
    let desk = PluginName::new("desk").unwrap();
    let to = vec![Recipient { plugin: desk, ordered: false, matched: true }];
    server.db.accept(event("moncreneau", "evt_1", "appointment.created"), to).await.unwrap();
    let request = Request {
        of: ReplayTarget::Deliveries,
        action: Action::Replay,
        selection: Selection::default(),
        to: None,
        again: false,
        revision: None,
        dry_run: false,
    };
    assert_eq!(server.db.begin_replay(request, Decision::of_host()).await, Ok(1));
    for role in Role::ALL {
        make(&server, &format!("all-{role}"), role, if role == Role::Deploy { &["*"] } else { &[] }, None)
            .await;
        make(&server, &format!("some-{role}"), role, &["outside*"], None).await;
    }
    make(&server, "expired", Role::Admin, &[], Some(now_ms() - 1)).await;
    make(&server, "revoked", Role::Admin, &[], None).await;
    server.db.revoke_token("revoked".into(), Decision::of_host()).await.unwrap();
    server.access.reload().await.unwrap();
    server
}

#[tokio::test]
async fn every_operation_refuses_every_role_without_its_permission() {
    let server = filled().await;
    for operation in Operation::all(&server).await {
        for role in Role::ALL {
            let (status, body) = operation.ask(&server, Some(&format!("all-{role}")), "").await;
            let has = role.permissions().iter().any(|has| has.as_str() == operation.permission);
            let name = operation.name();
            if has {
                assert!(![401, 403].contains(&status.as_u16()), "{name} as {role}: {body}");
            } else {
                assert_eq!(
                    (status.as_u16(), &body["type"]),
                    (403, &json!("/problems/forbidden")),
                    "{name} as {role}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_operation_refuses_a_token_that_is_missing_unknown_expired_or_revoked() {
    let server = filled().await;
    for operation in Operation::all(&server).await {
        for token in [None, Some("unknown"), Some(""), Some("expired"), Some("revoked")] {
            let (status, body) = operation.ask(&server, token, "").await;
            let is_refused = status == StatusCode::UNAUTHORIZED || status == StatusCode::TOO_MANY_REQUESTS;
            assert!(is_refused, "{} with {token:?}: {body}", operation.name());
        }
    }
}

#[tokio::test]
async fn every_operation_refuses_a_token_outside_its_plugins() {
    let server = filled().await;
    for operation in Operation::all(&server).await {
        for role in Role::ALL {
            let token = format!("some-{role}");
            let (status, body) = operation.ask(&server, Some(&token), "").await;
            let name = format!("{} as {token}", operation.name());
            if status == StatusCode::OK && operation.per_plugin {
                if let Some(items) = body.get("items").or(body.get("plugins")) {
                    assert_eq!(items, &json!([]), "{name}");
                }
                let text = body.to_string();
                assert!(!["desk", "stats"].iter().any(|plugin| text.contains(plugin)), "{name}: {text}");
                if operation.has_plugin_query {
                    let (status, _) = operation.ask(&server, Some(&token), "?plugin=desk").await;
                    assert_eq!(status, StatusCode::FORBIDDEN, "{name}");
                    let (status, _) = operation.ask(&server, Some(&token), "?plugin=outside-a").await;
                    assert_eq!(status, StatusCode::OK, "{name}");
                }
                continue;
            }
            assert_eq!(status, StatusCode::FORBIDDEN, "{name}: {body}");
        }
    }
}

#[tokio::test]
async fn a_token_for_some_plugins_works_for_them() {
    let server = filled().await;
    make(&server, "desk-only", Role::Operate, &["desk"], None).await;
    for (path, status) in
        [("plugins/desk/pause", 200), ("plugins/desk/resume", 200), ("plugins/stats/pause", 403)]
    {
        let response = server.ask(Method::POST, &format!("/api/v1/{path}"), Some("desk-only")).await;
        assert_eq!(response.status(), status, "{path}");
    }
    for (path, status) in [
        ("deliveries/1-1", 200),
        ("deliveries/9-9", 403),
        ("deliveries", 200),
        ("events", 403),
        ("replays/1", 403),
    ] {
        let response = server.ask(Method::GET, &format!("/api/v1/{path}"), Some("desk-only")).await;
        assert_eq!(response.status(), status, "{path}");
    }
    let shown = body_of(server.ask(Method::GET, "/api/v1/plugins", Some("desk-only")).await).await;
    assert_eq!(shown["items"].as_array().unwrap().len(), 1);
    let response = server.ask(Method::POST, "/api/v1/deliveries/1-1/discard", Some("desk-only")).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn reasons_are_searched_only_by_those_who_see_personal_values() {
    let server = filled().await;
    for (token, status) in [("all-read", 403), ("all-operate", 200)] {
        let response = server.ask(Method::GET, "/api/v1/deliveries?reason=622", Some(token)).await;
        assert_eq!(response.status(), status, "{token}");
    }
}

#[tokio::test]
async fn a_decision_names_its_token_address_and_note() {
    let server = filled().await;
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let pause = |note: &[u8]| {
        let request =
            client.post(format!("{}/api/v1/plugins/desk/pause", server.base)).bearer_auth("all-operate");
        request.header("x-hookyard-note", note).send()
    };
    assert_eq!(pause("attente du fournisseur, prévue".as_bytes()).await.unwrap().status(), 200);
    let filter = EntryFilter { action: Some("plugin.pause".into()), ..EntryFilter::default() };
    let entry = server.db.audit(&filter, None, 1).await.unwrap().pop().unwrap();
    assert_eq!(
        (entry.actor.name.as_str(), entry.actor.address.as_deref()),
        ("all-operate", Some("192.0.2.1"))
    );
    assert_eq!(entry.note.as_deref(), Some("attente du fournisseur, prévue"));
    assert_eq!(pause(b"pr\xe9vue").await.unwrap().status(), 200);
    let entry = server.db.audit(&filter, None, 1).await.unwrap().pop().unwrap();
    assert_eq!(entry.note.as_deref(), Some("prévue"), "it was ISO 8859-1");
    assert_eq!(pause("é".repeat(1000).as_bytes()).await.unwrap().status(), 200);
    assert_eq!(pause("é".repeat(1001).as_bytes()).await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_revocation_is_in_force_with_its_answer() {
    let server = filled().await;
    for round in 0..20 {
        let name = format!("short-{round}");
        make(&server, &name, Role::Read, &[], None).await;
        assert_eq!(server.ask(Method::GET, "/api/v1/plugins", Some(&name)).await.status(), 200);
        let path = format!("/api/v1/tokens/{name}");
        let revoked = server.ask(Method::DELETE, &path, Some("all-admin")).await;
        assert_eq!(revoked.status(), StatusCode::NO_CONTENT);
        let refused = server.ask(Method::GET, "/api/v1/plugins", Some(&name)).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let problem: Problem = refused.json().await.unwrap();
        assert!(problem.detail.contains(&format!("`{name}` was revoked")), "{problem:?}");
    }
}

#[tokio::test]
async fn failures_are_limited_and_recorded_and_a_valid_token_is_answered() {
    let server = filled().await;
    let mut statuses = Vec::new();
    for _ in 0..32 {
        statuses.push(server.ask(Method::GET, "/api/v1/plugins", Some("wrong")).await.status().as_u16());
    }
    assert_eq!(statuses, [[401; 30].as_slice(), &[429; 2]].concat());
    assert_eq!(server.ask(Method::GET, "/api/v1/plugins", Some("all-read")).await.status(), 200);
    assert_eq!(server.ask(Method::GET, "/readyz", None).await.status(), 200);
    let access: &Access = &server.access;
    access.flush().await;
    let filter = EntryFilter { action: Some("auth.failure".into()), ..EntryFilter::default() };
    let entry = server.db.audit(&filter, None, 10).await.unwrap();
    assert_eq!(entry.len(), 1);
    assert_eq!(entry[0].after.as_deref(), Some(r#"{"count":32,"token":"unknown"}"#));
    assert_eq!(entry[0].actor.address.as_deref(), Some("192.0.2.1"));
    let used = server
        .db
        .tokens()
        .await
        .unwrap()
        .tokens
        .into_iter()
        .find(|token| token.token.name.as_str() == "all-read");
    assert!(used.unwrap().used_at.is_some());
}

#[tokio::test]
async fn a_token_finds_what_is_of_its_plugins_behind_many_of_others() {
    let server = filled().await;
    let to = |plugin: &str| {
        vec![Recipient { plugin: PluginName::new(plugin).unwrap(), ordered: false, matched: true }]
    };
    server.db.accept(event("moncreneau", "evt_own", "appointment.created"), to("outside-a")).await.unwrap();
    for number in 0..60 {
        let event = event("moncreneau", &format!("evt_other_{number}"), "appointment.created");
        server.db.accept(event, to("desk")).await.unwrap();
    }
    let page = body_of(server.ask(Method::GET, "/api/v1/deliveries", Some("some-read")).await).await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (1, &Value::Null), "{page}");
    assert_eq!(page["items"][0]["plugin"], "outside-a");
    let page = body_of(server.ask(Method::GET, "/api/v1/effects", Some("some-read")).await).await;
    assert_eq!((&page["items"], &page["next_cursor"]), (&json!([]), &Value::Null));

    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let post = async |path: &str, body: Value| {
        let request = client.post(format!("{}/api/v1/{path}", server.base)).bearer_auth("some-operate");
        request.json(&body).send().await.unwrap().status().as_u16()
    };
    for (plugin, is_own) in [("outside-a", true), ("desk", false)] {
        for (path, body) in [
            ("deliveries/retry", json!({ "where": { "plugin": plugin } })),
            ("effects/replay", json!({ "plugin": plugin })),
            ("effects/discard", json!({ "plugin": plugin })),
            ("replays", json!({ "of": "deliveries", "where": { "plugin": plugin } })),
        ] {
            let status = post(path, body).await;
            assert!(if is_own { status < 300 } else { status == 403 }, "{path} of {plugin}: {status}");
        }
    }
    // The replay of its own plugin, behind more than a page of others'.
    for _ in 0..60 {
        let request = Request {
            of: ReplayTarget::Deliveries,
            action: Action::Replay,
            selection: Selection { plugin: Some("desk".into()), ..Selection::default() },
            to: None,
            again: false,
            revision: None,
            dry_run: true,
        };
        server.db.begin_replay(request, Decision::of_host()).await.unwrap();
    }
    let page = body_of(server.ask(Method::GET, "/api/v1/replays", Some("some-read")).await).await;
    assert_eq!(page["items"][0]["request"]["where"]["plugin"], "outside-a", "{page}");
    for (path, status) in
        [("replays/2", 200), ("replays/3", 403), ("deliveries/2-1", 200), ("deliveries/3-1", 403)]
    {
        let response = server.ask(Method::GET, &format!("/api/v1/{path}"), Some("some-read")).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn requests_without_a_permission_are_on_record_with_their_number() {
    let server = filled().await;
    for _ in 0..3 {
        let refused = server.ask(Method::POST, "/api/v1/plugins/desk/pause", Some("all-read")).await;
        assert_eq!(refused.status(), 403);
    }
    let outside = server.ask(Method::POST, "/api/v1/plugins/nobody/pause", Some("some-operate")).await;
    assert!(!outside.text().await.unwrap().contains("desk"));
    server.access.flush().await;
    let filter = EntryFilter { action: Some("auth.denied".into()), ..EntryFilter::default() };
    let entries = server.db.audit(&filter, None, 10).await.unwrap();
    let of_reader = entries.iter().find(|entry| entry.target == "all-read").unwrap();
    assert_eq!(of_reader.after.as_deref(), Some(r#"{"count":3,"permission":"operate"}"#));
}

#[tokio::test]
async fn an_expired_token_behind_a_noisy_address_learns_why() {
    let server = filled().await;
    for _ in 0..40 {
        server.ask(Method::GET, "/api/v1/plugins", Some("wrong")).await;
    }
    for (token, status) in [("wrong", 429), ("expired", 401), ("revoked", 401)] {
        let refused = server.ask(Method::GET, "/api/v1/plugins", Some(token)).await;
        assert_eq!(refused.status(), status, "{token}");
    }
}
