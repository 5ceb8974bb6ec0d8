//! Clock jumps while deliveries and effects wait. Waits keep their length, and nothing ages by a jump.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Event, HostDir, Partner, Reply, RunningHost, fake_clock, guest, wait_until};

const HOUR_MS: u64 = 3_600_000;
/// The wait of deliveries and effects.
const WAIT: Duration = Duration::from_secs(2);
/// Five years.
const YEARS_HOURS: i32 = 5 * 365 * 24;

fn host_dir(partner: &Partner) -> HostDir {
    let dir = HostDir::new(&format!("[plugin.outbox]\nhttp = [\"{}\"]\n", partner.origin()));
    dir.install("actor", &guest("actor"));
    dir.install("outbox", &guest("outbox"));
    dir
}

/// A delivery and an effect that wait for [`WAIT`]. When they are due, by the system clock.
async fn two_wait(host: &RunningHost<'_>, partner: &Partner) -> [u64; 2] {
    let retry = json!({ "act": format!("retry-after {}", WAIT.as_millis()) });
    host.send(&Event::with_payload("any.type", "evt_delivery", &retry)).await;
    let ask = json!({ "act": "well", "do": "http", "url": partner.origin(), "text": "x" });
    host.send(&Event::with_payload("any.type", "evt_effect", &ask)).await;
    let delivery =
        host.wait_event("evt_delivery", "it waits", |event| of(event, "actor")["state"] == "waiting").await;
    let effect = host
        .wait_event("evt_effect", "its effect waits", |event| {
            of(event, "outbox")["effects"][0]["state"] == "waiting"
        })
        .await;
    let due = |view: &Value| view["due_at"].as_u64().unwrap();
    [due(of(&delivery, "actor")), due(&of(&effect, "outbox")["effects"][0])]
}

fn of<'a>(event: &'a Value, plugin: &str) -> &'a Value {
    event["deliveries"].as_array().unwrap().iter().find(|delivery| delivery["plugin"] == plugin).unwrap()
}

/// Waits until both were tried again.
async fn both_ran_again(host: &RunningHost<'_>, partner: &Partner) {
    host.wait_event("evt_delivery", "it ran again", |event| {
        of(event, "actor")["attempts"].as_array().unwrap().len() > 1
    })
    .await;
    wait_until("the effect was tried again", async || (partner.request_count() > 1).then_some(())).await;
    host.wait_event("evt_effect", "it is done", |event| of(event, "outbox")["effects"][0]["state"] == "done")
        .await;
}

/// Asks for time at first, then all is well.
async fn busy_at_first() -> Partner {
    Partner::start(|number, _| match number {
        0 => Reply::text(503, "busy").with("retry-after", &WAIT.as_secs().to_string()),
        _ => Reply::text(200, ""),
    })
    .await
}

/// Waits until the host has noticed that the clock jumped so often.
async fn noticed(dir: &HostDir, jumps: usize) {
    let count = || dir.log().matches("the system clock jumped by").count();
    wait_until("the jump is noticed", async || (count() >= jumps).then_some(())).await;
}

#[tokio::test]
async fn a_wait_keeps_its_length_when_the_clock_is_set_forward() {
    let partner = busy_at_first().await;
    let dir = host_dir(&partner);
    let clock = fake_clock(&dir, 0);
    let host = dir.start_with(clock.command()).await;
    let began = Instant::now();
    let due = two_wait(&host, &partner).await;
    clock.set(2);
    noticed(&dir, 1).await;
    // It is shown by the clock that people see.
    let event = host.event("evt_delivery").await.unwrap();
    let shown = of(&event, "actor")["due_at"].as_u64();
    assert!(shown.is_none_or(|shown| shown.abs_diff(due[0] + 2 * HOUR_MS) < 10_000), "{event}, was {due:?}");
    both_ran_again(&host, &partner).await;
    // The fake clock may be a little off from the one that the waits are measured by.
    assert!(began.elapsed() + Duration::from_millis(50) >= WAIT, "{:?}", began.elapsed());
    assert_eq!(host.send(&Event::created("evt_after")).await.code, 202);
}

#[tokio::test]
async fn a_wait_keeps_its_length_when_the_clock_is_set_forward_and_back() {
    let partner = busy_at_first().await;
    let dir = host_dir(&partner);
    let clock = fake_clock(&dir, 0);
    let host = dir.start_with(clock.command()).await;
    clock.set(5);
    let due = two_wait(&host, &partner).await;
    clock.set(0);
    let now = hookyard::event::now_ms();
    assert!(due.iter().all(|due| *due < now + 6 * HOUR_MS), "{due:?} at {now}");
    both_ran_again(&host, &partner).await;
    // Events after the jump are handled and logged as before.
    host.send(&Event::with_payload("any.type", "evt_after", &json!({ "act": "well" }))).await;
    assert_eq!(host.wait_finished("evt_after").await["state"], "done");
    for text in ["first", "second"] {
        let answer = host.post("moncreneau", text, &[]).await;
        assert_eq!(answer.code, 401);
    }
}

#[tokio::test]
async fn a_wait_continues_over_a_restart_with_the_clock_set_back() {
    let partner = busy_at_first().await;
    let dir = host_dir(&partner);
    let clock = fake_clock(&dir, 5);
    let host = dir.start_with(clock.command()).await;
    two_wait(&host, &partner).await;
    host.kill();
    clock.set(0);
    let host = dir.start_with(clock.command()).await;
    both_ran_again(&host, &partner).await;
}

#[tokio::test]
async fn events_do_not_age_when_a_clock_years_behind_is_corrected() {
    let dir =
        HostDir::new("[plugin.actor]\nattempts_max = 5\nbackoff_base_ms = 1000\nbackoff_max_ms = 1000\n");
    dir.install("actor", &guest("actor"));
    let clock = fake_clock(&dir, -YEARS_HOURS);
    let host = dir.start_with(clock.command()).await;
    let retry = json!({ "act": "retry-after 700" });
    host.send(&Event::with_payload("any.type", "evt_1", &retry)).await;
    host.wait_event("evt_1", "it waits", |event| event["state"] == "waiting").await;
    clock.set(0);
    // It is received by the clock that is right, and noticed with that event.
    host.send(&Event::with_payload("any.type", "evt_2", &retry)).await;
    noticed(&dir, 1).await;
    let started = hookyard::event::now_ms();
    host.kill();
    // The next process has both clocks.
    let host = dir.start_with(clock.command()).await;
    for id in ["evt_1", "evt_2"] {
        let event = host.wait_event(id, "it is dead", |event| event["state"] == "dead").await;
        let attempts = event["deliveries"][0]["attempts"].as_array().unwrap();
        let told = attempts.iter().filter(|attempt| attempt["cause"] == "handler").count();
        assert_eq!(told, 5, "{event}");
        let reason = attempts.last().unwrap()["reason"].as_str().unwrap();
        assert!(reason.ends_with("out of attempts (5)"), "{reason}");
    }
    let event = host.event("evt_2").await.unwrap();
    assert!(event["received_at"].as_u64().unwrap().abs_diff(started) < 60_000, "{event}");
}
