import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost, json } from "@hookyard/plugin/test";
import type { Updated } from "@hookyard/plugin/moncreneau";

import { appointmentUpdated } from "../src/plugin.ts";

const CONFIG = { sms_url: "https://sms.example.gn/send", sender: "Passports", sms_api_key: "k-1" };

function textOf(changes: Partial<Updated>): string {
  const host = new FakeHost({ config: CONFIG });
  assert.deepEqual(host.deliver(appointmentUpdated, changes), { outcome: "done" });
  assert.deepEqual(host.requests.map(({ method, url }) => [method, url]), [["POST", CONFIG.sms_url]]);
  return json(host.requests[0]!.body).text;
}

test("says from when to when an appointment was moved", () => {
  assert.equal(
    textOf({}),
    "Bonjour Jean Dupont, votre rendez-vous n° 12345 du 25/01/2026 à 14 h 30 est déplacé au 26/01/2026 à 10 h 00.",
  );
});

test("says what else has changed, and leaves out what visitors do not know", () => {
  const changes: Updated["changes"] = [
    ["email", { from: null, to: "jean@example.gn" }],
    ["internalRank", { from: "1", to: "2" }],
  ];
  assert.equal(
    textOf({ changes }),
    "Bonjour Jean Dupont, votre rendez-vous n° 12345 a été modifié. Il a lieu le 26/01/2026 à 10 h 00. Modifié : adresse électronique (- → jean@example.gn).",
  );
});

test("gives the time where the event does not say what has changed", () => {
  assert.equal(
    textOf({ changes: null }),
    "Bonjour Jean Dupont, votre rendez-vous n° 12345 a été modifié. Il a lieu le 26/01/2026 à 10 h 00.",
  );
});

test("is done without an SMS where there is no phone number", () => {
  const host = new FakeHost({ config: CONFIG });
  assert.deepEqual(host.deliver(appointmentUpdated, { phone: null }), { outcome: "done" });
  assert.deepEqual([host.requests, host.logs], [[], ["INFO 12345: no phone number, so no SMS"]]);
});
