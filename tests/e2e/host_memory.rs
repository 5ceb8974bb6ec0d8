//! Guests that make the host allocate memory or compute. A call stays within its plugin's
//! `host_memory_max_bytes` and `call_timeout_ms`, and other plugins continue.

use serde_json::{Value, json};

use crate::support::{Event, Handwritten, HostDir, RunningHost, example, guest};

const MIB: u64 = 1024 * 1024;
/// The memory limit of a call: its own memory, and the host's for it.
const MEMORY_MAX_BYTES: u64 = 48 * MIB;
const HOST_MEMORY_MAX_BYTES: u64 = 16 * MIB;

fn host_dir(settings: &str) -> HostDir {
    // A small cache, so that it does not dominate the peaks.
    let dir = HostDir::new(&format!(
        "[store]\ncache_max_bytes = 1048576\n[plugin.memory-hog]\nattempts_max = 1\nbreaker_failures_percent = 0\n{settings}\n"
    ));
    dir.install("memory-hog", &guest("memory-hog"));
    dir.install("event-log", &example("event-log"));
    dir
}

/// Has the memory-hog do something, checks that its neighbour does the event, and returns the memory-hog's attempt.
async fn eat(host: &RunningHost<'_>, id: &str, act: &Value) -> Value {
    let answer = host.send(&Event::with_payload("hog.act", id, act)).await;
    assert_eq!(answer.status(), "accepted", "{answer:?}");
    attempt(host, id).await
}

/// Has the typed handler get a list of so many empty records.
async fn eat_typed(host: &RunningHost<'_>, id: &str, records: usize) -> Value {
    let payload = Value::from(vec![json!({}); records]);
    host.send(&Event::with_payload("typed.act", id, &payload)).await;
    attempt(host, id).await
}

async fn attempt(host: &RunningHost<'_>, id: &str) -> Value {
    let event = host.wait_finished(id).await;
    let of = |plugin: &str| {
        let deliveries = event["deliveries"].as_array().unwrap();
        deliveries.iter().find(|delivery| delivery["plugin"] == plugin).unwrap().clone()
    };
    assert_eq!(of("event-log")["state"], "done", "{event}");
    of("memory-hog")["attempts"][0].clone()
}

/// The outcome of an attempt: `done`, or its cause and reason.
fn told(attempt: &Value) -> String {
    match attempt["outcome"].as_str().unwrap() {
        "done" => "done".into(),
        _ => format!("{}: {}", attempt["cause"].as_str().unwrap(), attempt["reason"].as_str().unwrap()),
    }
}

/// What to do, how often, with how many bytes, and what the attempt then says.
const ACTS: [(&str, u64, u64, &str); 28] = [
    ("get-many", 2000, MIB, "wasi:keyvalue/batch get-many of 2000 keys: the host would hold 21"),
    ("get", 24, 0, "wasi:keyvalue: "),
    ("cas", 1000, 300_000, "wasi:keyvalue"),
    ("set-again", 100, MIB, "done"),
    ("open", 100_000, 1000, "handles: more than 8192"),
    ("list-keys", 100, 0, "done"),
    ("fields", 9900, 120_000, "wasi:http: a field of 120257 bytes"),
    ("fields-set", 1000, 120_000, "done"),
    ("fields-from-list", 9900, 120_000, "wasi:http: fields of "),
    ("fields-clone", 9900, 120_000, "wasi:http: "),
    ("request-headers", 9900, 120_000, "wasi:http: "),
    ("fields-in-turn", 1000, 120_000, "done"),
    ("method", 500, 400_000, "wasi:http: a request's method of 400000 bytes"),
    ("method", 500, 4 * MIB, "what it handed to the host in one call, or returned, is more than the "),
    ("scheme", 10, 60, "done"),
    ("authority", 5000, 60_000, "wasi:http: a request's authority of 60000 bytes"),
    ("path", 5000, 60_000, "wasi:http: a request's path of 60001 bytes"),
    ("body", 1000, 65_536, "wasi:http: the buffers of a request's body"),
    ("trailers", 1000, 100_000, "wasi:http: "),
    ("response", 1000, 100_000, "wasi:http: "),
    ("log", 4, 4 * MIB, "done"),
    ("log", 1, 12 * MIB, "what it handed to the host in one call, or returned, is more than the "),
    ("log-context", 4, 4 * MIB, "done"),
    ("reject", 1, 4 * MIB, "… (cut at 4096 of 4194304 bytes)"),
    ("emit", 1, 4 * MIB, "effects.size_max_bytes is 1048576"),
    ("emit-type", 1, MIB / 2, "xxx… (cut at 256 of 524288 bytes)` is no event type"),
    ("send-http", 1, 30_000, "the http has 1920023 bytes, effects.size_max_bytes is 1048576"),
    ("random", 1, 64 * MIB, "requested len 67108864 exceeds limit 1048576"),
];

#[tokio::test]
async fn the_host_memory_of_a_call_stays_within_its_budget() {
    let dir = host_dir(&format!(
        "memory_max_bytes = {MEMORY_MAX_BYTES}\nhost_memory_max_bytes = {HOST_MEMORY_MAX_BYTES}\ncall_timeout_ms = 20000"
    ));
    let host = dir.start().await;
    for from in (0..24).step_by(6) {
        let fill = json!({ "act": "set", "count": 6, "from": from, "bytes": MIB });
        assert_eq!(told(&eat(&host, &format!("evt_fill_{from}"), &fill).await), "done");
    }
    let allowed = (MEMORY_MAX_BYTES + HOST_MEMORY_MAX_BYTES) * 11 / 10;
    let mut wrong = Vec::new();
    for (number, (act, count, bytes, expected)) in ACTS.into_iter().enumerate() {
        // Memory that the allocator keeps from earlier calls does not count.
        let before = host.memory_bytes();
        host.reset_peak_memory();
        let event = json!({ "act": act, "count": count, "bytes": bytes });
        let told = told(&eat(&host, &format!("evt_{number}"), &event).await);
        let grown = host.peak_memory_bytes().saturating_sub(before);
        if !told.contains(expected) || told.len() > 6000 || grown > allowed {
            let told = &told[..told.floor_char_boundary(1000)];
            wrong.push(format!("{act}: {grown} of {allowed} bytes, expected {expected}: {told}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn concurrent_calls_each_stay_within_their_budget() {
    let dir = host_dir(&format!(
        "memory_max_bytes = {MEMORY_MAX_BYTES}\nhost_memory_max_bytes = {HOST_MEMORY_MAX_BYTES}\ncall_timeout_ms = 20000\nconcurrency = 4"
    ));
    let host = dir.start().await;
    let before = host.memory_bytes();
    host.reset_peak_memory();
    for number in 0..8 {
        let event = json!({ "act": "method", "count": 500, "bytes": MIB });
        host.send(&Event::with_payload("hog.act", &format!("evt_{number}"), &event)).await;
    }
    host.wait_drained().await;
    for number in 0..8 {
        let told = told(&attempt(&host, &format!("evt_{number}")).await);
        assert!(told.contains("host_memory_max_bytes is 16777216"), "{told}");
    }
    let grown = host.peak_memory_bytes().saturating_sub(before);
    let allowed = 4 * (MEMORY_MAX_BYTES + HOST_MEMORY_MAX_BYTES) * 11 / 10;
    assert!(grown <= allowed, "{grown} bytes, {allowed} are allowed");
}

#[tokio::test]
async fn a_small_payload_of_many_long_named_fields_stays_within_the_budget() {
    let fields: String = (0..40)
        .map(|n| format!(r#"(field "{}-{n}" (option u8))"#, "a".repeat(200)))
        .collect::<Vec<_>>()
        .join(" ");
    let typed = Handwritten {
        imports: &format!(r#"(type $record (record {fields})) (export $long "long" (type $record))"#),
        exports: &["moncreneau:events/typed-act@1.0.0"],
        data: "(list $long)",
        functions: r#"(export "long" (type $long)) (export "handle" (func $handle))"#,
        ..Handwritten::default()
    };
    let dir = host_dir(&format!("host_memory_max_bytes = {HOST_MEMORY_MAX_BYTES}"));
    dir.install("memory-hog", &typed.component());
    let host = dir.start().await;
    // Whatever a first event costs is no memory of the call.
    assert_eq!(told(&eat_typed(&host, "evt_first", 1).await), "done");
    let before = host.memory_bytes();
    host.reset_peak_memory();
    // 60 KB, of which each record has a copy of all names.
    let told = told(&eat_typed(&host, "evt_records", 20_000).await);
    assert!(told.contains("at most 16777216 bytes in memory (host_memory_max_bytes), found more"), "{told}");
    let grown = host.peak_memory_bytes().saturating_sub(before);
    // Its neighbour handles the same event, with a memory of its own.
    let allowed = (HOST_MEMORY_MAX_BYTES + 10 * MIB) * 11 / 10;
    assert!(grown <= allowed, "{grown} bytes, {allowed} are allowed");
}

#[tokio::test]
async fn each_of_very_many_writes_of_one_call_takes_as_long_as_the_first() {
    let dir = host_dir("call_timeout_ms = 60_000");
    let host = dir.start().await;
    let mut least = u64::MAX;
    // Other processes may slow one of them down; a walk over all earlier writes slows down all.
    for id in ["evt_first", "evt_second", "evt_third"] {
        let attempt = eat(&host, id, &json!({ "act": "set-many", "count": 9990, "bytes": 1 })).await;
        assert_eq!(told(&attempt), "done");
        least = least.min(attempt["duration_us"].as_u64().unwrap());
    }
    // The default deadline; such a walk took four times as long, optimised.
    assert!(least < 2_000_000, "{least}");
}

#[tokio::test]
async fn a_host_function_of_many_steps_ends_at_the_deadline() {
    let dir = host_dir("call_timeout_ms = 50\nhost_memory_max_bytes = 1073741824");
    let host = dir.start().await;
    // The keys are of entries that are not there, so each step is short and nothing is copied.
    let attempt = eat(&host, "evt_keys", &json!({ "act": "get-many-missing", "count": 2_000_000 })).await;
    let told = told(&attempt);
    assert!(told.starts_with("timeout: ") && told.contains("call_timeout_ms (50 ms)"), "{told}");
}
