import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost, json } from "@hookyard/plugin/test";

import { appointmentCancelled } from "../src/plugin.ts";

const CONFIG = { sms_url: "https://sms.example.gn/send", sender: "Passports", sms_api_key: "k-1" };
const TEXT =
  "Bonjour Jean Dupont, votre rendez-vous n° 12345 du 25/01/2026 à 14 h 30 est annulé à votre demande. Motif : Last minute impediment.";

test("tells the visitor by SMS, and by email where there is an address", () => {
  const host = new FakeHost({ config: CONFIG });
  host.deliver(appointmentCancelled);
  host.deliver(appointmentCancelled, { email: "jean.dupont@example.gn" });
  assert.deepEqual(
    host.requests.map((sms) => [sms.url, json(sms.body).text]),
    [[CONFIG.sms_url, TEXT], [CONFIG.sms_url, TEXT]],
  );
  assert.deepEqual(
    host.emails.map(({ to, subject, text }) => ({ to, subject, text })),
    [{ to: ["jean.dupont@example.gn"], subject: "Rendez-vous n° 12345 annulé", text: `${TEXT}\n` }],
  );
});

test("an email alone needs no SMS gateway", () => {
  const host = new FakeHost();
  const told = host.deliver(appointmentCancelled, { phone: null, email: "jean.dupont@example.gn" });
  assert.deepEqual([told, host.requests.length, host.emails.length], [{ outcome: "done" }, 0, 1]);
});

test("does not say by whom or why where the office called it off without a reason", () => {
  const host = new FakeHost({ config: CONFIG });
  host.deliver(appointmentCancelled, { cancelledBy: { tag: "other", val: "ROBOT" }, cancelReason: null });
  assert.equal(
    json(host.requests[0]!.body).text,
    "Bonjour Jean Dupont, votre rendez-vous n° 12345 du 25/01/2026 à 14 h 30 est annulé.",
  );
});

test("warns where nobody can be told", () => {
  const host = new FakeHost();
  assert.deepEqual(host.deliver(appointmentCancelled, { phone: null }), { outcome: "done" });
  assert.deepEqual(host.logs, ["WARN 12345: neither phone nor email, so nobody was told"]);
});

test("sends neither where the host refuses one", () => {
  const host = new FakeHost({ config: CONFIG, refuse: (to) => (to.includes("@") ? `${to} is not granted` : undefined) });
  const told = host.deliver(appointmentCancelled, { email: "jean.dupont@example.gn" });
  assert.deepEqual(told, { outcome: "rejected", reason: "jean.dupont@example.gn is not granted" });
  assert.deepEqual([host.requests, host.emails], [[], []]);
});
