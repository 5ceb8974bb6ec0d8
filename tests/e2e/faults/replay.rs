//! The host is killed in the middle of a replay.

use std::os::unix::process::ExitStatusExt as _;

use hookyard::failpoint::Point;

use crate::support::{Bed, Event, guest, until};

/// Pages of a replay have 50 events: half of the backlog that is allowed.
const EVENTS: usize = 260;

#[tokio::test]
async fn a_replay_that_is_killed_in_a_page_goes_on_and_makes_each_delivery_once() {
    let bed = Bed::new("[dispatch]\nbacklog_max = 100\n");
    let mut command = bed.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", format!("{}:3", Point::ReplayStep.name()));
    let host = bed.start_with(command).await;
    for number in 0..EVENTS {
        host.send(&Event::created(&format!("evt_{number}"))).await;
    }
    bed.install("actor", &guest("actor"));
    host.runs("actor", &guest("actor")).await;
    let asked = bed.run(&["event", "replay", "--unhandled"]);
    assert_eq!(asked.code, 1, "{asked:?}");
    assert_eq!(host.ended().await.signal(), Some(9), "{}", bed.log());

    let host = bed.start().await;
    let end = until("it is done", async || {
        let (_, replay) = host.api("/api/v1/replays/1").await;
        (replay["state"] == "done").then_some(replay)
    })
    .await;
    assert_eq!((&end["made"], &end["skipped"]), (&EVENTS.into(), &0.into()), "{end}");
    host.drained().await;
    let events = host.events("&state=done").await;
    assert_eq!(events.len(), EVENTS);
    assert!(events.iter().all(|event| event["deliveries"].as_array().unwrap().len() == 1));
}
