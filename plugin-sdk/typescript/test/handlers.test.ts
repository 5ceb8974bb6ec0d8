import assert from "node:assert/strict";
import { test } from "node:test";

import { config, http, log, on, type Events } from "@hookyard/plugin";
import { FakeHost, sample } from "@hookyard/plugin/test";

test("a typed handler gets its event's sample, with what a test changes", () => {
  const seen: Events["appointment.created"][] = [];
  const handler = on("appointment.created", (ctx, appointment) => {
    assert.deepEqual([ctx.eventType, ctx.attempt, ctx.idempotencyKey.length], ["appointment.created", 2, 32]);
    seen.push(appointment);
  });
  new FakeHost().deliver(handler, { phone: null, status: { tag: "other", val: "MOVED" } }, { attempt: 2 });
  assert.deepEqual(seen, [{ ...sample("appointment.created"), phone: null, status: { tag: "other", val: "MOVED" } }]);
  assert.deepEqual(sample("appointment.created").department?.organization?.name, "Ministry of Interior");
});

test("the generic handler gets the payload and its text", () => {
  const seen: unknown[] = [];
  const handler = on<{ n: number }>(["visit.*"], (ctx, data, text) => void seen.push(ctx.eventType, data.n, text));
  assert.deepEqual(handler.subscriptions, ["visit.*"]);
  new FakeHost().deliver(handler, { n: 1 }, { eventType: "visit.counted" });
  assert.deepEqual(seen, ["visit.counted", 1, '{"n":1}']);
});

test("handlers are synchronous", () => {
  // @ts-expect-error: a handler returns no promise
  const handler = on("appointment.created", async () => {});
  assert.throws(() => new FakeHost().deliver(handler), /promise: handlers are synchronous/);
});

test("config says what the operator has set", () => {
  const host = new FakeHost({ config: { url: "https://a.example", empty: "" } });
  host.call(() => {
    assert.deepEqual([config.get("url"), config.get("empty"), config.get("none")], ["https://a.example", "", undefined]);
    assert.deepEqual(config.all(), { url: "https://a.example", empty: "" });
    assert.throws(() => config.require("none"), { name: "Reject", message: "the plugin's config has no none" });
  });
});

test("lines are kept, though the handler fails", () => {
  const host = new FakeHost();
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  assert.throws(() =>
    host.call(() => {
      log.info("a", { b: [1] }, 2n, undefined, cyclic);
      log.warn(new Error("outer", { cause: new RangeError("inner") }));
      throw new Error("end");
    }),
  );
  assert.equal(host.logs[0], 'INFO a {"b":[1]} 2 undefined [object Object]');
  assert.match(host.logs[1]!, /^WARN Error: outer\n +at .*\n[^]*caused by RangeError: inner\n +at /);
});

test("fetches an answer, and asks for another try where there is none", () => {
  const host = new FakeHost({
    answer: ({ method, url, headers, body }) => {
      if (url.includes("down")) throw new http.FetchError(`${url}: connection refused`);
      return { status: 201, headers: { "X-Method": method }, body: JSON.stringify([url, headers, body.length]) };
    },
  });
  host.call(() => {
    const answer = http.fetch("https://a.example/x?y#z", { method: "post", headers: { "X-A": "1" }, body: "12" });
    assert.deepEqual([answer.ok, answer.status, answer.headers], [true, 201, { "x-method": "POST" }]);
    assert.deepEqual(answer.json(), ["https://a.example/x?y#z", { "x-a": "1" }, 2]);
    assert.throws(() => http.fetch("file:///etc/passwd"), /file:\/\/\/etc\/passwd is no http or https address/);
    assert.throws(() => http.fetch("https://user:secret@a.example/"), TypeError);
  });
  const handler = on("appointment.created", () => void http.fetch("http://down.example"));
  assert.deepEqual(host.deliver(handler), { outcome: "retry", reason: "http://down.example: connection refused", afterMs: undefined });
});

test("capabilities without a call say what is missing", () => {
  assert.throws(() => log.info("x"), /no handler is running/);
});
