//! The operators' address answers to configured host names only, and to no page of another origin.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::support::{Event, HostDir, RunningHost};

/// Asks with these lines after the first one; the status, and the body.
fn ask(host: &RunningHost<'_>, line: &str, headers: &[&str]) -> (u16, String) {
    let address = host.admin().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    let headers: Vec<_> = [headers, &["Connection: close"]].concat();
    write!(connection, "{line}\r\n{}\r\n\r\n", headers.join("\r\n")).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}

#[tokio::test]
async fn only_expected_host_names_are_answered_and_the_refusal_names_the_key() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let token = std::fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap();
    let bearer = format!("Authorization: Bearer {}", token.trim());
    for path in ["/metrics", "/", "/api/v1/events", "/api/v1/plugins"] {
        let get = format!("GET {path} HTTP/1.1");
        for (name, expected) in [
            ("localhost", 200),
            ("127.0.0.1:8081", 200),
            ("[::1]:8081", 200),
            ("evil.example", 421),
            ("localhost.evil.example:8081", 421),
            ("10.1.2.3", 421),
        ] {
            let (status, body) = ask(&host, &get, &[&format!("Host: {name}"), &bearer]);
            assert_eq!(status, expected, "{path} as {name}: {body}");
            if expected == 421 {
                let problem: Value = serde_json::from_str(&body).unwrap();
                assert!(problem["detail"].as_str().unwrap().contains("admin.hosts"), "{body}");
            }
        }
        let whole = format!("GET http://evil.example{path} HTTP/1.1");
        assert_eq!(ask(&host, &whole, &["Host: localhost", &bearer]).0, 421);
        assert_eq!(ask(&host, &get, &["Host: localhost", "Host: evil.example", &bearer]).0, 400);
        assert_eq!(ask(&host, &format!("GET {path} HTTP/1.0"), &[&bearer]).0, 200, "{path} without a name");
    }
    for path in ["/healthz", "/readyz"] {
        let get = format!("GET {path} HTTP/1.1");
        assert_eq!(ask(&host, &get, &["Host: balancer.example"]).0, 200, "{path}");
    }
    // Senders know the host by whatever name it has.
    let event = Event::created("evt_1");
    let signature = crate::support::sign(crate::support::SECRET, &event.body);
    let headers = [("Host", "hooks.example.gn"), ("X-Moncreneau-Signature", &*signature)];
    assert_eq!(host.post("moncreneau", &event.body, &headers).await.code, 202);

    dir.configure("");
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    let text = text.replacen("[admin]\n", "[admin]\nhosts = [\"ops.example.gn\"]\n", 1);
    dir.replace("hookyard.toml", text.as_bytes());
    host.wait_log(&["configuration changed", "admin.hosts"]).await;
    assert_eq!(ask(&host, "GET /metrics HTTP/1.1", &["Host: OPS.example.gn:443"]).0, 200);
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_change_anything() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let token = std::fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap();
    let bearer = format!("Authorization: Bearer {}", token.trim());
    let post = "POST /api/v1/plugins/nobody/pause HTTP/1.1";
    for (header, expected) in [
        ("Origin: http://localhost:8081", 404),
        ("Sec-Fetch-Site: same-origin", 404),
        ("Origin: https://evil.example", 403),
        ("Origin: null", 403),
        ("Sec-Fetch-Site: cross-site", 403),
    ] {
        let (status, body) = ask(&host, post, &["Host: localhost", "Content-Length: 0", header, &bearer]);
        assert_eq!(status, expected, "{header}: {body}");
    }
}
