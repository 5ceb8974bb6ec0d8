//! What runs is what was tested: code finds the same environment in a plugin's own test and in its component.

use std::process::Command;

use crate::support::{CommandOutput, HostDir};

/// Describes what a handler finds, in one line of log.
const TYPESCRIPT: &str = r#"
import { log, on } from "@hookyard/plugin";

const NAMES = [
  "Atomics", "AbortController", "Buffer", "Intl", "TextDecoder", "TextEncoder", "URL", "URLSearchParams", "WebAssembly",
  "console", "crypto", "fetch", "performance", "process", "queueMicrotask", "require", "setTimeout", "structuredClone",
];

const USES: Record<string, () => unknown> = {
  date: () => new Date(0).toLocaleDateString("fr-FR", { dateStyle: "full" }),
  time: () => new Date(0).toLocaleTimeString(),
  number: () => (1234.5).toLocaleString("fr"),
  bigint: () => 12345678901234567890n.toLocaleString(),
  list: () => [1234.5].toLocaleString(),
  compare: () => ["b", "B", "a", "é", "e\u0301"].sort((a, b) => a.localeCompare(b)),
  compareIn: () => "a".localeCompare("b", "fr"),
  lower: () => "I".toLocaleLowerCase("tr"),
  zone: () => new Date(0).getTimezoneOffset(),
  latin: () => new TextDecoder("latin1"),
  methods: () => [Object.keys(console).sort(), typeof crypto.randomUUID(), typeof performance.now()],
};

export const appointmentCreated = on("appointment.created", () => {
  const types = NAMES.map((name) => `${name}: ${typeof (globalThis as any)[name]}`);
  const results = Object.entries(USES).map(([name, use]) => {
    try {
      return `${name}: ${JSON.stringify(use())}`;
    } catch (error) {
      return `${name}: ${(error as Error).name}: ${(error as Error).message}`;
    }
  });
  log.info([...types, ...results].join("; "));
});
"#;

const TYPESCRIPT_TEST: &str = r#"
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { FakeHost } from "@hookyard/plugin/test";

import { appointmentCreated } from "../src/plugin.ts";

test("finds what it finds", () => {
  const host = new FakeHost();
  host.deliver(appointmentCreated);
  writeFileSync("found", host.logs.join("\n"));
});

test("decodes an event as a host does", () => {
  const result = new FakeHost().deliverEvent(appointmentCreated, readFileSync("../event.json", "utf8"));
  writeFileSync("rejected", result.outcome === "rejected" ? result.reason : result.outcome);
});
"#;

/// An event whose payload does not fit.
const EVENT: &str = r#"{"id":"evt_1","type":"appointment.created","created":"2026-01-21T14:30:00Z","data":{"object":
    {"id":9007199254740993.5,"departmentId":5,"dateTime":"","status":"SCHEDULED","name":"Jean Dupont"}}}"#;

#[test]
fn typescript_finds_the_same_in_its_test_and_in_its_component() {
    let dir = HostDir::new("");
    let new = ["plugin", "new", "parity", "--lang", "typescript", "--on", "appointment.created"];
    assert_eq!(dir.run(&new).code, 0);
    dir.replace("parity/src/plugin.ts", TYPESCRIPT.as_bytes());
    dir.replace("parity/test/plugin.test.ts", TYPESCRIPT_TEST.as_bytes());
    let built = dir.run(&["plugin", "build", "parity"]);
    assert_eq!(built.code, 0, "{built:?}");
    dir.replace("event.json", EVENT.as_bytes());
    let mut test = Command::new("npm");
    test.arg("test").current_dir(dir.path("parity")).env("HOOKYARD", env!("CARGO_BIN_EXE_hookyard"));
    let tested = CommandOutput::run(&mut test);
    assert_eq!(tested.code, 0, "{tested:?}");
    let tested = std::fs::read_to_string(dir.path("parity/found")).unwrap();
    let run = dir.run(&["plugin", "run", "parity", "--event", "appointment.created", "--json"]).json();
    assert_eq!(run["logs"], serde_json::json!([tested]));
    for part in
        ["Intl: undefined", "URL: undefined", "date: TypeError: toLocaleDateString: plugins have no locales"]
    {
        assert!(tested.contains(part), "{part}: {tested}");
    }

    // The same test on the component, built by the command or before.
    std::fs::remove_file(dir.path("parity/found")).unwrap();
    let on_component = dir.run(&["plugin", "test", "parity", "--wasm"]);
    assert_eq!(on_component.code, 0, "{on_component:?}");
    assert_eq!(std::fs::read_to_string(dir.path("parity/found")).unwrap(), tested);
    let otherwise = TYPESCRIPT.replace("log.info(", "log.warn(");
    dir.replace("parity/src/plugin.ts", otherwise.as_bytes());
    let on_component = CommandOutput::run(test.args(["--", "--wasm"]));
    assert_eq!(on_component.code, 0, "{on_component:?}");
    assert_eq!(std::fs::read_to_string(dir.path("parity/found")).unwrap(), tested);

    let rejected = std::fs::read_to_string(dir.path("parity/rejected")).unwrap();
    assert_eq!(rejected, "payload.id: expected u64, found number 9007199254740993.5");
    let run = dir.run(&["plugin", "run", "parity", "--event", "event.json", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert!(report["reason"].as_str().unwrap().ends_with(&rejected), "{report}");

    // The build checks types, and those of the engine only.
    for (text, message) in [
        ("const id: string = 1;", "src/plugin.ts:1:7: error TS2322: Type 'number' is not assignable to"),
        ("new URL(\"https://example.gn\");", "src/plugin.ts:1:5: error TS2304: Cannot find name 'URL'"),
    ] {
        dir.replace("parity/src/plugin.ts", format!("{text}{TYPESCRIPT}").as_bytes());
        let built = dir.run(&["plugin", "build", "parity"]);
        assert_eq!(built.code, 1, "{built:?}");
        assert!(built.err.contains("parity: the types do not fit"), "{built:?}");
        assert!(built.err.contains(message), "{message}: {built:?}");
    }
}
