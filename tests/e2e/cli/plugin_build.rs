//! `hookyard plugin build` and `hookyard dev PLUGIN`, with a plugin whose build only copies a file.

use std::process::Command;

use crate::support::{CommandOutput, Event, HostDir, distinct_copy, example, wait_until, wat};

/// A folder whose `make` takes `src/plugin.wasm`, and says so.
fn with_plugin(config: &str, wasm: &[u8]) -> HostDir {
    let dir = HostDir::new(config);
    std::fs::create_dir_all(dir.path("desk/src")).unwrap();
    dir.replace("desk/src/plugin.wasm.in", wasm);
    dir.replace(
        "desk/Makefile",
        b"all:\n\t@echo making\n\t@mkdir -p dist\n\t@cp src/plugin.wasm.in dist/desk.wasm\n",
    );
    dir
}

#[test]
fn a_plugin_is_built_checked_and_written_to_the_output_directory() {
    let event_log = example("event-log");
    let dir = with_plugin("", &event_log);
    let output = dir.run(&["plugin", "build", "desk"]);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(output.out.starts_with("built     desk/dist/desk.wasm ("), "{output:?}");
    assert!(output.out.contains("\nhandles   *\nasks for  log lines"), "{output:?}");
    let from_inside = CommandOutput::run(
        dir.command(&["plugin", "build", "--out", "../plugins"]).current_dir(dir.path("desk")),
    );
    assert_eq!(from_inside.code, 0, "{from_inside:?}");
    assert_eq!(std::fs::read(dir.plugin_file("desk")).unwrap(), event_log);
    let output = dir.run(&["plugin", "build", "desk", "--out", "elsewhere/other.wasm"]);
    assert!(output.code == 0 && output.out.ends_with("copied to elsewhere/other.wasm\n"), "{output:?}");
    assert_eq!(std::fs::read(dir.path("elsewhere/other.wasm")).unwrap(), event_log);
    // What was built can be named by its folder.
    assert_eq!(dir.run(&["plugin", "check", "desk"]).code, 0);
    assert_eq!(dir.run(&["plugin", "run", "desk", "--event", "appointment.created"]).code, 0);
}

#[test]
fn a_run_of_a_stale_build_warns_and_names_the_newer_source() {
    let dir = with_plugin("", &example("event-log"));
    assert_eq!(dir.run(&["plugin", "build", "desk"]).code, 0);
    let run = ["plugin", "run", "desk", "--event", "appointment.created"];
    let output = dir.run(&run);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    let source = std::fs::File::options().append(true).open(dir.path("desk/Makefile")).unwrap();
    source.set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
    let output = dir.run(&run);
    let warning = "warning: desk/Makefile is newer than desk/dist/desk.wasm: \
                   `hookyard plugin build desk` builds it again\n";
    assert_eq!((output.code, output.err.as_str()), (0, warning), "{output:?}");
}

#[test]
fn the_tests_of_a_plugin_run_with_the_tools_of_its_language() {
    let dir = with_plugin("", b"");
    let makefile = b"test:\n\t@echo one test >&2; echo passed $(words $(MORE))\n";
    dir.replace("desk/Makefile", makefile);
    // As under `make`, which tells a `make` below it to print its directory.
    let mut command = dir.command(&["plugin", "test", "desk", "--", "MORE=a b"]);
    let output = CommandOutput::run(command.env("MAKELEVEL", "1").env("MAKEFLAGS", "w"));
    assert_eq!((output.code, output.out.as_str()), (0, "passed 2\n"), "{output:?}");
    assert_eq!(output.err, "one test\n");
    let output = dir.run(&["plugin", "test", "desk", "--wasm"]);
    assert_eq!(
        (output.code, output.err.as_str()),
        (2, "error: --wasm: `make test` has no test host; let it call `hookyard plugin run`\n")
    );
    dir.replace("desk/Makefile", b"test:\n\t@exit 3\n");
    let output = CommandOutput::run(dir.command(&["plugin", "test"]).current_dir(dir.path("desk")));
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output.err.ends_with("error: `make --file=Makefile test` in . ended with exit status: 2\n"),
        "{output:?}"
    );
}

#[test]
fn a_failed_build_shows_the_output_of_the_tool_and_names_the_failed_command() {
    let dir = with_plugin("", b"");
    dir.replace("desk/Makefile", b"all:\n\t@echo plugin.c:3: wrong\n\t@echo plugin.c:4: too >&2; exit 1\n");
    let output = dir.run(&["plugin", "build", "desk"]);
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert!(
        output.err.contains("plugin.c:3: wrong\n") && output.err.contains("plugin.c:4: too\n"),
        "{output:?}"
    );
    let last = output.err.lines().last().unwrap();
    assert_eq!(last, "error: desk was not built: `make --file=Makefile` in desk ended with exit status: 2");
    dir.replace("desk/Makefile", b"all:\n\t@true\n");
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(output.code == 1 && output.err.contains("the build left no desk/dist/desk.wasm"), "{output:?}");
}

#[test]
fn a_built_plugin_that_a_host_refuses_is_not_written() {
    let dir = with_plugin("", &wat("(component)"));
    let output = dir.run(&["plugin", "build", "desk", "--out", "plugins"]);
    assert!(output.code == 1 && output.out.contains("refused   "), "{output:?}");
    assert!(output.err.contains("the host would refuse it"), "{output:?}");
    assert!(!dir.plugin_file("desk").exists());
}

#[test]
fn a_missing_tool_is_named_with_how_to_install_it() {
    let dir = with_plugin("", b"");
    for (manifest, tool, way) in [
        ("Makefile", "make", "apt-get install make"),
        ("package.json", "npm", "https://nodejs.org"),
        ("pyproject.toml", "python3", "apt-get install python3"),
        ("Cargo.toml", "rustc", "https://rustup.rs"),
        ("go.mod", "go", "https://go.dev/dl"),
    ] {
        let plugin_dir = dir.path(&format!("{tool}-plugin"));
        std::fs::create_dir_all(plugin_dir.join("sdk")).unwrap();
        std::fs::write(plugin_dir.join(manifest), "").unwrap();
        std::fs::write(plugin_dir.join("sdk/venv"), "").unwrap();
        let mut command: Command = dir.command(&["plugin", "build"]);
        let output = CommandOutput::run(command.current_dir(&plugin_dir).env("PATH", dir.path("plugins")));
        // Debian's compiler is looked for at its place, wherever programs are looked for.
        let found = tool == "rustc" && output.err.contains("no Rust compiler here builds for wasm32");
        let told = output.err.contains(&format!("there is no `{tool}` here: ")) && output.err.contains(way);
        assert!(output.code == 1 && (told || found), "{tool}: {output:?}");
    }
    let output = dir.run(&["plugin", "build", "plugins"]);
    assert!(output.code == 1 && output.err.contains("`hookyard plugin new` makes one"), "{output:?}");
}

#[test]
fn a_configuration_with_unreadable_secrets_does_not_stop_a_build() {
    let dir = with_plugin("[plugin.desk]\nsecrets = { key = \"env:NOT_SET_HERE\" }\n", &example("event-log"));
    let output = dir.run(&["plugin", "build", "desk"]);
    assert!(
        output.code == 0
            && output.err.contains("NOT_SET_HERE")
            && output.err.starts_with("warning: ")
            && output.err.contains("used as they are written"),
        "{output:?}"
    );
    let output =
        dir.run(&["plugin", "run", "desk", "--event", "appointment.created", "--config", "hookyard.toml"]);
    assert!(output.code == 1 && output.err.contains("NOT_SET_HERE"), "named, it has to be good: {output:?}");
}

#[tokio::test]
async fn dev_serves_a_plugin_folder_and_rebuilds_it() {
    let first = example("event-log");
    let dir = with_plugin("", &first);
    let host = dir.start_with(dir.command(&["dev", "desk"])).await;
    // It was built before the host took its first event.
    let event = Event::sample("appointment.created", "evt_1");
    assert_eq!(host.send(&event).await.json["deliveries"], 1);
    host.wait_revision("desk", &first).await;
    let next = distinct_copy(&first, 1);
    dir.replace("desk/src/plugin.wasm.in", &next);
    host.wait_revision("desk", &next).await;
    host.wait_log(&["dev: built", "desk"]).await;
    // A build that fails leaves what runs; the next good one is taken.
    dir.replace("desk/Makefile", b"all:\n\t@exit 1\n");
    host.wait_log(&[
        "dev: desk was not built: `make --file=Makefile` in desk ended with",
        "what runs stays as it is",
    ])
    .await;
    assert_eq!(host.plugin("desk").await.unwrap()["refusal"], serde_json::Value::Null);
    host.wait_out("  rebuild    desk (Makefile) when something changes in desk\n").await;
}

#[tokio::test]
async fn dev_serves_after_a_failed_first_build_and_loads_the_first_good_one() {
    let dir = with_plugin("", b"");
    dir.replace("desk/Makefile", b"all:\n\t@echo broken; exit 1\n");
    let host = dir.start_with(dir.command(&["dev", "desk"])).await;
    wait_until("it says so", async || dir.log().contains("error: desk was not built").then_some(())).await;
    dir.replace("desk/src/plugin.wasm.in", &example("event-log"));
    dir.replace("desk/Makefile", b"all:\n\t@mkdir -p dist\n\t@cp src/plugin.wasm.in dist/desk.wasm\n");
    host.wait_revision("desk", &example("event-log")).await;
}
