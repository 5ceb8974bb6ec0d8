//! Files that are no plugins, or plugins that must not run: each is refused by name with the reason, and
//! what ran before goes on.

use hookyard::event::Digest;
use serde_json::{Value, json};

use crate::support::{Bed, Event, Handwritten, Host, distinct, example, guest, wat};

/// The actor, which runs, and a good plugin beside it.
fn bed(settings: &str) -> Bed {
    let bed = Bed::new(settings);
    bed.install("actor", &guest("actor"));
    bed.install("event-log", &example("event-log"));
    bed
}

/// Puts these bytes in the actor's place, and checks that they are refused for this reason and that
/// the actor stays.
async fn refused(bed: &Bed, host: &Host<'_>, bytes: &[u8], reason: &[&str]) {
    bed.install("actor", bytes);
    let revision = Digest::of(bytes).short();
    stays(host, &format!("plugin actor revision {revision} is refused: "), reason).await;
}

/// The same, with a host for this one file.
async fn is_refused(settings: &str, bytes: &[u8], reason: &[&str]) {
    let bed = bed(settings);
    let host = bed.start().await;
    refused(&bed, &host, bytes, reason).await;
}

/// A refusal that begins so has all of these, in the API and in the log; the actor and its neighbour
/// take the next event.
async fn stays(host: &Host<'_>, begin: &str, reason: &[&str]) {
    let begins = |plugin: &Value| plugin["refusal"].as_str().is_some_and(|text| text.starts_with(begin));
    let plugin = host.plugin_when("actor", &format!("it is refused with {begin}"), begins).await;
    let refusal = plugin["refusal"].as_str().unwrap();
    for part in reason {
        assert!(refusal.contains(part), "{refusal} lacks {part}");
    }
    let running = Digest::of(&guest("actor"));
    assert_eq!((&plugin["state"], &plugin["revision"]), (&"running".into(), &running.to_string().into()));
    let message = json!(format!("{refusal}; revision {} stays", running.short())).to_string();
    host.logged(&["\"ERROR\"", "\"plugin\":\"actor\"", &message]).await;
    let id = format!("evt_{}", Digest::of(refusal.as_bytes()).short());
    host.send(&Event::of("any.type", &id, &json!({ "act": "well" }))).await;
    let event = host.settled(&id).await;
    let deliveries = event["deliveries"].as_array().unwrap();
    assert_eq!(deliveries.len(), 2, "{event}");
    for delivery in deliveries {
        assert_eq!(delivery["state"], "done", "{event}");
    }
    assert_eq!(deliveries[0]["attempts"][0]["revision"], running.to_string(), "{event}");
}

#[tokio::test]
async fn garbage_in_place_of_a_plugin_is_refused_until_a_plugin_comes_again() {
    let bed = bed("");
    let host = bed.start().await;
    refused(&bed, &host, b"#!/bin/sh\nrm -rf /\n", &["not a WebAssembly file"]).await;
    refused(&bed, &host, b"", &["the file is empty"]).await;
    refused(&bed, &host, b"\0as", &["not a WebAssembly file"]).await;
    refused(&bed, &host, b"\0asm\x07\0\x01\0", &["an unknown version of WebAssembly"]).await;
    let next = distinct(&guest("actor"), 1);
    bed.install("actor", &next);
    let plugin = host.runs("actor", &next).await;
    assert!(plugin["refusal"].is_null(), "{plugin}");
}

#[tokio::test]
async fn a_file_that_was_never_a_plugin_is_refused_and_gets_no_events() {
    let bed = Bed::new("");
    bed.install("garbage", b"what is this?");
    bed.install("event-log", &example("event-log"));
    let host = bed.start().await;
    let plugin = host.plugin_when("garbage", "it is refused", |plugin| !plugin["refusal"].is_null()).await;
    assert_eq!((&plugin["state"], &plugin["revision"]), (&"refused".into(), &Value::Null));
    let answer = host.send(&Event::created("evt_next")).await;
    assert_eq!(answer.json["deliveries"], 1, "{answer:?}");
    assert_eq!(host.settled("evt_next").await["deliveries"][0]["state"], "done");
}

#[tokio::test]
async fn a_truncated_file_is_refused_wherever_it_was_cut() {
    let bed = bed("");
    let host = bed.start().await;
    let whole = example("event-log");
    for (length, reason) in [
        (8 + 1, "unexpected end-of-file (at offset 0x9)"),
        (1000, "out of bounds (bound = 1000)"),
        (whole.len() / 2, "out of bounds"),
        (whole.len() - 1, "unexpected end-of-file"),
    ] {
        refused(&bed, &host, &whole[..length], &["failed to parse WebAssembly module: ", reason]).await;
    }
}

#[tokio::test]
async fn a_file_beyond_file_max_bytes_is_refused_unread() {
    const SIZE: u64 = 200 * 1024 * 1024;
    let bed = bed("");
    let host = bed.start().await;
    let beside = bed.path("plugins/actor.wasm.part");
    std::fs::File::create(&beside).unwrap().set_len(SIZE).unwrap();
    std::fs::rename(beside, bed.plugin_file("actor")).unwrap();
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
    let parts = ["instantiating it: ", "call_timeout_ms (100 ms)", " in spin"];
    is_refused("[plugin.actor]\ncall_timeout_ms = 100\n", &loops.component(), &parts).await;
}

#[tokio::test]
async fn more_memory_at_the_start_than_memory_max_bytes_is_refused() {
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
async fn a_trap_or_a_loop_when_asked_for_subscriptions_is_refused() {
    let bed = bed("[plugin.actor]\ncall_timeout_ms = 100\n");
    let host = bed.start().await;
    let asked = "its export hookyard:plugin/event-handler@0.1.0: subscriptions: ";
    let traps = Handwritten { subscriptions: "unreachable", ..Handwritten::default() };
    refused(&bed, &host, &traps.component(), &[asked, "trap: ", " in subscriptions"]).await;
    let loops = Handwritten { subscriptions: "(loop (br 0)) unreachable", ..Handwritten::default() };
    refused(&bed, &host, &loops.component(), &[asked, "call_timeout_ms (100 ms)"]).await;
    let wild = Handwritten { subscriptions: "i32.const 65535", ..Handwritten::default() };
    refused(&bed, &host, &wild.component(), &[asked]).await;
}

#[tokio::test]
async fn an_import_that_the_host_does_not_know_is_refused_by_name() {
    let bed = bed("");
    let host = bed.start().await;
    for import in ["evil:thing/x@1.0.0", "wasi:http/incoming-handler@0.2.0", "plain"] {
        let asks = format!(r#"(import "{import}" (instance (export "do" (func))))"#);
        let asks = Handwritten { imports: &asks, ..Handwritten::default() };
        refused(
            &bed,
            &host,
            &asks.component(),
            &[&format!("asks for {import}, which this host does not offer")],
        )
        .await;
    }
}

#[tokio::test]
async fn an_import_of_another_type_than_the_hosts_is_refused_by_name() {
    let asks = Handwritten {
        imports: r#"(import "wasi:config/store@0.2.0-rc.1" (instance (export "get" (func (param "key" u32)))))"#,
        ..Handwritten::default()
    };
    is_refused("", &asks.component(), &["wasi:config/store@0.2.0-rc.1", "get"]).await;
}

#[tokio::test]
async fn an_export_of_a_wrong_type_is_refused_by_name() {
    let bed = bed("");
    let host = bed.start().await;
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
        refused(&bed, &host, &wrong.component(), &[&name]).await;
    }
}

#[tokio::test]
async fn a_plugin_without_a_handler_is_refused() {
    let other = Handwritten {
        exports: &["some:thing/else@1.0.0"],
        functions: r#"(export "subscriptions" (func $subscriptions))"#,
        ..Handwritten::default()
    };
    let bed = bed("");
    let host = bed.start().await;
    let expected = "exports no handler: expected hookyard:plugin/event-handler@0.1.0";
    refused(&bed, &host, &other.component(), &[expected]).await;
    refused(&bed, &host, &wat("(component)"), &[expected]).await;
}

#[tokio::test]
async fn two_handlers_for_the_same_events_are_refused_by_both_names() {
    let names =
        ["moncreneau:events/appointment-created@1.0.0", "moncreneau:events/appointment-created@1.1.0"];
    let both = Handwritten { exports: &names, ..Handwritten::default() };
    is_refused("", &both.component(), &["two handlers for the same events", names[0], names[1]]).await;
}

#[tokio::test]
async fn another_version_of_the_contract_is_refused_with_the_one_that_is_known() {
    let bed = bed("");
    let host = bed.start().await;
    let import = "hookyard:plugin/types@9.0.0";
    let asks = format!(r#"(import "{import}" (instance (export "x" (func))))"#);
    let asks = Handwritten { imports: &asks, ..Handwritten::default() };
    refused(&bed, &host, &asks.component(), &[&format!("asks for {import}"), "version 0.1"]).await;
    let export = "hookyard:plugin/event-handler@9.0.0";
    let offers = Handwritten { exports: &[export], ..Handwritten::default() };
    refused(&bed, &host, &offers.component(), &[&format!("exports {export}"), "version 0.1"]).await;
    let export = "hookyard:plugin/time-machine@0.1.0";
    let offers = Handwritten { exports: &[export], ..Handwritten::default() };
    refused(&bed, &host, &offers.component(), &[&format!("exports {export}"), "event-handler@0.1.0"]).await;
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
