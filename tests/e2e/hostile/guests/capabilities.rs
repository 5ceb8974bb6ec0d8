//! Guests that call the host's functions with unexpected arguments.

use super::{Guest, Outcome, check, done, rejected, timed_out, trapped};
use crate::support::CoreGuest;

/// Answers `reject` with the text whose address and length stand here.
fn reject(address: u32, length: u32) -> String {
    format!(
        "(i32.store8 (i32.const 256) (i32.const 1)) (i32.store8 (i32.const 264) (i32.const 1))
         (i32.store (i32.const 272) (i32.load (i32.const {address})))
         (i32.store (i32.const 276) (i32.load (i32.const {length})))
         (return (i32.const 256))"
    )
}

/// A handler that calls a function of the outbox, whose answer is at 512, and rejects with its error.
fn asks(name: &'static str, code: &str, fields: &str, outcome: Outcome) -> Guest {
    let handle =
        format!("{code} (if (i32.load8_u (i32.const 512)) (then {})) (i32.const 0)", reject(516, 520));
    Guest::new(name, CoreGuest { handle: &handle, fields, ..CoreGuest::default() }.module(), outcome)
}

/// A handler that uses `$bucket`, an open bucket, and rejects with the error of the answer at 512.
fn stores(name: &'static str, code: &str, outcome: Outcome) -> Guest {
    let handle = format!(
        "(local $bucket i32) (local $count i32)
         (call $store.open (i32.const 64) (i32.const 1) (i32.const 300))
         (local.set $bucket (i32.load (i32.const 304)))
         {code}
         (if (i32.load8_u (i32.const 512)) (then {})) (i32.const 0)",
        reject(520, 524)
    );
    Guest::new(name, CoreGuest { handle: &handle, memory: "100", ..CoreGuest::default() }.module(), outcome)
}

/// The same with `$count` from 0 for as long as the answer is no error.
fn stores_again_and_again(name: &'static str, code: &str, outcome: Outcome) -> Guest {
    let code = format!(
        "(loop $again {code} (local.set $count (i32.add (local.get $count) (i32.const 1)))
           (br_if $again (i32.eqz (i32.load8_u (i32.const 512)))))"
    );
    stores(name, &code, outcome)
}

/// Text at 1024, and its length as an instruction.
fn text(text: &str) -> (String, String) {
    (format!("(data (i32.const 1024) \"{text}\")"), format!("(i32.const 1024) (i32.const {})", text.len()))
}

fn emits(name: &'static str, event_type: &str, data: &str, outcome: Outcome) -> Guest {
    let length = event_type.len();
    let (field, _) = text(&format!("{event_type}{data}"));
    let call = format!(
        "(call $outbox.emit-event (i32.const 1024) (i32.const {length}) (i32.const {}) (i32.const {})
           (i32.const 512))",
        1024 + length,
        data.len()
    );
    asks(name, &call, &field, outcome)
}

fn requests(name: &'static str, url: &str, outcome: Outcome) -> Guest {
    let (field, arguments) = text(url);
    let call = format!(
        "(call $outbox.send-http (i32.const 1000) (i32.const 4) {arguments} (i32.const 64) (i32.const 0)
           (i32.const 64) (i32.const 0) (i32.const 512))"
    );
    asks(name, &call, &format!("(data (i32.const 1000) \"POST\") {field}"), outcome)
}

fn store_rows() -> Vec<Guest> {
    vec![
        stores(
            "keeps-a-value-that-is-too-large",
            "(call $store.bucket.set (local.get $bucket) (i32.const 64) (i32.const 1)
               (i32.const 65536) (i32.const 1048577) (i32.const 512))",
            rejected(&["store.value_max_bytes is 1048576"]),
        ),
        stores(
            "keeps-a-value-under-a-key-that-is-too-long",
            "(call $store.bucket.set (local.get $bucket) (i32.const 64) (i32.const 1025)
               (i32.const 64) (i32.const 1) (i32.const 512))",
            rejected(&["store.key_max_bytes is 1024"]),
        ),
        stores_again_and_again(
            "keeps-values-until-it-may-not",
            "(i32.store (i32.const 64) (local.get $count))
             (call $store.bucket.set (local.get $bucket) (i32.const 64) (i32.const 4)
               (i32.const 65536) (i32.const 1048576) (i32.const 512))",
            rejected(&["store.call_max_bytes, which is 8388608"]),
        )
        .settings("call_timeout_ms = 5000\n"),
        stores_again_and_again(
            "reads-entries-until-it-may-not",
            "(i32.store (i32.const 64) (i32.and (local.get $count) (i32.const 0x7f7f7f7f)))
             (i32.store8 (i32.const 68) (i32.and (i32.shr_u (local.get $count) (i32.const 7)) (i32.const 0x7f)))
             (call $store.bucket.exists (local.get $bucket) (i32.const 64) (i32.const 5) (i32.const 512))
             (if (i32.eqz (i32.load8_u (i32.const 512))) (then (i32.store (i32.const 516) (i32.const 0))))",
            rejected(&["10000 entries"]),
        )
        .settings("call_timeout_ms = 20000\n"),
        stores(
            "counts-on-from-what-is-no-number",
            "(call $store.bucket.set (local.get $bucket) (i32.const 64) (i32.const 1)
               (i32.const 64) (i32.const 1) (i32.const 512))
             (call $atomics.increment (local.get $bucket) (i32.const 64) (i32.const 1) (i64.const 1)
               (i32.const 600))
             (if (i32.eqz (i32.load8_u (i32.const 600))) (then unreachable))",
            done(&[]),
        ),
        stores(
            "counts-beyond-64-bits",
            "(call $atomics.increment (local.get $bucket) (i32.const 64) (i32.const 1)
               (i64.const 0x7fffffffffffffff) (i32.const 600))
             (call $atomics.increment (local.get $bucket) (i32.const 64) (i32.const 1) (i64.const 1)
               (i32.const 600))
             (if (i32.eqz (i32.load8_u (i32.const 600))) (then unreachable))",
            done(&[]),
        ),
        stores(
            "lists-from-a-cursor-that-is-none",
            "(call $store.bucket.list-keys (local.get $bucket) (i32.const 1) (i32.const 65536)
               (i32.const 1000000) (i32.const 600))",
            done(&[]),
        ),
    ]
}

fn outbox_rows() -> Vec<Guest> {
    let one_too_many = "(local $count i32)
        (loop $again
          (call $outbox.emit-event (i32.const 1024) (i32.const 1) (i32.const 1025) (i32.const 4) (i32.const 512))
          (br_if $again (i32.eqz (i32.load8_u (i32.const 512)))))";
    vec![
        emits("emits-what-is-no-json", "some.type", "{", rejected(&["not JSON"])),
        emits("emits-nothing", "some.type", "", rejected(&["not JSON"])),
        emits("emits-an-event-without-a-type", "", "null", rejected(&["no event type"])),
        emits("emits-an-event-of-all-types", "*", "null", rejected(&["no event type"])),
        emits("emits-a-type-with-a-space", "some type", "null", rejected(&["no event type"])),
        asks(
            "emits-until-it-may-not",
            one_too_many,
            "(data (i32.const 1024) \"tnull\")",
            rejected(&["effects.per_call_max"]),
        )
        .settings("emit = [\"t\"]\n"),
        emits(
            "emits-an-event-without-a-grant",
            "some.type",
            "null",
            rejected(&["`some.type` is not granted"]),
        ),
        requests(
            "asks-for-a-request-without-a-grant",
            "http://example.gn/",
            rejected(&["http://example.gn"]),
        ),
        requests("asks-for-a-file", "file:///etc/passwd", rejected(&["http"])),
        requests(
            "asks-for-the-metadata-of-a-cloud",
            "http://169.254.169.254/latest/",
            rejected(&["169.254.169.254"]),
        ),
        requests("asks-for-what-is-no-url", "http://[::1", rejected(&["the URL"])),
        asks(
            "asks-for-an-email-without-a-grant",
            "(i32.store (i32.const 2048) (i32.const 2000)) (i32.store (i32.const 2052) (i32.const 1))
             (i32.store (i32.const 2000) (i32.const 1024)) (i32.store (i32.const 2004) (i32.const 8))
             (call $outbox.send-email (i32.const 2048) (i32.const 512))",
            r#"(data (i32.const 1024) "a@b.test")"#,
            rejected(&["email"]),
        ),
        Guest::new(
            "asks-for-an-effect-when-it-is-loaded",
            CoreGuest {
                subscriptions: "
                    (call $outbox.emit-event (i32.const 48) (i32.const 1) (i32.const 1024) (i32.const 4)
                      (i32.const 512))
                    (if (i32.eqz (i32.load8_u (i32.const 512))) (then unreachable))
                    (i32.const 16)",
                fields: r#"(data (i32.const 1024) "null")"#,
                ..CoreGuest::default()
            }
            .module(),
            done(&[]),
        ),
    ]
}

fn wasi_rows() -> Vec<Guest> {
    vec![
        Guest::core(
            "sleeps-for-centuries",
            "(call $poll.pollable.block (call $monotonic-clock.subscribe-duration (i64.const -1))) (i32.const 0)",
            timed_out(),
        ),
        Guest::core(
            "sleeps-until-the-end-of-time",
            "(call $poll.pollable.block (call $monotonic-clock.subscribe-instant (i64.const -1))) (i32.const 0)",
            timed_out(),
        ),
        Guest::core(
            "waits-for-nothing",
            "(call $poll.poll (i32.const 64) (i32.const 0) (i32.const 256)) (i32.const 0)",
            trapped(&["empty poll list"]),
        ),
        Guest::core(
            "waits-for-input",
            "(call $poll.pollable.block (call $streams.input-stream.subscribe (call $stdin.get-stdin)))
             (i32.const 0)",
            done(&[]),
        ),
        Guest::core(
            "wants-all-randomness-there-is",
            "(call $random.get-random-bytes (i64.const -1) (i32.const 256)) (i32.const 0)",
            trapped(&[]),
        ),
        Guest::core(
            "wants-all-insecure-randomness-there-is",
            "(call $insecure.get-insecure-random-bytes (i64.const 0x7fffffffffffffff) (i32.const 256)) (i32.const 0)",
            trapped(&[]),
        ),
        Guest::core(
            "prints-for-ever",
            "(local $out i32) (local.set $out (call $stdout.get-stdout))
             (loop $again
               (call $streams.output-stream.blocking-write-and-flush (local.get $out)
                 (i32.const 1024) (i32.const 4096) (i32.const 512))
               (br_if $again (i32.eqz (i32.load8_u (i32.const 512)))))
             unreachable",
            timed_out(),
        ),
        Guest::core(
            "prints-more-at-once-than-a-stream-takes",
            "(call $streams.output-stream.write (call $stdout.get-stdout) (i32.const 1024) (i32.const 100000)
               (i32.const 512))
             (i32.const 0)",
            trapped(&["write"]),
        ),
        Guest::core(
            "prints-all-zeros-there-are",
            "(call $streams.output-stream.write-zeroes (call $stdout.get-stdout) (i64.const -1) (i32.const 512))
             (i32.const 0)",
            trapped(&["write"]),
        ),
        Guest::core(
            "reads-all-input-there-is",
            "(call $streams.input-stream.blocking-read (call $stdin.get-stdin) (i64.const -1) (i32.const 512))
             (i32.const 0)",
            done(&[]),
        ),
        Guest::core(
            "logs-for-ever",
            "(loop $again
               (call $logging.log (i32.const 4) (i32.const 64) (i32.const 0) (i32.const 64) (i32.const 1000))
               (br $again)) unreachable",
            timed_out(),
        ),
        Guest::core(
            "hands-out-a-request-without-a-body",
            "(call $outgoing-handler.handle
               (call $types.outgoing-request (call $types.fields)) (i32.const 0) (i32.const 0) (i32.const 512))
             (i32.const 0)",
            done(&[]),
        ),
        Guest::core(
            "takes-two-bodies-of-one-request",
            "(local $request i32)
             (local.set $request (call $types.outgoing-request (call $types.fields)))
             (call $types.outgoing-request.body (local.get $request) (i32.const 512))
             (call $types.outgoing-request.body (local.get $request) (i32.const 520))
             (if (i32.eqz (i32.load8_u (i32.const 520))) (then unreachable))
             (i32.const 0)",
            done(&[]),
        ),
    ]
}

#[tokio::test]
async fn a_misused_store_returns_errors() {
    check(store_rows()).await;
}

#[tokio::test]
async fn a_misused_outbox_returns_errors() {
    check(outbox_rows()).await;
}

#[tokio::test]
async fn misused_wasi_ends_the_call() {
    check(wasi_rows()).await;
}
