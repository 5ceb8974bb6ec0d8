//! What a token with the role `read` sees of personal values: nothing.

use serde_json::json;

use super::{create, run_as};
use crate::support::{Event, HostDir, guest, wait_until};

const PHONE: &str = "+224 620 00 00 01";

#[tokio::test]
async fn the_role_read_sees_no_personal_value_in_any_text_about_an_event() {
    let dir = HostDir::new(
        "personal = [\"/data/object/phone\", \"/data/object/reason\", \"/data/object/text\"]\n\
         [plugin.sender]\nemit = [\"x.y\"]\n[plugin.strict]\nemit = [\"*\"]\n",
    );
    dir.install("strict", &guest("conformance-rust"));
    dir.install("sender", &guest("outbox"));
    let host = dir.start().await;
    let rejected = json!({ "do": "reject", "reason": PHONE });
    host.send(&Event::with_payload("conformance.a", "evt_1", &rejected)).await;
    let text = json!({ "to": PHONE }).to_string();
    let emitted = json!({ "do": "emit-data", "type": "x.y", "text": text, "phone": PHONE });
    host.send(&Event::with_payload("any.type", "evt_2", &emitted)).await;
    let strict = |event: &serde_json::Value| {
        let deliveries = event["deliveries"].as_array().unwrap().iter();
        deliveries.filter(|of| of["plugin"] == "strict").map(|of| of["state"].clone()).next()
    };
    let event = host.wait_event("evt_1", "it is dead", |event| strict(event) == Some("dead".into())).await;
    host.wait_event("evt_2", "it asked for an event", |event| {
        event["deliveries"][0]["effects"].as_array().is_some_and(|effects| !effects.is_empty())
    })
    .await;
    let deliveries = event["deliveries"].as_array().unwrap().iter();
    let delivery =
        deliveries.filter(|of| of["plugin"] == "strict").map(|of| of["id"].as_str().unwrap()).next().unwrap();
    let dry_run = ["delivery", "replay", "--plugin", "strict", "--reason", PHONE, "--dry-run"];
    assert_eq!(dir.run(&dry_run).code, 0);
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let operate = create(&dir, &["ops", "--role", "operate"]);

    for arguments in [
        &["event", "show", "evt_1", "--json"][..],
        &["event", "show", "evt_2", "--json"],
        &["event", "export", "evt_2"],
        &["delivery", "list", "--json"],
        &["delivery", "show", delivery, "--json"],
        &["effect", "list", "--json"],
        &["effect", "show", "2-1-1", "--json"],
    ] {
        let masked = run_as(&dir, &read, arguments);
        assert_eq!(masked.code, 0, "{arguments:?}: {masked:?}");
        assert!(!masked.out.contains(PHONE) && masked.out.contains("[masked]"), "{arguments:?}: {masked:?}");
        let whole = run_as(&dir, &operate, arguments);
        let is_payload_only = arguments[1] == "export";
        assert!(
            whole.code == 0 && (is_payload_only || whole.out.contains(PHONE)),
            "{arguments:?}: {whole:?}"
        );
    }
    let listed = dir.run(&["event", "list", "--type", "x.y", "--json"]).json();
    let emitted = ["event", "show", listed["items"][0]["id"].as_str().unwrap(), "--json"];
    let masked = run_as(&dir, &read, &emitted).json();
    assert_eq!(masked["payload"], "[masked]", "{masked}");
    assert!(run_as(&dir, &operate, &emitted).out.contains(PHONE));
    for (token, code) in [(&read, 1), (&operate, 0)] {
        assert_eq!(run_as(&dir, token, &["store", "list", "sender"]).code, code);
    }
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let ask = async |token: &str| {
        let request = client.get(format!("{}/api/v1/replays", host.admin())).bearer_auth(token);
        request.send().await.unwrap().text().await.unwrap()
    };
    assert!(ask(&operate).await.contains(PHONE));
    let masked = ask(&read).await;
    assert!(masked.contains("[masked]") && !masked.contains(PHONE), "{masked}");
}

#[tokio::test]
async fn a_personal_field_is_one_however_its_name_is_written_and_in_a_key_of_an_earlier_pointer() {
    let config = |key: &str| {
        format!(
            "personal = [\"/data/object/customerPhone\"]\nordering_key = \"/data/object/{key}\"\n\
             search = [\"/data/object/customer_phone\", \"/data/object/id\"]\n"
        )
    };
    let dir = HostDir::new(&config("customer_phone"));
    let host = dir.start().await;
    let object = json!({ "id": 7, "customer_phone": PHONE, "CUSTOMER-PHONE": [PHONE] });
    host.send(&Event::with_payload("x.y", "evt_1", &object)).await;
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let operate = create(&dir, &["ops", "--role", "operate"]);
    let masked = run_as(&dir, &read, &["event", "show", "evt_1", "--json"]).json();
    let expected = json!({ "id": 7, "customer_phone": "[masked]", "CUSTOMER-PHONE": "[masked]" });
    assert_eq!((&masked["payload"], &masked["ordering_key"]), (&expected, &"[masked]".into()));
    host.stop().await;

    // The key of this event was its phone number; those of later events are not personal.
    dir.configure(&config("id"));
    let host = dir.start().await;
    let masked = run_as(&dir, &read, &["event", "show", "evt_1", "--json"]).json();
    assert_eq!(masked["ordering_key"], "[masked]", "{masked}");
    host.send(&Event::with_payload("x.y", "evt_2", &json!({ "id": 8, "customer_phone": "" }))).await;
    assert_eq!(run_as(&dir, &read, &["event", "show", "evt_2", "--json"]).json()["ordering_key"], "8");
    let found = |token: &str, arguments: &[&str]| {
        let page = run_as(&dir, token, &[&["event", "list", "--json"], arguments].concat()).json();
        page["items"].as_array().unwrap().iter().map(|of| of["id"].clone()).collect::<Vec<_>>()
    };
    for arguments in [&["--ordering-key", PHONE], &["--search", "0000001"]] {
        assert_eq!(found(&read, arguments), [""; 0], "{arguments:?}");
        assert_eq!(found(&operate, arguments), ["evt_1"], "{arguments:?}");
    }
    assert_eq!(found(&read, &["--ordering-key", "8"]), ["evt_2"]);
    assert_eq!(dir.run(&["event", "erase", "evt_1", "--yes"]).code, 0);
    let erased = dir.run(&["event", "show", "evt_1", "--unmasked", "--json"]).json();
    assert_eq!(erased["ordering_key"], "[erased]", "{erased}");
    assert!(!erased.to_string().contains(PHONE), "{erased}");
}

#[tokio::test]
async fn clients_of_moncreneau_are_masked_for_the_role_read_unless_the_source_says_otherwise() {
    let client = [("name", "Awa Diallo"), ("phone", PHONE), ("email", "awa@example.gn")];
    let mut object = json!({ "id": 7, "department": { "name": "Passport Service" } });
    for (name, value) in client {
        object[name] = value.into();
    }
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::with_payload("appointment.created", "evt_1", &object)).await;
    let read = create(&dir, &["dashboard", "--role", "read"]);
    let operate = create(&dir, &["ops", "--role", "operate"]);
    for command in ["show", "export"] {
        let arguments = ["event", command, "evt_1", "--json"];
        let arguments = if command == "show" { &arguments[..] } else { &arguments[..3] };
        let masked = run_as(&dir, &read, arguments);
        let masked: serde_json::Value = serde_json::from_str(&masked.out).unwrap();
        let mut expected = object.clone();
        for (name, _) in client {
            expected[name] = "[masked]".into();
        }
        assert_eq!(masked["payload"], expected, "{command}");
        // Who may see the values sees them, as what runs an event again needs them.
        let whole = run_as(&dir, &operate, arguments).json();
        assert_eq!((&whole["payload"], &whole["masked"]), (&object, &json!([])), "{command}");
    }
    let search = |token: &str| {
        let page = run_as(&dir, token, &["event", "list", "--search", "Awa", "--json"]).json();
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((search(&read), search(&operate)), (0, 1));
    host.stop().await;

    for (personal, masked) in [("[]", &[][..]), ("[\"/data/object/email\"]", &["email"])] {
        dir.configure(&format!("personal = {personal}\n"));
        let host = dir.start().await;
        let mut expected = object.clone();
        for name in masked {
            expected[*name] = "[masked]".into();
        }
        for token in [&read, &operate] {
            let shown = run_as(&dir, token, &["event", "show", "evt_1", "--json"]).json();
            assert_eq!(shown["payload"], expected, "{personal}");
        }
        host.stop().await;
    }
}

/// Replaces the configuration, and waits until the host has taken it.
async fn reconfigure(dir: &HostDir, config: &str) {
    let changes = || dir.log().matches("configuration changed").count();
    let before = changes();
    dir.configure(config);
    wait_until("the configuration is taken", async || (changes() > before).then_some(())).await;
}

#[tokio::test]
async fn a_key_that_was_personal_before_a_reload_is_found_by_nobody_who_may_not_see_it() {
    for index in [false, true] {
        let config = |key: &str| {
            format!(
                "personal = [\"/data/object/phone\"]\nordering_key = \"/data/object/{key}\"\n\
                 [search]\nindex = {index}\n"
            )
        };
        let dir = HostDir::new(&config("phone"));
        let host = dir.start().await;
        host.send(&Event::with_payload("x.y", "evt_1", &json!({ "id": 7, "phone": PHONE }))).await;
        let read = create(&dir, &["dashboard", "--role", "read"]);
        let operate = create(&dir, &["ops", "--role", "operate"]);
        let found = |token: &str, key: &str| {
            let page = run_as(&dir, token, &["event", "list", "--json", "--ordering-key", key]).json();
            page["items"].as_array().unwrap().iter().map(|of| of["id"].clone()).collect::<Vec<_>>()
        };
        assert_eq!((found(&read, PHONE), found(&operate, PHONE)), (vec![], vec!["evt_1".into()]));
        reconfigure(&dir, &config("id")).await;
        for _ in 0..3 {
            assert_eq!(found(&read, PHONE), [""; 0], "index = {index}");
        }
        assert_eq!(found(&operate, PHONE), ["evt_1"]);
        // Later keys are at the new place, and nobody's.
        host.send(&Event::with_payload("x.y", "evt_2", &json!({ "id": 8, "phone": PHONE }))).await;
        wait_until("the new place is in use", async || (found(&read, "8") == ["evt_2"]).then_some(())).await;
        host.stop().await;
    }
}

#[tokio::test]
async fn a_key_around_a_personal_value_is_masked_and_erased_however_it_was_sent() {
    let config = "personal = [\"/data/object/client/name\"]\nordering_key = \"/data/object/client\"\n";
    let long = "n".repeat(300);
    for name in [r"\u00c9lo\u00efse\/Diallo", &long] {
        let dir = HostDir::new(config);
        let host = dir.start().await;
        let body = format!(
            r#"{{"id":"evt_1","type":"x.y","created":"2026-01-21T14:30:00Z","data":{{"object":{{"client":{{"name":"{name}","id":7}}}}}}}}"#
        );
        host.send(&Event { id: "evt_1".into(), body }).await;
        let read = create(&dir, &["dashboard", "--role", "read"]);
        let key = |token: &str| {
            run_as(&dir, token, &["event", "show", "evt_1", "--json"]).json()["ordering_key"].clone()
        };
        assert_eq!(key(&read), "[masked]");
        // The key comes from elsewhere now: the value in the body says that it is personal.
        reconfigure(&dir, &config.replace("object/client\"", "object/other\"")).await;
        assert_eq!(key(&read), "[masked]");
        assert_eq!(dir.run(&["event", "erase", "evt_1", "--yes"]).code, 0);
        let erased = dir.run(&["event", "show", "evt_1", "--unmasked", "--json"]).json();
        assert_eq!(erased["ordering_key"], "[erased]", "{erased}");

        // An earlier version left the key of an erased event.
        host.stop().await;
        dir.alter("UPDATE event SET ordering_key = 'Awa Diallo' WHERE id = 'evt_1'").await;
        let host = dir.start().await;
        assert_eq!(key(&read), "[masked]");
        assert_eq!(dir.run(&["event", "erase", "evt_1", "--yes"]).code, 0);
        let erased = dir.run(&["event", "show", "evt_1", "--unmasked", "--json"]).json();
        assert_eq!(erased["ordering_key"], "[erased]", "{erased}");
        host.stop().await;
    }
}
