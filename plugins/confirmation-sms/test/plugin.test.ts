import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost, json } from "@hookyard/plugin/test";

import { appointmentCreated } from "../src/plugin.ts";
import { inFrench } from "../src/when.ts";

const CONFIG = { sms_url: "https://sms.example.gn/send", sender: "Passports", sms_api_key: "k-1" };

test("confirms an appointment by SMS", () => {
  const host = new FakeHost({ config: CONFIG });
  assert.deepEqual(host.deliver(appointmentCreated), { outcome: "done" });
  const [sms, ...more] = host.requests;
  assert.deepEqual([sms?.method, sms?.url, more], ["POST", CONFIG.sms_url, []]);
  assert.equal(sms?.headers["Authorization"], "Bearer k-1");
  assert.deepEqual(json(sms!.body), {
    to: "+224621234567",
    from: "Passports",
    text: "Bonjour Jean Dupont, votre rendez-vous n° 12345 (Passport Service) est confirmé pour le 25/01/2026 à 14 h 30.",
  });
});

test("is done without an SMS where there is no phone number", () => {
  const host = new FakeHost({ config: CONFIG });
  assert.deepEqual(host.deliver(appointmentCreated, { phone: null }), { outcome: "done" });
  assert.deepEqual([host.requests, host.logs], [[], ["INFO 12345: no phone number, so no SMS"]]);
});

test("rejects the event where the operator has not set the gateway", () => {
  for (const key of Object.keys(CONFIG)) {
    const host = new FakeHost({ config: { ...CONFIG } });
    delete host.config[key];
    assert.deepEqual(host.deliver(appointmentCreated), { outcome: "rejected", reason: `the plugin's config has no ${key}` });
    assert.deepEqual(host.requests, []);
  }
});

test("a time that it cannot read stays as it is", () => {
  assert.equal(inFrench("2026-12-01T08:05"), "01/12/2026 à 08 h 05");
  assert.equal(inFrench("tomorrow"), "tomorrow");
});
