import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeHost } from "@hookyard/plugin/test";

import { appointmentCompleted } from "../src/plugin.ts";

const config = { survey_url: "https://survey.example.gn/visit" };
const visitor = { email: "jean.dupont@example.gn" };

test("asks the visitor by email, with a link of their own", () => {
  const host = new FakeHost({ config });
  const office = { id: 5n, name: "Passport Service", organization: null };
  assert.deepEqual(host.deliver(appointmentCompleted, { ...visitor, department: office }), { outcome: "done" });
  const [email, ...more] = host.emails;
  assert.deepEqual([email?.to, email?.subject, more], [[visitor.email], "Votre avis sur votre rendez-vous", []]);
  assert.match(email!.text, /^Bonjour Jean Dupont,\n\nVous êtes venu\(e\) au service Passport Service\./);
  assert.match(email!.text, /\nhttps:\/\/survey\.example\.gn\/visit\?appointment=12345\n/);
  assert.match(email!.html!, /<a href="https:\/\/survey\.example\.gn\/visit\?appointment=12345">/);
});

test("keeps a query that the survey's address has, and a name out of the markup", () => {
  const host = new FakeHost({ config: { survey_url: "https://survey.example.gn/?s=1" } });
  host.deliver(appointmentCompleted, { ...visitor, name: `<b>"A" & B` });
  const [email] = host.emails;
  assert.match(email!.text, /https:\/\/survey\.example\.gn\/\?s=1&appointment=12345\n/);
  assert.match(email!.html!, /Bonjour &#60;b&#62;&#34;A&#34; &#38; B,/);
  assert.match(email!.html!, /href="https:\/\/survey\.example\.gn\/\?s=1&#38;appointment=12345"/);
});

test("is done without an email where there is no address", () => {
  const host = new FakeHost();
  assert.deepEqual(host.deliver(appointmentCompleted), { outcome: "done" });
  assert.deepEqual([host.emails, host.logs], [[], ["INFO 12345: no email address, so no survey"]]);
});

test("rejects the event where the operator has not set the survey", () => {
  const host = new FakeHost();
  const reason = "the plugin's config has no survey_url";
  assert.deepEqual(host.deliver(appointmentCompleted, visitor), { outcome: "rejected", reason });
});
