//! The contract between host and plugins: accepted components, and the payloads of their handlers.

use serde_json::{Value, json};

use crate::support::{Event, Handwritten, HostDir, RunningHost, TYPES, guest};

/// Logs of the only attempt of the only delivery of an event that was handled.
async fn logs(host: &RunningHost<'_>, id: &str) -> Vec<String> {
    let event = host.wait_finished(id).await;
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
fn with(name: &str, bytes: &[u8], settings: &str) -> HostDir {
    let dir = HostDir::new(settings);
    dir.install(name, bytes);
    dir
}

/// Settings with which the actor logs the payloads of its typed handlers.
const SHOWS: &str = "[plugin.actor]\ncall_timeout_ms = 60000\nconfig = { act = \"show\" }\n";

/// The payload as the actor's typed handler received it.
async fn shown(host: &RunningHost<'_>, id: &str, payload: &Value) -> String {
    host.send(&Event::with_payload("appointment.created", id, payload)).await;
    logs(host, id).await.concat()
}

#[tokio::test]
async fn a_guest_built_against_each_published_version_handles_all_its_events() {
    // Another version beside these needs a guest of its own here, or in the tests of verifiers and metadata.
    let published: Vec<String> = [
        "hookyard-event-0.1.0",
        "hookyard-plugin-0.1.0",
        "hookyard-verifier-0.1.0",
        "moncreneau-events-1.0.0",
        "wasi",
    ]
    .map(Into::into)
    .into();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    let folders =
        std::fs::read_dir(wit).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut folders: Vec<String> = folders.collect();
    folders.sort();
    assert_eq!(folders, published);

    let dir = with("published", &guest("published"), "");
    let host = dir.start().await;
    for event_type in TYPES {
        host.send(&Event::sample(event_type, event_type)).await;
        assert_eq!(logs(&host, event_type).await, [format!("INFO {event_type} Jean Dupont")]);
    }
    host.send(&Event::with_payload("another.type", "evt_generic", &json!({ "n": 1 }))).await;
    assert_eq!(logs(&host, "evt_generic").await, [r#"INFO another.type {"n":1}"#]);
}

#[tokio::test]
async fn a_verifier_built_against_each_published_version_verifies_requests() {
    let vectors = json!([
        {
            "name": "good", "secrets": ["old", "new"], "now": "2027-01-31T00:00:00Z",
            "request": { "url": "/x?y=1", "headers": [["X-Token", "new"], ["X-Type", "a.b"]], "body": "{}" },
            "verified": {
                "secret": 1, "id": "POST /x?y=1 2", "event_type": "a.b", "created": "1801353600000", "payload": "/data",
            },
        },
        {
            "name": "bad", "secrets": ["old"], "now": "2027-01-31T00:00:00Z",
            "request": { "url": "/", "headers": [["x-token", "new"]] }, "refused": "x-token is no secret",
        },
    ]);
    let dir = HostDir::new(
        "[sources.token]\nverifier = \"published\"\nsecrets = [\"s3cret\"]\n[verifiers]\ntimeout_ms = 10_000\nwait_max_ms = 30_000\n",
    );
    std::fs::create_dir(dir.path("verifiers")).unwrap();
    dir.replace("verifiers/published.vectors.json", vectors.to_string().as_bytes());
    dir.replace("verifiers/published.wasm", &guest("published-verifier"));
    let host = dir.start().await;
    let headers = [("X-Token", "s3cret"), ("X-Type", "a.b")];
    let accepted = host.post("token?y=1", r#"{"data":{"n":1}}"#, &headers).await;
    assert_eq!(accepted.json["event"], "POST /webhooks/token?y=1 16", "{accepted:?}");
    assert_eq!(host.post("token", "{}", &[("X-Token", "other")]).await.code, 401);
}

#[tokio::test]
async fn a_core_module_that_carries_component_types_is_accepted() {
    let module = guest("module");
    assert_eq!(module[..8], *b"\0asm\x01\0\0\0", "the linker made a component of it");
    let dir = with("module", &module, "");
    let host = dir.start().await;
    host.wait_revision("module", &module).await;
    let body = r#"{"id":"evt_1","type":"appointment.noted","data":{"object":{"id":1}}}"#;
    host.send(&Event { id: "evt_1".into(), body: body.into() }).await;
    assert_eq!(logs(&host, "evt_1").await, ["INFO appointment.noted with 8 bytes"]);
}

#[tokio::test]
async fn a_component_receives_the_fields_that_its_records_declare() {
    let dir = with("partial-record", &guest("partial-record"), "");
    let host = dir.start().await;
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
    host.send(&Event::with_payload(
        "appointment.created",
        "evt_2",
        &created_but(&[("priority", Some(json!(0)))]),
    ))
    .await;
    let event = host.wait_finished("evt_2").await;
    let attempt = &event["deliveries"][0]["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["cause"]), (&"rejected".into(), &"handler".into()), "{event}");
    assert!(attempt["reason"].as_str().unwrap().ends_with(": no priority"), "{event}");
}

#[tokio::test]
async fn exports_and_types_that_are_no_handlers_are_ignored() {
    let more = Handwritten {
        imports: r#"(import "some:types/only@1.0.0" (instance (type $t (record (field "a" u8))) (export "t" (type (eq $t)))))"#,
        exports: &["hookyard:plugin/event-handler@0.1.0", "wasi:cli/run@0.2.0"],
        ..Handwritten::default()
    };
    let dir = with("more", &more.component(), "");
    let host = dir.start().await;
    host.send(&Event::sample("appointment.created", "evt_1")).await;
    assert_eq!(host.wait_finished("evt_1").await["state"], "done");
}

#[tokio::test]
async fn a_later_patch_version_is_accepted() {
    let later = Handwritten { exports: &["hookyard:plugin/event-handler@0.1.7"], ..Handwritten::default() };
    let dir = with("later", &later.component(), "");
    let host = dir.start().await;
    host.send(&Event::sample("appointment.created", "evt_1")).await;
    assert_eq!(host.wait_finished("evt_1").await["state"], "done");
}

#[tokio::test]
async fn a_typed_handler_wins_and_the_generic_one_handles_the_rest() {
    let dir = with("actor", &guest("actor"), SHOWS);
    let host = dir.start().await;
    host.send(&Event::sample("appointment.created", "evt_typed")).await;
    assert!(logs(&host, "evt_typed").await[0].starts_with("INFO Created { id: 12345,"));
    host.send(&Event::with_payload("appointment.noted", "evt_generic", &json!({ "act": "well" }))).await;
    assert_eq!(logs(&host, "evt_generic").await, ["INFO evt_generic attempt 1: well"]);
}

#[tokio::test]
async fn unknown_variant_names_become_other() {
    let dir = with("actor", &guest("actor"), SHOWS);
    let host = dir.start().await;
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
async fn numbers_and_numeric_strings_convert_to_each_other() {
    let dir = with("actor", &guest("actor"), SHOWS);
    let host = dir.start().await;
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
    let dir = with("actor", &guest("actor"), SHOWS);
    let host = dir.start().await;
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
async fn a_payload_of_a_wrong_type_is_a_dead_letter_with_the_json_path_and_both_types() {
    let dir = with("actor", &guest("actor"), SHOWS);
    let host = dir.start().await;
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
        host.send(&Event::with_payload("appointment.created", &id, &created_but(&[(key, value)]))).await;
        let event = host.wait_finished(&id).await;
        let delivery = &event["deliveries"][0];
        let attempt = &delivery["attempts"][0];
        assert_eq!((&delivery["state"], &attempt["cause"]), (&"dead".into(), &"payload".into()), "{event}");
        let reason = attempt["reason"].as_str().unwrap();
        let begin =
            format!("actor {revision} on {id}: moncreneau:events/appointment-created@1.0.0: {misfit}");
        assert!(reason.starts_with(&begin), "{reason} does not begin with {begin}");
        host.wait_log(&["rejected, now a dead letter", json!(reason).to_string().trim_matches('"')]).await;
    }
    // Other plugins continue.
    host.send(&Event::sample("appointment.created", "evt_next")).await;
    assert_eq!(host.wait_finished("evt_next").await["state"], "done");
}

#[tokio::test]
async fn a_misfit_in_an_optional_field_is_none_and_the_attempt_says_so() {
    let dir = with("actor", &guest("actor"), SHOWS);
    let host = dir.start().await;
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
        host.send(&Event::with_payload("appointment.created", &id, &created_but(&[(key, value)]))).await;
        assert_eq!(host.wait_finished(&id).await["state"], "done");
        let logs = logs(&host, &id).await;
        assert!(logs[0].ends_with(&format!("{misfit}; taken as none")), "{logs:?} lacks {misfit}");
    }
}

#[tokio::test]
async fn a_payload_of_the_maximum_depth_is_text_in_a_string_field() {
    let dir = with("actor", &guest("actor"), SHOWS);
    let host = dir.start().await;
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    let whole = Event::sample("appointment.created", "evt_deep").body;
    let event = Event { id: "evt_deep".into(), body: whole.replace(r#""Jean Dupont""#, &deep) };
    assert_eq!(host.send(&event).await.status(), "accepted");
    let got = logs(&host, "evt_deep").await.concat();
    assert!(got.contains("name: \"[[[["), "{}", &got[..200]);
}

#[tokio::test]
async fn a_wasi_program_sees_no_files_or_environment_and_prints_to_the_log() {
    let dir = with("wasi-probe", &guest("wasi-probe"), "");
    let host = dir.start().await;
    host.send(&Event::with_payload("do.print", "evt_print", &json!({}))).await;
    let printed = logs(&host, "evt_print").await;
    assert_eq!(printed, ["INFO one line", "WARN a complaint", "INFO and half of another"]);
    host.wait_log(&["\"plugin\":\"wasi-probe\"", "a complaint", "\"WARN\""]).await;
    host.send(&Event::with_payload("do.look", "evt_look", &json!({}))).await;
    assert_eq!(
        logs(&host, "evt_look").await,
        [
            "INFO 0 directories, 0 variables, 0 arguments, directory None, input Err(StreamError::Closed), no name true"
        ]
    );
}

#[tokio::test]
async fn a_plugin_sees_nothing_of_its_surroundings_but_its_settings() {
    let dir = with("actor", &guest("actor"), "[plugin.actor]\nconfig = { act = \"config\", n = 3 }\n");
    let host = dir.start().await;
    host.send(&Event::sample("appointment.created", "evt_1")).await;
    assert_eq!(logs(&host, "evt_1").await[1..], ["INFO act = config", "INFO n = 3"]);
}
