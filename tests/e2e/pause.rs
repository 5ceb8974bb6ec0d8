//! A plugin that an operator pauses.

use crate::support::{Event, HostDir, guest};

#[tokio::test]
async fn events_of_a_paused_plugin_wait_also_over_a_restart() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let paused = dir.run(&["plugin", "pause", "actor"]);
    assert_eq!(paused.code, 0, "{paused:?}");
    assert!(
        paused.out.contains("actor is paused") && paused.out.contains("plugin resume actor"),
        "{paused:?}"
    );
    let answer = host.send(&Event::with_act(1, "evt_1", "well")).await;
    assert_eq!((answer.status(), &answer.json["deliveries"]), ("accepted", &1.into()));
    let event = host.event("evt_1").await.unwrap();
    assert_eq!(
        (&event["state"], &event["deliveries"][0]["held_because"]),
        (&"held".into(), &"paused".into())
    );
    let listed = dir.run(&["plugin", "list"]).out;
    assert!(listed.contains("running, paused"), "{listed}");
    assert!(dir.run(&["event", "show", "evt_1"]).out.contains("held (its plugin is paused)"));

    host.kill();
    let host = dir.start().await;
    host.send(&Event::with_act(1, "evt_2", "well")).await;
    assert_eq!(host.event("evt_2").await.unwrap()["state"], "held");
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).out, "actor goes on\n");
    for id in ["evt_1", "evt_2"] {
        let done = host.wait_event(id, "it is done", |event| event["state"] == "done").await;
        assert_eq!(done["deliveries"][0]["attempts"].as_array().unwrap().len(), 1);
    }
    assert!(!dir.run(&["plugin", "list"]).out.contains("paused"));
}

#[tokio::test]
async fn an_absent_plugin_cannot_be_paused() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let _host = dir.start().await;
    let output = dir.run(&["plugin", "pause", "actr"]);
    assert_eq!((output.code, output.out.as_str()), (1, ""), "{output:?}");
    assert!(output.err.contains("no plugin `actr` is here") && output.err.contains("actor"), "{output:?}");
}
