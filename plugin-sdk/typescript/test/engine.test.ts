import assert from "node:assert/strict";
import { test } from "node:test";

import { on, outbox } from "@hookyard/plugin";
import { FakeHost } from "@hookyard/plugin/test";

import { atImport } from "./engine-probe.ts";

/** Runs a function as a handler. */
function handle(run: () => void): FakeHost {
  const host = new FakeHost({
    answer: () => ({ body: new URL("https://example.gn/a").pathname }),
    refuse: (destination) => (URL.canParse(destination) ? undefined : "no address"),
  });
  host.deliver(on("appointment.created", run));
  return host;
}

test("a handler has no globals that the engine lacks, also those of Node", () => {
  for (const use of [
    () => new Intl.NumberFormat("fr"),
    () => new URL("https://example.gn"),
    () => structuredClone({}),
    () => setTimeout(() => {}, 0),
    () => Buffer.from("a"),
    () => process.exit(),
    () => fetch("https://example.gn"),
  ]) {
    assert.throws(() => handle(use), { name: "ReferenceError" }, String(use));
  }
  assert.equal(typeof URL, "function", "the test itself has them");
  assert.equal(typeof process, "object");
});

test("the modules that a test imports begin with the engine's globals", () => {
  assert.deepEqual(atImport, { URL: "undefined", Intl: "undefined", Map: "function", crypto: "object" });
});

test("a function that formats for a locale fails, and the others ignore the locale, as in the engine", () => {
  for (const use of [
    () => new Date().toLocaleDateString("fr-FR"),
    () => new Date().toLocaleString(),
    () => (1234.5).toLocaleString("fr"),
    () => 1n.toLocaleString(),
    () => "a".localeCompare("b", "fr"),
  ]) {
    assert.throws(() => handle(use), /TypeError: .*plugins have no locales/, String(use));
  }
  handle(() => {
    assert.deepEqual(["b", "B", "a"].sort((a, b) => a.localeCompare(b)), ["B", "a", "b"]);
    assert.equal("I".toLocaleLowerCase("tr"), "i");
    assert.equal(new Date(0).getHours(), 0, "local time is UTC");
  });
  assert.equal("a".localeCompare("B"), -1, "the test itself has Node's");
});

test("console writes to the log, and the host's part of a test has Node's globals", () => {
  const host = handle(() => {
    console.warn("a", 1n);
    assert.throws(() => new TextDecoder("latin1"), RangeError);
    assert.match(crypto.randomUUID(), /^[0-9a-f-]{36}$/);
    outbox.sendHttp({ url: "https://example.gn" });
  });
  assert.deepEqual(host.logs, ["WARN a 1"]);
});
