//! `hookyard doctor`.

use serde_json::{Value, json};

use crate::support::{CommandOutput, Event, HostDir, guest, wait_until};

/// What `doctor --json` finds, and its exit code.
fn diagnose(dir: &HostDir) -> (i32, Vec<Value>) {
    let output = dir.run(&["doctor", "--json"]);
    let diagnosis: Value =
        serde_json::from_str(&output.out).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.code, diagnosis["findings"].as_array().unwrap().clone())
}

fn finding<'v>(items: &'v [Value], check: &str, part: &str) -> Option<&'v Value> {
    let matches = |item: &&Value| item["check"] == check && item["detail"].as_str().unwrap().contains(part);
    items.iter().find(matches)
}

#[tokio::test]
async fn a_host_without_problems_is_ok_and_every_check_says_so() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    host.wait_finished("evt_1").await;
    let (code, items) = diagnose(&dir);
    assert_eq!(code, 0, "{items:?}");
    for check in [
        "host",
        "database",
        "disk",
        "clock",
        "cache",
        "retention",
        "plugins",
        "dead letters",
        "sources",
        "alerts",
        "configuration",
    ] {
        let item = finding(&items, check, "").unwrap_or_else(|| panic!("{check} is missing: {items:?}"));
        // A test machine may have little space.
        assert!(item["severity"] == "ok" || check == "disk", "{item}");
    }
    let output = dir.run(&["doctor"]);
    assert!(output.out.lines().next().unwrap().starts_with("STATE"), "{output:?}");
}

#[tokio::test]
async fn each_trouble_is_named_with_what_to_do() {
    let dir = HostDir::new(
        "[plugin.actor]\nemail = [\"*\"]\nevents = [\"shop.*\", \"till.*\"]\nattempts_max = 1\n[plugin.absent]\n\
         [sources.silent]\nscheme = \"hmac\"\nsecrets = [\"s\"]\n",
    );
    dir.install("actor", &guest("actor"));
    dir.install("broken", b"no component");
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.closed", "evt_dead", &json!({ "act": "reject" }))).await;
    host.wait_finished("evt_dead").await;
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    let (code, items) = diagnose(&dir);
    assert_eq!(code, 1, "a refused plugin is a problem");
    for (check, part, severity, help) in [
        ("plugins", "broken is refused", "problem", "mend the file"),
        ("plugins", "actor is paused", "warning", "hookyard plugin resume actor"),
        (
            "dead letters",
            "actor has 1 dead letter",
            "warning",
            "hookyard delivery list --state dead --plugin actor",
        ),
        ("sources", "no event of silent", "warning", "/webhooks/silent"),
        ("configuration", "no plugin absent", "warning", "hookyard plugin push absent FILE"),
    ] {
        let item = finding(&items, check, part).unwrap_or_else(|| panic!("{part} is missing: {items:?}"));
        assert_eq!(item["severity"], severity, "{item}");
        assert!(item["help"].as_str().unwrap().contains(help), "{item}");
    }
    assert_eq!(items[0]["severity"], "problem", "the worst comes first");
    let output = dir.run(&["doctor"]);
    assert!(output.code == 1 && output.err.is_empty(), "{output:?}");
    assert!(output.out.contains("hookyard plugin resume actor"), "{output:?}");

    // A token for some plugins sees nothing of the others.
    let token = dir.run(&["token", "create", "team", "--role", "operate", "--plugins", "actor"]).out;
    let seen = CommandOutput::run(dir.command(&["doctor", "--json"]).env("HOOKYARD_TOKEN", token.trim()));
    assert!(seen.code == 0 && seen.out.contains("actor is paused"), "{seen:?}");
    for hidden in ["broken", "absent", "silent", "hookyard.db"] {
        assert!(!seen.out.contains(hidden), "{hidden}: {seen:?}");
    }
}

#[tokio::test]
async fn a_changed_configuration_that_is_not_in_force_is_a_finding() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    dir.configure("[plugins]\ndir = \"elsewhere\"\n");
    wait_until("the key needs a restart", async || {
        finding(&diagnose(&dir).1, "configuration", "keeps its value until a restart").map(|_| ())
    })
    .await;
    dir.configure("[nonsense]\n");
    // The command of this directory cannot read the file either.
    let admin = host.admin().to_owned();
    let remote = ["doctor", "--json", "--url", &admin, "--token-file", "hookyard-data/admin-token"];
    wait_until("the file is rejected", async || dir.run(&remote).out.contains("nonsense").then_some(()))
        .await;
    let rejected = dir.run(&remote);
    assert!(
        rejected.code == 1 && rejected.out.contains("the previous configuration is in force"),
        "{rejected:?}"
    );
    let here = dir.run(&["doctor"]);
    assert!(here.code == 1 && here.err.contains("nonsense"), "{here:?}");
}

#[tokio::test]
async fn without_a_host_the_files_are_checked() {
    let dir = HostDir::new("");
    let (code, items) = diagnose(&dir);
    let host = finding(&items, "host", "").unwrap();
    assert!(code == 1 && host["severity"] == "problem", "{items:?}");
    assert!(host["help"].as_str().unwrap().contains("hookyard serve"), "{host}");
    assert_eq!(finding(&items, "database", "there is none yet").unwrap()["severity"], "warning");
    let started = dir.start().await;
    started.kill();
    let (code, items) = diagnose(&dir);
    assert!(code == 1 && finding(&items, "host", "nothing answers").is_some(), "{items:?}");
    assert!(finding(&items, "database", "the file has").is_some(), "{items:?}");
    assert!(finding(&items, "disk", "free").is_some(), "{items:?}");
}
