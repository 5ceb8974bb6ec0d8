//! Kills of the host, like a power cut. Acknowledged events run afterwards, and done deliveries do not run
//! again.

mod counted;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::{
    CLOCKS_DIFFER_MS, Event, HostDir, Load, RunningHost, SentEvent, guest, plugin_lines, wait_until,
};

const KILLS: usize = 20;
const SENDERS: usize = 8;
/// Events for one host: more than are accepted before it is killed.
const EVENTS: usize = 20_000;

fn act_event(id: &str, act: &str) -> Event {
    Event::with_payload("any.type", id, &json!({ "act": act }))
}

/// The record outside the host, which no crash affects.
#[derive(Default)]
struct Ledger {
    /// Answered 202 by the last host, or by one before.
    accepted: BTreeMap<String, Event>,
    /// Sent to the previous host without a response.
    unsure: Vec<Event>,
    /// Shown as done by the last host before it was killed.
    done: BTreeSet<String>,
    /// The length of the log when that was known.
    log_then: usize,
    /// How many were accepted and not shown as done when their host was killed.
    left_open: usize,
    /// How many of `unsure` had been taken.
    taken_unanswered: usize,
}

#[tokio::test]
async fn twenty_kills_under_load_lose_no_event_and_repeat_no_done_delivery() {
    // With so few ids and orders in memory, kills come before, while and after they move into an index.
    let dir = HostDir::new(
        "[database]\nrecent_ids_max = 60\nopen_orders_max = 20\n[plugin.actor]\nconcurrency = 4\ncall_timeout_ms = 60_000\n",
    );
    dir.install("actor", &guest("actor"));
    let mut ledger = Ledger::default();
    for kill in 0..KILLS {
        let host = dir.start().await;
        ledger.check(&host).await;
        let events = (0..EVENTS).map(|n| act_event(&format!("evt_{kill}_{n}"), "busy 2")).collect();
        let load = Load::start(&host, SENDERS, events);
        // Another moment each time: from the first events to a long queue.
        let enough = 1 + kill * 37 % 300;
        wait_until("the load is taken", async || (load.accepted() >= enough).then_some(())).await;
        ledger.note_done(&host).await;
        host.kill();
        ledger.note_sent(load.finish().await);
    }
    let host = dir.start().await;
    ledger.check(&host).await;
    ledger.check_all(&host).await;
}

impl Ledger {
    /// Looks at what is done, and how long the log is after that.
    async fn note_done(&mut self, host: &RunningHost<'_>) {
        let (_, page) = host.api_get("/api/v1/events?limit=500&state=done").await;
        self.done =
            page["items"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
        self.log_then = host.flushed_log().await.len();
    }

    fn note_sent(&mut self, sent: Vec<SentEvent>) {
        assert!(sent.len() < EVENTS, "the load ended before the kill");
        let (accepted, unsure): (Vec<_>, Vec<_>) = sent.into_iter().partition(SentEvent::accepted);
        for sent in &unsure {
            assert!(sent.answer.is_none(), "{sent:?}");
        }
        self.left_open += accepted.iter().filter(|sent| !self.done.contains(&sent.event.id)).count();
        self.accepted.extend(accepted.into_iter().map(|sent| (sent.event.id.clone(), sent.event)));
        self.unsure = unsure.into_iter().map(|sent| sent.event).collect();
    }

    /// On a new host: what the one before was sent is taken once, and is done.
    async fn check(&mut self, host: &RunningHost<'_>) {
        for event in std::mem::take(&mut self.unsure) {
            let answer = host.send(&event).await;
            match (answer.code.as_u16(), answer.status()) {
                (202, "accepted") => {}
                // The commit was on disk, the answer was not on its way.
                (200, "duplicate") => self.taken_unanswered += 1,
                other => panic!("{other:?}"),
            }
            self.accepted.insert(event.id.clone(), event);
        }
        host.wait_drained().await;
        let log = host.flushed_log().await;
        let again: Vec<_> = plugin_lines(&log[self.log_then..], "actor")
            .into_iter()
            .filter(|line| self.done.contains(&line.event))
            .collect();
        assert!(again.is_empty(), "done, and run again: {again:?}");
        self.done.clear();
    }

    /// At last: everything that was accepted was so once, ran, and is done with its last attempt.
    async fn check_all(&self, host: &RunningHost<'_>) {
        for event in self.accepted.values() {
            let answer = host.send(event).await;
            assert_eq!((answer.code.as_u16(), answer.status()), (200, "duplicate"), "{}", event.id);
        }
        let events = host.events("").await;
        let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!((events.len(), ids.len()), (self.accepted.len(), self.accepted.len()));
        let mut interrupted = 0;
        for id in self.accepted.keys() {
            let event = host.event(id).await.unwrap();
            let deliveries = event["deliveries"].as_array().unwrap();
            assert_eq!((deliveries.len(), &deliveries[0]["state"]), (1, &"done".into()), "{event}");
            let (last, cut) = attempts(&event).split_last().unwrap();
            assert!(last["outcome"] == "done" && cut.iter().all(|cut| cut["cause"] == "crash"), "{event}");
            interrupted += usize::from(!cut.is_empty());
        }
        // The kills came in the middle of something.
        let (left, unanswered) = (self.left_open, self.taken_unanswered);
        assert!(
            left > KILLS && interrupted > 0,
            "{left} left open, {interrupted} interrupted, {unanswered} taken without an answer"
        );
    }
}

fn attempts(event: &Value) -> &[Value] {
    event["deliveries"][0]["attempts"].as_array().unwrap()
}

#[tokio::test]
async fn a_delivery_that_waits_at_a_kill_runs_when_due_on_a_busy_host() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_waits", "retry-after 2500")).await;
    let waits = host.wait_event("evt_waits", "it waits", |event| event["state"] == "waiting").await;
    let (due, made) = (waits["deliveries"][0]["due_at"].as_u64().unwrap(), attempts(&waits).len());
    host.kill();

    let host = dir.start().await;
    let mut sent = 0;
    let again = wait_until("it ran again", async || {
        host.send(&act_event(&format!("evt_{sent}"), "well")).await;
        sent += 1;
        host.event("evt_waits").await.filter(|event| attempts(event).len() > made)
    })
    .await;
    let started_at = attempts(&again)[made]["started_at"].as_u64().unwrap();
    assert!((due - CLOCKS_DIFFER_MS..due + 30_000).contains(&started_at), "{started_at}, due at {due}");
}

#[tokio::test]
async fn a_call_interrupted_by_a_kill_counts_as_an_attempt_and_runs_again() {
    let settings =
        |act| format!("[plugin.actor]\ncall_timeout_ms = 60_000\nconfig = {{ act = \"{act}\" }}\n");
    let dir = HostDir::new(&settings("loop"));
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&Event::created("evt_cut")).await;
    host.wait_event("evt_cut", "it runs", |event| event["state"] == "running").await;
    host.wait_log(&["evt_cut attempt 1: loop"]).await;
    host.kill();

    dir.configure(&settings("well"));
    let host = dir.start().await;
    let event = host.wait_finished("evt_cut").await;
    let outcomes: Vec<_> = attempts(&event).iter().map(|attempt| attempt["outcome"].as_str()).collect();
    assert_eq!((&event["state"], outcomes), (&"done".into(), vec![Some("retry"), Some("done")]), "{event}");
    let cut = &attempts(&event)[0];
    assert_eq!(cut["cause"], "crash", "{event}");
    assert_eq!(cut["reason"], "the host process died while this ran, once so far", "{event}");
    let texts: Vec<_> =
        plugin_lines(&host.flushed_log().await, "actor").into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["evt_cut attempt 1: loop", "evt_cut attempt 2: well"]);
}
