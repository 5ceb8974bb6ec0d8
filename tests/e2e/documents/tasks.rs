//! The table of operators' tasks in `docs/tasks.md`: each is done by its command on one host, and by its call of the API
//! on another. `HOOKYARD_BLESS=1` writes the table.

use std::fmt::Write as _;
use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use super::{document, root};
use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest};

const DOCUMENT: &str = "docs/tasks.md";
const BEGIN: &str = "<!-- the table is written by tests/e2e/documents/tasks.rs -->\n";

/// Something that operators do.
struct Task {
    what: &'static str,
    command: &'static str,
    method: Method,
    /// The path below `/api/v1`.
    path: &'static str,
    /// The body; `None` = none.
    body: Option<Value>,
}

fn get(what: &'static str, command: &'static str, path: &'static str) -> Task {
    Task { what, command, method: Method::GET, path, body: None }
}

fn post(what: &'static str, command: &'static str, path: &'static str, body: Value) -> Task {
    Task { what, command, method: Method::POST, path, body: Some(body) }
}

/// The tasks, in an order in which each can be done.
fn tasks() -> Vec<Task> {
    vec![
        get("See what is wrong, and what to do", "doctor", "/doctor"),
        get(
            "Find the events of a caller by the last digits of the phone number",
            "event list --search 4567",
            "/events?search=4567",
        ),
        get("See why an event failed", "event show evt_1", "/events/moncreneau/evt_1"),
        get(
            "List the dead letters of a plugin",
            "delivery list --state dead --plugin desk",
            "/deliveries?state=dead&plugin=desk",
        ),
        post(
            "Replay one dead letter",
            "delivery replay 1-1",
            "/replays",
            json!({ "of": "deliveries", "where": { "deliveries": ["1-1"] } }),
        ),
        post(
            "Count what a replay by reason would do",
            "delivery replay --plugin desk --reason told --dry-run",
            "/replays",
            json!({ "of": "deliveries", "where": { "plugin": "desk", "reason": "told" }, "dry_run": true }),
        ),
        post(
            "Replay all dead letters of a plugin that failed for a reason",
            "delivery replay --plugin desk --reason told",
            "/replays",
            json!({ "of": "deliveries", "where": { "plugin": "desk", "reason": "told" } }),
        ),
        get(
            "See which deliveries of a replay failed",
            "delivery list --replay 1 --state dead",
            "/deliveries?replay=1&state=dead",
        ),
        post(
            "Run an event with an edited payload",
            "event replay evt_1 --payload payload.json",
            "/events/moncreneau/evt_1/edits",
            json!({ "payload": { "id": 1 } }),
        ),
        post(
            "Give past events to a plugin, also those that it has done",
            "event replay --type appointment.created --to desk --again",
            "/replays",
            json!({ "of": "events", "where": { "type": "appointment.created" }, "to": "desk", "again": true }),
        ),
        post("Pause a plugin", "plugin pause desk", "/plugins/desk/pause", json!({})),
        post("Resume it", "plugin resume desk", "/plugins/desk/resume", json!({})),
        Task {
            what: "Switch a plugin off for a type of events",
            command: "plugin disable desk --type appointment.created",
            method: Method::PUT,
            path: "/plugins/desk/switches",
            body: Some(json!({ "type": "appointment.created", "on": false })),
        },
        Task {
            what: "Switch it on again, and discard what was held",
            command: "plugin enable desk --type appointment.created --held discard",
            method: Method::PUT,
            path: "/plugins/desk/switches",
            body: Some(json!({ "type": "appointment.created", "on": true, "held": "discard" })),
        },
        get("See which plugin handles which type", "plugin matrix", "/plugins/matrix"),
        Task {
            what: "Push a revision",
            command: "plugin push desk next.wasm",
            method: Method::POST,
            path: "/plugins/desk/revisions",
            body: None,
        },
        get(
            "See what the revision in force gained and lost",
            "plugin diff desk",
            "/plugins/desk/revisions/diff",
        ),
        post("Go back to the revision before", "plugin rollback desk", "/plugins/desk/rollback", json!({})),
        post("Keep this revision until it is unpinned", "plugin pin desk", "/plugins/desk/pin", json!({})),
        post(
            "Make a token for a team's pipeline",
            "token create pipeline --role deploy --plugins desk --expires 30d",
            "/tokens",
            json!({ "name": "pipeline", "role": "deploy", "plugins": ["desk"], "expires_in_ms": 2_592_000_000_u64 }),
        ),
        get("See who decided what", "audit list --action plugin", "/audit?action=plugin"),
    ]
}

fn table() -> String {
    let mut text = "| Task | Command | API |\n|---|---|---|\n".to_owned();
    for Task { what, command, method, path, body } in tasks() {
        let body = match (&method, body) {
            (_, Some(body)) if body != json!({}) => format!(" `{body}`"),
            (&Method::POST, None) => " and the file".into(),
            _ => String::new(),
        };
        let _ = writeln!(text, "| {what} | `hookyard {command}` | `{method} {path}`{body} |");
    }
    text
}

#[test]
fn the_table_of_tasks_is_that_of_the_test() {
    let page = document(DOCUMENT);
    let (before, _) = page.split_once(BEGIN).expect("the page has the mark");
    let expected = format!("{before}{BEGIN}\n{}", table());
    if std::env::var_os("HOOKYARD_BLESS").is_some() {
        fs::write(root().join(DOCUMENT), &expected).unwrap();
    }
    assert_eq!(document(DOCUMENT), expected, "HOOKYARD_BLESS=1 writes it");
}

/// A host with dead letters and two revisions of a plugin.
async fn filled(dir: &HostDir) -> RunningHost<'_> {
    dir.install("desk", &guest("actor"));
    let host = dir.start().await;
    for number in 1..=4 {
        let id = format!("evt_{number}");
        host.send(&Event::created(&id)).await;
        assert_eq!(host.wait_finished(&id).await["state"], "dead");
    }
    fs::write(dir.path("payload.json"), r#"{"id":1}"#).unwrap();
    fs::write(dir.path("next.wasm"), distinct_copy(&guest("actor"), 1)).unwrap();
    host
}

const CONFIG: &str = "[plugin.desk]\nattempts_max = 1\nconfig = { act = \"reject\" }\n";

#[tokio::test]
async fn each_task_is_one_command() {
    let dir = HostDir::new(CONFIG);
    let _host = filled(&dir).await;
    for Task { what, command, .. } in tasks() {
        let words: Vec<&str> = command.split(' ').collect();
        let output = dir.run(&words);
        assert_eq!(output.code, 0, "{what}: {output:?}");
        assert!(!output.out.is_empty(), "{what}: {output:?}");
    }
}

#[tokio::test]
async fn each_task_is_one_call() {
    let dir = HostDir::new(CONFIG);
    let host = filled(&dir).await;
    let token = fs::read_to_string(dir.path("hookyard-data/admin-token")).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    for Task { what, method, path, body, .. } in tasks() {
        let is_push = method == Method::POST && body.is_none();
        let mut request = client.request(method, format!("{}/api/v1{path}", host.admin()));
        request = request.bearer_auth(token.trim());
        if let Some(body) = body {
            request = request.json(&body);
        } else if is_push {
            let file = fs::read(dir.path("next.wasm")).unwrap();
            request = request.header("content-type", "application/wasm").body(file);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{what}: {status} {text}");
    }
}
