//! How handlers fail in each language: what operators are told, and that nothing else comes of it.

use serde_json::{Value, json};

use super::{CHARACTERS, LANGUAGES, bed, deliver, logs, order, plain, plugin, start};
use crate::support::{Bed, Host};

/// No guest has written anything, and no effect was asked for, though all began to.
async fn nothing_happened(bed: &Bed, host: &Host<'_>, deliveries: &[(&'static str, Value)]) {
    for (language, delivery) in deliveries {
        assert_eq!(delivery["state"], "dead", "{language}: {delivery}");
        assert_eq!(delivery["effects"], json!([]), "{language}");
    }
    for language in LANGUAGES {
        assert_eq!(bed.bucket(&plugin(language), "conformance").await.len(), 0, "{language}");
    }
    assert_eq!(bed.open_effects().await, 0);
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

/// Everything that operators are told of an attempt.
fn told(attempt: &Value) -> String {
    format!("{}\n{}", attempt["reason"].as_str().unwrap(), logs(attempt).join("\n"))
}

#[tokio::test]
async fn another_attempt_is_made_by_the_operators_backoff_or_when_the_handler_says() {
    let bed = bed("", "");
    let host = start(&bed).await;
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
        nothing_happened(&bed, &host, &deliveries).await;
    }
}

#[tokio::test]
async fn a_rejection_is_final() {
    let bed = bed("", "");
    let host = start(&bed).await;
    let (_, deliveries) =
        deliver(&host, &order("evt_1", &json!({ "do": "reject", "reason": CHARACTERS }))).await;
    for (language, delivery) in &deliveries {
        let [only] = attempts(language, delivery, "rejected", "handler") else {
            panic!("{language}: {delivery}")
        };
        assert!(only["reason"].as_str().unwrap().ends_with(CHARACTERS), "{language}: {only}");
    }
    nothing_happened(&bed, &host, &deliveries).await;
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
async fn a_bug_is_told_with_its_message_and_the_authors_line() {
    let bed = bed("", "");
    let host = start(&bed).await;
    let (_, deliveries) =
        deliver(&host, &order("evt_1", &json!({ "do": "trap", "reason": CHARACTERS }))).await;
    for (language, delivery) in &deliveries {
        let attempts = attempts(language, delivery, "retry", "trap");
        assert_eq!(attempts.len(), 2, "{language}: {delivery}");
        let at_fault = match *language {
            "rust" => "panic!(\"{reason}\")",
            "typescript" => "throw new Error(reason)",
            "python" => "raise RuntimeError(",
            _ => "hy_panic(",
        };
        let (line, told) = (written(language, place(language, at_fault)), told(&attempts[0]));
        assert!(told.contains(CHARACTERS) && told.contains(&line), "{language}, {line}: {told}");
    }
    nothing_happened(&bed, &host, &deliveries).await;
}

#[tokio::test]
async fn a_loop_ends_at_the_deadline() {
    let bed = bed("call_timeout_ms = 500", "");
    let host = start(&bed).await;
    let (_, deliveries) = deliver(&host, &plain("loop")).await;
    for (language, delivery) in &deliveries {
        for attempt in attempts(language, delivery, "retry", "timeout") {
            assert!(told(attempt).contains("call_timeout_ms (500 ms)"), "{language}: {attempt}");
        }
    }
    nothing_happened(&bed, &host, &deliveries).await;
}

#[tokio::test]
async fn memory_ends_at_its_limit() {
    let bed = bed("memory_max_bytes = 67108864", "");
    let host = start(&bed).await;
    let (_, deliveries) = deliver(&host, &plain("memory")).await;
    for (language, delivery) in &deliveries {
        for attempt in attempts(language, delivery, "retry", "trap") {
            assert!(told(attempt).contains("memory_max_bytes"), "{language}: {attempt}");
        }
    }
    nothing_happened(&bed, &host, &deliveries).await;
}
