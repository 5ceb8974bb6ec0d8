//! Responses to senders, and their results.

use crate::support::{Event, HostDir, SECRET, TYPES, example, guest, sign, wait_until};

fn desk() -> HostDir {
    let dir = HostDir::new("");
    for plugin in ["appointment-desk", "event-log", "statistics"] {
        dir.install(plugin, &example(plugin));
    }
    dir
}

/// Plugins that an event of this type goes to.
fn wanted_by(event_type: &str) -> &'static [&'static str] {
    match event_type {
        "appointment.created" | "appointment.validated" | "appointment.completed" => {
            &["appointment-desk", "event-log", "statistics"]
        }
        _ => &["appointment-desk", "event-log"],
    }
}

#[tokio::test]
async fn each_sample_is_accepted_and_runs_once_in_each_subscribed_plugin() {
    let dir = desk();
    let host = dir.start().await;
    for event_type in TYPES {
        let answer = host.send(&Event::sample(event_type, event_type)).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (202, "accepted"), "{answer:?}");
        assert_eq!(answer.json["event"], event_type);
        assert_eq!(answer.json["deliveries"], wanted_by(event_type).len());
    }
    for event_type in TYPES {
        let event = host.wait_finished(event_type).await;
        let deliveries = event["deliveries"].as_array().unwrap();
        let plugins: Vec<&str> = deliveries.iter().map(|d| d["plugin"].as_str().unwrap()).collect();
        assert_eq!(plugins, wanted_by(event_type), "{event}");
        for delivery in deliveries {
            let attempts = delivery["attempts"].as_array().unwrap();
            assert_eq!(attempts.len(), 1, "{delivery}");
            assert_eq!((&delivery["state"], &attempts[0]["outcome"]), (&"done".into(), &"done".into()));
            assert!(!attempts[0]["logs"].as_array().unwrap().is_empty(), "{delivery}");
            assert!(attempts[0]["peak_memory_bytes"].as_u64().unwrap() > 0, "{delivery}");
        }
    }
    // The same again: nothing runs.
    for event_type in TYPES {
        let answer = host.send(&Event::sample(event_type, event_type)).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (200, "duplicate"), "{answer:?}");
        let event = host.wait_finished(event_type).await;
        assert!(
            event["deliveries"]
                .as_array()
                .unwrap()
                .iter()
                .all(|d| d["attempts"].as_array().unwrap().len() == 1)
        );
    }
}

#[tokio::test]
async fn of_a_hundred_concurrent_copies_one_is_accepted_and_run() {
    let dir = desk();
    let host = dir.start().await;
    let event = Event::created("evt_copies");
    let answers = futures_of(100, || host.send(&event)).await;
    let count = |code: u16, status: &str| {
        answers.iter().filter(|a| a.code.as_u16() == code && a.status() == status).count()
    };
    assert_eq!((count(202, "accepted"), count(200, "duplicate")), (1, 99));
    let event = host.wait_finished("evt_copies").await;
    for delivery in event["deliveries"].as_array().unwrap() {
        assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_changed_byte_of_body_signature_or_secret_is_unauthorized_and_stores_nothing() {
    let dir = desk();
    let host = dir.start().await;
    let event = Event::created("evt_forged");
    let good = sign(SECRET, &event.body);
    let changed_body = event.body.replace("12345", "12346");
    let mut changed_signature = good.clone().into_bytes();
    let last = changed_signature.last_mut().unwrap();
    *last = if *last == b'0' { b'1' } else { b'0' };
    let changed_signature = String::from_utf8(changed_signature).unwrap();
    let changed_secret = sign("whsec_for_testt", &event.body);
    for (body, signature) in
        [(&changed_body, &good), (&event.body, &changed_signature), (&event.body, &changed_secret)]
    {
        let answer = host.post("moncreneau", body, &[("X-Moncreneau-Signature", signature)]).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (401, "unauthorized"), "{answer:?}");
        assert_eq!(answer.reason(), "signature does not match: no secret matched");
    }
    let answer = host.post("moncreneau", &event.body, &[]).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (401, "unauthorized"));
    assert!(answer.reason().contains("is missing"), "{answer:?}");
    assert!(host.event("evt_forged").await.is_none());
    // The id was not taken by any of them.
    assert_eq!(host.send(&event).await.status(), "accepted");
}

#[tokio::test]
async fn a_reused_id_with_another_payload_is_a_conflict_and_runs_nothing() {
    let dir = desk();
    let host = dir.start().await;
    let first = Event::created("evt_twice");
    assert_eq!(host.send(&first).await.status(), "accepted");
    let second = Event { body: first.body.replace("Jean Dupont", "Awa Diallo"), ..first };
    let answer = host.send(&second).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (200, "conflict"), "{answer:?}");
    let event = host.wait_finished("evt_twice").await;
    assert!(event["conflicts"][0]["body"].as_str().unwrap().contains("Awa Diallo"), "{event}");
    assert!(!event["deliveries"].to_string().contains("Awa Diallo"), "{event}");
}

#[tokio::test]
async fn an_event_without_a_subscriber_is_stored_and_logged_as_unhandled() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let answer = host.send(&Event::created("evt_nobody")).await;
    assert_eq!((answer.code.as_u16(), &answer.json["deliveries"]), (202, &0.into()));
    assert_eq!(host.event("evt_nobody").await.unwrap()["state"], "unhandled");
    host.wait_log(&["unhandled", "evt_nobody"]).await;
}

#[tokio::test]
async fn a_body_without_an_id_has_its_digest_as_its_id() {
    let dir = desk();
    let host = dir.start().await;
    let body = r#"{"type":"appointment.noted","data":{"object":{"id":1}}}"#;
    let answer = host.send(&Event { id: String::new(), body: body.into() }).await;
    let digest = hookyard::event::Digest::of(body.as_bytes()).to_string();
    assert_eq!((answer.status(), answer.json["event"].as_str().unwrap()), ("accepted", digest.as_str()));
    assert_eq!(host.send(&Event { id: String::new(), body: body.into() }).await.status(), "duplicate");
}

#[tokio::test]
async fn a_body_that_is_no_event_is_rejected_with_the_json_path_or_the_limit() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for (body, reason) in [
        ("{\"id\":", "column"),
        ("[]", "/type"),
        (r#"{"id":"a"}"#, "/type"),
        (r#"{"id":"a","type":7}"#, "/type"),
    ] {
        let answer = host.send(&Event { id: String::new(), body: body.into() }).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (400, "invalid"), "{body}: {answer:?}");
        assert!(answer.reason().contains(reason), "{body}: {answer:?}");
    }
    let large = " ".repeat(1_048_577);
    let answer = host.send(&Event { id: String::new(), body: large }).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (413, "too-large"), "{answer:?}");
    assert!(answer.reason().contains("1048576"), "{answer:?}");
    let answer = host.post("nobody", "{}", &[]).await;
    assert_eq!((answer.code.as_u16(), answer.status()), (404, "not-found"), "{answer:?}");
    let get = reqwest::get(format!("{}/webhooks/moncreneau", host.webhooks())).await.unwrap();
    assert_eq!((get.status().as_u16(), get.headers()["allow"].to_str().unwrap()), (405, "POST"));
}

#[tokio::test]
async fn every_secret_of_a_source_and_a_bare_digest_are_accepted() {
    let dir = HostDir::new("");
    dir.replace(
        "hookyard.toml",
        b"[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
          [sources.moncreneau]\nscheme = \"moncreneau\"\nsecrets = [\"old\", \"new\"]\n\
          [sources.shop]\nscheme = \"hmac\"\nsecrets = [\"third\"]\nheader = \"X-Shop\"\nprefix = \"v1,\"\nencoding = \"base64\"\n",
    );
    let host = dir.start().await;
    for (id, secret) in [("a", "old"), ("b", "new")] {
        let event = Event::created(id);
        let signature = sign(secret, &event.body);
        let answer = host.post("moncreneau", &event.body, &[("X-Moncreneau-Signature", &signature)]).await;
        assert_eq!(answer.status(), "accepted");
        let bare = signature.strip_prefix("sha256=").unwrap();
        let answer = host.post("moncreneau", &event.body, &[("X-Webhook-Signature", bare)]).await;
        assert_eq!(answer.status(), "duplicate");
    }
    let event = Event::created("c");
    let digest = hex::decode(sign("third", &event.body).strip_prefix("sha256=").unwrap()).unwrap();
    let value = format!("v1,{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest));
    assert_eq!(host.post("shop", &event.body, &[("X-Shop", &value)]).await.status(), "accepted");
}

#[tokio::test]
async fn a_full_backlog_is_429_with_retry_after_until_there_is_room() {
    // Its deliveries stay open until its configuration says otherwise.
    let full = |act: &str| {
        format!(
            "[dispatch]\nbacklog_max = 2\n\
             [plugin.actor]\nattempts_max = 1000\nbackoff_base_ms = 1\nconfig = {{ act = \"{act}\" }}\n"
        )
    };
    let dir = HostDir::new(&full("retry-after 50"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let event = |id: &str| Event::with_payload("shop.opened", id, &serde_json::json!({}));
    for id in ["evt_1", "evt_2"] {
        assert_eq!(host.send(&event(id)).await.status(), "accepted");
    }
    for _ in 0..3 {
        let answer = host.send(&event("evt_3")).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (429, "overloaded"), "{answer:?}");
        let seconds: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(seconds >= 1, "{answer:?}");
    }
    assert!(host.event("evt_3").await.is_none(), "what was answered 429 took no id");
    dir.configure(&full("well"));
    let answer = wait_until("there is room again", async || {
        let answer = host.send(&event("evt_3")).await;
        (answer.code != 429).then_some(answer)
    })
    .await;
    assert_eq!((answer.code.as_u16(), answer.status()), (202, "accepted"), "{answer:?}");
    for id in ["evt_1", "evt_2", "evt_3"] {
        assert_eq!(host.wait_finished(id).await["state"], "done");
    }
}

async fn futures_of<F: Future>(count: usize, one: impl Fn() -> F) -> Vec<F::Output> {
    let mut all: Vec<_> = (0..count).map(|_| Box::pin(one())).collect();
    let mut done = Vec::new();
    std::future::poll_fn(move |context| {
        all.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => {
                done.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() {
            std::task::Poll::Ready(std::mem::take(&mut done))
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}
