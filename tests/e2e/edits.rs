//! Events that run again with an edited payload.

use std::fs;

use serde_json::{Value, json};

use crate::support::{CommandOutput, Event, HostDir, guest};

const CONFIG: &str = "[plugin.actor]\nattempts_max = 1\nevents = [\"shop.*\"]\n";

#[tokio::test]
async fn an_edited_payload_runs_as_a_new_event_that_names_its_cause() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::with_payload("shop.closed", "evt_wrong", &json!({ "act": "reject" }))).await;
    assert_eq!(host.wait_finished("evt_wrong").await["state"], "dead");

    let exported = dir.run(&["event", "export", "evt_wrong", "--unmasked"]);
    assert_eq!(exported.code, 0, "{exported:?}");
    let edited = exported.out.replace("\"reject\"", "\"well\"");
    fs::write(dir.path("event.json"), &edited).unwrap();
    let replay =
        ["event", "replay", "evt_wrong", "--payload", "event.json", "--note", "a wrong act", "--json"];
    let made = dir.run(&replay).json();
    assert_eq!((&made["of"], &made["deliveries"]), (&"evt_wrong".into(), &1.into()));
    let id = made["id"].as_str().unwrap();

    let event = host.wait_finished(id).await;
    assert_eq!((&event["state"], &event["type"]), (&"done".into(), &"shop.closed".into()));
    assert_eq!(
        event["cause"],
        json!({ "source": "moncreneau", "id": "evt_wrong", "plugin": null, "depth": 0 })
    );
    assert_eq!(event["payload"]["act"], "well");
    let original = dir.run(&["event", "show", "evt_wrong", "--json"]).json();
    assert_eq!(original["edits"], json!([id]));
    assert_eq!(original["payload"]["act"], "reject", "the edited event stays as it was");
    let (of_new, of_old) =
        (dir.run(&["event", "show", id]).out, dir.run(&["event", "show", "evt_wrong"]).out);
    assert!(of_new.contains("edited from evt_wrong of moncreneau"), "{of_new}");
    assert!(of_old.contains(&format!("edited    {id}")), "{of_old}");

    // The decision is on record, without the payload.
    let entries = dir.run(&["audit", "list", "--action", "event.edit", "--json"]).json();
    let entry = &entries["items"][0];
    assert_eq!((&entry["target"], &entry["note"]), (&"moncreneau/evt_wrong".into(), &"a wrong act".into()));
    assert_eq!(entry["after"]["event"], id);
    assert!(!entry.to_string().contains("well"), "{entry}");

    // All of it is there after a restart, and the new event can be replayed and edited as any other.
    host.kill();
    let host = dir.start().await;
    let again = dir.run(&["event", "replay", id]);
    assert_eq!(again.code, 0, "{again:?}");
    fs::write(dir.path("payload.json"), r#"{"act":"well","once":"more"}"#).unwrap();
    let made =
        dir.run(&["event", "replay", id, "--payload", "payload.json", "--to", "actor", "--json"]).json();
    let event = host.wait_finished(made["id"].as_str().unwrap()).await;
    assert_eq!((&event["cause"]["id"], &event["state"]), (&id.into(), &"done".into()));
}

#[tokio::test]
async fn a_payload_that_cannot_be_meant_is_refused_and_makes_nothing() {
    let dir = HostDir::new("personal = [\"/data/object/phone\"]\n[plugin.actor]\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    host.wait_finished("evt_1").await;
    let masked = dir.run(&["event", "export", "evt_1"]);
    fs::write(dir.path("masked.json"), &masked.out).unwrap();
    fs::write(dir.path("mask.json"), r#"{"phone":"[masked]"}"#).unwrap();
    fs::write(dir.path("good.json"), "{}").unwrap();
    fs::write(dir.path("half.json"), "{\"a\":").unwrap();
    for (arguments, part) in [
        (&["event", "replay", "evt_1", "--payload", "masked.json"][..], "--unmasked"),
        (&["event", "replay", "evt_1", "--payload", "mask.json"], "masked values"),
        (&["event", "replay", "evt_1", "--payload", "half.json"], "no JSON"),
        (&["event", "replay", "evt_1", "--payload", "none.json"], "none.json"),
        (&["event", "replay", "evt_none", "--payload", "good.json"], "evt_none"),
        (&["event", "replay", "evt_1", "--payload", "good.json", "--to", "nobody"], "nobody"),
        (&["event", "replay", "--payload", "good.json"], "<ID>"),
        (&["event", "replay", "evt_1", "--payload", "good.json", "--dry-run"], "--dry-run"),
    ] {
        let output = dir.run(arguments);
        assert!(output.code != 0 && output.err.contains(part), "{arguments:?}: {output:?}");
    }
    let token = dir.run(&["token", "create", "watcher", "--role", "read"]).out;
    let mut command = dir.command(&["event", "replay", "evt_1", "--payload", "good.json"]);
    let refused = CommandOutput::run(command.env("HOOKYARD_TOKEN", token.trim()));
    assert!(refused.code == 1 && refused.err.contains("permission"), "{refused:?}");
    let listed: Value = dir.run(&["event", "list", "--json"]).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn an_edit_that_finds_no_room_leaves_neither_an_event_nor_an_entry() {
    let dir = HostDir::new("[plugin.actor]\n[dispatch]\nbacklog_max = 1\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "pause", "actor"]).code, 0);
    host.send(&Event::created("evt_1")).await;
    fs::write(dir.path("payload.json"), r#"{"act":"well"}"#).unwrap();
    let edit = ["event", "replay", "evt_1", "--payload", "payload.json"];
    let full = dir.run(&edit);
    assert!(full.code == 1 && full.err.contains("open deliveries"), "{full:?}");
    let entries = async || {
        let (_, page) = host.api_get("/api/v1/audit?action=event.edit").await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((entries().await, host.event("evt_1").await.unwrap()["edits"].clone()), (0, json!([])));
    assert_eq!(dir.run(&["plugin", "resume", "actor"]).code, 0);
    host.wait_finished("evt_1").await;
    assert_eq!(dir.run(&edit).code, 0);
    assert_eq!(entries().await, 1);
}
