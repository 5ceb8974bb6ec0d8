import assert from "node:assert/strict";
import { test } from "node:test";

import { on, outbox, Retry } from "@hookyard/plugin";
import { FakeHost, json, text } from "@hookyard/plugin/test";

test("asks for requests, emails and events, each with a key of its own", () => {
  const keys: string[] = [];
  const handler = on("appointment.created", () => {
    keys.push(outbox.sendHttp({ url: "https://a.example/x", headers: { "X-Test": "yes" }, body: "é" }));
    keys.push(outbox.sendJson({ url: "https://a.example/y", method: "PUT", json: { n: 1 } }));
    keys.push(outbox.sendEmail({ to: "a@example.gn", subject: "s", text: "t" }));
    keys.push(outbox.emitEvent("visit.counted", { n: 2 }));
  });
  const host = new FakeHost();
  assert.deepEqual(host.deliver(handler, {}, { idempotencyKey: "k" }), { outcome: "done" });
  assert.deepEqual(keys, ["k.1", "k.2", "k.3", "k.4"]);
  const [first, second] = host.requests;
  assert.deepEqual([first!.method, first!.headers, text(first!.body)], ["POST", { "X-Test": "yes" }, "é"]);
  assert.deepEqual([second!.method, second!.headers, json(second!.body)], ["PUT", { "Content-Type": "application/json" }, { n: 1 }]);
  const plain = { cc: [], bcc: [], replyTo: null, html: null, attachments: [] };
  assert.deepEqual(host.emails, [{ idempotencyKey: "k.3", to: ["a@example.gn"], subject: "s", text: "t", ...plain }]);
  assert.deepEqual(host.events, [{ idempotencyKey: "k.4", type: "visit.counted", data: { n: 2 } }]);
});

test("an effect that the host refuses rejects the event, unless the handler does without", () => {
  const host = new FakeHost({ refuse: (to) => (to.includes("evil") ? `${to} is not granted` : undefined) });
  const careless = on("appointment.created", () => void outbox.sendHttp({ url: "https://evil.example" }));
  assert.deepEqual(host.deliver(careless), { outcome: "rejected", reason: "https://evil.example is not granted" });
  const careful = on("appointment.created", () => {
    outbox.sendHttp({ url: "https://good.example" });
    assert.throws(() => outbox.sendEmail({ to: "evil@example.gn", subject: "", text: "" }), outbox.EffectRefused);
  });
  assert.deepEqual(host.deliver(careful), { outcome: "done" });
  assert.deepEqual(host.requests.map((one) => one.url), ["https://good.example"]);
});

test("nothing is sent by a handler that fails", () => {
  const host = new FakeHost();
  const handler = on("appointment.created", () => {
    outbox.emitEvent("visit.counted", {});
    throw new Retry("busy", { afterMs: 1499.5 });
  });
  assert.deepEqual(host.deliver(handler), { outcome: "retry", reason: "busy", afterMs: 1500 });
  assert.deepEqual(host.events, []);
});

test("refuses what has no JSON, and a wrong type by its name", () => {
  new FakeHost().call(() => {
    assert.throws(() => outbox.sendJson({ url: "https://a.example", json: undefined }), /json has no JSON/);
    assert.throws(() => outbox.sendHttp({ url: undefined as never }), /url has to be a string, not undefined/);
    assert.throws(() => outbox.sendHttp({ url: "x", headers: { A: 1 as never } }), /header A has to be a string, not number/);
    assert.throws(() => new Retry("r", { afterMs: -1 }), RangeError);
  });
});
