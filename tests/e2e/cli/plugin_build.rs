//! `hookyard plugin build` and `hookyard dev PLUGIN`, with a plugin whose build only copies a file.

use std::process::Command;

use crate::support::{Bed, Event, Ran, distinct, example, until, wat};

/// A folder whose `make` takes `src/plugin.wasm`, and says so.
fn with_plugin(config: &str, wasm: &[u8]) -> Bed {
    let bed = Bed::new(config);
    std::fs::create_dir_all(bed.path("desk/src")).unwrap();
    bed.replace("desk/src/plugin.wasm.in", wasm);
    bed.replace(
        "desk/Makefile",
        b"all:\n\t@echo making\n\t@mkdir -p dist\n\t@cp src/plugin.wasm.in dist/desk.wasm\n",
    );
    bed
}

#[test]
fn a_plugin_is_built_checked_and_put_where_it_is_wanted() {
    let event_log = example("event-log");
    let bed = with_plugin("", &event_log);
    let ran = bed.run(&["plugin", "build", "desk"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.starts_with("built     desk/dist/desk.wasm ("), "{ran:?}");
    assert!(ran.out.contains("\nhandles   *\nasks for  log lines"), "{ran:?}");
    let from_inside =
        Ran::of(bed.command(&["plugin", "build", "--out", "../plugins"]).current_dir(bed.path("desk")));
    assert_eq!(from_inside.code, 0, "{from_inside:?}");
    assert_eq!(std::fs::read(bed.plugin_file("desk")).unwrap(), event_log);
    let ran = bed.run(&["plugin", "build", "desk", "--out", "elsewhere/other.wasm"]);
    assert!(ran.code == 0 && ran.out.ends_with("copied to elsewhere/other.wasm\n"), "{ran:?}");
    assert_eq!(std::fs::read(bed.path("elsewhere/other.wasm")).unwrap(), event_log);
    // What was built can be named by its folder.
    assert_eq!(bed.run(&["plugin", "check", "desk"]).code, 0);
    assert_eq!(bed.run(&["plugin", "run", "desk", "--event", "appointment.created"]).code, 0);
}

#[test]
fn a_failing_build_shows_what_the_tool_says_and_ends_with_what_failed() {
    let bed = with_plugin("", b"");
    bed.replace("desk/Makefile", b"all:\n\t@echo plugin.c:3: wrong\n\t@echo plugin.c:4: too >&2; exit 1\n");
    let ran = bed.run(&["plugin", "build", "desk"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("plugin.c:3: wrong\n") && ran.err.contains("plugin.c:4: too\n"), "{ran:?}");
    let last = ran.err.lines().last().unwrap();
    assert_eq!(last, "error: desk was not built: `make` in desk ended with exit status: 2");
    bed.replace("desk/Makefile", b"all:\n\t@true\n");
    let ran = bed.run(&["plugin", "build", "desk"]);
    assert!(ran.code == 1 && ran.err.contains("the build left no desk/dist/desk.wasm"), "{ran:?}");
}

#[test]
fn what_a_host_would_refuse_is_not_put_anywhere() {
    let bed = with_plugin("", &wat("(component)"));
    let ran = bed.run(&["plugin", "build", "desk", "--out", "plugins"]);
    assert!(ran.code == 1 && ran.out.contains("refused   "), "{ran:?}");
    assert!(ran.err.contains("the host would refuse it"), "{ran:?}");
    assert!(!bed.plugin_file("desk").exists());
}

#[test]
fn a_missing_tool_is_named_with_the_way_to_it() {
    let bed = with_plugin("", b"");
    for (manifest, tool, way) in [
        ("Makefile", "make", "apt-get install make"),
        ("package.json", "npm", "https://nodejs.org"),
        ("pyproject.toml", "python3", "apt-get install python3"),
        ("Cargo.toml", "rustc", "https://rustup.rs"),
    ] {
        let dir = bed.path(&format!("{tool}-plugin"));
        std::fs::create_dir_all(dir.join("sdk")).unwrap();
        std::fs::write(dir.join(manifest), "").unwrap();
        std::fs::write(dir.join("sdk/venv"), "").unwrap();
        let mut command: Command = bed.command(&["plugin", "build"]);
        let ran = Ran::of(command.current_dir(&dir).env("PATH", bed.path("plugins")));
        // Debian's compiler is looked for at its place, wherever programs are looked for.
        let found = tool == "rustc" && ran.err.contains("no Rust compiler here builds for wasm32");
        let told = ran.err.contains(&format!("there is no `{tool}` here: ")) && ran.err.contains(way);
        assert!(ran.code == 1 && (told || found), "{tool}: {ran:?}");
    }
    let ran = bed.run(&["plugin", "build", "plugins"]);
    assert!(ran.code == 1 && ran.err.contains("`hookyard plugin new` makes one"), "{ran:?}");
}

#[test]
fn a_configuration_that_only_a_host_can_read_does_not_stop_authors() {
    let bed = with_plugin("[plugin.desk]\nsecrets = { key = \"env:NOT_SET_HERE\" }\n", &example("event-log"));
    let ran = bed.run(&["plugin", "build", "desk"]);
    assert!(
        ran.code == 0 && ran.err.contains("NOT_SET_HERE") && ran.err.contains("the defaults are used"),
        "{ran:?}"
    );
    let ran =
        bed.run(&["plugin", "run", "desk", "--event", "appointment.created", "--config", "hookyard.toml"]);
    assert!(ran.code == 1 && ran.err.contains("NOT_SET_HERE"), "named, it has to be good: {ran:?}");
}

#[tokio::test]
async fn dev_serves_a_plugins_folder_and_builds_it_anew() {
    let first = example("event-log");
    let bed = with_plugin("", &first);
    let host = bed.start_with(bed.command(&["dev", "desk"])).await;
    // It was built before the host took its first event.
    let event = Event::sample("appointment.created", "evt_1");
    assert_eq!(host.send(&event).await.json["deliveries"], 1);
    host.runs("desk", &first).await;
    let next = distinct(&first, 1);
    bed.replace("desk/src/plugin.wasm.in", &next);
    host.runs("desk", &next).await;
    host.logged(&["dev: built", "desk"]).await;
    // A build that fails leaves what runs; the next good one is taken.
    bed.replace("desk/Makefile", b"all:\n\t@exit 1\n");
    host.logged(&["dev: desk was not built: `make` in desk ended with", "what runs stays as it is"]).await;
    assert_eq!(host.plugin("desk").await.unwrap()["refusal"], serde_json::Value::Null);
    let told = std::fs::read_to_string(bed.path("host.out")).unwrap();
    assert!(told.contains("  rebuild    desk (C) when something changes in desk\n"), "{told}");
}

#[tokio::test]
async fn dev_serves_although_the_first_build_fails_and_takes_the_first_good_one() {
    let bed = with_plugin("", b"");
    bed.replace("desk/Makefile", b"all:\n\t@echo broken; exit 1\n");
    let host = bed.start_with(bed.command(&["dev", "desk"])).await;
    until("it says so", async || bed.log().contains("error: desk was not built").then_some(())).await;
    bed.replace("desk/src/plugin.wasm.in", &example("event-log"));
    bed.replace("desk/Makefile", b"all:\n\t@mkdir -p dist\n\t@cp src/plugin.wasm.in dist/desk.wasm\n");
    host.runs("desk", &example("event-log")).await;
}
