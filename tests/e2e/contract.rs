//! What the contract between host and plugins promises to authors: which components are taken, and what
//! a handler gets of a payload.

use serde_json::{Value, json};

use crate::support::{Bed, Event, Handwritten, Host, TYPES, guest};

/// Logs of the only attempt of the only delivery of an event that was handled.
async fn logs(host: &Host<'_>, id: &str) -> Vec<String> {
    let event = host.settled(id).await;
    assert_eq!(event["deliveries"].as_array().unwrap().len(), 1, "{event}");
    assert_eq!(event["state"], "done", "{event}");
    let logs = event["deliveries"][0]["attempts"][0]["logs"].as_array().unwrap();
    logs.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// The payload of the sample `appointment.created`, with other values at some keys. `None` takes a key
/// away.
fn created_but(changes: &[(&str, Option<Value>)]) -> Value {
    let sample: Value = serde_json::from_str(&Event::sample("appointment.created", "").body).unwrap();
    let mut payload = sample["data"]["object"].clone();
    let object = payload.as_object_mut().unwrap();
    for (key, value) in changes {
        match value {
            Some(value) => drop(object.insert((*key).into(), value.clone())),
            None => drop(object.remove(*key)),
        }
    }
    payload
}

/// A host with one plugin.
fn with(name: &str, bytes: &[u8], settings: &str) -> Bed {
    let bed = Bed::new(settings);
    bed.install(name, bytes);
    bed
}

/// The actor, which shows what its typed handlers get.
const SHOWS: &str = "[plugin.actor]\nconfig = { act = \"show\" }\n";

/// What the actor got of this payload.
async fn shown(host: &Host<'_>, id: &str, payload: &Value) -> String {
    host.send(&Event::of("appointment.created", id, payload)).await;
    logs(host, id).await.concat()
}

#[tokio::test]
async fn a_guest_built_against_each_published_version_handles_all_its_events() {
    // Another version beside these needs a guest of its own here.
    let published: Vec<String> =
        ["hookyard-plugin-0.1.0", "moncreneau-events-1.0.0", "wasi"].map(Into::into).into();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let folders =
        std::fs::read_dir(wit).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut folders: Vec<String> = folders.collect();
    folders.sort();
    assert_eq!(folders, published);

    let bed = with("published", &guest("published"), "");
    let host = bed.start().await;
    for event_type in TYPES {
        host.send(&Event::sample(event_type, event_type)).await;
        assert_eq!(logs(&host, event_type).await, [format!("INFO {event_type} Jean Dupont")]);
    }
    host.send(&Event::of("another.type", "evt_generic", &json!({ "n": 1 }))).await;
    assert_eq!(logs(&host, "evt_generic").await, [r#"INFO another.type {"n":1}"#]);
}

#[tokio::test]
async fn a_core_module_that_carries_component_types_is_taken() {
    let module = guest("module");
    assert_eq!(module[..8], *b"\0asm\x01\0\0\0", "the linker made a component of it");
    let bed = with("module", &module, "");
    let host = bed.start().await;
    host.runs("module", &module).await;
    let body = r#"{"id":"evt_1","type":"appointment.noted","data":{"object":{"id":1}}}"#;
    host.send(&Event { id: "evt_1".into(), body: body.into() }).await;
    assert_eq!(logs(&host, "evt_1").await, ["INFO appointment.noted with 8 bytes"]);
}

#[tokio::test]
async fn a_component_is_given_the_fields_that_its_own_records_have() {
    let bed = with("narrow", &guest("narrow"), "");
    let host = bed.start().await;
    host.send(&Event::sample("appointment.created", "evt_1")).await;
    // Its context lacks fields and has an optional one that no host knows; its appointment has its own
    // order, an optional field that no sender has, and text for a number and for a variant.
    assert_eq!(
        logs(&host, "evt_1").await,
        [
            r#"INFO Context { attempt: 1, region: None, event-id: "evt_1" }"#,
            "INFO Appointment { status: \"SCHEDULED\", priority: None, name: \"Jean Dupont\", id: \"12345\", \
             department: Department { organization: Some(Organization { name: \"Ministry of Interior\" }) } }",
        ]
    );
    // What it added itself arrives as soon as a sender has it; its failure lacks a case.
    host.send(&Event::of("appointment.created", "evt_2", &created_but(&[("priority", Some(json!(0)))])))
        .await;
    let event = host.settled("evt_2").await;
    let attempt = &event["deliveries"][0]["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["cause"]), (&"rejected".into(), &"handler".into()), "{event}");
    assert!(attempt["reason"].as_str().unwrap().ends_with(": no priority"), "{event}");
}

#[tokio::test]
async fn exports_and_types_that_are_no_handlers_are_left_alone() {
    let more = Handwritten {
        imports: r#"(import "some:types/only@1.0.0" (instance (type $t (record (field "a" u8))) (export "t" (type (eq $t)))))"#,
        exports: &["hookyard:plugin/event-handler@0.1.0", "wasi:cli/run@0.2.0"],
        ..Handwritten::default()
    };
    let bed = with("more", &more.component(), "");
    let host = bed.start().await;
    host.send(&Event::sample("appointment.created", "evt_1")).await;
    assert_eq!(host.settled("evt_1").await["state"], "done");
}

#[tokio::test]
async fn a_later_patch_of_the_same_version_is_taken() {
    let later = Handwritten { exports: &["hookyard:plugin/event-handler@0.1.7"], ..Handwritten::default() };
    let bed = with("later", &later.component(), "");
    let host = bed.start().await;
    host.send(&Event::sample("appointment.created", "evt_1")).await;
    assert_eq!(host.settled("evt_1").await["state"], "done");
}

#[tokio::test]
async fn a_typed_handler_is_preferred_and_the_generic_one_gets_the_rest() {
    let bed = with("actor", &guest("actor"), SHOWS);
    let host = bed.start().await;
    host.send(&Event::sample("appointment.created", "evt_typed")).await;
    assert!(logs(&host, "evt_typed").await[0].starts_with("INFO Created { id: 12345,"));
    host.send(&Event::of("appointment.noted", "evt_generic", &json!({ "act": "well" }))).await;
    assert_eq!(logs(&host, "evt_generic").await, ["INFO evt_generic attempt 1: well"]);
}

#[tokio::test]
async fn names_that_a_variant_does_not_have_become_other() {
    let bed = with("actor", &guest("actor"), SHOWS);
    let host = bed.start().await;
    for (id, name, status) in [
        ("evt_known", "SCHEDULED", "status: Status::Scheduled,"),
        ("evt_joined", "NO_SHOW", "status: Status::NoShow,"),
        ("evt_unknown", "RESCHEDULED", "status: Status::Other(\"RESCHEDULED\"),"),
    ] {
        let got = shown(&host, id, &created_but(&[("status", Some(json!(name)))])).await;
        assert!(got.contains(status), "{got}");
    }
}

#[tokio::test]
async fn numbers_and_numeric_strings_become_each_other() {
    let bed = with("actor", &guest("actor"), SHOWS);
    let host = bed.start().await;
    let payload = created_but(&[
        ("id", Some(json!("18446744073709551615"))),
        ("phone", Some(json!(224_621_234_567_u64))),
        ("creditsUsed", Some(json!("2"))),
        ("departmentId", Some(json!(5.0))),
        ("email", Some(json!({ "home": ["a@b.gn"] }))),
    ]);
    let got = shown(&host, "evt_1", &payload).await;
    for part in [
        "id: 18446744073709551615,",
        "phone: Some(\"224621234567\")",
        "credits-used: Some(2)",
        "department-id: 5,",
        r#"email: Some("{\"home\":[\"a@b.gn\"]}")"#,
    ] {
        assert!(got.contains(part), "{got} lacks {part}");
    }
}

#[tokio::test]
async fn missing_and_null_keys_are_none_and_unknown_ones_are_ignored() {
    let bed = with("actor", &guest("actor"), SHOWS);
    let host = bed.start().await;
    let payload = created_but(&[
        ("phone", None),
        ("email", Some(Value::Null)),
        ("department", Some(Value::Null)),
        ("qrCode", None),
        ("weather", Some(json!({ "sun": [true, 1, "x"] }))),
    ]);
    let got = shown(&host, "evt_1", &payload).await;
    for part in ["phone: None", "email: None", "department: None", "qr-code: None", "name: \"Jean Dupont\""] {
        assert!(got.contains(part), "{got} lacks {part}");
    }
    assert!(!got.contains("weather"), "{got}");
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_a_dead_letter_with_the_place_and_both_types() {
    let bed = with("actor", &guest("actor"), SHOWS);
    let host = bed.start().await;
    let revision = hookyard::event::Digest::of(&guest("actor")).short();
    let cases = [
        ("departmentId", Some(json!("five")), r#"payload.departmentId: expected u64, found string "five""#),
        ("id", Some(json!(-1)), "payload.id: expected u64, found number -1"),
        ("name", None, "payload.name: expected string, found nothing"),
        ("name", Some(Value::Null), "payload.name: expected string, found null"),
        ("status", Some(json!({ "is": "odd" })), "payload.status: expected variant { scheduled, "),
    ];
    for (at, (key, value, misfit)) in cases.into_iter().enumerate() {
        let id = format!("evt_{at}");
        host.send(&Event::of("appointment.created", &id, &created_but(&[(key, value)]))).await;
        let event = host.settled(&id).await;
        let delivery = &event["deliveries"][0];
        let attempt = &delivery["attempts"][0];
        assert_eq!((&delivery["state"], &attempt["cause"]), (&"dead".into(), &"payload".into()), "{event}");
        let reason = attempt["reason"].as_str().unwrap();
        let begin =
            format!("actor {revision} on {id}: moncreneau:events/appointment-created@1.0.0: {misfit}");
        assert!(reason.starts_with(&begin), "{reason} does not begin with {begin}");
        host.logged(&["rejected, now a dead letter", json!(reason).to_string().trim_matches('"')]).await;
    }
    // Nobody is hurt.
    host.send(&Event::sample("appointment.created", "evt_next")).await;
    assert_eq!(host.settled("evt_next").await["state"], "done");
}

#[tokio::test]
async fn a_misfit_in_an_optional_field_is_none_and_the_attempt_says_so() {
    let bed = with("actor", &guest("actor"), SHOWS);
    let host = bed.start().await;
    let cases = [
        ("creditsUsed", Some(json!(1.5)), "payload.creditsUsed: expected u32, found number 1.5"),
        (
            "department",
            Some(json!("Passports")),
            "payload.department: expected record, found string \"Passports\"",
        ),
        (
            "department",
            Some(json!({ "id": 5, "name": "P", "organization": { "id": {}, "name": "M" } })),
            "payload.department.organization.id: expected u64, found an object",
        ),
    ];
    for (at, (key, value, misfit)) in cases.into_iter().enumerate() {
        let id = format!("evt_{at}");
        host.send(&Event::of("appointment.created", &id, &created_but(&[(key, value)]))).await;
        assert_eq!(host.settled(&id).await["state"], "done");
        let logs = logs(&host, &id).await;
        assert!(logs[0].ends_with(&format!("{misfit}; taken as none")), "{logs:?} lacks {misfit}");
    }
}

#[tokio::test]
async fn a_payload_as_deep_as_a_body_can_be_is_text_to_a_string_field() {
    let bed = with("actor", &guest("actor"), SHOWS);
    let host = bed.start().await;
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    let whole = Event::sample("appointment.created", "evt_deep").body;
    let event = Event { id: "evt_deep".into(), body: whole.replace(r#""Jean Dupont""#, &deep) };
    assert_eq!(host.send(&event).await.status(), "accepted");
    let got = logs(&host, "evt_deep").await.concat();
    assert!(got.contains("name: \"[[[["), "{}", &got[..200]);
}

#[tokio::test]
async fn a_program_with_wasi_has_an_empty_world_and_prints_to_the_log() {
    let bed = with("explorer", &guest("explorer"), "");
    let host = bed.start().await;
    host.send(&Event::of("do.print", "evt_print", &json!({}))).await;
    let printed = logs(&host, "evt_print").await;
    assert_eq!(printed, ["INFO one line", "WARN a complaint", "INFO and half of another"]);
    host.logged(&["\"plugin\":\"explorer\"", "a complaint", "\"WARN\""]).await;
    host.send(&Event::of("do.look", "evt_look", &json!({}))).await;
    assert_eq!(
        logs(&host, "evt_look").await,
        [
            "INFO 0 directories, 0 variables, 0 arguments, directory None, input Err(StreamError::Closed), no name true"
        ]
    );
}

#[tokio::test]
async fn settings_are_all_that_a_plugin_is_told_of_its_surroundings() {
    let bed = with("actor", &guest("actor"), "[plugin.actor]\nconfig = { act = \"config\", n = 3 }\n");
    let host = bed.start().await;
    host.send(&Event::sample("appointment.created", "evt_1")).await;
    assert_eq!(logs(&host, "evt_1").await[1..], ["INFO act = config", "INFO n = 3"]);
}
