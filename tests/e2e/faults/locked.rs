//! Another process has the database for itself: for less time than the host waits for it, or for more.

use serde_json::{Value, json};

use crate::support::{Bed, Event, Host, Lock, guest, plugin_lines, until};

const DATABASE: &str = "hookyard-data/hookyard.db";

fn bed(busy_timeout_ms: u32) -> Bed {
    let bed = Bed::new(&format!(
        "[database]\nbusy_timeout_ms = {busy_timeout_ms}\n[plugin.actor]\ncall_timeout_ms = 60_000\n"
    ));
    bed.install("actor", &guest("actor"));
    bed
}

fn told(id: &str, act: &str) -> Event {
    Event::of("any.type", id, &json!({ "act": act }))
}

async fn ready(host: &Host<'_>) -> bool {
    host.ask("/readyz", None).await.status() == 200
}

fn outcomes(event: &Value) -> Vec<&str> {
    let attempts = event["deliveries"][0]["attempts"].as_array().unwrap();
    attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn locked_for_less_than_the_timeout_senders_wait_and_are_accepted() {
    let bed = bed(60_000);
    let host = bed.start().await;
    let lock = Lock::take(&bed.path(DATABASE));
    let sends: Vec<_> = (0..10)
        .map(|n| {
            let (sender, event) = (host.sender(), told(&format!("evt_{n}"), "well"));
            tokio::spawn(async move { sender.try_send(&event).await.unwrap() })
        })
        .collect();
    // Time enough to be answered, if they were: others are, again and again.
    for _ in 0..50 {
        assert_eq!(host.ask("/healthz", None).await.status(), 200);
    }
    assert!(sends.iter().all(|send| !send.is_finished()));
    drop(lock);
    for send in sends {
        assert_eq!(send.await.unwrap().code, 202);
    }
    host.drained().await;
}

#[tokio::test]
async fn locked_for_longer_senders_get_503_and_what_ran_meanwhile_is_recorded_once() {
    let bed = bed(50);
    let host = bed.start().await;
    host.send(&told("evt_runs", "busy 3000")).await;
    host.logged(&["evt_runs attempt 1"]).await;
    let lock = Lock::take(&bed.path(DATABASE));
    for n in 0..3 {
        let answer = host.send(&told(&format!("evt_{n}"), "well")).await;
        assert_eq!((answer.code.as_u16(), answer.status()), (503, "unavailable"), "{answer:?}");
        assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
    }
    assert!(!ready(&host).await);
    host.logged(&["ERROR", "cannot write", "locked"]).await;
    until("its call is over", async || {
        let page = host.ask("/metrics", None).await.text().await.unwrap();
        page.lines()
            .any(|line| line.starts_with("hookyard_attempts_total") && line.ends_with(" 1"))
            .then_some(())
    })
    .await;
    assert_eq!(host.event("evt_runs").await.unwrap()["state"], "running", "it is not recorded yet");
    drop(lock);
    until("it is ready again", async || ready(&host).await.then_some(())).await;
    for n in 0..3 {
        assert_eq!(host.send(&told(&format!("evt_{n}"), "well")).await.code, 202);
    }
    host.drained().await;
    let event = host.event("evt_runs").await.unwrap();
    assert_eq!((&event["state"], outcomes(&event)), (&"done".into(), vec!["done"]), "{event}");
    assert_eq!(plugin_lines(&bed.log(), "actor").iter().filter(|line| line.event == "evt_runs").count(), 1);
}

#[tokio::test]
async fn locked_at_the_start_a_host_waits_for_its_timeout_and_says_so_after_it() {
    let bed = bed(100);
    // A database that is still to be made up to date needs the lock.
    std::fs::create_dir(bed.path("hookyard-data")).unwrap();
    let lock = Lock::take(&bed.path(DATABASE));
    let ran = bed.run(&["serve"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    for part in ["hookyard.db", "locked", "another process", "database.busy_timeout_ms"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
    bed.configure("[database]\nbusy_timeout_ms = 60_000\n");
    let taken = bed.path("hookyard-data/hookyard.db.lock");
    std::fs::remove_file(&taken).unwrap();
    let (host, ()) = tokio::join!(bed.start(), async {
        until("the host begins to open it", async || taken.exists().then_some(())).await;
        drop(lock);
    });
    assert_eq!(host.send(&told("evt_1", "well")).await.code, 202);
    assert_eq!(host.settled("evt_1").await["state"], "done");
}

#[tokio::test]
async fn a_plugin_that_comes_back_while_the_database_is_locked_gets_what_was_held_for_it() {
    let bed = Bed::new("[database]\nbusy_timeout_ms = 50\n[plugins]\nremoval_grace_ms = 0\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&told("evt_held", "retry-after 3600000")).await;
    host.event_when("evt_held", "it waits", |event| event["state"] == "waiting").await;
    std::fs::remove_file(bed.plugin_file("actor")).unwrap();
    host.event_when("evt_held", "it is held", |event| event["state"] == "held").await;
    let lock = Lock::take(&bed.path(DATABASE));
    bed.install("actor", &guest("actor"));
    host.runs("actor", &guest("actor")).await;
    host.logged(&["ERROR", "held deliveries could not be changed"]).await;
    drop(lock);
    host.event_when("evt_held", "it waits again", |event| event["state"] == "waiting").await;
    until("new ones run", async || (host.send(&told("evt_new", "well")).await.code != 503).then_some(()))
        .await;
    assert_eq!(host.settled("evt_new").await["state"], "done");
}
