//! `hookyard event list`.

use serde_json::{Value, json};

use crate::support::{Bed, Event, Host, guest};

const CONFIG: &str =
    "[sources.shop]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n[plugin.actor]\nevents = [\"shop.*\"]\n";

/// Three events: one done, one dead, one that nobody wants.
async fn three(bed: &Bed) -> Host<'_> {
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    for (id, event_type, act) in [
        ("evt_done", "shop.opened", "well"),
        ("evt_dead", "shop.closed", "reject"),
        ("evt_nobody", "till.opened", "well"),
    ] {
        host.send(&Event::of(event_type, id, &json!({ "act": act }))).await;
        host.settled(id).await;
    }
    host
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn filters_narrow_the_list_and_add_up() {
    let bed = Bed::new(CONFIG);
    let _host = three(&bed).await;
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
        let page = bed.run(&[&["event", "list", "--json"], filters].concat()).json();
        assert_eq!(ids(&page), expected, "{filters:?}");
        let ran = bed.run(&[&["event", "list"], filters].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        if expected.is_empty() {
            assert_eq!(ran.out, "no such events\n");
        } else {
            assert_eq!(ran.out.lines().count(), 1 + expected.len(), "a header and a line for each: {ran:?}");
        }
    }
}

#[tokio::test]
async fn an_event_is_a_line_that_a_person_or_awk_can_read() {
    let bed = Bed::new(CONFIG);
    let _host = three(&bed).await;
    let ran = bed.run(&["event", "list"]);
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["RECEIVED", "SOURCE", "ID", "TYPE", "STATE", "DELIVERIES"]);
    assert_eq!(rows[1][1..], ["moncreneau", "evt_nobody", "till.opened", "unhandled", "0"]);
    assert_eq!(rows[2][1..], ["moncreneau", "evt_dead", "shop.closed", "dead", "1"]);
    assert_eq!(rows[3][1..], ["moncreneau", "evt_done", "shop.opened", "done", "1"]);
    assert!(rows[1..].iter().all(|row| row[0].parse::<jiff::Timestamp>().is_ok()), "{ran:?}");
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor() {
    let bed = Bed::new(CONFIG);
    let _host = three(&bed).await;
    let first = bed.run(&["event", "list", "--limit", "2", "--json"]).json();
    assert_eq!(ids(&first), ["evt_nobody", "evt_dead"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let told = bed.run(&["event", "list", "--limit", "2"]);
    assert!(told.out.ends_with(&format!("\nthere are more: --cursor {cursor}, or --limit N\n")), "{told:?}");
    let second = bed.run(&["event", "list", "--limit", "2", "--json", "--cursor", cursor]).json();
    assert_eq!((ids(&second), &second["next_cursor"]), (vec!["evt_done"], &Value::Null));
}

#[tokio::test]
async fn what_is_no_filter_is_refused_by_name() {
    let bed = Bed::new("");
    let _host = bed.start().await;
    let empty = bed.run(&["event", "list"]);
    assert_eq!(empty.code, 0, "{empty:?}");
    assert!(empty.out.contains("no events yet") && empty.out.contains("hookyard event send"), "{empty:?}");
    for (flag, value, parts) in [
        ("--state", "lost", &["`state`", "`lost`", "`unhandled`"][..]),
        ("--cursor", "next", &["`cursor`", "next_cursor"]),
    ] {
        let ran = bed.run(&["event", "list", flag, value]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(parts.iter().all(|part| ran.err.contains(part)), "{ran:?}");
    }
    let help = bed.run(&["event", "list", "--help"]);
    let refused = bed.run(&["event", "list", "--state", "lost"]).err;
    let states = help.out.lines().find_map(|line| line.strip_prefix("States: ")).unwrap();
    let mut named: Vec<String> = states.split(", ").map(|state| format!("`{state}`")).collect();
    let mut known: Vec<&str> = refused.split("expected one of ").nth(1).unwrap().trim().split(", ").collect();
    named.sort();
    known.sort_unstable();
    assert_eq!(named, known, "the help names every state");
}
