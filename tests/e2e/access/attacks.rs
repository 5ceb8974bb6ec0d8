//! Attempts to use a token that is not valid, and requests that race.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{create, run_as};
use crate::support::{CommandOutput, HostDir, RunningHost, example, fake_clock, wait_until};

/// Sends bytes to the admin address, and returns the status of the answer.
fn send_raw(host: &RunningHost<'_>, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(host.admin().trim_start_matches("http://")).unwrap();
    stream.write_all(request).unwrap();
    read_status(&mut stream)
}

fn read_status(stream: &mut TcpStream) -> u16 {
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_forged_authorization_header_is_refused() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let token = create(&dir, &["a", "--role", "read"]);
    let other = create(&dir, &["b", "--role", "read"]);
    let ask = |headers: &[u8]| {
        let head =
            [b"GET /api/v1/plugins HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", headers, b"\r\n"];
        send_raw(&host, &head.concat())
    };
    let line = |text: &str| format!("Authorization: {text}\r\n").into_bytes();
    assert_eq!(ask(&line(&format!("Bearer {token}"))), 200);
    assert_eq!(ask(&line(&format!("bearer   {token}  "))), 200);
    let hash = hookyard::event::Digest::of(token.as_bytes()).to_string();
    for forged in [
        line(""),
        line("Bearer"),
        line("Bearer "),
        line(&format!("Basic {token}")),
        line(&format!("Bearer {token} {other}")),
        line(&format!("Bearer {token},{other}")),
        line(&format!("Bearer {}", token.to_uppercase())),
        line(&format!("Bearer {}", &token[..token.len() - 1])),
        line(&format!("Bearer {token}0")),
        line(&format!("Bearer {hash}")),
        line(&format!("Bearer {}", "x".repeat(15_000))),
        [line(&format!("Bearer {token}")), line(&format!("Bearer {other}"))].concat(),
        [b"Authorization: Bearer \xff\xfe".as_slice(), token.as_bytes(), b"\r\n"].concat(),
        [b"Authorization: Bearer ".as_slice(), token.as_bytes(), b"\xc2\xa0\r\n"].concat(),
        format!("X-Authorization: Bearer {token}\r\n").into_bytes(),
        format!("Cookie: token={token}\r\n").into_bytes(),
    ] {
        let status = ask(&forged);
        assert_eq!(status, 401, "{}", String::from_utf8_lossy(&forged));
    }
    let path =
        format!("GET /api/v1/plugins?token={token} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(send_raw(&host, path.as_bytes()), 401);
}

#[tokio::test]
async fn a_request_whose_token_is_revoked_before_its_body_has_arrived_changes_nothing() {
    let dir = HostDir::new("");
    dir.install("desk", &example("statistics"));
    let host = dir.start().await;
    let token = create(&dir, &["ops", "--role", "operate"]);
    let body = r#"{"where":{"plugin":"desk"}}"#;
    let mut stream = TcpStream::connect(host.admin().trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST /api/v1/deliveries/retry HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.len(),
        &body[..5]
    );
    stream.write_all(head.as_bytes()).unwrap();
    wait_until("the host has seen the request", async || {
        let listed = dir.run(&["token", "list", "--json"]).json();
        let tokens = listed["items"].as_array().unwrap().iter();
        tokens.filter(|token| token["name"] == "ops").any(|token| token["used_at"].is_u64()).then_some(())
    })
    .await;
    assert_eq!(dir.run(&["token", "revoke", "ops"]).code, 0);
    stream.write_all(&body.as_bytes()[5..]).unwrap();
    assert_eq!(read_status(&mut stream), 401);
    let listed = dir.run(&["audit", "list", "--actor", "ops", "--json"]).json();
    assert_eq!(listed["items"], serde_json::json!([]));
}

#[tokio::test]
async fn of_commands_that_race_for_a_name_one_gets_it() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for round in 0..3 {
        let name = format!("t{round}");
        let outputs: Vec<_> = std::thread::scope(|scope| {
            let command =
                || CommandOutput::run(&mut dir.command(&["token", "create", &name, "--role", "read"]));
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(command)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let made: Vec<_> = outputs.iter().filter(|output| output.code == 0).collect();
        assert_eq!(made.len(), 1, "{outputs:?}");
        assert!(
            outputs
                .iter()
                .filter(|output| output.code != 0)
                .all(|output| output.err.contains("there is a token"))
        );
        assert_eq!(run_as(&dir, made[0].out.trim(), &["plugin", "list"]).code, 0);
        let revoked: Vec<_> = std::thread::scope(|scope| {
            let command = || dir.run(&["token", "revoke", &name]).code;
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(command)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(revoked.iter().filter(|code| **code == 0).count(), 1, "{revoked:?}");
    }
    assert_eq!(dir.run(&["audit", "verify"]).code, 0);
    let listed = dir.run(&["audit", "list", "--action", "token", "--json"]).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1 + 3 * 2, "one entry for each change");
    drop(host);
}

#[tokio::test]
async fn an_expired_token_is_not_brought_back_by_a_clock_that_is_set_back() {
    let dir = HostDir::new("");
    let clock = fake_clock(&dir, 0);
    let host = dir.start_with(clock.command()).await;
    let month = create(&dir, &["month", "--role", "read", "--expires", "30d"]);
    let short = create(&dir, &["short", "--role", "read", "--expires", "1s"]);
    let is_refused = |token: &str| run_as(&dir, token, &["plugin", "list"]).err.contains("has expired");
    wait_until("the token expires", async || is_refused(&short).then_some(())).await;
    clock.set(-48);
    assert!(is_refused(&short));
    assert!(!is_refused(&month));
    clock.set(31 * 24);
    assert!(is_refused(&month), "by the system clock it is over");
    clock.set(0);
    assert!(!is_refused(&month));
    drop(host);
}

/// Kills at any moment leave each decision with its entry.
#[tokio::test]
async fn after_a_kill_the_log_is_whole_and_says_what_is_so() {
    let dir = HostDir::new("");
    dir.install("desk", &example("statistics"));
    for round in 0..6 {
        let host = dir.start().await;
        let answered = Arc::new(AtomicUsize::new(0));
        let token = std::fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap().trim().to_owned();
        let (base, count) = (format!("{}/api/v1/plugins/desk", host.admin()), Arc::clone(&answered));
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let flipping = tokio::spawn(async move {
            for verb in ["pause", "resume"].into_iter().cycle() {
                let flip = client.post(format!("{base}/{verb}")).bearer_auth(&token).send().await;
                if !flip.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        wait_until("some flips are answered", async || {
            (answered.load(Ordering::Relaxed) > round).then_some(())
        })
        .await;
        host.kill();
        flipping.await.unwrap();
    }
    let host = dir.start().await;
    assert_eq!(dir.run(&["audit", "verify"]).code, 0);
    let listed = dir.run(&["audit", "list", "--action", "plugin", "--target", "desk", "--json"]).json();
    let entries = listed["items"].as_array().unwrap();
    let last = entries.iter().find(|entry| entry["after"]["paused"].is_boolean()).unwrap();
    let paused_at = &host.plugin("desk").await.unwrap()["paused_at"];
    assert_eq!(last["after"]["paused"], !paused_at.is_null(), "{last}");
}
