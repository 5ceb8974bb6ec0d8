//! The host's own log: JSON for machines, and readable lines on a terminal.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{CommandOutput, Event, HostDir, example, guest, wait_until};

#[tokio::test]
async fn without_a_terminal_every_line_is_json_with_time_level_and_target() {
    let dir = HostDir::new("[plugin.actor]\nattempts_max = 2\nbackoff_base_ms = 1\n");
    dir.install("actor", &guest("actor"));
    dir.install("bad", b"not wasm");
    let host = dir.start().await;
    for act in ["well", "retry", "reject", "trap"] {
        host.send(&Event::with_payload("shop.opened", act, &json!({ "act": act }))).await;
        host.wait_finished(act).await;
    }
    dir.configure("[log]\nlevel = \"debug\"\n");
    host.wait_log(&["`log.level`"]).await;
    host.stop().await;
    let log = dir.log();
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
        let delivery = line["delivery"].as_str().unwrap_or_default();
        assert!(line["plugin"] == "actor" && line["event"].is_string(), "to be filtered by: {line}");
        assert!(delivery.ends_with("-1"), "to be filtered by: {line}");
    }
    for level in ["INFO", "WARN", "ERROR"] {
        assert!(levels.iter().any(|l| l == level), "{level}: {levels:?}");
    }
    assert!(levels.iter().all(|level| ["INFO", "WARN", "ERROR"].contains(&level.as_str())), "{levels:?}");
    assert!(log.contains("\"message\":\"stopped\""), "the end is told: {log}");
}

#[tokio::test]
async fn plugin_lines_have_their_own_level_and_are_always_recorded() {
    for (level, repeated) in [("off", false), ("warn", false), ("info", true)] {
        let dir = HostDir::new(&format!("[log]\nplugin_level = \"{level}\"\n"));
        dir.install("actor", &guest("actor"));
        let host = dir.start().await;
        host.send(&Event::with_payload("shop.opened", "evt_1", &json!({ "act": "well" }))).await;
        let event = host.wait_finished("evt_1").await;
        assert_eq!(event["deliveries"][0]["attempts"][0]["logs"], json!(["INFO evt_1 attempt 1: well"]));
        let log = host.flushed_log().await;
        assert_eq!(log.contains("evt_1 attempt 1: well"), repeated, "{level}: {log}");
    }
}

#[tokio::test]
async fn the_environment_variable_overrides_the_configured_level() {
    let dir = HostDir::new("[log]\nlevel = \"error\"\n");
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_LOG", "debug");
    let host = dir.start_with(command).await;
    assert_eq!(host.post("nobody", "{}", &[]).await.code, 404);
    host.wait_log(&["DEBUG", "no source has this name"]).await;
    drop(host);
    let output = CommandOutput::run(dir.command(&["serve"]).env("HOOKYARD_LOG", "hookyard=loud"));
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("HOOKYARD_LOG") && output.err.contains("hookyard=loud"), "{output:?}");
}

/// Runs the program with a terminal as its output; `None` where there is no Python to make one.
fn on_a_terminal(dir: &HostDir, arguments: &[&str]) -> Option<CommandOutput> {
    const SPAWN: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let mut command = Command::new("python3");
    command.args(["-c", SPAWN, env!("CARGO_BIN_EXE_hookyard")]).args(arguments);
    Some(CommandOutput::run(command.current_dir(dir).stdin(Stdio::null()).env_remove("HOOKYARD_LOG")))
}

#[test]
fn on_a_terminal_lines_are_human_readable_and_samples_are_reported_once() {
    let dir = HostDir::new("");
    dir.install("event-log", &example("event-log"));
    let Some(output) = on_a_terminal(&dir, &["dev", "--play-samples", "--once"]) else {
        return eprintln!("not tried: there is no python3 to make a terminal");
    };
    assert_eq!(output.code, 0, "{output:?}");
    let loaded = output.out.lines().find(|line| line.contains("plugin loaded")).unwrap();
    assert!(loaded.contains("INFO") && serde_json::from_str::<Value>(loaded).is_err(), "{loaded}");
    assert!(
        output.out.lines().any(|line| line.contains("INFO") && line.contains("stopped")),
        "{}",
        output.out
    );
    // What a plugin logged stands under its delivery, and is not in the log between as well.
    let told: Vec<&str> =
        output.out.lines().filter(|line| line.contains("appointment.created evt_")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("| INFO appointment.created evt_"), "{told:?}");
}

#[tokio::test]
async fn the_level_changes_at_once_goes_back_and_is_audited() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let level = |arguments: &[&str]| dir.run(&[&["log", "level"], arguments].concat());
    assert_eq!(level(&[]).out, "info\n");
    host.post("nobody", "{}", &[]).await;
    assert_eq!(level(&["debug"]).out, "debug until a restart, then info\n");
    host.post("somebody", "{}", &[]).await;
    let line = host.wait_log(&["DEBUG", "no source has this name"]).await;
    assert!(line.contains("/webhooks/somebody"), "only from then on: {line}");
    let shown = level(&["warn", "--for", "2h", "--json"]).json();
    assert_eq!((&shown["filter"], &shown["configured"]), (&json!("warn"), &json!("info")));
    assert!(shown["until"].as_u64().unwrap() > 0);
    assert_eq!(level(&["--reset"]).out, "info\n");
    // It goes back by itself.
    assert_eq!(level(&["hookyard=trace", "--for", "1s"]).code, 0);
    wait_until("the configured level holds again", async || {
        (level(&["--json"]).json()["filter"] == "info").then_some(())
    })
    .await;
    host.wait_log(&["the level of the log is the configured one again"]).await;
    for (arguments, code) in [(&["inof"][..], 2), (&["info", "--reset"], 2), (&["--for", "1h"], 2)] {
        let output = level(arguments);
        assert_eq!(output.code, code, "{output:?}");
    }
    let reader = dir.run(&["token", "create", "reader", "--role", "read"]).out;
    let mut command = dir.command(&["log", "level", "debug"]);
    let refused = CommandOutput::run(command.env("HOOKYARD_TOKEN", reader.trim()));
    assert_eq!(refused.code, 1, "{refused:?}");
    let entries = dir.run(&["audit", "list", "--action", "log", "--json"]).json();
    let entries = entries["items"].as_array().unwrap();
    assert_eq!(entries.len(), 4, "{entries:?}");
    assert!(entries.iter().all(|entry| entry["action"] == "log.level"), "{entries:?}");
    host.stop().await;
}
