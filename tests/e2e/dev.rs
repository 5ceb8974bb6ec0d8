//! `hookyard dev`: samples, and plugins that are rebuilt when their sources change.

use crate::support::{Bed, Host, Ran, TYPES, distinct, example, until, wat};

fn with_examples() -> Bed {
    let bed = Bed::new("");
    for plugin in ["appointment-desk", "event-log", "statistics"] {
        bed.install(plugin, &example(plugin));
    }
    bed
}

fn play(bed: &Bed) -> Ran {
    bed.run(&["dev", "--play-samples", "--once"])
}

#[test]
fn samples_that_all_plugins_handle_are_exit_code_0() {
    let bed = with_examples();
    let ran = play(&bed);
    assert_eq!(ran.code, 0, "{}", ran.out);
    for event_type in TYPES {
        let line = format!("\n{event_type}  evt_");
        assert_eq!(ran.out.matches(&line).count(), 1, "{event_type}: {}", ran.out);
    }
    assert_eq!(ran.out.matches(": done\n").count(), 13, "13 deliveries: {}", ran.out);
    assert!(ran.out.contains("| INFO New appointment 12345"), "what plugins did is shown: {}", ran.out);
    assert!(ran.out.contains("All 5 events were taken; 3 plugins did all their parts."), "{}", ran.out);
    assert!(!bed.path("hookyard-data/listening.json").exists(), "it stopped");
    // Again on the same database: samples have fresh ids.
    assert_eq!(play(&bed).code, 0);
}

#[test]
fn effects_are_waited_for_and_shown_and_the_events_among_them_are_followed() {
    let bed = Bed::new("[plugin.invoice]\nemit = [\"invoice.created\"]\n");
    for plugin in ["event-log", "invoice"] {
        bed.install(plugin, &example(plugin));
    }
    let ran = play(&bed);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("    effect: event invoice.created, done\n"), "{}", ran.out);
    let emitted = ran.out.split("\ninvoice.created  ").nth(1).unwrap_or_else(|| panic!("{}", ran.out));
    let (id, followed) = emitted.split_once(", emitted by invoice\n  event-log: done\n").unwrap();
    assert!(followed.contains(&format!("| INFO invoice.created {id} from plugin.invoice")), "{emitted}");
    let verdict = "All 5 events were taken; 2 plugins did all their parts, and 1 effect went out.";
    assert!(ran.out.contains(verdict), "{}", ran.out);
}

#[test]
fn a_refused_plugin_an_idle_one_a_dead_letter_or_effect_or_no_plugin_is_exit_code_1_and_told() {
    let refused = with_examples();
    refused.install("bad", b"not wasm");
    let idle = with_examples();
    idle.configure("[plugin.statistics]\nevents = []\n");
    let dead = with_examples();
    dead.configure("[plugin.event-log]\nmemory_max_bytes = 65536\nattempts_max = 1\n");
    let unheard = with_examples();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    unheard.configure(&format!(
        "[effects]\ntries_max = 1\n[plugin.feedback-request]\nhttp = [\"http://{nobody}\"]\n\
         secrets = {{ sms_api_key = \"key\" }}\n\
         config = {{ sms_url = \"http://{nobody}/sms\", sender = \"Desk\", feedback_url = \"https://example.gn\" }}\n"
    ));
    unheard.install("feedback-request", &example("feedback-request"));
    let dead_effect = format!("plugin feedback-request: effect POST http://{nobody}/sms is dead");
    let none = Bed::new("");
    for (bed, told) in [
        (refused, "plugin bad revision"),
        (idle, "plugin statistics handled none of the samples"),
        (dead, "event-log"),
        (unheard, &*dead_effect),
        (none, "no plugin is there"),
    ] {
        let ran = play(&bed);
        assert_eq!(ran.code, 1, "{told}: {}", ran.out);
        let verdict = ran.out.split("Not all went well:\n").nth(1).unwrap_or_else(|| panic!("{}", ran.out));
        assert!(verdict.contains(told), "{told}: {verdict}");
    }
}

#[test]
fn without_a_source_there_is_nothing_to_play_as() {
    let bed = Bed::new("");
    bed.replace("hookyard.toml", b"[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    let ran = play(&bed);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("no source to send as"), "{ran:?}");
}

#[tokio::test]
async fn what_is_rebuilt_is_told_and_so_is_what_is_not() {
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
        let bed = Bed::new(config);
        let _host = bed.start_with(bed.command(&["dev"])).await;
        until("it is told", async || {
            std::fs::read_to_string(bed.path("host.out")).unwrap().contains(told).then_some(())
        })
        .await;
    }
}

/// A build that takes what `src/next` names, and fails where there is no such file.
const BUILD: &str = "[dev]\nwatch = [\"src\"]\n\
                     build = 'cp \"$(cat src/next)\" plugins/.new && mv plugins/.new plugins/event-log.wasm'\n";

async fn rebuilding(bed: &Bed) -> Host<'_> {
    std::fs::create_dir(bed.path("src")).unwrap();
    bed.replace("src/next", b"first.wasm");
    bed.install("event-log", &example("event-log"));
    bed.start_with(bed.command(&["dev"])).await
}

#[tokio::test]
async fn a_changed_source_is_built_and_swapped_in() {
    let bed = Bed::new(BUILD);
    let host = rebuilding(&bed).await;
    for number in 1..=2 {
        let next = distinct(&example("event-log"), number);
        bed.replace(&format!("{number}.wasm"), &next);
        bed.replace("src/next", format!("{number}.wasm").as_bytes());
        host.runs("event-log", &next).await;
    }
    assert!(bed.log().contains("dev: sources changed, building"), "{}", bed.log());
    host.logged(&["dev: built"]).await;
}

#[tokio::test]
async fn a_failing_build_keeps_what_runs_and_says_so() {
    let bed = Bed::new(BUILD);
    let host = rebuilding(&bed).await;
    host.runs("event-log", &example("event-log")).await;
    bed.replace("src/next", b"nowhere.wasm");
    let line = host.logged(&["dev: the build failed"]).await;
    assert!(line.contains("\"ERROR\"") && line.contains("plugins stay as they are"), "{line}");
    assert!(bed.log().contains("nowhere.wasm"), "the build's own words are there: {}", bed.log());
    let plugin = host.plugin("event-log").await.unwrap();
    assert_eq!(
        (&plugin["state"], &plugin["refusal"]),
        (&"running".into(), &serde_json::Value::Null),
        "{plugin}"
    );
    // What it builds may be no plugin: the host refuses it, and goes on.
    bed.replace("empty.wasm", &wat("(component)"));
    bed.replace("src/next", b"empty.wasm");
    let plugin =
        host.plugin_when("event-log", "the build is refused", |plugin| plugin["refusal"].is_string()).await;
    assert_eq!(plugin["state"], "running", "{plugin}");
    // And the next good build is taken.
    let next = distinct(&example("event-log"), 3);
    bed.replace("3.wasm", &next);
    bed.replace("src/next", b"3.wasm");
    let plugin = host.runs("event-log", &next).await;
    assert_eq!(plugin["refusal"], serde_json::Value::Null, "{plugin}");
}

#[tokio::test]
async fn without_once_it_goes_on_and_invites_to_change_something() {
    let bed = Bed::new("[dev]\nwatch = [\"src\"]\nbuild = \"true\"\n");
    std::fs::create_dir_all(bed.path("src/desk/src")).unwrap();
    bed.replace("src/desk/src/lib.rs", b"// here");
    bed.install("event-log", &example("event-log"));
    let host = bed.start_with(bed.command(&["dev", "--play-samples"])).await;
    let told = until("the invitation", async || {
        let told = std::fs::read_to_string(bed.path("host.out")).unwrap();
        told.contains("See a hot swap").then_some(told)
    })
    .await;
    let url = format!("{}/webhooks/moncreneau", host.webhooks());
    for part in [&url, host.admin(), "edit src/desk/src/lib.rs, save", "event send appointment.created"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // The `curl` that it prints is a command that works.
    let curl = &told[told.find("curl -sS ").unwrap()..told.find("\n\nSee a hot swap").unwrap()];
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        return eprintln!("not tried: there is no curl");
    }
    let ran = Ran::of(std::process::Command::new("sh").args(["-c", curl]));
    assert!(ran.code == 0 && ran.out.contains(r#""status":"accepted""#), "{ran:?}");
}
