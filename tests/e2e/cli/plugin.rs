//! `hookyard plugin list` and `hookyard plugin check`.

use hookyard::event::Digest;
use serde_json::Value;

use crate::support::{HostDir, guest, wat};

/// A good plugin that also asks for something that no host offers: one more section of imports, with a
/// resource type in it (component-model/design/mvp/Binary.md).
fn greedy() -> Vec<u8> {
    let name = b"acme:things/vault@1.0.0";
    let length = u8::try_from(name.len()).unwrap();
    let import = [&[1, 0, length], &name[..], &[3, 1]].concat();
    [&guest("stats")[..], &[10, length + 5], &import].concat()
}

#[tokio::test]
async fn list_shows_revisions_and_the_reason_of_a_refusal() {
    let dir = HostDir::new("");
    let empty_host = dir.start().await;
    let empty = dir.run(&["plugin", "list"]);
    assert!(
        empty.code == 0 && empty.out.contains("no plugins") && empty.out.contains("NAME.wasm"),
        "{empty:?}"
    );
    let stats = guest("stats");
    dir.install("stats", &stats);
    dir.install("bad", b"not wasm");
    empty_host.wait_plugin("bad", "it is refused", |plugin| plugin["state"] == "refused").await;
    empty_host.wait_revision("stats", &stats).await;
    dir.install("stats", &greedy());
    empty_host.wait_plugin("stats", "the new file is refused", |plugin| plugin["refusal"].is_string()).await;

    let page = dir.run(&["plugin", "list", "--json"]).json();
    let names: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bad", "stats"]);
    let output = dir.run(&["plugin", "list"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let rows: Vec<Vec<&str>> = output.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["PLUGIN", "STATE", "REVISION", "FROM", "SIZE", "SINCE", "HANDLES"]);
    assert_eq!(rows[1][..2], ["bad", "refused"]);
    let short = &Digest::of(&stats).to_string()[..12];
    assert_eq!(rows[2][..3], ["stats", "running", short]);
    assert!(rows[2].ends_with(&["appointment-completed,", "appointment-created"]), "{output:?}");
    for line in ["plugin bad revision ", "plugin stats revision "] {
        assert_eq!(output.out.matches(line).count(), 1, "each reason is told once: {output:?}");
    }
    let told = format!("acme:things/vault@1.0.0, which this host does not offer; revision {short} stays");
    assert!(output.out.contains(&told), "{output:?}");
}

#[test]
fn check_lists_the_handlers_and_imports_of_a_valid_file() {
    let dir = HostDir::new("");
    let stats = guest("stats");
    dir.replace("stats.wasm", &stats);
    let checked = dir.run(&["plugin", "check", "stats.wasm", "--json"]).json();
    let digest = Digest::of(&stats).to_string();
    assert_eq!(
        (&checked["name"], &checked["ok"], &checked["revision"]),
        (&"stats".into(), &true.into(), &digest.into())
    );
    let handles = checked["handles"].to_string();
    assert!(handles.contains("moncreneau:events/appointment-created@1.0.0"), "{checked}");
    assert!(checked["imports"].to_string().contains("wasi:logging/logging"), "{checked}");
    let output = dir.run(&["plugin", "check", "stats.wasm"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(output.out.ends_with("ok: the host takes it\n"), "{output:?}");
    assert!(!dir.path("hookyard-data").exists(), "a check leaves nothing behind");
}

#[test]
fn check_reports_the_reason_of_a_refusal() {
    let dir = HostDir::new("");
    dir.replace("garbage.wasm", b"#!/bin/sh\n");
    dir.replace("cut.wasm", &guest("actor")[..5000]);
    dir.replace("greedy.wasm", &greedy());
    dir.replace("idle.wasm", &wat("(component)"));
    for (file, reason) in [
        ("garbage.wasm", "not a WebAssembly file"),
        ("cut.wasm", ""),
        ("greedy.wasm", "asks for acme:things/vault@1.0.0, which this host does not offer"),
        ("idle.wasm", "hookyard:plugin/event-handler"),
    ] {
        let output = dir.run(&["plugin", "check", file]);
        assert_eq!((output.code, output.err.as_str()), (1, ""), "{output:?}");
        let told = output.out.lines().find_map(|line| line.strip_prefix("refused   "));
        assert!(told.is_some_and(|told| !told.is_empty() && told.contains(reason)), "{output:?}");
        let output = dir.run(&["plugin", "check", file, "--json"]);
        let checked: Value = serde_json::from_str(&output.out).unwrap();
        assert_eq!((output.code, &checked["ok"]), (1, &false.into()), "{output:?}");
        let refusal = checked["refusal"].as_str().unwrap();
        assert!(!refusal.is_empty() && refusal.contains(reason), "{output:?}");
    }
}

#[test]
fn check_applies_the_limits_and_names_of_the_configuration() {
    let dir = HostDir::new("[plugins]\nfile_max_bytes = 2048\n");
    dir.replace("stats.wasm", &guest("stats"));
    let output = dir.run(&["plugin", "check", "stats.wasm"]);
    assert!(output.code == 1 && output.out.contains("`plugins.file_max_bytes` is 2048"), "{output:?}");
    dir.replace("my plugin.wasm", &wat("(component)"));
    let output = dir.run(&["plugin", "check", "my plugin.wasm"]);
    assert!(output.code == 1 && output.err.contains("`my plugin` is not a name"), "{output:?}");
    let output = dir.run(&["plugin", "check", "nowhere.wasm"]);
    assert!(output.code == 1 && output.err.contains("nowhere.wasm"), "{output:?}");
}
