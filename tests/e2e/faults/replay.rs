//! A kill in the middle of a replay.

use std::os::unix::process::ExitStatusExt as _;

use hookyard::failpoint::Point;

use crate::support::{Event, HostDir, guest, wait_until};

/// Pages of a replay have 50 events: half of the backlog that is allowed.
const EVENTS: usize = 260;

#[tokio::test]
async fn a_replay_killed_within_a_page_resumes_and_creates_each_delivery_once() {
    let dir = HostDir::new("[dispatch]\nbacklog_max = 100\n");
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", format!("{}:3", Point::ReplayStep.name()));
    let host = dir.start_with(command).await;
    for number in 0..EVENTS {
        host.send(&Event::created(&format!("evt_{number}"))).await;
    }
    dir.install("actor", &guest("actor"));
    host.wait_revision("actor", &guest("actor")).await;
    let asked = dir.run(&["event", "replay", "--unhandled"]);
    assert_eq!(asked.code, 1, "{asked:?}");
    assert_eq!(host.wait_exit().await.signal(), Some(9), "{}", dir.log());

    let host = dir.start().await;
    let end = wait_until("it is done", async || {
        let (_, replay) = host.api_get("/api/v1/replays/1").await;
        (replay["state"] == "done").then_some(replay)
    })
    .await;
    assert_eq!((&end["made"], &end["skipped"]), (&EVENTS.into(), &0.into()), "{end}");
    host.wait_drained().await;
    let events = host.events("&state=done").await;
    assert_eq!(events.len(), EVENTS);
    assert!(events.iter().all(|event| event["deliveries"].as_array().unwrap().len() == 1));
}
