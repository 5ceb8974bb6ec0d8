//! Failures of handlers in each language: their reports, and that they leave no write and no effect.

use serde_json::{Value, json};

use super::{CHARACTERS, LANGUAGES, deliver, host_dir, logs, order, plain, plugin, start};
use crate::support::{HostDir, RunningHost};

/// No guest has written anything, and no effect was asked for, though all began to.
async fn nothing_happened(dir: &HostDir, host: &RunningHost<'_>, deliveries: &[(&'static str, Value)]) {
    for (language, delivery) in deliveries {
        assert_eq!(delivery["state"], "dead", "{language}: {delivery}");
        assert_eq!(delivery["effects"], json!([]), "{language}");
    }
    for language in LANGUAGES {
        assert_eq!(dir.bucket(&plugin(language), "conformance").await.len(), 0, "{language}");
    }
    assert_eq!(dir.open_effects().await, 0);
    assert_eq!(host.events("&type=conformance.never").await, [] as [Value; 0]);
}

/// Attempts of a delivery, each of which must have ended so.
fn attempts<'a>(language: &str, delivery: &'a Value, outcome: &str, cause: &str) -> &'a [Value] {
    let attempts = delivery["attempts"].as_array().unwrap();
    for attempt in attempts {
        assert_eq!(
            (&attempt["outcome"], &attempt["cause"]),
            (&outcome.into(), &cause.into()),
            "{language}: {attempt}"
        );
    }
    attempts
}

/// The reason and the log lines of an attempt.
fn told(attempt: &Value) -> String {
    format!("{}\n{}", attempt["reason"].as_str().unwrap(), logs(attempt).join("\n"))
}

#[tokio::test]
async fn a_retry_follows_the_operators_backoff_or_the_handlers_delay() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    for (id, after_ms) in [("evt_soon", None), ("evt_later", Some(400))] {
        let mut payload = json!({ "do": "retry", "reason": CHARACTERS });
        if let Some(after_ms) = after_ms {
            payload["afterMs"] = after_ms.into();
        }
        let (_, deliveries) = deliver(&host, &order(id, &payload)).await;
        for (language, delivery) in &deliveries {
            let [first, second] = attempts(language, delivery, "retry", "handler") else {
                panic!("{language}: {delivery}")
            };
            assert!(first["reason"].as_str().unwrap().ends_with(CHARACTERS), "{language}: {first}");
            let at = |attempt: &Value| attempt["started_at"].as_u64().unwrap();
            let waited = at(second) - at(first);
            assert!(waited >= after_ms.unwrap_or(0), "{language}: {waited} ms");
        }
        nothing_happened(&dir, &host, &deliveries).await;
    }
}

#[tokio::test]
async fn a_rejection_is_final() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let (_, deliveries) =
        deliver(&host, &order("evt_1", &json!({ "do": "reject", "reason": CHARACTERS }))).await;
    for (language, delivery) in &deliveries {
        let [only] = attempts(language, delivery, "rejected", "handler") else {
            panic!("{language}: {delivery}")
        };
        assert!(only["reason"].as_str().unwrap().ends_with(CHARACTERS), "{language}: {only}");
    }
    nothing_happened(&dir, &host, &deliveries).await;
}

/// `FILE` and `LINE` where a guest does this.
fn place(language: &str, at_fault: &str) -> (&'static str, usize) {
    let (file, source) = match language {
        "rust" => ("src/endings.rs", include_str!("../../guests/conformance-rust/src/endings.rs")),
        "typescript" => {
            ("src/actions.ts", include_str!("../../guests/conformance-typescript/src/actions.ts"))
        }
        "python" => ("actions.py", include_str!("../../guests/conformance-python/actions.py")),
        "c" => ("src/failures.c", include_str!("../../guests/conformance-c/src/failures.c")),
        "go" => ("failures.go", include_str!("../../guests/conformance-go/failures.go")),
        other => panic!("where is {other}?"),
    };
    let mut lines = source.lines().enumerate().filter(|(_, line)| line.contains(at_fault));
    let (line, _) = lines.next().unwrap_or_else(|| panic!("{file} has no `{at_fault}`"));
    assert!(lines.next().is_none(), "{file} has `{at_fault}` twice");
    (file, line + 1)
}

/// As each language writes it.
fn written(language: &str, (file, line): (&str, usize)) -> String {
    match language {
        "python" => format!("File \"{file}\", line {line}"),
        _ => format!("{file}:{line}"),
    }
}

#[tokio::test]
async fn a_bug_is_reported_with_its_message_and_source_line() {
    let dir = host_dir("", "");
    let host = start(&dir).await;
    let (_, deliveries) =
        deliver(&host, &order("evt_1", &json!({ "do": "trap", "reason": CHARACTERS }))).await;
    for (language, delivery) in &deliveries {
        let attempts = attempts(language, delivery, "retry", "trap");
        assert_eq!(attempts.len(), 2, "{language}: {delivery}");
        let at_fault = match *language {
            "rust" => "panic!(\"{reason}\")",
            "typescript" => "throw new Error(reason)",
            "python" => "raise RuntimeError(",
            "go" => "panic(order.Reason)",
            _ => "hy_panic(",
        };
        let (line, told) = (written(language, place(language, at_fault)), told(&attempts[0]));
        assert!(told.contains(CHARACTERS) && told.contains(&line), "{language}, {line}: {told}");
    }
    nothing_happened(&dir, &host, &deliveries).await;
}

#[tokio::test]
async fn a_loop_ends_at_the_deadline() {
    let dir = host_dir("call_timeout_ms = 500", "");
    let host = start(&dir).await;
    let (_, deliveries) = deliver(&host, &plain("loop")).await;
    for (language, delivery) in &deliveries {
        for attempt in attempts(language, delivery, "retry", "timeout") {
            assert!(told(attempt).contains("call_timeout_ms (500 ms)"), "{language}: {attempt}");
        }
    }
    nothing_happened(&dir, &host, &deliveries).await;
}

#[tokio::test]
async fn memory_growth_ends_at_its_limit() {
    let dir = host_dir("memory_max_bytes = 67108864\ncall_timeout_ms = 30000", "");
    let host = start(&dir).await;
    let (_, deliveries) = deliver(&host, &plain("memory")).await;
    for (language, delivery) in &deliveries {
        for attempt in attempts(language, delivery, "retry", "trap") {
            assert!(told(attempt).contains("memory_max_bytes"), "{language}: {attempt}");
        }
    }
    nothing_happened(&dir, &host, &deliveries).await;
}
