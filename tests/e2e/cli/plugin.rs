//! `hookyard plugin list` and `hookyard plugin check`.

use hookyard::event::Digest;
use serde_json::Value;

use crate::support::{Bed, guest, wat};

/// A good plugin that also asks for something that no host offers: one more section of imports, with a
/// resource type in it (component-model/design/mvp/Binary.md).
fn greedy() -> Vec<u8> {
    let name = b"acme:things/vault@1.0.0";
    let length = u8::try_from(name.len()).unwrap();
    let import = [&[1, 0, length], &name[..], &[3, 1]].concat();
    [&guest("stats")[..], &[10, length + 5], &import].concat()
}

#[tokio::test]
async fn list_shows_what_runs_and_why_a_file_is_refused() {
    let bed = Bed::new("");
    let empty_host = bed.start().await;
    let empty = bed.run(&["plugin", "list"]);
    assert!(
        empty.code == 0 && empty.out.contains("no plugins") && empty.out.contains("NAME.wasm"),
        "{empty:?}"
    );
    let stats = guest("stats");
    bed.install("stats", &stats);
    bed.install("bad", b"not wasm");
    empty_host.plugin_when("bad", "it is refused", |plugin| plugin["state"] == "refused").await;
    empty_host.runs("stats", &stats).await;
    bed.install("stats", &greedy());
    empty_host.plugin_when("stats", "the new file is refused", |plugin| plugin["refusal"].is_string()).await;

    let page = bed.run(&["plugin", "list", "--json"]).json();
    let names: Vec<&str> =
        page["items"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bad", "stats"]);
    let ran = bed.run(&["plugin", "list"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    let rows: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["PLUGIN", "STATE", "REVISION", "SIZE", "SINCE", "HANDLES"]);
    assert_eq!(rows[1][..2], ["bad", "refused"]);
    let short = &Digest::of(&stats).to_string()[..12];
    assert_eq!(rows[2][..3], ["stats", "running", short]);
    assert!(rows[2].ends_with(&["appointment-completed,", "appointment-created"]), "{ran:?}");
    for line in ["plugin bad revision ", "plugin stats revision "] {
        assert_eq!(ran.out.matches(line).count(), 1, "each reason is told once: {ran:?}");
    }
    let told = format!("acme:things/vault@1.0.0, which this host does not offer; revision {short} stays");
    assert!(ran.out.contains(&told), "{ran:?}");
}

#[test]
fn check_says_what_a_good_file_handles_and_imports() {
    let bed = Bed::new("");
    let stats = guest("stats");
    bed.replace("stats.wasm", &stats);
    let checked = bed.run(&["plugin", "check", "stats.wasm", "--json"]).json();
    let digest = Digest::of(&stats).to_string();
    assert_eq!(
        (&checked["name"], &checked["ok"], &checked["revision"]),
        (&"stats".into(), &true.into(), &digest.into())
    );
    let handles = checked["handles"].to_string();
    assert!(handles.contains("moncreneau:events/appointment-created@1.0.0"), "{checked}");
    assert!(checked["imports"].to_string().contains("wasi:logging/logging"), "{checked}");
    let ran = bed.run(&["plugin", "check", "stats.wasm"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.ends_with("ok: the host takes it\n"), "{ran:?}");
    assert!(!bed.path("hookyard-data").exists(), "a check leaves nothing behind");
}

#[test]
fn check_says_why_a_file_would_be_refused() {
    let bed = Bed::new("");
    bed.replace("garbage.wasm", b"#!/bin/sh\n");
    bed.replace("cut.wasm", &guest("actor")[..5000]);
    bed.replace("greedy.wasm", &greedy());
    bed.replace("idle.wasm", &wat("(component)"));
    for (file, reason) in [
        ("garbage.wasm", "not a WebAssembly file"),
        ("cut.wasm", ""),
        ("greedy.wasm", "asks for acme:things/vault@1.0.0, which this host does not offer"),
        ("idle.wasm", "hookyard:plugin/event-handler"),
    ] {
        let ran = bed.run(&["plugin", "check", file]);
        assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
        let told = ran.out.lines().find_map(|line| line.strip_prefix("refused   "));
        assert!(told.is_some_and(|told| !told.is_empty() && told.contains(reason)), "{ran:?}");
        let ran = bed.run(&["plugin", "check", file, "--json"]);
        let checked: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &checked["ok"]), (1, &false.into()), "{ran:?}");
        let refusal = checked["refusal"].as_str().unwrap();
        assert!(!refusal.is_empty() && refusal.contains(reason), "{ran:?}");
    }
}

#[test]
fn check_follows_the_configurations_limits_and_names() {
    let bed = Bed::new("[plugins]\nfile_max_bytes = 2048\n");
    bed.replace("stats.wasm", &guest("stats"));
    let ran = bed.run(&["plugin", "check", "stats.wasm"]);
    assert!(ran.code == 1 && ran.out.contains("`plugins.file_max_bytes` is 2048"), "{ran:?}");
    bed.replace("my plugin.wasm", &wat("(component)"));
    let ran = bed.run(&["plugin", "check", "my plugin.wasm"]);
    assert!(ran.code == 1 && ran.err.contains("`my plugin` is no name"), "{ran:?}");
    let ran = bed.run(&["plugin", "check", "nowhere.wasm"]);
    assert!(ran.code == 1 && ran.err.contains("nowhere.wasm"), "{ran:?}");
}
