//! Guests that exceed their limits of memory, tables and handles.

use super::{Guest, check, done, refused, trapped};
use crate::support::CoreGuest;

/// A handler with this body, in a module with this memory and these fields.
fn with(name: &'static str, memory: &str, fields: &str, handle: &str, outcome: super::Outcome) -> Guest {
    Guest::new(name, CoreGuest { handle, memory, fields, ..CoreGuest::default() }.module(), outcome)
}

const NOTHING: &str = "i32.const 0";

fn rows() -> Vec<Guest> {
    vec![
        Guest::core(
            "grows-its-memory-until-it-may-not",
            "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
            trapped(&["memory_max_bytes is 16777216"]),
        ),
        Guest::core(
            "asks-for-all-memory-there-is",
            "(if (i32.ne (memory.grow (i32.const 65534)) (i32.const -1)) (then unreachable)) (i32.const 0)",
            done(&[]),
        ),
        Guest::core(
            "writes-all-its-memory",
            "(drop (memory.grow (i32.const 200)))
             (memory.fill (i32.const 64) (i32.const 90) (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 64)))
             (i32.const 0)",
            done(&[]),
        ),
        with(
            "begins-with-more-memory-than-it-may-have",
            "1000",
            "",
            NOTHING,
            refused(&["65536000 bytes asked", "memory_max_bytes is 16777216"]),
        ),
        with("begins-with-more-memory-than-the-engine-has", "60000", "", NOTHING, refused(&["memory_max_bytes"])),
        with("begins-without-memory", "0", "", NOTHING, refused(&["out of bounds"])),
        with(
            "has-nine-memories",
            "2",
            "(memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1)",
            NOTHING,
            refused(&["memories"]),
        ),
        with(
            "grows-its-second-memory",
            "2",
            "(memory $second 1)",
            "(loop $again (br_if $again (i32.ne (memory.grow $second (i32.const 1)) (i32.const -1)))) unreachable",
            trapped(&["memory_max_bytes is 16777216"]),
        ),
        with(
            "grows-its-table-until-it-may-not",
            "2",
            "(table $all 0 funcref)",
            "(loop $again (br_if $again
               (i32.ne (table.grow $all (ref.null func) (i32.const 100)) (i32.const -1)))) unreachable",
            trapped(&["table_elements_max is 20000"]),
        ),
        with(
            "asks-for-the-largest-table-there-is",
            "2",
            "(table $all 0 externref)",
            "(if (i32.ne (table.grow $all (ref.null extern) (i32.const -1)) (i32.const -1)) (then unreachable))
             (i32.const 0)",
            done(&[]),
        ),
        with("begins-with-too-large-a-table", "2", "(table 4000000 funcref)", NOTHING, refused(&["table"])),
        with(
            "has-tables-that-are-too-large-together",
            "2",
            "(table 9000 funcref) (table 9000 funcref) (table 9000 funcref)",
            NOTHING,
            refused(&["table_elements_max is 20000"]),
        ),
        with("has-a-hundred-tables", "2", &"(table 1 funcref)".repeat(100), NOTHING, refused(&["table"])),
        with(
            "begins-with-data-beyond-its-memory",
            "2",
            r#"(data (i32.const 131071) "beyond")"#,
            NOTHING,
            refused(&["out of bounds memory access"]),
        ),
        with(
            "begins-with-elements-beyond-its-table",
            "2",
            "(table 1 funcref) (elem (i32.const 1) func $handle)",
            NOTHING,
            refused(&["out of bounds table access"]),
        ),
        Guest::new(
            "allocates-beyond-its-memory",
            CoreGuest { realloc: "i32.const -16", ..CoreGuest::default() }.module(),
            trapped(&["beyond end of memory"]),
        ),
        Guest::new(
            "allocates-where-nothing-is-aligned",
            CoreGuest {
                realloc: "i32.const 65537",
                handle: "(call $store.get-all (i32.const 256)) i32.const 0",
                ..CoreGuest::default()
            }
            .module(),
            trapped(&["aligned"]),
        )
        .settings("config = { a = \"b\" }\n"),
        Guest::new(
            "grows-its-memory-while-it-allocates",
            CoreGuest {
                realloc: "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable",
                ..CoreGuest::default()
            }
            .module(),
            trapped(&["memory_max_bytes is 16777216"]),
        ),
        with(
            "makes-an-array-of-4-gib",
            "2",
            "(type $bytes (array (mut i8)))",
            "(drop (array.new_default $bytes (i32.const -1))) (i32.const 0)",
            trapped(&["allocation size too large"]),
        ),
        Guest::core(
            "opens-buckets-for-ever",
            "(loop $again
               (call $store.open (i32.const 64) (i32.const 1) (i32.const 256))
               (br_if $again (i32.eqz (i32.load8_u (i32.const 256))))) unreachable",
            trapped(&["handles: more than"]),
        ),
        Guest::core(
            "keeps-timers-for-ever",
            "(loop $again (drop (call $monotonic-clock.subscribe-duration (i64.const -1))) (br $again)) unreachable",
            trapped(&["handles: more than"]),
        ),
        Guest::core(
            "keeps-headers-for-ever",
            "(loop $again (drop (call $types.fields)) (br $again)) unreachable",
            trapped(&["handles: more than"]),
        ),
    ]
}

#[tokio::test]
async fn a_guest_gets_at_most_its_memory_limit() {
    check(rows()).await;
}
