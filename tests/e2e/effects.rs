//! Effects are carried out after their delivery is done, and only then, whichever side fails.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{
    CLOCKS_DIFFER_MS, Event, HostDir, Load, Partner, ReceivedRequest, Reply, RunningHost, SentEvent, example,
    guest, wait_until,
};

fn payload_event(id: &str, payload: &Value) -> Event {
    Event::with_payload("told", id, payload)
}

/// The guest `outbox`, with a grant for the partner.
fn host_dir(partner: &Partner, effects: &str) -> HostDir {
    host_dir_with_timeout(partner, effects, 60_000)
}

fn host_dir_with_timeout(partner: &Partner, effects: &str, timeout_ms: u64) -> HostDir {
    let dir = HostDir::new(&format!(
        "[effects]\nbackoff_base_ms = 5\nbackoff_max_ms = 2000\n{effects}\n\
         [plugin.outbox]\nhttp = [\"{}\"]\ncall_timeout_ms = {timeout_ms}\nbackoff_base_ms = 1\nattempts_max = 2\n\
         secrets = {{ key = \"{SECRET}\" }}\n",
        partner.origin()
    ));
    dir.install("outbox", &guest("outbox"));
    dir
}

const SECRET: &str = "a-very-secret-key";

/// Waits until all effects of an event have a state, and returns the event.
async fn effects_when(host: &RunningHost<'_>, id: &str, state: &str) -> Value {
    host.wait_event(id, &format!("its effects are {state}"), |event| {
        let mut all = event["deliveries"].as_array().unwrap().iter();
        all.all(|delivery| {
            let effects = delivery["effects"].as_array().unwrap();
            delivery["state"] == "done" && effects.iter().all(|effect| effect["state"] == state)
        })
    })
    .await
}

fn keys(asked: &[ReceivedRequest]) -> Vec<&str> {
    asked.iter().map(|asked| asked.header("idempotency-key")).collect()
}

#[tokio::test]
async fn a_request_is_retried_until_it_succeeds_with_the_same_key_on_each_attempt() {
    let partner = Partner::start(|number, _| match number {
        0 => Reply::text(500, "not well"),
        1 => Reply::Close,
        2 => Reply::text(503, "busy").with("retry-after", "1"),
        _ => Reply::text(201, "made"),
    })
    .await;
    let dir = host_dir(&partner, "");
    let host = dir.start().await;
    let url = format!("{}/sms?token=x", partner.origin());
    host.send(&payload_event("evt_1", &json!({ "do": "http", "url": url, "text": "Bonjour" }))).await;
    let event = effects_when(&host, "evt_1", "done").await;
    let asked = partner.requests();
    assert_eq!(asked.len(), 4);
    assert_eq!(keys(&asked).into_iter().collect::<BTreeSet<_>>().len(), 1, "{asked:?}");
    assert!(asked.iter().all(|asked| asked.method == "POST" && asked.text() == "Bonjour"));
    let effect = &event["deliveries"][0]["effects"][0];
    assert_eq!(effect["key"], asked[0].header("idempotency-key"));
    let attempts = effect["attempts"].as_array().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|made| made["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["retry", "retry", "retry", "done"]);
    assert!(attempts[0]["detail"].as_str().unwrap().contains("500"), "{attempts:?}");
    let waited = attempts[3]["started_at"].as_u64().unwrap() - attempts[2]["started_at"].as_u64().unwrap();
    assert!(
        waited + CLOCKS_DIFFER_MS >= 1000,
        "Retry-After was a second, the next try came after {waited} ms"
    );
    let summary = effect["summary"].as_str().unwrap();
    assert_eq!(summary, format!("POST {}/sms", partner.origin()), "queries may hold secrets");
}

#[tokio::test]
async fn a_permanent_failure_is_dead_at_once_and_a_temporary_one_after_its_attempts() {
    let partner = Partner::start(|_, asked| match asked.path.as_str() {
        "/no" => Reply::text(422, "no such number"),
        _ => Reply::text(500, "not well"),
    })
    .await;
    let dir = host_dir(&partner, "attempts_max = 3");
    let host = dir.start().await;
    for (id, path, attempts) in [("evt_no", "/no", 1), ("evt_down", "/down", 3)] {
        let url = format!("{}{path}", partner.origin());
        host.send(&payload_event(id, &json!({ "do": "http", "url": url, "text": "" }))).await;
        let event = effects_when(&host, id, "dead").await;
        let made = &event["deliveries"][0]["effects"][0]["attempts"];
        assert_eq!(made.as_array().unwrap().len(), attempts, "{made}");
    }
    host.wait_log(&["effect is dead", "422", "no such number"]).await;
    let shown = dir.run(&["event", "show", "evt_no"]).out;
    assert!(shown.contains("effect: POST") && shown.contains("dead") && shown.contains("422"), "{shown}");
}

#[tokio::test]
async fn a_failed_handler_writes_nothing_and_queues_no_effect() {
    let partner = Partner::start(|_, _| Reply::text(200, "")).await;
    let dir = host_dir_with_timeout(&partner, "", 1000);
    let host = dir.start().await;
    let url = partner.origin();
    for end in ["retry", "reject", "trap", "late"] {
        for (action, id) in [("http", format!("evt_h_{end}")), ("count", format!("evt_c_{end}"))] {
            host.send(&payload_event(&id, &json!({ "do": action, "url": url, "text": "x", "end": end })))
                .await;
            let event =
                host.wait_event(&id, "it is dead", |event| event["deliveries"][0]["state"] == "dead").await;
            assert_eq!(event["deliveries"][0]["effects"], json!([]), "{event}");
        }
    }
    assert!(dir.bucket("outbox", "counts").await.is_empty());
    assert!(partner.requests().is_empty());
}

#[tokio::test]
async fn an_effect_without_a_grant_is_refused_at_once_and_the_grant_is_named() {
    let partner = Partner::start(|_, _| Reply::text(200, "")).await;
    let dir = host_dir(&partner, "");
    let host = dir.start().await;
    let (port, metadata) = (partner.port(), "http://169.254.169.254/latest/meta-data");
    for (n, (url, named)) in [
        (format!("http://localhost:{port}/"), format!("http://localhost:{port}")),
        (format!("http://127.0.0.1:{}/", port - 1), format!("http://127.0.0.1:{}", port - 1)),
        (format!("http://[::1]:{port}/"), format!("http://[::1]:{port}")),
        (metadata.into(), "http://169.254.169.254".into()),
        (format!("https://127.0.0.1:{port}/"), format!("https://127.0.0.1:{port}")),
        ("file:///etc/passwd".into(), "http".into()),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("evt_{n}");
        host.send(&payload_event(&id, &json!({ "do": "http", "url": url, "text": "x" }))).await;
        let event = host.wait_event(&id, "it is dead", |event| event["state"] == "dead").await;
        let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
        assert!(
            reason.contains(&named) && (url.starts_with("file") || reason.contains("plugin.outbox")),
            "{reason}"
        );
    }
    // The same address in other forms is the same address.
    for (n, host_part) in ["2130706433", "0x7f.1", "0177.0.0.1", "127.1"].iter().enumerate() {
        let id = format!("evt_form_{n}");
        let url = format!("http://{host_part}:{port}/form");
        host.send(&payload_event(&id, &json!({ "do": "http", "url": url, "text": "x" }))).await;
        effects_when(&host, &id, "done").await;
    }
    assert!(partner.requests().iter().all(|asked| asked.path == "/form"));
}

#[tokio::test]
async fn a_redirect_is_followed_to_granted_origins_only() {
    let forbidden = Partner::start(|_, _| Reply::text(200, "")).await;
    let elsewhere = format!("{}/there", forbidden.origin());
    let partner = Partner::start(move |_, asked| match asked.path.as_str() {
        "/own" => Reply::redirect(307, "/there"),
        "/away" => Reply::redirect(307, &elsewhere),
        "/metadata" => Reply::redirect(307, "http://169.254.169.254/"),
        _ => Reply::text(200, ""),
    })
    .await;
    let dir = host_dir(&partner, "");
    let host = dir.start().await;
    for (path, state) in [("own", "done"), ("away", "dead"), ("metadata", "dead")] {
        let url = format!("{}/{path}", partner.origin());
        let id = format!("evt_{path}");
        host.send(&payload_event(&id, &json!({ "do": "http", "url": url, "text": "x" }))).await;
        let event = effects_when(&host, &id, state).await;
        let detail =
            event["deliveries"][0]["effects"][0]["attempts"][0]["detail"].as_str().unwrap().to_owned();
        assert!(state == "done" || detail.contains("not granted"), "{detail}");
    }
    assert!(forbidden.requests().is_empty());
}

#[tokio::test]
async fn an_emitted_event_is_routed_like_any_other_with_its_cause_and_a_limit_on_depth() {
    let dir = HostDir::new("[effects]\ndepth_max = 3\n[plugin.outbox]\nemit = [\"told\"]\n");
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    host.send(&payload_event("evt_1", &json!({ "do": "emit" }))).await;
    let mut cause = Value::Null;
    let (mut source, mut id) = ("moncreneau".to_owned(), "evt_1".to_owned());
    for depth in 0..=3 {
        let path = format!("/api/v1/events/{source}/{id}");
        let event = wait_until("the next event has run", async || {
            let (code, event) = host.api_get(&path).await;
            let deliveries = event["deliveries"].as_array()?;
            let over = |d: &Value| d["state"] == "dead" || d["effects"][0]["state"] == "done";
            (code.is_success() && deliveries.iter().all(over)).then_some(event)
        })
        .await;
        assert_eq!(event["cause"], cause, "{event}");
        let delivery = &event["deliveries"][0];
        if depth == 3 {
            let reason = delivery["attempts"][0]["reason"].as_str().unwrap();
            assert!(reason.contains("effects.depth_max is 3"), "{reason}");
            break;
        }
        cause = json!({ "source": source, "id": id, "plugin": "outbox", "depth": depth + 1 });
        source = "plugin.outbox".into();
        id = delivery["effects"][0]["key"].as_str().unwrap().into();
    }
    let shown = dir.run(&["event", "show", &id]).out;
    assert!(shown.contains("cause     outbox on "), "{shown}");
}

#[tokio::test]
async fn secrets_are_sent_and_stored_nowhere() {
    let partner = Partner::start(|_, _| Reply::text(422, "what is a-very-secret-key?")).await;
    let dir = host_dir(&partner, "");
    let host = dir.start().await;
    host.send(&payload_event("evt_1", &json!({ "do": "send-secret", "url": partner.origin() }))).await;
    let event = effects_when(&host, "evt_1", "dead").await;
    let asked = partner.requests();
    assert_eq!(asked[0].header("authorization"), format!("Bearer {SECRET}"));
    assert!(asked[0].text().contains(SECRET) && asked[0].path.matches(SECRET).count() == 2);

    host.send(&payload_event("evt_2", &json!({ "end": "trap-with-secret" }))).await;
    host.wait_event("evt_2", "it is dead", |event| event["state"] == "dead").await;
    let shown =
        dir.run(&["event", "show", "evt_1"]).out + &dir.run(&["event", "show", "evt_2", "--json"]).out;
    host.stop().await;
    for (place, text) in [("the API", event.to_string()), ("the log", dir.log()), ("show", shown)] {
        assert!(!text.contains(SECRET), "{place}: {text}");
        assert!(text.contains("{secret:key}"), "{place}: {text}");
    }
    for file in std::fs::read_dir(dir.path("hookyard-data")).unwrap() {
        let path = file.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{} has the secret in it", path.display());
    }
}

#[tokio::test]
async fn every_limit_of_effects_is_enforced() {
    let partner = Partner::start(|_, _| Reply::text(200, "")).await;
    let dir = host_dir(&partner, "per_call_max = 3\nsize_max_bytes = 1000");
    let host = dir.start().await;
    let (url, long) = (partner.origin(), "x".repeat(1000));
    for (id, payload, limit) in [
        ("evt_many", json!({ "do": "http", "url": url, "times": 4 }), "effects.per_call_max"),
        ("evt_large", json!({ "do": "http", "url": url, "text": long }), "effects.size_max_bytes is 1000"),
        ("evt_type", json!({ "do": "emit-data", "type": "no type", "text": "{}" }), "no event type"),
        ("evt_json", json!({ "do": "emit-data", "type": "a.b", "text": "{" }), "not JSON"),
        (
            "evt_emit",
            json!({ "do": "emit-data", "type": "a.b", "text": "{}" }),
            "`a.b` is not granted: add it to `emit` in [plugin.outbox]",
        ),
        ("evt_email", json!({ "do": "email", "to": "a@example.gn", "text": "x" }), "email"),
    ] {
        host.send(&payload_event(id, &payload)).await;
        let event = host.wait_event(id, "it is dead", |event| event["state"] == "dead").await;
        let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(limit), "{reason}");
        assert_eq!(event["deliveries"][0]["effects"], json!([]));
    }
    host.send(&payload_event("evt_fits", &json!({ "do": "http", "url": url, "times": 3 }))).await;
    effects_when(&host, "evt_fits", "done").await;
    assert_eq!(partner.requests().len(), 3);
}

/// Sends these events, and kills the host again and again until all of them are accepted and a good
/// part of what they lead to has happened.
async fn survive(dir: &HostDir, events: Vec<Event>, kills: usize) {
    let mut left = events;
    for kill in 0..kills {
        let host = dir.start().await;
        let load = Load::start(&host, 4, left.clone());
        // Another moment each time.
        let enough = (1 + kill * 61 % 200).min(left.len());
        wait_until("some are taken", async || (load.answered() >= enough).then_some(())).await;
        host.kill();
        let sent = load.finish().await;
        // Accepted as new, or a duplicate of an event whose response was lost. A sender sends the others again.
        let is_taken = |sent: &&SentEvent| {
            sent.answer.as_ref().is_some_and(|answer| matches!(answer.status(), "accepted" | "duplicate"))
        };
        for refused in sent.iter().filter(|sent| sent.answer.is_some() && !is_taken(sent)) {
            println!("sent again later: {} was answered {:?}", refused.event.id, refused.answer);
        }
        let taken = sent.iter().filter(is_taken).map(|sent| sent.event.id.clone());
        let taken: BTreeSet<_> = taken.collect();
        left.retain(|event| !taken.contains(&event.id));
    }
    let host = dir.start().await;
    for event in &left {
        let answer = host.send(event).await;
        assert!(matches!(answer.status(), "accepted" | "duplicate"), "{answer:?}");
    }
    host.wait_drained().await;
    assert_eq!(host.events("&state=dead").await, Vec::<Value>::new(), "none was given up");
    wait_until("every effect is done or dead", async || (dir.open_effects().await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_thousand_appointments_lead_to_a_thousand_sms_though_the_gateway_fails_and_the_host_is_killed() {
    // Half of the requests fail, and some are never answered, though the gateway may have sent the SMS.
    let gateway = Partner::start(|number, _| match number * 7919 % 100 {
        0..=44 => Reply::text(500, "not well"),
        45..=49 => Reply::Hang,
        _ => Reply::text(202, "sent"),
    })
    .await;
    let dir = HostDir::new(&format!(
        "[dispatch]\ncrashes_max = 1000\n[effects]\nbackoff_base_ms = 5\nbackoff_max_ms = 100\nattempts_max = 1000\n\
         [http]\ntimeout_ms = 300\n[plugin.confirmation-sms]\nhttp = [\"{0}\"]\nsecrets = {{ sms_api_key = \"key-of-the-gateway\" }}\n\
         config = {{ sms_url = \"{0}/sms\", sender = \"Passeports\" }}\n",
        gateway.origin()
    ));
    dir.install("confirmation-sms", &example("confirmation-sms"));
    survive(&dir, (0..1000).map(|n| Event::created(&format!("evt_{n}"))).collect(), 12).await;
    let sent = gateway.requests();
    let distinct: BTreeSet<&str> = keys(&sent).into_iter().collect();
    assert_eq!(distinct.len(), 1000, "one key for each SMS");
    assert!(sent.len() > 1500, "half of them were tried again: {}", sent.len());
    assert!(sent.iter().all(|sent| sent.header("authorization") == "Bearer key-of-the-gateway"));
}

#[tokio::test]
async fn a_thousand_visitors_get_invoices_1_to_1000_without_gap_or_repeat_though_the_host_is_killed() {
    let dir = HostDir::new("[dispatch]\ncrashes_max = 1000\n[plugin.invoice]\nemit = [\"invoice.*\"]\n");
    dir.install("invoice", &example("invoice"));
    let events = (0..1000).map(|n| Event::sample("appointment.validated", &format!("evt_{n}"))).collect();
    survive(&dir, events, 12).await;
    let numbers: Vec<String> = dir.bucket("invoice", "invoices").await.into_keys().collect();
    assert_eq!(numbers, (1..=1000).map(|n| format!("{n:06}")).collect::<Vec<_>>());
    let counters = dir.bucket("invoice", "counters").await;
    assert_eq!(counters["invoice"], "1000");
    let host = dir.start().await;
    let emitted = host.events("&source=plugin.invoice").await;
    assert_eq!(emitted.len(), 1000, "each is told once");
}
