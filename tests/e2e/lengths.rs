//! Length limits on texts of plugin files and guests. Longer texts are refused, or truncated with a note.

use hookyard::event::Digest;
use serde_json::json;

use crate::support::{Event, Handwritten, HostDir, wat};

/// Most bytes of one line of the log, or of a command's answer: a reason, of which each byte may be escaped.
const LINE_MAX_BYTES: usize = 30_000;

/// A name as long as WebAssembly allows.
fn long() -> String {
    "a".repeat(90_000)
}

/// `subscriptions` that return so many patterns of so many bytes, all at the same place.
fn subscriptions(count: u32, bytes: u32) -> Vec<u8> {
    let body = format!(
        "(local $i i32)
        (loop $next
          (i32.store (i32.add (i32.const 65536) (i32.shl (local.get $i) (i32.const 3))) (i32.const 1048576))
          (i32.store (i32.add (i32.const 65540) (i32.shl (local.get $i) (i32.const 3))) (i32.const {bytes}))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const {count}))))
        (i32.store (i32.const 16) (i32.const 65536))
        (i32.store (i32.const 20) (i32.const {count}))
        i32.const 16"
    );
    Handwritten { subscriptions: &body, pages: 64, ..Handwritten::default() }.component()
}

/// So many imports of an interface with this in it.
fn imports(count: usize, functions: &str) -> String {
    let import = |n| format!(r#"(import "a:b/i{n}" (instance {functions}))"#);
    (0..count).map(import).collect::<Vec<_>>().join(" ")
}

fn exporting(name: &str) -> Vec<u8> {
    let functions = r#"(export "handle" (func $handle))"#;
    Handwritten { exports: &[name], functions, ..Handwritten::default() }.component()
}

#[test]
fn a_file_with_overlong_texts_is_refused_with_a_short_reason() {
    let dir = HostDir::new("");
    let long = long();
    let typed = |data: &str| {
        let exports = &["a:b/c@1.0.0"][..];
        let functions = r#"(export "handle" (func $handle))"#;
        Handwritten { exports, data, functions, ..Handwritten::default() }.component()
    };
    let handwritten = Handwritten::default;
    for (what, file, expected) in [
        (
            "many long patterns",
            subscriptions(120, 1 << 20),
            "what it handed to the host in one call, or returned",
        ),
        ("a long pattern", subscriptions(1, 1 << 20), "pattern 1 has 1048576 bytes, at most 128"),
        ("many patterns", subscriptions(100_000, 1), "subscriptions: 100000, at most 1000"),
        ("a long export", exporting(&format!("a:b/{long}")), "has 90004 bytes, at most 256"),
        (
            "a long import",
            Handwritten {
                imports: &format!(r#"(import "a:b/{long}" (instance (export "f" (func))))"#),
                ..handwritten()
            }
            .component(),
            "… (cut at 256 of 90004 bytes), which this host does not offer",
        ),
        (
            "many imports",
            Handwritten { imports: &imports(600, ""), ..handwritten() }.component(),
            "it has 600 imports, at most 500",
        ),
        (
            "many unknown imports",
            Handwritten { imports: &imports(400, r#"(export "f" (func))"#), ..handwritten() }.component(),
            "and for and 384 more",
        ),
        (
            "a long case of a failure",
            Handwritten { failure: &format!(r#"(variant (case "{long}" string))"#), ..handwritten() }
                .component(),
            "its failure has the case `aaa",
        ),
        (
            "a long field of the context",
            Handwritten { context: &format!(r#"(record (field "{long}" u32))"#), ..handwritten() }
                .component(),
            "(cut at 256 of 90000 bytes)",
        ),
        (
            "a result with a list in it",
            Handwritten { returns: "(result (list string) (error $failure))", ..handwritten() }.component(),
            "its result has a list in it",
        ),
        (
            "a long case",
            Handwritten {
                imports: &format!(r#"(type $enum (enum "{long}")) (export $long "long" (type $enum))"#),
                exports: &["a:b/c@1.0.0"],
                data: "(list $long)",
                functions: r#"(export "long" (type $long)) (export "handle" (func $handle))"#,
                ..handwritten()
            }
            .component(),
            "has 90000 bytes, at most 256",
        ),
        (
            "a type of very many parts",
            typed(&format!("(list (tuple {}))", vec!["(tuple u8 u8 u8 u8 u8 u8)"; 8000].join(" "))),
            "a:b/c@1.0.0 does not fit: handle: ",
        ),
    ] {
        dir.replace("long.wasm", &file);
        let output = dir.run(&["plugin", "check", "long.wasm"]);
        let told = format!("{}{}", output.out, output.err);
        assert_ne!(output.code, 0, "{what}: {told}");
        assert!(told.contains(expected), "{what}: {told} lacks {expected}");
        assert!(told.len() < LINE_MAX_BYTES, "{what}: {} bytes", told.len());
    }
}

#[tokio::test]
async fn overlong_texts_of_a_guest_are_truncated_in_log_and_record() {
    let dir = HostDir::new("[plugin.long]\nattempts_max = 1\n");
    let long = long();
    // A function with a long name that traps; the file beside it returns a long reason.
    let trapping = Handwritten {
        core: &format!("(func ${long} unreachable)"),
        handle: &format!("call ${long} i32.const 0"),
        ..Handwritten::default()
    };
    let rejecting = Handwritten {
        handle: "(i32.store8 (i32.const 64) (i32.const 1)) (i32.store (i32.const 72) (i32.const 65536)) \
                 (i32.store (i32.const 76) (i32.const 4194304)) i32.const 64",
        pages: 80,
        ..Handwritten::default()
    };
    dir.install("long", &trapping.component());
    let host = dir.start().await;
    for (id, file, expected) in [
        ("evt_trap", trapping.component(), " in aaaaaaaa"),
        ("evt_reject", rejecting.component(), "… (cut at 4096 of 4194304 bytes)"),
    ] {
        dir.install("long", &file);
        host.wait_revision("long", &file).await;
        host.send(&Event::with_payload("any.type", id, &json!({}))).await;
        let event = host.wait_finished(id).await;
        let reason = event["deliveries"][0]["attempts"][0]["reason"].as_str().unwrap();
        assert!(
            reason.contains(expected) && reason.len() < LINE_MAX_BYTES,
            "{} bytes: {reason}",
            reason.len()
        );
        host.wait_log(&["now a dead letter", id]).await;
    }
    dir.install("long", &subscriptions(120, 1 << 20));
    let revision = Digest::of(&subscriptions(120, 1 << 20)).short();
    host.wait_log(&["plugin long revision", &revision, "is refused: its export"]).await;
    // A custom section of 1 MiB in a core module that is nothing else.
    dir.install("longer", &wat(&format!("(module (import \"{long}\" \"{long}\" (func)))")));
    host.wait_log(&["plugin longer revision", "is refused: "]).await;
    let longest = host.flushed_log().await;
    let longest = longest.lines().map(str::len).max().unwrap();
    assert!(longest < LINE_MAX_BYTES, "a line of {longest} bytes");
}
