//! Guests that trap, loop or recurse too deeply, at each point where the host enters them.

use super::{Guest, check, done, refused, timed_out, trapped};
use crate::support::CoreGuest;

/// A handler with this body, beside more fields of the module.
fn with(name: &'static str, fields: &str, handle: &str, outcome: super::Outcome) -> Guest {
    Guest::new(name, CoreGuest { handle, fields, ..CoreGuest::default() }.module(), outcome)
}

/// A module with these fields, whose handler does nothing.
fn module(name: &'static str, fields: &str, outcome: super::Outcome) -> Guest {
    with(name, fields, "i32.const 0", outcome)
}

const POST_RETURN: &str = "cabi_post_hookyard:plugin/event-handler@0.1.0#handle";

fn rows() -> Vec<Guest> {
    let post_return = |body: &str| format!("(func (export \"{POST_RETURN}\") (param i32) {body})");
    vec![
        Guest::core("does-nothing", "i32.const 0", done(&[])),
        Guest::core("unreachable", "unreachable", trapped(&["`unreachable`", " in handle"])),
        Guest::core(
            "divides-by-zero",
            "(i32.div_s (i32.const 1) (i32.const 0))",
            trapped(&["integer divide by zero"]),
        ),
        Guest::core(
            "divides-the-smallest-number-by-minus-one",
            "(i32.div_s (i32.const 0x80000000) (i32.const -1))",
            trapped(&["integer overflow"]),
        ),
        Guest::core(
            "makes-an-integer-of-no-number",
            "(i32.trunc_f64_s (f64.const nan))",
            trapped(&["invalid conversion to integer"]),
        ),
        Guest::core(
            "reads-beyond-memory",
            "(i32.load (i32.const -4))",
            trapped(&["out of bounds memory access"]),
        ),
        Guest::core(
            "reads-at-the-largest-offset",
            "(i32.load offset=4294967295 (i32.const -1))",
            trapped(&["out of bounds memory access"]),
        ),
        Guest::core(
            "writes-beyond-memory",
            "(i64.store (i32.const 131065) (i64.const -1)) (i32.const 0)",
            trapped(&["out of bounds memory access"]),
        ),
        Guest::core(
            "copies-beyond-memory",
            "(memory.copy (i32.const 8) (i32.const 0) (i32.const -1)) (i32.const 0)",
            trapped(&["out of bounds memory access"]),
        ),
        Guest::core(
            "fills-beyond-memory",
            "(memory.fill (i32.const 8) (i32.const 255) (i32.const -1)) (i32.const 0)",
            trapped(&["out of bounds memory access"]),
        ),
        with(
            "copies-a-dropped-segment",
            r#"(data $text "text")"#,
            "(data.drop $text) (memory.init $text (i32.const 64) (i32.const 0) (i32.const 4)) (i32.const 0)",
            trapped(&["out of bounds memory access"]),
        ),
        with(
            "calls-beyond-its-table",
            "(table 4 funcref) (type $f (func (result i32)))",
            "(call_indirect (type $f) (i32.const 2147483647))",
            trapped(&["out of bounds table access"]),
        ),
        with(
            "calls-an-empty-element",
            "(table 4 funcref) (type $f (func (result i32)))",
            "(call_indirect (type $f) (i32.const 3))",
            trapped(&["uninitialized element"]),
        ),
        with(
            "calls-a-function-of-another-type",
            "(table 4 funcref) (elem (i32.const 0) func $other) (type $f (func (result i32)))
             (func $other (param f64))",
            "(call_indirect (type $f) (i32.const 0))",
            trapped(&["indirect call type mismatch"]),
        ),
        with(
            "copies-beyond-its-table",
            "(table 4 funcref)",
            "(table.copy (i32.const 0) (i32.const 0) (i32.const -1)) (i32.const 0)",
            trapped(&["out of bounds table access"]),
        ),
        with(
            "uses-a-reference-to-nothing",
            "(type $node (struct (field i64)))",
            "(drop (struct.get $node 0 (ref.null $node))) (i32.const 0)",
            trapped(&["null reference"]),
        ),
        with(
            "reads-beyond-an-array",
            "(type $bytes (array (mut i8)))",
            "(array.get_u $bytes (array.new_default $bytes (i32.const 4)) (i32.const -1))",
            trapped(&["out of bounds array access"]),
        ),
        Guest::core("loops", "(loop $again (br $again)) unreachable", timed_out()),
        with(
            "calls-itself-at-its-end-for-ever",
            "(func $again (result i32) (return_call $again))",
            "(call $again)",
            timed_out(),
        ),
        Guest::core(
            "asks-for-the-time-for-ever",
            "(loop $again (drop (call $monotonic-clock.now)) (br $again)) unreachable",
            timed_out(),
        ),
        with(
            "calls-itself-for-ever",
            "(func $deeper (param i64) (result i64)
               (i64.add (call $deeper (i64.add (local.get 0) (i64.const 1))) (local.get 0)))",
            "(drop (call $deeper (i64.const 0))) (i32.const 0)",
            trapped(&["stack_max_bytes is 524288", " in deeper"]),
        ),
        with(
            "calls-itself-through-a-table-for-ever",
            "(table funcref (elem $deeper)) (type $f (func (param i64) (result i64)))
             (func $deeper (type $f)
               (i64.add (call_indirect (type $f) (local.get 0) (i32.const 0)) (local.get 0)))",
            "(drop (call $deeper (i64.const 0))) (i32.const 0)",
            trapped(&["stack_max_bytes is 524288"]),
        ),
        Guest::new(
            "loops-while-it-allocates",
            CoreGuest { realloc: "(loop $again (br $again)) unreachable", ..CoreGuest::default() }.module(),
            timed_out(),
        ),
        Guest::new(
            "traps-while-it-allocates",
            CoreGuest { realloc: "unreachable", ..CoreGuest::default() }.module(),
            trapped(&["`unreachable`", " in realloc"]),
        ),
        module("loops-after-its-return", &post_return("(loop $again (br $again))"), timed_out()),
        module("traps-after-its-return", &post_return("unreachable"), trapped(&["`unreachable`"])),
        module(
            "loops-at-its-start",
            "(func $spin (loop $again (br $again))) (start $spin)",
            refused(&["call_timeout_ms (200 ms)", " in spin"]),
        ),
        module(
            "traps-at-its-start",
            "(func $boom unreachable) (start $boom)",
            refused(&["instantiating it", "`unreachable`", " in boom"]),
        ),
        module(
            "goes-too-deep-at-its-start",
            "(func $deeper (call $deeper) (call $deeper)) (start $deeper)",
            refused(&["stack_max_bytes is 524288"]),
        ),
        Guest::new(
            "loops-when-asked-for-subscriptions",
            CoreGuest { subscriptions: "(loop $again (br $again)) unreachable", ..CoreGuest::default() }
                .module(),
            refused(&["subscriptions", "call_timeout_ms (200 ms)"]),
        ),
        Guest::new(
            "ends-its-process-when-asked-for-subscriptions",
            CoreGuest {
                subscriptions: "(call $exit.exit (i32.const 1)) unreachable",
                ..CoreGuest::default()
            }
            .module(),
            refused(&["subscriptions", "exit code 1"]),
        ),
        Guest::core(
            "ends-its-process-well",
            "(call $exit.exit (i32.const 0)) unreachable",
            trapped(&["exit code 0"]),
        ),
    ]
}

#[tokio::test]
async fn a_guest_that_traps_or_loops_affects_only_itself() {
    check(rows()).await;
}
