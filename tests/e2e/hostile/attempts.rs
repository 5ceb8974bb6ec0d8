//! Misbehaviour within a call. Each attempt records its cause, and other plugins continue.

use serde_json::{Value, json};

use crate::support::{Event, Handwritten, HostDir, RunningHost, distinct_copy, example, guest};

const ACTOR: &str = include_str!("../../guests/actor/src/lib.rs");
const GENERIC: &str = "hookyard:plugin/event-handler@0.1.0";

/// A bad plugin `actor` with one attempt for each event, and a good one beside it.
fn beside_a_good_one(actor: &[u8], settings: &str) -> HostDir {
    let dir = HostDir::new(&format!("[plugin.actor]\nattempts_max = 1\n{settings}"));
    dir.install("actor", actor);
    dir.install("event-log", &example("event-log"));
    dir
}

/// Sends an event of an unknown type with this payload.
async fn send(host: &RunningHost<'_>, id: &str, payload: &Value) {
    let answer = host.send(&Event::with_payload("any.type", id, payload)).await;
    assert_eq!(answer.status(), "accepted", "{answer:?}");
}

/// Waits for an event to be finished, checks that the good plugin handled it, and returns the bad one's
/// only attempt.
async fn attempt(host: &RunningHost<'_>, id: &str) -> Value {
    let event = host.wait_finished(id).await;
    let of = |plugin: &str| {
        event["deliveries"].as_array().unwrap().iter().find(|d| d["plugin"] == plugin).cloned()
    };
    let good = of("event-log").unwrap();
    assert_eq!(
        (&good["state"], &good["attempts"][0]["outcome"]),
        (&"done".into(), &"done".into()),
        "{event}"
    );
    let bad = of("actor").unwrap();
    assert_eq!(bad["attempts"].as_array().unwrap().len(), 1, "{event}");
    bad["attempts"][0].clone()
}

/// Sends an act, and checks its recorded failure and that other plugins continue.
async fn ends(host: &RunningHost<'_>, act: &str, cause: &str, reason: &[&str]) {
    send(host, "evt_bad", &json!({ "act": act })).await;
    told(host, "evt_bad", GENERIC, cause, reason).await;
    goes_on(host).await;
}

/// The attempt at this event failed, and its reason names plugin, revision, event, export and these.
async fn told(host: &RunningHost<'_>, id: &str, export: &str, cause: &str, parts: &[&str]) {
    let attempt = attempt(host, id).await;
    let reason = attempt["reason"].as_str().unwrap();
    assert_eq!(attempt["cause"], cause, "{reason}");
    let revision = &attempt["revision"].as_str().unwrap()[..12];
    let begin = format!("actor {revision} on {id}: {export}: ");
    assert!(reason.starts_with(&begin), "{reason} does not begin with {begin}");
    for part in parts {
        assert!(reason.contains(part), "{reason} lacks {part}");
    }
    let line = host.wait_log(&["now a dead letter", reason]).await;
    assert!(line.contains("actor"), "{line}");
}

/// The next event runs in both.
async fn goes_on(host: &RunningHost<'_>) {
    send(host, "evt_next", &json!({ "act": "well" })).await;
    let attempt = attempt(host, "evt_next").await;
    assert_eq!(attempt["outcome"], "done", "{attempt}");
}

/// `actor/src/lib.rs:LINE`, for the line of the actor's source that has this.
fn line(code: &str) -> String {
    let mut lines = ACTOR.lines().enumerate().filter(|(_, line)| line.contains(code));
    let (line, _) = lines.next().unwrap_or_else(|| panic!("the actor has no `{code}`"));
    assert!(lines.next().is_none(), "the actor has `{code}` twice");
    format!("actor/src/lib.rs:{}", line + 1)
}

#[tokio::test]
async fn a_loop_without_end_is_stopped_at_call_timeout_ms() {
    let dir = beside_a_good_one(&guest("actor"), "call_timeout_ms = 2000\n");
    let host = dir.start().await;
    // An empty loop has no line, so it is the function's file that is told.
    ends(
        &host,
        "loop",
        "timeout",
        &["call_timeout_ms (2000 ms)", " in actor::loop_for_ever at ", "actor/src/lib.rs"],
    )
    .await;
}

#[tokio::test]
async fn a_sleep_in_the_host_is_stopped_at_call_timeout_ms() {
    let dir = beside_a_good_one(&guest("wasi-probe"), "call_timeout_ms = 2000\n");
    let host = dir.start().await;
    assert_eq!(host.send(&Event::with_payload("do.sleep", "evt_bad", &json!({}))).await.status(), "accepted");
    told(&host, "evt_bad", GENERIC, "timeout", &["call_timeout_ms"]).await;
    assert_eq!(
        host.send(&Event::with_payload("do.print", "evt_next", &json!({}))).await.status(),
        "accepted"
    );
    assert_eq!(attempt(&host, "evt_next").await["outcome"], "done");
}

#[tokio::test]
async fn guests_that_never_end_do_not_block_others() {
    // One more than there are threads to run them.
    let count = std::thread::available_parallelism().unwrap().get() + 1;
    let settings = format!(
        "call_timeout_ms = 600000\nconcurrency = {count}\n[dispatch]\nconcurrency = {0}\n[runtime]\ninstances_max = {0}\n",
        count + 16
    );
    let dir = beside_a_good_one(&guest("actor"), &settings);
    let host = dir.start().await;
    let loops: Vec<String> = (0..count).map(|i| format!("evt_loop_{i}")).collect();
    for id in &loops {
        send(&host, id, &json!({ "act": "loop" })).await;
    }
    for id in &loops {
        let of = |event: &Value, plugin: &str, state: &str| {
            event["deliveries"]
                .as_array()
                .unwrap()
                .iter()
                .any(|d| d["plugin"] == plugin && d["state"] == state)
        };
        let both = |event: &Value| of(event, "event-log", "done") && of(event, "actor", "running");
        host.wait_event(id, "it is done by the good plugin while the other loops", both).await;
    }
}

#[tokio::test]
async fn memory_growth_beyond_memory_max_bytes_fails() {
    let dir = beside_a_good_one(&guest("actor"), "memory_max_bytes = 8388608\n");
    let host = dir.start().await;
    let line = line("all.push(vec![1; 1 << 20]);");
    ends(
        &host,
        "allocate",
        "trap",
        &["memory_max_bytes is 8388608", " in actor::allocate_for_ever at ", &line],
    )
    .await;
    let peak = attempt(&host, "evt_bad").await["peak_memory_bytes"].as_u64().unwrap();
    assert!((4 << 20..=8 << 20).contains(&peak), "{peak}");
}

#[tokio::test]
async fn table_growth_beyond_table_elements_max_fails() {
    let grows = Handwritten {
        core: "(table $all 0 funcref)",
        handle: "(loop (br_if 0 (i32.ne (i32.const -1) (table.grow $all (ref.null func) (i32.const 100))))) unreachable",
        ..Handwritten::default()
    };
    let dir = beside_a_good_one(&grows.component(), "[runtime]\ntable_elements_max = 20000\n");
    let host = dir.start().await;
    send(&host, "evt_bad", &json!({})).await;
    told(&host, "evt_bad", GENERIC, "trap", &["table_elements_max is 20000", " in handle"]).await;
}

#[tokio::test]
async fn handles_that_are_never_dropped_reach_a_limit() {
    let dir = beside_a_good_one(&guest("wasi-probe"), "");
    let host = dir.start().await;
    host.send(&Event::with_payload("do.hoard", "evt_bad", &json!({}))).await;
    told(&host, "evt_bad", GENERIC, "trap", &["handles: more than", "wasi-probe/src/lib.rs:"]).await;
    host.send(&Event::with_payload("do.print", "evt_next", &json!({}))).await;
    assert_eq!(attempt(&host, "evt_next").await["outcome"], "done");
}

#[tokio::test]
async fn an_endless_recursion_ends_at_stack_max_bytes() {
    let dir = beside_a_good_one(&guest("actor"), "[runtime]\nstack_max_bytes = 131072\n");
    let host = dir.start().await;
    ends(
        &host,
        "descend",
        "trap",
        &["stack_max_bytes is 131072", " in actor::descend at ", "actor/src/lib.rs:"],
    )
    .await;
}

#[tokio::test]
async fn an_endless_recursion_on_the_guests_own_stack_ends_at_its_end() {
    let dir = beside_a_good_one(&guest("actor"), "");
    let host = dir.start().await;
    let line = line("black_box([depth; 64])");
    ends(&host, "recurse", "trap", &["out of bounds memory access", " in actor::recurse at ", &line]).await;
}

#[tokio::test]
async fn a_log_flood_is_truncated_at_log_max_bytes_and_counted() {
    let dir = beside_a_good_one(&guest("actor"), "log_max_bytes = 2000\n");
    let host = dir.start().await;
    send(&host, "evt_flood", &json!({ "act": "flood 100000" })).await;
    let flood = attempt(&host, "evt_flood").await;
    // Too many words are no failure.
    assert_eq!(flood["outcome"], "done", "{flood}");
    let logs: Vec<&str> =
        flood["logs"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let (last, kept) = logs.split_last().unwrap();
    assert!(kept.iter().map(|line| line.len()).sum::<usize>() <= 2000, "{logs:?}");
    assert!(kept[1].contains("line 0 of a flood"), "{logs:?}");
    // One line is cut, and counts; the first says what it is about to do.
    let dropped = 100_001 - (kept.len() - 1);
    assert_eq!(*last, format!("WARN hookyard: {dropped} lines cut or dropped, log_max_bytes is 2000"));
    let log = host.flushed_log().await;
    assert!(log.matches("of a flood").count() <= kept.len(), "the host's log is flooded");
    goes_on(&host).await;
}

#[tokio::test]
async fn a_trap_in_each_handler_names_the_export_the_function_and_the_line() {
    let dir = beside_a_good_one(&guest("actor"), "config = { act = \"trap\" }\n");
    let host = dir.start().await;
    let line = line("panic!(\"told to\")");
    for kind in ["created", "updated", "validated", "completed", "cancelled"] {
        let id = format!("evt_{kind}");
        host.send(&Event::sample(&format!("appointment.{kind}"), &id)).await;
        let export = format!("moncreneau:events/appointment-{kind}@1.0.0");
        told(&host, &id, &export, "trap", &["unreachable", " in actor::perform at ", &line]).await;
    }
    ends(&host, "trap", "trap", &["unreachable", " in actor::perform at ", &line]).await;
    // What the guest had to say itself is kept with the attempt.
    let logs = attempt(&host, "evt_bad").await["logs"].to_string();
    assert!(logs.contains("CRITICAL") && logs.contains("told to"), "{logs}");
}

#[tokio::test]
async fn a_guest_that_ends_its_process_ends_its_call() {
    let dir = beside_a_good_one(&guest("wasi-probe"), "");
    let host = dir.start().await;
    host.send(&Event::with_payload("do.exit", "evt_bad", &json!({}))).await;
    told(&host, "evt_bad", GENERIC, "trap", &["exit"]).await;
    host.send(&Event::with_payload("do.print", "evt_next", &json!({}))).await;
    assert_eq!(attempt(&host, "evt_next").await["outcome"], "done");
}

#[tokio::test]
async fn the_reason_of_an_ended_program_is_the_line_that_explains_it() {
    let dir = beside_a_good_one(&guest("wasi-probe"), "");
    let host = dir.start().await;
    for (id, output, expected) in [
        (
            "evt_go",
            "panic: no office 7\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x2\nexit status 2\n",
            "trap: panic: no office 7; then ",
        ),
        (
            "evt_zig",
            "thread 1 panic: no office 8\nUnable to dump stack trace\n",
            "trap: thread 1 panic: no office 8; ",
        ),
    ] {
        host.send(&Event::with_payload("do.panic", id, &json!({ "output": output }))).await;
        told(&host, id, GENERIC, "trap", &[expected]).await;
        let list = dir.run(&["delivery", "list"]).out;
        assert!(list.contains(&format!("  {expected}")), "the cause stands first: {list}");
    }
}

#[tokio::test]
async fn an_overlong_reason_is_truncated() {
    let dir = beside_a_good_one(&guest("actor"), "");
    let host = dir.start().await;
    send(&host, "evt_bad", &json!({ "act": "reject-long 5000000" })).await;
    let bad = attempt(&host, "evt_bad").await;
    let reason = bad["reason"].as_str().unwrap();
    assert_eq!((&bad["cause"], &bad["outcome"]), (&"handler".into(), &"rejected".into()));
    assert!(reason.contains("éééé") && reason.len() < 10_000, "{} bytes", reason.len());
    let log = host.flushed_log().await;
    assert!(log.len() < 100_000, "{} bytes of log", log.len());
    goes_on(&host).await;
}

#[tokio::test]
async fn no_attempt_sees_the_memory_of_an_earlier_one() {
    let dir = beside_a_good_one(&guest("actor"), "call_timeout_ms = 2000\n");
    let host = dir.start().await;
    for earlier in ["remember", "trap", "loop", "reject"] {
        let ids = [format!("evt_{earlier}_earlier"), format!("evt_{earlier}_later")];
        send(&host, &ids[0], &json!({ "act": earlier })).await;
        attempt(&host, &ids[0]).await;
        send(&host, &ids[1], &json!({ "act": "remember" })).await;
        let logs = attempt(&host, &ids[1]).await["logs"].clone();
        assert_eq!(logs[1], "INFO call 1 of this instance", "after {earlier}");
    }
}

#[tokio::test]
async fn no_plugin_sees_the_memory_of_another() {
    // One place for an instance: whoever comes next gets the memory of the one before.
    let dir = HostDir::new(
        "[runtime]\ninstances_max = 1\n[dispatch]\nconcurrency = 1\n\
         [plugin.actor]\nconfig = { act = \"stain\" }\n[plugin.other]\nconfig = { act = \"look-for-stains\" }\n",
    );
    dir.install("actor", &guest("actor"));
    dir.install("other", &distinct_copy(&guest("actor"), 1));
    let host = dir.start().await;
    for round in 0..5 {
        let id = format!("evt_{round}");
        send(&host, &id, &json!({})).await;
        let event = host.wait_finished(&id).await;
        let said = |at: usize| event["deliveries"][at]["attempts"][0]["logs"][1].as_str().unwrap();
        assert_eq!((said(0), said(1)), ("INFO stained", "INFO 0 stains"), "{event}");
    }
}
