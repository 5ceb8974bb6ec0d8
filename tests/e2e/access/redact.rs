//! `redact`: fields of events that a plugin never gets.

use serde_json::{Value, json};

use crate::conformance;
use crate::support::{Event, HostDir, RunningHost, example, guest, wait_until};

const PHONE: &str = "+224621234567";
const REDACTED_PHONE: &str = "redact = [\"/data/object/phone\", \"/data/object/name\"]\n";

/// What the plugin logged of an event.
async fn logs(host: &RunningHost<'_>, id: &str, plugin: &str) -> String {
    let event = host.wait_finished(id).await;
    let deliveries = event["deliveries"].as_array().unwrap();
    let delivery = deliveries.iter().find(|of| of["plugin"] == plugin).unwrap();
    delivery["attempts"].to_string()
}

#[tokio::test]
async fn typed_handlers_in_every_language_do_not_get_redacted_fields() {
    let names = ["rust", "typescript", "python", "go", "c"].map(|of| format!("conformance-{of}"));
    let of_plugin = |name: &String| format!("[plugin.{name}]\ncall_timeout_ms = 60000\n{REDACTED_PHONE}");
    let dir = HostDir::new(&names.iter().map(of_plugin).collect::<String>());
    for name in &names {
        dir.install(name, &guest(name));
    }
    let host = conformance::start(&dir).await;
    let event = Event::sample("appointment.created", "evt_1");
    assert!(event.body.contains(PHONE));
    host.send(&event).await;
    let done = host.wait_finished("evt_1").await;
    for name in &names {
        let deliveries = done["deliveries"].as_array().unwrap();
        let delivery = deliveries.iter().find(|of| of["plugin"] == name.as_str()).unwrap();
        assert_eq!(delivery["state"], "done", "{name}: {done}");
        let store = dir.run(&["store", "get", name, "12345"]).out;
        assert!(store.contains("[redacted]") && store.contains("jean.dupont@example.gn"), "{name}: {store}");
        assert!(!store.contains(PHONE) && !store.contains("Jean Dupont"), "{name}: {store}");
    }
}

#[tokio::test]
async fn no_attempt_gets_a_redacted_field_however_it_is_spelled() {
    let dir = HostDir::new(&format!(
        "[plugin.actor]\n{REDACTED_PHONE}config = {{ act = \"show\" }}\ninstances = \"reused\"\n\
         [plugin.event-log]\n{REDACTED_PHONE}"
    ));
    dir.install("actor", &guest("actor"));
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    let keys = ["phone", "Phone", "PHONE", "p_hone", r"\u0070hone", r"pho\u006ee"];
    for (number, key) in keys.iter().enumerate() {
        let id = format!("evt_{number}");
        let Event { body, .. } = Event::created(&id);
        let twice = format!("\"phone\": \"{PHONE}\", \"{key}\": \"{PHONE}\"");
        let body = body.replacen(&format!("\"phone\": \"{PHONE}\""), &twice, 1);
        assert_eq!(body.matches(PHONE).count(), 2, "{body}");
        host.send(&Event { id: id.clone(), body }).await;
        let typed = logs(&host, &id, "actor").await;
        assert!(typed.contains("phone: None") && typed.contains("[redacted]"), "{typed}");
        let generic = logs(&host, &id, "event-log").await;
        assert!(generic.contains(r#"\"phone\":\"[redacted]\""#), "{generic}");
        for text in [typed, generic] {
            assert!(!text.contains(PHONE) && !text.contains("Jean Dupont"), "{key}: {text}");
        }
    }
    // A replay is redacted as the first run.
    assert_eq!(dir.run(&["event", "replay", "evt_0"]).code, 0);
    let replayed = host
        .wait_event("evt_0", "it ran again", |event| {
            let deliveries = event["deliveries"].as_array().unwrap();
            deliveries.len() == 4 && deliveries.iter().all(|of| of["state"] == "done")
        })
        .await;
    assert!(!replayed["deliveries"].to_string().contains(PHONE), "{replayed}");
}

#[tokio::test]
async fn hostile_payloads_are_redacted_too() {
    let dir = HostDir::new(
        "[plugin.event-log]\nredact = [\"/data/object/phone\", \"/data/object/people/*/phone\"]\n",
    );
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    let deep = format!("{}\"{PHONE}\"{}", "[".repeat(90), "]".repeat(90));
    let people = vec![json!({ "phone": PHONE }).to_string(); 5000].join(",");
    let bodies = [
        format!(r#"{{"phone":{deep},"a":1}}"#),
        format!(r#"{{"phone":"{PHONE}","phone":{{"phone":"{PHONE}"}},"phone":["{PHONE}"]}}"#),
        format!(r#"{{"people":[{people}]}}"#),
        format!(r#"{{"people":{{"x":{{"phone":"{PHONE}"}},"7":{{"phone":"{PHONE}"}}}}}}"#),
        format!(r#"{{"phone":"{PHONE}"}}"#),
    ];
    for (number, payload) in bodies.iter().enumerate() {
        let id = format!("evt_{number}");
        let body = format!(r#"{{"id":"{id}","type":"a.b","data":{{"object":{payload}}}}}"#);
        host.send(&Event { id: id.clone(), body }).await;
        let log = logs(&host, &id, "event-log").await;
        assert!(log.contains("a.b evt_") && !log.contains(PHONE), "{log}");
    }
}

#[tokio::test]
async fn a_plugin_that_needs_a_redacted_field_is_refused_by_name() {
    let needs_id = "[plugin.actor]\nredact = [\"/data/object/id\"]\n";
    let dir = HostDir::new(needs_id);
    dir.install("actor", &guest("actor"));
    let expected = ["payload.id", "`/data/object/id`", "appointment-", "u64", "Make it an option"];
    let has_all = |text: &str| expected.iter().all(|part| text.contains(part));
    let checked = dir.run(&["plugin", "check", dir.plugin_file("actor").to_str().unwrap()]);
    assert!(checked.code == 1 && has_all(&checked.out), "{checked:?}");
    let host = dir.start_unloaded().await;
    let refused = host.wait_plugin("actor", "it is refused", |plugin| plugin["state"] == "refused").await;
    assert!(has_all(refused["refusal"].as_str().unwrap()), "{refused}");
    // Without the pointer it runs, and no file changed.
    dir.configure("[plugin.actor]\nconfig = { act = \"show\" }\n");
    host.wait_plugin("actor", "it runs", |plugin| plugin["state"] == "running").await;
    host.send(&Event::created("evt_1")).await;
    assert!(logs(&host, "evt_1", "actor").await.contains(PHONE));
    // A field that it can do without is kept from it from now on.
    dir.configure(&format!("[plugin.actor]\n{REDACTED_PHONE}config = {{ act = \"show\" }}\n"));
    wait_until("the config is taken", async || {
        let id = format!("evt_{}", hookyard::event::now_ms());
        host.send(&Event::created(&id)).await;
        let log = logs(&host, &id, "actor").await;
        (!log.contains(PHONE) && log.contains("phone: None")).then_some(())
    })
    .await;
    // The deliveries of a running plugin that needs it wait, and it gets nothing.
    dir.configure("[plugin.actor]\nredact = [\"/data/object/id\"]\nconfig = { act = \"show\" }\nbackoff_max_ms = 1000\n");
    host.wait_plugin("actor", "its refusal is shown", |plugin| {
        plugin["refusal"].as_str().is_some_and(has_all) && plugin["state"] == "running"
    })
    .await;
    host.send(&Event::created("evt_2")).await;
    let waits = host
        .wait_event("evt_2", "it waits", |event| event["deliveries"][0]["attempts"][0] != Value::Null)
        .await;
    let attempt = &waits["deliveries"][0]["attempts"][0];
    assert!(attempt["logs"] == json!([]) && has_all(attempt["reason"].as_str().unwrap()), "{waits}");
    dir.configure("[plugin.actor]\nconfig = { act = \"show\" }\nbackoff_max_ms = 1000\n");
    assert!(logs(&host, "evt_2", "actor").await.contains("phone: Some"));
}

#[tokio::test]
async fn what_every_handler_gets_in_its_context_cannot_be_redacted() {
    let dir = HostDir::new("[plugin.actor]\nredact = [\"/id\"]\n");
    let checked = dir.run(&["config", "check"]);
    assert!(
        checked.code == 1 && checked.err.contains("`/id` has the id of events of `moncreneau`"),
        "{checked:?}"
    );
}

#[tokio::test]
async fn a_run_without_a_host_is_redacted_as_on_one() {
    let dir = HostDir::new(&format!("[plugin.event-log]\n{REDACTED_PHONE}"));
    dir.install("event-log", &example("event-log"));
    let file = dir.plugin_file("event-log");
    let ran = dir.run(&["plugin", "run", file.to_str().unwrap(), "--event", "appointment.created"]);
    assert!(ran.code == 0 && ran.out.contains("[redacted]") && !ran.out.contains(PHONE), "{ran:?}");
}
