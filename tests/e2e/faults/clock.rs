//! The machine's clock jumps while deliveries and effects wait for their time.

use serde_json::{Value, json};

use crate::support::{Bed, Event, Host, Partner, Reply, fake_clock, guest, until};

const HOUR_MS: u64 = 3_600_000;

fn bed(partner: &Partner) -> Bed {
    let bed = Bed::new(&format!("[plugin.asker]\nhttp = [\"{}\"]\n", partner.origin()));
    bed.install("actor", &guest("actor"));
    bed.install("asker", &guest("asker"));
    bed
}

/// One delivery and one effect that wait for nearly an hour, by the host's clock. When they are due.
async fn two_wait(host: &Host<'_>, partner: &Partner) -> [u64; 2] {
    let retry = json!({ "act": "retry-after 3500000" });
    host.send(&Event::of("any.type", "evt_delivery", &retry)).await;
    let ask = json!({ "act": "well", "do": "http", "url": partner.origin(), "text": "x" });
    host.send(&Event::of("any.type", "evt_effect", &ask)).await;
    let delivery =
        host.event_when("evt_delivery", "it waits", |event| of(event, "actor")["state"] == "waiting").await;
    let effect = host
        .event_when("evt_effect", "its effect waits", |event| {
            of(event, "asker")["effects"][0]["state"] == "waiting"
        })
        .await;
    let due = |view: &Value| view["due_at"].as_u64().unwrap();
    [due(of(&delivery, "actor")), due(&of(&effect, "asker")["effects"][0])]
}

fn of<'a>(event: &'a Value, plugin: &str) -> &'a Value {
    event["deliveries"].as_array().unwrap().iter().find(|delivery| delivery["plugin"] == plugin).unwrap()
}

/// Waits until both were tried again.
async fn both_ran_again(host: &Host<'_>, partner: &Partner) {
    host.event_when("evt_delivery", "it ran again", |event| {
        of(event, "actor")["attempts"].as_array().unwrap().len() > 1
    })
    .await;
    until("the effect was tried again", async || (partner.asked_count() > 1).then_some(())).await;
    host.event_when("evt_effect", "it is done", |event| of(event, "asker")["effects"][0]["state"] == "done")
        .await;
}

/// Asks for time at first, then all is well.
async fn busy_at_first() -> Partner {
    Partner::start(|number, _| match number {
        0 => Reply::of(503, "busy").with("retry-after", "3500"),
        _ => Reply::of(200, ""),
    })
    .await
}

#[tokio::test]
async fn what_waits_is_due_once_the_clock_is_set_forward() {
    let partner = busy_at_first().await;
    let bed = bed(&partner);
    let clock = fake_clock(&bed, 0);
    let host = bed.start_with(clock.command()).await;
    two_wait(&host, &partner).await;
    clock.set(2);
    both_ran_again(&host, &partner).await;
    assert_eq!(host.send(&Event::created("evt_after")).await.code, 202);
}

#[tokio::test]
async fn what_waits_for_a_time_of_a_clock_that_was_set_back_is_due_now() {
    let partner = busy_at_first().await;
    let bed = bed(&partner);
    let clock = fake_clock(&bed, 5);
    let host = bed.start_with(clock.command()).await;
    let due = two_wait(&host, &partner).await;
    clock.set(0);
    let now = hookyard::event::now_ms();
    assert!(due.iter().all(|due| *due > now + 5 * HOUR_MS), "{due:?} at {now}");
    both_ran_again(&host, &partner).await;
    // What came after the jump is handled as ever, and is said as ever.
    host.send(&Event::of("any.type", "evt_after", &json!({ "act": "well" }))).await;
    assert_eq!(host.settled("evt_after").await["state"], "done");
    for text in ["first", "second"] {
        let answer = host.post("moncreneau", text, &[]).await;
        assert_eq!(answer.code, 401);
    }
}

#[tokio::test]
async fn a_host_that_starts_with_its_clock_set_back_runs_what_an_earlier_one_left_waiting() {
    let partner = busy_at_first().await;
    let bed = bed(&partner);
    let clock = fake_clock(&bed, 5);
    let host = bed.start_with(clock.command()).await;
    two_wait(&host, &partner).await;
    host.kill();
    clock.set(0);
    let host = bed.start_with(clock.command()).await;
    both_ran_again(&host, &partner).await;
}
