//! `hookyard event list`.

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, guest};

const CONFIG: &str =
    "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n[plugin.actor]\nevents = [\"shop.*\"]\n";

/// Three events: one done, one dead, one without a subscriber.
async fn three(dir: &HostDir) -> RunningHost<'_> {
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for (id, event_type, act) in [
        ("evt_done", "shop.opened", "well"),
        ("evt_dead", "shop.closed", "reject"),
        ("evt_nobody", "till.opened", "well"),
    ] {
        host.send(&Event::with_payload(event_type, id, &json!({ "act": act }))).await;
        host.wait_finished(id).await;
    }
    host
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn filters_narrow_the_list_and_combine() {
    let dir = HostDir::new(CONFIG);
    let _host = three(&dir).await;
    for (filters, expected) in [
        (&[][..], &["evt_nobody", "evt_dead", "evt_done"][..]),
        (&["--type", "shop.opened"], &["evt_done"]),
        (&["--state", "dead"], &["evt_dead"]),
        (&["--state", "unhandled"], &["evt_nobody"]),
        (&["--source", "moncreneau"], &["evt_nobody", "evt_dead", "evt_done"]),
        (&["--source", "shop"], &[]),
        (&["--source", "moncreneau", "--type", "shop.closed", "--state", "dead"], &["evt_dead"]),
        (&["--type", "shop.closed", "--state", "done"], &[]),
    ] {
        let page = dir.run(&[&["event", "list", "--json"], filters].concat()).json();
        assert_eq!(ids(&page), expected, "{filters:?}");
        let output = dir.run(&[&["event", "list"], filters].concat());
        assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
        if expected.is_empty() {
            assert_eq!(output.out, "no such events\n");
        } else {
            assert_eq!(
                output.out.lines().count(),
                1 + expected.len(),
                "a header and a line for each: {output:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_followed_list_goes_on_across_a_restart_until_a_signal() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    let dir = HostDir::new(CONFIG);
    let host = three(&dir).await;
    let mut command = dir.command(&["event", "list", "--follow", "--json", "--limit", "1"]);
    let mut following = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = |id: &str, state: &str| loop {
        let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(event["id"], id, "nothing is shown twice, and nothing older: {event}");
        if event["state"] == state {
            break;
        }
    };
    next("evt_nobody", "unhandled");
    host.send(&Event::with_payload("shop.opened", "evt_new", &json!({ "act": "well" }))).await;
    next("evt_new", "done");
    host.kill();
    // The next host has other ports.
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.closed", "evt_later", &json!({ "act": "reject" }))).await;
    next("evt_later", "dead");
    let stopped = std::process::Command::new("kill").args(["-INT", &following.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let ended = following.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    for wrong in ["--state=done", "--cursor=1"] {
        assert_eq!(dir.run(&["event", "list", "--follow", wrong]).code, 2);
    }
}

#[tokio::test]
async fn an_event_is_a_line_that_a_person_or_awk_can_read() {
    let dir = HostDir::new(CONFIG);
    let _host = three(&dir).await;
    let output = dir.run(&["event", "list"]);
    let rows: Vec<Vec<&str>> = output.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["RECEIVED", "SOURCE", "ID", "TYPE", "STATE", "DELIVERIES"]);
    assert_eq!(rows[1][1..], ["moncreneau", "evt_nobody", "till.opened", "unhandled", "0"]);
    assert_eq!(rows[2][1..], ["moncreneau", "evt_dead", "shop.closed", "dead", "1"]);
    assert_eq!(rows[3][1..], ["moncreneau", "evt_done", "shop.opened", "done", "1"]);
    assert!(rows[1..].iter().all(|row| row[0].parse::<jiff::Timestamp>().is_ok()), "{output:?}");
}

#[tokio::test]
async fn a_page_continues_at_its_cursor() {
    let dir = HostDir::new(CONFIG);
    let _host = three(&dir).await;
    let first = dir.run(&["event", "list", "--limit", "2", "--json"]).json();
    assert_eq!(ids(&first), ["evt_nobody", "evt_dead"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let told = dir.run(&["event", "list", "--limit", "2"]);
    assert!(told.out.ends_with(&format!("\nthere are more: --cursor {cursor}, or --limit N\n")), "{told:?}");
    let second = dir.run(&["event", "list", "--limit", "2", "--json", "--cursor", cursor]).json();
    assert_eq!((ids(&second), &second["next_cursor"]), (vec!["evt_done"], &Value::Null));
}

#[tokio::test]
async fn an_invalid_filter_is_rejected_and_named() {
    let dir = HostDir::new("");
    let _host = dir.start().await;
    let empty = dir.run(&["event", "list"]);
    assert_eq!(empty.code, 0, "{empty:?}");
    assert!(empty.out.contains("no events yet") && empty.out.contains("hookyard event send"), "{empty:?}");
    for (flag, value, parts) in [
        ("--state", "lost", &["`state`", "`lost`", "`unhandled`"][..]),
        ("--cursor", "next", &["`cursor`", "next_cursor"]),
    ] {
        let output = dir.run(&["event", "list", flag, value]);
        assert_eq!((output.code, output.out.as_str()), (2, ""), "{output:?}");
        assert!(parts.iter().all(|part| output.err.contains(part)), "{output:?}");
    }
    let help = dir.run(&["event", "list", "--help"]);
    let refused = dir.run(&["event", "list", "--state", "lost"]).err;
    let states = help.out.lines().find_map(|line| line.strip_prefix("States: ")).unwrap();
    let mut named: Vec<String> = states.split(", ").map(|state| format!("`{state}`")).collect();
    let mut known: Vec<&str> = refused.split("expected one of ").nth(1).unwrap().trim().split(", ").collect();
    named.sort();
    known.sort_unstable();
    assert_eq!(named, known, "the help names every state");
}

#[tokio::test]
async fn an_invalid_filter_of_any_list_is_wrong_usage() {
    let dir = HostDir::new("");
    let _host = dir.start().await;
    for list in ["event", "delivery", "effect"] {
        for (flag, value) in [("--state", "weird"), ("--cursor", "next")] {
            let output = dir.run(&[list, "list", flag, value]);
            assert_eq!((output.code, output.out.as_str()), (2, ""), "{list} {flag}: {output:?}");
        }
    }
    let held = dir.run(&["effect", "list", "--state", "held"]);
    assert!(held.code == 2 && held.err.contains("expected one of `pending`, `waiting`"), "{held:?}");
}
