//! An event or an effect that kills the host at each start is dead after a few crashes. All others are done.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Event, HostDir, Partner, Reply, RunningHost, guest, wait_until};

/// A host that dies at `point`.
fn dying(dir: &HostDir, point: &str) -> Command {
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", point);
    command
}

/// Starts hosts until one stays alive after all its events are done or dead: it, and how many died.
async fn survivor<'dir>(dir: &'dir HostDir, point: &str) -> (RunningHost<'dir>, usize) {
    for died in 0..20 {
        let Ok(mut host) = dir.try_start_with(dying(dir, point)).await else { continue };
        let survived = wait_until("the host dies or has nothing left to run", async || {
            if host.exit_status().is_some() {
                return Some(false);
            }
            (backlog(&host).await? == 0).then_some(true)
        })
        .await;
        if survived {
            return (host, died);
        }
    }
    panic!("no host stays alive:\n{}", dir.log())
}

/// Open deliveries and effects, unless the host died.
async fn backlog(host: &RunningHost<'_>) -> Option<usize> {
    let mut open = 0;
    // In the order in which they go through the states, so that none changes its state unseen.
    for path in [
        "deliveries?state=waiting",
        "deliveries?state=pending",
        "deliveries?state=running",
        "effects?state=waiting",
        "effects?state=pending",
    ] {
        open += host.try_api_get(&format!("/api/v1/{path}")).await?["items"].as_array()?.len();
    }
    Some(open)
}

fn attempts(event: &Value) -> &[Value] {
    event["deliveries"][0]["attempts"].as_array().unwrap()
}

#[tokio::test]
async fn a_delivery_that_kills_the_host_is_dead_after_three_crashes_and_the_others_are_done() {
    let dir = HostDir::new("[plugin.actor]\ncall_timeout_ms = 60_000\n");
    dir.install("actor", &guest("actor"));
    let point = "in-attempt=evt_culprit";
    let mut host = dir.start_with(dying(&dir, point)).await;
    // They run when the culprit begins.
    let innocents: Vec<_> = (0..8).map(|number| format!("evt_innocent_{number}")).collect();
    for id in &innocents {
        host.send(&Event::with_payload("any.type", id, &json!({ "act": "busy 300" }))).await;
    }
    // The host may end before it responds.
    let _ = host
        .sender()
        .try_send(&Event::with_payload("any.type", "evt_culprit", &json!({ "act": "well" })))
        .await;
    wait_until("the host dies", async || host.exit_status()).await;

    let (host, died) = survivor(&dir, point).await;
    assert_eq!(died, 2, "it was the third crash that made a dead letter\n{}", dir.log());
    let culprit = host.event("evt_culprit").await.unwrap();
    assert_eq!(culprit["state"], "dead", "{culprit}");
    assert!(attempts(&culprit).iter().all(|attempt| attempt["cause"] == "crash"), "{culprit}");
    let reason = "the host process died while this ran, 3 times so far (dispatch.crashes_max is 3)";
    assert_eq!(attempts(&culprit).last().unwrap()["reason"], reason, "{culprit}");
    for id in innocents {
        let event = host.event(&id).await.unwrap();
        assert_eq!(event["state"], "done", "{event}");
        let crashes = attempts(&event).iter().filter(|attempt| attempt["cause"] == "crash").count();
        assert!(crashes < 3, "{event}");
    }
    // An operator can replay it after the cause is removed.
    drop(host);
    let host = dir.start().await;
    let code = host.admin_post("/api/v1/replays", &json!({ "of": "deliveries" })).await;
    assert_eq!(code.unwrap(), 202);
    host.wait_event("evt_culprit", "it is done", |event| event["state"] == "done").await;
}

#[tokio::test]
async fn an_effect_that_kills_the_host_is_dead_after_three_crashes() {
    let partner = Partner::start(|_, _| Reply::text(200, "")).await;
    let dir = HostDir::new(&format!("[plugin.culprit]\nhttp = [\"{}\"]\n", partner.origin()));
    dir.install("culprit", &guest("outbox"));
    let point = "in-effect=culprit";
    let mut host = dir.start_with(dying(&dir, point)).await;
    let ask = json!({ "act": "well", "do": "http", "url": partner.origin(), "text": "x" });
    let _ = host.sender().try_send(&Event::with_payload("any.type", "evt", &ask)).await;
    wait_until("the host dies", async || host.exit_status()).await;

    let (host, died) = survivor(&dir, point).await;
    assert_eq!(died, 2, "{}", dir.log());
    let event = host.event("evt").await.unwrap();
    let effect = &event["deliveries"][0]["effects"][0];
    assert_eq!(
        (&event["deliveries"][0]["state"], &effect["state"]),
        (&"done".into(), &"dead".into()),
        "{event}"
    );
    let attempts = effect["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 3, "{event}");
    assert!(attempts.iter().all(|attempt| attempt["outcome"] == "crash"), "{event}");
    assert_eq!(partner.request_count(), 0);
}

#[tokio::test]
async fn a_graceful_stop_leaves_no_crash_to_count() {
    let dir = HostDir::new("[plugin.actor]\ncall_timeout_ms = 60_000\nconfig = { act = \"loop\" }\n");
    dir.install("actor", &guest("actor"));
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    dir.replace(
        "hookyard.toml",
        text.replace("[server]\n", "[server]\nshutdown_timeout_ms = 1\n").as_bytes(),
    );
    let host = dir.start().await;
    host.send(&Event::created("evt_cut")).await;
    host.wait_event("evt_cut", "it runs", |event| event["state"] == "running").await;
    host.terminate();
    assert_eq!(host.wait_exit().await.code(), Some(0));
    let host = dir.start().await;
    let event = host.wait_event("evt_cut", "it runs again", |event| event["state"] == "running").await;
    assert_eq!(attempts(&event), [] as [Value; 0], "{event}");
}
