//! Components of shapes that no compiler produces.

use serde_json::json;

use super::{Guest, Outcome, check, done, refused, trapped};
use crate::support::{CoreGuest, Handwritten, wat};

/// A component in WebAssembly's text format.
fn text(name: &'static str, text: &str, outcome: Outcome) -> Guest {
    Guest::new(name, wat(text), outcome)
}

/// A handler whose core module has these fields.
fn fields(name: &'static str, fields: &str, outcome: Outcome) -> Guest {
    Guest::new(name, CoreGuest { fields, ..CoreGuest::default() }.module(), outcome)
}

/// A typed handler of this payload.
fn takes(name: &'static str, data: &str, outcome: Outcome) -> Guest {
    let exports = &["moncreneau:events/hostile@1.0.0"];
    let guest = Handwritten { exports, data, params: "i32 i32 i32", ..Handwritten::default() };
    Guest::new(name, guest.component(), outcome).event_type("hostile")
}

/// A handler that asks for this beside.
fn imports(name: &'static str, imports: &str, outcome: Outcome) -> Guest {
    Guest::new(name, Handwritten { imports, ..Handwritten::default() }.component(), outcome)
}

/// A handler with this body, whose core module has these fields.
fn does(name: &'static str, fields: &str, handle: &str, outcome: Outcome) -> Guest {
    Guest::new(name, CoreGuest { handle, fields, ..CoreGuest::default() }.module(), outcome)
}

/// Its event is rejected, because its payload does not fit.
fn misfits(reason: &'static [&'static str]) -> Outcome {
    Outcome::Failed { outcome: "rejected", cause: "payload", reason }
}

fn rows() -> Vec<Guest> {
    let instances = |count: usize| {
        format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(count))
    };
    // Each instantiates the one before twice.
    let doubling = |times: usize| {
        let mut text = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
        for n in 1..=times {
            let before = n - 1;
            text = format!(
                "(component $c{n} {text} (instance (instantiate $c{before})) (instance (instantiate $c{before})))"
            );
        }
        text
    };
    let nested = |depth: usize| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
    let lists = |depth: usize| format!("{}u8{}", "(list ".repeat(depth), ")".repeat(depth));
    vec![
        text("is-empty", "(component)", refused(&["no handler"])),
        text("is-nested-99-times", &nested(99), refused(&["no handler"])),
        text("has-65-core-instances", &instances(65), refused(&[])),
        text("has-900-core-instances", &instances(900), refused(&[])),
        text("has-1024-core-instances", &doubling(10), refused(&[])),
        imports(
            "imports-what-nobody-offers",
            r#"(import "evil:thing/x@1.0.0" (instance (export "f" (func))))"#,
            refused(&["evil:thing/x@1.0.0"]),
        ),
        imports(
            "imports-a-version-that-is-not-offered",
            r#"(import "wasi:keyvalue/store@0.3.0" (instance (export "f" (func))))"#,
            refused(&["wasi:keyvalue/store@0.3.0"]),
        ),
        imports(
            "imports-what-no-socket-can-do",
            r#"(import "wasi:sockets/tcp@0.2.0" (instance (export "steal" (func))))"#,
            refused(&["wasi:sockets/tcp@0.2.0"]),
        ),
        imports(
            "imports-a-clock-with-another-type",
            r#"(import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result string)))))"#,
            refused(&["wasi:clocks/monotonic-clock@0.2.0"]),
        ),
        imports("imports-a-module", r#"(import "code" (core module))"#, refused(&["code"])),
        imports("imports-a-function", r#"(import "escape" (func))"#, refused(&["escape"])),
        text(
            "imports-a-component",
            r#"(component (import "other" (component)))"#,
            refused(&["component imports"]),
        ),
        takes(
            "takes-lists-of-lists",
            &lists(20),
            misfits(&["payload: expected list<list<", "found an object"]),
        )
        .payload(json!({ "key": 1 })),
        takes(
            "takes-bytes-and-gets-words",
            "(list u8)",
            misfits(&["payload[1]: expected u8, found number 256"]),
        )
        .payload(json!([255, 256])),
        fields("has-a-shared-memory", "(memory 1 2 shared)", refused(&["thread"])),
        fields("has-a-memory-of-64-bits", "(memory i64 1)", done(&[])),
        does(
            "makes-structs-for-ever",
            "(type $node (struct (field i64) (field i64)))",
            "(loop $again (drop (struct.new_default $node)) (br $again)) unreachable",
            trapped(&[]),
        ),
        does("throws", "(tag $odd)", "(throw $odd)", trapped(&[])),
    ]
}

#[tokio::test]
async fn a_component_of_an_odd_shape_is_refused() {
    check(rows()).await;
}
