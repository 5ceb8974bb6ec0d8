//! A plugin that an operator pauses.

use crate::support::{Bed, Event, guest};

#[tokio::test]
async fn what_comes_for_a_paused_plugin_waits_and_goes_on_after_a_restart_too() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    let paused = bed.run(&["plugin", "pause", "actor"]);
    assert_eq!(paused.code, 0, "{paused:?}");
    assert!(
        paused.out.contains("actor is paused") && paused.out.contains("plugin resume actor"),
        "{paused:?}"
    );
    let answer = host.send(&Event::about(1, "evt_1", "well")).await;
    assert_eq!((answer.status(), &answer.json["deliveries"]), ("accepted", &1.into()));
    let event = host.event("evt_1").await.unwrap();
    assert_eq!(
        (&event["state"], &event["deliveries"][0]["held_because"]),
        (&"held".into(), &"paused".into())
    );
    let listed = bed.run(&["plugin", "list"]).out;
    assert!(listed.contains("running, paused"), "{listed}");
    assert!(bed.run(&["event", "show", "evt_1"]).out.contains("held (its plugin is paused)"));

    host.kill();
    let host = bed.start().await;
    host.send(&Event::about(1, "evt_2", "well")).await;
    assert_eq!(host.event("evt_2").await.unwrap()["state"], "held");
    assert_eq!(bed.run(&["plugin", "resume", "actor"]).out, "actor goes on\n");
    for id in ["evt_1", "evt_2"] {
        let done = host.event_when(id, "it is done", |event| event["state"] == "done").await;
        assert_eq!(done["deliveries"][0]["attempts"].as_array().unwrap().len(), 1);
    }
    assert!(!bed.run(&["plugin", "list"]).out.contains("paused"));
}

#[tokio::test]
async fn a_plugin_that_is_not_there_cannot_be_paused() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let _host = bed.start().await;
    let ran = bed.run(&["plugin", "pause", "actr"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(ran.err.contains("no plugin `actr` is here") && ran.err.contains("actor"), "{ran:?}");
}
