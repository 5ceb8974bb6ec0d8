//! The host is asked to stop: what is in flight ends, nothing new begins, nothing is lost.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Bed, Event, Load, SECRET, Sent, guest, plugin_lines, sign, until};

/// Far less than any timeout that a host which hangs would wait for.
const SOON: Duration = Duration::from_secs(20);

fn told(id: &str, act: &str) -> Event {
    Event::of("any.type", id, &json!({ "act": act }))
}

fn attempts(event: &Value) -> &Vec<Value> {
    event["deliveries"][0]["attempts"].as_array().unwrap()
}

/// How often the plugin was called for an event, by any host here.
fn runs(bed: &Bed, event: &str) -> usize {
    plugin_lines(&bed.log(), "actor").iter().filter(|line| line.event == event).count()
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_no_new_connection_is_taken() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    let address = host.webhooks().strip_prefix("http://").unwrap().to_owned();
    let event = told("evt_slow", "well");
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
    host.logged(&["stopping"]).await;
    until("no connection is taken", async || TcpStream::connect(&address).is_err().then_some(())).await;
    connection.write_all(event.body.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 202") && answer.contains("accepted"), "{answer}");
    assert_eq!(host.ended().await.code(), Some(0));

    let host = bed.start().await;
    assert_eq!(host.settled("evt_slow").await["state"], "done");
}

#[tokio::test]
async fn calls_in_flight_end_before_the_host_does() {
    let bed = Bed::new("[plugin.actor]\nconcurrency = 1\n");
    bed.install("actor", &guest("actor"));
    for signal in ["TERM", "INT"] {
        let host = bed.start().await;
        let (first, second) = (format!("evt_{signal}_first"), format!("evt_{signal}_second"));
        host.send(&told(&first, "busy 700")).await;
        host.logged(&[&format!("{first} attempt 1")]).await;
        // It waits for the first one, and so does not begin any more.
        host.send(&told(&second, "well")).await;
        host.signal(signal);
        let asked = Instant::now();
        assert_eq!(host.ended().await.code(), Some(0));
        assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        assert_eq!((runs(&bed, &first), runs(&bed, &second)), (1, 0));

        let host = bed.start().await;
        let event = host.event_when(&second, "it is done", |event| event["state"] == "done").await;
        assert_eq!(attempts(&event).len(), 1, "{event}");
        let event = host.event(&first).await.unwrap();
        assert_eq!((&event["state"], attempts(&event).len()), (&"done".into(), 1), "{event}");
        assert!(attempts(&event)[0]["duration_us"].as_u64().unwrap() >= 700_000, "{event}");
        assert_eq!((runs(&bed, &first), runs(&bed, &second)), (1, 1));
    }
}

#[tokio::test]
async fn a_stop_under_load_loses_nothing_and_cuts_no_call() {
    let bed = Bed::new("[plugin.actor]\nconcurrency = 1\ncall_timeout_ms = 30_000\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    // The others wait for this one, so that the stop leaves some that have not begun.
    host.send(&told("evt_first", "busy 4000")).await;
    host.logged(&["evt_first attempt 1"]).await;
    let load = Load::start(&host, 8, (0..20_000).map(|n| told(&format!("evt_{n}"), "well")).collect());
    until("the load is taken", async || (load.accepted() >= 100).then_some(())).await;
    host.terminate();
    let asked = Instant::now();
    let sent = load.finish().await;
    assert_eq!(host.ended().await.code(), Some(0));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    // A connection may close before a request on it is taken, but no request is answered badly.
    let (accepted, unanswered): (Vec<_>, Vec<_>) = sent.into_iter().partition(Sent::accepted);
    assert!(unanswered.iter().all(|sent| sent.answer.is_none()), "{unanswered:?}");
    assert_eq!((runs(&bed, "evt_first"), runs(&bed, &accepted[0].event.id)), (1, 0));

    let host = bed.start().await;
    for sent in &unanswered {
        let answer = host.send(&sent.event).await;
        assert!(matches!(answer.status(), "accepted" | "duplicate"), "{answer:?}");
    }
    host.drained().await;
    let all = 1 + accepted.len() + unanswered.len();
    let events = host.events("").await;
    assert_eq!(events.len(), all);
    assert!(events.iter().all(|event| event["state"] == "done" && event["deliveries"][0]["attempts"] == 1));
    let lines = plugin_lines(&bed.log(), "actor");
    let ran: BTreeSet<_> = lines.iter().map(|line| &line.event).collect();
    assert_eq!((ran.len(), lines.len()), (all, all), "one ran twice, so its call was cut");
}

#[tokio::test]
async fn a_call_that_outlasts_the_shutdown_timeout_does_not_hold_the_exit_and_runs_again() {
    let bed = Bed::new("[plugin.actor]\ncall_timeout_ms = 3_600_000\n");
    bed.install("actor", &guest("actor"));
    let text = std::fs::read_to_string(bed.path("hookyard.toml")).unwrap();
    bed.replace(
        "hookyard.toml",
        text.replacen("[server]\n", "[server]\nshutdown_timeout_ms = 300\n", 1).as_bytes(),
    );
    let host = bed.start().await;
    host.send(&told("evt_long", "loop")).await;
    host.logged(&["evt_long attempt 1"]).await;
    host.terminate();
    let asked = Instant::now();
    assert_eq!(host.ended().await.code(), Some(0));
    assert!((Duration::from_millis(300)..SOON).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    assert!(bed.log().contains("1 calls were still running"), "{}", bed.log());

    let host = bed.start().await;
    until("it runs again", async || (runs(&bed, "evt_long") == 2).then_some(())).await;
    let event = host.event_when("evt_long", "it runs", |event| event["state"] == "running").await;
    assert_eq!(attempts(&event).len(), 0, "{event}");
}

#[tokio::test]
async fn a_second_signal_ends_the_host_at_once_with_exit_code_1() {
    let bed = Bed::new("[plugin.actor]\ncall_timeout_ms = 3_600_000\n");
    bed.install("actor", &guest("actor"));
    let host = bed.start().await;
    host.send(&told("evt_long", "loop")).await;
    host.logged(&["evt_long attempt 1"]).await;
    host.terminate();
    host.logged(&["stopping: "]).await;
    host.terminate();
    let asked = Instant::now();
    assert_eq!(host.ended().await.code(), Some(1));
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert!(bed.log().contains("stopping now"), "{}", bed.log());

    let host = bed.start().await;
    host.event_when("evt_long", "it runs again", |event| event["state"] == "running").await;
}

#[tokio::test]
async fn a_second_host_on_the_same_database_is_refused_until_the_first_has_ended() {
    let bed = Bed::new("");
    bed.install("actor", &guest("actor"));
    let first = bed.start().await;
    let second = bed.run(&["serve"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("hookyard.db is in use by another hookyard host"), "{second:?}");
    // The first one noticed nothing.
    first.send(&told("evt_still", "well")).await;
    assert_eq!(first.settled("evt_still").await["state"], "done");
    let listed = bed.run(&["event", "list"]);
    assert!(listed.code == 0 && listed.out.contains("evt_still"), "{listed:?}");

    first.terminate();
    assert_eq!(first.ended().await.code(), Some(0));
    let third = bed.start().await;
    assert_eq!(third.event("evt_still").await.unwrap()["state"], "done");
}
