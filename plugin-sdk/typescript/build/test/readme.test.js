import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { plan } from "../component.js";
import { SDK } from "../packages.js";
import { runTests } from "../testing.js";
import { typeErrors } from "../types.js";

const root = mkdtempSync(join(tmpdir(), "hookyard-readme-"));
after(() => rmSync(root, { recursive: true }));

test("what the README shows has the right types, builds, and passes as a test", async () => {
  const shown = [...readFileSync(join(SDK, "README.md"), "utf8").matchAll(/```ts\n([^]*?)```/g)].map(([, text = ""]) => text);
  assert.ok(shown.length > 5, "examples are found");
  for (const [at, text] of shown.entries()) {
    const folder = join(root, String(at));
    const isTest = text.includes("node:test");
    const [place, name] = isTest ? ["test", "shown.test.ts"] : ["src", "plugin.ts"];
    mkdirSync(join(folder, place), { recursive: true });
    writeFileSync(join(folder, place, name), text);
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ extends: join(SDK, "tsconfig.plugin.json"), include: ["**/*"] }));
    assert.equal(await typeErrors(folder), "", text);
    if (isTest) assert.ok(await runTests(folder), text);
    else assert.equal((await plan(folder)).exports.length, 1);
  }
});
