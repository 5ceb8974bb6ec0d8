//! Files that are no valid plugins. Each is refused with a reason, and the running revision stays.

use hookyard::event::Digest;
use serde_json::{Value, json};

use crate::support::{Event, Handwritten, HostDir, RunningHost, distinct_copy, example, guest, wat};

/// The actor, which runs, and a good plugin beside it.
fn host_dir(settings: &str) -> HostDir {
    let dir = HostDir::new(settings);
    dir.install("actor", &guest("actor"));
    dir.install("event-log", &example("event-log"));
    dir
}

/// Puts these bytes in the actor's place, and checks that they are refused for this reason and that
/// the actor stays.
async fn refused(dir: &HostDir, host: &RunningHost<'_>, bytes: &[u8], reason: &[&str]) {
    dir.install("actor", bytes);
    let revision = Digest::of(bytes).short();
    stays(host, &format!("plugin actor revision {revision} is refused: "), reason).await;
}

/// The same, with a host for this one file.
async fn is_refused(settings: &str, bytes: &[u8], reason: &[&str]) {
    let dir = host_dir(settings);
    let host = dir.start().await;
    refused(&dir, &host, bytes, reason).await;
}

/// A refusal that begins so has all of these, in the API and in the log; the actor and its neighbour
/// take the next event.
async fn stays(host: &RunningHost<'_>, begin: &str, reason: &[&str]) {
    let begins = |plugin: &Value| plugin["refusal"].as_str().is_some_and(|text| text.starts_with(begin));
    let plugin = host.wait_plugin("actor", &format!("it is refused with {begin}"), begins).await;
    let refusal = plugin["refusal"].as_str().unwrap();
    for part in reason {
        assert!(refusal.contains(part), "{refusal} lacks {part}");
    }
    let running = Digest::of(&guest("actor"));
    assert_eq!((&plugin["state"], &plugin["revision"]), (&"running".into(), &running.to_string().into()));
    let message = json!(format!("{refusal}; revision {} stays", running.short())).to_string();
    host.wait_log(&["\"ERROR\"", "\"plugin\":\"actor\"", &message]).await;
    let id = format!("evt_{}", Digest::of(refusal.as_bytes()).short());
    host.send(&Event::with_payload("any.type", &id, &json!({ "act": "well" }))).await;
    let event = host.wait_finished(&id).await;
    let deliveries = event["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 2, "{event}");
    for delivery in deliveries {
        assert_eq!(delivery["state"], "done", "{event}");
    }
    assert_eq!(deliveries[0]["attempts"][0]["revision"], running.to_string(), "{event}");
}

#[tokio::test]
async fn garbage_in_place_of_a_plugin_is_refused_until_the_next_valid_file() {
    let dir = host_dir("");
    let host = dir.start().await;
    refused(&dir, &host, b"#!/bin/sh\nrm -rf /\n", &["not a WebAssembly file"]).await;
    refused(&dir, &host, b"", &["the file is empty"]).await;
    refused(&dir, &host, b"\0as", &["not a WebAssembly file"]).await;
    refused(&dir, &host, b"\0asm\x07\0\x01\0", &["an unknown version of WebAssembly"]).await;
    let next = distinct_copy(&guest("actor"), 1);
    dir.install("actor", &next);
    let plugin = host.wait_revision("actor", &next).await;
    assert!(plugin["refusal"].is_null(), "{plugin}");
}

#[tokio::test]
async fn a_file_that_was_never_a_plugin_is_refused_and_gets_no_events() {
    let dir = HostDir::new("");
    dir.install("garbage", b"what is this?");
    dir.install("event-log", &example("event-log"));
    let host = dir.start().await;
    let plugin = host.wait_plugin("garbage", "it is refused", |plugin| !plugin["refusal"].is_null()).await;
    assert_eq!((&plugin["state"], &plugin["revision"]), (&"refused".into(), &Value::Null));
    let answer = host.send(&Event::created("evt_next")).await;
    assert_eq!(answer.json["deliveries"], 1, "{answer:?}");
    assert_eq!(host.wait_finished("evt_next").await["deliveries"][0]["state"], "done");
}

#[tokio::test]
async fn a_truncated_file_is_refused_wherever_it_was_cut() {
    let dir = host_dir("");
    let host = dir.start().await;
    let whole = example("event-log");
    for (length, reason) in [
        (8 + 1, "unexpected end-of-file (at offset 0x9)"),
        (1000, "out of bounds (bound = 1000)"),
        (whole.len() / 2, "out of bounds"),
        (whole.len() - 1, "unexpected end-of-file"),
    ] {
        refused(&dir, &host, &whole[..length], &["failed to parse WebAssembly module: ", reason]).await;
    }
}

#[tokio::test]
async fn a_file_beyond_file_max_bytes_is_refused_unread() {
    const SIZE: u64 = 200 * 1024 * 1024;
    let dir = host_dir("");
    let host = dir.start().await;
    let beside = dir.path("plugins/actor.wasm.part");
    std::fs::File::create(&beside).unwrap().set_len(SIZE).unwrap();
    std::fs::rename(beside, dir.plugin_file("actor")).unwrap();
    let reason = ["actor.wasm", &format!("{SIZE} bytes"), "plugins.file_max_bytes is 67108864"];
    stays(&host, "plugin actor is refused: ", &reason).await;
}

#[tokio::test]
async fn a_core_module_without_component_types_is_refused() {
    let module = wat(r#"(module (func (export "handle")))"#);
    is_refused("", &module, &["a core module without component types"]).await;
}

#[tokio::test]
async fn a_module_whose_component_types_are_garbage_is_refused() {
    let module = wat(r#"(module (@custom "component-type" "garbage") (func (export "handle")))"#);
    is_refused("", &module, &["no component can be made of it"]).await;
}

#[tokio::test]
async fn a_trap_at_instantiation_is_refused() {
    let traps = Handwritten { core: "(func $boom unreachable) (start $boom)", ..Handwritten::default() };
    is_refused("", &traps.component(), &["instantiating it: trap: ", "`unreachable`", " in boom"]).await;
}

#[tokio::test]
async fn a_loop_at_instantiation_is_refused_at_call_timeout_ms() {
    let loops = Handwritten { core: "(func $spin (loop (br 0))) (start $spin)", ..Handwritten::default() };
    let parts = ["instantiating it: ", "call_timeout_ms (2000 ms)", " in spin"];
    is_refused("[plugin.actor]\ncall_timeout_ms = 2000\n", &loops.component(), &parts).await;
}

#[tokio::test]
async fn initial_memory_beyond_memory_max_bytes_is_refused() {
    let large = Handwritten { pages: 100, ..Handwritten::default() }.component();
    is_refused(
        "[plugin.actor]\nmemory_max_bytes = 4194304\n",
        &large,
        &["instantiating it: ", "6553600 bytes asked, memory_max_bytes is 4194304"],
    )
    .await;
}

#[tokio::test]
async fn more_memory_than_the_engine_has_is_refused() {
    let huge = Handwritten { pages: 5000, ..Handwritten::default() };
    is_refused("", &huge.component(), &["minimum byte size of 327680000", "exceeds the limit"]).await;
}

#[tokio::test]
async fn a_trap_or_a_loop_in_subscriptions_is_refused() {
    let dir = host_dir("[plugin.actor]\ncall_timeout_ms = 2000\n");
    let host = dir.start().await;
    let asked = "its export hookyard:plugin/event-handler@0.1.0: subscriptions: ";
    let traps = Handwritten { subscriptions: "unreachable", ..Handwritten::default() };
    refused(&dir, &host, &traps.component(), &[asked, "trap: ", " in subscriptions"]).await;
    let loops = Handwritten { subscriptions: "(loop (br 0)) unreachable", ..Handwritten::default() };
    refused(&dir, &host, &loops.component(), &[asked, "call_timeout_ms (2000 ms)"]).await;
    let wild = Handwritten { subscriptions: "i32.const 65535", ..Handwritten::default() };
    refused(&dir, &host, &wild.component(), &[asked]).await;
}

#[tokio::test]
async fn an_unknown_import_is_refused_and_named() {
    let dir = host_dir("");
    let host = dir.start().await;
    for import in ["evil:thing/x@1.0.0", "wasi:http/incoming-handler@0.2.0", "plain"] {
        let asks = format!(r#"(import "{import}" (instance (export "do" (func))))"#);
        let asks = Handwritten { imports: &asks, ..Handwritten::default() };
        refused(
            &dir,
            &host,
            &asks.component(),
            &[&format!("asks for {import}, which this host does not offer")],
        )
        .await;
    }
}

#[tokio::test]
async fn an_import_of_a_wrong_type_is_refused_and_named() {
    let asks = Handwritten {
        imports: r#"(import "wasi:config/store@0.2.0-rc.1" (instance (export "get" (func (param "key" u32)))))"#,
        ..Handwritten::default()
    };
    is_refused("", &asks.component(), &["wasi:config/store@0.2.0-rc.1", "get"]).await;
}

#[tokio::test]
async fn an_export_of_a_wrong_type_is_refused_and_named() {
    let dir = host_dir("");
    let host = dir.start().await;
    let well = Handwritten::default;
    for (wrong, problem) in [
        (
            Handwritten { data: "u32", params: "i32 i32", ..well() },
            "handle: its second parameter is u32, expected string",
        ),
        (
            Handwritten { context: "(enum \"new\" \"old\")", ..well() },
            "handle: its first parameter is an enum, expected the record context",
        ),
        (
            Handwritten { context: r#"(record (field "attempt" s32))"#, ..well() },
            "handle: this host has no context.attempt of type s32",
        ),
        (
            Handwritten { context: r#"(record (field "moon-phase" u32))"#, ..well() },
            "handle: this host has no context.moon-phase of type u32",
        ),
        (Handwritten { returns: "u32", ..well() }, "handle: it returns u32, expected result<_, failure>"),
        (
            Handwritten { returns: "(result string (error string))", ..well() },
            "handle: its error is string, expected result<_, failure>",
        ),
        (
            Handwritten { failure: r#"(variant (case "reject" string) (case "explode"))"#, ..well() },
            "handle: its failure has the case `explode`; this host knows `retry` and `reject`",
        ),
        (Handwritten { subscribed: "string", ..well() }, "subscriptions: expected func() -> list<string>"),
        (
            Handwritten { functions: r#"(export "handle" (func $handle))"#, ..well() },
            "subscriptions: it is missing",
        ),
        (
            Handwritten { functions: r#"(export "subscriptions" (func $subscriptions))"#, ..well() },
            "handle: it is missing",
        ),
        (
            Handwritten {
                exports: &["moncreneau:events/appointment-created@1.0.0"],
                data: "(result)",
                params: "i32 i32",
                ..well()
            },
            "handle: payload: JSON cannot be read into a result",
        ),
    ] {
        let name = format!("its export {} does not fit: {problem}", wrong.exports[0]);
        refused(&dir, &host, &wrong.component(), &[&name]).await;
    }
}

#[tokio::test]
async fn a_plugin_without_a_handler_is_refused() {
    let other = Handwritten {
        exports: &["some:thing/else@1.0.0"],
        functions: r#"(export "subscriptions" (func $subscriptions))"#,
        ..Handwritten::default()
    };
    let dir = host_dir("");
    let host = dir.start().await;
    let expected = "exports no handler: expected hookyard:plugin/event-handler@0.1.0";
    refused(&dir, &host, &other.component(), &[expected]).await;
    refused(&dir, &host, &wat("(component)"), &[expected]).await;
}

#[tokio::test]
async fn two_handlers_for_the_same_events_are_refused_and_named() {
    let names =
        ["moncreneau:events/appointment-created@1.0.0", "moncreneau:events/appointment-created@1.1.0"];
    let both = Handwritten { exports: &names, ..Handwritten::default() };
    is_refused("", &both.component(), &["two handlers for the same events", names[0], names[1]]).await;
}

#[tokio::test]
async fn another_contract_version_is_refused_with_the_known_one() {
    let dir = host_dir("");
    let host = dir.start().await;
    let import = "hookyard:plugin/types@9.0.0";
    let asks = format!(r#"(import "{import}" (instance (export "x" (func))))"#);
    let asks = Handwritten { imports: &asks, ..Handwritten::default() };
    refused(&dir, &host, &asks.component(), &[&format!("asks for {import}"), "version 0.1"]).await;
    let export = "hookyard:plugin/event-handler@9.0.0";
    let offers = Handwritten { exports: &[export], ..Handwritten::default() };
    refused(&dir, &host, &offers.component(), &[&format!("exports {export}"), "version 0.1"]).await;
    let export = "hookyard:plugin/time-machine@0.1.0";
    let offers = Handwritten { exports: &[export], ..Handwritten::default() };
    refused(&dir, &host, &offers.component(), &[&format!("exports {export}"), "event-handler@0.1.0"]).await;
}

/// Records of two records each, fifteen deep: a type of 32,768 fields in a file of a few hundred bytes.
#[tokio::test]
async fn a_payload_type_of_more_fields_than_payload_types_max_bytes_is_refused() {
    let record = |depth: usize| {
        let fields = match depth.checked_sub(1) {
            Some(below) => format!("(field \"a\" $e{below}) (field \"b\" $e{below})"),
            None => "(field \"a\" u32)".into(),
        };
        format!("(type $t{depth} (record {fields})) (export $e{depth} \"t{depth}\" (type $t{depth}))\n")
    };
    let nested = Handwritten {
        imports: &(0..16).map(record).collect::<String>(),
        exports: &["moncreneau:events/appointment-created@1.0.0"],
        functions: r#"(export "handle" (func $handle))"#,
        data: "(list $e15)",
        params: "i32 i32 i32",
        ..Handwritten::default()
    };
    let parts =
        ["handle: its payload types take more than runtime.payload_types_max_bytes, which is 4194304"];
    is_refused("", &nested.component(), &parts).await;
}
