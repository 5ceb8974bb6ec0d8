import assert from "node:assert/strict";
import { test } from "node:test";

import { on, Reject, Retry, store } from "@hookyard/plugin";
import { FakeHost } from "@hookyard/plugin/test";

const visits = store.bucket("visits");

test("keeps bytes, text and JSON, and says what is not there", () => {
  const host = new FakeHost();
  host.call(() => {
    visits.set("bytes", new Uint8Array([0, 255]));
    visits.set("text", "é😀");
    visits.setJson("json", { a: [1, null] });
  });
  host.call(() => {
    assert.deepEqual(visits.get("bytes"), new Uint8Array([0, 255]));
    assert.equal(visits.getText("text"), "é😀");
    assert.deepEqual(visits.getJson("json"), { a: [1, null] });
    assert.deepEqual([visits.get("no"), visits.getText("no"), visits.getJson("no")], [undefined, undefined, undefined]);
    assert.deepEqual(visits.keys(), ["bytes", "json", "text"]);
    visits.delete("bytes");
    visits.delete("bytes");
    assert.deepEqual([visits.exists("bytes"), visits.exists("text")], [false, true]);
    assert.deepEqual(store.bucket("others").keys(), []);
  });
});

test("counts from nothing, and not what is no number", () => {
  new FakeHost().call(() => {
    assert.deepEqual([visits.increment("n"), visits.increment("n", -3)], [1, -2]);
    assert.equal(visits.getText("n"), "-2");
    visits.set("n", "many");
    assert.throws(() => visits.increment("n"), { name: "StoreError", message: 'bucket visits: n is "many", which is no number' });
    assert.throws(() => visits.increment("n", 0.5), RangeError);
  });
});

test("swaps only what is as expected", () => {
  new FakeHost().call(() => {
    assert.equal(visits.compareAndSwap("k", "old", "new"), false);
    assert.equal(visits.compareAndSwap("k", undefined, "first"), true);
    assert.equal(visits.compareAndSwap("k", undefined, "again"), false);
    assert.equal(visits.compareAndSwap("k", "first", "second"), true);
    assert.equal(visits.getText("k"), "second");
  });
});

test("reads and writes many at once", () => {
  new FakeHost().call(() => {
    visits.setMany({ x: "1", y: "2" });
    visits.setMany([["z", new Uint8Array([51])]]);
    visits.deleteMany(["y", "none"]);
    const found = visits.getMany(["z", "y", "x"]);
    assert.deepEqual([...found].map(([key, value]) => `${key}=${String.fromCharCode(...value)}`), ["z=3", "x=1"]);
  });
});

test("refuses what the host could not take, with a stack that names the place", () => {
  new FakeHost().call(() => {
    assert.throws(() => visits.set("k", 7 as never), { name: "TypeError", message: /a value has to be a string or a Uint8Array, not number/ });
    assert.throws(() => visits.get(null as never), { message: "a key has to be a string, not null" });
    assert.throws(() => visits.setJson("k", undefined), { message: "a value has no JSON: it is undefined" });
    visits.set("half", "a😀".slice(0, 2));
    assert.equal(visits.getText("half"), "a\ufffd");
  });
});

test("a handler that fails has written nothing and asked for nothing", () => {
  for (const failure of [new Retry("later"), new Reject("never"), new Error("a mistake")]) {
    const handler = on("appointment.created", () => {
      visits.increment("n");
      throw failure;
    });
    const host = new FakeHost();
    if (failure.name === "Error") assert.throws(() => host.deliver(handler), /a mistake/);
    else assert.notEqual(host.deliver(handler).outcome, "done");
    assert.equal(host.call(() => visits.exists("n")), false);
  }
});

test("a handler sees what earlier ones have left, and what it wrote itself", () => {
  const seen: unknown[] = [];
  const handler = on("appointment.created", () => void seen.push(visits.increment("n"), visits.increment("n")));
  const host = new FakeHost();
  host.deliver(handler);
  host.deliver(handler);
  assert.deepEqual(seen, [1, 2, 3, 4]);
});
