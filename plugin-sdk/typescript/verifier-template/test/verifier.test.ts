import assert from "node:assert/strict";
import { test } from "node:test";

import { Refusal, bytes, hmacSha256, type Request } from "@hookyard/plugin/verifier";

import { verify } from "../src/verifier.ts";

const NOW_MS = 1_801_353_600_000;

function signed(body: string, secret: string): Request {
  const time = String(NOW_MS / 1000);
  const digest = Array.from(hmacSha256(bytes(secret), bytes(`${time}.${body}`)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const value = bytes(`t=${time},v1=${digest}`);
  return { method: "POST", url: "/webhooks/sender", headers: [{ name: "x-signature", value }], body: bytes(body) };
}

test("verifies what a secret signed", () => {
  assert.deepEqual(verify(signed("{}", "s"), ["other", "s"], NOW_MS), { secret: 1 });
});

test("refuses another secret, and a late request", () => {
  assert.throws(() => verify(signed("{}", "other"), ["s"], NOW_MS), Refusal);
  assert.throws(() => verify(signed("{}", "s"), ["s"], NOW_MS + 301_000), Refusal);
});
