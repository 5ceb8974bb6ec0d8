//! One event or effect makes the host process die, again at each start: after a few times it is dead, and the
//! rest is done.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Bed, Event, Host, Partner, Reply, guest, until};

/// A host that dies where `point` names what runs.
fn dying(bed: &Bed, point: &str) -> Command {
    let mut command = bed.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", point);
    command
}

/// Starts hosts until one stays alive after all its events are done or dead: it, and how many died.
async fn survivor<'bed>(bed: &'bed Bed, point: &str) -> (Host<'bed>, usize) {
    for died in 0..20 {
        let Ok(mut host) = bed.try_start_with(dying(bed, point)).await else { continue };
        let survived = until("the host dies or has nothing left to run", async || {
            if host.has_ended().is_some() {
                return Some(false);
            }
            (backlog(&host).await? == 0).then_some(true)
        })
        .await;
        if survived {
            return (host, died);
        }
    }
    panic!("no host stays alive:\n{}", bed.log())
}

/// Open deliveries and effects, unless the host died.
async fn backlog(host: &Host<'_>) -> Option<usize> {
    let mut open = 0;
    for path in [
        "deliveries?state=pending",
        "deliveries?state=running",
        "deliveries?state=waiting",
        "effects?state=pending",
        "effects?state=waiting",
    ] {
        open += host.try_api(&format!("/api/v1/{path}")).await?["items"].as_array()?.len();
    }
    Some(open)
}

fn attempts(event: &Value) -> &[Value] {
    event["deliveries"][0]["attempts"].as_array().unwrap()
}

#[tokio::test]
async fn a_delivery_that_kills_the_host_is_dead_after_three_crashes_and_the_others_are_done() {
    let bed = Bed::new("[plugin.actor]\ncall_timeout_ms = 60_000\n");
    bed.install("actor", &guest("actor"));
    let point = "in-attempt=evt_culprit";
    let mut host = bed.start_with(dying(&bed, point)).await;
    // They run when the culprit begins.
    let innocents: Vec<_> = (0..8).map(|number| format!("evt_innocent_{number}")).collect();
    for id in &innocents {
        host.send(&Event::of("any.type", id, &json!({ "act": "busy 300" }))).await;
    }
    // The host may be gone before it can answer.
    let _ = host.sender().try_send(&Event::of("any.type", "evt_culprit", &json!({ "act": "well" }))).await;
    until("the host dies", async || host.has_ended()).await;

    let (host, died) = survivor(&bed, point).await;
    assert_eq!(died, 2, "it was the third crash that made a dead letter\n{}", bed.log());
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
    // It can be run again by hand, once the reason is gone.
    drop(host);
    let host = bed.start().await;
    let code = host.ask_for("/api/v1/replays", &json!({ "of": "deliveries" })).await;
    assert_eq!(code.unwrap(), 202);
    host.event_when("evt_culprit", "it is done", |event| event["state"] == "done").await;
}

#[tokio::test]
async fn an_effect_that_kills_the_host_is_dead_after_three_crashes() {
    let partner = Partner::start(|_, _| Reply::of(200, "")).await;
    let bed = Bed::new(&format!("[plugin.culprit]\nhttp = [\"{}\"]\n", partner.origin()));
    bed.install("culprit", &guest("asker"));
    let point = "in-effect=culprit";
    let mut host = bed.start_with(dying(&bed, point)).await;
    let ask = json!({ "act": "well", "do": "http", "url": partner.origin(), "text": "x" });
    let _ = host.sender().try_send(&Event::of("any.type", "evt", &ask)).await;
    until("the host dies", async || host.has_ended()).await;

    let (host, died) = survivor(&bed, point).await;
    assert_eq!(died, 2, "{}", bed.log());
    let event = host.event("evt").await.unwrap();
    let effect = &event["deliveries"][0]["effects"][0];
    assert_eq!(
        (&event["deliveries"][0]["state"], &effect["state"]),
        (&"done".into(), &"dead".into()),
        "{event}"
    );
    let tries = effect["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 3, "{event}");
    assert!(tries.iter().all(|attempt| attempt["outcome"] == "crash"), "{event}");
    assert_eq!(partner.asked_count(), 0);
}

#[tokio::test]
async fn a_host_that_is_stopped_in_good_order_leaves_nothing_to_count() {
    let bed = Bed::new("[plugin.actor]\ncall_timeout_ms = 60_000\nconfig = { act = \"loop\" }\n");
    bed.install("actor", &guest("actor"));
    let text = std::fs::read_to_string(bed.path("hookyard.toml")).unwrap();
    bed.replace(
        "hookyard.toml",
        text.replace("[server]\n", "[server]\nshutdown_timeout_ms = 1\n").as_bytes(),
    );
    let host = bed.start().await;
    host.send(&Event::created("evt_cut")).await;
    host.event_when("evt_cut", "it runs", |event| event["state"] == "running").await;
    host.terminate();
    assert_eq!(host.ended().await.code(), Some(0));
    let host = bed.start().await;
    let event = host.event_when("evt_cut", "it runs again", |event| event["state"] == "running").await;
    assert_eq!(attempts(&event), [] as [Value; 0], "{event}");
}
