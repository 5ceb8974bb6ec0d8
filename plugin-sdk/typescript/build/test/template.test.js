import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { buildComponent, plan } from "../component.js";
import { SDK, handlers } from "../packages.js";
import { runTests } from "../testing.js";
import { typeErrors } from "../types.js";

const root = mkdtempSync(join(tmpdir(), "hookyard-template-"));
after(() => rmSync(root, { recursive: true }));

/** @param {string} name @param {Record<string, string>} values */
function snippet(name, values) {
  return fill(readFileSync(join(SDK, "template", name), "utf8"), values);
}

/** Fills in the placeholders, as the host's `plugin new` does. @param {string} text @param {Record<string, string>} values */
function fill(text, values) {
  return text.replace(/{{(\w+)}}/g, (_, name) => values[name] ?? assert.fail(`{{${name}}} has no value`));
}

test("a new plugin with every handler builds, and passes its tests", async () => {
  const folder = join(root, "my-plugin");
  cpSync(join(SDK, "template"), folder, { recursive: true, filter: (path) => !path.endsWith(".snippet") });
  symlinkSync(SDK, join(folder, "sdk"), "dir");
  const subscriptions = { subscriptions: '"example.*", "other.thing"' };
  const typed = handlers(folder).flatMap(({ event, exportName: camel }) =>
    event === undefined ? [] : [{ event, camel, snake_event: event.replaceAll(".", "_") }],
  );
  assert.equal(typed.length, 5);
  const values = {
    name: "my-plugin",
    snake: "my_plugin",
    sample: "appointment.created",
    handlers: [...typed.map((one) => snippet("handler.snippet", one)), snippet("generic.snippet", subscriptions)].join("\n"),
    tests: [...typed.map((one) => snippet("test.snippet", one)), snippet("generic-test.snippet", { event: "example.any" })].join("\n"),
  };
  for (const name of ["package.json", "README.md", "src/plugin.ts", "test/plugin.test.ts"]) {
    const file = join(folder, name);
    writeFileSync(file, fill(readFileSync(file, "utf8"), values));
  }
  assert.equal(await typeErrors(folder, { tests: true }), "");
  assert.ok(await runTests(folder), "its tests pass");
  const planned = await plan(folder);
  assert.equal(planned.exports.length, 6);
  assert.ok((await buildComponent(planned)).length > 0);
});
