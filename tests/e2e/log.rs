//! The host's own log: lines for machines where nobody looks, and for people on a terminal.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Bed, Event, Ran, example, guest};

#[tokio::test]
async fn without_a_terminal_every_line_is_json_with_time_level_and_place() {
    let bed = Bed::new("[plugin.actor]\nattempts_max = 2\nbackoff_base_ms = 1\n");
    bed.install("actor", &guest("actor"));
    bed.install("bad", b"not wasm");
    let host = bed.start().await;
    for act in ["well", "retry", "reject", "trap"] {
        host.send(&Event::of("shop.opened", act, &json!({ "act": act }))).await;
        host.settled(act).await;
    }
    bed.configure("[log]\nlevel = \"debug\"\n");
    host.logged(&["`log.level`"]).await;
    host.terminate();
    assert!(host.ended().await.success());
    let log = bed.log();
    let mut levels = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |key: &str| line[key].as_str().unwrap_or_else(|| panic!("{key}: {line}")).to_owned();
        assert!(text("timestamp").parse::<jiff::Timestamp>().is_ok(), "{line}");
        assert!(!text("message").is_empty() && !text("target").is_empty(), "{line}");
        levels.push(text("level"));
    }
    for told in ["attempt failed", "now a dead letter"] {
        let line = log.lines().find(|line| line.contains(told)).unwrap_or_else(|| panic!("{told}: {log}"));
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["plugin"] == "actor" && line["event"].is_string(), "to be filtered by: {line}");
    }
    for level in ["INFO", "WARN", "ERROR"] {
        assert!(levels.iter().any(|l| l == level), "{level}: {levels:?}");
    }
    assert!(levels.iter().all(|level| ["INFO", "WARN", "ERROR"].contains(&level.as_str())), "{levels:?}");
    assert!(log.contains("\"message\":\"stopped\""), "the end is told: {log}");
}

#[tokio::test]
async fn plugins_lines_have_a_level_of_their_own_and_are_kept_in_any_case() {
    for (level, repeated) in [("off", false), ("warn", false), ("info", true)] {
        let bed = Bed::new(&format!("[log]\nplugin_level = \"{level}\"\n"));
        bed.install("actor", &guest("actor"));
        let host = bed.start().await;
        host.send(&Event::of("shop.opened", "evt_1", &json!({ "act": "well" }))).await;
        let event = host.settled("evt_1").await;
        assert_eq!(event["deliveries"][0]["attempts"][0]["logs"], json!(["INFO evt_1 attempt 1: well"]));
        assert_eq!(bed.log().contains("evt_1 attempt 1: well"), repeated, "{level}: {}", bed.log());
    }
}

#[tokio::test]
async fn the_variable_says_more_than_the_configuration_for_one_run() {
    let bed = Bed::new("[log]\nlevel = \"error\"\n");
    let mut command = bed.command(&["serve"]);
    command.env("HOOKYARD_LOG", "debug");
    let host = bed.start_with(command).await;
    assert_eq!(host.post("nobody", "{}", &[]).await.code, 404);
    host.logged(&["DEBUG", "no source has this name"]).await;
    drop(host);
    let ran = Ran::of(bed.command(&["serve"]).env("HOOKYARD_LOG", "hookyard=loud"));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("HOOKYARD_LOG") && ran.err.contains("hookyard=loud"), "{ran:?}");
}

/// Runs the program with a terminal as its output; `None` where there is no Python to make one.
fn on_a_terminal(bed: &Bed, arguments: &[&str]) -> Option<Ran> {
    const SPAWN: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let mut command = Command::new("python3");
    command.args(["-c", SPAWN, env!("CARGO_BIN_EXE_hookyard")]).args(arguments);
    Some(Ran::of(command.current_dir(bed).stdin(Stdio::null()).env_remove("HOOKYARD_LOG")))
}

#[test]
fn on_a_terminal_lines_are_for_people_and_samples_are_told_once() {
    let bed = Bed::new("");
    bed.install("event-log", &example("event-log"));
    let Some(ran) = on_a_terminal(&bed, &["dev", "--play-samples", "--once"]) else {
        return eprintln!("not tried: there is no python3 to make a terminal");
    };
    assert_eq!(ran.code, 0, "{ran:?}");
    let loaded = ran.out.lines().find(|line| line.contains("plugin loaded")).unwrap();
    assert!(loaded.contains("INFO") && serde_json::from_str::<Value>(loaded).is_err(), "{loaded}");
    assert!(ran.out.lines().any(|line| line.contains("INFO") && line.contains("stopped")), "{}", ran.out);
    // What a plugin logged stands under its delivery, and is not in the log between as well.
    let told: Vec<&str> = ran.out.lines().filter(|line| line.contains("appointment.created evt_")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("| INFO appointment.created evt_"), "{told:?}");
}
