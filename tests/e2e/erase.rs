//! Personal values of events, erased from every place where the host stores them.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use hookyard::failpoint::Point;
use serde_json::{Value, json};

use crate::access::{create, run_as};
use crate::support::{Event, HostDir, Partner, Reply, RunningHost, guest, wait_until};

const NAME: &str = "Zebulon Quartermaine";
const PHONE: &str = "+224 620 77 31 95";
/// Forms in which the values may be stored: as sent, as words of the search index, and reversed in it.
const FORMS: [&str; 7] =
    ["zebulon", "quartermaine", "nolubez", "eniamretrauq", "620 77 31 95", "224620773195", "591377026422"];

const PERSONAL: &str = "personal = [\"/data/object/name\", \"/data/object/phone\", \"/data/object/text\", \
     \"/data/object/reason\"]\nsearch = [\"/data/object/name\", \"/data/object/phone\"]\n\
     ordering_key = \"/data/object/phone\"\n";

/// The files in the data directory with one of the values, and the form.
fn remains(dir: &HostDir) -> Vec<String> {
    fn look(dir: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, found);
                continue;
            }
            // One that is gone by now has nothing.
            let bytes = fs::read(&path).unwrap_or_default().to_ascii_lowercase();
            let has = |form: &&&str| bytes.windows(form.len()).any(|part| part == form.as_bytes());
            found.extend(FORMS.iter().filter(has).map(|form| format!("{}: {form}", path.display())));
        }
    }
    let mut found = Vec::new();
    look(&dir.path("hookyard-data"), &mut found);
    found
}

fn person(id: &str, payload: &Value) -> Event {
    person_of("any.type", id, payload)
}

fn person_of(event_type: &str, id: &str, payload: &Value) -> Event {
    let mut object = json!({ "name": NAME, "phone": PHONE });
    object.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
    Event::with_payload(event_type, id, &object)
}

async fn done(host: &RunningHost<'_>, id: i64) -> Value {
    wait_until("the erasure is done", async || {
        let (_, erasure) = host.api_get(&format!("/api/v1/erasures/{id}")).await;
        (erasure["state"] == "done").then_some(erasure)
    })
    .await
}

#[tokio::test]
async fn an_erased_value_is_in_no_file_and_all_else_stays() {
    let partner = Partner::start(|_, _| Reply::text(400, &format!("no such person: {NAME}"))).await;
    let dir = HostDir::new(&format!(
        "{PERSONAL}[plugin.sender]\nhttp = [\"{}\"]\nemit = [\"x.y\"]\n[plugin.strict]\nattempts_max = 1\n",
        partner.origin()
    ));
    dir.install("strict", &guest("conformance-rust"));
    dir.install("sender", &guest("outbox"));
    let host = dir.start().await;
    let rejected = person_of("conformance.a", "evt_1", &json!({ "do": "reject", "reason": PHONE }));
    host.send(&rejected).await;
    let other = person_of("conformance.a", "evt_1", &json!({ "do": "", "reason": "another" }));
    assert_eq!(host.send(&other).await.status(), "conflict");
    host.send(&person(
        "evt_2",
        &json!({ "do": "http", "url": format!("{}/sms", partner.origin()), "text": NAME }),
    ))
    .await;
    let text = json!({ "to": PHONE, "name": NAME }).to_string();
    host.send(&person("evt_3", &json!({ "do": "emit-data", "type": "x.y", "text": text }))).await;
    host.wait_drained().await;
    wait_until("the effects are closed", async || (dir.open_effects().await == 0).then_some(())).await;
    wait_until("the event is emitted", async || (host.events("&type=x.y").await.len() == 1).then_some(()))
        .await;
    host.wait_drained().await;
    // The reason is an example of this replay.
    dir.run(&["delivery", "replay", "--plugin", "strict", "--dry-run"]);
    assert!(!remains(&dir).is_empty());

    let dry = dir.run(&["event", "erase", "--all"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(
        dry.out.starts_with("would erase the personal values of 4 events\nmoncreneau: /data/object/name, ")
    );
    assert!(dry.out.contains("evt_2") && dry.out.ends_with("nothing was changed: say --yes to erase them\n"));
    assert_eq!(host.event("evt_1").await.unwrap()["erased_at"], Value::Null);
    let before = host.event("evt_1").await.unwrap();
    let erased =
        dir.run(&["event", "erase", "--all", "--yes", "--note", "they asked for it", "--json"]).json();
    assert_eq!((&erased["state"], &erased["erased"]), (&"done".into(), &4.into()), "{erased}");
    wait_until("no value remains in a file", async || remains(&dir).is_empty().then_some(())).await;

    let after = host.event("evt_1").await.unwrap();
    assert!(after["erased_at"].is_u64());
    let shown = dir.run(&["event", "show", "evt_1"]).out;
    assert!(shown.contains("\nerased    2"), "{shown}");
    let attempt = |event: &Value, key: &str| {
        let deliveries = event["deliveries"].as_array().unwrap().iter();
        let strict: Vec<_> = deliveries.filter(|of| of["plugin"] == "strict").collect();
        strict[0]["attempts"][0][key].clone()
    };
    for key in ["outcome", "cause", "revision", "started_at", "duration_us"] {
        assert_eq!(attempt(&before, key), attempt(&after, key), "{key}");
    }
    assert_eq!(attempt(&after, "reason"), "[erased]");
    assert_eq!(after["payload"]["do"], "reject");
    assert_eq!(after["ordering_key"], "[masked]");
    let unmasked = dir.run(&["event", "show", "evt_1", "--unmasked", "--json"]).json();
    assert_eq!(unmasked["payload"]["name"], "[erased]");
    assert_eq!(unmasked["ordering_key"], "[erased]");
    let sent = host.event("evt_2").await.unwrap();
    assert_eq!(sent["deliveries"][0]["effects"][0]["attempts"][0]["detail"], "[erased]", "{sent}");
    let effect = dir.run(&["effect", "show", &format!("{}-1-1", sent["number"])]);
    assert!(effect.code == 0 && effect.out.contains("[erased]"), "{effect:?}");
    assert_eq!(host.send(&rejected).await.status(), "duplicate");
    let audit = dir.run(&["audit", "list", "--json"]).out;
    assert!(
        audit.contains("erasure.begin") && audit.contains("erasure.end") && audit.contains("asked for it")
    );
    host.stop().await;
    assert_eq!(remains(&dir), [""; 0]);
}

#[tokio::test]
async fn open_events_are_skipped_and_erased_ones_do_not_run_again() {
    let dir = HostDir::new(PERSONAL);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    assert_eq!(dir.run(&["plugin", "disable", "actor", "--type", "held.type"]).code, 0);
    let held = json!({ "name": NAME, "act": "well" });
    host.send(&Event::with_payload("held.type", "evt_open", &held)).await;
    host.send(&person("evt_1", &json!({ "act": "well" }))).await;
    host.wait_finished("evt_1").await;
    assert_eq!(dir.run(&["event", "erase", "--yes"]).code, 2, "--all is needed");
    let operate = create(&dir, &["ops", "--role", "operate"]);
    let refused = run_as(&dir, &operate, &["event", "erase", "evt_1", "--yes"]);
    assert!(refused.code == 1 && refused.err.contains("admin"), "{refused:?}");
    assert_eq!(host.event("evt_1").await.unwrap()["erased_at"], Value::Null);

    let erased = dir.run(&["event", "erase", "--all", "--yes"]);
    assert!(
        erased.out.starts_with(
            "erased the personal values of 1 event (erasure 1); skipped 1 event: 1 with open deliveries or effects\n"
        ),
        "{erased:?}"
    );
    let again = dir.run(&["event", "erase", "evt_1", "--yes", "--json"]).json();
    assert_eq!(again["erased"], 1, "what came since is erased too: {again}");
    let unmasked = dir.run(&["event", "show", "evt_open", "--unmasked"]).out;
    assert!(unmasked.contains(NAME), "{unmasked}");

    let named = dir.run(&["event", "replay", "evt_1"]);
    assert!(named.code == 1 && named.err.contains("event 2 is erased"), "{named:?}");
    let named = dir.run(&["delivery", "replay", "2-1"]);
    assert!(named.code == 1 && named.err.contains("event 2 is erased"), "{named:?}");
    let bulk = dir.run(&["event", "replay", "--all", "--again", "--json"]).json();
    assert_eq!((&bulk["made"], &bulk["skipped"]), (&0.into(), &2.into()), "{bulk}");
    host.stop().await;
}

#[tokio::test]
async fn an_erasure_killed_within_a_page_goes_on_after_the_restart() {
    const EVENTS: usize = 220;
    let dir = HostDir::new(PERSONAL);
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", format!("{}:3", Point::ErasureStep.name()));
    let host = dir.start_with(command).await;
    for number in 0..EVENTS {
        host.send(&person(&format!("evt_{number}"), &json!({}))).await;
    }
    let asked = dir.run(&["event", "erase", "--source", "moncreneau", "--yes"]);
    assert_eq!(asked.code, 1, "{asked:?}");
    assert_eq!(host.wait_exit().await.signal(), Some(9), "{}", dir.log());

    let host = dir.start().await;
    let end = done(&host, 1).await;
    assert_eq!((&end["found"], &end["erased"]), (&EVENTS.into(), &EVENTS.into()), "{end}");
    assert_eq!(dir.number("SELECT count(*) FROM erased_event").await, i64::try_from(EVENTS).unwrap());
    wait_until("no value remains in a file", async || remains(&dir).is_empty().then_some(())).await;
    host.stop().await;
    assert_eq!(remains(&dir), [""; 0]);
}
