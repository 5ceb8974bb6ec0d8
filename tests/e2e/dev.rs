//! `hookyard dev`: samples, and plugins that are rebuilt when their sources change.

use crate::support::{CommandOutput, HostDir, RunningHost, TYPES, distinct_copy, example, wat};

fn with_examples() -> HostDir {
    let dir = HostDir::new("");
    for plugin in ["appointment-desk", "event-log", "statistics"] {
        dir.install(plugin, &example(plugin));
    }
    dir
}

fn play(dir: &HostDir) -> CommandOutput {
    dir.run(&["dev", "--play-samples", "--once"])
}

#[test]
fn samples_handled_by_all_plugins_are_exit_code_0() {
    let dir = with_examples();
    let output = play(&dir);
    assert_eq!(output.code, 0, "{}", output.out);
    for event_type in TYPES {
        let line = format!("\n{event_type}  evt_");
        assert_eq!(output.out.matches(&line).count(), 1, "{event_type}: {}", output.out);
    }
    assert_eq!(output.out.matches(": done\n").count(), 13, "13 deliveries: {}", output.out);
    assert!(output.out.contains("| INFO New appointment "), "what plugins did is shown: {}", output.out);
    assert!(output.out.contains("All 5 events were taken; 3 plugins did all their parts."), "{}", output.out);
    assert!(!dir.path("hookyard-data/listening.json").exists(), "it stopped");
    // Again on the same database: samples have fresh ids.
    assert_eq!(play(&dir).code, 0);
}

#[test]
fn dev_waits_for_effects_and_follows_emitted_events() {
    let dir = HostDir::new("[plugin.invoice]\nemit = [\"invoice.created\"]\n");
    for plugin in ["event-log", "invoice"] {
        dir.install(plugin, &example(plugin));
    }
    let output = play(&dir);
    assert_eq!(output.code, 0, "{}", output.out);
    assert!(output.out.contains("    effect: event invoice.created, done\n"), "{}", output.out);
    let emitted = output.out.split("\ninvoice.created  ").nth(1).unwrap_or_else(|| panic!("{}", output.out));
    let (id, followed) = emitted.split_once(", emitted by invoice\n  event-log: done\n").unwrap();
    assert!(followed.contains(&format!("| INFO invoice.created {id} from plugin.invoice")), "{emitted}");
    let verdict = "All 5 events were taken; 2 plugins did all their parts, and 1 effect went out.";
    assert!(output.out.contains(verdict), "{}", output.out);
}

#[test]
fn a_refused_or_idle_plugin_a_dead_letter_or_effect_or_no_plugin_is_exit_code_1() {
    let refused = with_examples();
    refused.install("bad", b"not wasm");
    let idle = with_examples();
    idle.configure("[plugin.statistics]\nevents = []\n");
    let dead = with_examples();
    dead.configure("[plugin.event-log]\nmemory_max_bytes = 65536\nattempts_max = 1\n");
    let unheard = with_examples();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    unheard.configure(&format!(
        "[effects]\nattempts_max = 1\n[plugin.feedback-request]\nhttp = [\"http://{nobody}\"]\n\
         secrets = {{ sms_api_key = \"key\" }}\n\
         config = {{ sms_url = \"http://{nobody}/sms\", sender = \"Desk\", feedback_url = \"https://example.gn\" }}\n"
    ));
    unheard.install("feedback-request", &example("feedback-request"));
    let dead_effect = format!("plugin feedback-request: effect POST http://{nobody}/sms is dead");
    let none = HostDir::new("");
    for (dir, told) in [
        (refused, "plugin bad revision"),
        (idle, "plugin statistics handled none of the samples"),
        (dead, "event-log"),
        (unheard, &*dead_effect),
        (none, "no plugin is there"),
    ] {
        let output = play(&dir);
        assert_eq!(output.code, 1, "{told}: {}", output.out);
        let verdict =
            output.out.split("Not all went well:\n").nth(1).unwrap_or_else(|| panic!("{}", output.out));
        assert!(verdict.contains(told), "{told}: {verdict}");
    }
}

#[test]
fn samples_are_played_as_the_own_source_of_a_host_whose_configuration_names_none() {
    let dir = with_examples();
    dir.replace("hookyard.toml", b"[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    let output = play(&dir);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains("Playing 5 sample events, signed as `moncreneau`"), "{output:?}");
}

#[tokio::test]
async fn dev_lists_the_plugins_that_it_rebuilds_and_those_that_it_does_not() {
    for (config, told) in [
        (
            "",
            "rebuild    nothing: name the folder of a plugin, or give --watch DIR and --build CMD, or `[dev]`",
        ),
        (
            "[dev]\nwatch = [\"a\", \"b\"]\nbuild = \"true\"\n",
            "rebuild    `true` when something changes in a, b",
        ),
    ] {
        let dir = HostDir::new(config);
        let host = dir.start_with(dir.command(&["dev"])).await;
        host.wait_out(told).await;
    }
}

/// A build that copies the file named in `src/next`, and fails without it.
const BUILD: &str = "[dev]\nwatch = [\"src\"]\n\
                     build = 'cp \"$(cat src/next)\" plugins/.new && mv plugins/.new plugins/event-log.wasm'\n";

async fn rebuilding(dir: &HostDir) -> RunningHost<'_> {
    std::fs::create_dir(dir.path("src")).unwrap();
    dir.replace("src/next", b"first.wasm");
    dir.install("event-log", &example("event-log"));
    dir.start_with(dir.command(&["dev"])).await
}

#[tokio::test]
async fn a_changed_source_is_rebuilt_and_swapped() {
    let dir = HostDir::new(BUILD);
    let host = rebuilding(&dir).await;
    for number in 1..=2 {
        let next = distinct_copy(&example("event-log"), number);
        dir.replace(&format!("{number}.wasm"), &next);
        dir.replace("src/next", format!("{number}.wasm").as_bytes());
        host.wait_revision("event-log", &next).await;
    }
    host.wait_log(&["dev: sources changed, building"]).await;
    host.wait_log(&["dev: built"]).await;
}

#[tokio::test]
async fn a_failed_build_keeps_the_running_revision_and_is_reported() {
    let dir = HostDir::new(BUILD);
    let host = rebuilding(&dir).await;
    host.wait_revision("event-log", &example("event-log")).await;
    dir.replace("src/next", b"nowhere.wasm");
    let line = host.wait_log(&["dev: the build failed"]).await;
    assert!(line.contains("\"ERROR\"") && line.contains("plugins stay as they are"), "{line}");
    // The build's own words.
    host.wait_log(&["nowhere.wasm"]).await;
    let plugin = host.plugin("event-log").await.unwrap();
    assert_eq!(
        (&plugin["state"], &plugin["refusal"]),
        (&"running".into(), &serde_json::Value::Null),
        "{plugin}"
    );
    // The host refuses a built file that is no plugin, and continues.
    dir.replace("empty.wasm", &wat("(component)"));
    dir.replace("src/next", b"empty.wasm");
    let plugin =
        host.wait_plugin("event-log", "the build is refused", |plugin| plugin["refusal"].is_string()).await;
    assert_eq!(plugin["state"], "running", "{plugin}");
    // And the next good build is taken.
    let next = distinct_copy(&example("event-log"), 3);
    dir.replace("3.wasm", &next);
    dir.replace("src/next", b"3.wasm");
    let plugin = host.wait_revision("event-log", &next).await;
    assert_eq!(plugin["refusal"], serde_json::Value::Null, "{plugin}");
}

#[tokio::test]
async fn without_once_dev_keeps_running_and_prints_the_next_steps() {
    let dir = HostDir::new("[dev]\nwatch = [\"src\"]\nbuild = \"true\"\n");
    std::fs::create_dir_all(dir.path("src/desk/src")).unwrap();
    dir.replace("src/desk/src/lib.rs", b"// here");
    dir.install("event-log", &example("event-log"));
    let host = dir.start_with(dir.command(&["dev", "--play-samples"])).await;
    let told = host.wait_out("event send appointment.created").await;
    let url = format!("{}/webhooks/moncreneau", host.webhooks());
    for part in [&url, host.admin(), "edit src/desk/src/lib.rs, save", "event send appointment.created"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // The `curl` that it prints is a command that works.
    let curl = &told[told.find("curl -sS ").unwrap()..told.find("\n\nSee a hot swap").unwrap()];
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        return eprintln!("not tried: there is no curl");
    }
    let output = CommandOutput::run(std::process::Command::new("sh").args(["-c", curl]));
    assert!(output.code == 0 && output.out.contains(r#""status":"accepted""#), "{output:?}");
}
