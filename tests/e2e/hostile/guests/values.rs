//! Guests that pass invalid values: addresses, lengths, cases, texts and handles.

use super::{Guest, check, done, refused, rejected, trapped};
use crate::support::CoreGuest;

/// A handler that answers with the bytes at 256, after this code.
fn answers(name: &'static str, code: &str, outcome: super::Outcome) -> Guest {
    Guest::core(name, &format!("{code} (i32.const 256)"), outcome)
}

/// A handler that answers `reject` with the text at this address and of this length.
fn rejects(name: &'static str, address: i32, length: i32, outcome: super::Outcome) -> Guest {
    let code = format!(
        "(i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 264) (i32.const 1))
         (i32.store (i32.const 272) (i32.const {address})) (i32.store (i32.const 276) (i32.const {length}))"
    );
    answers(name, &code, outcome)
}

/// A guest that subscribes to a list of this length at this address.
fn subscribes(name: &'static str, address: i32, length: i32, fields: &str, outcome: super::Outcome) -> Guest {
    let subscriptions = format!(
        "(i32.store (i32.const 256) (i32.const {address})) (i32.store (i32.const 260) (i32.const {length}))
         (i32.const 256)"
    );
    let guest = CoreGuest { subscriptions: &subscriptions, fields, ..CoreGuest::default() };
    Guest::new(name, guest.module(), outcome)
}

/// A handler that logs what this code leaves: level, context, its length, message, its length.
fn logs(name: &'static str, arguments: &str, fields: &str, outcome: super::Outcome) -> Guest {
    let handle = format!("(call $logging.log {arguments}) (i32.const 0)");
    Guest::new(name, CoreGuest { handle: &handle, fields, ..CoreGuest::default() }.module(), outcome)
}

const OPEN: &str = "
    (local $bucket i32)
    (call $store.open (i32.const 64) (i32.const 1) (i32.const 256))
    (local.set $bucket (i32.load (i32.const 260)))";

/// A handler that does this with `$bucket`, an open bucket.
fn with_bucket(name: &'static str, code: &str, outcome: super::Outcome) -> Guest {
    Guest::core(name, &format!("{OPEN} {code} (i32.const 0)"), outcome)
}

fn answer_rows() -> Vec<Guest> {
    vec![
        Guest::core("answers-beyond-its-memory", "i32.const -8", trapped(&["out of bounds"])),
        Guest::core("answers-at-the-end-of-its-memory", "i32.const 131064", trapped(&["out of bounds"])),
        Guest::core("answers-where-nothing-is-aligned", "i32.const 1", trapped(&["align"])),
        answers(
            "answers-neither-ok-nor-an-error",
            "(i32.store8 (i32.const 256) (i32.const 7))",
            trapped(&["discriminant"]),
        ),
        answers(
            "answers-with-a-failure-that-does-not-exist",
            "(i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 264) (i32.const 9))",
            trapped(&["discriminant"]),
        ),
        answers(
            "answers-with-an-option-that-does-not-exist",
            "(i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 280) (i32.const 2))",
            trapped(&["discriminant"]),
        ),
        rejects("rejects-with-a-text-beyond-its-memory", -16, 100, trapped(&["out of bounds"])),
        rejects("rejects-with-a-text-of-4-gib", 64, -1, trapped(&["out of bounds"])),
        rejects("rejects-with-no-text", 0, 0, rejected(&["event-handler"])),
        Guest::core(
            "rejects-with-what-is-no-text",
            "(i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 264) (i32.const 1))
             (i32.store (i32.const 64) (i32.const -1))
             (i32.store (i32.const 272) (i32.const 64)) (i32.store (i32.const 276) (i32.const 4))
             (i32.const 256)",
            trapped(&["utf-8"]),
        ),
        Guest::core(
            "rejects-with-10-mb",
            "(drop (memory.grow (i32.const 160)))
             (memory.fill (i32.const 65536) (i32.const 120) (i32.const 10000000))
             (i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 264) (i32.const 1))
             (i32.store (i32.const 272) (i32.const 65536)) (i32.store (i32.const 276) (i32.const 10000000))
             (i32.const 256)",
            rejected(&["xxxx"]),
        ),
        Guest::core(
            "asks-for-a-retry-at-the-end-of-time",
            "(i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 280) (i32.const 1))
             (i64.store (i32.const 288) (i64.const -1)) (i32.const 256)",
            super::Outcome::Failed { outcome: "retry", cause: "handler", reason: &[] },
        ),
    ]
}

fn subscription_rows() -> Vec<Guest> {
    vec![
        subscribes("subscribes-beyond-its-memory", -16, 4, "", refused(&["subscriptions", "out of bounds"])),
        subscribes(
            "subscribes-to-2-billion-types",
            64,
            0x7fff_ffff,
            "",
            refused(&["subscriptions", "out of bounds"]),
        ),
        subscribes("subscribes-where-nothing-is-aligned", 65, 1, "", refused(&["subscriptions", "align"])),
        subscribes(
            "subscribes-to-a-text-beyond-its-memory",
            64,
            1,
            r#"(data (i32.const 64) "\f0\ff\ff\ff\40\00\00\00")"#,
            refused(&["subscriptions", "out of bounds"]),
        ),
        subscribes(
            "subscribes-to-what-is-no-text",
            64,
            1,
            r#"(data (i32.const 64) "\48\00\00\00\02\00\00\00\ff\fe")"#,
            refused(&["subscriptions", "utf-8"]),
        ),
        subscribes("subscribes-to-1001-types", 512, 1001, "", refused(&["1001", "at most 1000"])),
    ]
}

fn argument_rows() -> Vec<Guest> {
    let (context, message) = ("(i32.const 64) (i32.const 0)", "(i32.const 64) (i32.const 4)");
    vec![
        logs(
            "logs-at-a-level-that-does-not-exist",
            &format!("(i32.const 6) {context} {message}"),
            "",
            trapped(&["discriminant"]),
        ),
        logs(
            "logs-a-text-beyond-its-memory",
            &format!("(i32.const 2) {context} (i32.const -4) (i32.const 8)"),
            "",
            trapped(&["out of bounds"]),
        ),
        logs(
            "logs-a-text-of-4-gib",
            &format!("(i32.const 2) {context} (i32.const 64) (i32.const -1)"),
            "",
            trapped(&["out of bounds"]),
        ),
        logs(
            "logs-what-is-no-text",
            &format!("(i32.const 2) {context} {message}"),
            r#"(data (i32.const 64) "\c0\80\c0\80")"#,
            trapped(&["utf-8"]),
        ),
        with_bucket(
            "asks-for-2-billion-keys",
            "(call $batch.get-many (local.get $bucket) (i32.const 512) (i32.const 0x7fffffff) (i32.const 1024))",
            trapped(&["out of bounds"]),
        ),
        with_bucket(
            "asks-for-keys-where-nothing-is-aligned",
            "(call $batch.get-many (local.get $bucket) (i32.const 513) (i32.const 1) (i32.const 1024))",
            trapped(&["align"]),
        ),
        with_bucket(
            "has-its-answer-written-beyond-its-memory",
            "(call $store.bucket.get (local.get $bucket) (i32.const 64) (i32.const 1) (i32.const -4))",
            trapped(&["out of bounds"]),
        ),
        with_bucket(
            "has-its-answer-written-over-its-code-s-data",
            "(call $store.bucket.get (local.get $bucket) (i32.const 64) (i32.const 1) (i32.const 16))",
            done(&[]),
        ),
    ]
}

fn handle_rows() -> Vec<Guest> {
    vec![
        Guest::core(
            "uses-a-handle-that-it-never-got",
            "(call $store.bucket.delete (i32.const 12345) (i32.const 64) (i32.const 1) (i32.const 256)) (i32.const 0)",
            trapped(&["unknown handle index 12345"]),
        ),
        Guest::core(
            "uses-the-largest-handle",
            "(call $store.bucket.delete (i32.const -1) (i32.const 64) (i32.const 1) (i32.const 256)) (i32.const 0)",
            trapped(&["unknown handle index"]),
        ),
        Guest::core(
            "drops-a-handle-that-it-never-got",
            "(call $store.drop-bucket (i32.const 1)) (i32.const 0)",
            trapped(&["unknown handle index 1"]),
        ),
        with_bucket(
            "drops-a-handle-twice",
            "(call $store.drop-bucket (local.get $bucket)) (call $store.drop-bucket (local.get $bucket))",
            trapped(&["unknown handle index"]),
        ),
        with_bucket(
            "uses-a-handle-after-it-was-dropped",
            "(call $store.drop-bucket (local.get $bucket))
             (call $store.bucket.delete (local.get $bucket) (i32.const 64) (i32.const 1) (i32.const 256))",
            trapped(&["unknown handle index"]),
        ),
        with_bucket(
            "uses-a-bucket-as-a-timer",
            "(call $poll.pollable.block (local.get $bucket))",
            trapped(&["handle index"]),
        ),
        with_bucket(
            "drops-a-bucket-as-a-timer",
            "(call $poll.drop-pollable (local.get $bucket))",
            trapped(&["handle index"]),
        ),
        with_bucket(
            "swaps-twice-with-one-handle",
            "(call $atomics.cas.new (local.get $bucket) (i32.const 64) (i32.const 1) (i32.const 512))
             (call $atomics.swap (i32.load (i32.const 516)) (i32.const 64) (i32.const 1) (i32.const 600))
             (call $atomics.swap (i32.load (i32.const 516)) (i32.const 64) (i32.const 1) (i32.const 600))",
            trapped(&["unknown handle index"]),
        ),
        with_bucket(
            "drops-a-stream-before-its-timer",
            "(local.set $bucket (call $stdout.get-stdout))
             (drop (call $streams.output-stream.subscribe (local.get $bucket)))
             (call $streams.drop-output-stream (local.get $bucket))",
            trapped(&["child"]),
        ),
    ]
}

#[tokio::test]
async fn an_invalid_result_is_a_trap() {
    check(answer_rows()).await;
}

#[tokio::test]
async fn an_invalid_subscription_is_refused() {
    check(subscription_rows()).await;
}

#[tokio::test]
async fn an_invalid_argument_is_a_trap() {
    check(argument_rows()).await;
}

#[tokio::test]
async fn a_foreign_handle_is_a_trap() {
    check(handle_rows()).await;
}
