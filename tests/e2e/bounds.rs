//! Limits on the events that one event leads to, and on the queued effects of a plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::{Event, HostDir, Partner, Reply, RunningHost, guest, wait_until};

fn payload_event(id: &str, payload: &Value) -> Event {
    Event::with_payload("told", id, payload)
}

/// Waits until nothing is left to run, effects included.
async fn ended(dir: &HostDir, host: &RunningHost<'_>) {
    wait_until("all has ended", async || {
        host.wait_drained().await;
        (dir.open_effects().await == 0).then_some(())
    })
    .await;
    host.wait_drained().await;
}

/// Reasons of all dead letters, each once.
async fn reasons(host: &RunningHost<'_>) -> Vec<String> {
    let (_, page) = host.api_get("/api/v1/deliveries?state=dead&limit=500").await;
    let reason = |item: &Value| item["reason"].as_str().unwrap_or_default().to_owned();
    let mut reasons: Vec<_> = page["items"].as_array().unwrap().iter().map(reason).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

#[tokio::test]
async fn a_received_event_leads_to_at_most_per_root_max_events() {
    let dir =
        HostDir::new("[effects]\nper_root_max = 10\n[plugin.outbox]\nemit = [\"told\"]\nconcurrency = 4\n");
    dir.install("outbox", &guest("outbox"));
    let host = dir.start().await;
    // Four at first, each of which leads to a chain of seven more.
    host.send(&payload_event("evt_root", &json!({ "do": "emit", "times": 4 }))).await;
    ended(&dir, &host).await;
    let emitted = host.events("&source=plugin.outbox").await;
    assert_eq!(emitted.len(), 10);
    let reasons = reasons(&host).await;
    let expected = "event moncreneau/evt_root led to 10 emitted events, and this call emits 1 more; \
                    effects.per_root_max is 10";
    assert_eq!(reasons, [expected]);

    // After a restart as before, and another event has a total of its own.
    host.kill();
    let host = dir.start().await;
    let (_, page) = host.api_get("/api/v1/deliveries?state=dead&limit=1").await;
    let dead = page["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(dir.run(&["delivery", "replay", &dead]).code, 0);
    host.send(&payload_event("evt_wide", &json!({ "do": "emit", "times": 11 }))).await;
    ended(&dir, &host).await;
    assert_eq!(host.events("&source=plugin.outbox").await.len(), 10);
    let wide = host.event("evt_wide").await.unwrap();
    let reason = wide["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("evt_wide led to 0 emitted events, and this call emits 11 more"), "{reason}");
    host.send(&payload_event("evt_fits", &json!({ "do": "emit-data", "type": "told", "text": "{}" }))).await;
    ended(&dir, &host).await;
    assert_eq!(host.events("&source=plugin.outbox").await.len(), 11);
}

#[tokio::test]
async fn a_plugin_with_too_much_waiting_waits_itself_until_there_is_room() {
    for (limit, text) in [("waiting_max = 4", "x"), ("waiting_max_bytes = 5000", &*"x".repeat(1000))] {
        let (well, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let partner = Partner::start({
            let (well, taken) = (Arc::clone(&well), Arc::clone(&taken));
            move |_, _| {
                if !well.load(Ordering::Relaxed) {
                    return Reply::text(503, "busy").with("retry-after", "1");
                }
                taken.fetch_add(1, Ordering::Relaxed);
                Reply::text(200, "")
            }
        })
        .await;
        let dir = HostDir::new(&format!(
            "[effects]\nbackoff_base_ms = 500\n{limit}\n[plugin.outbox]\nhttp = [\"{}\"]\n\
             backoff_base_ms = 100\nbackoff_max_ms = 200\nattempts_max = 1\n",
            partner.origin()
        ));
        dir.install("outbox", &guest("outbox"));
        let host = dir.start().await;
        let ask = json!({ "do": "http", "url": partner.origin(), "text": text, "times": 3 });
        host.send(&payload_event("evt_first", &ask)).await;
        wait_until("its effects wait", async || (partner.request_count() >= 3).then_some(())).await;
        host.send(&payload_event("evt_second", &ask)).await;
        let second = host
            .wait_event("evt_second", "it waits", |event| {
                !event["deliveries"][0]["attempts"].as_array().unwrap().is_empty()
            })
            .await;
        let attempt = &second["deliveries"][0]["attempts"][0];
        assert_eq!((&attempt["outcome"], &attempt["cause"]), (&"retry".into(), &"host".into()), "{second}");
        let (key, _) = limit.split_once(' ').unwrap();
        assert!(attempt["reason"].as_str().unwrap().contains(&format!("effects.{key} is")), "{second}");
        // It uses up no attempt, and goes on when there is room.
        well.store(true, Ordering::Relaxed);
        let second = host.wait_finished("evt_second").await;
        assert_eq!(second["state"], "done", "{second}");
        ended(&dir, &host).await;
        assert_eq!(taken.load(Ordering::Relaxed), 6);
    }
}
