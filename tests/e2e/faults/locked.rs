//! Another process locks the database, for less or for more time than the host waits.

use serde_json::{Value, json};

use crate::support::{
    DatabaseLock, Event, HostDir, PreparedLock, RunningHost, guest, plugin_lines, wait_until,
};

const DATABASE: &str = "hookyard-data/hookyard.db";

fn host_dir(busy_timeout_ms: u32) -> HostDir {
    let dir = HostDir::new(&format!(
        "[database]\nbusy_timeout_ms = {busy_timeout_ms}\n[plugin.actor]\ncall_timeout_ms = 60_000\n"
    ));
    dir.install("actor", &guest("actor"));
    dir
}

fn act_event(id: &str, act: &str) -> Event {
    Event::with_payload("any.type", id, &json!({ "act": act }))
}

async fn ready(host: &RunningHost<'_>) -> bool {
    host.admin_get("/readyz", None).await.status() == 200
}

fn outcomes(event: &Value) -> Vec<&str> {
    let attempts = event["deliveries"][0]["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_database_locked_for_less_than_the_timeout_only_delays_senders() {
    let dir = host_dir(60_000);
    let host = dir.start().await;
    let lock = DatabaseLock::acquire(&dir.path(DATABASE));
    let sends: Vec<_> = (0..10)
        .map(|n| {
            let (sender, event) = (host.sender(), act_event(&format!("evt_{n}"), "well"));
            tokio::spawn(async move { sender.try_send(&event).await.unwrap() })
        })
        .collect();
    // Time enough to be answered, if they were: others are, again and again.
    for _ in 0..50 {
        assert_eq!(host.admin_get("/healthz", None).await.status(), 200);
    }
    assert!(sends.iter().all(|send| !send.is_finished()));
    drop(lock);
    for send in sends {
        assert_eq!(send.await.unwrap().code, 202);
    }
    host.wait_drained().await;
}

#[tokio::test]
async fn a_database_locked_for_longer_is_503_and_each_finished_attempt_is_recorded_once() {
    let dir = host_dir(50);
    let host = dir.start().await;
    let lock = PreparedLock::start(&dir.path(DATABASE));
    host.send(&act_event("evt_runs", "busy 8000")).await;
    host.wait_log(&["evt_runs attempt 1"]).await;
    let lock = lock.acquire();
    for n in 0..3 {
        let answer = host.send(&act_event(&format!("evt_{n}"), "well")).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    wait_until("it is not ready", async || (!ready(&host).await).then_some(())).await;
    host.wait_log(&["ERROR", "cannot write", "locked"]).await;
    wait_until("its call is over", async || {
        let page = host.admin_get("/metrics", None).await.text().await.unwrap();
        page.lines()
            .any(|line| line.starts_with("hookyard_attempts_total") && line.ends_with(" 1"))
            .then_some(())
    })
    .await;
    assert_eq!(host.event("evt_runs").await.unwrap()["state"], "running", "it is not recorded yet");
    drop(lock);
    wait_until("it is ready again", async || ready(&host).await.then_some(())).await;
    for n in 0..3 {
        assert_eq!(host.send(&act_event(&format!("evt_{n}"), "well")).await.code, 202);
    }
    host.wait_drained().await;
    let event = host.event("evt_runs").await.unwrap();
    assert_eq!((&event["state"], outcomes(&event)), (&"done".into(), vec!["done"]), "{event}");
    let lines = plugin_lines(&host.flushed_log().await, "actor");
    assert_eq!(lines.iter().filter(|line| line.event == "evt_runs").count(), 1);
}

#[tokio::test]
async fn a_database_locked_at_the_start_is_an_error_after_the_timeout() {
    let dir = host_dir(100);
    // A database that is still to be made up to date needs the lock.
    std::fs::create_dir(dir.path("hookyard-data")).unwrap();
    let lock = DatabaseLock::acquire(&dir.path(DATABASE));
    let output = dir.run(&["serve"]);
    assert_eq!(output.code, 1, "{output:?}");
    for part in ["hookyard.db", "locked", "another process", "database.busy_timeout_ms"] {
        assert!(output.err.contains(part), "{part}: {}", output.err);
    }
    dir.configure("[database]\nbusy_timeout_ms = 60_000\n");
    let taken = dir.path("hookyard-data/hookyard.db.lock");
    std::fs::remove_file(&taken).unwrap();
    let (host, ()) = tokio::join!(dir.start(), async {
        wait_until("the host begins to open it", async || taken.exists().then_some(())).await;
        drop(lock);
    });
    assert_eq!(host.send(&act_event("evt_1", "well")).await.code, 202);
    assert_eq!(host.wait_finished("evt_1").await["state"], "done");
}

#[tokio::test]
async fn a_plugin_reinstalled_while_the_database_is_locked_gets_its_held_deliveries() {
    let dir = HostDir::new("[database]\nbusy_timeout_ms = 50\n[plugins]\nremoval_grace_ms = 0\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_held", "retry-after 3600000")).await;
    host.wait_event("evt_held", "it waits", |event| event["state"] == "waiting").await;
    std::fs::remove_file(dir.plugin_file("actor")).unwrap();
    host.wait_event("evt_held", "it is held", |event| event["state"] == "held").await;
    let lock = DatabaseLock::acquire(&dir.path(DATABASE));
    dir.install("actor", &guest("actor"));
    host.wait_revision("actor", &guest("actor")).await;
    host.wait_log(&["ERROR", "held deliveries could not be changed"]).await;
    drop(lock);
    host.wait_event("evt_held", "it waits again", |event| event["state"] == "waiting").await;
    wait_until("new ones run", async || {
        (host.send(&act_event("evt_new", "well")).await.code != 503).then_some(())
    })
    .await;
    assert_eq!(host.wait_finished("evt_new").await["state"], "done");
}
