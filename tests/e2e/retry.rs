//! Deliveries that wait for their next attempt get it at once: for an operator, and on a new revision.

use std::os::unix::process::ExitStatusExt as _;

use serde_json::{Value, json};

use crate::support::{Event, HostDir, RunningHost, distinct_copy, guest};

/// A retry after an hour.
const CONFIG: &str = "ordering_key = \"/data/object/key\"\n[plugin.actor]\nbackoff_base_ms = 3600000\n\
                      backoff_max_ms = 3600000\nage_max_ms = 2592000000\n";

fn failing(id: &str, key: &str, act: &str) -> Event {
    Event::with_payload("shop.opened", id, &json!({ "act": act, "key": key }))
}

async fn wait_attempts(host: &RunningHost<'_>, id: &str, attempts: usize) -> Value {
    host.wait_event(id, &format!("it had {attempts} attempts"), |event| {
        event["deliveries"][0]["attempts"].as_array().unwrap().len() == attempts
            && event["deliveries"][0]["state"] != "running"
    })
    .await
}

#[tokio::test]
async fn an_operator_makes_waiting_deliveries_due() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for (id, key, act) in
        [("evt_1", "a", "retry-until 2"), ("evt_2", "b", "retry-until 2"), ("evt_3", "b", "well")]
    {
        host.send(&failing(id, key, act)).await;
    }
    wait_attempts(&host, "evt_1", 1).await;
    wait_attempts(&host, "evt_2", 1).await;

    let dry = dir.run(&["delivery", "retry", "--all", "--dry-run"]);
    for part in
        ["would be due now: 2 waiting deliveries, the newest:", "evt_2", "not yet", "this was a dry run"]
    {
        assert!(dry.out.contains(part), "{part}: {dry:?}");
    }
    let none = dir.run(&["delivery", "retry"]);
    assert!(none.code == 2 && none.err.contains("--all"), "{none:?}");
    let blocked = dir.run(&["delivery", "retry", "3-1"]);
    assert!(blocked.code == 1 && blocked.err.contains("1 of those named do not wait"), "{blocked:?}");
    let bad = dir.run(&["delivery", "retry", "--plugin", "nobody", "--json"]).json();
    assert_eq!(bad["deliveries"], 0);

    let one = dir.run(&["delivery", "retry", "1-1"]);
    assert_eq!((one.code, one.out.as_str()), (0, "due now: 1 waiting delivery\n"), "{one:?}");
    assert_eq!(wait_attempts(&host, "evt_1", 2).await["state"], "done");
    wait_attempts(&host, "evt_2", 1).await;
    let by_reason = dir.run(&["delivery", "retry", "--plugin", "actor", "--reason", "not yet"]);
    assert_eq!(by_reason.out, "due now: 1 waiting delivery\n", "{by_reason:?}");
    wait_attempts(&host, "evt_2", 2).await;
    let started = |event: &Value, attempt: usize| {
        event["deliveries"][0]["attempts"][attempt]["started_at"].as_u64().unwrap()
    };
    let (second, third) = (host.event("evt_2").await.unwrap(), host.wait_finished("evt_3").await);
    assert!(started(&third, 0) >= started(&second, 1), "the key's order stays");
}

#[tokio::test]
async fn a_new_revision_gets_the_deliveries_that_failed_on_the_old_one() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    for number in 1..=3 {
        host.send(&failing(&format!("evt_{number}"), "a", "retry-until 2")).await;
    }
    wait_attempts(&host, "evt_1", 1).await;
    let fixed = distinct_copy(&guest("actor"), 1);
    dir.install("actor", &fixed);
    host.wait_revision("actor", &fixed).await;
    assert_eq!(wait_attempts(&host, "evt_1", 2).await["state"], "done");
    // The next one of the key fails on the revision in force, so it waits.
    let second = wait_attempts(&host, "evt_2", 1).await;
    assert_eq!(second["deliveries"][0]["state"], "waiting", "{second}");
    host.wait_log(&["another revision", "1 deliveries that failed on earlier ones are due"]).await;
}

#[tokio::test]
async fn a_crash_between_the_swap_and_the_retry_leaves_none_behind() {
    let dir = HostDir::new(CONFIG);
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&failing("evt_1", "a", "retry-until 2")).await;
    wait_attempts(&host, "evt_1", 1).await;
    host.kill();
    let fixed = distinct_copy(&guest("actor"), 1);
    dir.install("actor", &fixed);
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", "due-step");
    // It may end before the test has seen that it listens.
    let ended = match dir.try_start_with(command).await {
        Ok(host) => host.wait_exit().await,
        Err(ended) => ended,
    };
    assert_eq!(ended.signal(), Some(9), "{}", dir.log());
    let host = dir.start().await;
    assert_eq!(wait_attempts(&host, "evt_1", 2).await["state"], "done");
}
