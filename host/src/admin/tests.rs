//! The admin API over real HTTP.

use reqwest::{Method, Response, StatusCode, header};

use tokio::net::TcpListener;
use tokio::sync::watch as channel;

use super::api::{SourceTestResult, SourceTestStep};
use super::*;
use crate::delivery::Recipient;
use crate::event::{Digest, Event, Name, PluginName, SourceName};
use crate::plugins::PluginState;
use crate::token::{FIRST_TOKEN, NewToken, Role, TokenHash};

const TOKEN: &str = "right-token";

mod permissions;

struct TestServer {
    base: String,
    db: Db,
    access: Access,
    readiness: Readiness,
    _data: tempfile::TempDir,
}

impl TestServer {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let readiness = Readiness::starting();
        readiness.set_ready();
        let db = db(&data).await;
        let access = access(&db).await;
        let state = AdminState {
            db: db.clone(),
            store_edit: Arc::new(|_, _| Box::pin(async { Ok(EditResult::Pruned) })),
            plugins: Arc::new(|| vec![plugin("stats"), plugin("desk")]),
            loading_plugins: Arc::new(Vec::new),
            retry_plugin: Arc::new(|_| {}),
            revisions: None,
            readiness: readiness.clone(),
            fault: Arc::new(|| None),
            metrics: metrics::install().unwrap(),
            log_level: LogLevel::new("info", |_| Ok(())),
            hour: RecentHour::new(metrics::install().unwrap()),
            config: channel::Sender::new(Arc::default()).subscribe(),
            config_state: Arc::default(),
            alerts: AlertFunctions {
                list: Arc::new(Vec::new),
                failing: Arc::new(|| vec!["ops".into()]),
                test: Arc::new(|name| Box::pin(async { Err(TestError::Unknown(name, "none".into())) })),
            },
            test_source: Arc::new(|name: &str, _, _| {
                let tested = (name == "moncreneau").then_some(SourceTestResult {
                    step: SourceTestStep::Accepted,
                    secret: Some(1),
                    reason: None,
                    events: Vec::new(),
                });
                Box::pin(async { tested })
            }),
            approve_confirmation: Arc::new(|_, _, _| Box::pin(async { Ok(ConfirmationDecision::Unknown) })),
            verifiers: Arc::new(Vec::new),
            personal: PersonalFields::new(channel::Sender::new(Arc::default()).subscribe()),
            access: access.clone(),
            changes: Changes::new(channel::Sender::new(false).subscribe()),
            cache: AnswerCache::default(),
        };
        let hosts = Hosts::new([127, 0, 0, 1].into(), channel::Sender::new(Arc::default()).subscribe());
        let router = router(state, hosts);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { base, db, access, readiness, _data: data }
    }

    async fn ask(&self, method: Method, path: &str, token: Option<&str>) -> Response {
        let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let mut request = client.request(method, format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, Some(TOKEN)).await
    }
}

/// The tokens of a host whose data directory has [`TOKEN`].
async fn access(db: &Db) -> Access {
    let first = NewToken {
        name: Name::new(FIRST_TOKEN).unwrap(),
        hash: TokenHash::of(TOKEN),
        role: Role::Admin,
        plugins: Vec::new(),
        expires_at: None,
    };
    let config = channel::Sender::new(Arc::default()).subscribe();
    Access::open(db.clone(), first, config, |_| Some([192, 0, 2, 1].into())).await.unwrap()
}

fn plugin(name: &str) -> PluginView {
    PluginView {
        name: name.into(),
        state: PluginState::Running,
        revision: Some("00".repeat(32)),
        size_bytes: 1,
        since: 1,
        handles: Vec::new(),
        imports: Vec::new(),
        refusal: None,
        origin: None,
        is_pinned: false,
        waiting: None,
        version: 0,
    }
}

async fn json(response: Response) -> serde_json::Value {
    response.json().await.unwrap()
}

#[tokio::test]
async fn every_api_path_requires_the_token() {
    let server = TestServer::start().await;
    let paths =
        ["/api/v1/events", "/api/v1/plugins", "/api/v1/openapi.json", "/api/v1/x", "/api/v1/events/a/b"];
    for path in paths {
        for token in [None, Some("wrong")] {
            let response = server.ask(Method::GET, path, token).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
            assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
        }
    }
    for path in ["/", "/healthz", "/readyz", "/metrics"] {
        let response = server.ask(Method::GET, path, None).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let server = TestServer::start().await;
    let cases = [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/api/v1/nothing", 404),
        (Method::GET, "/api/v1/events/moncreneau/none", 404),
        (Method::DELETE, "/api/v1/events", 405),
        (Method::POST, "/healthz", 405),
        (Method::GET, "/api/v1/events?limit=0", 400),
        (Method::GET, "/api/v1/events?limit=many", 400),
        (Method::GET, "/api/v1/events?typo=1", 400),
        (Method::GET, "/api/v1/events?state=lost", 400),
        (Method::GET, "/api/v1/events?cursor=nowhere", 400),
        (Method::GET, "/api/v1/events/%ff/x", 400),
    ];
    for (method, path, status) in cases {
        let response = server.ask(method.clone(), path, Some(TOKEN)).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON, "{method} {path}");
        assert_eq!(json(response).await["status"], status, "{method} {path}");
    }
}

#[tokio::test]
async fn plugins_are_listed_by_name() {
    let server = TestServer::start().await;
    let page = json(server.get("/api/v1/plugins").await).await;
    assert_eq!(page["items"][0]["name"], "desk");
    assert_eq!(page["items"][1]["state"], "running");
    assert_eq!(page["next_cursor"], serde_json::Value::Null);
}

#[tokio::test]
async fn readyz_follows_the_readiness() {
    let server = TestServer::start().await;
    server.readiness.set("starting: plugin desk is loaded");
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    server.readiness.set_ready();
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn metrics_and_the_index_contain_no_secret() {
    let server = TestServer::start().await;
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("hookyard_plugins{state=\"running\"} 2"), "{metrics}");
    let page = server.get("/").await.text().await.unwrap();
    assert!(page.contains(env!("CARGO_PKG_VERSION")));
    assert!(!page.contains(TOKEN) && !metrics.contains(TOKEN));
}

async fn db(data: &tempfile::TempDir) -> Db {
    let url = format!("sqlite:{}", data.path().join("test.db").display());
    let settings = crate::config::Database { url, ..crate::config::Database::default() };
    let limits = crate::db::Limits { queue_max: 100, backlog_max: 100, cache_max_bytes: 0, crashes_max: 3 };
    let db = Db::open(&settings, limits).await.unwrap();
    db.start(Arc::new(Window));
    db
}

/// Takes nothing: deliveries stay pending.
struct Window;

impl crate::db::Notices for Window {
    fn replay_requested(&self) {}

    fn rescan_effects(&self) {}

    fn erasure_requested(&self) {}

    fn release_requested(&self) {}

    fn plugin_paused(&self, _plugin: &PluginName) {}

    fn rescan(&self) {}
}

impl crate::db::Handoff for Window {
    fn offer(&self, _delivery: crate::delivery::Delivery) -> bool {
        false
    }

    fn offer_effect(&self, _: crate::effect::LeasedEffect) -> bool {
        false
    }
}

fn event(source: &str, id: &str, event_type: &str) -> Event {
    let body = bytes::Bytes::from_static(b"{}");
    Event {
        source: SourceName::new(source).unwrap(),
        id: id.into(),
        event_type: event_type.into(),
        created: "2026-01-21T14:30:00Z".into(),
        received_at: 1,
        digest: Digest::of(&body),
        origin: None,
        trace: None,
        metadata: None,
        payload: 0..2,
        body,
        ordering_key: None,
    }
}

#[tokio::test]
async fn events_are_listed_in_pages_filtered_and_shown() {
    let server = TestServer::start().await;
    let desk = PluginName::new("desk").unwrap();
    for number in 1..=5 {
        let event = event("moncreneau", &format!("evt_{number}"), "appointment.created");
        server
            .db
            .accept(event, vec![Recipient { plugin: desk.clone(), ordered: true, matched: true }])
            .await
            .unwrap();
    }
    server.db.accept(event("other", "evt_1", "x"), Vec::new()).await.unwrap();

    let first = json(server.get("/api/v1/events?limit=4").await).await;
    assert_eq!(first["items"][0]["source"], "other");
    assert_eq!(first["items"].as_array().unwrap().len(), 4);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = json(server.get(&format!("/api/v1/events?limit=4&cursor={cursor}")).await).await;
    assert_eq!(second["items"][1]["id"], "evt_1");

    let counts = [
        ("type=appointment.created", 5),
        ("source=other", 1),
        ("state=unhandled", 1),
        ("state=pending&source=moncreneau", 5),
        ("state=dead", 0),
        ("id=evt_1", 2),
        ("id=evt_1&source=other", 1),
        ("id=evt_1&state=pending", 1),
        ("id=none", 0),
    ];
    for (query, count) in counts {
        let page = json(server.get(&format!("/api/v1/events?{query}")).await).await;
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}: {page}");
    }

    let shown = json(server.get("/api/v1/events/moncreneau/evt_1").await).await;
    assert_eq!(shown["type"], "appointment.created");
    assert_eq!(shown["deliveries"][0]["plugin"], "desk");
    assert_eq!(shown["deliveries"][0]["state"], "pending");
}
