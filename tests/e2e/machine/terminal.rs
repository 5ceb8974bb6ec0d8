//! Text of plugins and senders forges no line, and contains no control sequence for a terminal.

use serde_json::Value;

use crate::support::{Event, HostDir, guest};

/// A text without spaces, at which the actor splits what it is told, that would begin a line of its own, clear the screen in two ways, and turn the direction.
const FORGED: &str =
    "x\n|INFO_forged\r\n2026-01-01T00:00:00Z_INFO_forged\u{1b}[2J\u{9b}2J\u{202e}\u{2028}\u{7f}";

fn is_shown(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}'))
}

#[tokio::test]
async fn received_text_forges_no_line_of_a_command_or_of_the_log() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    // What is no control character is taken as a part of an id.
    let id = "evt_\u{202e}1\u{200f}";
    host.send(&Event::with_act(1, id, FORGED)).await;
    let event = host.wait_finished(id).await;
    let attempt = &event["deliveries"][0]["attempts"][0];
    assert!(attempt["reason"].as_str().unwrap().contains(FORGED), "it is kept as it is: {event}");

    let list = dir.run(&["event", "list"]);
    assert!(list.code == 0 && list.out.contains(r"evt_\u{202e}1\u{200f}"), "{list:?}");
    let shown = dir.run(&["event", "show", id]);
    assert!(shown.code == 0 && shown.out.contains(r"\u{1b}[2J\u{9b}2J\u{202e}\u{2028}\u{7f}"), "{shown:?}");
    let dead = dir.run(&["delivery", "list", "--state", "dead"]);
    for output in [&list, &shown, &dead] {
        for line in output.out.lines() {
            assert!(line.chars().all(is_shown), "{line:?}");
            let begins = line.trim_start();
            assert!(!begins.starts_with("|INFO_forged") && !begins.starts_with("2026-01-01"), "{line:?}");
        }
    }
    for arguments in [&["event", "show", id, "--json"][..], &["event", "list", "--json"]] {
        let output = dir.run(arguments);
        let parsed: Value = serde_json::from_str(&output.out).unwrap();
        assert!(parsed.to_string().contains("x\\n|INFO_forged") || arguments[1] == "list", "{parsed}");
        assert!(output.out.lines().all(|line| line.chars().all(is_shown)), "{output:?}");
    }
    let log = host.flushed_log().await;
    for line in log.lines() {
        assert!(line.chars().all(is_shown), "{line:?}");
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(log.contains("forged"), "it is logged");
}

#[tokio::test]
async fn an_error_of_the_host_forges_no_line_of_a_command() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let output = dir.run(&["event", "show", "evt_\nerror: forged\u{202e}"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(!output.err.lines().any(|line| line.starts_with("error: forged")), "{output:?}");
    assert!(output.err.lines().all(|line| line.chars().all(is_shown)), "{output:?}");
    drop(host);
}
