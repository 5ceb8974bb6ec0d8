//! Sessions: their cookies, their ends, and their limits.

use std::time::Duration;

use reqwest::{StatusCode, header};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::first_token;
use super::visitor::Visitor;
use crate::access::{create, run_as, with_admin_keys};
use crate::support::{Event, HostDir, guest};

const COOKIE: &str = "hookyard-session";

#[tokio::test]
async fn a_cookie_is_out_of_reach_for_scripts_and_other_sites_and_not_chosen_by_the_visitor() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let visitor = Visitor::new(&host);
    let planted = "a".repeat(64);
    visitor.set_cookie(COOKIE, &planted);
    let answer = visitor.post("/login", &[("token", &first_token(&dir))]).await;
    let [cookie] = &answer.set_cookies()[..] else { panic!("{:?}", answer.set_cookies()) };
    for part in [" Path=/;", " HttpOnly;", " SameSite=Strict", " Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"), "{cookie}");
    assert_ne!(visitor.cookie(COOKIE).unwrap(), planted, "a log-in makes a secret of its own");
    let stored = std::fs::read(dir.path("hookyard-data/hookyard.db")).unwrap();
    let secret = visitor.cookie(COOKIE).unwrap();
    assert!(!stored.windows(secret.len()).any(|part| part == secret.as_bytes()), "the secret is stored");
    // The cookie is no token of the API.
    let answer = visitor.get("/api/v1/events").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn over_https_the_cookie_is_for_https_only() {
    let dir = with_admin_keys("hosts = [\"ops.example.gn\"]\nsession_cookie_secure = true");
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    assert!(visitor.cookie("__Host-hookyard-session").is_some() && visitor.cookie(COOKIE).is_none());
    assert_eq!(visitor.get("/").await.status, StatusCode::OK);
    // A program on another port of this name could set the plain cookie.
    let planted = Visitor::new(&host);
    planted.set_cookie(COOKIE, &visitor.cookie("__Host-hookyard-session").unwrap());
    assert_eq!(planted.get("/").await.location(), "/login");
}

#[tokio::test]
async fn a_session_ends_at_once_with_its_token_and_when_somebody_ends_it() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let night = create(&dir, &["night-shift", "--role", "operate"]);
    let other = create(&dir, &["other", "--role", "operate"]);
    let visitor = Visitor::logged_in(&host, &night).await;
    let second = Visitor::logged_in(&host, &night).await;
    let stranger = Visitor::logged_in(&host, &other).await;
    let listed = dir.run(&["session", "list", "--json"]).json();
    let sessions = listed["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 3, "{listed}");
    assert_eq!(
        (sessions[0]["token"].as_str(), sessions[0]["address"].as_str()),
        (Some("night-shift"), Some("127.0.0.1"))
    );
    let id = sessions[0]["id"].to_string();
    let table = dir.run(&["session", "list"]).out;
    assert!(table.starts_with("ID") && table.contains("night-shift"), "{table}");

    // A role other than admin sees and ends those of its own token.
    let own = run_as(&dir, &night, &["session", "list", "--json"]).json();
    assert_eq!(own["items"].as_array().unwrap().len(), 2, "{own}");
    assert!(run_as(&dir, &other, &["session", "revoke", &id]).err.contains("no session"));
    let ended = stranger.submit(&format!("/settings/sessions/{id}/end"), &[]).await;
    assert_eq!(ended.status, StatusCode::NOT_FOUND);
    assert_eq!(visitor.get("/").await.status, StatusCode::OK);
    let ended = second.submit(&format!("/settings/sessions/{id}/end"), &[]).await;
    assert_eq!((ended.status, ended.location()), (StatusCode::SEE_OTHER, "/settings"));
    assert_eq!(visitor.get("/").await.location(), "/login");
    assert_eq!(second.get("/").await.status, StatusCode::OK);

    assert_eq!(dir.run(&["token", "revoke", "night-shift"]).code, 0);
    assert_eq!(second.get("/").await.location(), "/login");
    assert_eq!(second.post("/logout", &[("form_token", "x")]).await.location(), "/login");
    assert_eq!(stranger.get("/").await.status, StatusCode::OK);
    let entries = dir.run(&["audit", "list", "--action", "session", "--json"]).json();
    let actions: Vec<_> = entries["items"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert_eq!(
        actions,
        ["session.revoke", "session.create", "session.create", "session.create"],
        "{entries}"
    );
}

#[tokio::test]
async fn a_session_survives_a_restart_and_ends_with_its_log_out() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    host.kill();
    let host = dir.start().await;
    let after = Visitor::new(&host);
    let secret = visitor.cookie(COOKIE).unwrap();
    after.set_cookie(COOKIE, &secret);
    assert_eq!(after.get("/").await.status, StatusCode::OK);
    assert_eq!(after.submit("/logout", &[]).await.location(), "/login");
    assert_eq!(after.cookie(COOKIE), None);
    after.set_cookie(COOKIE, &secret);
    assert_eq!(after.get("/").await.location(), "/login", "the secret is over");
}

#[tokio::test]
async fn the_secret_changes_and_the_one_before_is_over_soon() {
    let dir = with_admin_keys("session_rotation_minutes = 0");
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let mut secrets = vec![visitor.cookie(COOKIE).unwrap()];
    for _ in 0..3 {
        assert_eq!(visitor.get("/settings").await.status, StatusCode::OK);
        let secret = visitor.cookie(COOKIE).unwrap();
        assert!(!secrets.contains(&secret));
        secrets.push(secret);
    }
    // Requests that were under way have the one before; older ones are over.
    let late = Visitor::new(&host);
    late.set_cookie(COOKIE, &secrets[1]);
    assert_eq!(late.get("/settings").await.location(), "/login?next=%2Fsettings");
    late.set_cookie(COOKIE, &secrets[2]);
    assert_eq!(late.get("/settings").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_limits_on_sessions_hold() {
    let dir = with_admin_keys("sessions_max = 4\nsessions_per_token_max = 2");
    let host = dir.start().await;
    let ops = create(&dir, &["ops", "--role", "operate"]);
    let mut visitors = Vec::new();
    for _ in 0..3 {
        visitors.push(Visitor::logged_in(&host, &ops).await);
    }
    assert_eq!(visitors[0].get("/").await.location(), "/login", "the third log-in ended it");
    for visitor in &visitors[1..] {
        assert_eq!(visitor.get("/").await.status, StatusCode::OK);
    }
    for name in ["a", "b"] {
        let token = create(&dir, &[name, "--role", "read"]);
        Visitor::logged_in(&host, &token).await;
    }
    let refused = Visitor::new(&host).post("/login", &[("token", &first_token(&dir))]).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        refused.body.contains("admin.sessions_max") && refused.set_cookies().is_empty(),
        "{}",
        refused.body
    );
}

#[tokio::test]
async fn the_news_of_an_open_page_end_with_its_session() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let stream = header::HeaderValue::from_static("text/event-stream");
    let follow = || {
        let accept = header::HeaderMap::from_iter([(header::ACCEPT, stream.clone())]);
        visitor.request(reqwest::Method::GET, "/live?types=plugin").headers(accept).send()
    };
    let open = follow().await.unwrap();
    assert_eq!(open.status(), StatusCode::OK);
    let listed = dir.run(&["session", "list", "--json"]).json();
    assert_eq!(dir.run(&["session", "revoke", &listed["items"][0]["id"].to_string()]).code, 0);
    // It ends by itself.
    let news = tokio::time::timeout(Duration::from_mins(1), open.text()).await.unwrap().unwrap();
    assert!(news.contains("event: end"), "{news}");
    assert_eq!(follow().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_form_that_is_under_way_when_its_session_ends_changes_nothing() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("any.type", "evt_1", &json!({ "act": "well" }))).await;
    let visitor = Visitor::logged_in(&host, &first_token(&dir)).await;
    let form = format!("form_token={}", visitor.get("/settings").await.form_token());
    let authority = visitor.base().trim_start_matches("http://").to_owned();
    let head = format!(
        "POST /events/moncreneau/evt_1/run HTTP/1.1\r\nhost: {authority}\r\norigin: http://{authority}\r\n\
         cookie: {COOKIE}={}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n",
        visitor.cookie(COOKIE).unwrap(),
        form.len()
    );
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The host asks for the body when it has found the session.
    let mut asked = [0; 12];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    assert_eq!(visitor.submit("/logout", &[]).await.location(), "/login");
    stream.write_all(form.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 401") || answer.contains("location: /login"), "{answer}");
    assert_eq!(host.event("evt_1").await.unwrap()["deliveries"].as_array().unwrap().len(), 1);
}
