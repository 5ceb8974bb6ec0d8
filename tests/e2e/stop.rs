//! The host is asked to stop: what is in flight ends, nothing new begins, nothing is lost.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Event, HostDir, Load, SECRET, SentEvent, guest, plugin_lines, sign, wait_until};

/// Far less than any timeout that a host which hangs would wait for.
const SOON: Duration = Duration::from_secs(20);

fn act_event(id: &str, act: &str) -> Event {
    Event::with_payload("any.type", id, &json!({ "act": act }))
}

fn attempts(event: &Value) -> &Vec<Value> {
    event["deliveries"][0]["attempts"].as_array().unwrap()
}

/// How often the plugin was called for an event, by all hosts of this log.
fn runs(log: &str, event: &str) -> usize {
    plugin_lines(log, "actor").iter().filter(|line| line.event == event).count()
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_new_connections_are_refused() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let address = host.webhooks().strip_prefix("http://").unwrap().to_owned();
    let event = act_event("evt_slow", "well");
    let mut connection = TcpStream::connect(&address).unwrap();
    write!(
        connection,
        "POST /webhooks/moncreneau HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\
         X-Moncreneau-Signature: {}\r\nExpect: 100-continue\r\n\r\n",
        event.body.len(),
        sign(SECRET, &event.body),
    )
    .unwrap();
    // The host asks for the body: the request is in flight.
    let mut asked = [0; 12];
    connection.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");

    host.terminate();
    host.wait_log(&["stopping"]).await;
    wait_until("no connection is taken", async || TcpStream::connect(&address).is_err().then_some(())).await;
    connection.write_all(event.body.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 202") && answer.contains("accepted"), "{answer}");
    assert_eq!(host.wait_exit().await.code(), Some(0));

    let host = dir.start().await;
    assert_eq!(host.wait_finished("evt_slow").await["state"], "done");
}

#[tokio::test]
async fn calls_in_flight_end_before_the_host_does() {
    let dir = HostDir::new("[plugin.actor]\nconcurrency = 1\ncall_timeout_ms = 30_000\n");
    dir.install("actor", &guest("actor"));
    for signal in ["TERM", "INT"] {
        let host = dir.start().await;
        let (first, second) = (format!("evt_{signal}_first"), format!("evt_{signal}_second"));
        host.send(&act_event(&first, "busy 8000")).await;
        host.wait_log(&[&format!("{first} attempt 1")]).await;
        // It waits for the first one, and so does not begin any more.
        host.send(&act_event(&second, "well")).await;
        host.signal(signal);
        let asked = Instant::now();
        assert_eq!(host.wait_exit().await.code(), Some(0));
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        let log = dir.log();
        assert_eq!((runs(&log, &first), runs(&log, &second)), (1, 0));

        let host = dir.start().await;
        let event = host.wait_event(&second, "it is done", |event| event["state"] == "done").await;
        assert_eq!(attempts(&event).len(), 1, "{event}");
        let event = host.event(&first).await.unwrap();
        assert_eq!((&event["state"], attempts(&event).len()), (&"done".into(), 1), "{event}");
        assert!(attempts(&event)[0]["duration_us"].as_u64().unwrap() >= 8_000_000, "{event}");
        let log = host.flushed_log().await;
        assert_eq!((runs(&log, &first), runs(&log, &second)), (1, 1));
    }
}

#[tokio::test]
async fn a_stop_under_load_loses_nothing_and_interrupts_no_call() {
    let dir = HostDir::new("[plugin.actor]\nconcurrency = 1\ncall_timeout_ms = 30_000\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    let events = (0..20_000).map(|n| act_event(&format!("evt_{n}"), "well")).collect();
    // The others wait for this one, so that the stop leaves some that have not begun.
    host.send(&act_event("evt_first", "busy 10000")).await;
    host.wait_log(&["evt_first attempt 1"]).await;
    let load = Load::start(&host, 8, events);
    wait_until("the load is taken", async || (load.accepted() >= 100).then_some(())).await;
    host.terminate();
    let asked = Instant::now();
    let sent = load.finish().await;
    assert_eq!(host.wait_exit().await.code(), Some(0));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    // A connection may close before a request on it is taken, but no request is answered badly.
    let (accepted, unanswered): (Vec<_>, Vec<_>) = sent.into_iter().partition(SentEvent::accepted);
    assert!(unanswered.iter().all(|sent| sent.answer.is_none()), "{unanswered:?}");
    let log = dir.log();
    assert_eq!((runs(&log, "evt_first"), runs(&log, &accepted[0].event.id)), (1, 0));

    let host = dir.start().await;
    for sent in &unanswered {
        let answer = host.send(&sent.event).await;
        assert!(matches!(answer.status(), "accepted" | "duplicate"), "{answer:?}");
    }
    host.wait_drained().await;
    let all = 1 + accepted.len() + unanswered.len();
    let events = host.events("").await;
    assert_eq!(events.len(), all);
    assert!(events.iter().all(|event| event["state"] == "done" && event["deliveries"][0]["attempts"] == 1));
    let lines = plugin_lines(&host.flushed_log().await, "actor");
    let ran_events: BTreeSet<_> = lines.iter().map(|line| &line.event).collect();
    assert_eq!((ran_events.len(), lines.len()), (all, all), "one ran twice, so its call was cut");
}

#[tokio::test]
async fn a_call_beyond_the_shutdown_timeout_does_not_delay_the_exit_and_runs_again() {
    let dir = HostDir::new("[plugin.actor]\ncall_timeout_ms = 3_600_000\n");
    dir.install("actor", &guest("actor"));
    let text = std::fs::read_to_string(dir.path("hookyard.toml")).unwrap();
    dir.replace(
        "hookyard.toml",
        text.replacen("[server]\n", "[server]\nshutdown_timeout_ms = 300\n", 1).as_bytes(),
    );
    let host = dir.start().await;
    host.send(&act_event("evt_long", "loop")).await;
    host.wait_log(&["evt_long attempt 1"]).await;
    let asked = Instant::now();
    host.terminate();
    assert_eq!(host.wait_exit().await.code(), Some(0));
    assert!((Duration::from_millis(300)..SOON).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    assert!(dir.log().contains("1 calls were still running"), "{}", dir.log());

    let host = dir.start().await;
    wait_until("it runs again", async || (runs(&dir.log(), "evt_long") == 2).then_some(())).await;
    let event = host.wait_event("evt_long", "it runs", |event| event["state"] == "running").await;
    assert_eq!(attempts(&event).len(), 0, "{event}");
}

#[tokio::test]
async fn a_second_signal_ends_the_host_at_once_with_exit_code_1() {
    let dir = HostDir::new("[plugin.actor]\ncall_timeout_ms = 3_600_000\n");
    dir.install("actor", &guest("actor"));
    let host = dir.start().await;
    host.send(&act_event("evt_long", "loop")).await;
    host.wait_log(&["evt_long attempt 1"]).await;
    host.terminate();
    host.wait_log(&["stopping: "]).await;
    host.terminate();
    let asked = Instant::now();
    assert_eq!(host.wait_exit().await.code(), Some(1));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert!(dir.log().contains("stopping now"), "{}", dir.log());

    let host = dir.start().await;
    host.wait_event("evt_long", "it runs again", |event| event["state"] == "running").await;
}

#[tokio::test]
async fn a_second_host_on_the_same_database_is_refused_until_the_first_has_ended() {
    let dir = HostDir::new("");
    dir.install("actor", &guest("actor"));
    let first = dir.start().await;
    let second = dir.run(&["serve"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("hookyard.db is in use by another hookyard host"), "{second:?}");
    // The first one noticed nothing.
    first.send(&act_event("evt_still", "well")).await;
    assert_eq!(first.wait_finished("evt_still").await["state"], "done");
    let listed = dir.run(&["event", "list"]);
    assert!(listed.code == 0 && listed.out.contains("evt_still"), "{listed:?}");

    first.terminate();
    assert_eq!(first.wait_exit().await.code(), Some(0));
    let third = dir.start().await;
    assert_eq!(third.event("evt_still").await.unwrap()["state"], "done");
}
